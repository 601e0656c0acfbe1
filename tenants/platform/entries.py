"""What people type into a form, read into amounts and dates.

The counterpart of ``words``: whatever a page may show ("2 h 30", "12,50 €", "22/11/2026"), a field accepts, and
the shapes people really type as well. A text that is not understood gives None, and the caller answers beside the
field. This file must never guess between two readings: "1,200" euros is refused rather than read as 1.20 or 1200.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from fractions import Fraction
from typing import Final

_SIGN: Final = r"(?P<minus>-)?"
_HOURS: Final = re.compile(
    _SIGN + r"(?P<h>[0-9]{1,6})(?:h|heures?|hours?|:)(?:(?P<m>[0-9]{1,2})(?:m|mn|min|minutes?)?)?"
)
_MINUTES: Final = re.compile(_SIGN + r"(?P<m>[0-9]{1,7})(?:m|mn|min|minutes?)")
_DECIMAL: Final = re.compile(_SIGN + r"(?P<h>[0-9]{1,6}(?:[.,][0-9]{1,4})?)(?:h|heures?|hours?)?")
_EUROS: Final = re.compile(_SIGN + r"(?P<whole>[0-9]{1,12})(?:[.,](?P<cents>[0-9]{1,2}))?")


def _squeeze(text: str) -> str:
    """Drop every space (no-break ones too) and make the printed minus a typed one."""
    return re.sub(r"\s+", "", text).lower().replace("\N{MINUS SIGN}", "-")


def fold(text: str) -> str:
    """What makes two names the same to a reader: "Électricité " and "electricite" are one."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", text.casefold()) if letter.isalnum())


def read_minutes(text: str) -> int | None:
    """Read "2h30", "2 h", "2,5", "150 min", "2:30"; a bare number is hours. A fraction rounds to the nearest minute."""
    text = _squeeze(text)
    if match := _MINUTES.fullmatch(text):
        minutes = int(match["m"])
    elif match := _HOURS.fullmatch(text):
        rest = int(match["m"] or 0)
        if rest >= 60:
            return None
        minutes = 60 * int(match["h"]) + rest
    elif match := _DECIMAL.fullmatch(text):
        minutes = int(60 * Fraction(match["h"].replace(",", ".")) + Fraction(1, 2))
    else:
        return None
    return -minutes if match["minus"] else minutes


def read_cents(text: str) -> int | None:
    """Read "12,50 €", "12.5", "1 200"; more than two decimals is not an amount."""
    match = _EUROS.fullmatch(_squeeze(text).removeprefix("€").removesuffix("€").removesuffix("eur"))
    if match is None:
        return None
    cents = 100 * int(match["whole"]) + int((match["cents"] or "0").ljust(2, "0"))
    return -cents if match["minus"] else cents


def read_day(text: str) -> date | None:
    """Read what a date field sends ("2026-11-22") and what is typed where there is none ("22/11/2026")."""
    text = text.strip()
    if match := re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", text):
        text = f"{match[3]}-{match[2]:0>2}-{match[1]:0>2}"
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
