"""Contests: any member may say that a rule should be looked at again; enough of them reopen it, and so does time.

A contest is of one version of a rule, and falls with it. A reopened rule stays in force: its circle changes or confirms
it by a proposal. This file must never change a rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    and_,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.circles import circle_for, circle_members
from governance.proposal_rules import CONTEST_THRESHOLD, REVIEW_DAYS
from tenants import audit
from tenants.actors import Actor
from tenants.memberships import Membership, MembershipState
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.platform.clock import Tick
from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_
from tenants.rulebook import at, lock_rulebook, rules_in_force, value_in_force
from tenants.rules import rule_named

REASON_LENGTH: Final = 500

declare_notices(
    NoticeKind(
        "rule_reopened",
        N_("Des membres contestent une règle dont votre cercle décide : changez-la, ou confirmez-la."),
        "/rules/{rule}",
        topic=Topic.DECISIONS,
        waits=True,
    ),
    NoticeKind(
        "rules_to_review",
        N_("Règles que votre cercle devait relire ce jour : {count}."),
        "/rules/{rule}",
        topic=Topic.DECISIONS,
        mailed=False,
        waits=True,
    ),
)


class ReviewCause(StrEnum):
    """Why a rule is to be looked at again."""

    CONTESTED = "contested"
    DUE = "due"


class RuleContest(Base):
    """One member contests one version of a rule, and says why."""

    __tablename__ = "rule_contests"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "version_id"], ["rule_versions.tenant_id", "rule_versions.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(f"char_length(reason) <= {REASON_LENGTH}", name="reason_length"),
        Index("ix_rule_contests_membership", "tenant_id", "membership_id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    reason: Mapped[str]
    contested_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RuleReview(Base):
    """A version of a rule is to be looked at again: enough members contest it, or its time has come."""

    __tablename__ = "rule_reviews"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "version_id"], ["rule_versions.tenant_id", "rule_versions.id"]),
        UniqueConstraint("tenant_id", "version_id", "cause"),
        CheckConstraint("cause IN ('contested', 'due')", name="cause"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    version_id: Mapped[UUID]
    cause: Mapped[ReviewCause]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RuleReviewsDue(Tick, frozen=True, kw_only=True):
    """A new day: rules whose time has come are to be read again by the circle that decides them."""


class Contest(NamedTuple):
    """Who contests a rule, and why."""

    who: UUID
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Contested:
    """How the version in force is contested: by how many, how many reopen it, who says what, what reopened it."""

    contests: Sequence[Contest]
    needed: int
    causes: frozenset[ReviewCause]


async def contest_rule(db: AsyncSession, *, actor: Actor, rule: str, reason: str) -> Contested:
    """Contest the version in force, for a reason that members read; twice, the newer reason stands.

    The one that reaches the threshold reopens the rule and tells its circle, once. Takes the rulebook's lock. Raises
    NotFound, NoRuleInForce.
    """
    member = actor.member
    declared = rule_named(rule)
    await lock_rulebook(db, tenant_id=actor.tenant_id)
    version = await at(db, rule=declared, tenant_id=actor.tenant_id)
    row = {
        "tenant_id": actor.tenant_id,
        "version_id": version.id,
        "membership_id": member,
        "reason": reason,
    }
    statement = insert(RuleContest).values(row)
    await db.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "version_id", "membership_id"], set_={"reason": reason}
        )
    )
    found = await contested(db, tenant_id=actor.tenant_id, version_id=version.id)
    if len(found.contests) >= found.needed and ReviewCause.CONTESTED not in found.causes:
        await _reopen(db, actor.tenant_id, [version.id], ReviewCause.CONTESTED)
        await audit.record(
            db,
            actor=Actor.system(actor.tenant_id),
            action="governance:rule:reopened",
            subject_id=version.id,
            facts={"rule": rule, "contests": len(found.contests)},
        )
        circle = await circle_for(db, actor.tenant_id, f"rule:{rule}")
        await notify_members(
            db,
            tenant_id=actor.tenant_id,
            membership_ids=await circle_members(db, actor.tenant_id, circle.id),
            kind="rule_reopened",
            facts={"rule": rule},
        )
        found = await contested(db, tenant_id=actor.tenant_id, version_id=version.id)
    return found


async def uncontest_rule(db: AsyncSession, *, actor: Actor, rule: str) -> Contested:
    """Take one's contest back; a rule that was reopened stays so. Raises NotFound, NoRuleInForce."""
    version = await at(db, rule=rule_named(rule), tenant_id=actor.tenant_id)
    await db.execute(
        delete(RuleContest).where(
            RuleContest.tenant_id == actor.tenant_id,
            RuleContest.version_id == version.id,
            RuleContest.membership_id == actor.member,
        )
    )
    return await contested(db, tenant_id=actor.tenant_id, version_id=version.id)


async def contested(
    db: AsyncSession, *, tenant_id: CooperativeId, version_id: UUID, percent: int | None = None
) -> Contested:
    """How a version of a rule is contested by members who are active now; ``percent`` is the threshold, if known."""
    query = (
        select(RuleContest.membership_id, Membership.display_name, RuleContest.reason)
        .join(
            Membership,
            and_(Membership.tenant_id == RuleContest.tenant_id, Membership.id == RuleContest.membership_id),
        )
        .where(
            RuleContest.tenant_id == tenant_id,
            RuleContest.version_id == version_id,
            Membership.state == MembershipState.ACTIVE,
        )
        .order_by(RuleContest.contested_at)
    )
    contests = [Contest(*row) for row in await db.execute(query)]
    if percent is None:
        percent = int(await value_in_force(db, rule=CONTEST_THRESHOLD, tenant_id=tenant_id))
    active = select(func.count()).where(
        Membership.tenant_id == tenant_id, Membership.state == MembershipState.ACTIVE
    )
    causes = select(func.array_agg(RuleReview.cause)).where(
        RuleReview.tenant_id == tenant_id, RuleReview.version_id == version_id
    )
    members, found = (await db.execute(select(active.scalar_subquery(), causes.scalar_subquery()))).one()
    return Contested(
        contests=contests,
        # At least this share of the members, rounded up, and never less than two of them.
        needed=max(min(2, members), -(-members * percent // 100)),
        causes=frozenset(ReviewCause(one) for one in found or ()),
    )


async def reopened(db: AsyncSession, *, tenant_id: UUID, version_id: UUID) -> frozenset[ReviewCause]:
    """Why a version is to be looked at again; empty when nothing asks for it."""
    query = select(RuleReview.cause).where(
        RuleReview.tenant_id == tenant_id, RuleReview.version_id == version_id
    )
    return frozenset(await db.scalars(query))


async def review_rules(db: AsyncSession, event: RuleReviewsDue) -> None:
    """Remind each circle, once for each version, of its rules that have stood for their time: hears RuleReviewsDue."""
    days = await value_in_force(db, rule=REVIEW_DAYS, tenant_id=event.tenant_id)
    if not days:
        return
    oldest = (await db.execute(select(func.now() - func.make_interval(0, 0, 0, days)))).scalar_one()
    in_force = await rules_in_force(db, tenant_id=event.tenant_id)
    late = {version.id: name for name, version in in_force.items() if version.since <= oldest}
    written = await _reopen(db, event.tenant_id, list(late), ReviewCause.DUE)
    by_circle: dict[UUID, list[str]] = {}
    for version_id in written:
        circle = await circle_for(db, event.tenant_id, f"rule:{late[version_id]}")
        by_circle.setdefault(circle.id, []).append(late[version_id])
    for circle_id, names in by_circle.items():
        await notify_members(
            db,
            tenant_id=event.tenant_id,
            membership_ids=await circle_members(db, event.tenant_id, circle_id),
            kind="rules_to_review",
            facts={"count": len(names), "rule": min(names)},
        )


async def _reopen(
    db: AsyncSession, tenant_id: CooperativeId, version_ids: Sequence[UUID], cause: ReviewCause
) -> Sequence[UUID]:
    """Write that these versions are to be looked at; returns those of which it was not written yet."""
    if not version_ids:
        return []
    rows: list[Mapping[str, object]] = [
        {"tenant_id": tenant_id, "version_id": one, "cause": cause.value} for one in sorted(version_ids)
    ]
    statement = insert(RuleReview).values(rows).on_conflict_do_nothing().returning(RuleReview.version_id)
    return (await db.scalars(statement)).all()
