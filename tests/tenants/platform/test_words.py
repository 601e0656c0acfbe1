from datetime import UTC, date, datetime, timedelta

import pytest

from tenants.platform.entries import read_cents, read_day, read_minutes
from tenants.platform.words import (
    N_,
    _,
    current_locale,
    day,
    duration,
    euros,
    gettext,
    last_day,
    listing,
    moment,
    month,
    ngettext,
    number,
    percent,
    relative,
    short_day,
    time_of_day,
    use_locale,
)

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)  # 16 h in Paris, a Sunday


def plain(text: str) -> str:
    """Make every space an ordinary one, so that expectations stay readable."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_french_is_the_source_and_english_its_translation() -> None:
    assert _("Aller au contenu") == "Aller au contenu"
    with use_locale("en"):
        assert _("Aller au contenu") == "Skip to the content"
    assert current_locale() == "fr"


def test_an_unknown_language_is_french() -> None:
    with use_locale("en"), use_locale("tlh"):
        assert current_locale() == "fr"


def test_a_marked_sentence_is_translated_where_it_is_shown() -> None:
    title = N_("Océan")
    assert title == "Océan"
    with use_locale("en"):
        assert gettext(title) == "Ocean"


def test_no_line_can_begin_with_a_punctuation_mark() -> None:
    assert gettext("Vraiment ? « Oui ; non ! » : 50 %") == (
        "Vraiment\u202f? «\u00a0Oui\u202f; non\u202f!\u00a0»\u00a0: 50\u202f%"
    )


def test_a_placeholder_is_not_taken_for_a_percent_sign() -> None:
    assert gettext("Erreur %(status)s") == "Erreur %(status)s"


def test_apostrophes_are_the_printers() -> None:
    assert gettext("Aujourd'hui, l'assemblée") == "Aujourd’hui, l’assemblée"


def test_english_is_not_spaced_like_french() -> None:
    with use_locale("en"):
        assert _("Erreur :") == "Error:"


def test_facts_are_said_as_their_names_ask() -> None:
    sentence = (
        "Il manque {missing_minutes}, soit {due_cents}, avant le {due} ; {count} fois, à {share_percent}."
    )
    said = _(
        sentence, missing_minutes=90, due_cents=1250, due=date(2026, 12, 1), count=1234, share_percent=50
    )
    assert plain(said) == "Il manque 1 h 30, soit 12,50 €, avant le 1er décembre 2026 ; 1 234 fois, à 50 %."


@pytest.mark.parametrize(
    ("n", "french", "english"), [(0, "0 jour", "0 days"), (1, "1 jour", "1 day"), (2, "2 jours", "2 days")]
)
def test_french_counts_zero_as_singular_and_english_as_plural(n: int, french: str, english: str) -> None:
    assert ngettext("{n} jour", "{n} jours", n) == french
    with use_locale("en"):
        assert ngettext("{n} jour", "{n} jours", n) == english


@pytest.mark.parametrize(
    ("minutes", "french", "english"),
    [
        (0, "0 h", "0 h"),
        (45, "45 min", "45 min"),
        (60, "1 h", "1 h"),
        (65, "1 h 05", "1 h 5 min"),
        (150, "2 h 30", "2 h 30 min"),
        (-60, "−1 h", "−1 h"),
        (-45, "−45 min", "−45 min"),
        (75_030, "1 250 h 30", "1,250 h 30 min"),
    ],
)
def test_durations_are_said_in_hours_and_minutes(minutes: int, french: str, english: str) -> None:
    assert plain(duration(minutes)) == french
    with use_locale("en"):
        assert plain(duration(minutes)) == english


def test_a_signed_amount_carries_its_plus_and_nothing_has_none() -> None:
    assert [plain(duration(minutes, sign=True)) for minutes in (30, 0, -30)] == ["+30 min", "0 h", "−30 min"]
    assert [plain(euros(cents, sign=True)) for cents in (50, 0, -50)] == ["+0,50 €", "0,00 €", "−0,50 €"]


def test_euros_are_said_to_the_cent_however_large() -> None:
    assert plain(euros(123_450)) == "1 234,50 €"
    assert plain(euros(900_719_925_474_099_301)) == "9 007 199 254 740 993,01 €"
    with use_locale("en"):
        assert euros(-123_450) == "−€1,234.50"


def test_numbers_and_percentages_have_no_binary_noise() -> None:
    assert plain(number(1234.5)) == "1 234,5"
    assert [plain(percent(value)) for value in (50, 12.5, 8.900000000000001, 33.3333)] == [
        "50 %",
        "12,5 %",
        "8,9 %",
        "33,3 %",
    ]


def test_names_are_joined_as_in_a_sentence() -> None:
    assert listing(["Anna"]) == "Anna"
    assert listing(["Anna", "Badis", "Chloé"]) == "Anna, Badis et Chloé"
    assert listing([]) == ""
    with use_locale("en"):
        assert listing(["Anna", "Badis", "Chloé"]) == "Anna, Badis and Chloé"


def test_dates_are_said_in_full_and_the_first_is_an_ordinal_in_french() -> None:
    first = date(2026, 5, 1)
    assert (plain(day(first)), plain(short_day(date(2026, 11, 22))), month(first)) == (
        "1er mai 2026",
        "22 nov. 2026",
        "mai 2026",
    )
    assert day(date(2026, 5, 11)) == "11 mai 2026"
    with use_locale("en"):
        assert day(first) == "1 May 2026"


def test_the_end_of_a_term_is_its_last_day() -> None:
    midnight_in_paris = datetime(2027, 1, 1, 0, 0, tzinfo=UTC) - timedelta(hours=1)
    assert last_day(midnight_in_paris) == "31 décembre 2026"
    assert last_day(date(2027, 1, 1)) == "31 décembre 2026"


def test_times_are_those_of_the_cooperatives_clock() -> None:
    assert plain(time_of_day(NOW)) == "16 h"
    assert plain(moment(NOW + timedelta(minutes=5))) == "22 novembre 2026 à 16 h 05"
    with use_locale("en", "Indian/Reunion"):
        assert moment(NOW) == "22 November 2026 at 19:00"
    with use_locale("fr", "America/Martinique"):
        assert day(datetime(2026, 11, 22, 2, 0, tzinfo=UTC)) == "21 novembre 2026"


@pytest.mark.parametrize(
    ("away", "french", "english"),
    [
        (timedelta(seconds=10), "à l’instant", "just now"),
        (timedelta(minutes=5), "dans 5 minutes", "in 5 minutes"),
        (timedelta(minutes=-5), "il y a 5 minutes", "5 minutes ago"),
        (timedelta(hours=-3), "aujourd’hui à 13 h", "today at 13:00"),
        (timedelta(days=-1), "hier à 16 h", "yesterday at 16:00"),
        (timedelta(hours=9), "demain à 1 h", "tomorrow at 01:00"),
        (timedelta(days=3), "dans 3 jours", "in 3 days"),
        (timedelta(days=-6), "il y a 6 jours", "6 days ago"),
        (timedelta(days=-7), "le 15 novembre 2026", "on 15 November 2026"),
    ],
)
def test_how_far_a_moment_is(away: timedelta, french: str, english: str) -> None:
    assert plain(relative(NOW + away, now=NOW)) == french
    with use_locale("en"):
        assert plain(relative(NOW + away, now=NOW)) == english


def test_a_day_has_no_hour() -> None:
    today = date(2026, 11, 22)
    said = [relative(today + timedelta(days=days), now=NOW) for days in (-1, 0, 1, 2)]
    assert [plain(text) for text in said] == ["hier", "aujourd’hui", "demain", "dans 2 jours"]


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        ("2h30", 150),
        ("2 h 30", 150),
        (" 2\u00a0h\u00a030 ", 150),
        ("2H", 120),
        ("2 heures", 120),
        ("2 hours 5 min", 125),
        ("2,5", 150),
        ("2.5h", 150),
        ("2:30", 150),
        ("150 min", 150),
        ("45mn", 45),
        ("3", 180),
        ("1,33", 80),
        ("−1 h", -60),
        ("2h75", None),
        ("", None),
        ("beaucoup", None),
        ("2h30h", None),
        ("1e9", None),
        ("٣h", None),
        ("9999999999 h", None),
    ],
)
def test_durations_are_read_as_people_type_them(typed: str, minutes: int | None) -> None:
    assert read_minutes(typed) == minutes


@pytest.mark.parametrize("minutes", [1, 45, 60, 65, 150, 1439, 6000, 75_030, -90])
@pytest.mark.parametrize("locale", ["fr", "en"])
def test_what_a_page_shows_a_field_accepts(minutes: int, locale: str) -> None:
    with use_locale(locale):
        shown = duration(minutes)
    # The English thousands comma is the one shape a field refuses rather than guess.
    assert read_minutes(shown) == (None if "," in shown else minutes)


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("12,50 €", 1250),
        ("12.5", 1250),
        ("1 200", 120_000),
        ("€12.50", 1250),
        ("-3,05", -305),
        ("1,200", None),
        ("12,5,0", None),
        ("douze", None),
        ("", None),
    ],
)
def test_amounts_are_read_and_never_guessed(typed: str, cents: int | None) -> None:
    assert read_cents(typed) == cents


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("2026-11-22", date(2026, 11, 22)),
        ("22/11/2026", date(2026, 11, 22)),
        ("1.2.2026", date(2026, 2, 1)),
        ("31/02/2026", None),
        ("22/11/26", None),
        ("20261122", None),
    ],
)
def test_days_are_read_in_both_orders_that_cannot_be_confused(typed: str, read: date | None) -> None:
    assert read_day(typed) == read
