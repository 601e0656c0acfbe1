"""`archipel recount`, as it is typed: what it prints, how it ends, and what it does without."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from governance.counting.contest import College, Contest, Electorate, Majority
from governance.counting.published import PublishedVote, ballots_of, written
from governance.counting.tally import count
from marketplace.cli import cli
from tests.governance.counting.elections import (
    APPROVAL_2002,
    DEBIAN,
    ERS,
    GOVAN,
    TOULOUSE,
    WIELICZKA,
    debian,
    needs_elections,
)

TRACE: Final = re.compile(r"sha256:[0-9a-f]{64}")
Recount = Callable[..., Result]


@pytest.fixture
def recount(monkeypatch: pytest.MonkeyPatch) -> Recount:
    """The command, with no setting at all."""
    for name in list(os.environ):
        if name.endswith("_URL") or name == "SECRET_KEY":
            monkeypatch.delenv(name)

    def run(*words: object) -> Result:
        return CliRunner().invoke(cli, ["recount", *map(str, words)])

    return run


def answer(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    assert TRACE.fullmatch(found["trace"])
    return found


# --- Strangers' files -----------------------------------------------------------------------------------


@needs_elections
@pytest.mark.parametrize("vote", DEBIAN)
def test_the_gates_of_debian_are_options_of_the_command(recount: Recount, tmp_path: Path, vote: str) -> None:
    told, contest, boxes = debian(vote)
    lines = [f"# NUMBER ALTERNATIVES: {len(contest.options)}"]
    for marks, number in boxes[""].items():
        groups = [
            [str(n + 1) for n, mark in enumerate(marks) if mark == rank] for rank in sorted({*marks} - {0})
        ]
        lines.append(f"{number}: " + ",".join(f"{{{','.join(group)}}}" for group in groups))
    path = tmp_path / f"{vote}.toi"
    path.write_text("\n".join(lines), encoding="utf-8")
    options = [f"--majority={option}={ratio}" for option, ratio in told["majority"].items()]
    quorum = f"{float(told['quorum']):.10f}"
    found = answer(
        recount(
            *("--method", "schulze", "--json", "--quorum", quorum),
            *("--default-option", told["default_option"], *options, path),
        )
    )
    assert found["winners"] == told["official_winners"]
    assert found["ties"] == []


@needs_elections
def test_wieliczka_prints_what_was_selected_and_spent(recount: Recount) -> None:
    words = ("--method", "equal-shares", "--utility", "cost", "--completion", "add1")
    found = answer(recount(*words, "--json", WIELICZKA))
    assert (len(found["selected"]), found["spent"]) == (30, 995_079)
    assert found["winners"] == found["selected"]


@needs_elections
def test_a_reader_gets_names_working_ties_and_trace(recount: Recount) -> None:
    govan = recount("--method", "schulze", GOVAN)
    assert govan.exit_code == 0
    assert "4 (John Flanagan)" in govan.stdout
    assert "3 > 4: 2992 to 2390" in govan.stdout
    assert TRACE.search(govan.stdout)
    tie = recount("--method", "schulze", ERS)
    assert "no decision" in tie.stdout
    assert "Tie: 6 (Candidate 6), 7 (Candidate 7)" in tie.stdout
    assert answer(recount("--method", "schulze", "--json", ERS))["ties"] == [["6", "7"]]
    judged = recount("--method", "majority-judgment", APPROVAL_2002)
    assert "5: No+  [139 226], 139 above, 0 below" in judged.stdout
    budget = recount("--method", "equal-shares", "--completion", "none", TOULOUSE)
    assert "1000000, spent" in budget.stdout


@needs_elections
def test_the_same_file_has_the_same_trace_in_any_order_of_lines(recount: Recount, tmp_path: Path) -> None:
    head: list[str] = []
    lines: list[str] = []
    for line in ERS.read_text(encoding="utf-8").splitlines():
        (head if line.startswith("#") else lines).append(line)
    turned = tmp_path / "turned.toc"
    turned.write_text("\n".join([*head, *reversed(lines)]), encoding="utf-8")
    words = ("--method", "schulze", "--json")
    assert answer(recount(*words, ERS)) == answer(recount(*words, turned))


def test_grades_in_csv_and_first_choices_are_counted(recount: Recount, tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    path.write_text("Lac,Forêt\nBien,Passable\nBien,Très bien\nPassable,Insuffisant\n", encoding="utf-8")
    judged = answer(recount("--method", "majority-judgment", "--json", path))
    assert (judged["winners"], judged["ranking"]) == (["Lac"], [["Lac"], ["Forêt"]])
    assert answer(recount("--method", "majority", "--json", path))["winners"] == ["Lac"]
    assert answer(recount("--method", "schulze", "--json", path))["winners"] == ["Lac"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "--method says"),
        (("--method", "dice"), "dice"),
        (("--method", "schulze", "--utility", "cost"), "--utility and --completion"),
        (("--method", "schulze", "--majority", "1"), "OPTION=RATIO"),
        (("--method", "schulze", "--default-option", "1", "--quorum", "many"), "not a number"),
        (("--method", "schulze", "--default-option", "1", "--majority", "2=1/0"), "not a number"),
        (("--method", "schulze", "--default-option", "9"), "'9', which is not an option"),
        (("--method", "schulze", "--quorum", "2"), "needs a default option"),
        (("--method", "majority", "--quorum", "2"), "gates of schulze"),
        (("--method", "equal-shares"), "cannot be counted from ranks"),
    ],
)
def test_misuse_ends_with_two_and_says_why(
    recount: Recount, tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    path = tmp_path / "a.soi"
    path.write_text("# NUMBER ALTERNATIVES: 2\n1: 1,2\n", encoding="utf-8")
    result = recount(*words, path)
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stdout == ""


def test_a_bad_file_ends_with_two_and_names_the_line(recount: Recount, tmp_path: Path) -> None:
    path = tmp_path / "a.soi"
    path.write_text("# NUMBER ALTERNATIVES: 2\n1: 1,2\n1: 1,3\n", encoding="utf-8")
    result = recount("--method", "schulze", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "line 3: there is no alternative '3'" in result.stderr
    missing = recount("--method", "schulze", tmp_path / "nothing.soi")
    assert missing.exit_code == 2
    assert "No such file" in missing.stderr
    assert recount("--method", "schulze", tmp_path).exit_code == 2


# --- Ours -----------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    colleges = tuple(College(id=one, weight=Fraction(1, 2), members=9) for one in "xy")
    contest = Contest(
        options=("for", "against"),
        rule=Majority(default_option="against"),
        electorate=Electorate(colleges=colleges),
    )
    boxes = {"x": {b"\1\0": 3, b"\0\1": 1}, "y": {b"\1\0": 2, b"\0\1": 3}}
    published = PublishedVote(
        cooperative="lac",
        vote="7",
        question="?",
        opened_at="2026-11-01T10:00:00Z",
        closed_at="2026-11-08T10:00:00Z",
        labels={"for": "Pour"},
        contest=contest,
        ballots=ballots_of(boxes),
        result=count(contest, boxes),
    )
    path = tmp_path / "vote.json"
    path.write_bytes(written(published))
    return path


def test_a_published_vote_agrees_and_needs_no_option(recount: Recount, file: Path) -> None:
    result = recount(file)
    assert result.exit_code == 0
    assert "for (Pour)" in result.stdout
    assert "x: for 3, against 1; weight 1/2" in result.stdout
    assert "the same" in result.stdout
    assert answer(recount("--json", file))["winners"] == ["for"]
    assert recount("--method", "majority", file).exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('"winners": [\n   "for"\n', '"winners": [\n   "against"\n', "result.winners[0]"),
        ('"for": 3', '"for": 4', "result.working"),
        ('"count": 3', '"count": 4', "result.trace"),
    ],
)
def test_a_published_vote_that_was_altered_ends_with_one(
    recount: Recount, file: Path, old: str, new: str, path: str
) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    result = recount(file)
    assert result.exit_code == 1
    assert path in result.stderr
    assert "another" in result.stdout
    assert recount("--json", file).exit_code == 1


def test_a_published_vote_that_cannot_be_read_ends_with_two(recount: Recount, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"contest"', '"contest', 1), encoding="utf-8")
    result = recount(file)
    assert result.exit_code == 2
    assert "line 11: this is not JSON" in result.stderr
    file.write_text(text.replace('"members": 9', '"members": 1', 1), encoding="utf-8")
    crowded = recount(file)
    assert crowded.exit_code == 2
    assert "4 ballots, but 1 members" in crowded.stderr


def test_neither_a_database_nor_the_web_nor_a_setting_is_loaded(file: Path) -> None:
    program = (
        "import sys; from marketplace.cli import main; sys.argv = ['archipel', 'recount', sys.argv[1]]\n"
        "try: main()\n"
        "finally: print(sorted({'sqlalchemy', 'asyncpg', 'litestar', 'dramatiq', 'redis'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False, env={}
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "[]"
