"""One run of equal shares: purses, and who pays what for which project.

Purses are integers over one common denominator, which grows with every payment that does not come out even. This file
must never round.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from governance.counting.contest import EqualShares, Utility
from governance.counting.workings import Round


@dataclass(frozen=True)
class Voters:
    """Those with something to pay for. Equal purses go together: ``sizes`` how many persons each, ``parts`` what of the whole budget one of them has."""

    sizes: Sequence[int]
    parts: Sequence[Fraction]
    supporting: Mapping[str, Sequence[int]]
    votes: Mapping[str, int]
    total: int


@dataclass(frozen=True)
class Run:
    """What one run funded, in the order of payment, and which projects only the lot separated."""

    rounds: tuple[Round, ...]
    spent: int
    ties: tuple[tuple[str, ...], ...]


def run(rule: EqualShares, voters: Voters, money: Fraction, lots: Sequence[str]) -> Run:
    """One run from the beginning. A rate only rises as purses empty, so an old one is a bound from below."""
    start = [money * part for part in voters.parts]
    unit = lcm(*(share.denominator for share in start))
    purses = [int(share * unit) for share in start]
    place = {option: n for n, option in enumerate(lots)}

    def key(option: str, rate: Fraction) -> tuple[Fraction, int, int, int]:
        return rate, -voters.votes[option], rule.costs[option], place[option]

    def priced(option: str) -> tuple[int, int] | None:
        those = voters.supporting[option]
        return _payment(rule.costs[option] * unit, voters.votes[option], purses, voters.sizes, those)

    def rate_of(option: str, payment: tuple[int, int]) -> Fraction:
        worth = rule.costs[option] if rule.utility is Utility.COST else 1
        return Fraction(payment[0], payment[1] * unit * worth) if worth else Fraction(0)

    queue = [
        (*key(option, rate_of(option, (rule.costs[option] * unit, votes))), option)
        for option, votes in voters.votes.items()
        if votes
    ]
    heapq.heapify(queue)
    rounds: list[Round] = []
    ties: list[tuple[str, ...]] = []
    while queue:
        option = heapq.heappop(queue)[-1]
        payment = priced(option)
        if payment is None:
            continue
        rate = rate_of(option, payment)
        if queue and (*key(option, rate), option) > queue[0]:
            heapq.heappush(queue, (*key(option, rate), option))
            continue
        twins = [
            other
            for *_, other in queue
            if voters.votes[other] == voters.votes[option]
            and rule.costs[other] == rule.costs[option]
            and (price := priced(other)) is not None
            and rate_of(other, price) == rate
        ]
        if twins:
            ties.append((option, *twins))
        paid, payers = payment
        rounds.append(
            Round(
                option=option,
                cost=rule.costs[option],
                supporters=voters.votes[option],
                paid_in_full=payers,
                payment=Fraction(paid, payers * unit),
                rate=rate,
            )
        )
        finer = payers // gcd(paid, payers)
        if finer > 1:
            unit *= finer
            purses = [purse * finer for purse in purses]
        each = paid * finer // payers
        for n in voters.supporting[option]:
            purses[n] = max(0, purses[n] - each)
    return Run(tuple(rounds), sum(one.cost for one in rounds), tuple(ties))


def _payment(
    cost: int, votes: int, purses: Sequence[int], sizes: Sequence[int], those: Sequence[int]
) -> tuple[int, int] | None:
    """What each supporter pays who can, as (amount, divided by): the others pay all they have. None: too dear."""
    least = min([purses[n] for n in those])
    if least * votes >= cost:
        return cost, votes
    held: dict[int, int] = {}
    for n in those:
        held[purses[n]] = held.get(purses[n], 0) + sizes[n]
    for purse_of_some in sorted(held):
        if purse_of_some * votes >= cost:
            return cost, votes
        cost -= purse_of_some * held[purse_of_some]
        votes -= held[purse_of_some]
    return None
