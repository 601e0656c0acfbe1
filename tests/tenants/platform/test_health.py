"""Health is told by the role of the web, over all cooperatives, and an outage is an answer."""

from uuid import uuid4

from sqlalchemy import text

from tenants.platform.cache import open_cache
from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.health import Health, health
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import Event, emit


class PulseTaken(Event, frozen=True, kw_only=True):
    """An event of this test."""


async def test_the_backlog_of_all_cooperatives_is_counted(database: Database, servers: Servers) -> None:
    cache = open_cache(servers.redis_url)
    before = await health(database, cache)
    for _ in range(3):
        tenant = CooperativeId(uuid4())
        async with database.begin(tenant=tenant) as db:
            await emit(db, PulseTaken(tenant_id=tenant))
            await db.execute(text("UPDATE outbox SET emitted_at = now() - interval '3 hours'"))
    after = await health(database, cache)
    assert (after.database, after.redis) == (True, True)
    assert after.outbox_backlog == (before.outbox_backlog or 0) + 3
    assert after.oldest_seconds is not None
    assert after.oldest_seconds >= 3 * 3600
    await cache.aclose()


async def test_an_outage_is_an_answer() -> None:
    nowhere = Database("postgresql://app:x@/archipel?host=/nonexistent")
    found = await health(nowhere, open_cache("unix:///nonexistent/valkey.sock?db=0"))
    assert found == Health(database=False, redis=False, outbox_backlog=None, oldest_seconds=None)
    await nowhere.close()
