"""Cells: what the cells of a sheet say, read one by one, each that cannot be read noted with its place.

The counterpart of ``entries`` for files. This file must never know a domain noun.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from tenants.platform.entries import read_day
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.sheets import Fault, Record, Sheet, shorten

EARLIEST_YEAR: Final = 1900
_LINE: Final = re.compile(LINE_PATTERN)
_TIME_OF_DAY: Final = re.compile(
    r"^(\S+)[T ]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\s*(UTC|Z|[+-][0-9:]{4,6})?$"
)
_LINE_BREAK: Final = re.compile(r"[\r\n]+")
# No moment is longer; a file may hold cells of a hundred thousand letters, over which the expression would ponder for hours.
_MOMENT_LENGTH: Final = 60
_NOT_LETTERS: Final = re.compile(r"[^a-z0-9]+")


def plain_title(title: str) -> str:
    """A title without case, accents and signs, by which columns are known: "Courriel :" is "courriel"."""
    letters = unicodedata.normalize("NFKD", title.lower())
    return _NOT_LETTERS.sub(" ", "".join(one for one in letters if not unicodedata.combining(one))).strip()


def columns_of(sheet: Sheet, known: Mapping[str, str]) -> dict[str, int]:
    """Which known column stands where, by the titles of the first row; ``known`` maps plain titles to names."""
    found: dict[str, int] = {}
    for index, title in enumerate(sheet.records[0].cells if sheet.records else ()):
        if name := known.get(plain_title(title)):
            found.setdefault(name, index)
    return found


class CellReader:
    """Reads cells and collects faults. ``columns`` says where each field stands; ``titles`` as the file calls them."""

    def __init__(self, columns: Mapping[str, int], titles: Sequence[str] = ()) -> None:
        self.columns = columns
        self.titles = titles
        self.faults: list[Fault] = []

    def fault(self, record: Record, name: str, code: str, **facts: Any) -> None:
        """Note that the cell of a field is wrong; an empty name means the whole line."""
        index = self.columns.get(name, -1)
        title = self.titles[index] if 0 <= index < len(self.titles) else ""
        self.faults.append(Fault(record.line, index + 1, shorten(title), code, facts))

    def raw(self, record: Record, name: str) -> str:
        """What stands there, empty where the column is missing."""
        return record.cell(self.columns.get(name, -1))

    def text(self, record: Record, name: str, *, most: int, needed: bool = False) -> str:
        """One line of text of at most ``most`` characters; what spans several lines becomes one."""
        written = self.raw(record, name)
        if "\n" in written or "\r" in written:
            written = " ".join(line for part in _LINE_BREAK.split(written) if (line := part.strip(" \t")))
        if not written:
            if needed:
                self.fault(record, name, "needed")
            return ""
        if not _LINE.match(written):
            self.fault(record, name, "characters", text=shorten(written))
            return ""
        if len(written) > most:
            self.fault(record, name, "too_long", text=shorten(written), most=most)
            return ""
        return written

    def day(self, record: Record, name: str, *, needed: bool = False) -> date | None:
        """A day of the past, ISO or French, with or without a time of day after it."""
        written = self.raw(record, name)
        if not written:
            if needed:
                self.fault(record, name, "needed")
            return None
        found = read_date(written)
        if found is None or found.year < EARLIEST_YEAR:
            self.fault(record, name, "date", text=shorten(written))
            return None
        # Wherever the cooperative is, its day is at most one ahead of the server's.
        if found > datetime.now(UTC).date() + timedelta(days=1):
            self.fault(record, name, "future", text=shorten(written))
            return None
        return found


# A file says the same day many times.
@lru_cache(maxsize=10_000)
def read_date(written: str) -> date | None:
    """Read "2024-11-22", "22/11/2024" and "2024-11-22 10:20:00 UTC"; never a year of two digits."""
    if len(written) > _MOMENT_LENGTH:
        return None
    match = _TIME_OF_DAY.match(written)
    return read_day(match[1] if match else written)
