"""What missions do by themselves when the clock says so.

Each tick arrives as an event of one cooperative and is handled in one transaction; the switchboard says when.
This file must never hold a rule.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.amendment_answers import expire_amendments
from marketplace.cancellations import lapse_holds, remind_of_holds
from marketplace.deliveries import settle_silent_deliveries
from marketplace.expiries import expire_missions
from tenants.actors import Actor
from tenants.platform.clock import Tick


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


async def end_late_amendments(db: AsyncSession, event: MissionHourStruck) -> None:
    """End the changes of agreements that not everybody accepted in time."""
    await expire_amendments(db, actor=Actor.system(event.tenant_id))
