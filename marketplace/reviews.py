"""Reviews after a mission: what each side says of the other, read by neither before both have written.

They are revealed when both are in, or once the days of the rule are over, after which nobody writes any more: so no
review answers another. A revealed review never changes; who was reviewed answers once, and a mediator may hide it.
``readable`` is the one condition under which anybody but its author reads or counts a review.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    and_,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.agreements import Agreement, AgreementState
from marketplace.events import ReviewsRevealed
from marketplace.missions import Mission, lock_mission
from marketplace.participants import takes_part, team_of
from marketplace.rules import REVIEW_DAYS
from tenants import rulebook
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.inputs import PROSE_PATTERN
from tenants.platform.outbox import emit
from tenants.platform.words import N_

REVIEW_LENGTH: Final = 2_000


class Verdict(StrEnum):
    """How it went, in four steps."""

    GLADLY = "gladly"
    WELL = "well"
    MIXED = "mixed"
    BADLY = "badly"


VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.GLADLY: N_("Très bien passé, je recommence volontiers"),
    Verdict.WELL: N_("Bien passé"),
    Verdict.MIXED: N_("Des difficultés, que nous avons surmontées"),
    Verdict.BADLY: N_("Mal passé"),
}

ReviewText = Annotated[str, msgspec.Meta(min_length=1, max_length=REVIEW_LENGTH, pattern=PROSE_PATTERN)]


class Review(Base):
    """What one party says of another. ``due_at`` is when it is revealed whatever the other does."""

    __tablename__ = "reviews"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "agreement_id"], ["agreements.tenant_id", "agreements.id"]),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "subject_id"], ["memberships.tenant_id", "memberships.id"]),
        UniqueConstraint("tenant_id", "agreement_id", "author_id", "subject_id"),
        CheckConstraint("author_id <> subject_id", name="not_of_oneself"),
        CheckConstraint("verdict IN ('gladly', 'well', 'mixed', 'badly')", name="verdict"),
        CheckConstraint(f"char_length(words) BETWEEN 1 AND {REVIEW_LENGTH}", name="words_length"),
        CheckConstraint(f"char_length(answer) BETWEEN 1 AND {REVIEW_LENGTH}", name="answer_length"),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
        Index("ix_reviews_subject", "tenant_id", "subject_id", text("id DESC")),
        Index("ix_reviews_author", "tenant_id", "author_id"),
        Index("ix_reviews_unrevealed", "tenant_id", "due_at", postgresql_where=text("revealed_at IS NULL")),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    mission_id: Mapped[UUID]
    agreement_id: Mapped[UUID]
    author_id: Mapped[UUID]
    subject_id: Mapped[UUID]
    verdict: Mapped[Verdict]
    words: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime]
    revealed_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    hidden_at: Mapped[datetime | None]


class ReviewTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What one says of somebody one worked with."""

    subject_id: UUID
    verdict: Verdict
    words: ReviewText


class NotYetOver(Refusal):
    """The mission is not over, or the days for writing about it have passed."""

    code = "review_not_open"
    message = N_("On donne son avis une fois la mission réglée, et pendant les jours que la règle prévoit.")


class Revealed(Refusal):
    """What the other may have read does not change any more."""

    code = "review_revealed"
    message = N_("Cet avis est publié : il ne change plus.")


class AnsweredAlready(Refusal):
    """A review is answered once."""

    code = "review_answered"
    message = N_("Vous avez déjà répondu à cet avis.")


def readable() -> ColumnElement[bool]:
    """Whether a review may be read and counted by others than its author: revealed and not hidden."""
    return and_(or_(Review.revealed_at.is_not(None), Review.due_at <= func.now()), Review.hidden_at.is_(None))


async def write_review(db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: ReviewTerms) -> Review:
    """Say how it went with somebody; before it is revealed one may say it otherwise.

    Client and each provider review each other, providers do not review among themselves. Holds the mission's lock.
    Raises NotFound, NotYetOver, Revealed.
    """
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    agreement = await _ended_agreement(db, actor, mission)
    team = await team_of(db, agreement)
    pair = {actor.member, terms.subject_id}
    if (
        agreement.payer_id not in pair
        or not pair - {agreement.payer_id}
        or not pair <= {agreement.payer_id, *team}
    ):
        raise NotFound
    own = await _review(db, agreement, actor.member, terms.subject_id)
    theirs = await _review(db, agreement, terms.subject_id, actor.member)
    now = (await db.execute(select(func.clock_timestamp()))).scalar_one()
    due_at = await due_at_of(db, agreement, own or theirs)
    if own is not None and (own.revealed_at or own.due_at <= now):
        raise Revealed
    if due_at <= now:
        raise NotYetOver
    if own is None:
        own = Review(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            author_id=actor.member,
            subject_id=terms.subject_id,
            due_at=due_at,
        )
        db.add(own)
    own.verdict, own.words, own.written_at = terms.verdict, terms.words, now
    if theirs is not None:
        own.revealed_at = theirs.revealed_at = now
        await _tell(db, actor.tenant_id, mission.id, agreement.id, pair)
    await db.flush()
    return own


async def answer_review(db: AsyncSession, *, actor: Actor, review_id: UUID, answer: str) -> Review:
    """Answer, once, a review of oneself that is revealed. Raises NotFound, AnsweredAlready."""
    review = await db.scalar(
        select(Review)
        .where(
            Review.tenant_id == actor.tenant_id,
            Review.id == review_id,
            Review.subject_id == actor.member,
            readable(),
        )
        .with_for_update()
    )
    if review is None:
        raise NotFound
    if review.answer is not None:
        raise AnsweredAlready
    review.answer, review.answered_at = answer, await db.scalar(select(func.now()))
    await db.flush()
    await record(db, actor=actor, action="marketplace:review:answered", subject_id=review.id)
    return review


async def reveal_due_reviews(db: AsyncSession, *, tenant_id: UUID, most: int = 500) -> int:
    """Note which reviews the days have revealed, and tell those who were reviewed. The clock's."""
    due = (
        await db.scalars(
            select(Review)
            .where(Review.tenant_id == tenant_id, Review.revealed_at.is_(None), Review.due_at <= func.now())
            .order_by(Review.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
    ).all()
    for one in due:
        one.revealed_at = one.due_at
        if one.hidden_at is None:
            await _tell(db, tenant_id, one.mission_id, one.agreement_id, {one.subject_id})
    await db.flush()
    return len(due)


async def _tell(
    db: AsyncSession, tenant_id: Any, mission_id: UUID, agreement_id: UUID, to: Sequence[UUID] | set[UUID]
) -> None:
    await emit(
        db,
        ReviewsRevealed(
            tenant_id=tenant_id, mission_id=mission_id, agreement_id=agreement_id, to=tuple(sorted(to))
        ),
    )


async def _ended_agreement(db: AsyncSession, actor: Actor, mission: Mission) -> Agreement:
    found = await db.scalar(
        select(Agreement)
        .where(
            Agreement.tenant_id == actor.tenant_id,
            Agreement.mission_id == mission.id,
            Agreement.state.in_((AgreementState.ACTIVE, AgreementState.DONE)),
            takes_part(actor.member),
        )
        .order_by(Agreement.agreed_at.desc())
        .limit(1)
    )
    if found is None:
        raise NotFound
    if found.state is not AgreementState.DONE or found.ended_at is None:
        raise NotYetOver
    return found


async def _review(db: AsyncSession, agreement: Agreement, author: UUID, subject: UUID) -> Review | None:
    return await db.scalar(
        select(Review)
        .where(
            Review.tenant_id == agreement.tenant_id,
            Review.agreement_id == agreement.id,
            Review.author_id == author,
            Review.subject_id == subject,
        )
        .with_for_update()
    )


async def due_at_of(db: AsyncSession, agreement: Agreement, written: Review | None) -> datetime:
    """Until when the two may write: what the first review fixed, else the rule in force counted from the end."""
    if written is not None:
        return written.due_at
    days = (await rulebook.at(db, rule=REVIEW_DAYS, tenant_id=agreement.tenant_id)).value
    query = select(Agreement.ended_at + func.make_interval(0, 0, 0, days)).where(
        Agreement.tenant_id == agreement.tenant_id, Agreement.id == agreement.id
    )
    due = (await db.execute(query)).scalar_one()
    assert due is not None, "an agreement that is done has ended"
    return due
