"""How long the cellar's own records are kept: handled events and answered keys, 30 days.

It runs as role platform over all cooperatives at once, because these records belong to the machinery
and one pass is cheap. This file must never delete what a person or a cooperative would look for.
"""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tenants.platform.database import Database
from tenants.platform.relay import pause_unless

KEPT = timedelta(days=30)
AT_ONCE = 10_000
# More often than daily, so that a worker that is restarted every day still sweeps.
SWEEP_EVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)

# An event that somebody has still to handle is kept, however old.
OLD_EVENTS = text("""
    DELETE FROM outbox WHERE ctid IN (
        SELECT ctid FROM outbox WHERE emitted_at < now() - CAST(:kept AS interval) AND due_at IS NULL
        LIMIT :most FOR UPDATE SKIP LOCKED
    )
""")
OLD_KEYS = text("""
    DELETE FROM idempotency_keys WHERE ctid IN (
        SELECT ctid FROM idempotency_keys WHERE created_at < now() - CAST(:kept AS interval)
        LIMIT :most FOR UPDATE SKIP LOCKED
    )
""")


async def run_sweep(database: Database, stop: asyncio.Event) -> None:
    """Sweep every hour until told to stop. An outage of the database is waited out, never raised."""
    while not stop.is_set():
        try:
            await sweep(database)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            log.warning("sweep_waits", error=type(error).__name__)
        await pause_unless(stop, SWEEP_EVERY_SECONDS)


async def sweep(database: Database, *, kept: timedelta = KEPT) -> tuple[int, int]:
    """Delete what is older than ``kept``, in small transactions; return (events, keys) deleted."""
    events, keys = await _delete(database, OLD_EVENTS, kept), await _delete(database, OLD_KEYS, kept)
    if events or keys:
        log.info("swept", events=events, keys=keys)
    return events, keys


async def _delete(database: Database, statement: TextClause, kept: timedelta) -> int:
    deleted, last = 0, AT_ONCE
    while last == AT_ONCE:
        async with database.begin() as db:
            result = await db.execute(statement, {"kept": kept, "most": AT_ONCE})
            assert isinstance(result, CursorResult)
            last = result.rowcount
        deleted += last
    return deleted
