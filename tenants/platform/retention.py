"""The sweep: what is over and has been kept long enough goes, as the table of ``kept`` says, and nothing else.

It runs as role platform over all cooperatives at once, because these records belong to the machinery
and one pass is cheap. This file must never delete what a person or a cooperative would look for.
"""

import asyncio
from typing import Final

import structlog
from sqlalchemy import CursorResult, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tenants.platform.database import Database
from tenants.platform.kept import RETENTION
from tenants.platform.relay import pause_unless

KEPT: Final = {row.tables[0]: row.after for row in RETENTION if row.after is not None}
OVER: Final = {row.tables[0]: row.over for row in RETENTION if row.after is not None}
AT_ONCE = 10_000
# More often than daily, so that a worker that is restarted every day still sweeps.
SWEEP_EVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)


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
