"""The sweep deletes what is old and finished, and nothing else."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from tenants.platform import retention
from tenants.platform.database import Database
from tenants.platform.settings import Settings


@pytest.fixture
async def platform(migrated: Settings) -> AsyncIterator[Database]:
    database = Database(migrated.database_platform_url)
    yield database
    await database.close()


async def test_what_is_old_and_finished_goes_and_the_rest_stays(
    platform: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    tenant = uuid4()
    async with platform.begin() as db:
        await db.execute(
            text("""
                INSERT INTO outbox (tenant_id, kind, facts, emitted_at, sent_at, due_at, pending)
                SELECT :tenant, state, '{}', now() - age, CASE WHEN state <> 'unsent' THEN now() END,
                       CASE WHEN state <> 'handled' THEN now() + interval '1 hour' END,
                       CASE state WHEN 'handled' THEN '{}' WHEN 'waiting' THEN '{someone}' END::text[]
                FROM unnest(ARRAY['handled', 'waiting', 'unsent']) state,
                     unnest(ARRAY[interval '29 days', interval '31 days']) age, generate_series(1, 4)
            """),
            {"tenant": tenant},
        )
        await db.execute(
            text("""
                INSERT INTO idempotency_keys
                       (tenant_id, person_id, endpoint, key, request_hash, status, created_at)
                SELECT :tenant, uuidv7(), 'e', 'k', sha256('x'), 200, now() - age
                FROM unnest(ARRAY[interval '29 days', interval '31 days']) age, generate_series(1, 4)
            """),
            {"tenant": tenant},
        )
    assert await retention.sweep(platform) == (4, 4)
    assert await retention.sweep(platform) == (0, 0)
    async with platform.begin() as db:
        left = await db.execute(
            text("""
                SELECT kind, count(*), max(now() - emitted_at) > interval '30 days' FROM outbox
                WHERE tenant_id = :tenant GROUP BY kind ORDER BY kind
            """),
            {"tenant": tenant},
        )
        assert [tuple(row) for row in left] == [
            ("handled", 4, False),
            ("unsent", 8, True),
            ("waiting", 8, True),
        ]
        oldest = await db.scalar(
            text(
                "SELECT max(now() - created_at) < interval '30 days' FROM idempotency_keys WHERE tenant_id = :tenant"
            ),
            {"tenant": tenant},
        )
        assert oldest is True
