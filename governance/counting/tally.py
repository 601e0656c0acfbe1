"""Count a vote: the one door to every method. This file must never know how a method counts."""

from collections.abc import Sequence

from governance.counting.ballots import JudgmentSums, MajoritySums, SchulzeSums, Sums, sums_of
from governance.counting.contest import (
    Boxes,
    CannotCount,
    Contest,
    EqualShares,
    Majority,
    MajorityJudgment,
    Schulze,
)
from governance.counting.equal_shares import Progress, count_shares
from governance.counting.majority import count_majority
from governance.counting.majority_judgment import count_judgment
from governance.counting.outcome import Outcome
from governance.counting.schulze import count_schulze
from governance.counting.trace import digest_of_ballots, digest_of_sums, traced


def count(contest: Contest, boxes: Boxes, progress: Progress | None = None) -> Outcome:
    """The outcome of these ballots; raise CannotCount where a ballot or the rule contradicts itself.

    ``progress`` hears of each run of equal shares, the one method that may take seconds.
    """
    seed = digest_of_ballots(boxes)
    if isinstance(contest.rule, EqualShares):
        outcome = count_shares(contest, contest.rule, boxes, seed, progress)
    else:
        outcome = _counted(contest, sums_of(contest, boxes), seed)
    return traced(contest, seed, outcome)


def count_sums(contest: Contest, sums: Sequence[Sums]) -> Outcome:
    """The same from sums, for a vote whose ballots are not published: its trace is that of the sums."""
    seed = digest_of_sums(sums)
    if len({one.college for one in sums}) < len(sums):
        raise CannotCount("a college has two sums")
    return traced(contest, seed, _counted(contest, sums, seed))


def _counted(contest: Contest, sums: Sequence[Sums], seed: str) -> Outcome:
    match contest.rule:
        case Majority() as rule:
            votes = [one for one in sums if isinstance(one, MajoritySums)]
            _must_be_all(votes, sums)
            return count_majority(contest, rule, votes, seed)
        case MajorityJudgment() as rule:
            judged = [one for one in sums if isinstance(one, JudgmentSums)]
            _must_be_all(judged, sums)
            return count_judgment(contest, rule, judged, seed)
        case Schulze() as rule:
            compared = [one for one in sums if isinstance(one, SchulzeSums)]
            _must_be_all(compared, sums)
            return count_schulze(contest, rule, compared, seed)
        case EqualShares():
            raise CannotCount("equal shares needs the ballots themselves")


def _must_be_all(those: Sequence[Sums], sums: Sequence[Sums]) -> None:
    if len(those) < len(sums):
        raise CannotCount("the sums are those of another method")
