"""Reviews as they are read: those of a member with their counts, and those of one mission.

Every list and every count goes through ``readable``; what is hidden or not yet revealed is neither read nor counted.
This file must never write.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from marketplace.agreements import Agreement, AgreementState
from marketplace.listings import Named
from marketplace.participants import takes_part, team_of
from marketplace.reviews import Review, Verdict, due_at_of, readable
from tenants.actors import Actor
from tenants.memberships import Membership, member
from tenants.platform.errors import NotFound


class ReviewShown(msgspec.Struct, frozen=True, kw_only=True):
    """One review as its reader may see it."""

    id: UUID
    mission_id: UUID
    author: Named
    subject: Named
    verdict: Verdict
    words: str
    written_at: datetime
    revealed: bool
    answer: str | None
    answered_at: datetime | None


class ReviewCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many readable reviews somebody has of each kind."""

    total: int
    by_verdict: dict[str, int]


class MissionReviews(msgspec.Struct, frozen=True, kw_only=True):
    """The reviews of one mission for one of its parties: what they may read, and whom they may still review."""

    mission_id: UUID
    reviews: list[ReviewShown]
    to_review: list[Named]
    until: datetime | None


def _listed() -> Select[Review, str, str, bool]:
    author, subject = aliased(Membership), aliased(Membership)
    return (
        select(
            Review,
            author.display_name.label("author"),
            subject.display_name.label("subject"),
            readable().label("revealed"),
        )
        .join(author, and_(author.tenant_id == Review.tenant_id, author.id == Review.author_id))
        .join(subject, and_(subject.tenant_id == Review.tenant_id, subject.id == Review.subject_id))
    )


def _shown(row: Any) -> ReviewShown:
    one: Review = row.Review
    return ReviewShown(
        id=one.id,
        mission_id=one.mission_id,
        author=Named(one.author_id, row.author),
        subject=Named(one.subject_id, row.subject),
        verdict=one.verdict,
        words=one.words,
        written_at=one.written_at,
        revealed=row.revealed,
        answer=one.answer,
        answered_at=one.answered_at,
    )


async def member_reviews(
    db: AsyncSession,
    *,
    actor: Actor,
    membership_id: UUID,
    before: UUID | None = None,
    limit: int | None = 20,
) -> Sequence[ReviewShown]:
    """List what others said of a member, the newest first, for members. Raises NotFound."""
    await member(db, actor=actor, membership_id=membership_id)
    query = _listed().where(
        Review.tenant_id == actor.tenant_id, Review.subject_id == membership_id, readable()
    )
    if before:
        query = query.where(Review.id < before)
    return [_shown(row) for row in await db.execute(query.order_by(Review.id.desc()).limit(limit))]


async def where_it_stands(db: AsyncSession, *, actor: Actor, review_id: UUID) -> tuple[UUID, UUID]:
    """The mission of a review that others may read, and the member it is about, for members. Raises NotFound."""
    _ = actor.member
    query = select(Review.mission_id, Review.subject_id).where(
        Review.tenant_id == actor.tenant_id, Review.id == review_id, readable()
    )
    found = (await db.execute(query)).one_or_none()
    if found is None:
        raise NotFound
    return found.mission_id, found.subject_id


async def review_counts(db: AsyncSession, *, tenant_id: UUID, membership_id: UUID) -> ReviewCounts:
    """Count what others said of a member."""
    rows = await db.execute(
        select(Review.verdict, func.count().label("number"))
        .where(Review.tenant_id == tenant_id, Review.subject_id == membership_id, readable())
        .group_by(Review.verdict)
    )
    found = {row.verdict.value: row.number for row in rows}
    return ReviewCounts(
        total=sum(found.values()), by_verdict={one.value: found.get(one, 0) for one in Verdict}
    )


async def mission_reviews(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> MissionReviews:
    """What a party may read and write about one mission that is over. Raises NotFound."""
    me = actor.member
    agreement = await db.scalar(
        select(Agreement)
        .where(
            Agreement.tenant_id == actor.tenant_id,
            Agreement.mission_id == mission_id,
            Agreement.state == AgreementState.DONE,
            takes_part(me),
        )
        .order_by(Agreement.agreed_at.desc())
        .limit(1)
    )
    if agreement is None:
        raise NotFound
    rows = await db.execute(
        _listed()
        .where(
            Review.tenant_id == actor.tenant_id,
            Review.agreement_id == agreement.id,
            # One's own, unless hidden; of the others' what anybody may read.
            or_(readable(), and_(Review.author_id == me, Review.hidden_at.is_(None))),
        )
        .order_by(Review.id)
    )
    shown = [_shown(row) for row in rows]
    others = await team_of(db, agreement) if me == agreement.payer_id else {agreement.payer_id}
    revealed = {one.subject.id for one in shown if one.author.id == me and one.revealed}
    open_until = await _open_until(db, agreement)
    return MissionReviews(
        mission_id=mission_id,
        reviews=shown,
        to_review=await _named(db, actor.tenant_id, others - revealed - {me}) if open_until else [],
        until=open_until,
    )


async def _open_until(db: AsyncSession, agreement: Agreement) -> datetime | None:
    """Until when somebody may still write about it; None once that is over."""
    until = await due_at_of(db, agreement, None)
    now: datetime = (await db.execute(select(func.now()))).scalar_one()
    return until if until > now else None


async def _named(db: AsyncSession, tenant_id: UUID, ids: set[UUID]) -> list[Named]:
    rows = await db.execute(
        select(Membership.id, Membership.display_name)
        .where(Membership.tenant_id == tenant_id, Membership.id.in_(ids))
        .order_by(Membership.sort_name)
    )
    return [Named(row.id, row.display_name) for row in rows]
