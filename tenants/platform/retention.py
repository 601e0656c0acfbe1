"""How long what the machinery needs is kept: handled events, answered keys, sign-ins that are over, old links.

It runs as role platform over all cooperatives at once, because these records belong to the machinery
and one pass is cheap. This file must never delete what a person or a cooperative would look for.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import CursorResult, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tenants.platform.database import Database
from tenants.platform.relay import pause_unless

# Counted from when the record is of no more use: an event or an answer from its writing, a sign-in from its end,
# a mailed link from the moment it is no longer good. The README shows the same table.
KEPT: Final = {
    "outbox": timedelta(days=30),
    "idempotency_keys": timedelta(days=30),
    "sign_ins": timedelta(days=30),
    "mail_links": timedelta(days=1),
    "join_requests": timedelta(days=1),
    "half_sign_ins": timedelta(days=1),
}
AT_ONCE = 10_000
# More often than daily, so that a worker that is restarted every day still sweeps.
SWEEP_EVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)

# Which rows are of no more use. An event that somebody has still to handle is kept, however old. Of a sign-in or a
# link the role of the sweep may read the times alone, and lock nothing.
OVER: Final = {
    "outbox": """
        ctid IN (SELECT ctid FROM outbox WHERE emitted_at < now() - CAST(:kept AS interval) AND due_at IS NULL
                 LIMIT :most FOR UPDATE SKIP LOCKED)
    """,
    "idempotency_keys": """
        ctid IN (SELECT ctid FROM idempotency_keys WHERE created_at < now() - CAST(:kept AS interval)
                 LIMIT :most FOR UPDATE SKIP LOCKED)
    """,
    "sign_ins": """
        id IN (SELECT id FROM sign_ins WHERE least(expires_at, revoked_at) < now() - CAST(:kept AS interval)
               LIMIT :most)
    """,
    "mail_links": """
        id IN (SELECT id FROM mail_links WHERE expires_at < now() - CAST(:kept AS interval) LIMIT :most)
    """,
    "half_sign_ins": """
        id IN (SELECT id FROM half_sign_ins WHERE expires_at < now() - CAST(:kept AS interval) LIMIT :most)
    """,
    "join_requests": """
        ctid IN (SELECT ctid FROM join_requests WHERE expires_at < now() - CAST(:kept AS interval)
                 LIMIT :most FOR UPDATE SKIP LOCKED)
    """,
}


async def run_sweep(database: Database, stop: asyncio.Event) -> None:
    """Sweep every hour until told to stop. An outage of the database is waited out, never raised."""
    while not stop.is_set():
        try:
            await sweep(database)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            log.warning("sweep_waits", error=type(error).__name__)
        await pause_unless(stop, SWEEP_EVERY_SECONDS)


async def sweep(database: Database) -> dict[str, int]:
    """Delete what is older than ``KEPT``, in small transactions; return how many rows of each table."""
    deleted = {table: await _delete(database, table) for table in KEPT}
    if any(deleted.values()):
        log.info("swept", **deleted)
    return deleted


async def _delete(database: Database, table: str) -> int:
    # The names are this file's own.
    statement = text(f"DELETE FROM {table} WHERE {OVER[table]}")  # noqa: S608
    deleted, last = 0, AT_ONCE
    while last == AT_ONCE:
        async with database.begin() as db:
            result = await db.execute(statement, {"kept": KEPT[table], "most": AT_ONCE})
            assert isinstance(result, CursorResult)
            last = result.rowcount
        deleted += last
    return deleted
