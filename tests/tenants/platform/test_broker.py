"""Handling a delivery: once, together with its mark, and not at all by a worker that was fenced off."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import dramatiq
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.platform import broker as brokers
from tenants.platform.broker import Handling, HandlingFailed, Queue
from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import Audience, Event, emit
from tenants.platform.relay import Delivery
from tenants.platform.settings import Settings

LIMIT = timedelta(seconds=5)


class DoorKnocked(Event, frozen=True, kw_only=True):
    """An event of these tests; ``answer`` is what its subscribers emit in turn."""


class DoorAnswered(Event, frozen=True, kw_only=True):
    """The effect that these tests count."""


async def answer(db: AsyncSession, event: DoorKnocked) -> None:
    """Have one effect."""
    await emit(db, DoorAnswered(tenant_id=event.tenant_id))


async def stumble(db: AsyncSession, event: DoorKnocked) -> None:
    """Have an effect, then fail with words that nobody else may read."""
    await answer(db, event)
    raise LookupError("marie@example.org is not at home")


async def doze(db: AsyncSession, event: DoorKnocked) -> None:
    """Take longer than anybody waits."""
    await answer(db, event)
    await asyncio.sleep(30)


async def freeze(db: AsyncSession, event: DoorKnocked) -> None:
    """Hold the whole process for a second, as SIGSTOP does, and write afterwards."""
    time.sleep(1.0)  # noqa: ASYNC251
    await answer(db, event)


AUDIENCE = Audience({DoorKnocked: (answer, stumble, doze, freeze), DoorAnswered: ()})


class House:
    """One cooperative with one event that was sent to some subscribers."""

    def __init__(self, database: Database, tenant: UUID, event: UUID) -> None:
        self.database, self.tenant, self.event = database, tenant, event

    def handling(self, database: Database | None = None, *, limit: timedelta = LIMIT) -> Handling:
        return Handling(database or self.database, AUDIENCE, time_limit=limit)

    def delivery(self, name: str) -> Delivery:
        return Delivery(self.tenant, self.event, name)

    async def answers(self) -> int:
        async with self.database.begin(tenant=self.tenant) as db:
            return int(await db.scalar(text("SELECT count(*) FROM outbox WHERE kind = 'DoorAnswered'")) or 0)

    async def row(self) -> dict[str, object]:
        async with self.database.begin(tenant=self.tenant) as db:
            found = await db.execute(text("SELECT * FROM outbox WHERE kind = 'DoorKnocked'"))
            return dict(found.mappings().one())


@pytest.fixture
async def house(database: Database) -> House:
    tenant = CooperativeId(uuid4())
    async with database.begin(tenant=tenant) as db:
        await emit(db, DoorKnocked(tenant_id=tenant))
        event = await db.scalar(
            text("""
                UPDATE outbox SET sent_at = now(), due_at = now() + interval '1 hour',
                       pending = '{answer,stumble,doze,freeze,gone}'
                RETURNING id
            """)
        )
    return House(database, tenant, event)


async def test_a_delivery_is_handled_once_and_marked(house: House) -> None:
    assert await house.handling().handle(house.delivery("answer")) is True
    assert await house.handling().handle(house.delivery("answer")) is False
    assert await house.answers() == 1
    row = await house.row()
    assert row["pending"] == ["stumble", "doze", "freeze", "gone"]
    assert row["due_at"] is not None


async def test_twenty_doubles_at_once_have_one_effect(house: House) -> None:
    handled = await asyncio.gather(*(house.handling().handle(house.delivery("answer")) for _ in range(20)))
    assert sum(handled) == await house.answers() == 1


async def test_the_last_to_hear_closes_the_row(house: House) -> None:
    async with house.database.begin(tenant=house.tenant) as db:
        await db.execute(text("UPDATE outbox SET pending = '{answer}'"))
    await house.handling().handle(house.delivery("answer"))
    row = await house.row()
    assert (row["pending"], row["due_at"]) == ([], None)


async def test_a_failure_undoes_everything_and_its_kind_is_counted(house: House) -> None:
    for _ in range(2):
        with pytest.raises(HandlingFailed, match=r"^LookupError$") as failed:
            await house.handling().handle(house.delivery("stumble"))
        assert failed.value.__cause__ is None
        assert failed.value.__context__ is None
    assert await house.answers() == 0
    row = await house.row()
    assert (row["attempts"], row["last_error"]) == (2, "LookupError")
    assert "stumble" in str(row["pending"])


async def test_a_subscriber_that_takes_too_long_is_cut_and_counted(house: House) -> None:
    with pytest.raises(HandlingFailed, match="TimeoutError"):
        await house.handling(limit=timedelta(seconds=0.3)).handle(house.delivery("doze"))
    assert await house.answers() == 0
    assert (await house.row())["last_error"] == "TimeoutError"


async def test_a_subscriber_that_this_version_lacks_fails_where_the_operator_looks(house: House) -> None:
    with pytest.raises(HandlingFailed, match="UnknownKind"):
        await house.handling().handle(house.delivery("gone"))
    assert (await house.row())["last_error"] == "UnknownKind"


async def test_a_worker_that_slept_too_long_has_lost_its_session_and_writes_nothing(
    house: House, settings: Settings
) -> None:
    short = Database(settings.database_url, pool_size=2, idle_timeout_ms=300)
    with pytest.raises(HandlingFailed):
        await house.handling(short, limit=timedelta(seconds=20)).handle(house.delivery("freeze"))
    assert await house.answers() == 0
    assert "freeze" in str((await house.row())["pending"])
    assert await house.handling().handle(house.delivery("freeze")) is True
    assert await house.answers() == 1
    await short.close()


async def test_tools_and_the_news_that_something_was_emitted_are_handed_over(house: House) -> None:
    seen: list[object] = []

    async def answer(db: AsyncSession, event: DoorKnocked) -> None:
        seen.append(db.info["lantern"])
        await emit(db, DoorAnswered(tenant_id=event.tenant_id))

    async def emitted() -> None:
        seen.append(await house.answers())

    audience = Audience({DoorKnocked: (answer,)})
    handling = Handling(house.database, audience, time_limit=LIMIT, emitted=emitted, tools={"lantern": "lit"})
    await handling.handle(house.delivery("answer"))
    assert seen == ["lit", 1]


# --- Through Valkey and Dramatiq's threads ------------------------------------------------------------


@pytest.fixture
async def queue(servers: Servers) -> AsyncIterator[Queue]:
    url = servers.redis_url.replace("db=0", "db=8")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    queue = Queue(url, heartbeat=timedelta(seconds=60))
    yield queue
    queue.close()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "FIRST_RETRY_MS", 50)
    monkeypatch.setattr(brokers, "LONGEST_RETRY_MS", 100)
    monkeypatch.setattr(brokers, "MOST_RETRIES", 2)


@pytest.mark.usefixtures("quick_retries")
async def test_a_message_is_retried_and_then_left_to_the_outbox(queue: Queue, house: House) -> None:
    queue.serve(house.handling(), asyncio.get_running_loop())
    worker = dramatiq.Worker(queue.broker, worker_threads=2, worker_timeout=20)
    worker.start()
    try:
        await asyncio.to_thread(queue.send, [house.delivery("answer"), house.delivery("stumble")])
        async with asyncio.timeout(10):
            while (await house.row())["attempts"] != 3:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
    finally:
        await asyncio.to_thread(worker.stop, 5000)
    row = await house.row()
    assert (row["attempts"], await house.answers()) == (3, 1)
    assert row["pending"] == ["stumble", "doze", "freeze", "gone"]
    everything = _everything_in(queue.broker.client)
    assert b"HandlingFailed: LookupError" in everything
    assert b"marie" not in everything


def _everything_in(client: "redis.Redis") -> bytes:
    """All values of all hashes: the messages, living and dead."""
    hashes = (key for key in client.scan_iter("*") if client.type(key) == b"hash")
    return b"".join(
        value if isinstance(value, bytes) else value.encode() for key in hashes for value in client.hvals(key)
    )
