"""Schulze: Debian's official tallies, real elections where methods part, another program, and what must always hold."""

import random
from collections import Counter
from fractions import Fraction
from itertools import pairwise as pairwise_of

import pytest
from hypothesis import given
from hypothesis import strategies as st
from votelib.convert import RankedToCondorcetVotes
from votelib.evaluate.condorcet import Schulze as OtherSchulze

from governance.counting.ballots import sums_of
from governance.counting.contest import (
    CannotCount,
    Carry,
    College,
    Contest,
    Electorate,
    Operator,
    Schulze,
    TieKind,
    TieRule,
)
from governance.counting.formats.files import read_election
from governance.counting.outcome import Outcome, Verdict
from governance.counting.schulze import strongest_paths
from governance.counting.tally import count, count_sums
from governance.counting.workings import SchulzeWorking
from tests.governance.counting.elections import DEBIAN, ERS, GOVAN, box, debian, needs_elections, often


def working(outcome: Outcome) -> SchulzeWorking:
    assert isinstance(outcome.working, SchulzeWorking)
    return outcome.working


def ranking(options: str, **rule: object) -> Contest:
    return Contest(options=tuple(options), rule=Schulze(**rule))  # type: ignore[arg-type]


# --- Real votes -----------------------------------------------------------------------------------------


@needs_elections
@pytest.mark.parametrize("vote", DEBIAN)
def test_debian_votes_end_as_officially(vote: str) -> None:
    told, contest, boxes = debian(vote)
    outcome = count(contest, boxes)
    assert list(outcome.winners) == told["official_winners"]
    assert outcome.verdict is Verdict.DECIDED
    found = working(outcome)
    place = {option: n for n, option in enumerate(found.options)}
    for winner, loser, votes_for, against in told["official_defeats"]:
        assert found.pairwise[place[winner]][place[loser]] == votes_for
        assert found.pairwise[place[loser]][place[winner]] == against
    if vote != "2008_vote_003":
        # The page of that vote lists one defeat only; those of the others list all between options that were kept.
        official = {(winner, loser) for winner, loser, *_ in told["official_defeats"]}
        counted = {
            (one, other)
            for one in found.kept
            for other in found.kept
            if found.pairwise[place[one]][place[other]] > found.pairwise[place[other]][place[one]]
        }
        assert counted == official


@needs_elections
def test_debian_gates_drop_what_missed_its_majority() -> None:
    _told, contest, boxes = debian("2008_vote_003")
    assert working(count(contest, boxes)).kept == ("5", "7")


@needs_elections
def test_winning_votes_elect_whom_margins_would_not() -> None:
    election = read_election(GOVAN)
    contest = Contest(options=election.options, rule=Schulze())
    outcome = count(contest, {"": election.box})
    assert outcome.elected == "4"
    assert election.names["4"] == "John Flanagan"
    pairwise = working(outcome).pairwise
    margins = [[max(0, pairwise[a][b] - pairwise[b][a]) for b in range(11)] for a in range(11)]
    strengths, _ = strongest_paths(margins)
    best = [a for a in range(11) if all(strengths[a][b] >= strengths[b][a] for b in range(11))]
    assert [election.names[str(a + 1)] for a in best] == ["Stephen Dornan"]


@needs_elections
def test_a_real_tie_of_two_is_reported_and_not_broken_by_place() -> None:
    election = read_election(ERS)
    contest = Contest(options=election.options, rule=Schulze())
    outcome = count(contest, {"": election.box})
    assert (outcome.verdict, outcome.winners, outcome.elected) == (Verdict.TIED, ("6", "7"), None)
    assert [tie.options for tie in outcome.ties] == [("6", "7")]
    casting = Contest(
        options=election.options, rule=Schulze(), ties=TieRule(kind=TieKind.CASTING_VOTE, casting=("7", "6"))
    )
    broken = count(casting, {"": election.box})
    assert broken.elected == "7"
    assert [tie.options for tie in broken.ties] == [("6", "7")]


# --- Another program ------------------------------------------------------------------------------------


def test_votelib_finds_the_same_winner_where_there_is_one_and_one_of_ours_where_it_breaks_a_tie() -> None:
    draw = random.Random(12)
    same = 0
    for _ in range(400):
        options = "abcdef"[: draw.randint(2, 6)]
        ballots = [tuple(draw.sample(options, len(options))) for _ in range(draw.randint(1, 31))]
        marks = box(*([ballot.index(one) + 1 for one in options] for ballot in ballots))
        outcome = count(ranking(options), marks)
        found = OtherSchulze().evaluate(RankedToCondorcetVotes().convert(Counter(ballots)), 1)
        # It counts the options that each one beats by paths, so that of several unbeaten ones it prefers the one
        # that beats more others; and it answers nothing where no path beats another.
        theirs = {found[0]} if found and isinstance(found[0], str) else set(*found)
        if len(outcome.winners) == 1:
            assert theirs == set(outcome.winners), ballots
            same += 1
        elif len(theirs) == 1:
            assert theirs <= set(outcome.winners), ballots
    assert same > 250


# --- What must always hold ------------------------------------------------------------------------------

SIZE = 4
MARKS = st.integers(0, SIZE) | st.integers(120, 254)
BALLOTS = st.lists(st.tuples(*[MARKS] * SIZE), min_size=1, max_size=12)


def naive(ballots: list[tuple[int, ...]]) -> list[list[int]]:
    def above(ballot: tuple[int, ...], a: int, b: int) -> bool:
        return (ballot[a] or 999) < (ballot[b] or 999)

    return [[sum(above(one, a, b) for one in ballots) for b in range(SIZE)] for a in range(SIZE)]


@often
@given(ballots=BALLOTS, seed=st.integers(0, 2**32))
def test_neither_order_nor_grouping_of_ballots_changes_anything(
    ballots: list[tuple[int, ...]], seed: int
) -> None:
    shuffled = random.Random(seed).sample(ballots, len(ballots))
    one, other = count(ranking("abcd"), box(*ballots)), count(ranking("abcd"), box(*shuffled))
    assert one == other
    assert [list(row) for row in working(one).pairwise] == naive(ballots)


@often
@given(ballots=BALLOTS, times=st.integers(2, 40))
def test_weighted_ballots_are_replicated_ballots(ballots: list[tuple[int, ...]], times: int) -> None:
    weighted = {marks: times * n for marks, n in Counter(map(bytes, ballots)).items()}
    one, other = count(ranking("abcd"), {"": weighted}), count(ranking("abcd"), box(*ballots * times))
    assert one == other
    assert one.winners == count(ranking("abcd"), box(*ballots)).winners


@often
@given(ballots=BALLOTS)
def test_who_beats_everybody_wins_alone(ballots: list[tuple[int, ...]]) -> None:
    pairwise = naive(ballots)
    condorcet = [
        a for a in range(SIZE) if all(pairwise[a][b] > pairwise[b][a] for b in range(SIZE) if a != b)
    ]
    outcome = count(ranking("abcd"), box(*ballots))
    if condorcet:
        assert outcome.elected == "abcd"[condorcet[0]]
    assert outcome.winners or outcome.verdict is Verdict.NO_BALLOTS


@often
@given(ballots=BALLOTS)
def test_strongest_paths_are_those_of_trying_every_path(ballots: list[tuple[int, ...]]) -> None:
    pairwise = naive(ballots)
    strengths, _ = strongest_paths(pairwise)

    def best(a: int, b: int, unused: frozenset[int]) -> tuple[int, int]:
        direct = (pairwise[a][b], -pairwise[b][a]) if pairwise[a][b] > pairwise[b][a] else (0, 0)
        through = [
            min((pairwise[a][k], -pairwise[k][a]), best(k, b, unused - {k}))
            for k in unused
            if pairwise[a][k] > pairwise[k][a]
        ]
        return max([direct, *through])

    for a in range(SIZE):
        for b in range(SIZE):
            if a != b:
                assert tuple(strengths[a][b]) == best(a, b, frozenset(range(SIZE)) - {a, b})


@often
@given(ballots=BALLOTS)
def test_each_shown_path_is_a_chain_of_victories_as_strong_as_it_says(ballots: list[tuple[int, ...]]) -> None:
    pairwise = naive(ballots)
    for path in working(count(ranking("abcd"), box(*ballots))).paths:
        places = ["abcd".index(option) for option in path.path]
        steps = [(pairwise[a][b], -pairwise[b][a]) for a, b in pairwise_of(places)]
        assert all(votes_for > -against for votes_for, against in steps)
        weakest = min(steps)
        assert path.votes == (weakest[0], -weakest[1])


# --- Ballots and gates at their edges -------------------------------------------------------------------


def test_gaps_and_repeated_ranks_are_an_order_like_any_other() -> None:
    gapped = count(ranking("abc"), box([1, 5, 9], [2, 2, 100]))
    plain = count(ranking("abc"), box([1, 2, 3], [1, 1, 2]))
    assert working(gapped).pairwise == working(plain).pairwise
    assert gapped.winners == plain.winners == ("a",)


def test_an_unranked_option_is_below_the_last_rank_there_is() -> None:
    for last in (1, 126, 127, 254):
        ranked = working(count(ranking("ab"), box([last, 0], [1, last]))).pairwise
        assert ranked == ((0, 1 + (last > 1)), (0, 0))


def test_no_ballots_one_option_and_all_equal_each_end_clearly() -> None:
    assert count(ranking("ab"), {}).verdict is Verdict.NO_BALLOTS
    assert count(ranking("a"), box([1])).elected == "a"
    equal = count(ranking("abc"), box([1, 1, 1], [2, 2, 2]))
    assert (equal.verdict, equal.winners) == (Verdict.TIED, ("a", "b", "c"))


def test_a_withdrawn_option_wins_nothing_and_leaves_the_others_their_order() -> None:
    contest = Contest(options=("a", "b", "c"), rule=Schulze(), void=("a",))
    outcome = count(contest, box([1, 2, 3], [1, 2, 3], [1, 3, 2]))
    assert outcome.elected == "b"
    assert working(outcome).options == ("b", "c")
    assert outcome.ranking == (("b",), ("c",))


def test_an_option_needs_its_quorum_and_more_than_equality_against_the_default() -> None:
    contest = ranking("abd", default_option="d", quorum=Fraction(2))
    outcome = count(contest, box([1, 0, 2], [1, 3, 2], [0, 1, 2]))
    assert working(outcome).kept == ("a", "d")
    tied = count(ranking("ad", default_option="d"), box([1, 2], [2, 1]))
    assert tied.winners == ("d",)


def test_ballots_that_rank_the_default_alone_leave_it_alone() -> None:
    assert count(ranking("abd", default_option="d"), box([0, 0, 1], [0, 0, 1])).ranking == (("d",),)


@pytest.mark.parametrize(("operator", "kept"), [(Operator.AT_LEAST, ("a", "d")), (Operator.OVER, ("d",))])
def test_a_ratio_of_three_is_at_least_or_more_as_the_rule_says(
    operator: Operator, kept: tuple[str, ...]
) -> None:
    contest = ranking("ad", default_option="d", majority={"a": Fraction(3)}, operator=operator)
    assert working(count(contest, box([1, 2], [1, 2], [1, 2], [2, 1]))).kept == kept


def test_a_mark_beyond_the_ranks_is_refused() -> None:
    with pytest.raises(CannotCount, match="255"):
        count(ranking("ab"), box([1, 255]))


# --- Colleges and sums ----------------------------------------------------------------------------------


def thirds(carry: Carry) -> Electorate:
    colleges = tuple(College(id=one, weight=Fraction(1, 3), members=50) for one in "xyz")
    return Electorate(colleges=colleges, carry=carry)


def test_colleges_weigh_alike_whatever_their_size() -> None:
    boxes = {"x": {b"\1\2": 50}, "y": {b"\2\1": 1}, "z": {b"\2\1": 2, b"\1\2": 1}}
    proportional = count(
        Contest(options=("a", "b"), rule=Schulze(), electorate=thirds(Carry.PROPORTIONAL)), boxes
    )
    found = working(proportional)
    assert Fraction(found.pairwise[0][1], found.unit) == Fraction(1, 3) + Fraction(1, 9)
    assert proportional.elected == "b"
    block = working(count(Contest(options=("a", "b"), rule=Schulze(), electorate=thirds(Carry.BLOCK)), boxes))
    assert Fraction(block.pairwise[1][0], block.unit) == Fraction(2, 3)


@often
@given(ballots=BALLOTS)
def test_sums_give_the_same_result_as_ballots(ballots: list[tuple[int, ...]]) -> None:
    contest = ranking("abcd", default_option="d")
    by_ballots = count(contest, box(*ballots))
    by_sums = count_sums(contest, sums_of(contest, box(*ballots)))
    assert (by_sums.winners, by_sums.ranking, by_sums.working) == (
        by_ballots.winners,
        by_ballots.ranking,
        by_ballots.working,
    )
