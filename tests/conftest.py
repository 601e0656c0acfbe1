"""What every test stands on: real servers from their wheels, and a database made by the real migrations.

Each run has its own servers in its own temporary folder. Tests run as role `app`. This file must
never hold a factory (``tests/factories.py``) nor a fixture that only one package needs.
"""

import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import schema
from tenants.platform.database import Database
from tenants.platform.embedded import Servers, embedded_servers
from tenants.platform.settings import Settings
from tests.running import Running, running

OpenAs = Callable[..., AbstractAsyncContextManager[AsyncSession]]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey of this run. The kernel outlives a killed server, so no flush is needed."""
    # Not pytest's own folder: that one keeps three runs, and its long name is too long for a socket.
    with (
        tempfile.TemporaryDirectory(prefix="archipel-tests-") as folder,
        embedded_servers(
            Path(folder), postgres_options={"fsync": "off", "max_connections": "300"}
        ) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def settings(servers: Servers) -> Settings:
    """The settings of this run: a production-like process beside the run's own servers."""
    return Settings.from_environment(servers.settings_environment(port=8765, demo=True))


@pytest.fixture(scope="session")
async def migrated(settings: Settings) -> Settings:
    """The settings, once the database is at the newest version."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    await schema.migrate(settings, report=lambda _line: None)
    return settings


@pytest.fixture(scope="session")
async def database(migrated: Settings) -> AsyncIterator[Database]:
    """The pool of role `app`, under row-level security, as the web and the jobs have it."""
    opened = Database(migrated.database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def db_as(migrated: Settings, servers: Servers) -> AsyncIterator[OpenAs]:
    """Open a transaction as another role, to look or to move dates.

    ``async with db_as("owner", tenant=...) as db``; roles: app, owner, platform, postgres.
    """
    urls = {
        "app": migrated.database_url,
        "owner": migrated.database_owner_url,
        "platform": migrated.database_platform_url,
        "postgres": servers.url("postgres"),
    }
    pools: dict[str, Database] = {}

    @asynccontextmanager
    async def open_as(
        role: str, *, tenant: UUID | None = None, person: UUID | None = None
    ) -> AsyncIterator[AsyncSession]:
        if role not in pools:
            pools[role] = Database(urls[role])
        async with pools[role].begin(tenant=tenant, person=person) as db:
            yield db

    yield open_as
    for pool in pools.values():
        await pool.close()


# These walk over every page, form or operation.
LONGEST = {
    "test_api_fuzz",
    "test_bad_input",
    "test_isolation_walk",
    "test_looks",
    "test_looks_on_a_phone",
    "test_pages_walk",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in which nothing else runs come first: once a worker is there, it handles what a test emits.

    First of all the files with servers of their own, then the longest, so that no process is left with one at the end.
    """
    beside_others = {item.path for item in items if "archipel" in getattr(item, "fixturenames", ())}
    items.sort(
        key=lambda item: (
            item.path in beside_others,
            "crashes" not in item.path.parts,
            item.path.stem not in LONGEST,
        )
    )


@pytest.fixture(scope="session")
async def archipel(migrated: Settings, servers: Servers) -> AsyncIterator[Running]:
    """The real web server and worker, as child processes; what earlier tests emitted is not theirs to handle."""
    platform = Database(migrated.database_platform_url)
    async with platform.begin() as db:
        await db.execute(text("UPDATE outbox SET pending = '{}', sent_at = now(), due_at = NULL"))
    await platform.close()
    with running(servers) as started:
        yield started
