"""The words: French sentences, their English, and how amounts and dates are said.

Source strings are French; English lives in each floor's ``locale/en.po`` and is read once into memory.
The reader's language and time zone are context variables set by ``use_locale`` around a request, a mail or
a job, so a verb never passes them on. ``_`` translates now; ``N_`` only marks a string that is defined at
import and translated later. Authors type plain spaces and straight apostrophes: the French spacing (thin
no-break space before ``; ! ?``, no-break space before ``:`` and inside guillemets) is put in here, once.

This file must never import a domain module, touch the database or guess a language from a person.
Amounts come in as integers (minutes, cents); nothing here computes with them.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

import babel
from babel.dates import format_date, format_timedelta
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

from tenants.platform.elisions import elided

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Locale = Literal["fr", "en"]
LOCALES: Final[tuple[Locale, ...]] = ("fr", "en")
FLOORS: Final = ("tenants", "timebank", "governance", "redistribution", "marketplace")
ROOT: Final = Path(__file__).parents[2]

MINUS: Final = "\N{MINUS SIGN}"
NBSP: Final = "\N{NO-BREAK SPACE}"
THIN: Final = "\N{NARROW NO-BREAK SPACE}"

_BABEL: Final = {"fr": babel.Locale.parse("fr_FR"), "en": babel.Locale.parse("en_GB")}
_locale: ContextVar[Locale] = ContextVar("locale", default="fr")
_zone: ContextVar[ZoneInfo] = ContextVar("zone", default=ZoneInfo("Europe/Paris"))  # noqa: B039 (immutable)


@contextmanager
def use_locale(locale: str, zone: str | None = None) -> Iterator[None]:
    """Speak ``locale`` (an unknown one becomes French) and show times in ``zone`` inside the block."""
    spoken = _locale.set("en" if locale == "en" else "fr")
    clock = _zone.set(ZoneInfo(zone) if zone else _zone.get())
    try:
        yield
    finally:
        _locale.reset(spoken)
        _zone.reset(clock)


def current_locale() -> Locale:
    """Return the language in which ``_`` answers now."""
    return _locale.get()


def current_zone() -> ZoneInfo:
    """Return the time zone in which moments are shown now."""
    return _zone.get()


# --- Translating -------------------------------------------------------------------------------------


def N_(message: str) -> str:  # noqa: N802 (gettext's own name, which Babel looks for)
    """Mark a French sentence for translation and return it unchanged."""
    return message


def gettext(message: str) -> str:
    """Return the sentence in the reader's language, its placeholders untouched."""
    if _locale.get() == "en":
        return english().get(message, (_set_type(message),))[0]
    return _set_type(message)


def ngettext(singular: str, plural: str, n: int, **facts: object) -> str:
    """Return the form of the sentence that fits ``n``; with ``facts``, fill ``{n}`` and the others in.

    French counts zero as singular, English as plural.
    """
    if _locale.get() == "en":
        forms = english().get(singular, (singular, plural))
        text = forms[0 if n == 1 else -1]
    else:
        text = _set_type(singular if abs(n) < 2 else plural)
    return _filled(text, {"n": number(n), **facts}) if facts or "{n}" in text else text


def _filled(text: str, facts: Mapping[str, object]) -> str:
    said = _said(facts)
    if _locale.get() == "fr":
        text, said = elided(text, said)
    return text.format(**said)


def _(message: str, **facts: object) -> str:
    """Translate now and fill the ``{placeholders}``.

    Facts named ``*_minutes`` and ``*_cents``, dates, moments and integers are said in the reader's manner:
    ``_("Il vous manque {missing_minutes}.", missing_minutes=90)`` gives "Il vous manque 1 h 30."
    """
    text = gettext(message)
    return _filled(text, facts) if facts else text


@cache
def english() -> Mapping[str, tuple[str, ...]]:
    """Return every English sentence by its French one (for a plural, by its singular)."""
    sentences: dict[str, tuple[str, ...]] = {}
    for floor in FLOORS:
        path = ROOT / floor / "locale" / "en.po"
        if not path.is_file():
            continue
        with path.open("rb") as file:
            catalogue = read_po(file, locale="en", abort_invalid=True)
        for entry in catalogue:
            if not entry.id or not entry.string or entry.fuzzy:
                continue
            key = entry.id if isinstance(entry.id, str) else entry.id[0]
            forms = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string)
            sentences[key] = tuple(_curl(form) for form in forms)
    return sentences


def _curl(text: str) -> str:
    return re.sub(r"(?<=\w)'(?=\w)", "\N{RIGHT SINGLE QUOTATION MARK}", text)


@lru_cache(maxsize=8192)
def _set_type(text: str) -> str:
    """Set a French sentence as a printer would: no line may begin with a punctuation mark."""
    text = _curl(text)
    text = re.sub(r" (?=[;!?])", THIN, text)
    text = re.sub(r" (?=[:»€])", NBSP, text)
    text = re.sub(r" (?=%(?!\())", THIN, text)
    return text.replace("« ", f"«{NBSP}")


def _said(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: say_fact(name, value) for name, value in facts.items()}


def say_fact(name: str, value: object) -> object:
    """Say one fact of a refusal or a notice as its name asks; what is not an amount or a date stays as it is."""
    match value:
        case bool():
            return value
        case int() if name.endswith("_minutes"):
            return duration(value)
        case int() if name.endswith("_cents"):
            return euros(value)
        case int() if name.endswith("_percent"):
            return percent(value)
        case int():
            return number(value)
        case datetime():
            return moment(value)
        case date():
            return day(value)
        case _:
            return value


# --- Saying amounts ----------------------------------------------------------------------------------


def duration(minutes: int, *, sign: bool = False) -> str:
    """Say minutes: "2 h 30", "45 min", "-1 h"; with ``sign``, gains carry a plus."""
    hours, rest = divmod(abs(minutes), 60)
    if not hours and rest:
        text = f"{rest}{NBSP}min"
    else:
        text = f"{number(hours)}{NBSP}h"
        if rest:
            text += f"{NBSP}{rest:02d}" if _locale.get() == "fr" else f"{NBSP}{rest}{NBSP}min"
    return _signed(minutes, text, sign=sign)


def euros(cents: int, *, sign: bool = False) -> str:
    """Say cents: "1 234,50 €", "-12,00 €"; with ``sign``, gains carry a plus."""
    whole, rest = divmod(abs(cents), 100)
    return _signed(
        cents, format_currency(Decimal(f"{whole}.{rest:02d}"), "EUR", locale=_BABEL[_locale.get()]), sign=sign
    )


def number(value: float | Decimal) -> str:
    """Say a number with the reader's thousands and decimal marks."""
    size = -value if value < 0 else value
    text = format_decimal(size, locale=_BABEL[_locale.get()])
    return f"{MINUS}{text}" if value < 0 else text


def percent(value: float | Decimal) -> str:
    """Say a percentage given in hundredths, to the tenth: 12.5 is "12,5 %"."""
    hundredth = Decimal(str(value)).quantize(Decimal("0.1")) / 100
    return format_percent(hundredth, locale=_BABEL[_locale.get()], decimal_quantization=False)


def _signed(value: int, text: str, *, sign: bool) -> str:
    return f"{MINUS}{text}" if value < 0 else f"+{text}" if sign and value else text


def listing(items: Sequence[str]) -> str:
    """Join names as a sentence does: "Anna, Badis et Chloé"."""
    return format_list(list(items), locale=_BABEL[_locale.get()]) if items else ""


# --- Saying dates ------------------------------------------------------------------------------------


def local(at: datetime) -> datetime:
    """Return the moment on the clock of the cooperative; a moment without a zone is a programmer's error."""
    assert at.tzinfo is not None, "a stored moment carries its zone"
    return at.astimezone(_zone.get())


def _date_of(at: date) -> date:
    return local(at).date() if isinstance(at, datetime) else at


def _first(text: str) -> str:
    # French writes "1er" for the first day of a month; CLDR does not.
    return re.sub(r"\b1 (?=[^\W\d])", f"1er{NBSP}", text, count=1) if _locale.get() == "fr" else text


def day(at: date) -> str:
    """Say a day: "22 novembre 2026"."""
    return _first(format_date(_date_of(at), "d MMMM y", locale=_BABEL[_locale.get()]))


def last_day(end: date) -> str:
    """Say the last day of a term whose end is the first moment (or day) no longer in it."""
    return day(end - (timedelta(microseconds=1) if isinstance(end, datetime) else timedelta(days=1)))


def short_day(at: date) -> str:
    """Say a day in a table: "22 nov. 2026"."""
    return _first(format_date(_date_of(at), "d MMM y", locale=_BABEL[_locale.get()]))


def month(at: date) -> str:
    """Say a month: "novembre 2026"."""
    return format_date(_date_of(at), "MMMM y", locale=_BABEL[_locale.get()])


def time_of_day(at: datetime) -> str:
    """Say a time: "14 h 05", "14 h" on the hour; "14:05" in English."""
    at = local(at)
    if _locale.get() == "en":
        return f"{at:%H:%M}"
    return f"{at.hour}{NBSP}h{NBSP}{at.minute:02d}" if at.minute else f"{at.hour}{NBSP}h"


def moment(at: datetime) -> str:
    """Say a day and a time: "22 novembre 2026 à 14 h 05"."""
    return _("{day} à {time}", day=day(at), time=time_of_day(at))


def relative(at: date, *, now: datetime | None = None) -> str:
    """Say how far a moment or a day is: "il y a 5 minutes", "hier à 14 h 05", "dans 3 jours", "le 3 mars 2026"."""
    now = now or datetime.now(UTC)
    language = _BABEL[_locale.get()]
    if isinstance(at, datetime):
        gap = at - now
        if abs(gap) < timedelta(seconds=45):
            return gettext("à l'instant")
        if abs(gap) < timedelta(hours=1):
            return format_timedelta(gap, add_direction=True, threshold=1, locale=language)
    days = (_date_of(at) - local(now).date()).days
    if abs(days) > 1:
        if abs(days) > 6:
            return _("le {day}", day=day(at))
        return format_timedelta(
            timedelta(days=days), granularity="day", add_direction=True, threshold=8, locale=language
        )
    if not isinstance(at, datetime):
        return (_("aujourd'hui"), _("demain"), _("hier"))[days]
    time = time_of_day(at)
    return (
        _("aujourd'hui à {time}", time=time),
        _("demain à {time}", time=time),
        _("hier à {time}", time=time),
    )[days]
