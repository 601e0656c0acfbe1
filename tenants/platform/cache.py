"""The way into Valkey (or Redis), which may be flushed or away at any moment.

It carries messages, hints and counters of attempts, and never the truth: whoever uses it must go on
without it. This file must never hold what a cooperative would miss.
"""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

# What "Valkey is away" looks like to a caller: the client's errors, and those of the socket below it.
CACHE_AWAY = (RedisError, OSError, TimeoutError)


def open_cache(url: str, *, answer_within_seconds: float = 0.5) -> Redis:
    """A client that gives up soon and does not try again by itself: its callers know what to do.

    ``answer_within_seconds`` bounds connecting and each answer. It belongs to one event loop.
    """
    return Redis.from_url(
        url,
        socket_timeout=answer_within_seconds,
        socket_connect_timeout=answer_within_seconds,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
