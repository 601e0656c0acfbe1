"""The operation that finds members, with counts. It calls one verb."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from marketplace import member_search as verbs
from marketplace.api.missions import TerritoryCode
from marketplace.api.search import Region, Words
from marketplace.member_search import MemberHit, MemberSearch
from tenants.api.members import MEMBERS, Member
from tenants.memberships import MembershipState
from tenants.platform.web import PAGE_LENGTH, After, Limit, api_get
from tenants.profiles import Weekday
from tenants.visit import Visit

InState = Annotated[
    MembershipState | None, QueryParameter(name="state", description="Others than active: managers only.")
]


class SkilledMember(Member, frozen=True, kw_only=True):
    """A member as the reader may see them, with the names of their skills."""

    skills: list[str] | None


class FoundMembers(msgspec.Struct, frozen=True, kw_only=True):
    """A page of answers, with counts of what the reader may see.

    ``total`` and ``counts`` stop at 500. ``counts`` are by key: ``t29`` (territory), ``s`` and a skill's id, ``remote``, ``now`` (free now), ``dmon`` (free that
    day). ``near`` say a part of what was asked, or ``near_words``, which are spelt alike.
    """

    items: list[SkilledMember]
    near: list[SkilledMember]
    near_words: list[str]
    total: int
    counts: Mapping[str, int]
    next: str | None


def shown(hit: MemberHit) -> SkilledMember:
    """The answer as the API tells it."""
    seen = hit.profile
    return SkilledMember(
        id=hit.id,
        display_name=hit.display_name,
        state=hit.state,
        joined_at=hit.joined_at,
        skills=hit.skills,
        **{name: getattr(seen, name) for name in seen.__struct_fields__},
    )


@api_get(MEMBERS + "/search", operation_id="search_members", summary="Search members")
async def search_members(
    visit: NamedDependency[Visit],
    q: Words = "",
    skill: FromQuery[UUID | None] = None,
    territory: TerritoryCode = None,
    region: Region = None,
    remote: FromQuery[bool] = False,  # noqa: FBT002 (a query parameter, named in every call)
    available: FromQuery[bool] = False,  # noqa: FBT002
    day: FromQuery[Weekday | None] = None,
    in_state: InState = None,
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> FoundMembers:
    """Find members by words and filters, the best answers first, in what each shows to the reader."""
    actor = visit.member_with("profile:read")
    found = await verbs.search_members(
        visit.db,
        actor=actor,
        asked=MemberSearch(
            q=q, skill=skill, territory=territory, region=region, remote=remote, available=available, day=day,
            state=in_state,
        ),
        limit=limit,
        after=after,
    )  # fmt: skip
    return FoundMembers(
        items=[shown(hit) for hit in found.hits],
        near=[shown(hit) for hit in found.near],
        near_words=found.near_words,
        total=found.total,
        counts=found.counts,
        next=found.next,
    )
