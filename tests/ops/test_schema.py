"""The database is made by one road, which may be taken again, by two at once, and from nothing."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from sqlalchemy import text

from marketplace import schema
from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings

ROOT = Path(__file__).parents[2]


def beside(settings: Settings, servers: Servers, name: str) -> Settings:
    """The same servers, another database."""
    return msgspec.structs.replace(
        settings,
        database_url=servers.url("app", database=name),
        database_owner_url=servers.url("owner", database=name),
        database_platform_url=servers.url("platform", database=name),
    )


async def test_the_application_is_not_above_isolation(database: Database) -> None:
    query = text("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    async with database.begin() as db:
        row = (await db.execute(query)).one()
    assert tuple(row) == ("app", False, False)


async def test_the_roles_are_what_they_may_be(db_as: Any) -> None:
    query = text("""
        SELECT rolname, rolcanlogin, rolbypassrls FROM pg_roles
        WHERE rolname = ANY(:names) AND NOT rolsuper AND NOT rolcreaterole AND NOT rolcreatedb
        ORDER BY rolname
    """)
    async with db_as("owner") as db:
        rows = [tuple(row) for row in await db.execute(query, {"names": list(schema.ROLES)})]
    assert rows == [
        ("analyst", False, False),
        ("app", True, False),
        ("door", False, True),
        ("ledger", False, False),
        ("owner", True, False),
        ("platform", True, True),
    ]


async def test_only_our_roles_may_connect(servers: Servers, migrated: Settings) -> None:
    assert migrated.database_admin_url
    admin = await asyncpg.connect(servers.admin_url)
    try:
        await admin.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger")
        assert not await admin.fetchval("SELECT has_database_privilege('stranger', 'archipel', 'CONNECT')")
        await admin.execute("DROP ROLE stranger")
    finally:
        await admin.close()


async def test_migrating_again_changes_nothing(migrated: Settings) -> None:
    lines: list[str] = []
    await schema.migrate(migrated, report=lines.append)
    assert lines[0] == "Roles and database: ready."
    assert "platform.sql" in lines[-1]
    assert await schema.differences(migrated) == []


async def test_a_migration_that_meets_a_deadlock_with_the_living_tries_again(
    migrated: Settings, servers: Servers
) -> None:
    reader = await asyncpg.connect(servers.url("postgres"))
    held = """
        SELECT relation::regclass::text FROM pg_locks
        WHERE mode = 'AccessExclusiveLock' AND granted AND relation::regclass::text <> 'outbox' LIMIT 1
    """
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'outbox'::regclass"
    try:
        # PostgreSQL gives up the migration, not the reader, whose patience is longer.
        await reader.execute("SET deadlock_timeout = '1min'")
        async with reader.transaction():
            await reader.execute("LOCK TABLE outbox IN ACCESS SHARE MODE")
            migrating = asyncio.create_task(schema.migrate(migrated, report=lambda _line: None))
            async with asyncio.timeout(30):
                while not await reader.fetchval(waits):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            taken = await reader.fetchval(held)
            await reader.execute(f"LOCK TABLE {taken} IN ACCESS SHARE MODE")
        await migrating
    finally:
        await reader.close()


@pytest.mark.usefixtures("migrated")
async def test_two_migrations_at_once_take_turns_from_an_empty_database(
    settings: Settings, servers: Servers
) -> None:
    other = beside(settings, servers, "twice")
    await asyncio.gather(*(schema.migrate(other, report=lambda _line: None) for _ in range(2)))
    assert await schema.differences(other) == []


@pytest.mark.usefixtures("migrated")
async def test_missing_roles_are_named_before_anything_is_changed(
    settings: Settings, servers: Servers
) -> None:
    other = msgspec.structs.replace(beside(settings, servers, "nowhere"), database_admin_url="")
    with pytest.raises(CannotRun, match="DATABASE_ADMIN_URL"):
        await schema.migrate(other, report=lambda _line: None)


async def test_a_column_that_no_migration_made_is_seen(migrated: Settings, db_as: Any) -> None:
    async with db_as("owner") as db:
        await db.execute(text("ALTER TABLE cooperatives ADD COLUMN planted text"))
    try:
        (difference,) = await schema.differences(migrated)
        assert "planted" in difference
    finally:
        async with db_as("owner") as db:
            await db.execute(text("ALTER TABLE cooperatives DROP COLUMN planted"))


def test_every_sql_file_is_applied() -> None:
    files = {
        path.relative_to(ROOT) for package in schema.PACKAGES for path in (ROOT / package).rglob("*.sql")
    }
    applied = {Path(*package.split("."), name) for package, name in schema.REPEATABLE}
    assert applied == files


async def test_alembic_itself_agrees(migrated: Settings) -> None:
    process = await asyncio.create_subprocess_exec(
        ROOT / ".venv" / "bin" / "alembic",
        "check",
        cwd=ROOT,
        env={"DATABASE_OWNER_URL": migrated.database_owner_url, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert b"No new upgrade operations detected" in output
