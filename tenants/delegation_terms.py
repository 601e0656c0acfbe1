"""The ends of delegations: announced a fortnight before, written down the day after.

A delegation lapses by itself at its moment, whether or not this ran. This file must never lengthen one.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor
from tenants.delegating import write_end
from tenants.delegations import Delegation, EndReason
from tenants.events import MandatesDue
from tenants.notices import notify
from tenants.platform.ids import CooperativeId
from tenants.tellings import tell

WARNED_BEFORE: Final = timedelta(days=14)


async def review_delegations(db: AsyncSession, event: MandatesDue) -> None:
    """Hear the daily tick."""
    await lapse_delegations(db, tenant_id=event.tenant_id)


async def lapse_delegations(db: AsyncSession, *, tenant_id: CooperativeId) -> int:
    """Write down the delegations whose term is over, and warn both sides of those that end within a fortnight.

    Returns how many were over.
    """
    actor = Actor.system(tenant_id)
    current = select(Delegation).where(Delegation.tenant_id == tenant_id, Delegation.ended_at.is_(None))
    locked = current.order_by(Delegation.id).with_for_update().execution_options(populate_existing=True)
    now = (await db.execute(select(func.now()))).scalar_one()
    soon = locked.where(
        func.upper(Delegation.term).between(now, now + WARNED_BEFORE),
        Delegation.second_approver.is_not(None),
        Delegation.ending_noticed_at.is_(None),
    )
    for one in (await db.scalars(soon)).all():
        one.ending_noticed_at = now
        facts = {"delegation_id": str(one.id), "ends_at": one.last_moment}
        kind = "delegation_ends_soon"
        await notify(db, tenant_id=tenant_id, membership_id=one.delegate_id, kind=kind, facts=facts)
        await tell(
            db,
            tenant_id=tenant_id,
            membership_ids=[one.represented_id],
            kind=kind,
            subject_id=one.id,
            facts=facts,
        )
    over = (await db.scalars(locked.where(func.upper(Delegation.term) <= now))).all()
    for one in over:
        await write_end(db, actor, one, EndReason.TERM)
    return len(over)
