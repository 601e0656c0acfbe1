"""How seats and mandates of circles end: given up, taken back, at their term, with the circle or with the membership.

Every end is written once, where it is to be read. This file must never judge who may end what: whoever calls it has.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_mandates import CircleEndReason, CircleMandate, CircleRole
from governance.circles import Circle, CircleSeat
from governance.colleges import CollegePlace
from tenants import audit, register
from tenants.actors import Actor
from tenants.events import MemberLeft
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.platform.words import N_

declare_notices(
    NoticeKind(
        "circle_mandate_ended",
        N_("L'un de vos mandats de cercle a pris fin."),
        "/circles/{circle_id}",
        topic=Topic.DECISIONS,
    ),
)
register.declare_kinds(
    {
        "circle_mandate_given": N_("Un mandat a été donné dans un cercle."),
        "circle_mandate_ended": N_("Un mandat a pris fin dans un cercle."),
    }
)


async def count_circle_holders(db: AsyncSession, tenant_id: UUID, circle_id: UUID, role: CircleRole) -> int:
    """How many mandates of a role hold in a circle now."""
    query = select(func.count()).where(
        CircleMandate.tenant_id == tenant_id,
        CircleMandate.circle_id == circle_id,
        CircleMandate.role == role,
        CircleMandate.ended_at.is_(None),
        CircleMandate.term.contains(func.now()),
    )
    return (await db.execute(query)).scalar_one()


async def write_circle_ends(
    db: AsyncSession, actor: Actor, *, mandates: Sequence[CircleMandate], reason: CircleEndReason
) -> None:
    """Write that these mandates, which the caller holds, ended. Holds the register's head."""
    if not mandates:
        return
    now = await db.scalar(select(func.now()))
    for mandate in mandates:
        mandate.ended_at, mandate.ended_reason = now, reason
        facts = {
            "role": str(mandate.role),
            "circle_id": str(mandate.circle_id),
            "membership_id": str(mandate.membership_id),
            "reason": str(reason),
        }
        await audit.record(
            db, actor=actor, action="governance:circle_mandate:ended", subject_id=mandate.id, facts=facts
        )
        if mandate.membership_id != actor.membership_id and reason is not CircleEndReason.LEFT:
            await notify_members(
                db,
                tenant_id=actor.tenant_id,
                membership_ids=[mandate.membership_id],
                kind="circle_mandate_ended",
                facts={"circle_id": mandate.circle_id},
            )
    for mandate in mandates:
        holders = await count_circle_holders(db, actor.tenant_id, mandate.circle_id, mandate.role)
        line = {"circle": str(mandate.circle_id), "role": str(mandate.role), "holders": holders}
        await register.append(db, tenant_id=actor.tenant_id, kind="circle_mandate_ended", facts=line)


async def end_seats(
    db: AsyncSession,
    actor: Actor,
    *,
    reason: CircleEndReason,
    circle_id: UUID | None = None,
    membership_id: UUID | None = None,
) -> int:
    """End the seats in a circle, or of a member, or of one in the other, and the mandates that went with them."""
    assert circle_id or membership_id, "somebody's seats, or those of a circle"
    seats = update(CircleSeat).where(CircleSeat.tenant_id == actor.tenant_id, CircleSeat.left_at.is_(None))
    held = select(CircleMandate).where(
        CircleMandate.tenant_id == actor.tenant_id, CircleMandate.ended_at.is_(None)
    )
    if circle_id is not None:
        seats, held = (
            seats.where(CircleSeat.circle_id == circle_id),
            held.where(CircleMandate.circle_id == circle_id),
        )
    if membership_id is not None:
        seats = seats.where(CircleSeat.membership_id == membership_id)
        held = held.where(CircleMandate.membership_id == membership_id)
    ended = await db.execute(
        seats.values(left_at=func.now()).returning(CircleSeat.id).execution_options(synchronize_session=False)
    )
    locked = held.order_by(CircleMandate.id).with_for_update().execution_options(populate_existing=True)
    mandates = (await db.scalars(locked)).all()
    await write_circle_ends(db, actor, mandates=mandates, reason=reason)
    return len(ended.all())


async def empty_circle(db: AsyncSession, actor: Actor, closed: Circle) -> None:
    """End every seat and mandate of a circle that closes."""
    await end_seats(db, actor, circle_id=closed.id, reason=CircleEndReason.CLOSED)


async def leave_circles(db: AsyncSession, event: MemberLeft) -> None:
    """Hear that a member left: they sit in no circle and no college any more. Until this ran they counted in none either."""
    await db.execute(
        update(CollegePlace)
        .where(
            CollegePlace.tenant_id == event.tenant_id,
            CollegePlace.membership_id == event.membership_id,
            CollegePlace.left_at.is_(None),
        )
        .values(left_at=func.now())
        .execution_options(synchronize_session=False)
    )
    actor = Actor.system(event.tenant_id)
    await end_seats(db, actor, membership_id=event.membership_id, reason=CircleEndReason.LEFT)
