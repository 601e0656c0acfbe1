"""Operations from a delivery to its settlement, with or without a dispute. Each calls one verb."""

from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace import deliveries as delivery_verbs
from marketplace import disputes as dispute_verbs
from marketplace.api.missions import MISSION, written
from marketplace.deliveries import Confirmation, DeliveryTerms
from marketplace.disputes import DecisionTerms, DisputeTerms, StatementTerms
from marketplace.mission_details import MissionDetail
from tenants.platform.web import api_post
from tenants.visit import Visit


@api_post(MISSION + "/deliver", operation_id="deliver", summary="Deliver")
async def deliver(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[DeliveryTerms]
) -> Response[MissionDetail]:
    """Deliver, as the provider, with the minutes really spent."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await delivery_verbs.deliver(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await written(visit, mission_id)

    return await visit.once(work)


@api_post(MISSION + "/confirm", operation_id="confirm_delivery", summary="Confirm a delivery", status=200)
async def confirm_delivery(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[Confirmation]
) -> Response[MissionDetail]:
    """Confirm, as the payer: the hours move. `extra_minutes` consents to more than was agreed."""
    actor = visit.member_with("hours:write")

    async def work() -> MissionDetail:
        await delivery_verbs.confirm_delivery(
            visit.db, actor=actor, mission_id=mission_id, extra_minutes=data.extra_minutes
        )
        return await written(visit, mission_id)

    return await visit.once(work, status=200)


@api_post(MISSION + "/dispute", operation_id="dispute_delivery", summary="Contest a delivery")
async def dispute_delivery(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[DisputeTerms]
) -> Response[MissionDetail]:
    """Contest a delivery, as the payer: a mediator will decide."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await dispute_verbs.dispute_delivery(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await written(visit, mission_id)

    return await visit.once(work)


@api_post(MISSION + "/dispute/statements", operation_id="add_statement", summary="Tell one's side")
async def add_statement(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[StatementTerms]
) -> Response[MissionDetail]:
    """Tell the mediator one's side, as either party."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionDetail:
        await dispute_verbs.add_statement(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await written(visit, mission_id)

    return await visit.once(work)


@api_post(MISSION + "/dispute/decide", operation_id="decide_dispute", summary="Decide a dispute", status=200)
async def decide_dispute(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[DecisionTerms]
) -> Response[MissionDetail]:
    """Decide, as a mediator who is no party: post a part of the held minutes, give the rest back."""
    actor = visit.member_with("hours:write")

    async def work() -> MissionDetail:
        await dispute_verbs.decide_dispute(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await written(visit, mission_id)

    return await visit.once(work, status=200)
