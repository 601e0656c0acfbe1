"""Counts as they are kept and shown: the outcome with its working, and the file by which anyone recounts.

This file must never count, nor hand out anything of a vote that is not yet ``revealed``.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.ballots import PublishedBallot
from governance.counting.contest import EVERYBODY, Contest
from governance.counting.outcome import Outcome
from governance.counting.published import PublishedBallot as BallotLine
from governance.counting.published import PublishedVote, read, written
from governance.counting.trace import plain
from governance.tallies import id_of, marks_of
from governance.votes import Vote, VoteOption, revealed
from tenants.platform.errors import NotFound

MOMENT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def publish(
    vote: Vote,
    options: Sequence[VoteOption],
    ballots: Sequence[PublishedBallot],
    contest: Contest,
    outcome: Outcome,
) -> str:
    """The text of the public file: every ballot with its receipt, in the order of the receipts, and no voter."""
    colleges = vote.frozen_policy.colleges
    file = PublishedVote(
        cooperative=str(vote.tenant_id),
        vote=str(vote.id),
        question=vote.question,
        opened_at=_said(vote.opened_at),
        closed_at=_said(vote.closes_at),
        labels={id_of(one): one.label for one in options} | {str(one.id): one.name for one in colleges},
        contest=contest,
        ballots=tuple(
            BallotLine(
                marks=tuple(marks_of(one.marks, options)),
                college=str(one.college_id) if colleges else EVERYBODY,
                receipt=one.receipt,
            )
            for one in ballots
        ),
        result=outcome,
    )
    return written(file).decode()


def _said(at: datetime) -> str:
    return at.astimezone(UTC).strftime(MOMENT)


def stored(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON, fractions as text."""
    kept = msgspec.to_builtins(outcome, enc_hook=plain)
    assert isinstance(kept, dict), "an outcome is an object"
    return kept


def outcome_of(vote: Vote) -> Outcome | None:
    """The outcome of a vote, None until it may be told."""
    if not revealed(vote) or vote.result is None:
        return None
    return msgspec.convert(vote.result, Outcome, dec_hook=_fraction)


def _fraction(kind: type, value: Any) -> Any:
    assert kind is Fraction, f"{kind} is not kept in an outcome"
    return Fraction(value)


async def vote_file(db: AsyncSession, *, tenant_id: UUID, vote_id: UUID) -> str:
    """The public file of a counted vote, for anyone. Raises NotFound, also while it is not counted."""
    one = await db.get(Vote, (tenant_id, vote_id))
    if one is None or not revealed(one):
        raise NotFound
    query = select(Vote.published).where(Vote.tenant_id == tenant_id, Vote.id == vote_id)
    text = (await db.execute(query)).scalar_one()
    assert text is not None, "the table says so"
    return text


async def published_ballots(
    db: AsyncSession, *, tenant_id: UUID, vote_id: UUID
) -> tuple[PublishedVote, Sequence[BallotLine]]:
    """The ballots of a counted vote as its public file lists them, in the order of the receipts. Raises NotFound."""
    file = read((await vote_file(db, tenant_id=tenant_id, vote_id=vote_id)).encode())
    return file, file.ballots or ()
