"""The public file of a vote: it recounts to itself, its schema is the one published, and what was altered shows."""

import json
import re
from fractions import Fraction
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, meta

from governance.counting.ballots import SchulzeSums, sums_of
from governance.counting.contest import (
    Boxes,
    CannotCount,
    College,
    Contest,
    Electorate,
    EqualShares,
    Majority,
    MajorityJudgment,
    Rule,
    Schulze,
)
from governance.counting.outcome import Outcome
from governance.counting.published import (
    SCHEMA,
    PublishedBallot,
    PublishedVote,
    Unreadable,
    ballots_of,
    differences,
    read,
    recounted,
    schema,
    written,
)
from governance.counting.tally import count, count_sums
from governance.counting.trace import canonical
from tests.governance.counting.elections import often

OPTIONS: Final = ("a", "b", "c")
COLLEGES: Final = tuple(College(id=one, weight=Fraction(1, 2), members=40) for one in "xy")
RULES: Final[tuple[Rule, ...]] = (
    Majority(default_option="c"),
    MajorityJudgment(grades=("good", "fair", "bad")),
    Schulze(default_option="c", quorum=Fraction(1), majority={"a": Fraction(3, 2)}),
    EqualShares(budget=100, costs={"a": 60, "b": 50, "c": 0}),
)


def vote(contest: Contest, boxes: Boxes, outcome: Outcome | None = None, **facts: Any) -> PublishedVote:
    return PublishedVote(
        cooperative="lac",
        vote="7",
        question="Où ?",
        opened_at="2026-11-01T10:00:00Z",
        closed_at="2026-11-08T10:00:00Z",
        labels={"a": "Ici", "x": "Ouvriers"},
        contest=contest,
        result=outcome or count(contest, boxes),
        **(facts or {"ballots": ballots_of(boxes)}),
    )


def small(rule: Rule, electorate: Electorate) -> tuple[Contest, Boxes]:
    contest = Contest(options=OPTIONS, rule=rule, electorate=electorate, rule_version="v1")
    ballots = {b"\1\0\0": 3, b"\0\1\0": 2, b"\0\0\0": 1}
    return contest, ({"x": ballots, "y": ballots} if electorate.colleges else {"": ballots})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(
    "electorate", [Electorate(members=9), Electorate(colleges=COLLEGES)], ids=["all", "colleges"]
)
def test_a_file_recounts_to_what_it_says_and_fits_its_schema(rule: Rule, electorate: Electorate) -> None:
    contest, boxes = small(rule, electorate)
    text = written(vote(contest, boxes))
    again = read(text)
    assert differences(again.result, recounted(again)) == []
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(json.loads(text))
    assert written(again) == text


@pytest.mark.parametrize("rule", RULES[:3], ids=lambda rule: type(rule).__name__)
def test_a_file_of_sums_recounts_without_a_ballot(rule: Rule) -> None:
    contest, boxes = small(rule, Electorate(colleges=COLLEGES))
    sums = sums_of(contest, boxes)
    again = read(written(vote(contest, {}, count_sums(contest, sums), sums=sums)))
    assert again.ballots is None
    assert differences(again.result, recounted(again)) == []
    assert recounted(again).winners == count(contest, boxes).winners


def test_two_sums_of_one_college_are_refused() -> None:
    contest = Contest(options=("a", "b"), rule=Schulze())
    sums = SchulzeSums(pairwise=((0, 1), (0, 0)), ranking=1, abstained=0)
    with pytest.raises(CannotCount, match="two sums"):
        count_sums(contest, [sums, sums])


def test_the_schema_in_the_folder_is_that_of_the_code() -> None:
    assert SCHEMA.read_bytes() == schema(), "python -m governance.counting.published"
    meta.validate(json.loads(schema()))


def paths(value: Any, *path: Any) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for key, one in value.items() for found in paths(one, *path, key)]
    if isinstance(value, list):
        return [found for place, one in enumerate(value) for found in paths(one, *path, place)]
    return [path]


def altered(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str() if re.fullmatch(r"\d+(/\d+)?", value):
            return str(Fraction(value) + 1)
        case str():
            return f"{value}x"
        case _:
            return 1


def test_whatever_is_altered_that_counts_shows() -> None:
    contest, boxes = small(RULES[2], Electorate(members=9))
    text = written(vote(contest, boxes))
    counted_parts = {"contest", "ballots", "result"}
    places = [path for path in paths(json.loads(text)) if path[0] in counted_parts]
    assert len(places) > 60
    for path in places:
        copy = json.loads(text)
        holder = copy
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = altered(holder[path[-1]])
        try:
            file = read(json.dumps(copy).encode())
            shown = differences(file.result, recounted(file))
        except (Unreadable, CannotCount):
            continue
        assert shown, path
        # Another rank may leave the order as it was, but not the hash of the ballots.
        assert path[0] == "result" or any("result.trace" in one for one in shown), path


def test_ballots_may_be_listed_in_any_order_and_one_by_one() -> None:
    contest, boxes = small(RULES[2], Electorate())
    file = vote(contest, boxes)
    singly = [
        PublishedBallot(marks=one.marks, receipt=f"{place}-{n}")
        for place, one in enumerate(file.ballots or ())
        for n in range(one.count)
    ]
    listed = msgspec.structs.replace(file, ballots=tuple(reversed(singly)))
    assert differences(file.result, recounted(read(written(listed)))) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        (b'"question"', b'"question', 5, "not JSON"),
        (b'"cooperative": "lac",', b"", None, "missing required field"),
        (b'"format": "archipel-vote/1"', b'"format": "archipel-vote/2"', None, "archipel-vote/2"),
        (b'"3/2"', b'"1/0"', None, "a fraction is written"),
        (b'"3/2"', b"1.5", None, "a fraction is written|Expected"),
        (b'"default_option": "c"', b'"default_option": "z"', None, "not an option"),
        (b'"count": 3', b'"count": 0', None, ">= 1"),
        (b'"labels"', b'"secrets"', None, "unknown field"),
    ],
)
def test_a_file_that_is_not_one_is_refused_with_its_reason(
    old: bytes, new: bytes, line: int | None, why: str
) -> None:
    contest, boxes = small(RULES[2], Electorate())
    text = written(vote(contest, boxes))
    assert old in text
    with pytest.raises(Unreadable, match=why) as refused:
        read(text.replace(old, new, 1))
    assert refused.value.line == line


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"format": 1e999}'])
def test_what_is_nothing_of_the_kind_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_a_file_has_ballots_or_sums_and_no_receipt_twice() -> None:
    contest, boxes = small(RULES[0], Electorate())
    for ballots in (None, (PublishedBallot(marks=(1, 0, 0), receipt="r"),) * 2):
        broken = msgspec.json.encode(vote(contest, boxes), enc_hook=str)
        facts = json.loads(broken)
        facts["ballots"] = json.loads(msgspec.json.encode(ballots))
        with pytest.raises(Unreadable, match=r"either ballots or sums|same receipt"):
            read(json.dumps(facts).encode())


def test_the_canonical_text_is_sorted_exact_and_without_spaces() -> None:
    text = canonical({"b": Fraction(6, 4), "a": {"é": Fraction(2), "d": (1, 2)}})
    assert text.decode() == '{"a":{"d":[1,2],"é":"2"},"b":"3/2"}'


@often
@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail_otherwise(text: bytes) -> None:
    with pytest.raises(Unreadable):
        read(text)
