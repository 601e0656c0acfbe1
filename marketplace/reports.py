"""Reports: a message or a review that somebody brings before the mediators, who leave it or hide it with a reason.

What is hidden stays in the database, with who hid it and why, and is shown to mediators alone; everybody else reads
that it was hidden. A mediator never decides about what they wrote, received or reported. This file must never
change a word of what was reported.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from marketplace.conversations import thread
from marketplace.events import ReportDecided, ReportMade
from marketplace.messages import Message
from marketplace.reviews import Review, readable
from tenants.actors import Actor, Role
from tenants.audit import record
from tenants.memberships import Membership
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.inputs import PROSE_PATTERN
from tenants.platform.outbox import emit
from tenants.platform.words import N_

REASON_LENGTH: Final = 1_000

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=PROSE_PATTERN)]


class Outcome(StrEnum):
    """What a mediator decided."""

    LEFT = "left"
    HIDDEN = "hidden"


class Report(Base):
    """One report, of a message or of a review; without an outcome it waits for a mediator."""

    __tablename__ = "reports"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "message_id"], ["messages.tenant_id", "messages.id"]),
        ForeignKeyConstraint(["tenant_id", "review_id"], ["reviews.tenant_id", "reviews.id"]),
        ForeignKeyConstraint(["tenant_id", "reporter_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "decided_by"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("num_nonnulls(message_id, review_id) = 1", name="of_one_thing"),
        CheckConstraint("outcome IN ('left', 'hidden')", name="outcome"),
        CheckConstraint(
            "num_nonnulls(outcome, decided_by, decided_at, decision) IN (0, 4)", name="decided_whole"
        ),
        CheckConstraint(f"char_length(reason) BETWEEN 1 AND {REASON_LENGTH}", name="reason_length"),
        CheckConstraint(f"char_length(decision) BETWEEN 1 AND {REASON_LENGTH}", name="decision_length"),
        Index(
            "uq_reports_open_message",
            "tenant_id",
            "message_id",
            unique=True,
            postgresql_where=text("outcome IS NULL AND message_id IS NOT NULL"),
        ),
        Index(
            "uq_reports_open_review",
            "tenant_id",
            "review_id",
            unique=True,
            postgresql_where=text("outcome IS NULL AND review_id IS NOT NULL"),
        ),
        Index("ix_reports_tenant_id_id", "tenant_id", text("id DESC")),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    message_id: Mapped[UUID | None]
    review_id: Mapped[UUID | None]
    reporter_id: Mapped[UUID]
    reason: Mapped[str]
    reported_at: Mapped[datetime] = mapped_column(server_default=func.now())
    outcome: Mapped[Outcome | None]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]


class ReportedAlready(Refusal):
    """The mediators have it before them already."""

    code = "reported_already"
    message = N_("C'est déjà signalé : la médiation va le lire.")


class DecidedAlready(Refusal):
    """Another mediator was quicker."""

    code = "report_decided"
    message = N_("Ce signalement a déjà reçu une réponse.")


class ReportShown(msgspec.Struct, frozen=True, kw_only=True):
    """One report before the mediators. ``may_decide`` is false for who has a part in it."""

    id: UUID
    what: str
    mission_id: UUID
    author: str
    reporter: str
    reported: str
    reason: str
    reported_at: datetime
    outcome: Outcome | None
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    may_decide: bool


async def report_message(db: AsyncSession, *, actor: Actor, message_id: UUID, reason: str) -> Report:
    """Bring a message that one received before the mediators. Raises NotFound, ReportedAlready."""
    found = await db.scalar(
        select(Message)
        .where(
            Message.tenant_id == actor.tenant_id,
            Message.id == message_id,
            Message.author_id != actor.member,
            Message.hidden_at.is_(None),
        )
        .with_for_update()
    )
    if found is None:
        raise NotFound
    await thread(db, actor=actor, mission_id=found.mission_id, thread_id=found.thread_id)
    return await _report(db, actor, Report(message_id=message_id, reason=reason), against=found.author_id)


async def report_review(db: AsyncSession, *, actor: Actor, review_id: UUID, reason: str) -> Report:
    """Bring a review that one may read before the mediators. Raises NotFound, ReportedAlready."""
    member = actor.member
    found = await db.scalar(
        select(Review)
        .where(
            Review.tenant_id == actor.tenant_id,
            Review.id == review_id,
            Review.author_id != member,
            readable(),
        )
        .with_for_update()
    )
    if found is None:
        raise NotFound
    return await _report(db, actor, Report(review_id=review_id, reason=reason), against=found.author_id)


async def _report(db: AsyncSession, actor: Actor, report: Report, *, against: UUID) -> Report:
    """Write the report; the caller holds what is reported."""
    waiting = await db.scalar(
        select(Report.id).where(
            Report.tenant_id == actor.tenant_id,
            Report.outcome.is_(None),
            Report.message_id == report.message_id
            if report.message_id
            else Report.review_id == report.review_id,
        )
    )
    if waiting:
        raise ReportedAlready
    report.tenant_id, report.reporter_id = actor.tenant_id, actor.member
    db.add(report)
    await db.flush()
    await emit(
        db, ReportMade(tenant_id=actor.tenant_id, report_id=report.id, by=actor.member, against=against)
    )
    return report


async def reports(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int = 20, waiting: bool = False
) -> Sequence[ReportShown]:
    """List reports, the newest first, for the mediators. ``waiting``: only those without an answer.

    Who reported what a mediator wrote themself is told to the other mediators alone.
    """
    actor.must_hold(Role.MEDIATOR)
    author, reporter, decider = aliased(Membership), aliased(Membership), aliased(Membership)
    author_id = func.coalesce(Message.author_id, Review.author_id)
    query = (
        select(
            Report,
            func.coalesce(Message.body, Review.words).label("reported"),
            func.coalesce(Message.mission_id, Review.mission_id).label("mission_id"),
            author_id.label("author_id"),
            Review.subject_id,
            Message.bidder_id,
            author.display_name.label("author"),
            reporter.display_name.label("reporter"),
            decider.display_name.label("decider"),
        )
        .outerjoin(Message, and_(Message.tenant_id == Report.tenant_id, Message.id == Report.message_id))
        .outerjoin(Review, and_(Review.tenant_id == Report.tenant_id, Review.id == Report.review_id))
        .join(author, and_(author.tenant_id == Report.tenant_id, author.id == author_id))
        .join(reporter, and_(reporter.tenant_id == Report.tenant_id, reporter.id == Report.reporter_id))
        .outerjoin(decider, and_(decider.tenant_id == Report.tenant_id, decider.id == Report.decided_by))
        .where(Report.tenant_id == actor.tenant_id, author_id != actor.member)
        .order_by(Report.id.desc())
        .limit(limit)
    )
    if waiting:
        query = query.where(Report.outcome.is_(None))
    if before:
        query = query.where(Report.id < before)
    return [_shown(row, actor.member) for row in await db.execute(query)]


def _shown(row: Any, me: UUID) -> ReportShown:
    report: Report = row.Report
    involved = {report.reporter_id, row.author_id, row.subject_id, row.bidder_id}
    return ReportShown(
        id=report.id,
        what="message" if report.message_id else "review",
        mission_id=row.mission_id,
        author=row.author,
        reporter=row.reporter,
        reported=row.reported,
        reason=report.reason,
        reported_at=report.reported_at,
        outcome=report.outcome,
        decision=report.decision,
        decided_by=row.decider,
        decided_at=report.decided_at,
        may_decide=report.outcome is None and me not in involved,
    )


async def decide_report(
    db: AsyncSession, *, actor: Actor, report_id: UUID, outcome: Outcome, decision: str
) -> Report:
    """Leave what was reported, or hide it, with a reason that its author and the reporter are told of.

    A mediator who has no part in it. Raises NotFound, NotAllowed, DecidedAlready.
    """
    actor.must_hold(Role.MEDIATOR)
    report = await db.scalar(
        select(Report).where(Report.tenant_id == actor.tenant_id, Report.id == report_id).with_for_update()
    )
    if report is None:
        raise NotFound
    if report.outcome is not None:
        raise DecidedAlready
    author_id = await _must_stand_apart(db, actor, report)
    now = await db.scalar(select(func.now()))
    report.outcome, report.decision = outcome, decision
    report.decided_by, report.decided_at = actor.member, now
    if outcome is Outcome.HIDDEN:
        thing: Message | Review = (
            await db.get_one(Message, (actor.tenant_id, report.message_id))
            if report.message_id
            else await db.get_one(Review, (actor.tenant_id, report.review_id))
        )
        thing.hidden_at = now
    await db.flush()
    await record(db, actor=actor, action=f"marketplace:report:{outcome.value}", subject_id=report.id)
    await emit(
        db,
        ReportDecided(
            tenant_id=actor.tenant_id,
            report_id=report.id,
            by=report.reporter_id,
            author_id=author_id,
            hidden=outcome is Outcome.HIDDEN,
        ),
    )
    return report


async def _must_stand_apart(db: AsyncSession, actor: Actor, report: Report) -> UUID:
    """Refuse a mediator who has a part in what was reported; return who wrote it."""
    if report.message_id:
        message = await db.get_one(Message, (actor.tenant_id, report.message_id))
        try:
            await thread(db, actor=actor, mission_id=message.mission_id, thread_id=message.thread_id)
        except NotFound:
            author, apart = message.author_id, True
        else:
            author, apart = message.author_id, False
    else:
        review = await db.get_one(Review, (actor.tenant_id, report.review_id))
        author, apart = review.author_id, actor.member not in {review.author_id, review.subject_id}
    if not apart or actor.member == report.reporter_id:
        raise NotAllowed
    return author
