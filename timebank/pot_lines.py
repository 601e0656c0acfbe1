"""The lines of the pot's statement: outflows by purpose and month, merged until enough people stand behind each.

Pure rules over moves; no database. Months are taken in order and gathered into blocks of at least
``PEOPLE_MIN`` beneficiaries; a block, once full, never changes, so that no later statement can be subtracted from an
earlier one. Inside a block, a purpose stands by itself, and month by month, only where it has that many people; what
is left is merged with the smallest line. What follows the last full block is not shown yet. This file must never give
a line fewer people than ``PEOPLE_MIN``, nor lose a minute of what is shown.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

PEOPLE_MIN: Final = 11


@dataclass(frozen=True, slots=True)
class Outflow:
    """Hours that left the pot for somebody, in a month (its first day); below zero when they were given back."""

    month: date
    purpose: str
    beneficiary: UUID
    minutes: int


@dataclass(frozen=True, slots=True)
class OutflowLine:
    """What left the pot from ``since`` to ``until`` (first days of months, both included), for these purposes."""

    since: date
    until: date
    purposes: tuple[str, ...]
    people: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Outflows:
    """All lines that can be shown. ``until`` is the last month they cover, None if not even the first one."""

    lines: Sequence[OutflowLine]
    until: date | None


def outflows_shown(moves: Iterable[Outflow], *, months: Sequence[date]) -> Outflows:
    """The lines for these consecutive months, the oldest first; all of them are over."""
    by_month: dict[date, list[Outflow]] = defaultdict(list)
    for move in moves:
        by_month[move.month].append(move)
    lines: list[OutflowLine] = []
    block: list[Outflow] = []
    until: date | None = None
    for month in sorted(months):
        block += by_month[month]
        if not block:
            # A month in which nobody was helped shows nobody.
            until = month
        elif people(block) >= PEOPLE_MIN:
            lines += [line_of(part) for part in parted(block)]
            block, until = [], month
    ordered = sorted(lines, key=lambda line: (line.since, line.until, line.purposes))
    return Outflows(ordered, until)


def parted(block: Sequence[Outflow]) -> list[list[Outflow]]:
    """Part a block of at least ``PEOPLE_MIN`` people into parts of at least as many, by purpose, then by month."""
    parts: list[list[Outflow]] = []
    left: list[Outflow] = []
    for purpose in sorted({move.purpose for move in block}):
        begun: list[Outflow] = []
        own: list[list[Outflow]] = []
        for month in sorted({move.month for move in block if move.purpose == purpose}):
            begun += [move for move in block if move.purpose == purpose and move.month == month]
            if people(begun) >= PEOPLE_MIN:
                own.append(begun)
                begun = []
        if begun and own:
            own[-1] += begun
        else:
            left += begun
        parts += own
    if people(left) >= PEOPLE_MIN:
        parts.append(left)
    elif left and parts:
        smallest = min(parts, key=lambda part: (people(part), line_of(part).purposes, line_of(part).since))
        smallest += left
    return parts or [list(block)]


def people(moves: Iterable[Outflow]) -> int:
    """How many people stand behind these moves."""
    return len({move.beneficiary for move in moves})


def line_of(part: Sequence[Outflow]) -> OutflowLine:
    """A part as its line."""
    return OutflowLine(
        since=min(move.month for move in part),
        until=max(move.month for move in part),
        purposes=tuple(sorted({move.purpose for move in part})),
        people=people(part),
        minutes=sum(move.minutes for move in part),
    )
