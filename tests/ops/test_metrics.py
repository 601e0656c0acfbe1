"""What the operator's monitor reads: counts by route over all web processes, for whoever holds the token."""

import os
import re
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import text

from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.settings import Settings
from tests import factories
from tests.conftest import OpenAs
from tests.running import Running, free_port, start, wait_until_healthy

TOKEN = "5f0c3b1a9e8d7c6b5a49382716051423"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def measured(servers: Servers, migrated: Settings) -> Iterator[str]:  # noqa: ARG001 (the tables must exist)
    """A web server of two processes, with a token for its monitor."""
    port = free_port()
    given = {"METRICS_TOKEN": TOKEN, "WEB_WORKERS": "2", "LOG_LEVEL": "warning"}
    child = start(["serve"], os.environ | servers.settings_environment(port=port, demo=True) | given)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", child)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(timeout=20)


def counted(page: str, path: str, status: int) -> float:
    """How many requests of this route were answered so."""
    lines = re.findall(r"^archipel_requests_total\{(.*)\} ([0-9.e+]+)$", page, re.MULTILINE)
    assert lines, page
    return sum(
        float(value)
        for labels, value in lines
        if f'path="{path}"' in labels and f'status_code="{status}"' in labels
    )


async def test_requests_are_counted_by_route_over_all_processes(database: Database, measured: str) -> None:
    coop = await factories.found_cooperative(database)
    async with httpx.AsyncClient(base_url=measured) as client:
        for _ in range(12):
            # A connection of its own each time, so that both processes get some.
            async with httpx.AsyncClient(base_url=measured) as other:
                assert (await other.get(f"/{coop.slug}/rules")).status_code == 200
        await client.get("/join/un-secret-dans-un-courriel")
        assert (await client.get("/personne-ici/rules")).status_code == 404
        page = (await client.get("/metrics", headers=BEARER)).text
    assert counted(page, "/{cooperative}/rules", 200) == 12
    assert counted(page, "/{cooperative}/rules", 404) == 1
    assert "/join/{token}" in page
    for secret in (coop.slug, "un-secret", TOKEN):
        assert secret not in page
    assert "archipel_request_duration_seconds_bucket{" in page


async def test_the_outbox_is_shown_as_gauges(db_as: OpenAs, measured: str) -> None:
    # A worker may run beside this test: an event of a kind that no worker knows waits for all of them.
    async with db_as("platform") as db:
        await db.execute(
            text("""
                INSERT INTO outbox (tenant_id, kind, facts, emitted_at)
                VALUES (uuidv7(), 'KindOfAnotherVersion', '{}', now() - interval '1 hour')
            """)
        )
    async with httpx.AsyncClient(base_url=measured) as client:
        answer = await client.get("/metrics", headers=BEARER)
    assert answer.headers["content-type"].startswith("text/plain")
    gauges = dict(re.findall(r"^(archipel_[a-z_]+) ([0-9.e+]+)$", answer.text, re.MULTILINE))
    assert (gauges["archipel_database_up"], gauges["archipel_redis_up"]) == ("1.0", "1.0")
    assert float(gauges["archipel_outbox_backlog"]) > 0
    assert float(gauges["archipel_outbox_oldest_seconds"]) >= 3_600


@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer autre"}, {"authorization": TOKEN}])
async def test_without_the_token_nothing_is_shown(measured: str, sent: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=measured) as client:
        answer = await client.get("/metrics", headers=sent)
    assert (answer.status_code, answer.content) == (401, b"")


async def test_without_the_setting_there_is_no_such_page(archipel: Running) -> None:
    async with httpx.AsyncClient(base_url=archipel.base_url) as client:
        assert (await client.get("/metrics", headers=BEARER)).status_code == 404
