"""Terms: every day, the mandates that are over are written down, and those about to end are announced.

A term ends by itself at its moment, whether or not this ran. This file must never lengthen one.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from tenants.actors import Actor, Role
from tenants.events import MandatesDue
from tenants.mandates import EndReason, Mandate, write_end
from tenants.memberships import Membership
from tenants.notices import NoticeKind, declare_notices, notify
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_

WARNED_BEFORE: Final = timedelta(days=30)

declare_notices(
    NoticeKind("mandate_ends_soon", N_("L'un de vos mandats finit le {ends_at}."), "/mandates"),
)


async def mandates_ending(db: AsyncSession, *, actor: Actor) -> Sequence[tuple[Mandate, str]]:
    """List the mandates that end within 30 days and that nothing follows, the first to end first.

    With the holders' names: one's own for a member, everybody's for a manager.
    """
    following = aliased(Mandate)
    followed = exists().where(
        following.tenant_id == Mandate.tenant_id,
        following.membership_id == Mandate.membership_id,
        following.role == Mandate.role,
        following.ended_at.is_(None),
        func.lower(following.term) >= func.upper(Mandate.term),
    )
    query = (
        select(Mandate, Membership.display_name)
        .join(
            Membership,
            and_(Membership.tenant_id == Mandate.tenant_id, Membership.id == Mandate.membership_id),
        )
        .where(
            Mandate.tenant_id == actor.tenant_id,
            Mandate.ended_at.is_(None),
            Mandate.term.contains(func.now()),
            func.upper(Mandate.term) < func.now() + WARNED_BEFORE,
            ~followed,
        )
        .order_by(func.upper(Mandate.term), Mandate.id)
    )
    if not actor.holds(Role.MANAGER):
        query = query.where(Mandate.membership_id == actor.member)
    return [(mandate, name) for mandate, name in await db.execute(query)]


async def review_mandates(db: AsyncSession, event: MandatesDue) -> None:
    """Hear the daily tick."""
    await lapse_mandates(db, tenant_id=event.tenant_id)


async def lapse_mandates(db: AsyncSession, *, tenant_id: CooperativeId) -> int:
    """Close the mandates whose term is over, and warn of those that end within 30 days; done daily.

    A term ends by itself at its moment: this only writes it down. Returns how many were closed.
    """
    actor = Actor.system(tenant_id)
    current = select(Mandate).where(Mandate.tenant_id == tenant_id, Mandate.ended_at.is_(None))
    locked = current.order_by(Mandate.id).with_for_update().execution_options(populate_existing=True)
    soon = locked.where(
        func.upper(Mandate.term).between(func.now(), func.now() + WARNED_BEFORE),
        Mandate.ending_noticed_at.is_(None),
    )
    for mandate in (await db.scalars(soon)).all():
        assert mandate.term.upper is not None, "every term ends"
        mandate.ending_noticed_at = (await db.execute(select(func.now()))).scalar_one()
        await notify(
            db,
            tenant_id=tenant_id,
            membership_id=mandate.membership_id,
            kind="mandate_ends_soon",
            facts={"ends_at": mandate.term.upper},
        )
    over = (await db.scalars(locked.where(func.upper(Mandate.term) <= func.now()))).all()
    for mandate in over:
        await write_end(db, actor, mandate, EndReason.TERM)
    return len(over)
