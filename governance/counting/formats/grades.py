"""Grades in CSV: a column per option and a line per ballot, or a line per option and a column per grade.

A line per option is told by its first column, called "option" (or "candidat", "candidate"): the others are then the
grades, best first, and how many gave each. In a line per ballot a grade is a whole number (more is better) or a word
of a known scale; an empty cell judges nothing; a column called "count" (or "nombre") says how many such ballots there
are, and one called "voter" or "ballot" (or "electeur", "bulletin") is passed over. This file must never guess an order
of grades.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final

from governance.counting.ballots import JudgmentSums
from governance.counting.formats.elections import Election, Kind
from governance.counting.published import Unreadable
from tenants.platform.entries import fold

SCALES: Final = (
    ("Excellent", "Très bien", "Bien", "Assez bien", "Passable", "Insuffisant", "À rejeter"),
    ("Excellent", "Very good", "Good", "Fair", "Passable", "Poor", "To reject"),
    ("Excellent", "Very good", "Good", "Acceptable", "Poor", "Reject"),
)
BY_OPTION: Final = {"option", "candidat", "candidate"}
NUMBERS: Final = {"count", "nombre"}
PASSED_OVER: Final = {"voter", "ballot", "electeur", "bulletin"}
_WHOLE: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_GRADE: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def read_grades(text: str) -> Election:
    """Read grades; raise Unreadable."""
    rows = list(_rows(text))
    if not rows:
        raise Unreadable("there is no line", line=1)
    line, heads = rows[0]
    heads = [head.strip() for head in heads]
    if len({fold(head) for head in heads}) < len(heads) or "" in heads:
        raise Unreadable("two columns have the same name, or one has none", line=line)
    for number, cells in rows[1:]:
        if len(cells) != len(heads):
            raise Unreadable(f"there are {len(cells)} cells instead of {len(heads)}", line=number)
    if fold(heads[0]) in BY_OPTION:
        return _by_option(line, heads, rows[1:])
    return _by_ballot(line, heads, rows[1:])


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise Unreadable(str(error), line=reader.line_num) from None


def _by_option(line: int, heads: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> Election:
    grades = tuple(heads[1:])
    if not rows:
        raise Unreadable("there is no option", line=line)
    profiles: dict[str, tuple[int, ...]] = {}
    for number, cells in rows:
        option = cells[0].strip()
        if not option or option in profiles:
            raise Unreadable(f"option {option!r} is named twice, or not at all", line=number)
        if wrong := [cell for cell in cells[1:] if not _WHOLE.fullmatch(cell.strip())]:
            raise Unreadable(f"{wrong[0]!r} is not a number of ballots", line=number)
        profiles[option] = (0, *(int(cell) for cell in cells[1:]))
    sums = JudgmentSums(
        profiles=tuple(profiles.values()), judging=max(map(sum, profiles.values())), abstained=0
    )
    options = tuple(profiles)
    names = {option: option for option in options}
    return Election(kind=Kind.GRADES, options=options, names=names, box={}, grades=grades, sums=sums)


def _by_ballot(line: int, heads: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> Election:
    columns = [n for n, head in enumerate(heads) if fold(head) not in NUMBERS | PASSED_OVER]
    numbers = [n for n, head in enumerate(heads) if fold(head) in NUMBERS]
    if not columns:
        raise Unreadable("there is no column of an option", line=line)
    grades = _scale([(number, cells[n].strip()) for number, cells in rows for n in columns])
    marks_of = {fold_sign(grade): mark for mark, grade in enumerate(grades, start=1)} | {"": 0}
    box: dict[bytes, int] = {}
    for number, cells in rows:
        times = cells[numbers[0]].strip() if numbers else "1"
        if not _WHOLE.fullmatch(times):
            raise Unreadable(f"{times!r} is not a number of ballots", line=number)
        marks = bytes(marks_of[fold_sign(cells[n].strip())] for n in columns)
        box[marks] = box.get(marks, 0) + int(times)
    options = tuple(heads[n] for n in columns)
    names = {option: option for option in options}
    return Election(kind=Kind.GRADES, options=options, names=names, box=box, grades=grades)


def fold_sign(grade: str) -> str:
    """What makes two grades the same: "À rejeter" and "a rejeter", "1" and "01", but not "1" and "-1"."""
    return str(int(grade)) if _GRADE.fullmatch(grade) else fold(grade)


def _scale(given: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """The grades of a file, best first: whole numbers from the highest to the lowest, or the words of a scale."""
    told = [(line, grade) for line, grade in given if grade]
    if all(_GRADE.fullmatch(grade) for _, grade in told):
        values = {int(grade) for _, grade in told} or {0}
        # A scale has two grades at least, even where everybody gave the same.
        lowest = min(*values, max(values) - 1)
        if max(values) - lowest < 100:
            values.update(range(lowest, max(values)))
        elif len(values) > 100:
            raise Unreadable("there are more than 100 different grades", line=told[0][0])
        return tuple(map(str, sorted(values, reverse=True)))
    scales = [{fold(grade) for grade in scale} for scale in SCALES]
    furthest = 0
    for scale, folded in zip(SCALES, scales, strict=True):
        strange = next((line for line, grade in told if fold(grade) not in folded), None)
        if strange is None:
            return scale
        furthest = max(furthest, strange)
    raise Unreadable(
        "the grades are neither whole numbers nor the words of one scale known here"
        f" ({'; '.join(', '.join(scale) for scale in SCALES)})",
        line=furthest,
    )
