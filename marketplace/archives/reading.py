"""Reading an archive: a ZIP file that anybody may have made, held against its fingerprint and its manifest.

Nothing is ever unpacked to the disk, and no more is read than the manifest says. Whatever the bytes are, reading ends
with ``ArchiveUnreadable`` or ``ArchiveRefused``. This file must never touch the database.
"""

import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from marketplace.archives.contents import (
    FORMAT,
    LONGEST_LINE,
    LONGEST_MANIFEST,
    MANIFEST,
    MOST_BYTES,
    README,
    ArchiveRefused,
    ArchiveUnreadable,
    Manifest,
    file_of,
    fingerprint,
    travelling,
)

# What the library raises at bytes that are damaged, encrypted or packed in a way that it does not know.
_BROKEN: Final = (
    *(OSError, KeyError, ValueError, EOFError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


class Archive:
    """An archive that is open and whose manifest agrees with the fingerprint."""

    def __init__(self, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._file = file
        self.manifest = manifest

    def rows(self, name: str) -> Iterator[bytes]:
        """The lines of a file, each checked for length, and all of them against the manifest at the end."""
        content = next(one for one in self.manifest.contents if one.name == name)
        digest, length, rows = hashlib.sha256(), 0, 0
        for line in self._lines(name):
            length, rows = length + len(line), rows + 1
            if len(line) > LONGEST_LINE or length > content.length_bytes:
                break
            digest.update(line)
            yield line
        if (length, digest.hexdigest()) != (content.length_bytes, content.sha256):
            raise _altered(name)
        if name != README and rows != content.rows:
            raise _altered(name)

    def _lines(self, name: str) -> Iterator[bytes]:
        try:
            with self._file.open(name) as lines:
                yield from iter(lambda: lines.readline(LONGEST_LINE + 1), b"")
        except _BROKEN as error:
            raise _altered(name) from error

    def check(self) -> None:
        """Read everything once. Raises ArchiveRefused at the first byte that differs."""
        for content in self.manifest.contents:
            for _line in self.rows(content.name):
                pass


def open_archive(path: Path, *, expected: str) -> Archive:
    """Open the file and hold its manifest against the fingerprint. Raises ArchiveUnreadable, ArchiveRefused."""
    try:
        file = zipfile.ZipFile(path)
        with file.open(MANIFEST) as opened:
            written = opened.read(LONGEST_MANIFEST)
        manifest = msgspec.json.decode(written, type=Manifest)
        UUID(manifest.tenant_id)
    except _BROKEN as error:
        message = f"{path} is no archive of a cooperative, or is broken ({error})."
        raise ArchiveUnreadable(message) from error
    if fingerprint(written) != expected.replace(" ", "").lower():
        message = "The fingerprint differs: this is not the file that was exported. Ask the exporter again."
        raise ArchiveRefused(message)
    _must_be_whole(file, manifest)
    return Archive(file, manifest)


def _must_be_whole(file: zipfile.ZipFile, manifest: Manifest) -> None:
    if manifest.format != FORMAT:
        message = f"The archive has the format {manifest.format}; this version reads {FORMAT}."
        raise ArchiveRefused(message)
    wanted = {README, *(file_of(table.name) for table in travelling())}
    inside = [one.filename for one in file.infolist()]
    listed = [one.name for one in manifest.contents]
    if sorted(inside) != sorted({*wanted, MANIFEST}) or sorted(listed) != sorted(wanted):
        strange = sorted({*inside, *listed} ^ {*wanted, MANIFEST}) or ["a file twice"]
        message = f"The archive does not hold exactly the files of this version: {', '.join(strange[:5])}."
        raise ArchiveRefused(message)
    if sum(one.length_bytes for one in manifest.contents) > MOST_BYTES:
        message = f"Unpacked, the archive would be larger than {MOST_BYTES // 2**30} GiB."
        raise ArchiveRefused(message)


def _altered(name: str) -> ArchiveRefused:
    return ArchiveRefused(f"{name} was altered: its contents are not what the manifest says.")
