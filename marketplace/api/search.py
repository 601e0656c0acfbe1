"""Operations on search: find missions with counts, and one's own saved searches. Each calls one verb."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from marketplace import saved_searches as verbs
from marketplace.api.missions import MISSIONS, InState, TerritoryCode, reader_of
from marketplace.listings import MissionSummary
from marketplace.mission_terms import MissionKind, MissionPlace
from marketplace.saved_searches import NAME_LENGTH, SavedSearch, Telling
from marketplace.search import COUNTED, HoursRange, MissionSearch, Order
from marketplace.search import search_missions as find
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.web import PAGE_LENGTH, After, Limit, api_get, api_post
from tenants.visit import Visit

SEARCHES: Final = "/{cooperative:str}/searches"
SEARCH: Final = SEARCHES + "/{search_id:uuid}"
Words = Annotated[str, QueryParameter(max_length=10_000, description='Words, "words in a row", -without.')]
Region = Annotated[str | None, QueryParameter(max_length=40, description="A French région, by its name.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH, pattern=LINE_PATTERN)]


class FoundMissions(msgspec.Struct, frozen=True, kw_only=True):
    """A page of answers. ``total`` stops at 500, and so do the counts.

    ``counts`` are by key: ``krequest``, ``premote``, ``t29`` (territory), ``h1``..``h4`` (hours), ``s`` and a skill's id.
    ``near`` say a part of what was asked, or ``near_words``, which are spelt alike.
    """

    items: list[MissionSummary]
    near: list[MissionSummary]
    near_words: list[str]
    total: int
    more_than_total: bool
    counts: Mapping[str, int]
    states: Mapping[str, int]
    next: str | None


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """One of the asker's saved searches; ``asked`` are query parameters of ``search_missions``."""

    id: UUID
    name: str
    asked: Mapping[str, str]
    telling: Telling
    created_at: datetime


class NewSearch(MissionSearch, frozen=True, kw_only=True):
    """A search to keep, and how to be told of what answers it."""

    name: Name
    telling: Telling = Telling.DIGEST


class SearchChange(msgspec.Struct, frozen=True, kw_only=True):
    """What may change of a saved search."""

    name: Name
    telling: Telling


def shown(saved: SavedSearch) -> Search:
    """The saved search as the API tells it."""
    return Search(
        id=saved.id, name=saved.name, asked=saved.asked, telling=saved.telling, created_at=saved.created_at
    )


@api_get(MISSIONS + "/search", operation_id="search_missions", summary="Search missions", public=True)
async def search_missions(
    visit: NamedDependency[Visit],
    q: Words = "",
    in_state: InState = None,
    kind: FromQuery[MissionKind | None] = None,
    place: FromQuery[MissionPlace | None] = None,
    skill: FromQuery[UUID | None] = None,
    territory: TerritoryCode = None,
    region: Region = None,
    hours: FromQuery[HoursRange | None] = None,
    order: FromQuery[Order | None] = None,
    mine: FromQuery[bool] = False,  # noqa: FBT002 (a query parameter, named in every call)
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> FoundMissions:
    """Find missions by words and filters, the best answers first. Without a sign-in: the public ones."""
    found = await find(
        visit.db,
        tenant_id=visit.here.tenant_id,
        reader_id=reader_of(visit).membership_id,
        asked=MissionSearch(
            q=q, state=in_state, kind=kind, place=place, skill=skill, territory=territory, region=region,
            hours=hours, order=order, mine=mine,
        ),
        limit=limit,
        after=after,
    )  # fmt: skip
    return FoundMissions(
        items=[hit.mission for hit in found.hits],
        near=[hit.mission for hit in found.near],
        near_words=found.near_words,
        total=found.total,
        more_than_total=found.total >= COUNTED,
        counts={key: n for key, n in found.counts.items() if key[0] not in "vz"},
        states=found.states,
        next=found.next,
    )


@api_get(SEARCHES, operation_id="saved_searches", summary="List one's saved searches")
async def saved_searches(visit: NamedDependency[Visit]) -> list[Search]:
    """List one's own saved searches (at most 30), by name."""
    actor = visit.member_with("missions:read")
    return [shown(one) for one in await verbs.saved_searches(visit.db, actor=actor)]


@api_post(SEARCHES, operation_id="save_search", summary="Save a search")
async def save_search(visit: NamedDependency[Visit], data: JSONBody[NewSearch]) -> Response[Search]:
    """Keep a search, and be told once of each new mission that answers it."""
    actor = visit.member_with("missions:write")
    asked = MissionSearch(**{name: getattr(data, name) for name in MissionSearch.__struct_fields__})

    async def work() -> Search:
        return shown(
            await verbs.save_search(visit.db, actor=actor, name=data.name, asked=asked, telling=data.telling)
        )

    return await visit.once(work)


@api_post(SEARCH, operation_id="change_search", summary="Rename a saved search", status=200)
async def change_search(
    visit: NamedDependency[Visit], search_id: FromPath[UUID], data: JSONBody[SearchChange]
) -> Response[Search]:
    """Rename one's own search, or be told otherwise."""
    actor = visit.member_with("missions:write")

    async def work() -> Search:
        return shown(
            await verbs.change_search(
                visit.db, actor=actor, search_id=search_id, name=data.name, telling=data.telling
            )
        )

    return await visit.once(work, status=200)


@api_post(SEARCH + "/delete", operation_id="delete_search", summary="Forget a saved search", status=200)
async def delete_search(visit: NamedDependency[Visit], search_id: FromPath[UUID]) -> Response[Search]:
    """Forget one's own search."""
    actor = visit.member_with("missions:write")

    async def work() -> Search:
        return shown(await verbs.delete_search(visit.db, actor=actor, search_id=search_id))

    return await visit.once(work, status=200)
