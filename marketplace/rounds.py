"""What missions do by themselves when the clock says so: the switchboard's part of events and ticks.

Each tick arrives as an event of one cooperative and is handled in one transaction. This file must never
hold a rule; it says what is connected to what, for the switchboard to show.
"""

from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import correspondence as tell
from marketplace.cancellations import lapse_holds, remind_of_holds
from marketplace.deliveries import settle_silent_deliveries
from marketplace.events import (
    AgreementCalledOff,
    AgreementLapsed,
    BidAccepted,
    BidPlaced,
    BidWithdrawn,
    CancellationProposed,
    CancellationRefused,
    DisputeDecided,
    HoldLapsing,
    MissionDelivered,
    MissionDisputed,
    MissionExpired,
    MissionPosted,
    MissionSettled,
    MissionStarted,
    MissionWithdrawn,
    StatementAdded,
)
from marketplace.expiries import expire_missions
from tenants.actors import Actor
from tenants.platform.clock import Schedule, Tick
from tenants.platform.outbox import Event, Subscriber


class MissionDayBegan(Tick, frozen=True, kw_only=True):
    """A new day began on the cooperative's calendar."""


class MissionHourStruck(Tick, frozen=True, kw_only=True):
    """Time to look at deliveries and holds again."""


async def expire_yesterdays_missions(db: AsyncSession, event: MissionDayBegan) -> None:
    """End the open missions whose last day was yesterday."""
    actor = Actor.system(event.tenant_id)
    while await expire_missions(db, actor=actor):
        pass


async def settle_what_silence_settles(db: AsyncSession, event: MissionHourStruck) -> None:
    """Settle the deliveries on which nobody spoke."""
    await settle_silent_deliveries(db, actor=Actor.system(event.tenant_id))


async def give_back_what_lapsed(db: AsyncSession, event: MissionHourStruck) -> None:
    """Warn of holds that lapse soon, and give back those that have."""
    actor = Actor.system(event.tenant_id)
    await lapse_holds(db, actor=actor)
    await remind_of_holds(db, actor=actor)


EVENTS: Final[Mapping[type[Event], tuple[Subscriber, ...]]] = {
    MissionPosted: (),
    MissionWithdrawn: (tell.tell_of_withdrawal,),
    MissionExpired: (tell.tell_of_expiry,),
    BidPlaced: (tell.tell_of_bid,),
    BidWithdrawn: (tell.tell_of_withdrawn_bid,),
    BidAccepted: (tell.tell_of_accepted_bid,),
    MissionStarted: (tell.tell_of_start,),
    HoldLapsing: (tell.tell_of_lapsing_hold,),
    AgreementLapsed: (tell.tell_of_lapse,),
    CancellationProposed: (tell.tell_of_proposed_cancellation,),
    CancellationRefused: (tell.tell_of_refused_cancellation,),
    AgreementCalledOff: (tell.tell_of_end,),
    MissionDelivered: (tell.tell_of_delivery,),
    MissionSettled: (tell.tell_of_settlement,),
    MissionDisputed: (tell.tell_of_dispute,),
    StatementAdded: (tell.tell_of_statement,),
    DisputeDecided: (tell.tell_of_decision,),
    MissionDayBegan: (expire_yesterdays_missions,),
    MissionHourStruck: (settle_what_silence_settles, give_back_what_lapsed),
}

TICKS: Final[Sequence[Schedule]] = (
    Schedule("missions_day", MissionDayBegan, at=time(0, 5)),
    Schedule("missions_hour", MissionHourStruck, every=timedelta(minutes=15)),
)
