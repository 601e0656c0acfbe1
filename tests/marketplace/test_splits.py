"""The split of minutes: exact for every amount and team, and the same whatever the order."""

from fractions import Fraction
from random import Random
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from marketplace.splits import mark, remains, split

SEED = UUID(int=7)
MEMBERS = [uuid5(SEED, str(number)) for number in range(7)]

teams = st.lists(st.integers(0, 1_000), min_size=1, max_size=7).filter(any)


def team(shares: list[int]) -> dict[UUID, int]:
    return dict(zip(MEMBERS, shares, strict=False))


@given(minutes=st.integers(0, 10_000), shares=teams, shuffle=st.integers())
def test_parts_add_up_and_no_order_matters(minutes: int, shares: list[int], shuffle: int) -> None:
    asked = team(shares)
    parts = split(minutes, asked, seed=SEED)
    assert sum(part.minutes for part in parts.values()) == minutes
    for member, mine in asked.items():
        exact = Fraction(minutes * mine, sum(shares))
        assert abs(parts[member].minutes - exact) < 1
        assert mine or not parts[member].minutes
        assert parts[member].minutes == exact // 1 + parts[member].extra
    turned = list(asked.items())
    Random(shuffle).shuffle(turned)
    assert split(minutes, dict(turned), seed=SEED) == parts


def test_every_amount_up_to_ten_thousand_adds_up_in_every_size_of_team() -> None:
    for size in range(1, 8):
        asked = team([1, 2, 3, 5, 7, 11, 13][:size])
        for minutes in range(0, 10_001, 1 if size == 3 else 17):
            parts = split(minutes, asked, seed=SEED)
            assert sum(part.minutes for part in parts.values()) == minutes


@given(minutes=st.integers(0, 10_000), shares=teams, names=st.permutations(range(7)))
def test_who_is_favoured_follows_the_member_and_the_mission_alone(
    minutes: int, shares: list[int], names: list[int]
) -> None:
    """Whose share is larger loses nothing to whose is smaller, and equal shares differ by a minute at most."""
    asked = {MEMBERS[name]: mine for name, mine in zip(names, shares, strict=False)}
    parts = split(minutes, asked, seed=SEED)
    for one, mine in asked.items():
        for other, theirs in asked.items():
            if mine == theirs:
                assert abs(parts[one].minutes - parts[other].minutes) <= 1
                if parts[one].minutes > parts[other].minutes:
                    assert mark(SEED, one) < mark(SEED, other)
                    assert parts[one].drawn
            elif mine > theirs:
                assert parts[one].minutes >= parts[other].minutes


def test_a_tie_is_drawn_by_the_mission_and_said_to_be() -> None:
    asked = team([1, 1, 1])
    winners = set()
    for number in range(30):
        parts = split(100, asked, seed=UUID(int=number))
        [lucky] = [member for member, part in parts.items() if part.extra]
        assert all(part.drawn for part in parts.values())
        winners.add(lucky)
    assert winners == set(asked)


def test_what_comes_out_even_has_no_remainder_and_what_does_not_may_need_no_draw() -> None:
    even = split(90, team([2, 1]), seed=SEED)
    assert remains(even) == 0
    assert not any(part.drawn for part in even.values())
    uneven = split(100, team([2, 1]), seed=SEED)
    assert [part.minutes for part in uneven.values()] == [67, 33]
    assert remains(uneven) == 1
    assert not any(part.drawn for part in uneven.values())


def test_the_alabama_paradox_is_why_a_part_of_more_may_be_less() -> None:
    """A hold for each member could not pay what is due: one hold is shared instead."""
    asked = team([1, 3, 3])
    assert [part.minutes for part in split(3, asked, seed=SEED).values()] == [1, 1, 1]
    assert [part.minutes for part in split(4, asked, seed=SEED).values()] == [0, 2, 2]
