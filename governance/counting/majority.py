"""Majority, simple or qualified, alone or under weighted colleges (ALGORITHMS 3.4).

Proportional: an option's score is the sum over colleges of weight times its share there. En bloc: a college gives its
whole weight to the one option that passes the threshold inside it, else to the default. Scores are exact fractions.
This file must never read more than how many chose what.
"""

from collections.abc import Sequence
from fractions import Fraction

from governance.counting.ballots import MajoritySums
from governance.counting.colleges import Attendance, Cast, attendance
from governance.counting.contest import (
    EVERYBODY,
    HALF,
    Abstention,
    Carry,
    Contest,
    Majority,
    Operator,
)
from governance.counting.outcome import Outcome, Tie, Verdict
from governance.counting.ties import settle
from governance.counting.workings import CollegeVote, MajorityWorking


def count_majority(contest: Contest, rule: Majority, sums: Sequence[MajoritySums], seed: str) -> Outcome:
    """Count. ``seed`` is the hash of the ballots, for a lot."""
    votes = {one.college: _without_void(contest, one) for one in sums}
    present = attendance(
        contest.electorate, {college: Cast(one.cast, one.abstained) for college, one in votes.items()}
    )
    nobody = MajoritySums(votes=(0,) * len(contest.options), abstained=0)
    places = [college.id for college in contest.electorate.colleges] or [EVERYBODY]
    colleges = tuple(
        _college(contest, rule, college, votes.get(college, nobody), present) for college in places
    )
    scores = {option: _score(contest, option, colleges) for option in contest.standing}
    working = MajorityWorking(colleges=colleges, scores=scores)
    verdict, winners, ties = _decide(contest, rule, scores, seed)
    if present.verdict is not None:
        verdict, winners, ties = present.verdict, (), ()
    return Outcome(
        verdict=verdict,
        winners=winners,
        ranking=_tiers(scores),
        ties=ties,
        turnout=present.turnout,
        working=working,
    )


def _without_void(contest: Contest, sums: MajoritySums) -> MajoritySums:
    """Whoever chose an option withdrawn since has chosen none."""
    lost = sum(n for option, n in zip(contest.options, sums.votes, strict=True) if option in contest.void)
    return MajoritySums(
        college=sums.college,
        votes=tuple(
            0 if option in contest.void else n for option, n in zip(contest.options, sums.votes, strict=True)
        ),
        abstained=sums.abstained + lost,
    )


def _college(
    contest: Contest, rule: Majority, college: str, sums: MajoritySums, present: Attendance
) -> CollegeVote:
    electorate = contest.electorate
    votes = {
        option: n for option, n in zip(contest.options, sums.votes, strict=True) if option not in contest.void
    }
    expressed = sums.cast - (sums.abstained if electorate.abstention is Abstention.EXCLUDED else 0)
    behind = dict(votes)
    if electorate.abstention is Abstention.AS_CONSENT:
        for option in behind:
            behind[option] += sums.abstained if option != rule.default_option else 0
    shares = {option: Fraction(n, expressed) if expressed else Fraction(0) for option, n in behind.items()}
    weight = present.weights.get(college, Fraction(0))
    carried = None
    if electorate.colleges and electorate.carry is Carry.BLOCK and weight:
        carried = _carried(contest, rule, shares)
    return CollegeVote(
        college=college,
        weight=weight,
        votes=votes,
        abstained=sums.abstained,
        expressed=expressed,
        shares=shares,
        carried=carried,
    )


def _carried(contest: Contest, rule: Majority, shares: dict[str, Fraction]) -> str | None:
    """The option to which a college gives its weight: its one leader, if that passes; else the default."""
    candidates = {option: share for option, share in shares.items() if option != rule.default_option}
    most = max(candidates.values(), default=Fraction(0))
    leaders = [option for option, share in candidates.items() if share == most]
    if len(leaders) == 1 and contest.electorate.college_threshold.met_by(most):
        return leaders[0]
    return rule.default_option


def _score(contest: Contest, option: str, colleges: Sequence[CollegeVote]) -> Fraction:
    if contest.electorate.colleges and contest.electorate.carry is Carry.BLOCK:
        return sum((one.weight for one in colleges if one.carried == option), Fraction(0))
    return sum((one.weight * one.shares[option] for one in colleges), Fraction(0))


def _decide(
    contest: Contest, rule: Majority, scores: dict[str, Fraction], seed: str
) -> tuple[Verdict, tuple[str, ...], tuple[Tie, ...]]:
    default = rule.default_option
    candidates = {option: score for option, score in scores.items() if option != default}
    most = max(candidates.values(), default=Fraction(0))
    leaders = tuple(option for option, score in candidates.items() if score == most)
    passes = rule.threshold.met_by(most)
    if passes and len(leaders) == 1:
        return Verdict.DECIDED, leaders, ()
    # As many for as against: no majority, yet nearer to one than to none, and a rule may break it.
    halved = rule.threshold.operator is Operator.OVER and rule.threshold.ratio == HALF == most
    if halved and (len(leaders) > 1 or (default is not None and scores[default] == HALF)):
        passes, leaders = True, leaders if default is None or len(leaders) > 1 else (*leaders, default)
    if not passes:
        return (Verdict.NO_MAJORITY, (), ()) if default is None else (Verdict.DECIDED, (default,), ())
    tie = settle(contest, seed, leaders)
    if tie.order:
        return Verdict.DECIDED, tie.order[:1], (tie,)
    if default is not None and default in leaders:
        return Verdict.DECIDED, (default,), (tie,)
    return Verdict.TIED, tie.options, (tie,)


def _tiers(scores: dict[str, Fraction]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(option for option, score in scores.items() if score == level)
        for level in sorted(set(scores.values()), reverse=True)
    )
