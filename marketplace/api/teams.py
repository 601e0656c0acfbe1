"""Operations on a team's parts and on the changes of a running agreement. Each calls one verb."""

from typing import Final
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace import amending, amendment_answers, team_answers
from marketplace.amending import AmendmentTerms
from marketplace.api.missions import MISSION, written
from marketplace.mission_details import MissionDetail
from tenants.platform.web import api_post
from tenants.visit import Visit

PART: Final = MISSION + "/bids/{bid_id:uuid}/part"
AMENDMENTS: Final = MISSION + "/amendments"
AMENDMENT: Final = AMENDMENTS + "/{amendment_id:uuid}"


@api_post(PART + "/accept", operation_id="accept_part", summary="Accept one's part in a team", status=200)
async def accept_part(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Accept the part that a bidder's team gives the caller."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await team_answers.accept_part(visit.db, actor=actor, mission_id=mission_id, bid_id=bid_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(PART + "/decline", operation_id="decline_part", summary="Decline one's part in a team", status=200)
async def decline_part(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Decline one's part, or leave the team before its bid is accepted."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await team_answers.decline_part(visit.db, actor=actor, mission_id=mission_id, bid_id=bid_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(AMENDMENTS, operation_id="propose_amendment", summary="Propose to change an agreement")
async def propose_amendment(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[AmendmentTerms]
) -> Response[MissionDetail]:
    """Propose other hours, another team or another split. `team` names everybody; empty, it stays as it is."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await amending.propose_amendment(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await written(visit, mission_id)

    return await visit.once(work)


@api_post(
    AMENDMENT + "/accept",
    operation_id="accept_amendment",
    summary="Accept a change of an agreement",
    status=200,
)
async def accept_amendment(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], amendment_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Accept, as somebody whom it concerns: the last to accept changes the agreement and what is held."""
    actor = visit.member_with("hours:write")

    async def work() -> MissionDetail:
        await amendment_answers.accept_amendment(
            visit.db, actor=actor, mission_id=mission_id, amendment_id=amendment_id
        )
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(
    AMENDMENT + "/refuse",
    operation_id="refuse_amendment",
    summary="Refuse a change of an agreement",
    status=200,
)
async def refuse_amendment(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], amendment_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Refuse it: the agreement stays as it was."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await amendment_answers.refuse_amendment(
            visit.db, actor=actor, mission_id=mission_id, amendment_id=amendment_id
        )
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(
    AMENDMENT + "/withdraw",
    operation_id="withdraw_amendment",
    summary="Take a proposed change back",
    status=200,
)
async def withdraw_amendment(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], amendment_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Take back what one proposed oneself."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await amendment_answers.withdraw_amendment(
            visit.db, actor=actor, mission_id=mission_id, amendment_id=amendment_id
        )
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


API: Final = (
    accept_part,
    decline_part,
    propose_amendment,
    accept_amendment,
    refuse_amendment,
    withdraw_amendment,
)
