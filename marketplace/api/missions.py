"""Operations on missions: list, read, post, edit, publish, withdraw. Each calls one verb."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from marketplace import missions as verbs
from marketplace.dossiers import Reader, mission_dossier
from marketplace.listings import MissionFilter, MissionSummary
from marketplace.listings import open_missions as list_missions
from marketplace.mission_details import MissionDetail
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionKind, MissionPlace, MissionTerms
from tenants.actors import Role
from tenants.platform.web import PAGE_LENGTH, After, Limit, Page, api_get, api_post
from tenants.visit import Visit

MISSIONS: Final = "/{cooperative:str}/missions"
MISSION: Final = MISSIONS + "/{mission_id:uuid}"
# "state" is a name that Litestar keeps for itself.
InState = Annotated[MissionState | None, QueryParameter(name="state", description="Another state than open.")]
TerritoryCode = Annotated[str | None, QueryParameter(max_length=3, pattern=r"^[0-9AB]*$")]


class NewMission(MissionTerms, frozen=True, kw_only=True):
    """A mission to post. With ``publish`` false it stays a draft that only its author sees."""

    publish: bool = True


def reader_of(visit: Visit) -> Reader:
    """Return who reads: a member, with or without the mandate of a mediator, or anybody."""
    if visit.member is None:
        return Reader()
    visit.member_with("missions:read")
    return Reader(membership_id=visit.member.id, is_mediator=visit.holds(Role.MEDIATOR))


async def detail(visit: Visit, mission_id: UUID) -> MissionDetail:
    """Return the mission as this reader may see it now."""
    return await mission_dossier(
        visit.db, tenant_id=visit.here.tenant_id, reader=reader_of(visit), mission_id=mission_id
    )


async def written(visit: Visit, mission_id: UUID) -> MissionDetail:
    """Return the mission after a verb, to whoever had the right to call it."""
    return await mission_dossier(
        visit.db,
        tenant_id=visit.here.tenant_id,
        reader=Reader(membership_id=visit.actor.member, is_mediator=visit.holds(Role.MEDIATOR)),
        mission_id=mission_id,
    )


@api_get(MISSIONS, operation_id="open_missions", summary="List missions, newest first", public=True)
async def open_missions(
    visit: NamedDependency[Visit],
    in_state: InState = None,
    kind: FromQuery[MissionKind | None] = None,
    place: FromQuery[MissionPlace | None] = None,
    skill: FromQuery[UUID | None] = None,
    territory: TerritoryCode = None,
    mine: FromQuery[bool] = False,  # noqa: FBT002 (a query parameter, named in every call)
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[MissionSummary]:
    """List the open missions, or those of another state. Without a sign-in: the public ones, no names."""
    return await list_missions(
        visit.db,
        tenant_id=visit.here.tenant_id,
        reader_id=reader_of(visit).membership_id,
        narrow=MissionFilter(
            state=in_state, kind=kind, place=place, skill=skill, territory=territory, mine=mine
        ),
        limit=limit,
        after=after,
    )


@api_post(MISSIONS, operation_id="post_mission", summary="Post a mission")
async def post_mission(visit: NamedDependency[Visit], data: JSONBody[NewMission]) -> Response[MissionDetail]:
    """Write a mission and publish it, unless it is to stay a draft."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        mission = await verbs.post_mission(visit.db, actor=actor, terms=data, publish=data.publish)
        return await written(visit, mission.id)

    return await visit.once(work)


@api_get(MISSION, operation_id="mission", summary="Read a mission", public=True)
async def mission(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> MissionDetail:
    """Read one mission with what this reader may see of its bids, agreement, delivery and dispute."""
    return await detail(visit, mission_id)


@api_post(MISSION + "/edit", operation_id="edit_mission", summary="Change a mission", status=200)
async def edit_mission(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[MissionTerms]
) -> Response[MissionDetail]:
    """Replace the terms of one's own mission while it is a draft, open or expired."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await verbs.edit_mission(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(MISSION + "/publish", operation_id="publish_mission", summary="Publish a mission", status=200)
async def publish_mission(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Publish a draft, or publish again a mission that expired."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await verbs.publish_mission(visit.db, actor=actor, mission_id=mission_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(MISSION + "/withdraw", operation_id="withdraw_mission", summary="Withdraw a mission", status=200)
async def withdraw_mission(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Take one's own mission back before anything is agreed."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await verbs.withdraw_mission(visit.db, actor=actor, mission_id=mission_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)
