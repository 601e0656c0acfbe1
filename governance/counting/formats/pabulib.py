"""Pabulib: a participatory budget in three sections, META, PROJECTS and VOTES, with fields between semicolons (.pb).

A project named on a ballot is approved, unless the ballot gives points and none to it. What META promises is held
against the rest. This file must never drop a ballot.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import lcm
from typing import Final, TypeAlias

from governance.counting.formats.elections import Election, Kind
from governance.counting.published import Unreadable

Row: TypeAlias = tuple[int, Mapping[str, str]]

SECTIONS: Final = ("META", "PROJECTS", "VOTES")
_MONEY: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)
_POINTS: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)


def read_budget(text: str) -> Election:
    """Read a budget with its projects and ballots; raise Unreadable."""
    sections = dict(_sections(text))
    if not sections:
        raise Unreadable("a Pabulib file begins with META, once", line=1)
    if missing := [name for name in SECTIONS if name not in sections]:
        raise Unreadable(f"there is no section {missing[0]}", line=max(1, text.count("\n")))
    meta = {row["key"].strip(): (line, row["value"].strip()) for line, row in sections["META"]}
    if "budget" not in meta:
        raise Unreadable("META has no budget", line=1)
    budget = _money(meta["budget"][1], meta["budget"][0])
    projects: dict[str, tuple[int, Mapping[str, str]]] = {}
    for line, row in sections["PROJECTS"]:
        name = row["project_id"].strip()
        if not name or name in projects:
            raise Unreadable(f"project {name!r} is named twice, or not at all", line=line)
        projects[name] = (line, row)
    if not projects:
        raise Unreadable("there is no project", line=1)
    costs = {name: _money(row["cost"].strip(), line) for name, (line, row) in projects.items()}
    unit = lcm(*(amount.as_integer_ratio()[1] for amount in (budget, *costs.values())))
    box = _box(sections["VOTES"], {name: place for place, name in enumerate(projects)})
    for key, found in (("num_projects", len(projects)), ("num_votes", sum(box.values()))):
        if key in meta and meta[key][1] != str(found):
            raise Unreadable(f"{key} is {meta[key][1]}, but there are {found}", line=meta[key][0])
    told = all("selected" in row for _, row in projects.values())
    return Election(
        kind=Kind.APPROVALS,
        options=tuple(projects),
        names={name: row.get("name", "").strip() or name for name, (_, row) in projects.items()},
        box=box,
        costs={name: int(cost * unit) for name, cost in costs.items()},
        budget=int(budget * unit),
        unit=unit,
        selected=tuple(name for name, (_, row) in projects.items() if row["selected"].strip() == "1")
        if told
        else None,
    )


def _sections(text: str) -> Iterator[tuple[str, list[Row]]]:
    """Each section with its rows, by the names of its first one."""
    name, columns, rows = "", [""], list[Row]()
    lines = [row.removesuffix("\r") for row in text.split("\n")]
    for line, fields in _fields(lines):
        title = fields[0].strip().upper()
        if len(fields) == 1 and title in SECTIONS:
            if (title == "META") is bool(name):
                raise Unreadable("a Pabulib file begins with META, once", line=line)
            if name:
                yield name, rows
            name, columns, rows = title, [], []
        elif not name:
            raise Unreadable("a Pabulib file begins with META, once", line=line)
        elif not columns:
            columns = [field.strip().lower() for field in fields]
            needed = {"META": {"key", "value"}, "PROJECTS": {"project_id", "cost"}, "VOTES": {"vote"}}[name]
            if missing := sorted(needed - set(columns)):
                raise Unreadable(f"{name} has no column {missing[0]!r}", line=line)
        elif len(fields) != len(columns):
            raise Unreadable(f"there are {len(fields)} fields instead of {len(columns)}", line=line)
        else:
            rows.append((line, dict(zip(columns, fields, strict=True))))
    if name:
        yield name, rows


def _fields(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The fields of each line that is not empty. A field may stand in quotes, but not run over lines."""
    for line, row in enumerate(lines, start=1):
        if not row.strip():
            continue
        try:
            yield line, next(csv.reader([row], delimiter=";", strict=True))
        except csv.Error:
            # Project names hold lone quotation marks: such a line means every character as it stands.
            yield line, row.split(";")


def _money(text: str, line: int) -> Decimal:
    if not _MONEY.fullmatch(text):
        raise Unreadable(f"{text!r} is not an amount", line=line)
    return Decimal(text)


def _box(votes: list[Row], places: Mapping[str, int]) -> dict[bytes, int]:
    box: dict[bytes, int] = {}
    for line, row in votes:
        named = [name.strip() for name in row["vote"].split(",")] if row["vote"].strip() else []
        points = (
            [one.strip() for one in row.get("points", "").split(",")] if row.get("points", "").strip() else []
        )
        if points and (len(points) != len(named) or not all(map(_POINTS.fullmatch, points))):
            raise Unreadable(
                f"there are {len(named)} projects, but the points are {row['points']!r}", line=line
            )
        if len(set(named)) < len(named):
            raise Unreadable("a project is named twice", line=line)
        marks = bytearray(len(places))
        for name, given in zip(named, points or ["1"] * len(named), strict=True):
            if name not in places:
                raise Unreadable(f"there is no project {name!r}", line=line)
            marks[places[name]] = int(Decimal(given) > 0)
        box[bytes(marks)] = box.get(bytes(marks), 0) + 1
    return box
