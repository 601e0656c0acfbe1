"""The sweep deletes what is old and finished, and nothing else."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.platform import retention
from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.factories import found_cooperative, join_member


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
    deleted = await retention.sweep(platform)
    assert (deleted["outbox"], deleted["idempotency_keys"]) == (4, 4)
    assert not any((await retention.sweep(platform)).values())
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


async def test_sign_ins_and_links_that_are_over_go_after_their_time(
    platform: Database, db_as: OpenAs
) -> None:
    async with db_as("postgres") as db:
        person = await db.scalar(
            text("INSERT INTO people (email) VALUES (:email) RETURNING person_id"),
            {"email": f"{uuid4()}@retention.example"},
        )
        await db.execute(
            text("""
                INSERT INTO sign_ins (person_id, token_hash, method, browser, created_at, expires_at, revoked_at)
                SELECT :p, sha256(browser::bytea || uuidv7()::text::bytea), 'password', browser,
                       now() - interval '1 year', now() - expired, now() - revoked
                FROM (VALUES
                    ('open', interval '-1 day', NULL::interval),
                    ('lately expired', interval '29 days', NULL),
                    ('expired', interval '31 days', NULL),
                    ('lately revoked', interval '-1 day', interval '29 days'),
                    ('revoked', interval '-1 day', interval '31 days')
                ) AS given (browser, expired, revoked)
            """),
            {"p": person},
        )
        await db.execute(
            text("""
                INSERT INTO mail_links (person_id, purpose, email, expires_at)
                SELECT :p, 'sign_in', 'un@retention.example', now() - age
                FROM unnest(ARRAY[interval '-20 minutes', interval '23 hours', interval '25 hours']) age
            """),
            {"p": person},
        )
    deleted = await retention.sweep(platform)
    assert deleted["sign_ins"] >= 2
    assert deleted["mail_links"] >= 1
    async with db_as("postgres") as db:
        kept = await db.scalars(text("SELECT browser FROM sign_ins WHERE person_id = :p"), {"p": person})
        assert set(kept) == {"open", "lately expired", "lately revoked"}
        links = await db.scalar(text("SELECT count(*) FROM mail_links WHERE person_id = :p"), {"p": person})
        assert links == 2


async def test_old_notices_tokens_and_proofs_of_erasure_go_and_nothing_younger(
    platform: Database, database: Database, db_as: OpenAs
) -> None:
    coop = await found_cooperative(database)
    members = [await join_member(database, coop) for _ in range(3)]
    async with db_as("postgres") as db:
        await db.execute(
            text("""
                INSERT INTO notices (tenant_id, batch_id, membership_id, kind, facts, created_at, read_at)
                SELECT :t, uuidv7(), :m, 'essai', '{}', now() - age, read
                FROM unnest(ARRAY[interval '364 days', interval '366 days']) age,
                     unnest(ARRAY[NULL, now()]::timestamptz[]) read
            """),
            {"t": coop.tenant_id, "m": members[0].id},
        )
        await db.execute(
            text("""
                INSERT INTO api_tokens (tenant_id, membership_id, name, prefix, token_hash, scopes, created_at,
                                        expires_at, revoked_at)
                SELECT :t, CAST(:m AS uuid), label, 'archipel_1234', sha256((label || CAST(:m AS uuid)::text)::bytea), '{profile:read}',
                       now() - interval '3 years', now() - expired, now() - revoked
                FROM (VALUES
                    ('good', interval '-1 day', NULL::interval),
                    ('lately expired', interval '364 days', NULL),
                    ('expired', interval '366 days', NULL),
                    ('revoked', interval '-1 day', interval '366 days')
                ) AS given (label, expired, revoked)
            """),
            {"t": coop.tenant_id, "m": members[0].id},
        )
        for member, done in zip(members, ("366 days", "364 days", None), strict=True):
            await db.execute(
                text("""
                    INSERT INTO erasures (tenant_id, membership_id, asked_by, asked_at, due_at, done_at, pseudonym)
                    VALUES (:t, :m, 'person', now() - interval '2 years', now() - interval '2 years',
                            now() - CAST(CAST(:done AS text) AS interval),
                            CASE WHEN CAST(:done AS text) IS NOT NULL THEN 'Membre parti 0000' END)
                """),
                {"t": coop.tenant_id, "m": member.id, "done": done},
            )
    await retention.sweep(platform)
    async with db_as("postgres") as db:
        where = {"t": coop.tenant_id}
        notices = text("SELECT count(*) FROM notices WHERE tenant_id = :t AND kind = 'essai'")
        assert await db.scalar(notices, where) == 2
        tokens = await db.scalars(text("SELECT name FROM api_tokens WHERE tenant_id = :t"), where)
        assert set(tokens) == {"good", "lately expired"}
        left = await db.scalars(text("SELECT membership_id FROM erasures WHERE tenant_id = :t"), where)
        assert set(left) == {members[1].id, members[2].id}


@pytest.mark.parametrize(
    "wanted",
    [
        "person_id FROM sign_ins",
        "token_hash FROM sign_ins",
        "email FROM mail_links",
        "membership_id FROM api_tokens",
        "person_id FROM person_erasures",
    ],
)
async def test_the_sweep_cannot_see_whose_they_are(platform: Database, wanted: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with platform.begin() as db:
            await db.execute(text(f"SELECT {wanted}"))
