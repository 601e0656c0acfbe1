"""Which format a file has, told by the end of its name. This file must never read what it was not given."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from governance.counting.formats.elections import Election
from governance.counting.formats.grades import read_grades
from governance.counting.formats.pabulib import read_budget
from governance.counting.formats.preflib import ORDERS, read_categories, read_orders
from governance.counting.published import Unreadable

FORMATS: Final[Mapping[str, Callable[[str], Election]]] = {
    **{f".{suffix}": partial(read_orders, suffix=suffix) for suffix in ORDERS},
    ".cat": read_categories,
    ".pb": read_budget,
    ".csv": read_grades,
}
PUBLISHED: Final = ".json"


def read_election(path: Path) -> Election:
    """Read an election in one of the formats of others; raise Unreadable."""
    reads = FORMATS.get(path.suffix.lower())
    if reads is None:
        raise Unreadable(f"{path.name} ends in none of {' '.join(sorted(FORMATS))} {PUBLISHED}")
    return reads(text_of(path))


def text_of(path: Path) -> str:
    """The text of a file; raise Unreadable."""
    data = bytes_of(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("this is not UTF-8", line=data[: error.start].count(b"\n") + 1) from None


def bytes_of(path: Path) -> bytes:
    """What a file holds; raise Unreadable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(str(error.strerror)) from None
