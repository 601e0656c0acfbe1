"""The README's reference says what the code says: every command, role, event, refusal, and how long things are kept.

Both directions: what is missing there and what is no longer here. A failure prints the rows as they should read.
(The settings have their own test, beside them.)
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
import pytest

import governance
import marketplace
import tenants
import timebank
from marketplace.cli import cli
from marketplace.schema import ROLES
from marketplace.switchboard import EVENTS
from tenants.platform.clock import Tick
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.kept import RETENTION
from tenants.platform.outbox import Event
from tenants.platform.retention import KEPT
from tenants.platform.throttle import Limit
from tenants.platform.words import gettext, use_locale

ROOT: Final = Path(__file__).parents[1]
FLOORS: Final = (tenants, timebank, governance, marketplace)


def section(title: str) -> str:
    """The part of the README's reference under this title."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    reference = readme.split("\n## Reference\n", 1)[1].split("\n## ", 1)[0]
    return reference.split(f"\n### {title}\n", 1)[1].split("\n### ", 1)[0]


def rows(title: str) -> set[str]:
    """The rows of its table, without the heads."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return {re.sub(r"\s+", " ", line) for line in lines[1:] if not line.startswith("|---")}


@cache
def modules() -> tuple[str, ...]:
    """Every module of the floors, imported; migrations run by themselves alone."""
    found = []
    for floor in FLOORS:
        for module in pkgutil.walk_packages(floor.__path__, f"{floor.__name__}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
                found.append(module.name)
    return tuple(found)


def descendants(kind: type[Any]) -> Iterator[type[Any]]:
    """The classes of this project that derive from it (not those of tests)."""
    for child in kind.__subclasses__():
        if child.__module__ in modules():
            yield child
        yield from descendants(child)


def first_line(text: str | None) -> str:
    """The first line of a docstring, without the marks of its code."""
    return (text or "").strip().split("\n")[0].replace("``", "`")


# --- The rows as they should read ----------------------------------------------------------------------


def command_rows(command: click.Command = cli, *words: str) -> set[str]:
    if isinstance(command, click.Group):
        return {row for name, child in command.commands.items() for row in command_rows(child, *words, name)}
    arguments = [str(one.name).upper() for one in command.params if isinstance(one, click.Argument)]
    return {f"| `{' '.join(['archipel', *words, *arguments])}` | {first_line(command.help)} |"}


def event_rows() -> set[str]:
    heard = {kind: ", ".join(f"`{one.__name__}`" for one in hearers) for kind, hearers in EVENTS.items()}
    return {
        f"| `{kind.__name__}` | {first_line(kind.__doc__)} | {heard.get(kind) or 'nobody yet'} |"
        for kind in descendants(Event)
        if kind is not Tick
    }


def refusal_rows() -> set[str]:
    with use_locale("en"):
        return {
            re.sub(r"\s+", " ", f"| `{one.code}` | {int(one.status)} | {gettext(one.message)} |")
            for one in descendants(Refusal)
        }


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Commands", command_rows), ("Events", event_rows), ("Refusals", refusal_rows)],
    ids=["commands", "events", "refusals"],
)
def test_the_reference_has_every_row_and_no_other(title: str, expected: Any) -> None:
    written, right = rows(title), expected()
    assert len(right) > 5
    assert not right - written, "missing in the README:\n" + "\n".join(sorted(right - written))
    assert not written - right, "no longer so:\n" + "\n".join(sorted(written - right))


def test_every_role_of_the_database_is_explained() -> None:
    named = {re.findall(r"`([a-z]+)`", row)[0] for row in rows("Database roles")}
    assert named == set(ROLES)


def test_every_code_that_the_ledger_answers_is_a_refusal_of_the_reference() -> None:
    sql = (ROOT / "timebank" / "ledger" / "ledger.sql").read_text(encoding="utf-8")
    answered = set(re.findall(r"v_refusal := '([a-z_]+)'", sql))
    assert len(answered) > 5
    assert answered <= {re.findall(r"`([a-z_]+)`", row)[0] for row in rows("Refusals")}


def test_what_is_kept_how_long_is_the_table_of_the_code() -> None:
    written, right = rows("What is kept how long"), {re.sub(r"\s+", " ", one.row) for one in RETENTION}
    assert not right - written, "missing in the README:\n" + "\n".join(sorted(right - written))
    assert not written - right, "no longer so:\n" + "\n".join(sorted(written - right))
    modules()
    assert {table for one in RETENTION for table in one.tables} <= set(Base.metadata.tables)


def test_a_row_that_names_days_is_one_that_the_sweep_obeys() -> None:
    for one in RETENTION:
        assert bool(one.over) == (one.after is not None) == (one.tables[:1] != () and one.tables[0] in KEPT)
        if one.after is not None:
            assert one.how_long.startswith(f"{one.after.days} day"), one.what
        else:
            assert not re.match(r"\d+ day", one.how_long), one.what


def test_attempts_are_forgotten_within_the_hour_that_is_promised() -> None:
    limits = [
        value
        for name in modules()
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, Limit)
    ]
    assert limits
    assert max(limit.seconds for limit in limits) == 3600
    assert any("Valkey" in row and "1 hour" in row for row in rows("What is kept how long"))
