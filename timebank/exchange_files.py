"""Exchange files: hours that moved elsewhere, as a file tells it, in our own columns or in TimeOverflow's.

It reads and judges the cells; whom they name, and what is here already, is for ``exchange_imports``. This file must
never touch the database.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from tenants.member_files import KEY_LENGTH, OWN, TIMEOVERFLOW
from tenants.platform.cells import CellReader, columns_of, plain_title
from tenants.platform.entries import read_minutes
from tenants.platform.sheets import Fault, Record, Sheet, declare_faults, shorten
from tenants.platform.words import N_
from timebank.exchanges import REASON_LENGTH

MINUTES_MAX: Final = 1_000_000
OPENING: Final = "opening"
POT: Final = "pot"

declare_faults(
    {
        "duration": N_("« {text} » n'est pas une durée. Écrivez-la comme 1,5 ou 1:30 ou 1h30 (en heures)."),
        "whole_number": N_("« {text} » n'est pas un nombre entier au-dessus de zéro."),
        "nothing_moves": N_(
            "Rien ne bouge : la durée doit être d'une minute au moins. Retirez la ligne, ou corrigez-la."
        ),
        "too_much": N_(
            "« {text} » dépasse tout échange possible. La durée est peut-être dans une autre unité."
        ),
        "same_account": N_("Les heures partiraient d'un compte pour y revenir. Corrigez l'un des deux."),
        "account_type": N_("« {text} » n'est ni member ni organization."),
        "opening_both": N_(
            "Un échange a au moins un membre : l'ouverture et la caisse ne s'échangent rien ici."
        ),
    }
)

TITLES: Final = "Date, De, À, Durée (ou Minutes), Motif, Identifiant"
_KNOWN: Final = {
    plain_title(title): name
    for name, titles in {
        "date": ("Date", "Le", "Day", "Jour"),
        "giver": ("De", "From", "Donneur", "Giver", "Qui donne", "Source"),
        "receiver": ("À", "To", "Receveur", "Receiver", "Qui reçoit", "Destination"),
        "hours": ("Durée", "Duration", "Heures", "Hours"),
        "minutes": ("Minutes", "Durée en minutes"),
        "reason": ("Motif", "Reason", "Pour", "Description", "Objet"),
        "id": ("Identifiant", "Identifier", "Id", "Numéro"),
    }.items()
    for title in titles
}
_DATED: Final = ("giver", "giver_type", "receiver", "receiver_type", "seconds", "date", "reason", "post")
_UNDATED: Final = ("giver", "giver_type", "receiver", "receiver_type", "seconds", "reason", "post")
_WHOLE: Final = re.compile(r"[0-9]{1,12}")
_NAMED: Final = {
    **dict.fromkeys(("ouverture", "opening", "solde d ouverture", "opening balance"), OPENING),
    **dict.fromkeys(("caisse", "caisse solidaire", "pot", "solidarity pot"), POT),
}


@dataclass(frozen=True, slots=True)
class Side:
    """Who gives or receives: a member by what the file calls them, the opening account or the pot."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """One past exchange. ``key`` is what it is known by when the file comes again, ``content`` all that it says."""

    line: int
    key: str
    content: bytes
    giver: Side
    receiver: Side
    minutes: int
    happened_on: date | None
    reason: str
    rounded: bool


@dataclass(frozen=True, slots=True)
class ExchangeFile:
    """The exchanges of a file in the order in which they happened, and its faults."""

    source: str
    dated: bool
    rows: list[ExchangeRow]
    faults: list[Fault]


def read_exchanges(sheet: Sheet) -> ExchangeFile:
    """Read the exchanges of a sheet; with faults, some rows are missing. Never raises."""
    if columns := _timeoverflow_columns(sheet):
        reader = CellReader({name: index for index, name in enumerate(columns)})
        return _read(sheet, TIMEOVERFLOW, reader, sheet.records, dated="date" in columns)
    found = columns_of(sheet, _KNOWN)
    if not {"date", "giver", "receiver"} <= found.keys() or not found.keys() & {"hours", "minutes"}:
        unknown = Fault(1, 0, "", "no_format", {"titles": TITLES})
        return ExchangeFile(OWN, dated=True, rows=[], faults=list(sheet.faults) or [unknown])
    return _read(sheet, OWN, CellReader(found, sheet.records[0].cells), sheet.records[1:], dated=True)


def _timeoverflow_columns(sheet: Sheet) -> Sequence[str]:
    """Their columns, with or without a date, if the first rows are theirs; one of them may be wrong."""
    theirs = [
        record.cells
        for record in sheet.records[:5]
        if len(record.cells) >= 5
        and {record.cell(1).lower(), record.cell(3).lower()} & {"member", "organization"}
    ]
    if not theirs:
        return ()
    return _DATED if max(len(cells) for cells in theirs) > len(_UNDATED) else _UNDATED


def _read(
    sheet: Sheet, source: str, reader: CellReader, records: Iterable[Record], *, dated: bool
) -> ExchangeFile:
    rows: list[ExchangeRow] = []
    seen: Counter[bytes] = Counter()
    by_key: dict[str, int] = {}
    for record in records:
        before = len(reader.faults)
        row = _exchange(reader, record, source, seen, dated=dated)
        if len(reader.faults) > before:
            continue
        if (first := by_key.setdefault(row.key, row.line)) != row.line:
            reader.fault(record, "id", "twice", first_line=first)
            continue
        rows.append(row)
    faults = [*sheet.faults, *reader.faults]
    if not rows and not faults:
        faults.append(Fault(1, 0, "", "no_rows"))
    # As it happened; within a day, and without dates, as the file has it.
    rows.sort(key=lambda row: (row.happened_on or date.min, row.line))
    return ExchangeFile(source, dated, rows, faults)


def _exchange(
    reader: CellReader, record: Record, source: str, seen: Counter[bytes], *, dated: bool
) -> ExchangeRow:
    before = len(reader.faults)
    giver, receiver = _side(reader, record, "giver", source), _side(reader, record, "receiver", source)
    if len(reader.faults) == before:
        if giver == receiver:
            reader.fault(record, "receiver", "same_account")
        elif "member" not in {giver.kind, receiver.kind}:
            reader.fault(record, "", "opening_both")
    minutes, rounded = _minutes(reader, record)
    happened_on = reader.day(record, "date", needed=dated)
    reason = reader.text(record, "reason", most=REASON_LENGTH)
    said = "\x1f".join(
        (giver.kind, giver.name, receiver.kind, receiver.name, str(minutes), str(happened_on), reason)
    )
    content = hashlib.sha256(said.encode()).digest()
    key = reader.text(record, "id", most=KEY_LENGTH)
    if not key:
        # Two equal rows are two exchanges: each is known by its content and by which of its like it is.
        seen[content] += 1
        key = f"{content.hex()}#{seen[content]}"
    return ExchangeRow(
        record.line, key, content, giver, receiver, minutes, happened_on, reason, rounded=rounded
    )


def _side(reader: CellReader, record: Record, name: str, source: str) -> Side:
    if source == TIMEOVERFLOW:
        kind = reader.raw(record, f"{name}_type").lower()
        if kind == "organization":
            return Side(OPENING, "")
        if kind != "member":
            reader.fault(record, f"{name}_type", "account_type", text=shorten(kind))
    written = reader.text(record, name, most=254, needed=True)
    named = _NAMED.get(plain_title(written)) if source == OWN else None
    return Side(named, "") if named else Side("member", written.lower())


def _minutes(reader: CellReader, record: Record) -> tuple[int, bool]:
    """The minutes, and whether they had to be rounded; faults noted."""
    name = next((one for one in ("seconds", "minutes", "hours") if one in reader.columns), "hours")
    written = reader.raw(record, name)
    if not written:
        reader.fault(record, name, "needed")
        return 0, False
    rounded = False
    if name == "hours":
        found = read_minutes(written)
        if found is None or found < 0:
            reader.fault(record, name, "duration", text=shorten(written))
            return 0, False
    elif not _WHOLE.fullmatch(written):
        reader.fault(record, name, "whole_number", text=shorten(written))
        return 0, False
    else:
        number = int(written)
        # Half a minute counts as a whole one.
        found = (number + 30) // 60 if name == "seconds" else number
        rounded = name == "seconds" and number % 60 != 0
    if found == 0:
        reader.fault(record, name, "nothing_moves")
    elif found > MINUTES_MAX:
        reader.fault(record, name, "too_much", text=shorten(written))
    return found, rounded
