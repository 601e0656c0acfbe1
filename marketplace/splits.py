"""Splitting minutes among the members of a team: exactly, by largest remainder, whatever the order.

Each gets the whole minutes of their share; the minutes that remain go to the largest fractions lost. Equal
fractions are told apart by a hash of the mission and the member: never by who stands first, by name or by id.
Pure: this file must never read the database.
"""

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID


class Part(NamedTuple):
    """One member's part. ``lost`` is the fraction of a minute cut off; ``extra`` says that it was made good.

    ``drawn``: the same fraction was made good for one and not for another, so the hash decided.
    """

    shares: int
    minutes: int
    lost: Fraction
    extra: bool
    drawn: bool


def split(minutes: int, shares: Mapping[UUID, int], *, seed: UUID) -> dict[UUID, Part]:
    """Return each member's part of ``minutes``: they add up to it. ``seed`` is the mission."""
    whole = sum(shares.values())
    assert minutes >= 0, "minutes are never negative"
    assert whole > 0, "a team has shares"
    assert min(shares.values()) >= 0, "nobody has less than no share"
    floors = {one: minutes * mine // whole for one, mine in shares.items()}
    lost = {one: Fraction(minutes * mine % whole, whole) for one, mine in shares.items()}
    ranked = sorted(shares, key=lambda one: (-lost[one], mark(seed, one)))
    remaining = minutes - sum(floors.values())
    lucky = set(ranked[:remaining])
    # Those at the edge of what is made good: where both sides lost as much, the hash drew the line.
    edge = lost[ranked[remaining]] if remaining else None
    drawn = edge if remaining and lost[ranked[remaining - 1]] == edge else None
    return {
        one: Part(mine, floors[one] + (one in lucky), lost[one], one in lucky, lost[one] == drawn)
        for one, mine in shares.items()
    }


def mark(seed: UUID, member_id: UUID) -> bytes:
    """What tells equal fractions apart: it depends on nothing but this mission and this member."""
    return hashlib.sha256(f"{seed}:{member_id}".encode()).digest()


def remains(parts: Mapping[UUID, Part]) -> int:
    """How many minutes were left after each had their whole ones."""
    return sum(part.extra for part in parts.values())
