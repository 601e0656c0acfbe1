"""`make migrations`: whether the migrations, run on an empty server, make the tables the code declares.

It has a server of its own. This file must never reach a database that somebody uses.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import asyncpg
import msgspec
from sqlalchemy import Connection

from marketplace import schema
from tenants.platform.embedded import Servers, embedded_servers
from tenants.platform.settings import Settings

# What Alembic does not compare: checks, exclusions, and what an index is made of.
CONSTRAINTS = """
    SELECT format('%s: %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype IN ('c', 'x')
"""
INDEXES = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace AND indrelid::regclass::text <> 'alembic_version'
"""


def check() -> list[str]:
    """Migrate from empty, then once more, and return what differs."""
    with (
        tempfile.TemporaryDirectory(prefix="archipel-check-") as folder,
        embedded_servers(Path(folder), postgres_options={"fsync": "off"}) as servers,
    ):
        settings = Settings.from_environment(servers.settings_environment())
        asyncio.run(schema.migrate(settings))
        asyncio.run(schema.migrate(settings, report=lambda _line: None))
        return [
            *asyncio.run(schema.differences(settings)),
            *asyncio.run(_other_definitions(servers, settings)),
        ]


async def _other_definitions(servers: Servers, migrated: Settings) -> list[str]:
    """Which constraints and indexes only one of the two has: the migrated database, and one made as declared."""
    declared = msgspec.structs.replace(
        migrated,
        **{
            f"database{part}_url": servers.url(role, database="declared")
            for part, role in (("", "app"), ("_owner", "owner"), ("_platform", "platform"))
        },
    )
    await schema.make_roles(declared)
    await schema.with_tables(declared, _make_declared)
    found, wanted = await _definitions(migrated), await _definitions(declared)
    return [
        *(f"only after the migrations: {one}" for one in sorted(found - wanted)),
        *(f"only as declared: {one}" for one in sorted(wanted - found)),
    ]


def _make_declared(connection: Connection) -> None:
    for extension in schema.EXTENSIONS:
        connection.exec_driver_sql(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    schema.all_tables().create_all(connection)


async def _definitions(settings: Settings) -> set[str]:
    owner = await asyncpg.connect(settings.database_owner_url)
    try:
        return {row[0] for query in (CONSTRAINTS, INDEXES) for row in await owner.fetch(query)}
    finally:
        await owner.close()


if __name__ == "__main__":
    found = check()
    print("\n".join(found) if found else "The migrations make exactly the declared tables.")
    sys.exit(1 if found else 0)
