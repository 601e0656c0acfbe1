"""Counts as they are kept and shown: the outcome with its working, and the file by which anyone recounts.

This file must never count.
"""

from fractions import Fraction
from typing import Any

import msgspec

from governance.counting.majority import MajorityWorking
from governance.counting.majority_judgment import JudgmentWorking
from governance.counting.outcome import Outcome, Tie, Turnout, Verdict
from governance.counting.schulze import SchulzeWorking
from governance.counting.trace import plain
from governance.votes import Vote, revealed


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a vote, as it was kept."""

    verdict: Verdict
    winners: tuple[str, ...]
    ranking: tuple[tuple[str, ...], ...]
    ties: tuple[Tie, ...]
    turnout: tuple[Turnout, ...]
    working: MajorityWorking | JudgmentWorking | SchulzeWorking
    trace: str


def stored(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON, fractions as text."""
    kept = msgspec.to_builtins(outcome, enc_hook=plain)
    assert isinstance(kept, dict), "an outcome is an object"
    return kept


def counted(vote: Vote) -> Counted | None:
    """The outcome of a vote, None until it may be told."""
    if not revealed(vote) or vote.result is None:
        return None
    return msgspec.convert(vote.result, Counted, dec_hook=_fraction)


def _fraction(kind: type, value: Any) -> Any:
    assert kind is Fraction, f"{kind} is not kept in an outcome"
    return Fraction(value)
