"""Colleges: which of them count, and for how much; and whether enough members voted.

This file must never let a person weigh more than another of the same college.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from governance.counting.contest import (
    EVERYBODY,
    HALF,
    Abstention,
    CannotCount,
    College,
    Electorate,
    EmptyCollege,
)
from governance.counting.outcome import Turnout, Verdict


class Cast(NamedTuple):
    """How many ballots of a college there are, and how many of these abstain."""

    ballots: int
    abstained: int


class Attendance(NamedTuple):
    """Who voted. ``weights`` is per college that counts; ``verdict`` says why nothing can be decided, if so."""

    turnout: tuple[Turnout, ...]
    weights: dict[str, Fraction]
    verdict: Verdict | None


def attendance(electorate: Electorate, cast: Mapping[str, Cast]) -> Attendance:
    """Compare the ballots with the roll, and give each college its weight in this vote."""
    _check(electorate, cast)
    total = Cast(sum(one.ballots for one in cast.values()), sum(one.abstained for one in cast.values()))
    members = _members(electorate)
    heard = _expressed(electorate, total) > 0
    everybody = Turnout(
        college=EVERYBODY,
        members=members,
        cast=total.ballots,
        abstained=total.abstained,
        weight=Fraction(1),
        counts=heard,
    )
    weights, full = {EVERYBODY: Fraction(1)}, True
    turnout = [everybody]
    if electorate.colleges:
        weights, full = _weights(electorate, cast)
        turnout += [
            Turnout(
                college=college.id,
                members=college.members,
                cast=cast.get(college.id, Cast(0, 0)).ballots,
                abstained=cast.get(college.id, Cast(0, 0)).abstained,
                weight=weights.get(college.id, Fraction(0)),
                counts=college.id in weights,
            )
            for college in electorate.colleges
        ]
    verdict: Verdict | None = None
    if not total.ballots:
        verdict = Verdict.NO_BALLOTS
    elif not full or (members is not None and total.ballots < electorate.quorum * members):
        verdict = Verdict.NO_QUORUM
    elif not heard:
        verdict = Verdict.NO_BALLOTS
    return Attendance(tuple(turnout), weights, verdict)


def _check(electorate: Electorate, cast: Mapping[str, Cast]) -> None:
    known: dict[str, int | None] = {college.id: college.members for college in electorate.colleges}
    if not electorate.colleges:
        known[EVERYBODY] = electorate.members
    for college, votes in cast.items():
        if college not in known:
            raise CannotCount(f"a ballot is of {college!r}, which is not a college of this vote")
        roll = known[college]
        if roll is not None and votes.ballots > roll:
            place = f"college {college!r}" if college else "the roll"
            raise CannotCount(f"{votes.ballots} ballots, but {roll} members on {place}")
    if electorate.quorum and _members(electorate) is None:
        raise CannotCount("a quorum of the roll needs the number of members")


def _members(electorate: Electorate) -> int | None:
    if electorate.members is None and electorate.colleges:
        return sum(college.members for college in electorate.colleges)
    return electorate.members


def _expressed(electorate: Electorate, cast: Cast) -> int:
    """Ballots that weigh on the decision: an abstention does unless it is excluded."""
    return cast.ballots - (cast.abstained if electorate.abstention is Abstention.EXCLUDED else 0)


def _weights(electorate: Electorate, cast: Mapping[str, Cast]) -> tuple[dict[str, Fraction], bool]:
    """The weight of each college with a valid vote, and whether the decision can stand on them."""

    def valid(college: College) -> bool:
        votes = cast.get(college.id, Cast(0, 0))
        return _expressed(electorate, votes) > 0 and votes.ballots >= college.quorum * college.members

    weights = {college.id: college.weight for college in electorate.colleges if valid(college)}
    if all(college.id in weights or not college.weight for college in electorate.colleges):
        return weights, True
    if electorate.empty_college is EmptyCollege.RENORMALISE and sum(map(bool, weights.values())) > 1:
        return capped(weights), True
    return weights, False


def capped(weights: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Bring the weights of at least two colleges to 1 in their proportions, none above one half."""
    scaled = {college: weight / sum(weights.values()) for college, weight in weights.items()}
    over = [college for college, weight in scaled.items() if weight > HALF]
    if not over:
        return scaled
    rest = sum(weight for college, weight in scaled.items() if college not in over)
    return {college: HALF if college in over else weight / rest * HALF for college, weight in scaled.items()}
