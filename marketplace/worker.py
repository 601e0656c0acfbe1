"""The worker: one process that carries events, ticks the clock and runs what they set off.

Dramatiq's threads take messages and wait; everything else is asyncio on one loop. Several workers may run
at once, and each may be killed or stopped at any moment. This file must never hold a job of the trade.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import dramatiq
import structlog
import uvloop

from marketplace import switchboard
from tenants.platform.broker import LINE, Handling, Queue
from tenants.platform.cache import open_cache
from tenants.platform.clock import Clock, Schedule
from tenants.platform.database import Database
from tenants.platform.logs import configure_logs
from tenants.platform.mail import open_post
from tenants.platform.outbox import Audience, Event, Subscriber
from tenants.platform.relay import Relay, wake_relay
from tenants.platform.retention import run_sweep
from tenants.platform.settings import Settings

THREADS = 8
# How long an idle consumer sleeps before it looks into its queue again.
LOOK_EVERY_MS = 100
# The share of the heartbeat after which a job, a statement or an idle transaction is cut. What a stopped
# worker held is thereby free, and its session gone, long before its message is given to another.
LIMIT_SHARE = 3
# The relay waits for hints a second at a time, so its connection needs more patience than that.
RELAY_ANSWER_SECONDS = 5.0

log = structlog.get_logger(__name__)

Events = Mapping[type[Event], tuple[Subscriber, ...]]


def main(
    settings: Settings, *, events: Events | None = None, schedules: Sequence[Schedule] | None = None
) -> None:
    """Work until SIGTERM or SIGINT; what is under way is finished first.

    ``events`` and ``schedules`` are the switchboard's unless a test brings its own.
    """
    configure_logs(settings.log_level)
    uvloop.run(
        work(
            settings,
            events=switchboard.EVENTS if events is None else events,
            schedules=switchboard.TICKS if schedules is None else schedules,
        )
    )


async def work(settings: Settings, *, events: Events, schedules: Sequence[Schedule]) -> None:
    """Run the relay, the clock, the sweep and Dramatiq's threads until the process is told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    audience = Audience(events)
    heartbeat = timedelta(seconds=settings.worker_heartbeat_seconds)
    platform = Database(settings.database_platform_url, pool_size=4)
    cache = open_cache(settings.redis_url, answer_within_seconds=RELAY_ANSWER_SECONDS)
    queue = Queue(settings.redis_url, heartbeat=heartbeat)
    try:
        async with handling_messages(settings, audience, queue, heartbeat):
            log.info("worker_started", heartbeat_seconds=settings.worker_heartbeat_seconds)
            async with asyncio.TaskGroup() as tasks:
                relay = Relay(platform, cache, audience, queue.send, line=LINE, patience=heartbeat)
                tasks.create_task(relay.run(stop))
                tasks.create_task(Clock(platform, switchboard.ROSTER, schedules).run(stop))
                tasks.create_task(run_sweep(platform, stop))
    finally:
        queue.close()
        await cache.aclose()
        await platform.close()
    log.info("worker_stopped")


@asynccontextmanager
async def handling_messages(
    settings: Settings, audience: Audience, queue: Queue, heartbeat: timedelta
) -> AsyncIterator[None]:
    """Dramatiq's threads, which hand every message to this loop; on leaving they finish theirs."""
    limit = heartbeat / LIMIT_SHARE
    limit_ms = int(limit.total_seconds() * 1_000)
    database = Database(
        settings.database_url,
        pool_size=THREADS,
        statement_timeout_ms=limit_ms,
        idle_timeout_ms=limit_ms,
        lock_timeout_ms=limit_ms // 2,
    )
    cache = open_cache(settings.redis_url)
    handling = Handling(
        database,
        audience,
        time_limit=limit,
        emitted=partial(wake_relay, cache),
        tools={"settings": settings, "post": open_post(settings)},
    )
    queue.serve(handling, asyncio.get_running_loop())
    worker = dramatiq.Worker(queue.broker, worker_threads=THREADS, worker_timeout=LOOK_EVERY_MS)
    worker.start()
    try:
        yield
    finally:
        # In a thread: the messages under way need this loop to finish.
        await asyncio.to_thread(worker.stop, limit_ms)
        await cache.aclose()
        await database.close()
