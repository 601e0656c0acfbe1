"""PrefLib: strict and weak orders, complete or not (.soc .soi .toc .toi), and categories (.cat).

The header names alternatives and says how many ballots there are; each line is ``COUNT: 3,1,{2,4}``. What the header
promises is held against the lines. This file must never accept an order that its format does not allow.
"""

import re
from collections.abc import Iterator
from typing import Final

from governance.counting.ballots import HIGHEST_RANK
from governance.counting.formats.elections import Election, Kind
from governance.counting.published import Unreadable

ORDERS: Final = {"soc": (True, False), "soi": (False, False), "toc": (True, True), "toi": (False, True)}
"""Per format, whether every alternative is ranked, and whether several may share a rank."""

_HEAD: Final = re.compile(r"#\s*([^:]+?)\s*:\s*(.*)")
_LINE: Final = re.compile(r"\s*([0-9]{1,18})\s*:\s*(.*)", re.ASCII)
_PLACE: Final = re.compile(r"\s*(?:\{([^{}]*)\}|([0-9]{1,9}))\s*(,|$)", re.ASCII)
_MANY: Final = 10_000


def read_orders(text: str, suffix: str) -> Election:
    """Read orders of preference; raise Unreadable."""
    complete, tied = ORDERS[suffix]
    head = _Head(text)
    box: dict[bytes, int] = {}
    for line, count, places in head.ballots():
        marks = bytearray(len(head.options))
        for rank, group in enumerate(places, start=1):
            if not group:
                raise Unreadable("a rank is empty", line=line)
            if len(group) > 1 and not tied:
                raise Unreadable(
                    f"several alternatives share a rank, which .{suffix} does not allow", line=line
                )
            if rank > HIGHEST_RANK:
                raise Unreadable(f"there are more than {HIGHEST_RANK} ranks", line=line)
            for place in group:
                marks[place] = rank
        if complete and not all(marks):
            raise Unreadable(
                f"{marks.count(0)} alternatives are not ranked, which .{suffix} does not allow", line=line
            )
        box[bytes(marks)] = box.get(bytes(marks), 0) + count
    return Election(kind=Kind.RANKS, options=head.options, names=head.names, box=box)


def read_categories(text: str) -> Election:
    """Read categories, the best first, as grades; raise Unreadable."""
    head = _Head(text)
    number = head.number("NUMBER CATEGORIES")
    if not 2 <= number <= 100:
        raise Unreadable("there are not from 2 to 100 categories", line=head.lines["NUMBER CATEGORIES"])
    grades = tuple(head.values.get(f"CATEGORY NAME {n}", str(n)) for n in range(1, number + 1))
    if len(set(grades)) < number:
        raise Unreadable("two categories have the same name", line=head.lines["NUMBER CATEGORIES"])
    box: dict[bytes, int] = {}
    for line, count, places in head.ballots():
        if len(places) != number:
            raise Unreadable(f"there are {len(places)} categories instead of {number}", line=line)
        marks = bytearray(len(head.options))
        for grade, group in enumerate(places, start=1):
            for place in group:
                marks[place] = grade
        box[bytes(marks)] = box.get(bytes(marks), 0) + count
    return Election(kind=Kind.GRADES, options=head.options, names=head.names, box=box, grades=grades)


class _Head:
    """The header, and the lines below it."""

    def __init__(self, text: str) -> None:
        self.text = text.split("\n")
        self.values: dict[str, str] = {}
        self.lines: dict[str, int] = {}
        for line, row in enumerate(self.text, start=1):
            if match := _HEAD.fullmatch(row.strip()):
                self.values[match[1].upper()] = match[2]
                self.lines[match[1].upper()] = line
        number = self.number("NUMBER ALTERNATIVES")
        if not 1 <= number <= _MANY:
            raise Unreadable(
                f"there are not from 1 to {_MANY} alternatives", line=self.lines["NUMBER ALTERNATIVES"]
            )
        self.options = tuple(str(n) for n in range(1, number + 1))
        self.names = {
            option: self.values.get(f"ALTERNATIVE NAME {option}", option) for option in self.options
        }

    def number(self, key: str) -> int:
        """A number of the header."""
        if key not in self.values:
            raise Unreadable(f'the header has no "# {key}: ...": is this PrefLib\'s format of 2022?', line=1)
        if not re.fullmatch("[0-9]{1,18}", self.values[key], re.ASCII):
            raise Unreadable(f"{key} is {self.values[key]!r}, not a number", line=self.lines[key])
        return int(self.values[key])

    def ballots(self) -> Iterator[tuple[int, int, list[list[int]]]]:
        """Each line of ballots: its number, how many ballots it is, and the alternatives (from 0) place by place."""
        ballots, orders = 0, 0
        for line, row in enumerate(self.text, start=1):
            if not row.strip() or row.lstrip().startswith("#"):
                continue
            match = _LINE.fullmatch(row)
            if match is None or not int(match[1]):
                raise Unreadable('a line of ballots is "NUMBER: 3,1,{2,4}", with a number above 0', line=line)
            yield line, int(match[1]), self._places(match[2], line)
            ballots += int(match[1])
            orders += 1
        for key, found in (
            ("NUMBER VOTERS", ballots),
            ("NUMBER UNIQUE ORDERS", orders),
            ("NUMBER UNIQUE PREFERENCES", orders),
        ):
            if key in self.values and self.number(key) != found:
                raise Unreadable(f"{key} is {self.number(key)}, but there are {found}", line=self.lines[key])

    def _places(self, text: str, line: int) -> list[list[int]]:
        places: list[list[int]] = []
        seen: set[int] = set()
        at, more = 0, bool(text.strip())
        while more:
            match = _PLACE.match(text, at)
            if match is None:
                raise Unreadable(f"{text[at : at + 40]!r} is not understood", line=line)
            at, more = match.end(), match[3] == ","
            members = match[1].split(",") if match[1] is not None and match[1].strip() else []
            group = [self._place(one.strip(), line) for one in (members if match[2] is None else [match[2]])]
            if len(set(group)) < len(group) or seen & set(group):
                raise Unreadable("an alternative is named twice", line=line)
            seen.update(group)
            places.append(group)
        return places

    def _place(self, text: str, line: int) -> int:
        if not re.fullmatch("[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= len(self.options):
            raise Unreadable(f"there is no alternative {text!r}", line=line)
        return int(text) - 1
