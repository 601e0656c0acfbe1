"""The relay: every committed event is sent to everyone who hears it, whatever happens to the queue."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from importlib import resources
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as CacheGone
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import schema
from tenants.platform import relay as relays
from tenants.platform.cache import open_cache
from tenants.platform.database import Base, Database
from tenants.platform.embedded import Servers
from tenants.platform.idempotency import IdempotencyKey
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import Audience, Event, OutboxRow, emit
from tenants.platform.relay import Delivery, Relay, wake_relay
from tenants.platform.settings import Settings

LINE = "a-line-of-this-test"
NOBODY_HEARS, HOURS = timedelta(seconds=0.2), timedelta(hours=1)


class GateOpened(Event, frozen=True, kw_only=True):
    """Two subscribers hear this one."""


class GatePainted(Event, frozen=True, kw_only=True):
    """Nobody hears this one."""


async def ring(db: AsyncSession, event: GateOpened) -> None:
    """Hear that the gate opened; the relay only needs the name."""


async def bark(db: AsyncSession, event: GateOpened) -> None:
    """Hear it as well."""


class Yard:
    """A relay between a table of its own and a list, and hands to open gates with."""

    def __init__(self, app: Database, platform: Database, cache: Redis) -> None:
        self.app, self.platform, self.cache = app, platform, cache
        self.sent: list[Delivery] = []
        self.queue_away = False

    def send(self, deliveries: Sequence[Delivery]) -> None:
        if self.queue_away:
            raise CacheGone("away")
        self.sent += deliveries

    def relay(self, *, patience: timedelta = HOURS) -> Relay:
        audience = Audience({GateOpened: (ring, bark)})
        return Relay(self.platform, self.cache, audience, self.send, line=LINE, patience=patience)

    async def happen(self, kind: type[Event] = GateOpened) -> UUID:
        tenant = CooperativeId(uuid4())
        async with self.app.begin(tenant=tenant) as db:
            await emit(db, kind(tenant_id=tenant))
        return tenant

    async def row(self, tenant: UUID) -> dict[str, object]:
        async with self.app.begin(tenant=tenant) as db:
            found = await db.execute(text("SELECT *, due_at <= now() AS due FROM outbox"))
            return dict(found.mappings().one())

    def names_sent(self, tenant: UUID) -> list[str]:
        return sorted(delivery.subscriber for delivery in self.sent if delivery.tenant_id == tenant)


@pytest.fixture(scope="session")
async def relay_urls(servers: Servers, migrated: Settings) -> tuple[str, str]:
    """A database apart, with the cellar alone: a relay takes every event, and other tests watch theirs."""
    apart = msgspec.structs.replace(
        migrated,
        database_url=servers.url("app", database="relay"),
        database_owner_url=servers.url("owner", database="relay"),
        database_platform_url=servers.url("platform", database="relay"),
    )
    await schema.make_roles(apart)
    tables = [
        Base.metadata.tables[table] for table in (OutboxRow.__tablename__, IdempotencyKey.__tablename__)
    ]
    await schema.with_tables(apart, lambda connection: Base.metadata.create_all(connection, tables=tables))
    owner = await asyncpg.connect(apart.database_owner_url)
    for name in ("platform.sql", "outbox.sql"):
        await owner.execute((resources.files("tenants.platform") / name).read_text(encoding="utf-8"))
    await owner.close()
    return apart.database_url, apart.database_platform_url


@pytest.fixture
async def yard(relay_urls: tuple[str, str], servers: Servers) -> AsyncIterator[Yard]:
    app, platform = (Database(url) for url in relay_urls)
    cache = open_cache(servers.redis_url.replace("db=0", "db=7"), answer_within_seconds=5)
    await cache.flushdb()
    await cache.set(relays.MEMORY, 1)
    async with platform.begin() as db:
        await db.execute(text("DELETE FROM outbox"))
    yield Yard(app, platform, cache)
    await cache.aclose()
    await app.close()
    await platform.close()


async def test_every_subscriber_is_sent_the_event_and_the_row_says_so(yard: Yard) -> None:
    tenant = await yard.happen()
    assert await yard.relay().turn() == 1
    assert yard.names_sent(tenant) == ["bark", "ring"]
    row = await yard.row(tenant)
    assert row["pending"] == ["ring", "bark"]
    assert row["sent_at"] is not None
    assert row["due"] is False
    assert await yard.relay().turn() == 0


async def test_what_nobody_hears_is_done_at_once(yard: Yard) -> None:
    tenant = await yard.happen(GatePainted)
    assert await yard.relay().turn() == 1
    row = await yard.row(tenant)
    assert (row["pending"], row["due_at"], yard.sent) == ([], None, [])


async def test_a_kind_of_a_newer_version_waits_and_is_named(yard: Yard) -> None:
    tenant = await yard.happen()
    async with yard.app.begin(tenant=tenant) as db:
        await db.execute(text("UPDATE outbox SET kind = 'GateTeleported'"))
    assert await yard.relay().turn() == 1
    row = await yard.row(tenant)
    assert (row["pending"], row["sent_at"], row["due"], row["last_error"]) == (
        None,
        None,
        False,
        "UnknownKind",
    )
    assert yard.sent == []


async def test_several_relays_at_once_send_each_event_once(yard: Yard) -> None:
    tenants = [await yard.happen() for _ in range(40)]
    taken = await asyncio.gather(*(yard.relay().turn() for _ in range(4)))
    assert sum(taken) == 40
    assert all(yard.names_sent(tenant) == ["bark", "ring"] for tenant in tenants)


async def test_what_is_not_handled_in_time_is_sent_again_to_those_who_have_not(yard: Yard) -> None:
    tenant = await yard.happen()
    relay = yard.relay(patience=NOBODY_HEARS)
    assert await relay.turn() == 1
    assert await relay.turn() == 0
    async with yard.app.begin(tenant=tenant) as db:
        await db.execute(text("UPDATE outbox SET pending = '{bark}'"))
    await asyncio.sleep(NOBODY_HEARS.total_seconds() + 0.05)
    assert await relay.turn() == 1
    assert yard.names_sent(tenant) == ["bark", "bark", "ring"]
    async with yard.app.begin(tenant=tenant) as db:
        await db.execute(text("UPDATE outbox SET pending = '{}', due_at = NULL"))
    await asyncio.sleep(NOBODY_HEARS.total_seconds() * 2 + 0.1)
    assert await relay.turn() == 0


async def test_the_wait_doubles_up_to_some_hours(yard: Yard) -> None:
    tenant = await yard.happen()
    for sent_ago, waits in (("10 seconds", 60), ("3 minutes", 180), ("9 days", 6 * 3600)):
        async with yard.app.begin(tenant=tenant) as db:
            await db.execute(
                text(
                    "UPDATE outbox SET due_at = now(), pending = '{ring}', "
                    "sent_at = now() - CAST(CAST(:ago AS text) AS interval)"
                ),
                {"ago": sent_ago},
            )
        assert await yard.relay(patience=timedelta(seconds=60)).turn() == 1
        async with yard.app.begin(tenant=tenant) as db:
            left = await db.scalar(text("SELECT EXTRACT(EPOCH FROM due_at - now()) FROM outbox"))
        assert float(left or 0) == pytest.approx(waits, abs=5)


async def test_a_queue_that_forgot_everything_is_told_again_at_once(yard: Yard) -> None:
    tenant = await yard.happen()
    relay = yard.relay()
    await relay.turn()
    await yard.cache.flushdb()
    assert await relay.turn() == 1
    assert yard.names_sent(tenant) == ["bark", "bark", "ring", "ring"]
    assert await relay.turn() == 0


async def test_a_queue_that_is_away_costs_nothing_but_time(yard: Yard) -> None:
    tenant = await yard.happen()
    yard.queue_away = True
    with pytest.raises(CacheGone):
        await yard.relay().turn()
    assert (await yard.row(tenant))["due"] is True
    stop = asyncio.Event()
    running = asyncio.create_task(yard.relay().run(stop))
    await asyncio.sleep(0.3)
    assert not running.done()
    yard.queue_away = False
    await _until(lambda: yard.names_sent(tenant) == ["bark", "ring"])
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_while_the_queue_is_away_nothing_is_taken_from_the_table(yard: Yard) -> None:
    tenant = await yard.happen()
    nowhere = open_cache("unix:///nonexistent/valkey.sock?db=0")
    relay = Relay(yard.platform, nowhere, Audience({GateOpened: (ring,)}), yard.send, line=LINE)
    with pytest.raises(CacheGone):
        await relay.turn()
    row = await yard.row(tenant)
    assert (row["pending"], row["due"]) == (None, True)


async def test_what_the_line_has_no_room_for_waits_in_the_table(yard: Yard) -> None:
    tenants = [await yard.happen() for _ in range(3)]
    await yard.cache.rpush(LINE, *range(relays.LONGEST_LINE))
    relay = yard.relay()
    assert await relay.turn() == 0
    assert [(await yard.row(tenant))["sent_at"] for tenant in tenants] == [None] * 3
    await yard.cache.lpop(LINE, 2)
    assert await relay.turn() == 2
    await yard.cache.lpop(LINE, 10)
    assert await relay.turn() == 1
    assert [yard.names_sent(tenant) for tenant in tenants] == [["bark", "ring"]] * 3


async def test_a_hint_wakes_an_idle_relay(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "SHORTEST_PAUSE_SECONDS", 4.0)
    monkeypatch.setattr(relays, "LONGEST_PAUSE_SECONDS", 4.0)
    stop = asyncio.Event()
    running = asyncio.create_task(yard.relay().run(stop))
    await asyncio.sleep(0.3)
    tenant = await yard.happen()
    await asyncio.sleep(0.3)
    assert yard.names_sent(tenant) == []
    await wake_relay(yard.cache)
    await _until(lambda: yard.names_sent(tenant) != [], seconds=2)
    stop.set()
    await wake_relay(yard.cache)
    await running


async def test_a_lost_hint_is_no_failure() -> None:
    await wake_relay(open_cache("unix:///nonexistent/valkey.sock?db=0"))


async def test_the_relay_reads_only_what_is_not_finished(yard: Yard) -> None:
    async with yard.platform.begin() as db:
        await db.execute(
            text("""
                INSERT INTO outbox (tenant_id, kind, facts, due_at, sent_at, pending)
                SELECT uuidv7(), 'GateOpened', '{}', NULL, now(), '{}' FROM generate_series(1, 20000)
            """)
        )
    async with yard.platform.begin() as db:
        plan = await db.scalar(
            text(f"EXPLAIN (FORMAT JSON) {relays.TAKE.text}"),
            {"audience": "{}", "most": 20, "patience": HOURS, "seldom": HOURS},
        )
    scans = _scans(msgspec.convert(plan, list[dict[str, object]])[0]["Plan"])
    assert ("Index Scan", "ix_outbox_due_at") in scans
    assert "Seq Scan" not in {kind for kind, _index in scans}


def _scans(node: object) -> set[tuple[str, str]]:
    assert isinstance(node, dict)
    below = set().union(*(_scans(child) for child in node.get("Plans", [])))
    return below | {(str(node["Node Type"]), str(node.get("Index Name", "")))}


async def _until(true: Callable[[], bool], *, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
