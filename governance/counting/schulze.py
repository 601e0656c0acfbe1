"""Schulze with a default option and gates: Debian's constitution, A.6 (ALGORITHMS 3.1).

Winning votes: a defeat is as strong as the votes for it, and of two with as many the one with fewer against. Under
colleges the gates of majority compare weights, while the quorum of an option counts persons. Options that the gates
drop are out before the paths are looked for. This file must never pick one winner of several.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple, TypeAlias

import msgspec

from governance.counting.ballots import SchulzeSums
from governance.counting.colleges import Cast, attendance
from governance.counting.contest import Abstention, Carry, Contest, Operator, Schulze
from governance.counting.outcome import Outcome, Verdict
from governance.counting.ties import settle
from governance.counting.workings import BeatPath, Gate, SchulzeWorking

Matrix: TypeAlias = Sequence[Sequence[int]]


class Strength(NamedTuple):
    """Votes for, and those against below zero, so that more is always stronger. No path is the weakest."""

    votes_for: int = 0
    against: int = 0


def count_schulze(contest: Contest, rule: Schulze, sums: Sequence[SchulzeSums], seed: str) -> Outcome:
    """Count. ``seed`` is the hash of the ballots, for a lot."""
    present = attendance(contest.electorate, {one.college: Cast(one.cast, one.abstained) for one in sums})
    counted = [one for one in sums if one.college in present.weights]
    unit, weighed = _weighed(contest, counted, present.weights)
    places = [place for place, option in enumerate(contest.options) if option not in contest.void]
    options = contest.standing
    pairwise = tuple(tuple(weighed[a][b] for b in places) for a in places)
    persons = tuple(tuple(sum(one.pairwise[a][b] for one in counted) for b in places) for a in places)
    gates = _gates(rule, options, pairwise, persons)
    dropped = {gate.option for gate in gates if not (gate.quorum_met and gate.majority_met)}
    kept = tuple(option for option in options if option not in dropped)
    inside = [options.index(option) for option in kept]
    strengths, steps = strongest_paths([[pairwise[a][b] for b in inside] for a in inside])
    tiers = [tuple(kept[a] for a in tier) for tier in _tiers(strengths)]
    winners = tiers[0]
    outcome = Outcome(
        verdict=Verdict.DECIDED,
        winners=winners,
        ranking=tuple(tiers),
        ties=(),
        turnout=present.turnout,
        working=SchulzeWorking(
            options=options,
            unit=unit,
            pairwise=pairwise,
            gates=gates,
            kept=kept,
            paths=_paths(kept, winners, strengths, steps),
        ),
    )
    if present.verdict is not None:
        return msgspec.structs.replace(outcome, verdict=present.verdict, winners=())
    if len(winners) == 1:
        return outcome
    tie = settle(contest, seed, winners)
    verdict = Verdict.DECIDED if tie.order else Verdict.TIED
    return msgspec.structs.replace(outcome, verdict=verdict, winners=tie.order[:1] or winners, ties=(tie,))


def _weighed(
    contest: Contest, sums: Sequence[SchulzeSums], weights: dict[str, Fraction]
) -> tuple[int, list[list[int]]]:
    """The pairwise comparisons of all colleges together, in whole numbers of 1/unit."""
    places = range(len(contest.options))
    total = [[0] * len(contest.options) for _ in places]
    if not contest.electorate.colleges:
        for one in sums:
            total = [[total[a][b] + one.pairwise[a][b] for b in places] for a in places]
        return 1, total
    block = contest.electorate.carry is Carry.BLOCK
    excluded = contest.electorate.abstention is Abstention.EXCLUDED
    shares = [
        weights[one.college] / (1 if block else one.ranking + (0 if excluded else one.abstained))
        for one in sums
    ]
    unit = lcm(*(share.denominator for share in shares))
    for one, share in zip(sums, shares, strict=True):
        factor = int(share * unit)
        for a in places:
            for b in places:
                ours, theirs = one.pairwise[a][b], one.pairwise[b][a]
                if block:
                    carried = ours > theirs and contest.electorate.college_threshold.met_by(
                        ours, ours + theirs
                    )
                    ours = int(carried)
                total[a][b] += factor * ours
    return unit, total


def _gates(rule: Schulze, options: tuple[str, ...], pairwise: Matrix, persons: Matrix) -> tuple[Gate, ...]:
    if rule.default_option is None:
        return ()
    default = options.index(rule.default_option)
    gates = []
    for place, option in enumerate(options):
        if place == default:
            continue
        ours, theirs = pairwise[place][default], pairwise[default][place]
        required = rule.majority.get(option, Fraction(1)) * theirs
        enough = ours > required if rule.operator is Operator.OVER else ours >= required
        gates.append(
            Gate(
                option=option,
                preferring=ours,
                opposing=theirs,
                persons=persons[place][default],
                quorum_met=persons[place][default] >= rule.quorum,
                majority_met=enough and ours > theirs,
            )
        )
    return tuple(gates)


def strongest_paths(pairwise: Matrix) -> tuple[list[list[Strength]], list[list[int]]]:
    """The strength of the strongest path between any two, and the last step before its end (Floyd-Warshall)."""
    places = range(len(pairwise))
    strengths = [
        [
            Strength(pairwise[a][b], -pairwise[b][a]) if pairwise[a][b] > pairwise[b][a] else Strength()
            for b in places
        ]
        for a in places
    ]
    steps = [[a for _ in places] for a in places]
    for k in places:
        for i in places:
            if i == k:
                continue
            first = strengths[i][k]
            for j in places:
                if j in {i, k}:
                    continue
                through = min(first, strengths[k][j])
                if through > strengths[i][j]:
                    strengths[i][j] = through
                    steps[i][j] = steps[k][j]
    return strengths, steps


def _tiers(strengths: Sequence[Sequence[Strength]]) -> list[list[int]]:
    """Those whom nobody beats, then those whom nobody of the rest beats, and so on."""
    left, tiers = list(range(len(strengths))), []
    while left:
        tier = [a for a in left if all(strengths[a][b] >= strengths[b][a] for b in left)]
        tiers.append(tier)
        left = [a for a in left if a not in tier]
    return tiers


def _paths(
    kept: tuple[str, ...],
    winners: tuple[str, ...],
    strengths: Sequence[Sequence[Strength]],
    steps: Sequence[Sequence[int]],
) -> tuple[BeatPath, ...]:
    found = []
    for a, first in enumerate(kept):
        for b, last in enumerate(kept):
            if a == b or not strengths[a][b].votes_for or not {first, last} & set(winners):
                continue
            path = [b]
            while path[0] != a:
                path.insert(0, steps[a][path[0]])
            strength = strengths[a][b]
            found.append(
                BeatPath(
                    path=tuple(kept[place] for place in path), votes=(strength.votes_for, -strength.against)
                )
            )
    return tuple(found)
