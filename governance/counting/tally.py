"""Count a vote: the one door to every method. This file must never know how a method counts."""

from collections.abc import Sequence

from governance.counting.ballots import MajoritySums, Sums, sums_of
from governance.counting.contest import Boxes, CannotCount, Contest, Majority
from governance.counting.majority import count_majority
from governance.counting.outcome import Outcome
from governance.counting.trace import digest_of_ballots, digest_of_sums, traced


def count(contest: Contest, boxes: Boxes) -> Outcome:
    """The outcome of these ballots; raise CannotCount where a ballot or the rule contradicts itself."""
    seed = digest_of_ballots(boxes)
    return traced(contest, seed, _counted(contest, sums_of(contest, boxes), seed))


def count_sums(contest: Contest, sums: Sequence[Sums]) -> Outcome:
    """The same from sums, for a vote whose ballots are not published (its trace is that of the sums)."""
    seed = digest_of_sums(sums)
    return traced(contest, seed, _counted(contest, sums, seed))


def _counted(contest: Contest, sums: Sequence[Sums], seed: str) -> Outcome:
    rule = contest.rule
    match rule:
        case Majority():
            return count_majority(contest, rule, [one for one in sums if isinstance(one, MajoritySums)], seed)
    raise CannotCount("this method is not counted from sums")
