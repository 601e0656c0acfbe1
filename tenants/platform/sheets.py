"""Sheets: a CSV file of whatever origin, read into rows that know their line, or into what is wrong with it.

Any bytes may come in: whatever they are, reading ends with faults and never with an exception. A fault names its
line and column and is said in the reader's language when it is read. This file must never know a domain noun, nor
guess between two readings of a value.
"""

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from tenants.platform.errors import Refusal
from tenants.platform.words import N_, _

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
ROWS_MAX: Final = 100_000
# A job of the worker has to end well before it would be given to another.
LINES_ON_PAGE_MAX: Final = 50_000
SEPARATORS: Final = (",", ";", "\t")
SAMPLE_CHARACTERS: Final = 20_000
SAMPLE_ROWS: Final = 20
SHOWN_CHARACTERS: Final = 40

# What programs that are no text editors begin their files with.
_OTHER_FILES: Final = (
    *(b"PK\x03\x04", b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"\xd0\xcf\x11\xe0", b"\x1f\x8b"),
    *(b"{\\rtf", b"Rar!", b"7z\xbc\xaf", b"\x7fELF", b"MZ\x90\x00", b"SQLite format 3"),
)
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
# What our own downloads write before a text that a spreadsheet would run as a formula.
_QUOTED_FORMULA: Final = re.compile(r"^'(?=[=+\-@\t＝＋－＠])")


class Encoding(StrEnum):
    """How the letters are written."""

    UTF_8 = "UTF-8"
    UTF_16 = "UTF-16"
    WINDOWS_1252 = "Windows-1252"


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong: where (``column`` from 1, 0 for the whole line; ``name`` its title) and what."""

    line: int
    column: int
    name: str
    code: str
    facts: dict[str, Any] = {}

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in the reader's language."""
        return _(FAULTS[self.code], **self.facts)

    @property
    def place(self) -> str:
        """The column, by its title or its number; empty for the whole line."""
        if not self.column:
            return ""
        return self.name or _("colonne {column}", column=self.column)


@dataclass(frozen=True)
class Record:
    """One row: the line on which it begins in the file, and its cells without the space around them."""

    line: int
    cells: Sequence[str]

    def cell(self, index: int) -> str:
        """The cell, empty where the row is too short to have it."""
        return self.cells[index] if 0 <= index < len(self.cells) else ""


@dataclass(frozen=True)
class Sheet:
    """What a file holds. With ``faults`` its records may be incomplete."""

    encoding: Encoding
    separator: str
    records: Sequence[Record]
    faults: Sequence[Fault] = field(default=())


class EmptyFile(Refusal):
    """There is nothing in the file."""

    status = 422
    code = "file_empty"
    message = N_("Ce fichier est vide. Choisissez celui que l'autre outil a exporté.")
    default_field = "file"


class NotATable(Refusal):
    """It is a workbook, a picture, a document: anything but CSV."""

    status = 422
    code = "file_not_csv"
    message = N_(
        "Ce fichier n'est pas un CSV. Ouvrez-le dans votre tableur et enregistrez-le au format CSV (UTF-8)."
    )
    default_field = "file"


class FileTooLarge(Refusal):
    """More than is ever needed."""

    status = 413
    code = "file_too_large"
    message = N_(
        "Ce fichier dépasse {most_megabytes} Mo. Partagez-le en plusieurs fichiers et importez-les l'un après "
        "l'autre : aucune ligne ne sera reprise deux fois."
    )
    default_field = "file"


class FileTooLong(Refusal):
    """More lines than the worker looks at in one go; the operator's command takes more."""

    status = 413
    code = "file_too_long"
    message = N_(
        "Ce fichier a plus de {most} lignes. Partagez-le en plusieurs fichiers et importez-les l'un après l'autre : "
        "aucune ligne ne sera reprise deux fois."
    )
    default_field = "file"


FAULTS: Final[dict[str, str]] = {
    "quotes": N_(
        "Un guillemet est ouvert et n'est pas refermé, ou se trouve au milieu d'une cellule. Doublez-le ou "
        "retirez-le."
    ),
    "cell_too_long": N_("Cette cellule est bien trop longue. Un guillemet manque peut-être plus haut."),
    "too_many_rows": N_(
        "Le fichier a plus de {most} lignes. Partagez-le et importez les morceaux l'un après l'autre : aucune "
        "ligne ne sera reprise deux fois."
    ),
    "no_rows": N_("Il n'y a aucune ligne à reprendre dans ce fichier."),
    "no_format": N_(
        "Les colonnes n'ont pas été reconnues. La première ligne doit porter leurs titres : {titles}. Un fichier "
        "de TimeOverflow se donne tel quel, sans titres."
    ),
    "needed": N_("Cette cellule est nécessaire et elle est vide."),
    "characters": N_(
        "« {text} » contient des caractères qui ne sont pas acceptés : retirez-les, ou enregistrez le fichier en "
        "UTF-8."
    ),
    "too_long": N_("« {text} » est trop long : au plus {most} caractères."),
    "date": N_("« {text} » n'est pas une date. Écrivez-la comme 2024-11-22 ou 22/11/2024."),
    "future": N_("« {text} » est dans l'avenir. Un échange passé a eu lieu au plus tard aujourd'hui."),
    "twice": N_("Cette ligne répète la ligne {first_line}. Gardez-en une seule."),
}
"""What is said of each fault, by its code; the nouns that read sheets add theirs."""


def declare_faults(words: Mapping[str, str]) -> None:
    """Make more faults known, at import."""
    for code, sentence in words.items():
        assert FAULTS.setdefault(code, sentence) == sentence, f"the fault {code} is declared twice"


def shorten(text: str) -> str:
    """What somebody wrote, short and without what a screen could not show."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[: SHOWN_CHARACTERS - 1]}…"


def must_be_a_table(content: bytes) -> None:
    """Refuse at once what cannot be a CSV. Raises EmptyFile, NotATable, FileTooLarge."""
    if len(content) > FILE_BYTES_MAX:
        raise FileTooLarge(most_megabytes=FILE_BYTES_MAX // 1024**2)
    if not content.strip(b"\x00\t\r\n \xef\xbb\xbf\xfe\xff"):
        raise EmptyFile
    if content.startswith(_OTHER_FILES) or content.lstrip()[:5].lower() in {b"<html", b"<!doc", b"<?xml"}:
        raise NotATable


def must_be_short(content: bytes) -> None:
    """Refuse what would keep the worker too long. Raises FileTooLong."""
    if content.count(b"\n") > LINES_ON_PAGE_MAX:
        raise FileTooLong(most=LINES_ON_PAGE_MAX)


def read_sheet(content: bytes, *, most: int = ROWS_MAX) -> Sheet:
    """Read a file into its records; empty lines are left out. Never raises."""
    text, encoding = decode(content)
    first_line = 1
    if (match := _SEPARATOR_LINE.match(text)) and match[1] in SEPARATORS:
        separator, text, first_line = match[1], text[match.end() :], 2
    else:
        separator = _separator_of(text)
    records, fault = _split(text, separator, first_line=first_line, most=most)
    return Sheet(encoding, separator, records, [fault] if fault else [])


def decode(content: bytes) -> tuple[str, Encoding]:
    """The text, and how it was written. What cannot be read becomes U+FFFD, which no field accepts."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace"), Encoding.UTF_16
    sample = content[:2000]
    for half, name in ((sample[1::2], "utf-16-le"), (sample[::2], "utf-16-be")):
        # Without a mark, the letters of our alphabets still leave every second byte empty.
        if len(half) > 4 and half.count(0) > 0.6 * len(half):
            return content.decode(name, "replace"), Encoding.UTF_16
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    broken = text.count("\ufffd")
    if not broken or sum(letter > "\x7f" for letter in text) > 2 * broken:
        return text, Encoding.UTF_8
    return content.decode("cp1252", "replace"), Encoding.WINDOWS_1252


def _separator_of(text: str) -> str:
    """The separator that makes the most columns of the first rows."""

    def columns(separator: str) -> int:
        records, _fault = _split(text[:SAMPLE_CHARACTERS], separator, first_line=1, most=SAMPLE_ROWS)
        return sum(len(record.cells) for record in records)

    return max(SEPARATORS, key=columns)


def _split(text: str, separator: str, *, first_line: int, most: int) -> tuple[list[Record], Fault | None]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records: list[Record] = []
    line = first_line
    try:
        for cells in reader:
            kept = [cell.strip() for cell in cells]
            if any(cell.startswith("'") for cell in kept):
                kept = [_QUOTED_FORMULA.sub("", cell, count=1) for cell in kept]
            if any(kept):
                if len(records) > most:
                    return records, Fault(line, 0, "", "too_many_rows", {"most": most})
                records.append(Record(line, kept))
            line = first_line + reader.line_num
    except csv.Error as error:
        return records, Fault(line, 0, "", "cell_too_long" if "field limit" in str(error) else "quotes")
    return records, None
