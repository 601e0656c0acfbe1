"""The way out of a cooperative: what stands in it, what becomes of the hours, and a manager's page for another."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.leaving import end_membership, leave, leaving
from marketplace.mission_states import STATE_NAMES
from tenants.leavers import leaver
from tenants.memberships import member, members
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.words import _
from tenants.visit import Visit
from timebank.closings import Treatment
from timebank.ledger.refusals import UnknownAccount
from timebank.write_offs import ask_write_off

MEMBERS_TO_CHOOSE_FROM = 500
# A page is no token's: no scope is looked at.
READ = "profile:read"


class LeaveForm(msgspec.Struct, frozen=True):
    """Who gets the hours that are left: a member's id, or nothing for the pot."""

    heir: str = ""


@get("/{cooperative:str}/profile/leave", include_in_schema=False)
async def leave_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Say what leaving means and what stands in the way, before it is done."""
    return await _page(visit, visit.blank_form(LeaveForm))


@post("/{cooperative:str}/profile/leave", include_in_schema=False, open_to_suspended=True)
async def leave_form(visit: NamedDependency[Visit]) -> Response[Any]:
    """Leave the cooperative."""
    form = await visit.form(LeaveForm)

    async def work() -> Done:
        await leave(visit.db, actor=leaver(visit, READ), heir_id=_heir(form.data.heir))
        return Done("/me/data", _("Vous avez quitté {cooperative}.", cooperative=visit.here.name))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


def _heir(typed: str) -> UUID | None:
    try:
        return UUID(typed) if typed else None
    except ValueError:
        raise UnknownAccount("heir") from None


@post("/{cooperative:str}/profile/leave/write-off", include_in_schema=False, open_to_suspended=True)
async def ask_form(visit: NamedDependency[Visit]) -> Response[Any]:
    """Ask the treasurers to forgive what is owed."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await ask_write_off(visit.db, actor=leaver(visit, READ))
        return Done(f"/{visit.slug}/profile/leave", _("La trésorerie est prévenue."))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


async def _page(visit: Visit, form: Form[Any]) -> Response[str]:
    actor = leaver(visit, READ)
    found = await leaving(visit.db, actor=actor)
    heirs = []
    if found.treatment is Treatment.TO_CHOICE:
        heirs = [
            (str(one.id), one.display_name)
            for one in await members(visit.db, actor=actor, limit=MEMBERS_TO_CHOOSE_FROM)
            if one.id != actor.member
        ]
    return visit.page("marketplace/leave.html", form=form, leaving=found, heirs=heirs, states=STATE_NAMES)


@get("/{cooperative:str}/members/{membership_id:uuid}/end", include_in_schema=False)
async def end_page(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[str]:
    """Say what ending a membership means, to a manager."""
    return await _end_page(visit, membership_id, visit.click)


@post("/{cooperative:str}/members/{membership_id:uuid}/end", include_in_schema=False)
async def end_form(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """End a membership."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        ended = await end_membership(visit.db, actor=visit.actor, membership_id=membership_id)
        path = f"/{visit.slug}/members/{membership_id}"
        return Done(path, _("{name} n'est plus membre.", name=ended.display_name))

    return await visit.submit(form, work, otherwise=lambda: _end_page(visit, membership_id, form))


async def _end_page(visit: Visit, membership_id: UUID, form: Form[Any]) -> Response[str]:
    found = await leaving(visit.db, actor=visit.actor, membership_id=membership_id)
    shown = await member(visit.db, actor=visit.actor, membership_id=membership_id)
    return visit.page(
        "marketplace/end_membership.html", form=form, leaving=found, shown=shown, states=STATE_NAMES
    )


PAGES = [leave_page, leave_form, ask_form, end_page, end_form]
