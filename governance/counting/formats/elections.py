"""An election as a file holds it, what a method makes of it, and its count.

This file must never read a file.
"""

from enum import StrEnum
from fractions import Fraction
from typing import Final

import msgspec

from governance.counting.ballots import JudgmentSums
from governance.counting.contest import (
    EVERYBODY,
    Boxes,
    CannotCount,
    Completion,
    Contest,
    EqualShares,
    Majority,
    MajorityJudgment,
    Missing,
    Rule,
    Schulze,
    Utility,
)
from governance.counting.equal_shares import Progress
from governance.counting.outcome import Outcome
from governance.counting.tally import count, count_sums


class Kind(StrEnum):
    """What a ballot of the file says."""

    RANKS = "ranks"
    GRADES = "grades"
    APPROVALS = "approvals"


class Method(StrEnum):
    """How to count it."""

    SCHULZE = "schulze"
    MAJORITY_JUDGMENT = "majority-judgment"
    MAJORITY = "majority"
    EQUAL_SHARES = "equal-shares"


class Election(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds. ``box`` has the marks of ranks (1 the first), grades (1 the best) or approvals (1).

    ``costs`` and ``budget`` are in 1/``unit`` of the file's money. ``selected`` is the result that the file tells.
    ``sums``: how often each option got each grade, where the file holds no ballots; some options may be judged less often.
    """

    kind: Kind
    options: tuple[str, ...]
    names: dict[str, str]
    box: dict[bytes, int]
    grades: tuple[str, ...] = ()
    costs: dict[str, int] = {}
    budget: int | None = None
    unit: int = 1
    selected: tuple[str, ...] | None = None
    sums: JudgmentSums | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever counts may choose."""

    method: Method
    utility: Utility = Utility.COST
    completion: Completion = Completion.ADD1U
    default_option: str | None = None
    quorum: Fraction = Fraction(0)
    majority: dict[str, Fraction] = {}


_READS: Final = {
    Method.SCHULZE: {Kind.RANKS, Kind.GRADES},
    Method.MAJORITY_JUDGMENT: {Kind.GRADES},
    Method.MAJORITY: {Kind.RANKS, Kind.GRADES, Kind.APPROVALS},
    Method.EQUAL_SHARES: {Kind.APPROVALS},
}


def counted(election: Election, asked: Asked, progress: Progress | None = None) -> tuple[Contest, Outcome]:
    """Count an election; raise CannotCount where the file does not say enough for the method."""
    contest, boxes = contest_of(election, asked)
    if election.sums is not None:
        return contest, count_sums(contest, [election.sums])
    return contest, count(contest, boxes, progress)


def contest_of(election: Election, asked: Asked) -> tuple[Contest, Boxes]:
    """What to count; raise CannotCount where the file does not say enough for the method."""
    if election.kind not in _READS[asked.method]:
        raise CannotCount(f"{asked.method} cannot be counted from {election.kind}")
    if election.sums is not None and asked.method is not Method.MAJORITY_JUDGMENT:
        raise CannotCount(
            f"{asked.method} needs ballots, and this file has only how often each grade was given"
        )
    contest = Contest(options=election.options, rule=_rule(election, asked))
    box = election.box
    if asked.method is Method.MAJORITY:
        box = {}
        for marks, count in election.box.items():
            choice = _first_choice(marks)
            box[choice] = box.get(choice, 0) + count
    return contest, {EVERYBODY: box}


def _rule(election: Election, asked: Asked) -> Rule:
    gated = asked.default_option is not None
    if asked.method is not Method.SCHULZE and (asked.quorum or asked.majority):
        raise CannotCount(
            f"{asked.method} has no quorum and no majority per option: those are gates of schulze"
        )
    match asked.method:
        case Method.SCHULZE:
            return Schulze(default_option=asked.default_option, quorum=asked.quorum, majority=asked.majority)
        case Method.MAJORITY:
            return Majority(default_option=asked.default_option)
        case Method.MAJORITY_JUDGMENT if not gated:
            missing = Missing.WORST if election.sums is None else Missing.OMIT
            return MajorityJudgment(grades=election.grades, missing=missing)
        case Method.EQUAL_SHARES if not gated and election.budget is not None:
            return EqualShares(
                budget=election.budget,
                costs=election.costs,
                utility=asked.utility,
                completion=asked.completion,
                step=election.unit,
            )
        case _:
            raise CannotCount(f"{asked.method} has no default option, or the file no budget")


def _first_choice(marks: bytes) -> bytes:
    """The one option marked first; a ballot that puts several first has chosen none."""
    marked = [mark for mark in marks if mark]
    if not marked or marked.count(min(marked)) > 1:
        return bytes(len(marks))
    first = min(marked)
    return bytes(int(mark == first) for mark in marks)
