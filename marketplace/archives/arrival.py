"""Import: an archive becomes a cooperative of this installation, whole and proved equal, or nothing happens.

First the file is checked against its fingerprint, byte by byte (``reading``), then loaded in one transaction as role
``owner``, which row-level security keeps to the one cooperative; the ledger, the register, the rules and every
reference are proved before COMMIT. This file must never link a membership to a person.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg import InsufficientPrivilegeError
from sqlalchemy import RowMapping, Table, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import rulebooks  # noqa: F401  # Every floor's kinds of register lines.
from marketplace.archives.contents import (
    ANEW,
    INSTEAD,
    LEDGER,
    ArchiveRefused,
    LedgerSum,
    Manifest,
    columns_of,
    file_of,
    travelling,
)
from marketplace.archives.departure import Report
from marketplace.archives.reading import Archive
from tenants import audit
from tenants.actors import Actor
from tenants.cooperatives import RESERVED_SLUGS, SLUG, check_place, cooperative_of
from tenants.founding import SlugUnfit
from tenants.platform.database import Database
from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings
from tenants.register import RegisterLine, Verified, published, verify_register
from timebank.ledger.proof import prove_ledger

BATCH_BYTES: Final = 2 * 2**20

_REFERENCES: Final = text("""
    SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent, conname,
           ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place) AS here,
           ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place) AS there
    FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0 ORDER BY 1, 3
""")
_BROKEN_SUCCESSIONS: Final = text("""
    SELECT count(*) FROM (
        SELECT upper(in_force) AS ends, lead(lower(in_force)) OVER (PARTITION BY rule ORDER BY in_force) AS next_begins
        FROM rule_versions WHERE tenant_id = :tenant
    ) AS versions WHERE ends IS DISTINCT FROM next_begins
""")


async def import_tenant(settings: Settings, archive: Archive, *, slug: str | None, report: Report) -> None:
    """Load the archive under its own slug or another, prove everything, and commit. Raises ``CannotRun``.

    ``report`` is told of each table and its rows, as they are loaded.
    """
    archive.check()
    manifest = archive.manifest
    tenant_id = CooperativeId(UUID(manifest.tenant_id))
    slug = slug or manifest.slug
    if not SLUG.fullmatch(slug) or slug in RESERVED_SLUGS:
        raise SlugUnfit(slug=slug)
    database = Database(settings.database_owner_url, pool_size=1, statement_timeout_ms=0, idle_timeout_ms=0)
    try:
        async with database.begin(tenant=tenant_id) as db:
            await _must_have_room(db, manifest, slug)
            await _without_triggers(db)
            for table in travelling():
                report(table.name, await _load(db, archive, table, tenant_id))
            await db.execute(
                text("UPDATE cooperatives SET slug = :slug WHERE tenant_id = :tenant"),
                {"slug": slug, "tenant": tenant_id},
            )
            await db.execute(text("SET LOCAL session_replication_role = 'origin'"))
            await _must_hold_together(db, manifest, tenant_id)
            # Search reads words that triggers keep of each mission and member.
            await db.execute(
                text("UPDATE missions SET title = title WHERE tenant_id = :tenant"), {"tenant": tenant_id}
            )
            await db.execute(
                text(
                    "SELECT index_members(:tenant, array(SELECT id FROM memberships WHERE tenant_id = :tenant))"
                ),
                {"tenant": tenant_id},
            )
            await audit.record(db, actor=Actor.system(tenant_id), action="marketplace:cooperative:imported")
    except DBAPIError as error:
        message = f"The database refuses what the archive holds: {str(error.orig).splitlines()[0]}"
        raise ArchiveRefused(message) from error
    finally:
        await database.close()


async def _must_have_room(db: AsyncSession, manifest: Manifest, slug: str) -> None:
    revision = await db.scalar(text("SELECT version_num FROM alembic_version"))
    if revision != manifest.revision:
        message = (
            f"The archive was made at version {manifest.revision} of the tables, and this installation is at "
            f"{revision}: bring the older one up to date with `archipel migrate`, and export again."
        )
        raise ArchiveRefused(message)
    if await db.scalar(text("SELECT count(*) FROM cooperatives")):
        message = f"{manifest.name} is here already: a cooperative lives in one place only."
        raise ArchiveRefused(message)
    if await db.scalar(text("SELECT tenant_id FROM arrive(:slug, NULL, NULL)"), {"slug": slug}):
        message = f"Another cooperative has the address {slug} here: choose one with --slug."
        raise ArchiveRefused(message)
    await db.execute(
        text("SELECT set_config('archipel.tenant', :tenant, true)"), {"tenant": manifest.tenant_id}
    )


async def _without_triggers(db: AsyncSession) -> None:
    """Rows arrive as they were: nothing is opened, appended or refused by the way. All of it is proved after."""
    try:
        await db.execute(text("SET LOCAL session_replication_role = 'replica'"))
    except DBAPIError as error:
        if not isinstance(getattr(error.orig, "__cause__", None), InsufficientPrivilegeError):
            raise
        message = (
            "Role owner may not load rows as they were. As a superuser, once: "
            "GRANT SET ON PARAMETER session_replication_role TO owner."
        )
        raise CannotRun(message) from error


async def _load(db: AsyncSession, archive: Archive, table: Table, tenant_id: UUID) -> int:
    columns = columns_of(table)
    anew = ANEW.get(table.name, {})
    # What is left out at departure is left out once more: whoever forges an archive has not left it out.
    instead = INSTEAD.get(table.name, {})
    values = [*(instead.get(name, name) for name in columns), *anew.values()]
    statement = text(
        f"INSERT INTO {table.name} (tenant_id, {', '.join([*columns, *anew])}) "  # noqa: S608 (our own names)
        f"SELECT :tenant, {', '.join(values)} "
        f"FROM jsonb_populate_recordset(NULL::{table.name}, CAST(:rows AS jsonb))"
    )
    loaded, batch, size = 0, [], 0
    for line in archive.rows(file_of(table.name)):
        _must_be_row(table, columns, line)
        batch.append(line)
        loaded, size = loaded + 1, size + len(line)
        if size >= BATCH_BYTES:
            await _insert(db, statement, tenant_id, batch)
            batch, size = [], 0
    if batch:
        await _insert(db, statement, tenant_id, batch)
    return loaded


def _must_be_row(table: Table, columns: list[str], line: bytes) -> None:
    try:
        row = msgspec.json.decode(line, type=dict[str, Any])
    except ValueError as error:
        message = f"{file_of(table.name)} holds a line that is no row."
        raise ArchiveRefused(message) from error
    if set(row) != set(columns):
        message = f"{file_of(table.name)} has other columns than this version: {', '.join(sorted(set(row) ^ set(columns)))}."
        raise ArchiveRefused(message)
    if row.get("person_id") is not None:
        message = f"{file_of(table.name)} would link a row to somebody's sign-in, which no archive may."
        raise ArchiveRefused(message)


async def _insert(db: AsyncSession, statement: Any, tenant_id: UUID, batch: list[bytes]) -> None:
    rows = b"[" + b",".join(batch) + b"]"
    await db.execute(statement, {"tenant": tenant_id, "rows": rows.decode()})


# --- Proving ------------------------------------------------------------------------------------------


async def _must_hold_together(db: AsyncSession, manifest: Manifest, tenant_id: CooperativeId) -> None:
    """References, rules, register and ledger. Raises ArchiveRefused, and the transaction is undone."""
    here = await cooperative_of(db, tenant_id=tenant_id)
    try:
        # The clock asks all cooperatives at once what time it is there: one bad zone would stop it for everybody.
        check_place(here.territory, here.time_zone)
    except Refusal as refusal:
        message = f"The cooperative lies where no place is known: {here.territory}, {here.time_zone}."
        raise ArchiveRefused(message) from refusal
    if broken := await _broken_references(db, tenant_id):
        message = f"The archive refers to what it does not hold: {broken}."
        raise ArchiveRefused(message)
    if await db.scalar(_BROKEN_SUCCESSIONS, {"tenant": tenant_id}):
        message = "The versions of a rule do not follow each other without a gap."
        raise ArchiveRefused(message)
    query = select(RegisterLine).where(RegisterLine.tenant_id == tenant_id).order_by(RegisterLine.seq)
    lines = [published(line) for line in await db.scalars(query)]
    verified = verify_register(lines)
    if verified != Verified(manifest.register_seq, manifest.register_hash):
        message = "The register does not verify, or does not end where the manifest says."
        raise ArchiveRefused(message)
    head = (
        await db.execute(
            text("SELECT seq, encode(hash, 'hex') FROM register_heads WHERE tenant_id = :tenant"),
            {"tenant": tenant_id},
        )
    ).one()
    if tuple(head) != (manifest.register_seq, manifest.register_hash):
        message = "The head of the register is not its last line."
        raise ArchiveRefused(message)
    sums = [LedgerSum(**row) for row in (await db.execute(LEDGER, {"tenant": tenant_id})).mappings()]
    proof = await prove_ledger(db, actor=Actor.system(tenant_id))
    if proof.differences or sums != manifest.ledger:
        message = (
            f"The ledger does not add up as it did where it was exported ({proof.differences} differences)."
        )
        raise ArchiveRefused(message)


async def _broken_references(db: AsyncSession, tenant_id: UUID) -> str | None:
    """The first foreign key that a loaded row breaks: they were not watched while loading."""
    tables = {table.name for table in travelling()}
    for key in (await db.execute(_REFERENCES)).mappings().all():
        if key["child"] not in tables:
            continue
        if await db.scalar(text(_unmatched(key)), {"tenant": tenant_id}):
            return str(key["conname"])
    return None


def _unmatched(key: RowMapping) -> str:
    filled = " AND ".join(f"child.{name} IS NOT NULL" for name in key["here"])
    same = " AND ".join(
        f"parent.{there} = child.{here}" for here, there in zip(key["here"], key["there"], strict=True)
    )
    return (
        f"SELECT EXISTS (SELECT FROM {key['child']} AS child WHERE child.tenant_id = :tenant AND {filled} "  # noqa: S608
        f"AND NOT EXISTS (SELECT FROM {key['parent']} AS parent WHERE {same}))"
    )
