"""Ballots of open votes: one per elector, the last one before closing counts.

Whether a vote is still open is judged by the clock of the database once its row is held, so that all get one answer.
A ballot says what was marked, never by whom outside of this table; its receipt is a fingerprint that the voter finds
again in the published list. This file must never tell a ballot to anyone but its voter: see ``votes.revealed``.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    UniqueConstraint,
    and_,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.rolls import Elector, NotOnTheRoll
from governance.votes import Vote, VoteMethod, VoteOption, VoteOver, VoteState, options_of
from tenants.actors import Actor
from tenants.personal import Fate, Holding, holds
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CollegeId, CooperativeId, MembershipId
from tenants.platform.words import N_
from tenants.register import canonical

FORMAT: Final = "archipel-ballot-1"
NONCE_BYTES: Final = 16
GRADES: Final = (
    N_("Excellent"),
    N_("Très bien"),
    N_("Bien"),
    N_("Assez bien"),
    N_("Passable"),
    N_("Insuffisant"),
    N_("À rejeter"),
)
"""The grades of a majority judgment, the best first; an option without one has the last."""


class Marks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is marked on a ballot, by the method: a choice, or grades or ranks by the number of the option.

    A choice is the number of an option, 0 to abstain. Grades count from 1, the best; ranks from 1, the most wanted,
    may repeat and may leave gaps.
    """

    choice: int | None = None
    grades: dict[int, int] = {}
    ranks: dict[int, int] = {}


class Ballot(Base):
    """What one elector marked, the last time. ``receipt`` covers the marks and a nonce that only they make public."""

    __tablename__ = "ballots"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "vote_id", "membership_id"],
            ["electoral_rolls.tenant_id", "electoral_rolls.vote_id", "electoral_rolls.membership_id"],
        ),
        UniqueConstraint("tenant_id", "vote_id", "receipt"),
        CheckConstraint("receipt ~ '^[0-9a-f]{64}$' AND nonce ~ '^[0-9a-f]{32}$'", name="hexadecimal"),
        CheckConstraint("times >= 1", name="times"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    vote_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    marks: Mapped[dict[str, Any]]
    nonce: Mapped[str]
    receipt: Mapped[str]
    cast_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(server_default=text("1"))

    @property
    def marked(self) -> Marks:
        """What is on it."""
        return msgspec.convert(self.marks, Marks, str_keys=True, strict=False)


holds(
    Holding(
        table="ballots",
        title=N_("Mes bulletins de vote"),
        mine=("membership_id",),
        exported={
            "vote_id": N_("Vote"),
            "cast_at": N_("Date"),
            "marks": N_("Bulletin"),
            "receipt": N_("Le reçu"),
        },
        fate=Fate.KEPT,
        stays=("marks", "nonce", "receipt"),
        why=N_(
            "Un bulletin compté reste, sous le pseudonyme : sans lui, personne ne pourrait recompter le vote."
        ),
    )
)


class BallotUnreadable(Refusal):
    """The marks are not those of this vote's method."""

    status = 422
    code = "ballot_unreadable"
    message = N_("Ce bulletin n'est pas rempli comme ce vote le demande.")


class OptionUnknown(Refusal):
    """A mark for an option that is not on the ballot."""

    status = 422
    code = "option_unknown"
    message = N_("L'option {number} n'est pas sur le bulletin.")


class BallotEmpty(Refusal):
    """Nothing is chosen, not even to abstain."""

    status = 422
    code = "ballot_empty"
    message = N_("Rien n'est coché : votre bulletin ne dirait rien.")


@dataclass(frozen=True, slots=True)
class PublishedBallot:
    """A ballot as anyone may see it once the vote is counted: without its voter, without its time."""

    receipt: str
    nonce: str
    college_id: CollegeId | None
    marks: Marks


async def cast_ballot(db: AsyncSession, *, actor: Actor, vote_id: UUID, marks: Marks) -> Ballot:
    """Vote, or vote again: what was marked before is replaced, and its receipt with it.

    Holds the vote's row (shared) and then one's place on the roll, so that two ballots of one person follow each
    other; the clock is read after that. Raises NotFound, NotOnTheRoll, VoteOver, BallotUnreadable, BallotEmpty,
    OptionUnknown.
    """
    query = select(Vote).where(Vote.tenant_id == actor.tenant_id, Vote.id == vote_id)
    vote = (await db.scalars(query.with_for_update(read=True))).one_or_none()
    if vote is None:
        raise NotFound
    place = select(Elector).where(
        Elector.tenant_id == vote.tenant_id,
        Elector.vote_id == vote.id,
        Elector.membership_id == actor.member,
    )
    if (await db.scalars(place.with_for_update())).one_or_none() is None:
        raise NotOnTheRoll
    now = (await db.execute(select(func.clock_timestamp()))).scalar_one()
    if vote.state is not VoteState.OPEN or now >= vote.closes_at:
        raise VoteOver(closed_at=vote.closes_at)
    check_marks(vote.method, await options_of(db, vote), marks)
    stored = msgspec.to_builtins(marks, str_keys=True)
    nonce = secrets.token_hex(NONCE_BYTES)
    row = upsert(Ballot).values(
        tenant_id=vote.tenant_id,
        vote_id=vote.id,
        membership_id=actor.member,
        marks=stored,
        nonce=nonce,
        receipt=receipt_of(vote.id, nonce, stored),
        cast_at=now,
    )
    kept = row.on_conflict_do_update(
        index_elements=["tenant_id", "vote_id", "membership_id"],
        set_={name: row.excluded[name] for name in ("marks", "nonce", "receipt", "cast_at")}
        | {"times": Ballot.times + 1},
    )
    written = await db.scalars(kept.returning(Ballot), execution_options={"populate_existing": True})
    return written.one()


def receipt_of(vote_id: UUID, nonce: str, marks: Mapping[str, Any]) -> str:
    """The receipt: SHA-256 of the canonical JSON (RFC 8785) of format, vote, nonce and marks, in hexadecimal."""
    covered = {"format": FORMAT, "marks": marks, "nonce": nonce, "vote": str(vote_id)}
    return hashlib.sha256(canonical(covered).encode()).hexdigest()


def check_marks(method: VoteMethod, options: Sequence[VoteOption], marks: Marks) -> None:
    """Refuse what is no ballot of this method. A withdrawn option may be marked: it is void when counted.

    Ranks and grades may be left out, all of them too: that is an abstention. Raises BallotUnreadable, BallotEmpty,
    OptionUnknown.
    """
    asked = {VoteMethod.MAJORITY: "choice", VoteMethod.JUDGMENT: "grades", VoteMethod.SCHULZE: "ranks"}[
        method
    ]
    if set(msgspec.to_builtins(marks, str_keys=True)) - {asked}:
        raise BallotUnreadable
    if method is VoteMethod.MAJORITY and marks.choice is None:
        raise BallotEmpty("choice")
    highest = len(GRADES) if method is VoteMethod.JUDGMENT else len(options)
    given = {**marks.grades, **marks.ranks}
    if not all(1 <= one <= highest for one in given.values()):
        raise BallotUnreadable
    known = {option.number for option in options}
    for number in [*given, *([marks.choice] if marks.choice else [])]:
        if number not in known:
            raise OptionUnknown(number=number)


async def my_ballot(db: AsyncSession, *, actor: Actor, vote_id: UUID) -> Ballot | None:
    """One's own ballot as it stands, None before one has voted."""
    return await db.get(Ballot, (actor.tenant_id, vote_id, actor.member))


async def ballots_of(db: AsyncSession, vote: Vote) -> Sequence[PublishedBallot]:
    """Every ballot of a vote, in the order of the receipts: for the count, and for nobody before it."""
    rows = await db.execute(
        select(Ballot.receipt, Ballot.nonce, Elector.college_id, Ballot.marks)
        .join(
            Elector,
            and_(
                Elector.tenant_id == Ballot.tenant_id,
                Elector.vote_id == Ballot.vote_id,
                Elector.membership_id == Ballot.membership_id,
            ),
        )
        .where(Ballot.tenant_id == vote.tenant_id, Ballot.vote_id == vote.id)
        .order_by(Ballot.receipt)
    )
    return [
        PublishedBallot(
            row.receipt,
            row.nonce,
            row.college_id,
            msgspec.convert(row.marks, Marks, str_keys=True, strict=False),
        )
        for row in rows
    ]
