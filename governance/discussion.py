"""Discussion: comments, questions with their answers, and supporters. Any member of the cooperative takes part.

Writing in it counts as having read the version of that moment, opening the page never does. This file must never let
support, or its lack, decide anything.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.proposal_notices import tell
from governance.proposal_states import ProposalState
from governance.proposals import Proposal, ProposalNotThere, ProposalOver, Proposed, readable
from governance.rounds import note_seen
from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_

COMMENT_LENGTH: Final = 4_000
COMMENTS_AT_MOST: Final = 500


class CommentKind(StrEnum):
    """What somebody writes in a discussion."""

    COMMENT = "comment"
    QUESTION = "question"
    ANSWER = "answer"


class ProposalComment(Base):
    """One thing said about one version; an answer names its question."""

    __tablename__ = "proposal_comments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "proposal_id", "version"],
            ["proposal_versions.tenant_id", "proposal_versions.proposal_id", "proposal_versions.number"],
        ),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "answers_id"], ["proposal_comments.tenant_id", "proposal_comments.id"]
        ),
        CheckConstraint("kind IN ('comment', 'question', 'answer')", name="kind"),
        CheckConstraint("(kind = 'answer') = (answers_id IS NOT NULL)", name="answers_a_question"),
        CheckConstraint(f"char_length(words) <= {COMMENT_LENGTH}", name="words_length"),
        Index("ix_proposal_comments_proposal", "tenant_id", "proposal_id", "id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    proposal_id: Mapped[UUID]
    version: Mapped[int]
    author_id: Mapped[MembershipId]
    kind: Mapped[CommentKind]
    answers_id: Mapped[UUID | None]
    words: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ProposalSupport(Base):
    """One member supports one proposal, whatever its version."""

    __tablename__ = "proposal_supports"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "proposal_id"], ["proposals.tenant_id", "proposals.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        Index("ix_proposal_supports_membership", "tenant_id", "membership_id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    supported_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EnoughDiscussed(Refusal):
    """The discussion is as long as one can read."""

    code = "enough_discussed"
    message = N_("Cette discussion compte déjà {most} messages : c'est le moment d'avancer.")
    default_field = "words"


async def comment_proposal(
    db: AsyncSession,
    *,
    actor: Actor,
    proposal_id: UUID,
    words: str,
    question: bool = False,
    answers: UUID | None = None,
) -> ProposalComment:
    """Write a comment, a question, or the answer to one. Any member, as long as the proposal is discussed.

    Raises NotFound, ProposalNotThere, ProposalOver, EnoughDiscussed.
    """
    one = (await _discussed(db, actor, proposal_id)).proposal
    asked = await _question(db, one, answers) if answers else None
    written = select(func.count()).where(
        ProposalComment.tenant_id == one.tenant_id, ProposalComment.proposal_id == one.id
    )
    if (await db.execute(written)).scalar_one() >= COMMENTS_AT_MOST:
        raise EnoughDiscussed(most=COMMENTS_AT_MOST)
    said = ProposalComment(
        tenant_id=one.tenant_id,
        proposal_id=one.id,
        version=one.version,
        author_id=actor.member,
        kind=CommentKind.ANSWER if asked else CommentKind.QUESTION if question else CommentKind.COMMENT,
        answers_id=answers,
        words=words,
    )
    db.add(said)
    await db.flush()
    await note_seen(db, one, actor.member, consents=False)
    if asked and asked.author_id != actor.member:
        await tell(db, one, "proposal_answered", [asked.author_id])
    elif said.kind is CommentKind.QUESTION and one.author_id != actor.member:
        await tell(db, one, "proposal_question", [one.author_id])
    return said


async def support_proposal(db: AsyncSession, *, actor: Actor, proposal_id: UUID) -> Proposed:
    """Support a proposal that is discussed; twice is once. Raises NotFound, ProposalNotThere, ProposalOver."""
    found = await _discussed(db, actor, proposal_id)
    row = {
        "tenant_id": actor.tenant_id,
        "proposal_id": found.proposal.id,
        "membership_id": actor.member,
    }
    await db.execute(insert(ProposalSupport).values(row).on_conflict_do_nothing())
    return found


async def unsupport_proposal(db: AsyncSession, *, actor: Actor, proposal_id: UUID) -> Proposed:
    """Take one's support back. Raises NotFound, ProposalNotThere, ProposalOver."""
    found = await _discussed(db, actor, proposal_id)
    await db.execute(
        delete(ProposalSupport).where(
            ProposalSupport.tenant_id == actor.tenant_id,
            ProposalSupport.proposal_id == found.proposal.id,
            ProposalSupport.membership_id == actor.member,
        )
    )
    return found


async def comments_on(db: AsyncSession, one: Proposal) -> Sequence[ProposalComment]:
    """What was said of a proposal that the caller may read, in its order."""
    query = select(ProposalComment).where(
        ProposalComment.tenant_id == one.tenant_id, ProposalComment.proposal_id == one.id
    )
    return (await db.scalars(query.order_by(ProposalComment.id))).all()


async def supporters_of(db: AsyncSession, one: Proposal) -> Sequence[MembershipId]:
    """Who supports a proposal that the caller may read, the first first."""
    query = select(ProposalSupport.membership_id).where(
        ProposalSupport.tenant_id == one.tenant_id, ProposalSupport.proposal_id == one.id
    )
    return (await db.scalars(query.order_by(ProposalSupport.supported_at))).all()


async def _discussed(db: AsyncSession, actor: Actor, proposal_id: UUID) -> Proposed:
    found = await readable(db, actor, proposal_id)
    if found.proposal.state is ProposalState.DRAFT:
        raise ProposalNotThere
    if found.proposal.state is not ProposalState.DISCUSSED:
        raise ProposalOver
    return found


async def _question(db: AsyncSession, one: Proposal, comment_id: UUID) -> ProposalComment:
    query = select(ProposalComment).where(
        ProposalComment.tenant_id == one.tenant_id,
        ProposalComment.proposal_id == one.id,
        ProposalComment.id == comment_id,
        ProposalComment.kind == CommentKind.QUESTION,
    )
    found = (await db.scalars(query)).one_or_none()
    if found is None:
        raise NotFound
    return found
