"""The throttle: how often somebody may try something.

Attempts are counted in Valkey, over a window that slides. While Valkey is away ordinary limits let everybody
through, and limits that guard a secret fall back to a stricter count in this process. This file must
never store whom it counts: addresses and e-mails are kept as keyed digests, and forgotten.
"""

import hashlib
import math
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

import structlog

from tenants.platform.cache import CACHE_AWAY, open_cache
from tenants.platform.errors import TooManyAttempts

PREFIX = "archipel:throttle"
# After Valkey failed to answer, requests do not wait for it again at once.
AWAY_SECONDS = 1.0
# How much stricter a limit is when each process counts alone.
STRICTER = 4
MOST_COUNTED_HERE = 10_000

log = structlog.get_logger(__name__)

# The moments of the latest attempts, newest first, never more of them than are allowed: the oldest of these
# decides. Answers 0 if the attempt is allowed (and kept), otherwise the milliseconds to wait.
SPEND = """
local moment = redis.call('TIME')
local now = moment[1] * 1000 + math.floor(moment[2] / 1000)
local length, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], most - 1)
if oldest and now - oldest < length then
    return length - (now - oldest)
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, most - 1)
redis.call('PEXPIRE', KEYS[1], length)
return 0
"""


@dataclass(frozen=True)
class Limit:
    """At most ``attempts`` within any ``seconds``. ``guards_secret``: it still holds without Valkey."""

    name: str
    attempts: int
    seconds: int
    guards_secret: bool = False

    def __post_init__(self) -> None:
        assert min(self.attempts, self.seconds) >= 1, f"{self.name} allows nothing"


class _Here:
    """What this process counts alone; the subjects that came longest ago are forgotten first."""

    def __init__(self) -> None:
        self.attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def spend(self, key: str, limit: Limit) -> float:
        """The same as ``SPEND``, in seconds and more strictly."""
        most = max(1, limit.attempts // STRICTER)
        kept = self.attempts.setdefault(key, deque(maxlen=most))
        self.attempts.move_to_end(key)
        if len(self.attempts) > MOST_COUNTED_HERE:
            self.attempts.popitem(last=False)
        now = time.monotonic()
        if len(kept) == most and now - kept[0] < limit.seconds:
            return limit.seconds - (now - kept[0])
        kept.append(now)
        return 0.0


class Throttle:
    """Counts attempts. Built in the process and on the event loop that use it.

    ``secret`` keys the digests, so that who reads Valkey cannot look for an e-mail address there.
    """

    def __init__(self, redis_url: str, *, secret: bytes = b"") -> None:
        self.cache = open_cache(redis_url)
        self._secret = hashlib.sha256(b"throttle" + secret).digest()
        self._spend = self.cache.register_script(SPEND)
        self._here = _Here()
        self._away_until = 0.0

    async def attempt(self, limit: Limit, subject: str) -> None:
        """Count one attempt by ``subject``. Raises TooManyAttempts, which is not counted."""
        wait = await self._wait(limit, self._key(limit, subject))
        if wait > 0:
            raise TooManyAttempts(retry_after_seconds=math.ceil(wait))

    async def forget(self, limit: Limit, subject: str) -> None:
        """Start anew for this subject, who has shown who they are."""
        key = self._key(limit, subject)
        self._here.attempts.pop(key, None)
        try:
            await self.cache.delete(key)
        except CACHE_AWAY:
            log.warning("throttle_away")

    async def close(self) -> None:
        """Close the connections."""
        await self.cache.aclose()

    async def _wait(self, limit: Limit, key: str) -> float:
        if time.monotonic() >= self._away_until:
            try:
                return (
                    float(await self._spend(keys=[key], args=[limit.seconds * 1000, limit.attempts])) / 1000
                )
            except CACHE_AWAY as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                log.warning("throttle_away", error=type(error).__name__)
        return self._here.spend(key, limit) if limit.guards_secret else 0.0

    def _key(self, limit: Limit, subject: str) -> str:
        digest = hashlib.blake2s(subject.encode(), key=self._secret, digest_size=16).hexdigest()
        return f"{PREFIX}:{limit.name}:{digest}"
