"""The relay: carries committed events from the outbox to the workers' queue, and sees that they arrive.

It may run in several processes at once. PostgreSQL alone holds the truth: if the queue is flushed, away
or loses a message, the event is sent again. Delivery is therefore at least once and in no promised order.
This file must never call a subscriber, and never do anything in a cooperative's name.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tenants.platform.cache import CACHE_AWAY
from tenants.platform.database import Database
from tenants.platform.outbox import Audience, Event

HINT = "archipel:relay:hint"
MEMORY = "archipel:relay:memory"

BATCH = 500
# What may wait in the queue. The rest waits in the table: in a long queue an event would outlast the
# relay's patience, be sent again while the first message is still in line, and make the line longer yet.
LONGEST_LINE = 500
SHORTEST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
LONGEST_OUTAGE_PAUSE_SECONDS = 2.0
# An event that nobody manages to handle is still tried about four times a day.
SELDOM = timedelta(hours=6)
RECALL_AT_ONCE = 10_000

log = structlog.get_logger(__name__)

# Takes the rows that are due and says when each is due again: patience, then twice as long each time.
# A kind that this version does not know keeps waiting for a worker that does.
TAKE = text("""
    WITH taken AS MATERIALIZED (
        SELECT tenant_id, id, CAST(:audience AS jsonb) -> kind AS names
        FROM outbox WHERE due_at <= now()
        ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED
    ), addressed AS (
        SELECT tenant_id, id, names IS NULL AS unknown, CASE WHEN names IS NOT NULL
               THEN ARRAY(SELECT jsonb_array_elements_text(names)) END AS names
        FROM taken
    )
    UPDATE outbox SET
        pending = COALESCE(outbox.pending, addressed.names),
        sent_at = CASE WHEN COALESCE(outbox.pending, addressed.names) IS NOT NULL
                  THEN COALESCE(outbox.sent_at, now()) END,
        due_at = CASE WHEN COALESCE(outbox.pending, addressed.names) = '{}' THEN NULL
                 ELSE now() + LEAST(GREATEST(now() - COALESCE(outbox.sent_at, now()), :patience), :seldom) END,
        last_error = CASE WHEN addressed.unknown THEN 'UnknownKind' ELSE outbox.last_error END
    FROM addressed
    WHERE outbox.tenant_id = addressed.tenant_id AND outbox.id = addressed.id
    RETURNING outbox.tenant_id, outbox.id, outbox.pending
""")

# The send failed: they are due at once, unless somebody has already handled them.
RETURN = text("""
    UPDATE outbox SET due_at = now()
    FROM unnest(CAST(:tenants AS uuid[]), CAST(:events AS uuid[])) AS unsent (tenant_id, id)
    WHERE outbox.tenant_id = unsent.tenant_id AND outbox.id = unsent.id AND outbox.due_at > now()
""")

# The queue has forgotten everything: whatever was sent and not handled is due at once.
RECALL = text("""
    UPDATE outbox SET due_at = now()
    WHERE (tenant_id, id) IN (
        SELECT tenant_id, id FROM outbox
        WHERE due_at > now() AND sent_at IS NOT NULL
        ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
""")


class Delivery(NamedTuple):
    """One event for one subscriber: all that a message says."""

    tenant_id: UUID
    event_id: UUID
    subscriber: str


class Relay:
    """Carries events from ``database`` (role platform) to ``send``.

    ``send`` hands deliveries to the queue; it is called in a thread and raises one of CACHE_AWAY if it
    could not. ``line`` is the list in ``cache`` where they wait for a worker. ``patience`` is how long an event that was sent may stay unhandled before it is sent again.
    """

    def __init__(
        self,
        database: Database,
        cache: Redis,
        audience: Audience,
        send: Callable[[Sequence[Delivery]], None],
        *,
        line: str,
        patience: timedelta = timedelta(seconds=60),
    ) -> None:
        self._database = database
        self._cache = cache
        self._send = send
        self._line = line
        self._patience = patience
        names = {kind: audience.names(kind) for kind in Event.kinds}
        self._audience = msgspec.json.encode(names).decode()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry until told to stop. Outages of either server are waited out, never raised."""
        pause, outage = SHORTEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                taken = await self.turn()
                if taken < BATCH:
                    pause = SHORTEST_PAUSE_SECONDS if taken else min(pause * 1.5, LONGEST_PAUSE_SECONDS)
                    if await self._hinted(pause):
                        pause = SHORTEST_PAUSE_SECONDS
                outage = SHORTEST_PAUSE_SECONDS
            except (DBAPIError, PoolTimeoutError, *CACHE_AWAY) as error:
                log.warning("relay_waits", error=type(error).__name__, seconds=outage)
                await pause_unless(stop, outage)
                outage = min(outage * 2, LONGEST_OUTAGE_PAUSE_SECONDS)

    async def turn(self) -> int:
        """Send what is due, at most BATCH events and as the line has room; return how many were taken.

        The rows are stamped and committed before they are sent: the worker may be faster than we are,
        and must find its name. A crash in between only costs ``patience``.
        """
        # Asked first: while the queue is away nothing is taken from the table.
        if await self._cache.set(MEMORY, 1, nx=True):
            await self._recall()
        most = min(BATCH, LONGEST_LINE - await self._cache.llen(self._line))
        if most <= 0:
            return 0
        async with self._database.begin() as db:
            result = await db.execute(
                TAKE,
                {"audience": self._audience, "most": most, "patience": self._patience, "seldom": SELDOM},
            )
            rows = result.all()
        deliveries = [Delivery(row.tenant_id, row.id, name) for row in rows for name in row.pending or ()]
        if deliveries:
            try:
                await asyncio.to_thread(self._send, deliveries)
            except CACHE_AWAY:
                await self._return(deliveries)
                raise
        return len(rows)

    async def _return(self, deliveries: Sequence[Delivery]) -> None:
        async with self._database.begin() as db:
            tenants = [delivery.tenant_id for delivery in deliveries]
            await db.execute(
                RETURN, {"tenants": tenants, "events": [delivery.event_id for delivery in deliveries]}
            )

    async def _recall(self) -> None:
        """The queue's memory is new: call back what it may have lost. Doubles do no harm."""
        recalled, most = 0, RECALL_AT_ONCE
        while most == RECALL_AT_ONCE:
            async with self._database.begin() as db:
                result = await db.execute(RECALL, {"most": RECALL_AT_ONCE})
                most = result.rowcount  # type: ignore[attr-defined]
            recalled += most
        log.info("relay_recalls", events=recalled)

    async def _hinted(self, pause: float) -> bool:
        """Wait for a hint, at most ``pause`` seconds."""
        return await self._cache.blpop([HINT], timeout=pause) is not None


async def wake_relay(cache: Redis) -> None:
    """After COMMIT: tell the relay that there is something. A hint that is lost costs a second at most."""
    try:
        async with cache.pipeline(transaction=False) as commands:
            commands.lpush(HINT, 1)
            commands.ltrim(HINT, 0, 0)
            await commands.execute()
    except CACHE_AWAY:
        log.debug("relay_not_woken")


async def pause_unless(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the moment we are told to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
