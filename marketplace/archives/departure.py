"""Export: one cooperative, whole and at one moment, into one file.

Everything is read in one snapshot as role ``owner``, which row-level security keeps to this cooperative. This file
must never leave half an archive under the name that was asked for.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import Table

from governance.votes import HIDDEN
from marketplace.archives.contents import (
    FORMAT,
    INSTEAD,
    LEDGER,
    MANIFEST,
    README,
    ArchiveRefused,
    Content,
    LedgerSum,
    Manifest,
    columns_of,
    file_of,
    fingerprint,
    travelling,
)
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings

PREFETCH: Final = 500
EXPLAINED: Final = """\
{name}, exported from Archipel on {at}.

tables/*.jsonl holds one row in JSON per line. manifest.json holds the SHA-256 of every file.
No password, second factor, token, sign-in or payment key is in here: members claim their membership anew from their
own mailbox. What is in here is personal data all the same: keep it as you would keep the cooperative's papers.

{name}, exporté d'Archipel le {at}.

tables/*.jsonl contient une ligne de table en JSON par ligne. manifest.json contient le SHA-256 de chaque fichier.
Aucun mot de passe, second facteur, jeton, connexion ni clé de paiement ici : les membres reprennent leur adhésion
depuis leur propre messagerie. Ce sont pourtant des données personnelles : gardez-les comme les papiers de la coopérative.
"""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Report = Callable[[str, int], None]


async def export_tenant(
    settings: Settings, *, tenant_id: UUID, path: Path, leave_events: bool, report: Report
) -> str:
    """Write the archive and return its fingerprint; ``report`` is told of each table and its rows.

    Raises ``CannotRun`` if the file exists, and ArchiveRefused while votes are not counted (their ballots are in the
    tables, and nobody may see them yet; nor may they be left behind) or while events wait to be handled, unless told to
    ``leave_events``: whoever had to hear of them here would never hear of them there.
    """
    partial = path.with_name(f"{path.name}.part")
    if path.exists():  # noqa: ASYNC240 (one file, before anything runs)
        message = f"{path} exists: name another file, or remove it."
        raise CannotRun(message)
    owner = await asyncpg.connect(settings.database_owner_url)
    try:
        async with owner.transaction(isolation="repeatable_read", readonly=True):
            await owner.execute("SELECT set_config('archipel.tenant', $1, true)", str(tenant_id))
            await _must_reveal_nothing(owner, tenant_id)
            if not leave_events:
                await _must_have_told_everything(owner)
            # Personal data: for the operator's eyes alone.
            with os.fdopen(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                made = await _write(owner, file, tenant_id, report)
                file.flush()
                os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
        await owner.close()
    return made


async def _must_reveal_nothing(owner: Connection, tenant_id: UUID) -> None:
    hidden = await owner.fetchval(HIDDEN, tenant_id)
    if hidden:
        message = (
            f"{hidden} votes are not counted yet, and an archive would hold ballots that nobody may see: "
            "export once they are."
        )
        raise ArchiveRefused(message)


async def _must_have_told_everything(owner: Connection) -> None:
    waiting = await owner.fetchval("SELECT count(*) FROM outbox WHERE due_at IS NOT NULL")
    if waiting:
        message = (
            f"{waiting} events still wait to be handled: let the worker run until none does, "
            "or leave them behind with --leave-events."
        )
        raise ArchiveRefused(message)


async def _write(owner: Connection, file: Any, tenant_id: UUID, report: Report) -> str:
    contents = []
    coop = await owner.fetchrow("SELECT slug, name FROM cooperatives WHERE tenant_id = $1", tenant_id)
    assert coop is not None, "whoever asks has found the cooperative"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        explained = EXPLAINED.format(name=coop["name"], at=at).encode()
        archive.writestr(README, explained)
        contents.append(_content(README, 0, explained))
        for table in travelling():
            contents.append(await _write_table(owner, archive, tenant_id, table))
            report(table.name, contents[-1].rows)
        head = await owner.fetchrow("SELECT seq, hash FROM register_heads WHERE tenant_id = $1", tenant_id)
        assert head is not None, "a cooperative begins with a line of its register"
        sums = await owner.fetch(LEDGER.text.replace(":tenant", "$1"), tenant_id)
        manifest = msgspec.json.format(
            msgspec.json.encode(
                Manifest(
                    format=FORMAT,
                    revision=await owner.fetchval("SELECT version_num FROM alembic_version"),
                    exported_at=at,
                    tenant_id=str(tenant_id),
                    slug=coop["slug"],
                    name=coop["name"],
                    register_seq=head["seq"],
                    register_hash=head["hash"].hex(),
                    ledger=[LedgerSum(**dict(one)) for one in sums],
                    contents=contents,
                )
            )
        )
        archive.writestr(MANIFEST, manifest)
    return fingerprint(manifest)


def _content(name: str, rows: int, data: bytes) -> Content:
    return Content(name=name, rows=rows, length_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


async def _write_table(owner: Connection, archive: zipfile.ZipFile, tenant_id: UUID, table: Table) -> Content:
    instead = INSTEAD.get(table.name, {})
    columns = ", ".join(
        f'{instead[name]} AS "{name}"' if name in instead else f'"{name}"' for name in columns_of(table)
    )
    key = ", ".join(f'"{column.name}"' for column in table.primary_key)
    query = (
        f"SELECT to_jsonb(one)::text FROM (SELECT {columns} FROM {table.name} "  # noqa: S608 (our own names)
        f"WHERE tenant_id = $1 ORDER BY {key}) AS one"
    )
    digest, rows, length = hashlib.sha256(), 0, 0
    with archive.open(file_of(table.name), "w", force_zip64=True) as lines:
        async for row in owner.cursor(query, tenant_id, prefetch=PREFETCH):
            line = f"{row[0]}\n".encode()
            lines.write(line)
            digest.update(line)
            rows, length = rows + 1, length + len(line)
    return Content(name=file_of(table.name), rows=rows, length_bytes=length, sha256=digest.hexdigest())
