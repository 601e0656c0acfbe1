"""The formats of others, line by line: what they hold, and the line number of whatever they should not."""

from pathlib import Path

import pytest

from governance.counting.contest import CannotCount
from governance.counting.formats.elections import Asked, Kind, Method, contest_of, counted
from governance.counting.formats.files import read_election
from governance.counting.published import Unreadable
from governance.counting.workings import JudgmentWorking
from tests.governance.counting.elections import APPROVAL_2002, GOVAN, needs_elections

HEAD = "# NUMBER ALTERNATIVES: 3\n# ALTERNATIVE NAME 1: Apple\n"
CATEGORIES = "# NUMBER CATEGORIES: 2\n# CATEGORY NAME 1: Yes\n# CATEGORY NAME 2: No\n"
META = "META\nkey;value\nbudget;100\n"
PROJECTS = "PROJECTS\nproject_id;cost;name\np1;60;One\np2;50;Two\n"
VOTES = "VOTES\nvoter_id;vote\n"


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@needs_elections
def test_real_files_are_read_whole() -> None:
    govan = read_election(GOVAN)
    assert (govan.kind, len(govan.options), sum(govan.box.values())) == (Kind.RANKS, 11, 9560)
    approval = read_election(APPROVAL_2002)
    assert (approval.grades, sum(approval.box.values())) == (("Yes", "No"), 365)


@pytest.mark.parametrize(
    ("name", "lines", "box"),
    [
        ("a.soc", "2: 3,1,2\n1: 3,1,2\n1: 1,2,3\n", {b"\2\3\1": 3, b"\1\2\3": 1}),
        ("a.soi", "2: 3\n1: 2,1\n", {b"\0\0\1": 2, b"\2\1\0": 1}),
        ("a.toc", "4: {1,3},2\r\n", {b"\1\2\1": 4}),
        ("a.toi", "4: 2, {1,3}\n", {b"\2\1\2": 4}),
        ("a.cat", "4: {1,3},2\n1: {},3\n", {b"\1\2\1": 4, b"\0\0\2": 1}),
    ],
)
def test_each_format_of_preflib_says_who_is_where(
    tmp_path: Path, name: str, lines: str, box: dict[bytes, int]
) -> None:
    head = HEAD + (CATEGORIES if name.endswith("cat") else "")
    election = read_election(written(tmp_path, name, head + lines))
    assert election.box == box
    assert election.names == {"1": "Apple", "2": "2", "3": "3"}


@pytest.mark.parametrize(
    ("name", "text", "line", "why"),
    [
        ("a.soc", HEAD + "1: 1,2\n", 3, "not ranked"),
        ("a.soc", HEAD + "1: {1,2},3\n", 3, "share a rank"),
        ("a.soi", HEAD + "1: 1,1\n", 3, "twice"),
        ("a.toc", HEAD + "1: 1,2,3\n1: 1,2,4\n", 4, "no alternative '4'"),
        ("a.toc", HEAD + "1: 1,2,{3\n", 3, "not understood"),
        ("a.toc", HEAD + "1: 1,2,3,\n", 3, "not understood"),
        ("a.toi", HEAD + "1: 1,{},3\n", 3, "empty"),
        ("a.toi", HEAD + "0: 1\n", 3, "above 0"),
        ("a.toi", HEAD + "1,2,3\n", 3, "above 0"),
        ("a.toi", HEAD + "-1: 1\n", 3, "above 0"),
        ("a.toi", "# NUMBER VOTERS: 3\n" + HEAD + "1: 1\n", 1, "there are 1"),
        ("a.toi", "# NUMBER VOTERS: x\n" + HEAD + "1: 1\n", 1, "not a number"),
        ("a.toi", "1: 1\n", 1, "NUMBER ALTERNATIVES"),
        ("a.toi", "", 1, "NUMBER ALTERNATIVES"),
        ("a.toi", "# NUMBER ALTERNATIVES: 0\n", 1, "from 1 to"),
        ("a.toi", HEAD.encode() + b"1: \xff\n", 3, "not UTF-8"),
        ("a.cat", HEAD + CATEGORIES + "1: 1\n", 6, "1 categories instead of 2"),
        ("a.cat", HEAD + "1: 1\n", 1, "NUMBER CATEGORIES"),
        ("a.pb", PROJECTS, 1, "begins with META"),
        ("a.pb", META + VOTES, 5, "section PROJECTS"),
        ("a.pb", META + PROJECTS + VOTES + "1;p1,p9\n", 10, "no project 'p9'"),
        ("a.pb", META + PROJECTS + VOTES + "1;p1,p1\n", 10, "twice"),
        ("a.pb", META + PROJECTS + VOTES + "1;p1;x\n", 10, "3 fields instead of 2"),
        ("a.pb", META + PROJECTS + "p1;7;Again\n" + VOTES, 8, "twice"),
        ("a.pb", META + "PROJECTS\nproject_id;cost\np1;-7\n" + VOTES, 6, "not an amount"),
        ("a.pb", "META\nkey;value\nbudget;lots\n" + PROJECTS + VOTES, 3, "not an amount"),
        ("a.pb", "META\nkey;value\nnum_votes;2\nbudget;1\n" + PROJECTS + VOTES + "1;p1\n", 3, "there are 1"),
        ("a.pb", "META\nkey;value\n" + PROJECTS + VOTES, 1, "no budget"),
        ("a.pb", META + "PROJECTS\nproject_id\np1\n" + VOTES, 5, "no column 'cost'"),
        ("a.csv", "a,b\n1\n", 2, "1 cells instead of 2"),
        ("a.csv", "a,a\n1,2\n", 1, "same name"),
        ("a.csv", "a,b\nBien,Passable\nBien,Grand\n", 3, "words of one scale"),
        ("a.csv", "a,b\nBien,3\n", 2, "words of one scale"),
        ("a.csv", "a,count\n1,x\n", 2, "not a number of ballots"),
        ("a.csv", "option,Good,Bad\na,1,x\n", 2, "not a number of ballots"),
        ("a.csv", "option,Good,Bad\na,1,2\na,1,2\n", 3, "twice"),
        ("a.csv", "", 1, "no line"),
        ("a.csv", 'a,b\n"1,2\n', 2, "unexpected end"),
        ("a.txt", "", None, "ends in none of"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, name: str, text: str | bytes, line: int | None, why: str
) -> None:
    with pytest.raises(Unreadable, match=why) as refused:
        read_election(written(tmp_path, name, text))
    assert refused.value.line == line


def test_a_budget_keeps_its_decimals_exactly(tmp_path: Path) -> None:
    text = (
        "META\nkey;value\nbudget;10.50\nPROJECTS\nproject_id;cost\na;5.25\nb;5.26\n" + VOTES + "1;a,b\n2;\n"
    )
    election = read_election(written(tmp_path, "a.pb", text))
    assert (election.unit, election.budget, election.costs) == (100, 1050, {"a": 525, "b": 526})
    assert election.box == {b"\1\1": 1, b"\0\0": 1}


def test_a_project_given_no_points_is_not_approved(tmp_path: Path) -> None:
    text = META + PROJECTS + "VOTES\nvoter_id;vote;points\n1;p1,p2;3,0\n"
    assert read_election(written(tmp_path, "a.pb", text)).box == {b"\1\0": 1}
    short = META + PROJECTS + "VOTES\nvoter_id;vote;points\n1;p1,p2;3\n"
    with pytest.raises(Unreadable, match="the points are"):
        read_election(written(tmp_path, "b.pb", short))


def test_a_name_with_lone_quotation_marks_is_a_name(tmp_path: Path) -> None:
    text = (
        META + 'PROJECTS\nproject_id;cost;name\na;1;"Ogród" dla dzieci\nb;2;"Plac; zabaw"\n' + VOTES + "1;a\n"
    )
    names = read_election(written(tmp_path, "a.pb", text)).names
    assert names["b"] == "Plac; zabaw"
    assert "Ogród" in names["a"]


@pytest.mark.parametrize(
    ("text", "grades", "box"),
    [
        ("voter,a,b\n1,3,0\n2,,2\n", ("3", "2", "1", "0"), {b"\1\4": 1, b"\0\2": 1}),
        ("a;b;nombre\nBien;à rejeter;12\n", 7, {b"\3\7": 12}),
        ("a\tb\nGood\tPoor\n", 7, {b"\3\6": 1}),
        ("a,b\n", ("0", "-1"), {}),
        ("a,b\n5,5\n", ("5", "4"), {b"\1\1": 1}),
    ],
)
def test_grades_are_numbers_or_words_and_may_be_missing(
    tmp_path: Path, text: str, grades: tuple[str, ...] | int, box: dict[bytes, int]
) -> None:
    election = read_election(written(tmp_path, "a.csv", text))
    assert (election.grades if isinstance(grades, tuple) else len(election.grades)) == grades
    assert election.box == box
    assert election.options == ("a", "b")


def test_a_line_per_option_counts_grades_even_where_fewer_judged(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "candidat,Bien,Mal\nx,6,4\ny,4,1\n")
    _, outcome = counted(read_election(path), Asked(method=Method.MAJORITY_JUDGMENT))
    assert outcome.winners == ("y",)
    assert isinstance(outcome.working, JudgmentWorking)
    assert [one.judged for one in outcome.working.profiles] == [(8, 2), (6, 4)]
    with pytest.raises(CannotCount, match="needs ballots"):
        contest_of(read_election(path), Asked(method=Method.SCHULZE))


def test_a_majority_takes_the_one_first_choice_of_each_ballot(tmp_path: Path) -> None:
    path = written(tmp_path, "a.toi", HEAD + "3: 2,1\n2: {1,3},2\n1: 3\n")
    _, outcome = counted(read_election(path), Asked(method=Method.MAJORITY))
    assert outcome.elected == "2"
    assert (outcome.turnout[0].cast, outcome.turnout[0].abstained) == (6, 2)


@pytest.mark.parametrize(
    ("name", "text", "method"),
    [
        ("a.soi", HEAD + "1: 1\n", Method.MAJORITY_JUDGMENT),
        ("a.soi", HEAD + "1: 1\n", Method.EQUAL_SHARES),
        ("a.pb", META + PROJECTS + VOTES, Method.SCHULZE),
        ("a.csv", "a,b\n1,2\n", Method.EQUAL_SHARES),
    ],
)
def test_a_method_that_a_file_does_not_feed_is_refused(
    tmp_path: Path, name: str, text: str, method: Method
) -> None:
    with pytest.raises(CannotCount, match="cannot be counted from"):
        contest_of(read_election(written(tmp_path, name, text)), Asked(method=method))
