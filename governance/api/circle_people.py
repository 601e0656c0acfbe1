"""The people of circles in the JSON API: members, and mandates with their terms."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from governance import circle_appointing, circle_seats
from governance.circle_mandates import CircleEndReason, CircleMandate, CircleRole
from governance.pages.circle_people import ChosenMembers, NewCircleMandate, OneMember
from governance.pages.circles import CIRCLE, CIRCLES
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    api_post,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit


class SeatedMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a circle; ``joined_at`` is null in the root, and for a delegate of a circle below."""

    membership_id: UUID
    name: str
    joined_at: datetime | None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """How many members were concerned."""

    count: int


class CircleMandateShown(msgspec.Struct, frozen=True, kw_only=True):
    """A mandate of a circle. ``begins_at`` belongs to the term, ``ends_at`` no more."""

    id: UUID
    circle_id: UUID
    membership_id: UUID
    role: CircleRole
    begins_at: datetime
    ends_at: datetime
    register_seq: int | None
    ended_at: datetime | None
    ended_reason: CircleEndReason | None


def as_shown(mandate: CircleMandate) -> CircleMandateShown:
    """The mandate as any member sees it."""
    assert mandate.term.lower is not None, "every term begins"
    assert mandate.term.upper is not None, "every term ends"
    return CircleMandateShown(
        id=mandate.id,
        circle_id=mandate.circle_id,
        membership_id=mandate.membership_id,
        role=mandate.role,
        begins_at=mandate.term.lower,
        ends_at=mandate.term.upper,
        register_seq=mandate.register_seq,
        ended_at=mandate.ended_at,
        ended_reason=mandate.ended_reason,
    )


@api_get(CIRCLE + "/members", operation_id="members_of_circle", summary="List the members of a circle")
async def members_of_circle(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[SeatedMember]:
    """List who is in a circle now, by name."""
    cursor = decode_cursor(after, (str, UUID))
    found = await circle_seats.members_of_circle(
        visit.db,
        actor=visit.member_with("governance:read"),
        circle_id=circle_id,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=limit + 1,
    )
    items = [
        SeatedMember(membership_id=one.id, name=one.name, joined_at=one.joined_at) for one in found[:limit]
    ]
    last = found[limit - 1] if len(found) > limit else None
    return Page(items=items, next=encode_cursor(last.sort_name, last.id) if last else None)


@api_post(
    CIRCLE + "/members", operation_id="add_circle_members", summary="Let members into a circle", status=200
)
async def add_circle_members(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], data: JSONBody[ChosenMembers]
) -> Response[Changed]:
    """Let active members into a circle; who is in it already stays."""
    actor = visit.member_with("governance:write")

    async def work() -> Changed:
        came = await circle_seats.add_circle_members(
            visit.db, actor=actor, circle_id=circle_id, membership_ids=data.membership_ids
        )
        return Changed(count=came)

    return await visit.once(work, status=200)


@api_post(
    CIRCLE + "/members/remove",
    operation_id="remove_circle_member",
    summary="Take a member out of a circle",
    status=200,
)
async def remove_circle_member(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], data: JSONBody[OneMember]
) -> Response[Changed]:
    """Take a member out of a circle, or leave it oneself; mandates held in it end."""
    actor = visit.member_with("governance:write")

    async def work() -> Changed:
        await circle_seats.remove_circle_member(
            visit.db, actor=actor, circle_id=circle_id, membership_id=data.membership_id
        )
        return Changed(count=1)

    return await visit.once(work, status=200)


@api_get(CIRCLES + "/mandates", operation_id="circle_mandates", summary="List mandates of circles")
async def circle_mandates(
    visit: NamedDependency[Visit],
    circle: FromQuery[UUID | None] = None,
    member: FromQuery[UUID | None] = None,
) -> Page[CircleMandateShown]:
    """List the mandates that hold now or begin later, of all circles or one; all at once, for there are few."""
    found = await circle_appointing.circle_mandates(
        visit.db, actor=visit.member_with("governance:read"), circle_id=circle, membership_id=member
    )
    return Page(items=[as_shown(mandate) for mandate, _name in found])


@api_post(CIRCLE + "/mandates", operation_id="give_circle_mandate", summary="Give a mandate of a circle")
async def give_circle_mandate(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], data: JSONBody[NewCircleMandate]
) -> Response[CircleMandateShown]:
    """Give a member of a circle a role in it until the end of a day; written in the register."""
    actor = visit.member_with("governance:write")

    async def work() -> CircleMandateShown:
        return as_shown(
            await circle_appointing.give_circle_mandate(
                visit.db,
                actor=actor,
                circle_id=circle_id,
                membership_id=data.membership_id,
                role=data.role,
                until=data.until,
                since=data.since,
            )
        )

    return await visit.once(work)


@api_post(
    CIRCLES + "/mandates/{circle_mandate_id:uuid}/end",
    operation_id="end_circle_mandate",
    summary="End a mandate of a circle",
    status=200,
)
async def end_circle_mandate(
    visit: NamedDependency[Visit], circle_mandate_id: FromPath[UUID]
) -> Response[CircleMandateShown]:
    """Take a mandate of a circle back, or give up one's own."""
    actor = visit.member_with("governance:write")

    async def work() -> CircleMandateShown:
        return as_shown(
            await circle_appointing.end_circle_mandate(
                visit.db, actor=actor, circle_mandate_id=circle_mandate_id
            )
        )

    return await visit.once(work, status=200)


API: Final = (
    members_of_circle,
    add_circle_members,
    remove_circle_member,
    circle_mandates,
    give_circle_mandate,
    end_circle_mandate,
)
