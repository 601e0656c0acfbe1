"""Health: whether the two servers answer, and how much is waiting to be heard.

This file must never show anything about a cooperative, and never raise: an outage is its answer.
"""

import msgspec
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tenants.platform.cache import CACHE_AWAY
from tenants.platform.database import Database

BACKLOG = text("SELECT backlog, oldest_seconds FROM outbox_backlog()")


class Health(msgspec.Struct, frozen=True):
    """What an operator's monitor asks. ``outbox_backlog`` counts up to 10,000; null without the database."""

    database: bool
    redis: bool
    outbox_backlog: int | None
    oldest_seconds: float | None


async def health(database: Database, cache: Redis) -> Health:
    """Ask both servers (role app is enough)."""
    backlog, oldest, answers = None, None, False
    try:
        async with database.begin(read_only=True) as db:
            backlog, oldest = (await db.execute(BACKLOG)).one()
        answers = True
    except (SQLAlchemyError, OSError, TimeoutError):
        answers = False
    try:
        cache_answers = bool(await cache.ping())
    except CACHE_AWAY:
        cache_answers = False
    return Health(
        database=answers,
        redis=cache_answers,
        outbox_backlog=backlog,
        oldest_seconds=None if oldest is None else round(oldest, 1),
    )
