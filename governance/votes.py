"""Votes: a question put to a circle, by a method and a policy that do not change once it is open.

Results stay hidden until a vote is counted: ``revealed`` is the one gate, and pages, API, downloads and archives ask it.
This file holds the tables, the gate and how votes are read; it must never count a ballot or change a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    and_,
    case,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

# Its table is referred to.
import governance.proposals  # noqa: F401
from governance.circles import Circle
from governance.counting.contest import Abstention, Carry, EmptyCollege, Operator, TieKind
from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CircleId, CooperativeId, MembershipId
from tenants.platform.words import N_

QUESTION_LENGTH: Final = 200
EXPLANATION_LENGTH: Final = 10_000
LABEL_LENGTH: Final = 120
MOST_OPTIONS: Final = 20


class VoteMethod(StrEnum):
    """How ballots are filled in and counted."""

    MAJORITY = "majority"
    JUDGMENT = "majority_judgment"
    SCHULZE = "schulze"


class VoteState(StrEnum):
    """Open until it is counted, which is once and after its closing time."""

    OPEN = "open"
    COUNTED = "counted"


class VotePhase(StrEnum):
    """Where a vote stands by the clock: between closing and counting nobody votes and nobody knows."""

    OPEN = "open"
    CLOSED = "closed"
    COUNTED = "counted"


class PolicyCollege(msgspec.Struct, frozen=True, kw_only=True):
    """A college as it was when the vote opened: its weight, a fraction of the whole, and its electors."""

    id: UUID
    name: str
    weight_numerator: int
    weight_denominator: int
    members: int


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one vote, frozen when it opened; ``rules`` are the versions they were copied from.

    ``carry`` is None where the cooperative votes without colleges.
    """

    threshold_numerator: int
    threshold_denominator: int
    operator: Operator
    abstention: Abstention
    quorum_percent: int
    college_quorum_percent: int
    ties: TieKind
    carry: Carry | None
    college_threshold_percent: int
    empty_college: EmptyCollege
    colleges: tuple[PolicyCollege, ...] = ()
    rules: dict[str, UUID] = {}


class Vote(Base):
    """One vote, on a question or on a proposal. ``policy`` is frozen; ``result`` and ``published`` come with the count, and ``trace_hash`` with them."""

    __tablename__ = "votes"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "circle_id"], ["circles.tenant_id", "circles.id"]),
        ForeignKeyConstraint(["tenant_id", "proposal_id"], ["proposals.tenant_id", "proposals.id"]),
        ForeignKeyConstraint(["tenant_id", "opened_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "register_seq"], ["register_lines.tenant_id", "register_lines.seq"]
        ),
        CheckConstraint("state IN ('open', 'counted')", name="state"),
        CheckConstraint("method IN ('majority', 'majority_judgment', 'schulze')", name="method"),
        CheckConstraint("closes_at > opened_at", name="closes_after_opening"),
        CheckConstraint("remind_at IS NULL OR remind_at < closes_at", name="reminds_before_closing"),
        CheckConstraint(f"char_length(question) BETWEEN 1 AND {QUESTION_LENGTH}", name="question_length"),
        CheckConstraint(f"char_length(explanation) <= {EXPLANATION_LENGTH}", name="explanation_length"),
        CheckConstraint("counted_at IS NULL OR counted_at >= closes_at", name="counted_after_closing"),
        CheckConstraint(
            "num_nonnulls(counted_at, result, published, trace_hash, register_seq) = CASE state WHEN 'counted' THEN 5 ELSE 0 END",
            name="counted_whole",
        ),
        Index("ix_votes_closing", "tenant_id", "closes_at", postgresql_where=text("state = 'open'")),
        Index("ix_votes_circle", "tenant_id", "circle_id"),
        Index("ix_votes_proposal", "tenant_id", "proposal_id"),
        Index(
            "uq_votes_one_at_a_time",
            "tenant_id",
            "proposal_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    circle_id: Mapped[CircleId]
    proposal_id: Mapped[UUID | None]
    method: Mapped[VoteMethod]
    question: Mapped[str]
    explanation: Mapped[str]
    policy: Mapped[dict[str, Any]]
    state: Mapped[VoteState] = mapped_column(server_default="open")
    opened_by: Mapped[MembershipId]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closes_at: Mapped[datetime]
    remind_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    electors_count: Mapped[int]
    counted_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    published: Mapped[str | None] = mapped_column(deferred=True)
    trace_hash: Mapped[str | None]
    register_seq: Mapped[int | None] = mapped_column(BigInteger)

    @property
    def frozen_policy(self) -> Policy:
        """The rules of this vote."""
        return msgspec.convert(self.policy, Policy)


class VoteOption(Base):
    """One option of a vote, by its number on the ballot. Withdrawn, it is void and keeps its column."""

    __tablename__ = "vote_options"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "vote_id"], ["votes.tenant_id", "votes.id"]),
        ForeignKeyConstraint(["tenant_id", "withdrawn_by"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(f"number BETWEEN 1 AND {MOST_OPTIONS + 1}", name="number"),
        CheckConstraint(f"char_length(label) BETWEEN 1 AND {LABEL_LENGTH}", name="label_length"),
        CheckConstraint("num_nonnulls(withdrawn_at, withdrawn_by) IN (0, 2)", name="withdrawn_by_whom"),
        CheckConstraint("NOT (is_default AND withdrawn_at IS NOT NULL)", name="default_stays"),
        Index(
            "uq_vote_options_default",
            "tenant_id",
            "vote_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    vote_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    label: Mapped[str]
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[MembershipId | None]


class VoteOver(Refusal):
    """The closing time has passed, by the clock of the database."""

    code = "vote_over"
    message = N_("Ce vote est clos depuis le {closed_at} : il n'accepte plus de bulletin.")


@dataclass(frozen=True, slots=True)
class VoteShown:
    """A vote with its options, and where it stands by the clock of the database."""

    vote: Vote
    options: Sequence[VoteOption]
    phase: VotePhase
    circle_name: str


# --- The gate --------------------------------------------------------------------------------------------


def revealed(vote: Vote) -> bool:
    """Whether anything about the ballots of this vote may be told: only once it is counted.

    The one gate before results, turnout and ballots. Whoever exports a whole cooperative asks ``HIDDEN``.
    """
    return vote.state is VoteState.COUNTED


def outcome_shown(vote: Vote) -> dict[str, Any] | None:
    """The outcome as JSON, None until it may be told."""
    return vote.result if revealed(vote) else None


HIDDEN: Final = "SELECT count(*) FROM votes WHERE tenant_id = $1 AND state <> 'counted'"
"""The same gate in SQL, for who copies the tables themselves: how many votes have ballots nobody may see yet."""


# --- Reading ---------------------------------------------------------------------------------------------

_PHASE: Final = case(
    (Vote.state == VoteState.COUNTED, literal(VotePhase.COUNTED.value)),
    (func.clock_timestamp() < Vote.closes_at, literal(VotePhase.OPEN.value)),
    else_=literal(VotePhase.CLOSED.value),
)

_VOTES: Final = select(Vote, _PHASE, Circle.name).join(
    Circle, and_(Circle.tenant_id == Vote.tenant_id, Circle.id == Vote.circle_id)
)


async def vote(db: AsyncSession, *, tenant_id: UUID, actor: Actor | None, vote_id: UUID) -> VoteShown:
    """One vote: to members, and once it is counted to anyone. Raises NotFound."""
    query = _VOTES.where(Vote.tenant_id == tenant_id, Vote.id == vote_id)
    row = (await db.execute(query)).one_or_none()
    if row is None or (actor is None and not revealed(row[0])):
        raise NotFound
    return VoteShown(row[0], await options_of(db, row[0]), VotePhase(row[1]), row[2])


async def options_of(db: AsyncSession, vote: Vote) -> Sequence[VoteOption]:
    """The options in the order of the ballot, the withdrawn ones too."""
    query = select(VoteOption).where(VoteOption.tenant_id == vote.tenant_id, VoteOption.vote_id == vote.id)
    return (await db.scalars(query.order_by(VoteOption.number))).all()


async def votes(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    actor: Actor | None,
    after: tuple[int, UUID] | None = None,
    limit: int | None = 20,
) -> Sequence[VoteShown]:
    """List votes, those not yet counted first and then the newest first; a stranger sees those counted.

    ``after`` is where the page before ended: 0 or 1 for counted or not, and the id. Options are left out.
    """
    standing = case((Vote.state == VoteState.COUNTED, 0), else_=1)
    query = _VOTES.where(Vote.tenant_id == tenant_id)
    if actor is None:
        query = query.where(Vote.state == VoteState.COUNTED)
    if after is not None:
        query = query.where(tuple_(standing, Vote.id) < tuple_(*after))
    rows = await db.execute(query.order_by(standing.desc(), Vote.id.desc()).limit(limit))
    return [VoteShown(row[0], (), VotePhase(row[1]), row[2]) for row in rows]
