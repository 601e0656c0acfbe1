"""Equal shares: the first binding vote by it, a plain program of its own for comparison, and what must always hold."""

from collections import Counter
from fractions import Fraction
from itertools import count as numbers
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.counting.contest import (
    Abstention,
    CannotCount,
    Carry,
    College,
    Completion,
    Contest,
    Electorate,
    EqualShares,
    TieKind,
    TieRule,
    Utility,
)
from governance.counting.equal_shares import purse
from governance.counting.formats.elections import Asked, Election, Method, counted
from governance.counting.formats.files import read_election
from governance.counting.outcome import Outcome, Verdict
from governance.counting.tally import count, count_sums
from governance.counting.workings import SharesWorking
from tests.governance.counting.elections import TOULOUSE, WIELICZKA, box, needs_elections, often


def budget(amount: int, costs: dict[str, int], **asked: Any) -> Contest:
    around = {name: asked.pop(name) for name in ("electorate", "ties", "void") if name in asked}
    return Contest(options=tuple(costs), rule=EqualShares(budget=amount, costs=costs, **asked), **around)


def working(outcome: Outcome) -> SharesWorking:
    assert isinstance(outcome.working, SharesWorking)
    return outcome.working


# --- Real votes -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wieliczka() -> tuple[Election, Outcome, list[int]]:
    election = read_election(WIELICZKA)
    steps: list[int] = []
    asked = Asked(method=Method.EQUAL_SHARES, completion=Completion.ADD1)
    _, outcome = counted(election, asked, lambda step, _spent: steps.append(step))
    return election, outcome, steps


@needs_elections
def test_wieliczka_2023_funds_exactly_the_official_thirty(
    wieliczka: tuple[Election, Outcome, list[int]],
) -> None:
    election, outcome, steps = wieliczka
    assert election.selected is not None
    assert len(election.selected) == 30
    assert outcome.winners == election.selected
    assert (working(outcome).spent, working(outcome).raised) == (995_079, 164)
    # Every run was told, the one that overspent included.
    assert steps == list(range(1, 166))


@needs_elections
def test_in_wieliczka_every_share_is_spent_to_the_last_fraction(
    wieliczka: tuple[Election, Outcome, list[int]],
) -> None:
    election, outcome, _ = wieliczka
    found = working(outcome)
    paid: Counter[str] = Counter()
    for marks, voters in election.box.items():
        approved = [option for option, mark in zip(election.options, marks, strict=True) if mark]
        lines = purse(found, approved)
        assert sum((amount for _, amount in lines), Fraction(0)) <= found.shares[""]
        assert all(amount >= 0 for _, amount in lines)
        for option, amount in lines:
            paid[option] += voters * amount  # type: ignore[assignment]
    assert dict(paid) == {one.option: election.costs[one.option] for one in found.rounds}


@needs_elections
@pytest.mark.parametrize("utility", Utility)
def test_wieliczka_without_completion_is_another_result(utility: Utility) -> None:
    election = read_election(WIELICZKA)
    asked = Asked(method=Method.EQUAL_SHARES, utility=utility, completion=Completion.NONE)
    _, outcome = counted(election, asked)
    assert outcome.winners != election.selected
    assert working(outcome).spent < 995_079


@needs_elections
def test_toulouse_2019_is_read_as_its_own_totals_say_and_never_overspends() -> None:
    election = read_election(TOULOUSE)
    outcome = counted(election, Asked(method=Method.EQUAL_SHARES, completion=Completion.NONE))[1]
    told = {}
    for line in (
        TOULOUSE.read_text(encoding="utf-8").split("PROJECTS\n")[1].split("VOTES\n")[0].splitlines()[1:]
    ):
        fields = line.split(";")
        told[fields[0]] = int(fields[-1])
    assert working(outcome).supporters == told
    assert working(outcome).spent == sum(election.costs[option] for option in outcome.winners) <= 1_000_000


# --- A plain program ------------------------------------------------------------------------------------

NAMES: Final = "abcd"
COSTS: Final = st.tuples(*[st.integers(0, 12)] * 4)
APPROVALS: Final = st.lists(st.tuples(*[st.integers(0, 1)] * 4), min_size=1, max_size=8)


def plain_run(
    ballots: list[tuple[int, ...]], costs: tuple[int, ...], share: Fraction, limit: int
) -> list[int]:
    """Word for word what the method says, with cost utility; ties by votes, then cost, then place."""
    left = [share] * len(ballots)
    funded: list[int] = []
    while True:
        best: tuple[Fraction, int, int, int, Fraction] | None = None
        for project, cost in enumerate(costs):
            those = [voter for voter, ballot in enumerate(ballots) if ballot[project]]
            if project in funded or not those or cost > limit or sum(left[voter] for voter in those) < cost:
                continue
            poorer, pays = sorted(left[voter] for voter in those), Fraction(0)
            for place in range(len(poorer)):
                pays = Fraction(cost - sum(poorer[:place])) / (len(poorer) - place)
                if pays <= poorer[place]:
                    break
            rate = pays / cost if cost else Fraction(0)
            best = min(filter(None, [best, (rate, -len(those), cost, project, pays)]))
        if best is None:
            return funded
        *_, project, pays = best
        funded.append(project)
        left = [
            max(Fraction(0), purse - pays) if ballot[project] else purse
            for purse, ballot in zip(left, ballots, strict=True)
        ]


def plain(ballots: list[tuple[int, ...]], costs: tuple[int, ...], amount: int) -> tuple[list[int], list[int]]:
    """Without completion, and with Add1 stopped at the first overspend."""
    voters = sum(any(ballot) for ballot in ballots)
    ballots = [ballot for ballot in ballots if any(ballot)]
    if not voters:
        return [], []
    supported = [p for p, cost in enumerate(costs) if cost <= amount and any(ballot[p] for ballot in ballots)]
    first = best = plain_run(ballots, costs, Fraction(amount, voters), amount)
    for step in numbers(1):
        if len(best) == len(supported):
            break
        run = plain_run(ballots, costs, Fraction(amount, voters) + step, amount)
        if sum(costs[project] for project in run) > amount:
            break
        best = run
    return first, best


@often
@given(ballots=APPROVALS, costs=COSTS, amount=st.integers(0, 30))
def test_the_result_is_that_of_the_method_word_for_word(
    ballots: list[tuple[int, ...]], costs: tuple[int, ...], amount: int
) -> None:
    priced = dict(zip(NAMES, costs, strict=True))
    for completion, expected in zip(
        (Completion.NONE, Completion.ADD1), plain(ballots, costs, amount), strict=True
    ):
        # A casting vote in the order of the list breaks ties as the plain program does.
        ties = TieRule(kind=TieKind.CASTING_VOTE, casting=tuple(NAMES))
        outcome = count(budget(amount, priced, completion=completion, ties=ties), box(*ballots))
        if outcome.verdict is not Verdict.NO_BALLOTS:
            assert [one.option for one in working(outcome).rounds] == [NAMES[p] for p in expected]


@often
@given(
    ballots=APPROVALS,
    costs=COSTS,
    amount=st.integers(0, 30),
    utility=st.sampled_from(Utility),
    completion=st.sampled_from(Completion),
)
def test_nothing_is_overspent_and_every_payment_is_exact(
    ballots: list[tuple[int, ...]],
    costs: tuple[int, ...],
    amount: int,
    utility: Utility,
    completion: Completion,
) -> None:
    priced = dict(zip(NAMES, costs, strict=True))
    outcome = count(budget(amount, priced, utility=utility, completion=completion), box(*ballots))
    found = working(outcome)
    assert found.spent <= amount
    assert found.spent == sum(one.cost for one in found.rounds) + sum(priced[one] for one in found.completed)
    for one in found.rounds:
        total = Fraction(0)
        for ballot in ballots:
            approved = [name for name, mark in zip(NAMES, ballot, strict=True) if mark]
            total += dict(purse(found, approved)).get(one.option, Fraction(0))
        assert total == one.cost


@often
@given(ballots=APPROVALS, costs=COSTS, amount=st.integers(0, 30), times=st.integers(2, 6), seed=st.randoms())
def test_order_changes_nothing_and_weighted_ballots_are_replicated_ones(
    ballots: list[tuple[int, ...]], costs: tuple[int, ...], amount: int, times: int, seed: Any
) -> None:
    contest = budget(amount, dict(zip(NAMES, costs, strict=True)))
    many = ballots * times
    seed.shuffle(many)
    weighted = {marks: times * n for marks, n in Counter(map(bytes, ballots)).items()}
    assert count(contest, box(*many)) == count(contest, {"": weighted})


# --- Edges ----------------------------------------------------------------------------------------------


def test_what_add1_leaves_is_completed_by_votes_only_if_asked() -> None:
    costs = {"a": 60, "b": 50, "c": 10}
    ballots = box([1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1])
    none, add1, add1u = (
        count(budget(100, costs, completion=completion), ballots) for completion in Completion
    )
    assert none.winners == ("a", "c")
    assert working(none).raised == 0
    assert set(none.winners) <= set(add1.winners) <= set(add1u.winners)
    # With one more each than three have left, all three would be funded: 16 of 10.
    last = budget(10, {"a": 6, "b": 6, "c": 4}, ties=TieRule(kind=TieKind.CASTING_VOTE, casting=("b",)))
    completed = count(last, box([1, 0, 0], [0, 1, 0], [0, 0, 1]))
    assert (completed.winners, working(completed).completed) == (("b", "c"), ("b",))
    assert working(completed).spent == 10


def test_without_a_supporter_nothing_is_funded_and_what_is_free_comes_first() -> None:
    outcome = count(budget(100, {"a": 10, "b": 0, "c": 0}), box([1, 1, 0]))
    assert [one.option for one in working(outcome).rounds] == ["b", "a"]
    assert "c" not in outcome.winners


def test_a_project_beyond_the_budget_is_not_admitted() -> None:
    assert count(budget(10, {"a": 11, "b": 10}), box([1, 0], [1, 0], [0, 1])).winners == ("b",)


def test_no_budget_or_no_ballots_fund_nothing() -> None:
    assert count(budget(0, {"a": 1}), box([1])).winners == ()
    assert count(budget(10, {"a": 1}), {}).verdict is Verdict.NO_BALLOTS
    assert count(budget(10, {"a": 1}), box([0])).verdict is Verdict.NO_BALLOTS


def test_two_equal_projects_of_which_one_can_be_paid_are_a_tie() -> None:
    costs, ballots = {"a": 10, "b": 10}, box([1, 1])
    reported = count(budget(10, costs), ballots)
    assert reported.verdict is Verdict.TIED
    assert reported.ties[0].options == ("a", "b")
    casting = TieRule(kind=TieKind.CASTING_VOTE, casting=("b", "a"))
    broken = count(budget(10, costs, ties=casting), ballots)
    assert (broken.verdict, broken.winners) == (Verdict.DECIDED, ("b",))
    assert broken.ties[0].options == ("a", "b")
    # Where both can be paid there is nothing to decide.
    assert count(budget(20, costs), ballots).verdict is Verdict.DECIDED


def test_a_college_has_its_weight_of_the_budget_whatever_its_size() -> None:
    colleges = tuple(College(id=one, weight=Fraction(1, 2), members=10) for one in "xy")
    costs = {"few": 50, "many": 51}
    boxes = {"x": {b"\1\0": 1}, "y": {b"\0\1": 10}}
    contest = budget(100, costs, completion=Completion.NONE, electorate=Electorate(colleges=colleges))
    outcome = count(contest, boxes)
    assert outcome.winners == ("few",)
    assert working(outcome).shares == {"x": 50, "y": 5}
    with pytest.raises(CannotCount, match="en bloc"):
        budget(100, costs, electorate=Electorate(colleges=colleges, carry=Carry.BLOCK))


def test_abstentions_take_their_share_out_only_where_they_count() -> None:
    ballots = box([1], [0])
    assert count(budget(10, {"a": 10}, completion=Completion.NONE), ballots).winners == ("a",)
    counting = budget(
        10, {"a": 10}, completion=Completion.NONE, electorate=Electorate(abstention=Abstention.COUNTED)
    )
    assert count(counting, ballots).winners == ()


def test_a_withdrawn_project_is_not_funded() -> None:
    assert count(budget(10, {"a": 5, "b": 5}, void=("a",)), box([1, 1])).winners == ("b",)


def test_sums_never_suffice() -> None:
    with pytest.raises(CannotCount, match="ballots themselves"):
        count_sums(budget(10, {"a": 1}), [])
