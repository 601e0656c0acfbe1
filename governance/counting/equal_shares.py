"""Equal shares for a budget (Peters, Pierczyński and Skowron; ALGORITHMS 3.3), exact to the last fraction.

Everybody gets the same share of the budget. The project whose supporters pay least for what it is worth to them comes
first, each paying the same or all they have left; and so on until nothing can be paid. Add1 does it all again with a
unit more per person and keeps the last result within the budget, stopping at the first beyond it; Add1u then adds what
still fits, by votes. This file must never round.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import count as numbers
from typing import TypeAlias

import msgspec

from governance.counting.ballots import check_boxes
from governance.counting.colleges import Attendance, Cast, attendance
from governance.counting.contest import (
    Abstention,
    Boxes,
    Completion,
    Contest,
    EqualShares,
    TieKind,
)
from governance.counting.outcome import Outcome, Tie, Verdict
from governance.counting.purses import Voters, run
from governance.counting.ties import by_lot
from governance.counting.workings import SharesWorking

Progress: TypeAlias = Callable[[int, int], None]


def count_shares(
    contest: Contest, rule: EqualShares, boxes: Boxes, seed: str, progress: Progress | None = None
) -> Outcome:
    """Count. ``progress`` hears, after each run, which it was and what it spends."""
    check_boxes(contest, boxes)
    nothing = bytes(len(contest.options))
    cast = {college: Cast(sum(box.values()), box.get(nothing, 0)) for college, box in boxes.items()}
    present = attendance(contest.electorate, cast)
    voters = _voters(contest, rule, boxes, cast, present)
    lots = by_lot(contest, seed, contest.options)
    if contest.ties.kind is TieKind.CASTING_VOTE:
        lots = tuple(dict.fromkeys((*contest.ties.casting, *lots)))
    outcome, tied = _completed(contest, rule, voters, present, lots, progress)
    if not voters.total or present.verdict is not None:
        return msgspec.structs.replace(
            outcome, verdict=present.verdict or Verdict.NO_BALLOTS, winners=(), ties=()
        )
    if tied and contest.ties.kind is TieKind.REPORT:
        # No way to break a tie was agreed on: it decides nothing only if the other way round gives the same.
        other, _ = _completed(contest, rule, voters, present, lots[::-1], None)
        if other.winners != outcome.winners:
            return msgspec.structs.replace(outcome, verdict=Verdict.TIED)
    return outcome


def purse(working: SharesWorking, approved: Sequence[str], college: str = "") -> list[tuple[str, Fraction]]:
    """What the share of one person who approved these options paid for, in the order of payment."""
    left, paid = working.shares.get(college, Fraction(0)), []
    for one in working.rounds:
        if one.option in approved:
            paid.append((one.option, min(left, one.payment)))
            left -= paid[-1][1]
    return paid


def _voters(
    contest: Contest, rule: EqualShares, boxes: Boxes, cast: Mapping[str, Cast], present: Attendance
) -> Voters:
    excluded = contest.electorate.abstention is Abstention.EXCLUDED
    heads = {
        college: one.ballots - (one.abstained if excluded else 0)
        for college, one in cast.items()
        if college in present.weights
    }
    admitted = [
        place
        for place, option in enumerate(contest.options)
        if option not in contest.void and rule.costs[option] <= rule.budget
    ]
    groups: dict[tuple[str, bytes], int] = {}
    for college in sorted(heads):
        for marks, size in boxes[college].items():
            key = (college, bytes([marks[place] for place in admitted]))
            groups[key] = groups.get(key, 0) + size
    purses = sorted((key, size) for key, size in groups.items() if any(key[1]) and size)
    supporting = {
        contest.options[place]: [n for n, ((_, marks), _) in enumerate(purses) if marks[column]]
        for column, place in enumerate(admitted)
    }
    sizes = [size for _, size in purses]
    return Voters(
        sizes=sizes,
        parts=[present.weights[college] / heads[college] for (college, _), _ in purses],
        supporting={option: those for option, those in supporting.items() if those},
        votes={option: sum(sizes[n] for n in those) for option, those in supporting.items()},
        total=sum(heads.values()),
    )


def _completed(
    contest: Contest,
    rule: EqualShares,
    voters: Voters,
    present: Attendance,
    lots: Sequence[str],
    progress: Progress | None,
) -> tuple[Outcome, bool]:
    """All runs that the completion asks for, and whether any of them had a tie."""
    raised, best = 0, run(rule, voters, Fraction(rule.budget), lots)
    tied = bool(best.ties)
    if rule.completion is not Completion.NONE:
        for step in numbers(1):
            if len(best.rounds) == len(voters.supporting):
                break
            richer = run(rule, voters, Fraction(rule.budget + step * rule.step * voters.total), lots)
            tied = tied or bool(richer.ties)
            if progress is not None:
                progress(step, richer.spent)
            if richer.spent > rule.budget:
                break
            raised, best = step, richer
    funded, spent, ties = [one.option for one in best.rounds], best.spent, list(best.ties)
    completed: list[str] = []
    if rule.completion is Completion.ADD1U:
        completed, more = _greedy(rule, voters, lots, funded, spent)
        spent += sum(rule.costs[option] for option in completed)
        ties += more
    whole = Fraction(rule.budget + raised * rule.step * voters.total)
    heads = {
        turnout.college: turnout.cast
        - (turnout.abstained if contest.electorate.abstention is Abstention.EXCLUDED else 0)
        for turnout in present.turnout
    }
    working = SharesWorking(
        budget=rule.budget,
        spent=spent,
        supporters={option: voters.votes.get(option, 0) for option in contest.standing},
        shares={
            college: whole * weight / heads[college]
            for college, weight in present.weights.items()
            if heads[college]
        },
        raised=raised,
        rounds=best.rounds,
        completed=tuple(completed),
    )
    order = [*funded, *completed]
    rest = tuple(option for option in contest.standing if option not in order)
    outcome = Outcome(
        verdict=Verdict.DECIDED,
        winners=tuple(option for option in contest.options if option in order),
        ranking=(*((option,) for option in order), *((rest,) if rest else ())),
        ties=tuple(_tie(contest, lots, tie) for tie in ties),
        turnout=present.turnout,
        working=working,
    )
    return outcome, tied or bool(ties)


def _tie(contest: Contest, lots: Sequence[str], tied: Sequence[str]) -> Tie:
    options = tuple(option for option in contest.options if option in tied)
    if contest.ties.kind is TieKind.REPORT:
        return Tie(options=options)
    order = tuple(option for option in lots if option in tied)
    return Tie(options=options, broken_by=contest.ties.kind, order=order)


def _greedy(
    rule: EqualShares, voters: Voters, lots: Sequence[str], funded: Sequence[str], spent: int
) -> tuple[list[str], list[tuple[str, ...]]]:
    """The rest by votes, then cost, then lot, as long as it fits; and the ties in which the lot mattered."""
    left = rule.budget - spent
    rest = sorted(
        (option for option in voters.supporting if option not in funded),
        key=lambda option: (-voters.votes[option], rule.costs[option], lots.index(option)),
    )
    taken: list[str] = []
    for option in rest:
        if rule.costs[option] <= left:
            taken.append(option)
            left -= rule.costs[option]
    alike: dict[tuple[int, int], list[str]] = {}
    for option in rest:
        alike.setdefault((voters.votes[option], rule.costs[option]), []).append(option)
    ties = [tuple(those) for those in alike.values() if 0 < len(set(those) & set(taken)) < len(those)]
    return taken, ties
