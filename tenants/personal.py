"""What each table knows about people, and what exporting and erasing do with it.

Every table that names a person is declared here with ``holds``, by the floor that owns it; a test finds a table
that is not. Names stand in memberships alone, so most rows become anonymous by themselves when a membership gets
its pseudonym: a declaration says what else must go. This file must never read or change a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class By(StrEnum):
    """What kind of id the columns of ``mine`` hold."""

    MEMBERSHIP = "membership"
    PERSON = "person"


class Fate(StrEnum):
    """What becomes of a person's rows when they are erased."""

    DELETED = "deleted"
    CHANGED = "changed"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one table holds about a person; a table may have several.

    ``title`` heads the rows in the archive. A row is one's own if a column of ``mine`` holds one's id, or if it
    meets ``where``, a condition in SQL on ``t`` (the table) and ``:me``. ``exported`` are the columns of the archive
    and their titles, ``words`` the French of a column's states; ids of members are exported as names. ``source`` is a view to export from.

    On erasure the rows are deleted, or the columns of ``changes`` get the given SQL (``:pseudonym`` is the new
    name) where ``only`` holds, or all is kept. ``stays`` are the columns that hold text and stay, and ``why`` says so
    to the person, in French (``N_``).
    """

    table: str
    title: str
    mine: tuple[str, ...] = ()
    by: By = By.MEMBERSHIP
    where: str = ""
    source: str = ""
    exported: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    fate: Fate
    changes: Mapping[str, str] = field(default_factory=dict)
    only: str = "true"
    stays: tuple[str, ...] = ()
    why: str = ""

    @property
    def condition(self) -> str:
        """The SQL that finds one's own rows of ``t``."""
        return self.where or " OR ".join(f"t.{column} = :me" for column in self.mine)


HOLDINGS: Final[list[Holding]] = []


def holds(*holdings: Holding) -> None:
    """Declare what tables know of people, at import."""
    for one in holdings:
        assert one.mine or one.where, f"{one.table}: whose rows?"
        assert (one.fate is Fate.CHANGED) == bool(one.changes), f"{one.table}: changes, or another fate"
        assert one.fate is not Fate.KEPT or one.why, f"{one.table}: say to the person why it is kept"
        if one not in HOLDINGS:
            HOLDINGS.append(one)
