"""A dossier: one mission with everything that a given reader may see of it.

The page and the API both show a dossier, so that neither can show what the other hides. The author sees
every bid, a bidder their own, who was asked into a team its bid; the agreement and the delivery are for the two parties with
the team, and for the mediators
once there is a dispute; who is no member sees a public mission without a name. This file must never write.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.agreements import Agreement, AgreementState
from marketplace.amendments import asked_of, live_amendment, may_join
from marketplace.bids import Bid, BidState
from marketplace.deliveries import Delivery
from marketplace.disputes import Dispute, DisputeStatement
from marketplace.listings import SKILL_IDS, SKILL_NAMES, Named
from marketplace.mission_details import (
    BidDetail,
    MissionDetail,
    StatementDetail,
    agreement_detail,
    delivery_detail,
    dispute_detail,
)
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionVisibility
from marketplace.missions import Mission
from marketplace.next_actions import NextAction, Position, next_action
from marketplace.team_details import agreed_team, bid_team
from marketplace.team_dossiers import amended, amendment_details
from marketplace.teams import (
    BidPart,
    PartState,
    agreement_team_column,
    bid_team_column,
    in_team,
    part_in_bid,
)
from tenants.memberships import Membership
from tenants.platform.errors import NotFound


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks: a member of this cooperative, or (without an id) anybody."""

    membership_id: UUID | None = None
    is_mediator: bool = False


async def mission_dossier(
    db: AsyncSession, *, tenant_id: UUID, reader: Reader, mission_id: UUID
) -> MissionDetail:
    """Return what this reader may see of a mission, in at most five statements; one more where it was amended.

    Raises NotFound if they may see nothing.
    """
    row = await _mission_row(db, tenant_id, mission_id)
    mission: Mission = row.Mission
    if not _may_see(mission, reader):
        raise NotFound
    if reader.membership_id is None:
        return _detail(mission, row, None, next_action(Position(state=mission.state)))
    author = Named(mission.author_id, row.display_name)
    bids = await _bids(db, mission, reader.membership_id)
    found = await _agreement_row(db, mission, reader.membership_id)
    statements = await _statements(db, found.Dispute) if found is not None and found.Dispute else []
    position = _position(mission, reader, bids, found, statements)
    detail = _detail(mission, row, author, next_action(position), bids)
    if found is None or not _may_see_agreement(position, found):
        return detail
    names = await _names(db, tenant_id, found)
    agreement: Agreement = found.Agreement
    payer = Named(agreement.payer_id, names[agreement.payer_id])
    posted = found.Delivery.posted_minutes if found.Delivery else None
    # What was posted in the end is split anew: a part of other hours is another part.
    team = agreed_team(mission.id, agreement.agreed_minutes if posted is None else posted, found.team)
    return msgspec.structs.replace(
        detail,
        agreement=agreement_detail(agreement, names, team),
        amendments=await amendment_details(db, agreement, payer) if found.amended else [],
        delivery=delivery_detail(found.Delivery, found.Agreement) if found.Delivery else None,
        dispute=dispute_detail(found.Dispute, names, statements) if found.Dispute else None,
    )


def _may_see(mission: Mission, reader: Reader) -> bool:
    if reader.membership_id is None:
        return (
            mission.visibility is MissionVisibility.PUBLIC
            and mission.published_at is not None
            and mission.state is not MissionState.WITHDRAWN
        )
    return mission.published_at is not None or mission.author_id == reader.membership_id


def _may_see_agreement(position: Position, found: Any) -> bool:
    return position.took_part or (position.is_mediator and found.Dispute is not None)


def _position(
    mission: Mission,
    reader: Reader,
    bids: Sequence[BidDetail],
    found: Any,
    statements: Sequence[StatementDetail],
) -> Position:
    me = reader.membership_id
    agreement: Agreement | None = found.Agreement if found is not None else None
    live = [bid for bid in bids if bid.state is BidState.LIVE]
    by = agreement.cancellation_by if agreement else None
    asked = {part.state for bid in live if bid.bidder.id != me and (part := bid.part_of(me))}
    own = next((bid for bid in live if bid.bidder.id == me), None)
    return Position(
        state=mission.state,
        is_member=True,
        is_author=mission.author_id == me,
        is_payer=agreement is not None and agreement.payer_id == me,
        is_provider=agreement is not None and agreement.provider_id == me,
        is_mediator=reader.is_mediator,
        has_live_bid=own is not None,
        live_bids=len(live),
        open_teams=sum(not bid.is_complete for bid in live),
        team_open=own is not None and not own.is_complete,
        team_broken=own is not None and own.is_broken,
        part_asked=PartState.INVITED in asked,
        part_taken=PartState.ACCEPTED in asked,
        is_teammate=found is not None and found.is_teammate,
        amendment_asked=found is not None and found.amendment_asked,
        amendment_pending=found is not None and found.amendment_pending,
        cancellation_mine=by is not None and by == me,
        cancellation_theirs=by is not None and by != me,
        has_stated=any(statement.author.id == me for statement in statements),
    )


async def _mission_row(db: AsyncSession, tenant_id: UUID, mission_id: UUID) -> Any:
    row = (
        await db.execute(
            select(
                Mission,
                Membership.display_name,
                SKILL_NAMES.label("skills"),
                SKILL_IDS.label("skill_ids"),
            )
            .join(
                Membership,
                and_(Membership.tenant_id == Mission.tenant_id, Membership.id == Mission.author_id),
            )
            .where(Mission.tenant_id == tenant_id, Mission.id == mission_id)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


async def _bids(db: AsyncSession, mission: Mission, reader_id: UUID) -> list[BidDetail]:
    """Return the bids that the reader may see, the earliest first: all for the author, else their own."""
    query = (
        select(Bid, Membership.display_name, bid_team_column(Bid))
        .join(
            Membership,
            and_(Membership.tenant_id == Bid.tenant_id, Membership.id == Bid.bidder_id),
        )
        .where(
            Bid.tenant_id == mission.tenant_id,
            Bid.mission_id == mission.id,
            Bid.state != BidState.REPLACED,
        )
        .order_by(Bid.id)
        .execution_options(populate_existing=True)
    )
    if mission.author_id != reader_id:
        query = query.where(or_(Bid.bidder_id == reader_id, _in_its_team(reader_id)))
    return [
        BidDetail(
            id=bid.id,
            bidder=Named(bid.bidder_id, name),
            message=bid.message,
            minutes=bid.minutes,
            delivery_on=bid.delivery_on,
            state=bid.state,
            created_at=bid.created_at,
            changed_at=bid.changed_at,
            team=bid_team(mission.id, bid.minutes, team),
        )
        for bid, name, team in await db.execute(query)
    ]


def _in_its_team(reader_id: UUID) -> ColumnElement[bool]:
    """Whether the reader was asked into the team of the bid of the row."""
    return part_in_bid(Bid, BidPart.member_id == reader_id)


async def _agreement_row(db: AsyncSession, mission: Mission, reader_id: UUID) -> Any:
    """Return the latest agreement that still counts, with its delivery and dispute, if any."""
    return (
        await db.execute(
            select(
                Agreement,
                Delivery,
                Dispute,
                agreement_team_column(Agreement),
                asked_of(Agreement, reader_id).label("amendment_asked"),
                live_amendment(Agreement, func.now()).label("amendment_pending"),
                amended(Agreement).label("amended"),
                and_(
                    or_(in_team(Agreement, reader_id), may_join(Agreement, reader_id)),
                    Agreement.provider_id != reader_id,
                ).label("is_teammate"),
            )
            .outerjoin(
                Delivery,
                and_(
                    Delivery.tenant_id == Agreement.tenant_id,
                    Delivery.agreement_id == Agreement.id,
                ),
            )
            .outerjoin(
                Dispute,
                and_(Dispute.tenant_id == Agreement.tenant_id, Dispute.agreement_id == Agreement.id),
            )
            .where(
                Agreement.tenant_id == mission.tenant_id,
                Agreement.mission_id == mission.id,
                Agreement.state.in_((AgreementState.ACTIVE, AgreementState.DONE)),
            )
            .execution_options(populate_existing=True)
        )
    ).one_or_none()


async def _statements(db: AsyncSession, dispute: Dispute) -> list[StatementDetail]:
    rows = await db.execute(
        select(DisputeStatement, Membership.display_name)
        .join(
            Membership,
            and_(
                Membership.tenant_id == DisputeStatement.tenant_id,
                Membership.id == DisputeStatement.author_id,
            ),
        )
        .where(
            DisputeStatement.tenant_id == dispute.tenant_id,
            DisputeStatement.dispute_id == dispute.id,
        )
        .order_by(DisputeStatement.id)
    )
    return [
        StatementDetail(author=Named(one.author_id, name), statement=one.statement, added_at=one.added_at)
        for one, name in rows
    ]


async def _names(db: AsyncSession, tenant_id: UUID, found: Any) -> Mapping[UUID, str]:
    wanted = {found.Agreement.payer_id, found.Agreement.provider_id}
    if found.Dispute is not None and found.Dispute.mediator_id is not None:
        wanted.add(found.Dispute.mediator_id)
    rows = await db.execute(
        select(Membership.id, Membership.display_name).where(
            Membership.tenant_id == tenant_id, Membership.id.in_(wanted)
        )
    )
    return {row.id: row.display_name for row in rows}


def _detail(
    mission: Mission,
    row: Any,
    author: Named | None,
    action: NextAction,
    bids: Sequence[BidDetail] = (),
) -> MissionDetail:
    return MissionDetail(
        id=mission.id,
        kind=mission.kind,
        title=mission.title,
        description=mission.description,
        state=mission.state,
        skills=list(row.skills),
        skill_ids=list(row.skill_ids),
        tags=list(mission.tags),
        territory=mission.territory,
        place=mission.place,
        estimated_minutes=mission.estimated_minutes,
        wanted_by=mission.wanted_by,
        expires_on=mission.expires_on,
        visibility=mission.visibility,
        ownership=mission.ownership,
        created_at=mission.created_at,
        changed_at=mission.changed_at,
        published_at=mission.published_at,
        ended_at=mission.ended_at,
        author=author,
        next_action=action,
        bids=list(bids),
    )
