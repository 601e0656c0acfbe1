"""The broker: Dramatiq's queue of deliveries, and the one job that handles them.

Dramatiq is known here and in the worker, nowhere else. A message carries ids; what a subscriber writes
commits together with the mark that it has handled the event, so a message that arrives twice, or a worker
that wakes up late, does nothing. This file must never put facts, names or error texts into a message.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries
from sqlalchemy import text

from tenants.platform.database import Database
from tenants.platform.outbox import Audience, decode
from tenants.platform.relay import Delivery

QUEUE = "events"
JOB = "handle_event"
NAMESPACE = "archipel:dramatiq"
# The list in which Dramatiq keeps what waits for a worker.
LINE = f"{NAMESPACE}:{QUEUE}"

MOST_RETRIES = 6
FIRST_RETRY_MS = 1_000
LONGEST_RETRY_MS = 60_000
# The outbox remembers what failed; the queue's own list of dead messages is only a trace.
DEAD_MESSAGE_MS = 24 * 60 * 60 * 1_000
# Of a million commands: how many also look for the messages of workers whose heartbeat stopped.
MAINTENANCE_CHANCE = 50_000

log = structlog.get_logger(__name__)

# Marks the event as handled by one subscriber and locks its row until the handler commits. No row: it was
# handled before, or never sent to this subscriber.
CLAIM = text("""
    UPDATE outbox SET
        pending = array_remove(pending, :subscriber),
        due_at = CASE WHEN array_remove(pending, :subscriber) = '{}' THEN NULL ELSE due_at END
    WHERE tenant_id = :tenant_id AND id = :event_id AND :subscriber = ANY (pending)
    RETURNING kind, facts
""")

FAILED = text("""
    UPDATE outbox SET attempts = attempts + 1, last_error = :error
    WHERE tenant_id = :tenant_id AND id = :event_id AND :subscriber = ANY (pending)
""")


class HandlingFailed(Exception):
    """A subscriber failed; the message is only the kind of error, never its text or its facts."""


class Handling:
    """Handles deliveries on ``database`` (role app), each in one transaction of its cooperative.

    ``time_limit`` must be shorter than the broker's heartbeat, and so must the database's timeouts: the
    session of a worker that was stopped is then cut before its message is given to another.
    ``emitted`` is awaited after a commit that has written events in turn. ``tools`` are put into ``db.info``
    for subscribers that need more than the database: the settings, the post.
    """

    def __init__(
        self,
        database: Database,
        audience: Audience,
        *,
        time_limit: timedelta,
        emitted: Callable[[], Awaitable[None]] | None = None,
        tools: Mapping[str, Any] | None = None,
    ) -> None:
        self._database = database
        self._audience = audience
        self._time_limit = time_limit
        self._emitted = emitted
        self._tools = tools or {}

    async def handle(self, delivery: Delivery) -> bool:
        """Have the subscriber handle the event; False if that was done before.

        Raises HandlingFailed, after the failure was counted on the event's row.
        """
        try:
            async with asyncio.timeout(self._time_limit.total_seconds()):
                return await self._handle(delivery)
        except Exception as error:  # noqa: BLE001 (whatever a subscriber raises is a failure to be counted)
            kind = type(error).__name__
            # Where, but not what: the text of an error may hold what somebody wrote.
            log.error(  # noqa: TRY400
                "handling_failed",
                **_readable(delivery),
                error=kind,
                where=traceback.format_tb(error.__traceback__)[-6:],
            )
            await self._count(delivery, kind)
        raise HandlingFailed(kind)

    async def _handle(self, delivery: Delivery) -> bool:
        async with self._database.begin(tenant=delivery.tenant_id) as db:
            row = (await db.execute(CLAIM, delivery._asdict())).one_or_none()
            if row is None:
                return False
            db.info.update(self._tools)
            subscriber = self._audience.subscriber(row.kind, delivery.subscriber)
            await subscriber(db, decode(row.kind, row.facts))
            emitted = bool(db.info.get("emitted"))
        if emitted and self._emitted:
            await self._emitted()
        return True

    async def _count(self, delivery: Delivery, kind: str) -> None:
        """Note the failure where the operator looks. It is only a note: it may fail too."""
        try:
            async with (
                asyncio.timeout(self._time_limit.total_seconds()),
                self._database.begin(tenant=delivery.tenant_id) as db,
            ):
                await db.execute(FAILED, {**delivery._asdict(), "error": kind})
        except Exception as error:  # noqa: BLE001
            log.warning("failure_not_counted", **_readable(delivery), error=type(error).__name__)


class Queue:
    """The queue of deliveries. Built in the process that uses it, never before a fork."""

    def __init__(self, redis_url: str, *, heartbeat: timedelta) -> None:
        client = redis.Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=2)
        self.broker = RedisBroker(  # type: ignore[no-untyped-call]  # Dramatiq leaves this untyped.
            client=client,
            namespace=NAMESPACE,
            heartbeat_timeout=int(heartbeat.total_seconds() * 1_000),
            maintenance_chance=MAINTENANCE_CHANCE,
            dead_message_ttl=DEAD_MESSAGE_MS,
            middleware=[
                Retries(max_retries=MOST_RETRIES, min_backoff=FIRST_RETRY_MS, max_backoff=LONGEST_RETRY_MS)
            ],
        )
        self._job: dramatiq.Actor[[str, str, str], None] | None = None

    def serve(self, handling: Handling, loop: asyncio.AbstractEventLoop) -> None:
        """Declare the job: a worker's thread waits while ``loop`` handles the delivery."""

        def handle_event(tenant_id: str, event_id: str, subscriber: str) -> None:
            delivery = Delivery(UUID(tenant_id), UUID(event_id), subscriber)
            future = asyncio.run_coroutine_threadsafe(handling.handle(delivery), loop)
            try:
                future.result()
            except HandlingFailed as failure:
                kind = str(failure)
            except Exception as error:  # noqa: BLE001
                kind = type(error).__name__
            else:
                return
            # Raised anew, without its cause: Dramatiq keeps the traceback in the queue, and an error's text
            # may hold what somebody wrote.
            raise HandlingFailed(kind)

        self._job = dramatiq.actor(broker=self.broker, actor_name=JOB, queue_name=QUEUE)(handle_event)

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Put the deliveries into the queue. Raises redis.RedisError if it is away."""
        for delivery in deliveries:
            self.broker.enqueue(
                dramatiq.Message(
                    queue_name=QUEUE,
                    actor_name=JOB,
                    args=(str(delivery.tenant_id), str(delivery.event_id), delivery.subscriber),
                    kwargs={},
                    options={},
                )
            )

    def close(self) -> None:
        """Close the connections."""
        self.broker.close()
        self.broker.client.close()


def _readable(delivery: Delivery) -> dict[str, str]:
    return {"event_id": str(delivery.event_id), "subscriber": delivery.subscriber}
