"""What the API takes and answers about votes. This file must never decide what may be told: see ``votes.revealed``."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from governance.ballots import Ballot
from governance.pages.votes import Explanation, Question
from governance.vote_policies import Threshold
from governance.votes import LABEL_LENGTH, VoteMethod, VotePhase, VoteShown, outcome_shown
from tenants.platform.inputs import LINE_PATTERN

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=LABEL_LENGTH, pattern=LINE_PATTERN)]
Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Small = Annotated[int, msgspec.Meta(ge=0, le=99)]
Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,2}$")]
"""The number of an option, as a key of JSON."""


class OptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One option, by its number on the ballot."""

    number: int
    label: str
    is_default: bool
    withdrawn_at: datetime | None


class VoteSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A vote in the list."""

    id: UUID
    question: str
    circle_id: UUID
    circle: str
    method: VoteMethod
    phase: VotePhase
    opened_at: datetime
    closes_at: datetime
    electors_count: int


class VoteWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """An open vote in which one has not voted."""

    id: UUID
    question: str
    closes_at: datetime


class VoteAnswer(VoteSummary, frozen=True, kw_only=True):
    """One vote; what comes from its ballots is null until it is counted."""

    explanation: str | None
    proposal_id: UUID | None
    options: list[OptionAnswer]
    policy: dict[str, Any]
    counted_at: datetime | None
    result: dict[str, Any] | None
    trace_hash: str | None
    register_seq: int | None


class BallotAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One's own ballot, and what its receipt covers."""

    marks: dict[str, Any]
    nonce: str
    receipt: str
    cast_at: datetime
    times: int


class BallotLine(msgspec.Struct, frozen=True, kw_only=True):
    """A ballot of a counted vote, without its voter: one mark per option."""

    receipt: str
    college: str
    marks: list[int]


class VoteOpening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vote to open; a majority without options is for or against."""

    circle_id: UUID
    question: Question
    method: VoteMethod
    threshold: Threshold
    closes_at: Aware
    explanation: Explanation = ""
    options: Annotated[list[Label], msgspec.Meta(max_length=100)] = []


class ProposalVoting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the vote on a proposal closes."""

    closes_at: Aware


class BallotMarks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to mark: the number of the choice (0 abstains), or grades or ranks from 1 by the number of the option."""

    choice: Small | None = None
    grades: dict[Number, Small] = {}
    ranks: dict[Number, Small] = {}


class OptionWithdrawal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The option to withdraw, by its number."""

    number: Small


def summary(shown: VoteShown) -> dict[str, Any]:
    """What the list says of a vote."""
    one = shown.vote
    return {
        "id": one.id,
        "question": one.question,
        "circle_id": one.circle_id,
        "circle": shown.circle_name,
        "method": one.method,
        "phase": shown.phase,
        "opened_at": one.opened_at,
        "closes_at": one.closes_at,
        "electors_count": one.electors_count,
    }


def shown_to(shown: VoteShown, *, member: bool = True) -> VoteAnswer:
    """A vote as a member, or as anyone, may read it."""
    one = shown.vote
    return VoteAnswer(
        **summary(shown),
        explanation=one.explanation if member else None,
        proposal_id=one.proposal_id if member else None,
        options=[
            OptionAnswer(
                number=option.number,
                label=option.label,
                is_default=option.is_default,
                withdrawn_at=option.withdrawn_at,
            )
            for option in shown.options
        ],
        policy=one.policy,
        counted_at=one.counted_at,
        result=outcome_shown(one),
        trace_hash=one.trace_hash,
        register_seq=one.register_seq,
    )


def own_ballot(ballot: Ballot) -> BallotAnswer:
    """A ballot, to whoever cast it."""
    return BallotAnswer(
        marks=ballot.marks,
        nonce=ballot.nonce,
        receipt=ballot.receipt,
        cast_at=ballot.cast_at,
        times=ballot.times,
    )
