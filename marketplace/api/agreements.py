"""Operations from a bid to an agreement, its start and its end. Each calls one verb."""

from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace import agreements as agreement_verbs
from marketplace import bids as bid_verbs
from marketplace import cancellations as cancellation_verbs
from marketplace.api.missions import MISSION, written
from marketplace.bids import BidTerms
from marketplace.cancellations import CancellationTerms
from marketplace.mission_details import MissionDetail
from tenants.platform.web import api_post
from tenants.visit import Visit


@api_post(MISSION + "/bids", operation_id="place_bid", summary="Bid on a mission")
async def place_bid(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[BidTerms]
) -> Response[MissionDetail]:
    """Answer an open mission; an earlier live bid of the same member is replaced."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await bid_verbs.place_bid(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await written(visit, mission_id)

    return await visit.once(work)


@api_post(
    MISSION + "/bids/{bid_id:uuid}/withdraw",
    operation_id="withdraw_bid",
    summary="Withdraw a bid",
    status=200,
)
async def withdraw_bid(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Take one's own live bid back."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await bid_verbs.withdraw_bid(visit.db, actor=actor, mission_id=mission_id, bid_id=bid_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(
    MISSION + "/bids/{bid_id:uuid}/accept", operation_id="accept_bid", summary="Accept a bid", status=200
)
async def accept_bid(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Accept a bid on one's own mission: the payer's hours are held."""
    actor = visit.member_with("hours:write")

    async def work() -> MissionDetail:
        await agreement_verbs.accept_bid(visit.db, actor=actor, mission_id=mission_id, bid_id=bid_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(MISSION + "/start", operation_id="start_mission", summary="Start the work", status=200)
async def start_mission(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[MissionDetail]:
    """Say, as the provider, that the work has begun."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await agreement_verbs.start_mission(visit.db, actor=actor, mission_id=mission_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(MISSION + "/cancellation", operation_id="propose_cancellation", summary="Propose to stop")
async def propose_cancellation(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[CancellationTerms]
) -> Response[MissionDetail]:
    """Propose to the other party to stop before delivery."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await cancellation_verbs.propose_cancellation(
            visit.db, actor=actor, mission_id=mission_id, terms=data
        )
        return await written(visit, mission_id)

    return await visit.once(work)


@api_post(
    MISSION + "/cancellation/accept", operation_id="accept_cancellation", summary="Accept to stop", status=200
)
async def accept_cancellation(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Accept the other party's proposal to stop: the held hours are given back."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await cancellation_verbs.accept_cancellation(visit.db, actor=actor, mission_id=mission_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(
    MISSION + "/cancellation/refuse", operation_id="refuse_cancellation", summary="Refuse to stop", status=200
)
async def refuse_cancellation(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID]
) -> Response[MissionDetail]:
    """Turn the proposal to stop down, or take one's own back."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await cancellation_verbs.refuse_cancellation(visit.db, actor=actor, mission_id=mission_id)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)
