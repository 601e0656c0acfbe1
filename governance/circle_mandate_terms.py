"""Terms of circle mandates: every day, those that are over are written down, and those about to end are announced once.

A term ends by itself at its moment, whether or not this ran. This file must never lengthen one.
"""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_ends import write_circle_ends
from governance.circle_mandates import CircleEndReason, CircleMandate
from tenants.actors import Actor
from tenants.events import MandatesDue
from tenants.mandate_terms import WARNED_BEFORE
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_

ENDS_SOON: Final = NoticeKind(
    "circle_mandate_ends_soon",
    N_("L'un de vos mandats de cercle finit le {ends_at}."),
    "/circles/{circle_id}",
    topic=Topic.DECISIONS,
)
declare_notices(ENDS_SOON)


async def review_circle_mandates(db: AsyncSession, event: MandatesDue) -> None:
    """Hear the daily tick: close the circle mandates that are over, and warn of those about to end."""
    await lapse_circle_mandates(db, tenant_id=event.tenant_id)


async def lapse_circle_mandates(db: AsyncSession, *, tenant_id: CooperativeId) -> int:
    """Close the mandates whose term is over, and warn their holders of those that end within 30 days.

    Returns how many were closed.
    """
    current = select(CircleMandate).where(
        CircleMandate.tenant_id == tenant_id, CircleMandate.ended_at.is_(None)
    )
    locked = current.order_by(CircleMandate.id).with_for_update().execution_options(populate_existing=True)
    soon = locked.where(
        func.upper(CircleMandate.term).between(func.now(), func.now() + WARNED_BEFORE),
        CircleMandate.ending_noticed_at.is_(None),
    )
    for mandate in (await db.scalars(soon)).all():
        mandate.ending_noticed_at = await db.scalar(select(func.now()))
        await notify(
            db,
            tenant_id=tenant_id,
            membership_id=mandate.membership_id,
            kind=ENDS_SOON.name,
            facts={"ends_at": mandate.last_moment, "circle_id": mandate.circle_id},
        )
    over = (await db.scalars(locked.where(func.upper(CircleMandate.term) <= func.now()))).all()
    await write_circle_ends(db, Actor.system(tenant_id), mandates=over, reason=CircleEndReason.TERM)
    return len(over)
