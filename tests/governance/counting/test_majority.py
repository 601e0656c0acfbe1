"""Majority, qualified or under colleges: thresholds with their operator, abstentions, quorums, and the SCIC example."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.counting.contest import (
    Abstention,
    CannotCount,
    Carry,
    College,
    Contest,
    Electorate,
    EmptyCollege,
    Majority,
    Operator,
    Threshold,
    TieKind,
    TieRule,
)
from governance.counting.outcome import Outcome, Verdict
from governance.counting.tally import count
from governance.counting.workings import MajorityWorking
from tests.governance.counting.elections import often

FOR, AGAINST, ABSTAIN = b"\1\0", b"\0\1", b"\0\0"
TWO_THIRDS = Fraction(2, 3)


def motion(*, threshold: Threshold | None = None, ties: TieRule | None = None, **electorate: Any) -> Contest:
    return Contest(
        options=("for", "against"),
        rule=Majority(threshold=threshold or Threshold(), default_option="against"),
        electorate=Electorate(**electorate),
        ties=ties or TieRule(),
    )


def voted(yes: int, no: int, abstained: int = 0) -> dict[bytes, int]:
    return {FOR: yes, AGAINST: no, ABSTAIN: abstained}


def working(outcome: Outcome) -> MajorityWorking:
    assert isinstance(outcome.working, MajorityWorking)
    return outcome.working


@pytest.mark.parametrize(
    ("operator", "yes", "no", "winner"),
    [
        (Operator.OVER, 6, 3, "against"),
        (Operator.AT_LEAST, 6, 3, "for"),
        (Operator.OVER, 7, 3, "for"),
        (Operator.AT_LEAST, 5, 3, "against"),
    ],
)
def test_two_thirds_are_more_than_or_at_least_as_the_rule_says(
    operator: Operator, yes: int, no: int, winner: str
) -> None:
    contest = motion(threshold=Threshold(operator=operator, ratio=TWO_THIRDS))
    assert count(contest, {"": voted(yes, no)}).elected == winner


@pytest.mark.parametrize(
    ("abstention", "winner"),
    [(Abstention.EXCLUDED, "for"), (Abstention.COUNTED, "against"), (Abstention.AS_CONSENT, "for")],
)
def test_an_abstention_weighs_what_the_rule_says(abstention: Abstention, winner: str) -> None:
    assert count(motion(abstention=abstention), {"": voted(5, 3, 4)}).elected == winner


def test_as_many_for_as_against_is_a_tie_that_rejects_unless_the_rule_breaks_it() -> None:
    even = {"": voted(5, 5)}
    reported = count(motion(), even)
    assert reported.elected == "against"
    assert [tie.options for tie in reported.ties] == [("for", "against")]
    casting = TieRule(kind=TieKind.CASTING_VOTE, casting=("for", "against"))
    broken = count(motion(ties=casting), even)
    assert broken.elected == "for"
    assert broken.ties[0].broken_by is TieKind.CASTING_VOTE


def test_a_casting_vote_not_yet_given_leaves_the_tie_open() -> None:
    contest = Contest(options=("a", "b"), rule=Majority(), ties=TieRule(kind=TieKind.CASTING_VOTE))
    outcome = count(contest, {"": {b"\1\0": 2, b"\0\1": 2}})
    assert (outcome.verdict, outcome.winners, outcome.elected) == (Verdict.TIED, ("a", "b"), None)


def test_the_lot_is_the_hash_that_the_rule_names() -> None:
    ties = TieRule(kind=TieKind.SEEDED_LOT, closing_hash="00ff")
    contest = Contest(options=("a", "b"), rule=Majority(), ties=ties, rule_version="v7")
    outcome = count(contest, {"": {b"\1\0": 2, b"\0\1": 2}})
    # printf 00ffv7a | sha256sum: 8e8f20c8..., printf 00ffv7b | sha256sum: 80110d25...; the lowest wins.
    assert outcome.ties[0].order == ("b", "a")
    assert outcome.elected == "b"
    assert outcome.ties[0].options == ("a", "b")


def test_among_several_without_a_default_nobody_wins_below_the_threshold() -> None:
    contest = Contest(options=("a", "b", "c"), rule=Majority())
    outcome = count(contest, {"": {b"\1\0\0": 4, b"\0\1\0": 3, b"\0\0\1": 3}})
    assert (outcome.verdict, outcome.winners) == (Verdict.NO_MAJORITY, ())
    assert outcome.ranking == (("a",), ("b", "c"))
    relative = Contest(options=("a", "b", "c"), rule=Majority(threshold=Threshold(ratio=Fraction(0))))
    assert count(relative, {"": {b"\1\0\0": 4, b"\0\1\0": 3, b"\0\0\1": 3}}).elected == "a"


def test_without_a_ballot_or_with_abstentions_alone_nothing_is_decided() -> None:
    assert count(motion(), {}).verdict is Verdict.NO_BALLOTS
    assert count(motion(), {"": {ABSTAIN: 3}}).verdict is Verdict.NO_BALLOTS
    assert count(motion(), {}).winners == ()


def test_abstentions_count_for_the_quorum_and_one_ballot_less_misses_it() -> None:
    half = Fraction(1, 2)
    assert count(motion(members=10, quorum=half), {"": voted(1, 0, 4)}).elected == "for"
    missed = count(motion(members=10, quorum=half), {"": voted(1, 0, 3)})
    assert (missed.verdict, missed.elected) == (Verdict.NO_QUORUM, None)


def test_a_vote_for_an_option_withdrawn_meanwhile_becomes_an_abstention() -> None:
    contest = Contest(options=("a", "b", "c"), rule=Majority(), void=("a",))
    outcome = count(contest, {"": {b"\1\0\0": 9, b"\0\1\0": 2, b"\0\0\1": 1}})
    assert outcome.elected == "b"
    assert working(outcome).colleges[0].abstained == 9


# --- Colleges -----------------------------------------------------------------------------------------


def quarters(members: int = 20, **electorate: Any) -> dict[str, Any]:
    colleges = tuple(College(id=one, weight=Fraction(1, 4), members=members) for one in "abcd")
    return {"colleges": colleges, **electorate}


def test_the_scic_example_votes_for_with_three_quarters() -> None:
    contest = motion(
        **quarters(
            carry=Carry.BLOCK,
            college_threshold=Threshold(ratio=Fraction(3, 5)),
            abstention=Abstention.AS_CONSENT,
        )
    )
    outcome = count(contest, dict.fromkeys("abcd", voted(10, 5, 5)))
    for college in working(outcome).colleges:
        assert college.shares["for"] == Fraction(3, 4)
        assert college.carried == "for"
    assert outcome.elected == "for"


def test_a_block_gives_all_its_weight_and_a_proportional_college_its_part() -> None:
    boxes = {"a": voted(11, 9), "b": voted(11, 9), "c": voted(11, 9), "d": voted(0, 20)}
    block = count(motion(**quarters(carry=Carry.BLOCK)), boxes)
    assert working(block).scores == {"for": Fraction(3, 4), "against": Fraction(1, 4)}
    proportional = count(motion(**quarters()), boxes)
    assert working(proportional).scores["for"] == Fraction(33, 80)
    assert (block.elected, proportional.elected) == ("for", "against")


def test_one_person_weighs_by_the_college_and_not_by_its_size() -> None:
    colleges = (
        College(id="few", weight=Fraction(1, 2), members=1),
        College(id="many", weight=Fraction(1, 2), members=1000),
    )
    outcome = count(motion(colleges=colleges), {"few": voted(1, 0), "many": voted(1, 999)})
    assert working(outcome).scores["for"] == Fraction(1, 2) + Fraction(1, 2000)


def test_a_college_without_a_vote_fails_the_decision_or_leaves_its_weight_as_the_rule_says() -> None:
    boxes = {"a": voted(3, 0), "b": voted(3, 0), "c": voted(0, 3)}
    assert count(motion(**quarters()), boxes).verdict is Verdict.NO_QUORUM
    renormalised = count(motion(**quarters(empty_college=EmptyCollege.RENORMALISE)), boxes)
    assert renormalised.elected == "for"
    assert [turnout.weight for turnout in renormalised.turnout] == [1, *[Fraction(1, 3)] * 3, 0]


def test_weights_taken_over_never_pass_one_half() -> None:
    colleges = tuple(
        College(id=one, weight=Fraction(weight, 10), members=5)
        for one, weight in zip("abc", (5, 2, 3), strict=True)
    )
    outcome = count(
        motion(colleges=colleges, empty_college=EmptyCollege.RENORMALISE),
        {"a": voted(5, 0), "b": voted(0, 5)},
    )
    assert [one.weight for one in working(outcome).colleges] == [Fraction(1, 2), Fraction(1, 2), 0]
    alone = count(motion(colleges=colleges, empty_college=EmptyCollege.RENORMALISE), {"a": voted(5, 0)})
    assert alone.verdict is Verdict.NO_QUORUM


def test_a_college_below_its_own_quorum_has_no_valid_vote() -> None:
    colleges = (
        College(id="a", weight=Fraction(1, 2), members=10, quorum=Fraction(1, 2)),
        College(id="b", weight=Fraction(1, 2), members=10),
    )
    assert count(motion(colleges=colleges), {"a": voted(4, 0), "b": voted(1, 0)}).verdict is Verdict.NO_QUORUM
    assert count(motion(colleges=colleges), {"a": voted(5, 0), "b": voted(1, 0)}).elected == "for"


@pytest.mark.parametrize(
    ("boxes", "why"),
    [
        ({"": {b"\1\1": 1}}, "several"),
        ({"": {b"\2\0": 1}}, "above 1"),
        ({"": {b"\1": 1}}, "2 marks"),
        ({"x": {FOR: 1}}, "not a college"),
        ({"": {FOR: 4}}, "3 members"),
    ],
)
def test_ballots_that_contradict_the_vote_are_refused(boxes: dict[str, dict[bytes, int]], why: str) -> None:
    with pytest.raises(CannotCount, match=why):
        count(motion(members=3), boxes)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"options": ()}, "no option"),
        ({"options": ("a", "a")}, "same id"),
        ({"options": ("a",), "void": ("b",)}, "not an option"),
        ({"options": ("a",), "void": ("a",)}, "withdrawn"),
        ({"options": ("a", "b"), "electorate": Electorate(abstention=Abstention.AS_CONSENT)}, "consent"),
        (
            {
                "options": ("a",),
                "electorate": Electorate(colleges=(College(id="x", weight=Fraction(1, 3), members=1),)),
            },
            "do not make 1",
        ),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(CannotCount, match=why):
        Contest(rule=Majority(), **asked)


@often
@given(
    votes=st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)),
    times=st.integers(1, 9),
    abstention=st.sampled_from(Abstention),
)
def test_many_equal_ballots_are_that_many_ballots(
    votes: tuple[int, int, int], times: int, abstention: Abstention
) -> None:
    one = count(motion(abstention=abstention), {"": voted(*votes)})
    many = count(motion(abstention=abstention), {"": voted(*(times * n for n in votes))})
    assert (one.verdict, one.winners, one.ranking) == (many.verdict, many.winners, many.ranking)
    assert working(one).scores == working(many).scores
