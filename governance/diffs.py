"""What changed between two texts, word by word. Pure: this file must never know a proposal."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final, NamedTuple

_PIECES: Final = re.compile(r"\s+|\w+|[^\w\s]")
LONGEST: Final = 4_000


class Change(StrEnum):
    """Whether a piece stayed, came or went."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


class Piece(NamedTuple):
    """A stretch of text that stayed, came or went."""

    change: Change
    text: str


def word_diff(before: str, after: str) -> Sequence[Piece]:
    """The pieces of both texts in reading order: joined without what was removed they are ``after``.

    Joined without what was added they are ``before``. Very long texts are compared by line, which is as true and quick.
    """
    split = _PIECES.findall if max(len(before), len(after)) <= LONGEST else _lines
    old, new = split(before), split(after)
    pieces: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece(Change.SAME, "".join(old[a:b])))
            continue
        if b > a:
            pieces.append(Piece(Change.REMOVED, "".join(old[a:b])))
        if d > c:
            pieces.append(Piece(Change.ADDED, "".join(new[c:d])))
    return pieces


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
