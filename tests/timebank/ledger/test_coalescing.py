"""Coalescing: requests share a call without waiting for each other, failing each other, or being cancelled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import pytest

from tenants.platform.database import Database
from tenants.platform.errors import Unavailable
from tenants.platform.settings import Settings
from tests.factories import Founded, Member, api_token, found_cooperative, join_member
from timebank.ledger.accounts import find_account
from timebank.ledger.coalescing import BearerTransfer, Coalescer, open_hot_pool
from timebank.ledger.transfers import Outcome

LIMITS = {"timebank.credit_limit_low": 600, "timebank.credit_limit_high": 6_000}


@pytest.fixture
async def pool(migrated: Settings) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    opened = await open_hot_pool(migrated.database_url, size=2)
    yield opened
    await opened.close()


class Watched:
    """A pool that counts the transfers of each call, and can be slow, or fail as it is told."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, slow: float = 0.0) -> None:
        self.pool = pool
        self.sizes: list[int] = []
        self.slow = slow
        self.fault: Any = None

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        self.sizes.append(len(arguments[1]))
        await asyncio.sleep(self.slow)
        if self.fault and (error := self.fault(arguments)):
            raise error
        return list(await self.pool.fetch(query, *arguments))


def coalescer(watched: Watched, **options: int) -> Coalescer:
    return Coalescer(cast("asyncpg.Pool[asyncpg.Record]", watched), endpoint="post_transfer", **options)


def asked(secret: str, to: UUID, minutes: int = 1, key: str | None = "", body: bytes = b"") -> BearerTransfer:
    return BearerTransfer(
        token_hash=sha256(secret.encode()).digest(),
        to=to,
        amount_minutes=minutes,
        reason="essai",
        key=str(uuid4()) if key == "" else key,
        request_hash=sha256(body).digest(),
    )


async def three(database: Database) -> tuple[Founded, Member, Member, str]:
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana, bo = await join_member(database, cooperative), await join_member(database, cooperative)
    return cooperative, ana, bo, await api_token(database, ana, "hours:write")


async def balance(database: Database, member: Member) -> int:
    async with database.begin(tenant=member.tenant_id) as db:
        return (await find_account(db, tenant_id=member.tenant_id, account_id=member.id)).balance


async def test_what_arrives_during_a_call_shares_the_next(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    cooperative, ana, bo, secret = await three(database)
    watched = Watched(pool, slow=0.05)
    shared = coalescer(watched, largest_batch=20)
    first = asyncio.create_task(shared.post(cooperative.tenant_id, asked(secret, bo.id)))
    await asyncio.sleep(0.01)
    rest = [shared.post(cooperative.tenant_id, asked(secret, bo.id)) for _ in range(50)]
    outcomes = [await first, *await asyncio.gather(*rest)]
    assert watched.sizes == [1, 20, 20, 10]
    assert {outcome.outcome for outcome in outcomes} == {"posted"}
    assert len({outcome.id for outcome in outcomes}) == 51
    assert (await balance(database, ana), await balance(database, bo)) == (-51, 51)


async def test_each_gets_the_answer_of_its_own(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    cooperative, ana, bo, secret = await three(database)
    read_only = await api_token(database, ana, "hours:read")
    shared = coalescer(Watched(pool))
    tenant = cooperative.tenant_id
    outcomes = await asyncio.gather(
        shared.post(tenant, asked(secret, bo.id, 10)),
        shared.post(tenant, asked("inconnu", bo.id, 10)),
        shared.post(tenant, asked(read_only, bo.id, 10)),
        shared.post(tenant, asked(secret, uuid4(), 10)),
        shared.post(tenant, asked(secret, bo.id, 5_000)),
        shared.post(tenant, asked(secret, bo.id, 20, key=None)),
    )
    assert [outcome.refusal for outcome in outcomes] == [
        None,
        "unknown_token",
        "scope_missing",
        "unknown_account",
        "not_enough_hours",
        None,
    ]
    assert [outcome.answer.get("balance_minutes") for outcome in outcomes] == [
        -10,
        None,
        None,
        None,
        None,
        -30,
    ]
    assert all(outcome.error for outcome in outcomes[1:5])


async def test_two_equal_keys_in_one_call_have_one_effect(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    cooperative, ana, bo, secret = await three(database)
    shared = coalescer(Watched(pool))
    outcomes = await asyncio.gather(
        *(shared.post(cooperative.tenant_id, asked(secret, bo.id, 30, key="k")) for _ in range(10)),
        shared.post(cooperative.tenant_id, asked(secret, bo.id, 30, key="k", body=b"other")),
    )
    assert Counter(outcome.outcome for outcome in outcomes[:10]) == {"posted": 1, "replayed": 9}
    assert outcomes[10].refusal == "idempotency_key_reused"
    assert len({str(outcome.answer) for outcome in outcomes[:10]}) == 1
    assert await balance(database, ana) == -30


async def test_a_client_that_goes_away_cancels_nothing(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    cooperative, _ana, bo, secret = await three(database)
    shared = coalescer(Watched(pool, slow=0.05))
    tenant = cooperative.tenant_id
    tasks = [asyncio.create_task(shared.post(tenant, asked(secret, bo.id))) for _ in range(6)]
    await asyncio.sleep(0.01)
    late = [asyncio.create_task(shared.post(tenant, asked(secret, bo.id))) for _ in range(3)]
    await asyncio.sleep(0)
    for gone in (tasks[0], tasks[3], late[1]):
        gone.cancel()
    results = await asyncio.gather(*tasks, *late, return_exceptions=True)
    await shared.close()
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 3
    assert sum(isinstance(result, Outcome) and result.outcome == "posted" for result in results) == 6
    assert await balance(database, bo) == 9


async def test_what_fails_a_call_fails_only_its_own_request(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    cooperative, _ana, bo, secret = await three(database)
    watched = Watched(pool)
    shared = coalescer(watched)
    bad_key = "x" * 256
    results = await asyncio.gather(
        *(
            shared.post(cooperative.tenant_id, asked(secret, bo.id, key=key))
            for key in ("a", bad_key, "b", None)
        ),
        return_exceptions=True,
    )
    assert watched.sizes == [4, 1, 1, 1, 1]
    assert isinstance(results[1], asyncpg.CheckViolationError)
    assert [result.outcome for result in results if isinstance(result, Outcome)] == ["posted"] * 3
    assert await balance(database, bo) == 3


@pytest.mark.parametrize("lost", [asyncpg.ConnectionDoesNotExistError, asyncpg.AdminShutdownError])
async def test_what_may_have_been_posted_is_tried_again_only_under_its_key(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]", lost: type[asyncpg.PostgresError]
) -> None:
    cooperative, _ana, bo, secret = await three(database)
    watched = Watched(pool)
    shared = coalescer(watched)

    async def answer_lost(query: str, *arguments: Any) -> list[asyncpg.Record]:
        rows = list(await pool.fetch(query, *arguments))
        if len(arguments[1]) > 1:
            raise lost
        return rows

    watched.fetch = answer_lost  # type: ignore[method-assign]
    results = await asyncio.gather(
        *(shared.post(cooperative.tenant_id, asked(secret, bo.id, key=key)) for key in ("a", None, "b")),
        return_exceptions=True,
    )
    assert [getattr(result, "outcome", None) for result in results] == ["replayed", None, "replayed"]
    assert isinstance(results[1], lost)
    assert await balance(database, bo) == 3


async def test_a_queue_that_is_full_says_so_and_drains(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    cooperative, _ana, bo, secret = await three(database)
    shared = coalescer(Watched(pool, slow=0.02), longest_queue=5)
    tenant = cooperative.tenant_id
    waiting = [asyncio.create_task(shared.post(tenant, asked(secret, bo.id))) for _ in range(5)]
    await asyncio.sleep(0)
    full = await asyncio.gather(
        *(shared.post(tenant, asked(secret, bo.id)) for _ in range(8)), return_exceptions=True
    )
    await asyncio.gather(*waiting)
    again = await shared.post(tenant, asked(secret, bo.id))
    assert again.outcome == "posted"
    assert Counter(type(result) for result in full) == {Outcome: 5, Unavailable: 3}
    assert await balance(database, bo) == 11


async def test_two_cooperatives_do_not_wait_for_each_other_nor_share_a_token(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    one, ana, bo, secret = await three(database)
    other, _cy, dan, other_secret = await three(database)
    watched = Watched(pool)
    shared = coalescer(watched)
    outcomes = await asyncio.gather(
        shared.post(one.tenant_id, asked(secret, bo.id)),
        shared.post(other.tenant_id, asked(other_secret, dan.id)),
        shared.post(other.tenant_id, asked(secret, bo.id)),
    )
    assert [outcome.refusal for outcome in outcomes] == [None, None, "unknown_token"]
    assert sorted(watched.sizes) == [1, 2]
    assert await balance(database, ana) == -1


async def test_a_revoked_token_and_a_suspended_member_are_refused(
    database: Database, pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    cooperative, ana, bo, secret = await three(database)
    shared = coalescer(Watched(pool))
    async with database.begin(tenant=ana.tenant_id, person=ana.person_id) as db:
        connection = await db.connection()
        await connection.exec_driver_sql("UPDATE api_tokens SET revoked_at = now()")
    outcome = await shared.post(cooperative.tenant_id, asked(secret, bo.id))
    assert outcome.refusal == "unknown_token"
    assert outcome.error is not None
    assert outcome.error.status == 401
