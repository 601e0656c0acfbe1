"""Silences: members of whom nothing was heard for long, who are asked after kindly, once.

Being active is opening a page, using the API, or giving or receiving hours. After as many days without as the rule
says, a member is told that they are missed, and never again until they were active in between; a manager sees who.
Days count from the day the rule exists, so that nobody is written to for the time before. This file must never
say to anybody but a manager who is silent, nor keep more of what somebody does than the hour they last did.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    Interval,
    Select,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.house_rules import SILENT_DAYS
from tenants.memberships import Membership, MembershipState
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.personal import Fate, Holding, holds
from tenants.platform.clock import Tick
from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_
from tenants.rulebook import RuleVersion, rules_in_force

NOTED_EVERY: Final = text("interval '1 hour'")
# More than a mail in a day would hold; the others are asked after on the next day.
ASKED_AT_ONCE: Final = 500

declare_notices(
    NoticeKind(
        "silent_for_long",
        N_(
            "Cela fait un moment. Tout va bien ? Votre place est toujours là : jetez un œil aux missions, ou dites "
            "simplement ce dont vous auriez besoin."
        ),
        "/missions",
        topic=Topic.MEMBERSHIP,
    )
)


class MemberActivity(Base):
    """When a member was last active, to the hour, and when they were last asked after."""

    __tablename__ = "member_activity"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        Index("ix_member_activity_active_at", "tenant_id", "active_at"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    active_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]


holds(
    Holding(
        table="member_activity",
        title=N_("Dernière activité"),
        mine=("membership_id",),
        exported={"active_at": N_("Dernière activité"), "asked_at": N_("Dernier mot de la coopérative")},
        fate=Fate.DELETED,
    )
)


class SilencesDue(Tick, frozen=True, kw_only=True):
    """A day began: who has been silent for long is to be looked at."""


@dataclass(frozen=True, slots=True)
class SilentMember:
    """One member of whom nothing was heard. ``asked_at`` is when they were asked after, None if not yet."""

    membership_id: UUID
    name: str
    silent_since: datetime
    asked_at: datetime | None


async def note_activity(db: AsyncSession, *, tenant_id: UUID, membership_ids: Collection[UUID]) -> None:
    """Write that these members were active just now; what was written within the hour is left as it is."""
    if not membership_ids:
        return
    row = upsert(MemberActivity).from_select(
        ["tenant_id", "membership_id", "active_at"],
        select(Membership.tenant_id, Membership.id, func.now())
        .where(Membership.tenant_id == tenant_id, Membership.id.in_(membership_ids))
        .order_by(Membership.id),
    )
    before = MemberActivity.active_at
    await db.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "membership_id"],
            set_={"active_at": func.now()},
            where=or_(before.is_(None), before < func.now() - NOTED_EVERY),
        )
    )


async def ask_after_the_silent(db: AsyncSession, event: SilencesDue) -> None:
    """Tell members who have been silent for long that they are missed, once: hears SilencesDue."""
    query = await _silent(db, event.tenant_id)
    if query is None:
        return
    asked = MemberActivity.asked_at
    unasked = or_(asked.is_(None), asked < MemberActivity.active_at)
    rows = (await db.execute(query.where(unasked).order_by(Membership.id).limit(ASKED_AT_ONCE))).all()
    if not rows:
        return
    row = upsert(MemberActivity).values(
        [{"tenant_id": event.tenant_id, "membership_id": one.id, "asked_at": func.now()} for one in rows]
    )
    statement = row.on_conflict_do_update(
        index_elements=["tenant_id", "membership_id"], set_={"asked_at": func.now()}, where=unasked
    )
    told = await db.scalars(statement.returning(MemberActivity.membership_id))
    await notify_members(
        db,
        tenant_id=event.tenant_id,
        membership_ids=told.all(),
        kind="silent_for_long",
        facts={},
    )


async def silent_members(
    db: AsyncSession,
    *,
    actor: Actor,
    after: tuple[datetime, UUID] | None = None,
    limit: int | None = 20,
) -> Sequence[SilentMember]:
    """List who has been silent for longer than the rule says, the longest first: for a manager."""
    actor.must_hold(Role.MANAGER)
    query = await _silent(db, actor.tenant_id)
    if query is None:
        return ()
    if after is not None:
        query = query.where(tuple_(_heard(), Membership.id) > tuple_(*after))
    rows = await db.execute(query.order_by(_heard(), Membership.id).limit(limit))
    return [SilentMember(row.id, row.display_name, row.heard, row.asked_at) for row in rows]


async def count_silent_members(db: AsyncSession, *, actor: Actor) -> int:
    """How many have been silent for longer than the rule says: for a manager."""
    actor.must_hold(Role.MANAGER)
    query = await _silent(db, actor.tenant_id)
    if query is None:
        return 0
    return (await db.execute(select(func.count()).select_from(query.subquery()))).scalar_one()


def _heard() -> ColumnElement[datetime]:
    """When a member was last heard of: never before they joined, nor before the rule existed."""
    begun = (
        select(func.min(func.lower(RuleVersion.in_force)))
        .where(RuleVersion.tenant_id == Membership.tenant_id, RuleVersion.rule == SILENT_DAYS.name)
        .correlate(Membership)
        .scalar_subquery()
    )
    return func.greatest(Membership.joined_at, MemberActivity.active_at, begun)


async def _silent(
    db: AsyncSession, tenant_id: UUID
) -> Select[MembershipId, str, datetime, datetime | None] | None:
    """The members who have been silent for long; None where the rule asks after nobody."""
    rule = (await rules_in_force(db, tenant_id=tenant_id)).get(SILENT_DAYS.name)
    if rule is None or not rule.value:
        return None
    days = cast(literal(f"{int(rule.value)} days"), Interval)
    return (
        select(Membership.id, Membership.display_name, _heard().label("heard"), MemberActivity.asked_at)
        .outerjoin(
            MemberActivity,
            and_(
                MemberActivity.tenant_id == Membership.tenant_id,
                MemberActivity.membership_id == Membership.id,
            ),
        )
        .where(
            Membership.tenant_id == tenant_id,
            Membership.state == MembershipState.ACTIVE,
            _heard() < func.now() - days,
        )
    )
