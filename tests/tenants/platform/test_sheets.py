"""Files of any origin: whatever the bytes, they become rows or faults with a place, never an exception."""

import codecs
from datetime import date
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants.member_files import read_members
from tenants.platform.cells import read_date
from tenants.platform.sheets import (
    FILE_BYTES_MAX,
    EmptyFile,
    Encoding,
    FileTooLarge,
    NotATable,
    decode,
    must_be_a_table,
    read_sheet,
)
from tenants.platform.words import use_locale
from timebank.exchange_files import read_exchanges

TEXT = "Nom;Courriel\nChloé Ñúñez;chloe@exemple.fr\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), Encoding.UTF_8),
        (codecs.BOM_UTF8 + TEXT.encode(), Encoding.UTF_8),
        (TEXT.encode("cp1252"), Encoding.WINDOWS_1252),
        (TEXT.encode("utf-16"), Encoding.UTF_16),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), Encoding.UTF_16),
        (TEXT.encode("utf-16-le"), Encoding.UTF_16),
        (TEXT.encode("utf-16-be"), Encoding.UTF_16),
    ],
    ids=["utf-8", "utf-8 with its mark", "windows-1252", "utf-16", "utf-16-be", "no mark le", "no mark be"],
)
def test_the_encoding_is_recognised(content: bytes, encoding: Encoding) -> None:
    assert decode(content) == (TEXT, encoding)
    (row,) = read_members(read_sheet(content)).rows
    assert (row.name, row.email) == ("Chloé Ñúñez", "chloe@exemple.fr")


def test_a_broken_byte_in_utf_8_is_a_fault_of_its_line_and_does_not_garble_the_others() -> None:
    content = "Nom;Courriel\nChloé Éluard;c@x.fr\nZo#;z@x.fr\n".encode().replace(b"#", b"\xe9")
    found = read_members(read_sheet(content))
    assert [row.name for row in found.rows] == ["Chloé Éluard"]
    assert [(fault.line, fault.column, fault.code) for fault in found.faults] == [(3, 1, "characters")]


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_the_separator_is_recognised_and_a_cell_may_hold_it_or_a_line(separator: str, end: str) -> None:
    lines = [["Nom", "Courriel"], ['"Le Goff, ; \t ""Anne"""', "a@x.fr"], ['"deux\nlignes"', "b@x.fr"]]
    text = end.join(separator.join(line) for line in lines) + end + "Bob" + separator + "bob@" + end
    found = read_members(read_sheet(text.encode()))
    assert [fault.code for fault in found.faults if fault.line == 2] == ["characters"]
    assert [row.name for row in found.rows] == ["deux lignes"]
    assert [(fault.line, fault.name) for fault in found.faults if fault.code == "email"] == [(5, "Courriel")]


def test_a_spreadsheet_s_separator_line_is_obeyed_and_counted() -> None:
    sheet = read_sheet(b"sep=;\na;b,c\n")
    assert sheet.separator == ";"
    assert [(record.line, record.cells) for record in sheet.records] == [(2, ["a", "b,c"])]


def test_quotes_that_do_not_close_are_a_fault_of_their_line() -> None:
    sheet = read_sheet(b'Nom,Courriel\nAnne,a@x.fr\n"Bob,b@x.fr\n')
    assert [(fault.line, fault.code) for fault in sheet.faults] == [(3, "quotes")]
    assert read_members(sheet).faults[0].code == "quotes"
    long = read_sheet(b"Nom,Courriel\n" + b"x" * 200_000)
    assert [(fault.line, fault.code) for fault in long.faults] == [(2, "cell_too_long")]


def test_more_rows_than_are_taken_are_a_fault_and_not_a_silence() -> None:
    sheet = read_sheet(b"Nom,Courriel\n" + b"A,a@x.fr\n" * 5, most=3)
    assert [fault.code for fault in sheet.faults] == ["too_many_rows"]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", EmptyFile),
        (b"\r\n\t \n", EmptyFile),
        (codecs.BOM_UTF8, EmptyFile),
        (b"PK\x03\x04rest of a workbook", NotATable),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", NotATable),
        (b"%PDF-1.7", NotATable),
        (b"\x89PNG\r\n", NotATable),
        (b" <html><body>", NotATable),
        (b"\x1f\x8b\x08 a zip bomb is not unpacked", NotATable),
        (b"a" * (FILE_BYTES_MAX + 1), FileTooLarge),
    ],
    ids=["empty", "blank", "mark", "xlsx", "xls", "pdf", "png", "html", "gzip", "too large"],
)
def test_what_cannot_be_a_csv_is_refused_in_words(content: bytes, refusal: type[Exception]) -> None:
    with pytest.raises(refusal) as refused:
        must_be_a_table(content)
    assert len(refused.value.detail()) > 20  # type: ignore[attr-defined]


def test_our_own_download_comes_back_as_it_was() -> None:
    text = "Nom;Courriel;Téléphone;Territoire;Membre depuis;Identifiant\n"
    text += "'=1+1;a@x.fr;'+33 6 00;Finistère (29);2024-11-22;01a2-4\n"
    (row,) = read_members(read_sheet(codecs.BOM_UTF8 + text.encode())).rows
    assert (row.name, row.phone, row.territory, row.key) == ("=1+1", "+33 6 00", "29", "01a2-4")
    assert row.since == date(2024, 11, 22)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-11-22", date(2024, 11, 22)),
        ("22/11/2024", date(2024, 11, 22)),
        ("3.4.2024", date(2024, 4, 3)),
        ("2024-11-22 10:20:00 UTC", date(2024, 11, 22)),
        ("2024-11-22T10:20:00.123Z", date(2024, 11, 22)),
        ("22/11/2024 10:20", date(2024, 11, 22)),
        ("22/11/24", None),
        ("2024-13-01", None),
        ("hier", None),
    ],
)
def test_dates_are_read_as_people_and_programs_write_them(written: str, read: date | None) -> None:
    assert read_date(written) == read


@pytest.mark.parametrize(
    ("hours", "minutes"), [("1,5", 90), ("1.5", 90), ("1:30", 90), ("1h30", 90), ("90 min", 90), ("2", 120)]
)
def test_durations_are_read_as_people_write_them(hours: str, minutes: int) -> None:
    text = f"Date;De;À;Durée;Motif\n22/11/2024;1;2;{hours};Jardin\n"
    (row,) = read_exchanges(read_sheet(text.encode())).rows
    assert (row.minutes, row.happened_on) == (minutes, date(2024, 11, 22))


def test_faults_of_exchanges_name_line_and_column() -> None:
    text = (
        "Date;De;À;Durée;Motif\n"
        "hier;1;2;1:30;Jardin\n"
        "2024-01-01;1;1;1;Soi-même\n"
        "2024-01-01;1;2;beaucoup;Jardin\n"
        "2024-01-01;1;2;0;Rien\n"
        "2999-01-01;1;2;1;Demain\n"
        "2024-01-01;;2;1;Personne\n"
        "2024-01-01;ouverture;caisse;1;Entre soi\n"
        "2024-01-01;1;2;1;Cloche \x07\n"
    )
    found = read_exchanges(read_sheet(text.encode()))
    assert [(fault.line, fault.column, fault.code) for fault in found.faults] == [
        (2, 1, "date"),
        (3, 3, "same_account"),
        (4, 4, "duration"),
        (5, 4, "nothing_moves"),
        (6, 1, "future"),
        (7, 2, "needed"),
        (8, 0, "opening_both"),
        (9, 5, "characters"),
    ]
    for locale in ("fr", "en"):
        with use_locale(locale):
            assert all(len(fault.sentence) > 10 for fault in found.faults)
    assert "\x07" not in found.faults[-1].sentence


def test_timeoverflow_s_seconds_are_rounded_to_minutes_and_its_two_forms_are_told_apart() -> None:
    dated = read_exchanges(read_sheet(b"1,member,0,Organization,5429,2016-01-01,Aide,7\n"))
    (row,) = dated.rows
    assert (row.minutes, row.rounded, row.receiver.kind, row.happened_on) == (
        90,
        True,
        "opening",
        date(2016, 1, 1),
    )
    undated = read_exchanges(read_sheet(b"1,member,2,member,3600,Aide,7\n"))
    assert (undated.dated, undated.rows[0].happened_on, undated.rows[0].reason) == (False, None, "Aide")


def test_equal_rows_are_two_exchanges_and_keep_their_keys_when_the_file_grows() -> None:
    line = "1,member,2,member,3600,2016-01-01,Aide,\n"
    first = read_exchanges(read_sheet((line * 2).encode())).rows
    assert len({row.key for row in first}) == 2
    longer = read_exchanges(
        read_sheet((line + "2,member,1,member,60,2015-01-01,Avant,\n" + line).encode())
    ).rows
    assert {row.key for row in first} < {row.key for row in longer}


CELLS = st.lists(st.lists(st.text(max_size=12), max_size=11), max_size=8).map(
    lambda rows: "\n".join(";".join(row) for row in rows).encode("utf-8", "surrogatepass")
)
HEADS = st.sampled_from(
    [
        b"",
        b"Nom;Courriel;Territoire;Membre depuis\n",
        b"Date;De;\xc3\x80;Dur\xc3\xa9e;Motif;Id\n",
        b"1,member,2,organization,",
        b"1,2015-01-01,",
        codecs.BOM_UTF16_LE,
        b"sep=,\n",
    ]
)


@pytest.mark.parametrize("cell", ["T" * 20_000, "1 " * 20_000, "a" + " \t" * 20_000 + "b\nc"])
def test_no_cell_keeps_the_worker_pondering(cell: str) -> None:
    """What is longer than anything is not weighed in every way: the worker serves other cooperatives too."""
    content = f'"Nom";"Courriel";"Membre depuis"\n"{cell}";"a@b.example";"{cell}"\n'.encode()
    began = perf_counter()
    assert read_members(read_sheet(content)).faults
    assert perf_counter() - began < 1


@given(head=HEADS, content=st.one_of(st.binary(max_size=300), CELLS))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_any_bytes_are_rows_or_faults_and_never_an_exception(head: bytes, content: bytes) -> None:
    sheet = read_sheet(head + content)
    for found in (read_members(sheet), read_exchanges(sheet)):
        assert found.rows or found.faults
        for fault in found.faults:
            assert fault.sentence
            assert fault.line >= 1
    for row in read_members(sheet).rows:
        assert row.name.isprintable()
        assert row.key
    for exchange in read_exchanges(sheet).rows:
        assert exchange.minutes > 0
