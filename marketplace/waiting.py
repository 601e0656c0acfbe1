"""What waits for a member in their missions: one statement, one next action for each.

This file must never write, nor look at a mission in which the member has no part (but for a mediator, the
disputes that are open).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from marketplace.agreements import Agreement, AgreementState
from marketplace.amendments import asked_of, live_amendment, may_join
from marketplace.bids import Bid, BidState
from marketplace.deliveries import Delivery
from marketplace.disputes import Dispute, DisputeState, DisputeStatement
from marketplace.live_missions import missions_of
from marketplace.mission_states import FINAL, MissionState
from marketplace.missions import Mission
from marketplace.next_actions import WAITING, NextAction, Position, next_action
from marketplace.teams import BidPart, PartState, in_team, part_in_bid
from tenants.actors import Actor, Role
from tenants.memberships import Membership
from tenants.platform.errors import NotAllowed

AT_MOST: Final = 100


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One mission in which the member has a part. ``other`` is the other party, once there is an agreement.

    ``minutes`` is what is at stake: agreed, else bid, else estimated. ``due`` is when something happens by
    itself if nobody acts.
    """

    mission_id: UUID
    title: str
    state: MissionState
    action: NextAction
    minutes: int
    live_bids: int
    other: str | None
    due: datetime | None

    @property
    def is_mine(self) -> bool:
        """Whether the member's own move comes next."""
        return self.action not in WAITING


class OpenDispute(msgspec.Struct, frozen=True, kw_only=True):
    """One dispute that a mediator may decide."""

    mission_id: UUID
    title: str
    opened_at: datetime
    payer: str
    provider: str
    held_minutes: int
    statements: int
    is_party: bool


_ORDER: Final = (
    NextAction.CONFIRM,
    NextAction.ANSWER_CANCELLATION,
    NextAction.ANSWER_AMENDMENT,
    NextAction.STATE,
    NextAction.CHOOSE_BID,
    NextAction.ANSWER_PART,
    NextAction.RESTORE_TEAM,
    NextAction.DELIVER,
    NextAction.START,
    NextAction.PUBLISH,
    NextAction.PUBLISH_AGAIN,
)


async def waiting_missions(db: AsyncSession, *, actor: Actor) -> list[Waiting]:
    """List the member's missions that are not over: their own moves first, the most pressing before."""
    me = actor.member
    payer, provider = aliased(Membership), aliased(Membership)
    live = (
        select(func.count())
        .where(Bid.tenant_id == Mission.tenant_id, Bid.mission_id == Mission.id, Bid.state == BidState.LIVE)
        .correlate(Mission)
        .scalar_subquery()
    )
    mine = aliased(Bid)
    stated = exists().where(
        DisputeStatement.tenant_id == Dispute.tenant_id,
        DisputeStatement.dispute_id == Dispute.id,
        DisputeStatement.author_id == me,
        Dispute.tenant_id == Agreement.tenant_id,
        Dispute.agreement_id == Agreement.id,
    )
    rows = await db.execute(
        select(
            Mission,
            Agreement,
            Delivery.settles_at,
            mine.minutes.label("bid_minutes"),
            live.label("live_bids"),
            payer.display_name.label("payer_name"),
            provider.display_name.label("provider_name"),
            stated.label("stated"),
            *_team_columns(mine, me),
        )
        .outerjoin(
            Agreement,
            and_(
                Agreement.tenant_id == Mission.tenant_id,
                Agreement.mission_id == Mission.id,
                Agreement.state == AgreementState.ACTIVE,
            ),
        )
        .outerjoin(
            Delivery,
            and_(Delivery.tenant_id == Agreement.tenant_id, Delivery.agreement_id == Agreement.id),
        )
        .outerjoin(
            mine,
            and_(
                mine.tenant_id == Mission.tenant_id,
                mine.mission_id == Mission.id,
                mine.bidder_id == me,
                mine.state == BidState.LIVE,
            ),
        )
        .outerjoin(payer, and_(payer.tenant_id == Agreement.tenant_id, payer.id == Agreement.payer_id))
        .outerjoin(
            provider, and_(provider.tenant_id == Agreement.tenant_id, provider.id == Agreement.provider_id)
        )
        .where(
            Mission.tenant_id == actor.tenant_id,
            Mission.id.in_(missions_of(actor.tenant_id, me)),
            Mission.state.not_in(FINAL),
            or_(
                Mission.author_id == me,
                Agreement.payer_id == me,
                Agreement.provider_id == me,
                mine.id.is_not(None),
                in_team(Agreement, me),
                may_join(Agreement, me),
                _asked_into_team(me, PartState.INVITED, PartState.ACCEPTED),
            ),
        )
        .order_by(Mission.changed_at.desc())
        .limit(AT_MOST)
    )
    found = [_waiting(row, me) for row in rows]
    return sorted((one for one in found if one.action is not NextAction.NOTHING), key=_urgency)


async def open_disputes(db: AsyncSession, *, actor: Actor) -> Sequence[OpenDispute]:
    """List the disputes that wait for a mediator, the oldest first. For a mediator."""
    if not actor.holds(Role.MEDIATOR):
        raise NotAllowed
    payer, provider = aliased(Membership), aliased(Membership)
    statements = (
        select(func.count())
        .where(DisputeStatement.tenant_id == Dispute.tenant_id, DisputeStatement.dispute_id == Dispute.id)
        .correlate(Dispute)
        .scalar_subquery()
    )
    rows = await db.execute(
        select(
            Dispute.mission_id,
            Mission.title,
            Dispute.opened_at,
            payer.display_name.label("payer"),
            provider.display_name.label("provider"),
            Agreement.agreed_minutes,
            statements.label("statements"),
            or_(Agreement.payer_id == actor.member, Agreement.provider_id == actor.member).label("is_party"),
        )
        .join(Mission, and_(Mission.tenant_id == Dispute.tenant_id, Mission.id == Dispute.mission_id))
        .join(Agreement, and_(Agreement.tenant_id == Dispute.tenant_id, Agreement.id == Dispute.agreement_id))
        .join(payer, and_(payer.tenant_id == Agreement.tenant_id, payer.id == Agreement.payer_id))
        .join(provider, and_(provider.tenant_id == Agreement.tenant_id, provider.id == Agreement.provider_id))
        .where(Dispute.tenant_id == actor.tenant_id, Dispute.state == DisputeState.OPEN)
        .order_by(Dispute.opened_at, Dispute.id)
        .limit(AT_MOST)
    )
    return [
        OpenDispute(
            mission_id=row.mission_id,
            title=row.title,
            opened_at=row.opened_at,
            payer=row.payer,
            provider=row.provider,
            held_minutes=row.agreed_minutes,
            statements=row.statements,
            is_party=row.is_party,
        )
        for row in rows
    ]


def _team_columns(mine: Any, me: UUID) -> list[ColumnElement[Any]]:
    """How far the teams of live bids are, and what the member is in them and in the agreement."""
    gone = BidPart.state.in_((PartState.DECLINED, PartState.LEFT))
    open_teams = (
        select(func.count())
        .where(
            Bid.tenant_id == Mission.tenant_id,
            Bid.mission_id == Mission.id,
            Bid.state == BidState.LIVE,
            Bid.is_team,
            part_in_bid(Bid, BidPart.state != PartState.ACCEPTED),
        )
        .correlate(Mission)
        .scalar_subquery()
    )
    return [
        open_teams.label("open_teams"),
        part_in_bid(mine, BidPart.state != PartState.ACCEPTED).label("team_open"),
        part_in_bid(mine, gone).label("team_broken"),
        _asked_into_team(me, PartState.INVITED).label("part_asked"),
        _asked_into_team(me, PartState.ACCEPTED).label("part_taken"),
        or_(in_team(Agreement, me), may_join(Agreement, me)).label("is_teammate"),
        asked_of(Agreement, me).label("amendment_asked"),
        live_amendment(Agreement, func.now()).label("amendment_pending"),
    ]


def _asked_into_team(me: UUID, *states: PartState) -> ColumnElement[bool]:
    """Whether the member has a part in the team of another's live bid on the mission of the row."""
    return exists().where(
        Bid.tenant_id == Mission.tenant_id,
        Bid.mission_id == Mission.id,
        Bid.state == BidState.LIVE,
        Bid.bidder_id != me,
        BidPart.tenant_id == Bid.tenant_id,
        BidPart.bid_id == Bid.id,
        BidPart.member_id == me,
        BidPart.state.in_(states),
    )


def _waiting(row: Any, me: UUID) -> Waiting:
    mission: Mission = row.Mission
    agreement: Agreement | None = row.Agreement
    is_payer = agreement is not None and agreement.payer_id == me
    is_provider = agreement is not None and agreement.provider_id == me
    by = agreement.cancellation_by if agreement else None
    action = next_action(
        Position(
            state=mission.state,
            is_member=True,
            is_author=mission.author_id == me,
            is_payer=is_payer,
            is_provider=is_provider,
            has_live_bid=row.bid_minutes is not None,
            live_bids=row.live_bids,
            cancellation_mine=by is not None and by == me,
            cancellation_theirs=by is not None and by != me,
            has_stated=row.stated,
            is_teammate=row.is_teammate and not is_provider,
            part_asked=row.part_asked,
            part_taken=row.part_taken,
            team_open=row.team_open,
            team_broken=row.team_broken,
            open_teams=row.open_teams,
            amendment_asked=row.amendment_asked,
            amendment_pending=row.amendment_pending,
        )
    )
    agreed_minutes = agreement.agreed_minutes if agreement else None
    return Waiting(
        mission_id=mission.id,
        title=mission.title,
        state=mission.state,
        action=action,
        minutes=agreed_minutes or row.bid_minutes or mission.estimated_minutes,
        live_bids=row.live_bids,
        other=row.provider_name if is_payer else row.payer_name if is_provider or row.is_teammate else None,
        due=_due(mission.state, agreement, row.settles_at),
    )


def _due(state: MissionState, agreement: Agreement | None, settles_at: datetime | None) -> datetime | None:
    if state is MissionState.DELIVERED:
        return settles_at
    if agreement and state in {MissionState.AGREED, MissionState.UNDER_WAY}:
        return agreement.lapses_at
    return None


def _urgency(one: Waiting) -> tuple[bool, int]:
    return (not one.is_mine, _ORDER.index(one.action) if one.action in _ORDER else len(_ORDER))
