"""Colleges in the JSON API: what each weighs, exactly, and who is in which."""

from fractions import Fraction
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from governance import college_places
from governance import colleges as verbs
from governance.api.circle_people import Changed, SeatedMember
from governance.pages.circle_people import ChosenMembers
from governance.pages.colleges import COLLEGE, COLLEGES
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


class CollegeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A college and its share of a vote by colleges, as an exact fraction: 0/1 where it weighs nothing now."""

    id: UUID
    name: str
    numerator: int
    denominator: int
    members: int


@api_get(COLLEGES, operation_id="colleges", summary="List colleges with their weights")
async def colleges(visit: NamedDependency[Visit]) -> Page[CollegeShown]:
    """List every college with its present share; all at once, for they are few."""
    actor = visit.member_with("governance:read")
    weights = await verbs.college_weights(visit.db, actor.tenant_id)
    counts = await college_places.college_counts(visit.db, actor.tenant_id)
    items = []
    for one in await verbs.colleges(visit.db, actor=actor):
        share = weights.get(one.id, Fraction(0))
        items.append(
            CollegeShown(
                id=one.id,
                name=one.name,
                numerator=share.numerator,
                denominator=share.denominator,
                members=counts.get(one.id, 0),
            )
        )
    return Page(items=items)


@api_get(
    COLLEGES + "/members", operation_id="members_of_college", summary="List who is in a college, or in none"
)
async def members_of_college(
    visit: NamedDependency[Visit],
    college: FromQuery[UUID | None] = None,
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[SeatedMember]:
    """List the members of a college by name; without one, those who are in none."""
    cursor = decode_cursor(after, (str, UUID))
    found = await college_places.members_of_college(
        visit.db,
        actor=visit.member_with("governance:read"),
        college_id=college,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=limit + 1,
    )
    items = [
        SeatedMember(membership_id=one.id, name=one.name, joined_at=one.joined_at) for one in found[:limit]
    ]
    last = found[limit - 1] if len(found) > limit else None
    return Page(items=items, next=encode_cursor(last.sort_name, last.id) if last else None)


@api_post(
    COLLEGE + "/members", operation_id="place_in_college", summary="Place members in a college", status=200
)
async def place_in_college(
    visit: NamedDependency[Visit], college_id: FromPath[UUID], data: JSONBody[ChosenMembers]
) -> Response[Changed]:
    """Place members in a college, out of the one they were in."""
    actor = visit.member_with("governance:write")

    async def work() -> Changed:
        moved = await college_places.place_in_college(
            visit.db, actor=actor, college_id=college_id, membership_ids=data.membership_ids
        )
        return Changed(count=moved)

    return await visit.once(work, status=200)


@api_post(
    COLLEGE + "/members/remove",
    operation_id="remove_from_college",
    summary="Take members out of a college",
    status=200,
)
async def remove_from_college(
    visit: NamedDependency[Visit], college_id: FromPath[UUID], data: JSONBody[ChosenMembers]
) -> Response[Changed]:
    """Take members out of a college: they vote in none until they are placed again."""
    actor = visit.member_with("governance:write")

    async def work() -> Changed:
        left = await college_places.remove_from_college(
            visit.db, actor=actor, college_id=college_id, membership_ids=data.membership_ids
        )
        return Changed(count=left)

    return await visit.once(work, status=200)


API: Final = (colleges, members_of_college, place_in_college, remove_from_college)
