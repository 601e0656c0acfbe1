"""When a member leaves: what they asked, offered or bid, and nobody had accepted yet, goes with them.

The teams that they would have joined hear of it. What was agreed stays: the other party still delivers, confirms, contests or agrees to stop, and silence settles
what a departed payer no longer answers. This file must never touch an agreement.
"""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.bids import Bid, BidState
from marketplace.events import BidWithdrawn, MissionWithdrawn, PartDeclined
from marketplace.mission_states import MissionState
from marketplace.missions import Mission, end_mission, live_bidders
from marketplace.teams import BidPart, PartState
from tenants.events import MemberLeft
from tenants.platform.outbox import emit


async def withdraw_what_was_theirs(db: AsyncSession, event: MemberLeft) -> None:
    """Withdraw the missions that the departed member had open and the bids that nobody had accepted.

    Locks their missions, then those they bid on, each in id order.
    """
    own = await db.scalars(
        select(Mission)
        .where(
            Mission.tenant_id == event.tenant_id,
            Mission.author_id == event.membership_id,
            Mission.state.in_((MissionState.DRAFT, MissionState.OPEN, MissionState.EXPIRED)),
        )
        .order_by(Mission.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for mission in own.all():
        bidders = await live_bidders(db, mission=mission)
        await end_mission(db, mission=mission, state=MissionState.WITHDRAWN)
        await emit(
            db,
            MissionWithdrawn(
                tenant_id=event.tenant_id,
                mission_id=mission.id,
                author_id=mission.author_id,
                bidders=tuple(bidders),
            ),
        )
    bid_on = await db.scalars(
        select(Mission)
        .join(Bid, (Bid.tenant_id == Mission.tenant_id) & (Bid.mission_id == Mission.id))
        .where(
            Mission.tenant_id == event.tenant_id,
            Bid.bidder_id == event.membership_id,
            Bid.state == BidState.LIVE,
        )
        .order_by(Mission.id)
        .with_for_update(of=Mission)
    )
    authors = {mission.id: mission.author_id for mission in bid_on}
    mates = await _teams_of(db, event)
    gone = await db.execute(
        update(Bid)
        .where(
            Bid.tenant_id == event.tenant_id,
            Bid.bidder_id == event.membership_id,
            Bid.mission_id.in_(authors),
            Bid.state == BidState.LIVE,
        )
        .values(state=BidState.WITHDRAWN, changed_at=func.clock_timestamp())
        .returning(Bid.id, Bid.mission_id)
        .execution_options(synchronize_session=False)
    )
    for bid_id, mission_id in gone:
        await emit(
            db,
            BidWithdrawn(
                tenant_id=event.tenant_id,
                mission_id=mission_id,
                bid_id=bid_id,
                bidder_id=event.membership_id,
                author_id=authors[mission_id],
                team=mates.get(bid_id, ()),
            ),
        )
    await _leave_teams(db, event)


async def _teams_of(db: AsyncSession, event: MemberLeft) -> dict[UUID, tuple[UUID, ...]]:
    """Return who would have worked with them, by their live bids."""
    rows = await db.execute(
        select(BidPart.bid_id, BidPart.member_id)
        .join(Bid, (Bid.tenant_id == BidPart.tenant_id) & (Bid.id == BidPart.bid_id))
        .where(
            Bid.tenant_id == event.tenant_id,
            Bid.bidder_id == event.membership_id,
            Bid.state == BidState.LIVE,
            BidPart.member_id != event.membership_id,
            BidPart.state.in_((PartState.INVITED, PartState.ACCEPTED)),
        )
        .order_by(BidPart.member_id)
    )
    found: dict[UUID, tuple[UUID, ...]] = {}
    for bid_id, member_id in rows:
        found[bid_id] = (*found.get(bid_id, ()), member_id)
    return found


async def _leave_teams(db: AsyncSession, event: MemberLeft) -> None:
    """Take them out of the teams of others' live bids. Locks those missions, in id order."""
    found = await db.execute(
        select(Mission.id, Bid.bidder_id, BidPart)
        .join(Bid, (Bid.tenant_id == Mission.tenant_id) & (Bid.mission_id == Mission.id))
        .join(BidPart, (BidPart.tenant_id == Bid.tenant_id) & (BidPart.bid_id == Bid.id))
        .where(
            Mission.tenant_id == event.tenant_id,
            Bid.state == BidState.LIVE,
            BidPart.member_id == event.membership_id,
            BidPart.state.in_((PartState.INVITED, PartState.ACCEPTED)),
        )
        .order_by(Mission.id)
        .with_for_update(of=Mission)
        .execution_options(populate_existing=True)
    )
    for mission_id, bidder_id, part in found.all():
        part.state = PartState.LEFT
        part.answered_at = await db.scalar(select(func.clock_timestamp()))
        await emit(
            db,
            PartDeclined(
                tenant_id=event.tenant_id,
                mission_id=mission_id,
                bid_id=part.bid_id,
                bidder_id=bidder_id,
                member_id=event.membership_id,
            ),
        )
    await db.flush()
