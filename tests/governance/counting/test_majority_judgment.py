"""Majority judgment: against taking medians away one by one, against published polls, and at its edges."""

import csv
import random
from collections import Counter
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.counting.ballots import JudgmentSums, sums_of
from governance.counting.contest import (
    Abstention,
    CannotCount,
    Carry,
    College,
    Contest,
    Electorate,
    MajorityJudgment,
    Missing,
)
from governance.counting.formats.files import read_election
from governance.counting.majority_judgment import compared, majority_grade
from governance.counting.outcome import Outcome, Verdict
from governance.counting.tally import count, count_sums
from governance.counting.workings import JudgmentWorking
from tests.governance.counting.elections import APPROVAL_2002, POLLS_2022, box, needs_elections, often

GRADES: Final = ("excellent", "good", "fair", "reject")


def judging(options: str = "ab", *, missing: Missing = Missing.WORST, **electorate: object) -> Contest:
    rule = MajorityJudgment(grades=GRADES, missing=missing)
    return Contest(options=tuple(options), rule=rule, electorate=Electorate(**electorate))  # type: ignore[arg-type]


def working(outcome: Outcome) -> JudgmentWorking:
    assert isinstance(outcome.working, JudgmentWorking)
    return outcome.working


def majority_value(grades: list[int]) -> list[int]:
    """As it is defined: the lower middlemost grade, taken away, and again. 0 is the best grade."""
    left, taken = sorted(grades), []
    while left:
        taken.append(left.pop(len(left) // 2))
    return taken


def profile(grades: list[int]) -> list[int]:
    return [grades.count(grade) for grade in range(len(GRADES))]


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


# --- Against the definition -----------------------------------------------------------------------------


def test_every_pair_of_up_to_six_judges_compares_as_the_majority_value_does() -> None:
    pairs = separated = 0
    for judges in range(1, 7):
        alike = [list(grades) for grades in combinations_with_replacement(range(4), judges)]
        values = [(profile(grades), majority_value(grades)) for grades in alike]
        for mine, my_value in values:
            assert majority_grade(mine) == my_value[0]
            for theirs, their_value in values:
                pairs += 1
                assert compared(mine, theirs) == (my_value > their_value) - (my_value < their_value)
                separated += mine != theirs and compared(mine, theirs) != 0
        # Only the same grades are equal.
        assert len({tuple(value) for _, value in values}) == len(values)
    assert pairs > 10_000
    assert separated == pairs - sum(
        len(list(combinations_with_replacement(range(4), judges))) for judges in range(1, 7)
    )


def test_large_electorates_compare_as_the_majority_value_does() -> None:
    draw = random.Random(5)
    for _ in range(60):
        judges = draw.randint(50, 120)
        mine, theirs = (draw.choices(range(4), [1, 3, 3, 1], k=judges) for _ in range(2))
        if draw.random() < 0.5:
            theirs = [*mine[: judges - 2], *draw.choices(range(4), k=2)]
        expected = majority_value(mine), majority_value(theirs)
        assert compared(profile(mine), profile(theirs)) == (expected[0] > expected[1]) - (
            expected[0] < expected[1]
        )


@often
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=9).flatmap(
        lambda mine: st.tuples(
            st.just(mine), st.lists(st.integers(0, 3), min_size=len(mine), max_size=len(mine))
        )
    ),
    st.integers(2, 50),
)
def test_replicating_all_judges_changes_no_comparison(
    grades: tuple[list[int], list[int]], times: int
) -> None:
    mine, theirs = map(profile, grades)
    many = compared([times * n for n in mine], [times * n for n in theirs])
    assert sign(many) == sign(compared(mine, theirs))


@often
@given(
    ballots=st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=10),
    seed=st.integers(0, 2**32),
)
def test_the_order_of_ballots_changes_nothing(ballots: list[tuple[int, ...]], seed: int) -> None:
    shuffled = random.Random(seed).sample(ballots, len(ballots))
    outcome = count(judging("abc"), box(*ballots))
    assert outcome == count(judging("abc"), box(*shuffled))
    by_sums = count_sums(judging("abc"), sums_of(judging("abc"), box(*ballots)))
    assert (by_sums.winners, by_sums.working) == (outcome.winners, outcome.working)


@often
@given(grades=st.lists(st.tuples(*[st.integers(1, 4)] * 2), min_size=1, max_size=12))
def test_the_gauge_never_contradicts_the_ranking(grades: list[tuple[int, ...]]) -> None:
    outcome = count(judging(), box(*grades))
    found = {one.option: one for one in working(outcome).profiles}

    def gauge(option: str) -> tuple[int, int, int]:
        one = found[option]
        grade = GRADES.index(one.grade)
        return (grade, 0, -one.above) if one.sign == "+" else (grade, 1, one.below)

    if gauge("a") < gauge("b"):
        assert outcome.ranking[0] == ("a",)


# --- Published ------------------------------------------------------------------------------------------

SEVEN: Final = ("Excellent", "Très bien", "Bien", "Assez bien", "Passable", "Insuffisant", "A rejeter")
DECEMBER: Final = [
    "Valérie Pécresse",
    "Emmanuel Macron",
    "Arnaud Montebourg",
    "Yannick Jadot",
]
DECEMBER_LAST: Final = ["Philippe Poutou", "Jean-Luc Mélenchon", "Eric Zemmour"]


def poll(name: str) -> tuple[list[str], Outcome]:
    """A poll counted from its percentages (in tenths), and its candidates in the order of the file."""
    with POLLS_2022.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] == name and row["nombre_mentions"] == "7"]
    grades = tuple(rows[0][f"mention_{n}"] for n in range(1, 8))
    profiles = [[int(10 * Fraction(row[f"intention_mention_{n}"])) for n in range(1, 8)] for row in rows]
    options = [row["candidat"] for row in rows]
    rule = MajorityJudgment(grades=grades, missing=Missing.OMIT)
    contest = Contest(options=tuple(options), rule=rule)
    sums = JudgmentSums(profiles=tuple((0, *one) for one in profiles), judging=1000, abstained=0)
    return options, count_sums(contest, [sums])


@needs_elections
def test_the_poll_of_december_2021_ranks_as_published() -> None:
    # The press of 16 December 2021: these four lead in this order, and these three are last.
    _, outcome = poll("20211208_1209_ow")
    ranking = [option for tier in outcome.ranking for option in tier]
    assert all(len(tier) == 1 for tier in outcome.ranking)
    assert ranking[:4] == DECEMBER
    assert ranking[-3:] == DECEMBER_LAST
    # As many above as below its grade: "-", and not "+" as the sloppy gauge would have it.
    macron = working(outcome).profiles[1]
    assert (macron.above, macron.below, macron.grade, macron.sign) == (430, 430, "Passable", "-")
    assert (working(outcome).profiles[0].grade, working(outcome).profiles[0].sign) == ("Passable", "+")


@needs_elections
@pytest.mark.parametrize(
    "name", ["20211208_1209_ow", "20220209_0210_ow", "20220330_0331_ow", "20220413_0414_ow"]
)
def test_every_poll_of_2022_has_the_medians_and_the_order_of_its_percentages(name: str) -> None:
    options, outcome = poll(name)
    profiles = working(outcome).profiles
    assert {one.option for one in profiles} == set(options)
    values = []
    for one in profiles:
        tenths = [grade for grade, number in enumerate(one.judged) for _ in range(number)]
        value = majority_value(tenths)
        assert one.grade == SEVEN[value[0]]
        values.append(value)
    assert values == sorted(values)


@needs_elections
def test_approvals_of_2002_rank_by_their_number() -> None:
    election = read_election(APPROVAL_2002)
    contest = Contest(options=election.options, rule=MajorityJudgment(grades=election.grades))
    outcome = count(contest, {"": election.box})
    assert election.names[str(outcome.elected)] == "Chirac"
    approvals = [one.judged[0] for one in working(outcome).profiles]
    assert approvals == sorted(approvals, reverse=True)


# --- Edges ----------------------------------------------------------------------------------------------


def test_the_lower_of_two_middle_grades_counts() -> None:
    outcome = count(judging("a"), box([1], [4]))
    assert working(outcome).profiles[0].grade == "reject"


def test_the_same_grades_are_a_tie_and_nothing_else_is() -> None:
    tie = count(judging(), box([1, 2], [2, 1]))
    assert (tie.verdict, tie.winners, tie.ranking) == (Verdict.TIED, ("a", "b"), (("a", "b"),))
    # {0,1,2} against {1,1,1}: the sloppy gauge (p >= q) would put the first ahead.
    assert count(judging(), box([1, 2], [2, 2], [3, 2])).elected == "b"


@pytest.mark.parametrize(
    ("missing", "winner"), [(Missing.WORST, "b"), (Missing.REJECT, "a"), (Missing.OMIT, "a")]
)
def test_an_option_that_some_do_not_judge_fares_as_the_rule_says(missing: Missing, winner: str) -> None:
    ballots = box([1, 2], [0, 2], [0, 2], [1, 2])
    outcome = count(judging(missing=missing), ballots)
    assert outcome.elected == winner
    assert working(outcome).rejected == (2 if missing is Missing.REJECT else 0)
    judged = {one.option: sum(one.judged) for one in working(outcome).profiles}
    assert len(set(judged.values())) == 1


def test_an_abstention_judges_nothing_unless_it_is_counted() -> None:
    ballots = box([1], [1], [0], [0], [0])
    assert working(count(judging("a"), ballots)).profiles[0].grade == "excellent"
    counted = count(judging("a", abstention=Abstention.COUNTED), ballots)
    assert working(counted).profiles[0].grade == "reject"


def test_no_ballots_and_nothing_but_abstentions_decide_nothing() -> None:
    assert count(judging(), {}).verdict is Verdict.NO_BALLOTS
    assert count(judging(), box([0, 0])).verdict is Verdict.NO_BALLOTS
    rejected = count(judging(missing=Missing.REJECT), box([1, 0], [0, 1]))
    assert (rejected.verdict, working(rejected).rejected) == (Verdict.NO_BALLOTS, 2)


def test_a_grade_beyond_the_scale_and_a_scale_of_one_are_refused() -> None:
    with pytest.raises(CannotCount, match="above 4"):
        count(judging(), box([5, 1]))
    with pytest.raises(CannotCount, match="scale"):
        Contest(options=("a",), rule=MajorityJudgment(grades=("only",)))


def test_colleges_weigh_alike_in_proportion_and_give_one_grade_en_bloc() -> None:
    colleges = tuple(College(id=one, weight=Fraction(1, 2), members=50) for one in "xy")
    boxes = {"x": Counter({b"\1\2": 50}), "y": Counter({b"\4\2": 1})}
    proportional = count(judging(colleges=colleges), boxes)
    profiles = {one.option: one for one in working(proportional).profiles}
    assert profiles["a"].judged == (1, 0, 0, 1)
    assert working(proportional).unit == 2
    assert proportional.elected == "b"
    boxes["y"] = Counter({b"\4\2": 1, b"\1\2": 2})
    block = working(count(judging(colleges=colleges, carry=Carry.BLOCK), boxes))
    assert {one.option: one.judged for one in block.profiles} == {"a": (1, 0, 0, 0), "b": (0, 1, 0, 0)}
