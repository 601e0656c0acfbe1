"""Mandates in the JSON API: who holds which, until when; managers give and end them."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from tenants import mandate_terms
from tenants import mandates as verbs
from tenants.actors import Role
from tenants.mandates import EndReason, Mandate
from tenants.pages.mandates import NewMandate
from tenants.platform.web import Page, api_get, api_post
from tenants.visit import Visit

MANDATES: Final = "/{cooperative:str}/mandates"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A mandate. ``begins_at`` belongs to the term, ``ends_at`` no more."""

    id: UUID
    membership_id: UUID
    role: Role
    begins_at: datetime
    ends_at: datetime
    register_seq: int | None
    ended_at: datetime | None = None
    ended_reason: EndReason | None = None


def as_held(mandate: Mandate) -> Held:
    """The mandate as any member sees it."""
    assert mandate.term.lower is not None, "every term begins"
    assert mandate.term.upper is not None, "every term ends"
    return Held(
        id=mandate.id,
        membership_id=mandate.membership_id,
        role=mandate.role,
        begins_at=mandate.term.lower,
        ends_at=mandate.term.upper,
        register_seq=mandate.register_seq,
        ended_at=mandate.ended_at,
        ended_reason=mandate.ended_reason,
    )


@api_get(MANDATES, operation_id="mandates", summary="List mandates by role")
async def mandates(visit: NamedDependency[Visit], member: FromQuery[UUID | None] = None) -> Page[Held]:
    """List the mandates that hold now or begin later; all at once, for there are few."""
    actor = visit.member_with("governance:read")
    found = await verbs.mandates_in_force(visit.db, actor=actor, membership_id=member)
    return Page(items=[as_held(mandate) for mandate, _name in found])


@api_get(MANDATES + "/ending", operation_id="mandates_ending", summary="List mandates that end soon")
async def mandates_ending(visit: NamedDependency[Visit]) -> Page[Held]:
    """List the mandates that end within 30 days: one's own, and everybody's for a manager."""
    found = await mandate_terms.mandates_ending(visit.db, actor=visit.member_with("governance:read"))
    return Page(items=[as_held(mandate) for mandate, _name in found])


@api_post(MANDATES, operation_id="give_mandate", summary="Give a mandate")
async def give_mandate(visit: NamedDependency[Visit], data: JSONBody[NewMandate]) -> Response[Held]:
    """Give a member a role until the end of a day; written in the register. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> Held:
        return as_held(
            await verbs.give_mandate(
                visit.db,
                actor=actor,
                membership_id=data.membership_id,
                role=data.role,
                until=data.until,
                since=data.since,
            )
        )

    return await visit.once(work)


@api_post(
    MANDATES + "/{mandate_id:uuid}/end", operation_id="end_mandate", summary="End a mandate", status=200
)
async def end_mandate(visit: NamedDependency[Visit], mandate_id: FromPath[UUID]) -> Response[Held]:
    """Take a mandate back (managers), or give up one's own; the last manager stays."""
    actor = visit.member_with("governance:write")

    async def work() -> Held:
        return as_held(await verbs.end_mandate(visit.db, actor=actor, mandate_id=mandate_id))

    return await visit.once(work, status=200)
