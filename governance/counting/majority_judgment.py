"""Majority judgment (Balinski and Laraki; ALGORITHMS 3.2), by the whole majority-value.

The majority grade is the lower middlemost. Taking it away again and again gives the majority-value, which separates
any two options whose grades are not the same; the gauge (p above, q below, strictly p > q for "+") only explains.
Everything is done on numbers of grades, never on ballots one by one. This file must never rank by the gauge.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cmp_to_key
from math import lcm

import msgspec

from governance.counting.ballots import JudgmentSums
from governance.counting.colleges import Attendance, Cast, attendance
from governance.counting.contest import (
    Abstention,
    Carry,
    Contest,
    MajorityJudgment,
    Missing,
)
from governance.counting.outcome import Outcome, Verdict
from governance.counting.ties import settle
from governance.counting.workings import JudgmentWorking, Profile


def count_judgment(
    contest: Contest, rule: MajorityJudgment, sums: Sequence[JudgmentSums], seed: str
) -> Outcome:
    """Count. ``seed`` is the hash of the ballots, for a lot."""
    present = attendance(
        contest.electorate,
        {one.college: Cast(one.cast, one.abstained + one.rejected) for one in sums},
    )
    unit, judged = _judged(contest, rule, sums, present)
    tiers = ranked(judged)
    winners = tuple(tiers[0])
    outcome = Outcome(
        verdict=Verdict.DECIDED,
        winners=winners,
        ranking=tuple(map(tuple, tiers)),
        ties=(),
        turnout=present.turnout,
        working=JudgmentWorking(
            unit=unit,
            profiles=tuple(_profile(rule, option, judged[option]) for tier in tiers for option in tier),
            rejected=sum(one.rejected for one in sums),
        ),
    )
    if present.verdict is not None:
        return msgspec.structs.replace(outcome, verdict=present.verdict, winners=())
    if len(winners) == 1:
        return outcome
    tie = settle(contest, seed, winners)
    verdict = Verdict.DECIDED if tie.order else Verdict.TIED
    return msgspec.structs.replace(outcome, verdict=verdict, winners=tie.order[:1] or winners, ties=(tie,))


def ranked(judged: dict[str, tuple[int, ...]]) -> list[list[str]]:
    """The options in tiers, best first; only those with the very same grades share one."""

    def versus(one: str, other: str) -> int:
        return compared(judged[one], judged[other])

    tiers: list[list[str]] = []
    for option in sorted(judged, key=cmp_to_key(versus)):
        if tiers and not versus(tiers[-1][0], option):
            tiers[-1].append(option)
        else:
            tiers.append([option])
    return tiers


def compared(one: Sequence[int], other: Sequence[int]) -> int:
    """Compare two options judged equally often, by their majority-values: below zero where ``one`` is the better.

    The majority-value of n grades, each counted twice, takes them in pairs outward from the middle: the next worse,
    then the next better. Twice, because then there always is a middle; the order stays the same.
    """
    mine, theirs = list(_outward(one)), list(_outward(other))
    while mine and theirs:
        (first, left), (second, right) = mine[-1], theirs[-1]
        if first != second:
            return -1 if first < second else 1
        taken = min(left, right)
        for runs, run, length in ((mine, first, left), (theirs, second, right)):
            runs.pop()
            if length > taken:
                runs.append((run, length - taken))
    return 0


def _outward(judged: Sequence[int]) -> list[tuple[tuple[int, int], int]]:
    """Runs of equal pairs (next worse, next better) from the middle outward, the middle last."""
    middle = sum(judged)
    worse, better = _runs(judged, middle), _runs(judged[::-1], middle)
    better = [(len(judged) - 1 - grade, length) for grade, length in better]
    runs = []
    while worse:
        (down, many), (up, much) = worse.pop(), better.pop()
        length = min(many, much)
        runs.append(((down, up), length))
        if many > length:
            worse.append((down, many - length))
        if much > length:
            better.append((up, much - length))
    return runs[::-1]


def _runs(judged: Sequence[int], skipped: int) -> list[tuple[int, int]]:
    """Each grade counted twice, without the first ``skipped``: (grade, how many), the first last."""
    runs = []
    for grade, number in enumerate(judged):
        left = max(0, 2 * number - skipped)
        skipped -= 2 * number - left
        if left:
            runs.append((grade, left))
    return runs[::-1]


def majority_grade(judged: Sequence[int]) -> int:
    """The lower middlemost grade (0 is the best); the worst where nobody judged."""
    left = sum(judged) // 2
    for grade, number in enumerate(judged):
        if left < number:
            return grade
        left -= number
    return len(judged) - 1


def _profile(rule: MajorityJudgment, option: str, judged: tuple[int, ...]) -> Profile:
    grade = majority_grade(judged)
    return Profile(
        option=option,
        judged=judged,
        grade=rule.grades[grade],
        above=sum(judged[:grade]),
        below=sum(judged[grade + 1 :]),
    )


def _judged(
    contest: Contest, rule: MajorityJudgment, sums: Sequence[JudgmentSums], present: Attendance
) -> tuple[int, dict[str, tuple[int, ...]]]:
    """How often each option got each grade, in whole numbers of 1/unit, all options equally often."""
    scales = {
        option: list(_weighed(contest, rule, sums, present, place))
        for place, option in enumerate(contest.options)
        if option not in contest.void
    }
    if rule.missing is Missing.OMIT:
        most = max(sum(scale) for scale in scales.values())
        scales = {
            option: [number * most / total for number in scale] if (total := sum(scale)) else scale
            for option, scale in scales.items()
        }
        if any(not any(scale) for scale in scales.values()) and most:
            # Nobody judged it at all: nothing speaks for it.
            worst = [Fraction(0)] * (len(rule.grades) - 1) + [Fraction(most)]
            scales = {option: scale if any(scale) else worst for option, scale in scales.items()}
    unit = lcm(*(number.denominator for scale in scales.values() for number in scale))
    return unit, {option: tuple(int(number * unit) for number in scale) for option, scale in scales.items()}


def _weighed(
    contest: Contest, rule: MajorityJudgment, sums: Sequence[JudgmentSums], present: Attendance, place: int
) -> Iterator[Fraction]:
    """The grades of one option, best first, weighed by college."""
    total = [Fraction(0)] * len(rule.grades)
    for one in sums:
        weight = present.weights.get(one.college)
        scale = _with_missing(contest, rule, one, place)
        if weight is None or not sum(scale):
            continue
        if not contest.electorate.colleges:
            total = [sofar + number for sofar, number in zip(total, scale, strict=True)]
        elif contest.electorate.carry is Carry.BLOCK:
            total[majority_grade(scale)] += weight
        else:
            total = [sofar + weight * number / sum(scale) for sofar, number in zip(total, scale, strict=True)]
    yield from total


def _with_missing(contest: Contest, rule: MajorityJudgment, sums: JudgmentSums, place: int) -> list[int]:
    """How many gave each grade, those who gave none included where the rule counts them as the worst."""
    missing, *scale = sums.profiles[place]
    if contest.electorate.abstention is not Abstention.EXCLUDED:
        missing += sums.abstained
    if rule.missing is Missing.WORST:
        scale[-1] += missing
    return scale
