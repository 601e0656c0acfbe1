"""Servers, web server and worker that these tests may kill; nobody else's are touched."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from marketplace import schema
from tenants.platform.embedded import Servers, embedded_servers
from tenants.platform.settings import Settings
from tests.crashes.stage import HEARTBEAT_SECONDS, Cooperative, Stage
from tests.running import free_port

TABLES = """
    CREATE TABLE marks (tenant_id uuid NOT NULL, transfer_id uuid NOT NULL, worker int NOT NULL);
    CREATE TABLE pace (seconds float NOT NULL);
    INSERT INTO pace VALUES (0);
    GRANT SELECT, INSERT ON marks TO app;
    GRANT SELECT ON marks TO platform;
    GRANT SELECT ON pace TO app
"""


@pytest.fixture(scope="package")
def own_servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey that may be killed. A kill loses no file, so no flush to disk is needed."""
    with (
        tempfile.TemporaryDirectory(prefix="archipel-crash-") as folder,
        embedded_servers(Path(folder), postgres_options={"fsync": "off"}) as running,
    ):
        yield running


@pytest.fixture(scope="package")
async def stage(own_servers: Servers) -> AsyncIterator[Stage]:
    """The web server and the worker, running."""
    environment = {
        **own_servers.settings_environment(port=free_port(), demo=True),
        "WORKER_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
        "WEB_WORKERS": "1",
        "LOG_LEVEL": "warning",
    }
    settings = Settings.from_environment(environment)
    await schema.migrate(settings, report=lambda _line: None)
    stage = Stage(own_servers, settings, environment)
    async with stage.owner.begin() as db:
        for statement in TABLES.split(";"):
            await db.execute(text(statement))
    try:
        stage.web.start()
        stage.worker.start()
        await _answering(stage)
        yield stage
    finally:
        await stage.close()


async def _answering(stage: Stage) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient() as http:
        while True:
            assert stage.web.running, stage.web.last_words(20)
            try:
                if (await http.get(f"{stage.base_url}/health")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


@pytest.fixture
async def cooperative(stage: Stage) -> Cooperative:
    """A cooperative of this test alone, on a stage where everything runs and nothing dawdles."""
    await stage.pace(0)
    return await stage.open_cooperative()
