"""The pot's statement in pure rules: no line under eleven people, not a minute lost, nothing that a later one undoes."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timebank.gift_causes import POT_GRANT, POT_REQUEST, STARTING_GIFT
from timebank.pot_lines import PEOPLE_MIN, Outflow, outflows_shown, parted, people
from timebank.pot_purposes import OUTFLOW_TITLES, PotPurpose, purpose_of

MONTHS = [date(2025 + n // 12, n % 12 + 1, 1) for n in range(14)]


@st.composite
def histories(draw: st.DrawFn) -> list[Outflow]:
    """Some months of help: crowds and single people, one purpose or many, people who come back, hours given back."""
    crowd = draw(st.integers(1, 40))
    moves = st.builds(
        Outflow,
        month=st.sampled_from(MONTHS),
        purpose=st.sampled_from(["health", "home", "other", "welcome"]),
        beneficiary=st.integers(1, crowd).map(lambda n: UUID(int=n)),
        minutes=st.integers(-600, 6_000).filter(bool),
    )
    return draw(st.lists(moves, max_size=150))


def months_until(count: int) -> Sequence[date]:
    return MONTHS[:count]


@given(moves=histories(), count=st.integers(0, len(MONTHS)))
@settings(max_examples=150, deadline=None)
def test_no_line_has_fewer_than_eleven_people_and_the_totals_are_exact(
    moves: list[Outflow], count: int
) -> None:
    months = months_until(count)
    over = [move for move in moves if move.month in months]
    shown = outflows_shown(over, months=months)
    covered = [move for move in over if shown.until and move.month <= shown.until]
    assert all(line.people >= PEOPLE_MIN for line in shown.lines)
    assert sum(line.minutes for line in shown.lines) == sum(move.minutes for move in covered)
    for line in shown.lines:
        behind = [
            move
            for move in covered
            if line.since <= move.month <= line.until and move.purpose in line.purposes
        ]
        assert people(behind) >= line.people
    # What is held back is held back because too few people stand behind it.
    kept_back = [move for move in over if move not in covered]
    assert people(kept_back) < PEOPLE_MIN
    assert bool(kept_back) == (shown.until != (months[-1] if months else None))


@given(moves=histories(), count=st.integers(1, len(MONTHS)))
@settings(max_examples=100, deadline=None)
def test_a_later_statement_repeats_every_line_of_an_earlier_one(moves: list[Outflow], count: int) -> None:
    """Or the difference of the two would be a line of its own, behind which anybody might stand."""

    def lines(until: int) -> set[object]:
        months = months_until(until)
        return set(outflows_shown([move for move in moves if move.month in months], months=months).lines)

    assert lines(count - 1) <= lines(count)


@given(moves=histories())
@settings(max_examples=100, deadline=None)
def test_parting_a_block_keeps_each_move_once(moves: list[Outflow]) -> None:
    if people(moves) < PEOPLE_MIN:
        return
    parts = parted(moves)
    assert sorted(map(repr, (move for part in parts for move in part))) == sorted(map(repr, moves))
    assert all(people(part) >= PEOPLE_MIN for part in parts)


def helped(month: int, purpose: str, who: range, minutes: int = 60) -> list[Outflow]:
    return [Outflow(MONTHS[month], purpose, UUID(int=n + 1), minutes) for n in who]


def test_enough_people_stand_by_purpose_and_month() -> None:
    moves = helped(0, "health", range(11)) + helped(0, "home", range(20, 32))
    lines = outflows_shown(moves, months=MONTHS[:1]).lines
    assert [(line.purposes, line.people, line.minutes) for line in lines] == [
        (("health",), 11, 660),
        (("home",), 12, 720),
    ]


def test_few_people_are_merged_over_months_and_then_over_purposes() -> None:
    moves = (
        helped(0, "health", range(6)) + helped(1, "health", range(6, 10)) + helped(1, "home", range(30, 31))
    )
    shown = outflows_shown(moves, months=MONTHS[:3])
    [line] = shown.lines
    assert (line.since, line.until, line.purposes, line.people) == (
        MONTHS[0],
        MONTHS[1],
        ("health", "home"),
        11,
    )
    assert shown.until == MONTHS[2], "a month without help shows nobody"


def test_one_person_helped_many_times_is_one_person() -> None:
    moves = [Outflow(month, "health", UUID(int=1), 60) for month in MONTHS for _ in range(11)]
    shown = outflows_shown(moves, months=MONTHS)
    assert (shown.lines, shown.until) == ([], None)


def test_without_any_help_the_statement_runs_to_the_last_month() -> None:
    assert outflows_shown([], months=MONTHS).until == MONTHS[-1]
    assert outflows_shown([], months=[]).until is None


@pytest.mark.parametrize(
    ("cause", "asked", "purpose"),
    [
        (f"{POT_REQUEST}:{UUID(int=1)}", "health", PotPurpose.HEALTH),
        (f"{POT_REQUEST}:{UUID(int=1)}", None, PotPurpose.OTHER),
        (f"{POT_GRANT}:home", None, PotPurpose.HOME),
        (POT_GRANT, None, PotPurpose.OTHER),
        (f"{POT_GRANT}:nonsense", None, PotPurpose.OTHER),
        (STARTING_GIFT, None, "welcome"),
        (f"leaving:{UUID(int=1)}", None, "leaving"),
        (None, None, PotPurpose.OTHER),
    ],
)
def test_every_cause_has_a_purpose_in_words(cause: str | None, asked: str | None, purpose: str) -> None:
    assert purpose_of(cause, asked) == purpose
    assert OUTFLOW_TITLES[purpose]
