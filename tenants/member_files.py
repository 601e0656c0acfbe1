"""Member files: the members that a file names, in our own columns or in TimeOverflow's.

It reads and judges the cells; who of them is here already is for ``member_imports``. This file must never touch the
database.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from tenants.memberships import DISPLAY_NAME_LENGTH
from tenants.platform.cells import CellReader, columns_of, plain_title
from tenants.platform.sheets import Fault, Record, Sheet, declare_faults, shorten
from tenants.platform.territories import TERRITORIES, territory_name
from tenants.platform.words import N_

KEY_LENGTH: Final = 100
PHONE_LENGTH: Final = 40
EMAIL_LENGTH: Final = 254
TIMEOVERFLOW: Final = "timeoverflow"
OWN: Final = "archipel"

declare_faults(
    {
        "email": N_("« {text} » n'est pas une adresse de courriel. Corrigez-la, ou laissez la cellule vide."),
        "territory": N_(
            "« {text} » n'est pas un département. Écrivez son numéro (35, 2A, 974), ou laissez la cellule vide."
        ),
        "unknown_by": N_(
            "Rien ne permettrait de reconnaître cette personne une autre fois : donnez son numéro ou son courriel."
        ),
    }
)

TITLES: Final = "Nom, Courriel, Téléphone, Territoire, Membre depuis, Numéro"
_KNOWN: Final = {
    plain_title(title): name
    for name, titles in {
        "name": ("Nom", "Name", "Nom complet", "Full name", "Username", "Nombre", "Nombre de usuario"),
        "first_name": ("Prénom", "First name"),
        "email": ("Courriel", "E-mail", "Email", "Mail", "Adresse de courriel", "Correo electrónico"),
        "phone": ("Téléphone", "Telephone", "Phone", "Mobile", "Portable", "Teléfono"),
        "territory": ("Territoire", "Territory", "Département"),
        "since": ("Membre depuis", "Member since", "Date d'entrée", "Entrée", "Depuis"),
        "number": ("Numéro", "Number", "N", "N°", "No", "Numéro de membre", "Member number"),
        "id": ("Identifiant", "Identifier", "Id"),
    }.items()
    for title in titles
}
_TIMEOVERFLOW: Final = {
    "number": 0,
    "since": 1,
    "name": 2,
    "surname": 3,
    "second_surname": 4,
    "phone": 7,
    "other_phone": 8,
    "email": 9,
}
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_CODES: Final = {plain_title(territory_name(code)): code for code in TERRITORIES}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member of a file. ``key`` is what they are known by when the file comes again; ``email`` may be empty."""

    line: int
    key: str
    name: str
    email: str
    phone: str
    territory: str
    since: date | None


@dataclass(frozen=True, slots=True)
class MemberFile:
    """The members of a file, and its faults. ``source`` is whose columns it has."""

    source: str
    rows: list[MemberRow]
    faults: list[Fault]


def read_members(sheet: Sheet) -> MemberFile:
    """Read the members of a sheet; with faults, some rows are missing. Never raises."""
    if _is_timeoverflow(sheet):
        return _read(sheet, TIMEOVERFLOW, CellReader(_TIMEOVERFLOW), sheet.records)
    columns = columns_of(sheet, _KNOWN)
    if "name" not in columns or not columns.keys() & {"email", "number", "id"}:
        unknown = Fault(1, 0, "", "no_format", {"titles": TITLES})
        return MemberFile(OWN, [], list(sheet.faults) or [unknown])
    return _read(sheet, OWN, CellReader(columns, sheet.records[0].cells), sheet.records[1:])


def _is_timeoverflow(sheet: Sheet) -> bool:
    """No titles, ten columns, the first a number: a first row that is wrong further on is still one of theirs."""
    first = sheet.records[:1]
    return bool(first) and len(first[0].cells) >= 10 and bool(_NUMBER.fullmatch(first[0].cells[0]))


def _read(sheet: Sheet, source: str, reader: CellReader, records: Sequence[Record]) -> MemberFile:
    rows: list[MemberRow] = []
    by_key: dict[str, int] = {}
    by_email: dict[str, int] = {}
    for record in records:
        before = len(reader.faults)
        row = _member(reader, record, source)
        if len(reader.faults) > before:
            continue
        if not row.key:
            reader.fault(record, "", "unknown_by")
            continue
        first = by_key.setdefault(row.key, row.line)
        if row.email and first == row.line:
            first = by_email.setdefault(row.email, row.line)
        if first != row.line:
            reader.fault(record, "", "twice", first_line=first)
            continue
        rows.append(row)
    faults = [*sheet.faults, *reader.faults]
    if not rows and not faults:
        faults.append(Fault(1, 0, "", "no_rows"))
    return MemberFile(source, rows, faults)


def _member(reader: CellReader, record: Record, source: str) -> MemberRow:
    parts = ("name", "surname", "second_surname") if source == TIMEOVERFLOW else ("first_name", "name")
    names = [reader.text(record, part, most=DISPLAY_NAME_LENGTH) for part in parts]
    name = " ".join(part for part in names if part)
    if not name and not any(reader.raw(record, part) for part in parts):
        reader.fault(record, "name", "needed")
    elif len(name) > DISPLAY_NAME_LENGTH:
        reader.fault(record, "name", "too_long", text=shorten(name), most=DISPLAY_NAME_LENGTH)
    email = reader.text(record, "email", most=EMAIL_LENGTH).lower()
    if email and not _EMAIL.fullmatch(email):
        reader.fault(record, "email", "email", text=shorten(email))
    number = reader.text(record, "number", most=KEY_LENGTH, needed=source == TIMEOVERFLOW)
    known_as = reader.text(record, "id", most=KEY_LENGTH)
    phone = reader.text(record, "phone", most=PHONE_LENGTH)
    other = reader.text(record, "other_phone", most=PHONE_LENGTH)
    return MemberRow(
        line=record.line,
        key=(number or known_as or email).lower(),
        name=name,
        email=email,
        phone=phone or other,
        territory=_territory(reader, record),
        since=reader.day(record, "since"),
    )


def _territory(reader: CellReader, record: Record) -> str:
    """The code of a département, given by its code, its name, or both as our own download writes them."""
    written = reader.text(record, "territory", most=100)
    code = written.upper() if len(written) != 1 else f"0{written}"
    if not written or code in TERRITORIES:
        return code
    if found := _CODES.get(plain_title(written)):
        return found
    reader.fault(record, "territory", "territory", text=shorten(written))
    return ""
