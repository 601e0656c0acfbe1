"""Open missions end on their last day. For the clock; this file must never touch an agreement."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.events import MissionExpired
from marketplace.mission_states import MissionState
from marketplace.missions import Mission, end_mission, live_bidders, today
from tenants.actors import Actor
from tenants.platform.outbox import emit

EXPIRED_AT_ONCE: Final = 200


async def expire_missions(db: AsyncSession, *, actor: Actor) -> int:
    """End the open missions whose last day has passed; return how many. For the clock.

    Takes at most ``EXPIRED_AT_ONCE`` missions, in id order, leaving out those that someone holds: the
    next tick finds them.
    """
    assert actor.is_system, "missions expire by the clock, not by a member"
    clock = await today(db, tenant_id=actor.tenant_id)
    late = await db.scalars(
        select(Mission)
        .where(
            Mission.tenant_id == actor.tenant_id,
            Mission.state == MissionState.OPEN,
            Mission.expires_on < clock.day,
        )
        .order_by(Mission.id)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    missions = late.all()
    for mission in missions:
        bidders = await live_bidders(db, mission=mission)
        await end_mission(db, mission=mission, state=MissionState.EXPIRED)
        await emit(
            db,
            MissionExpired(
                tenant_id=actor.tenant_id,
                mission_id=mission.id,
                author_id=mission.author_id,
                bidders=tuple(bidders),
            ),
        )
    return len(missions)
