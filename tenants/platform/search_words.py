"""What somebody typed into a search, cut into terms, and the words that were found, marked to be shown.

A term is a word, words between quotation marks, or either after a minus. Nothing typed is an operator of the
database, and nothing is refused: what cannot be searched for is left out. This file must never touch the database.
"""

import re
from typing import Final, NamedTuple

from markupsafe import Markup, escape

TYPED_AT_MOST: Final = 300
TERMS_AT_MOST: Final = 12
OPENING: Final = "\x02"
CLOSING: Final = "\x03"
"""Around a word that was found: inputs hold no control characters."""

_QUOTES: Final = str.maketrans(dict.fromkeys("«»“”„", '"'))
_TERM: Final = re.compile(r'(?P<minus>(?<!\S)-(?=[\w"]))?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_MARKS: Final = re.compile(f"({OPENING}+|{CLOSING}+)")


class Term(NamedTuple):
    """One thing looked for. ``kind``: ``word``, ``last`` (being typed, perhaps), ``phrase`` or ``not``."""

    kind: str
    text: str


def terms_of(typed: str) -> list[Term]:
    """Cut what was typed; the first terms of something very long."""
    typed = typed[:TYPED_AT_MOST].translate(_QUOTES)
    terms: list[Term] = []
    for found in _TERM.finditer(typed):
        words = " ".join(re.findall(r"\w+", found["phrase"] or found["word"] or ""))
        if not words:
            continue
        unfinished = found["word"] is not None and found.end() == len(typed) and " " not in words
        kind = "not" if found["minus"] else "phrase" if found["phrase"] else "last" if unfinished else "word"
        terms.append(Term(kind, words))
    return terms[:TERMS_AT_MOST]


def marked(text: str) -> Markup:
    """The text as HTML, with the words that were found inside ``mark``; everything is escaped."""
    parts = [Markup("")]
    inside = False
    for piece in _MARKS.split(text):
        if piece and piece[0] in OPENING + CLOSING:
            inside = piece[0] == OPENING
        elif piece:
            parts.append(Markup("<mark>{}</mark>").format(piece) if inside else escape(piece))
    return Markup("").join(parts)


def unmarked(text: str) -> str:
    """The text without the marks."""
    return _MARKS.sub("", text)
