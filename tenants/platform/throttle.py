"""The throttle: how often somebody may try something.

Attempts are counted in Valkey, over a sliding window. While Valkey is away ordinary limits let everybody
through, and limits that guard a secret fall back to a stricter count in this process. This file must
never store whom it counts: addresses and e-mails are kept as keyed digests, and forgotten.
"""

import hashlib
import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field

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

# Two counters, of this window and the one before, which counts the less the more of this one has passed.
# Answers 0 if the attempt is allowed (and counted), otherwise the milliseconds to wait. The arithmetic is
# that of ``Window.spend``.
SPEND = """
local moment = redis.call('TIME')
local now = moment[1] * 1000 + math.floor(moment[2] / 1000)
local length, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local slot = math.floor(now / length)
local kept = redis.call('HMGET', KEYS[1], 'slot', 'count', 'before')
local at, count, before = tonumber(kept[1] or slot), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
if at == slot - 1 then before, count = count, 0 elseif at ~= slot then before, count = 0, 0 end
local passed = now - slot * length
if before * (1 - passed / length) + count + 1 <= most then
    redis.call('HSET', KEYS[1], 'slot', slot, 'count', count + 1, 'before', before)
    redis.call('PEXPIRE', KEYS[1], 2 * length)
    return 0
end
if count + 1 <= most then
    return math.max(1, math.ceil(length * (1 - (most - count - 1) / before) - passed))
end
return math.ceil(length - passed + length * (1 - (most - 1) / count))
"""


@dataclass(frozen=True)
class Limit:
    """At most ``attempts`` within any ``seconds``. ``guards_secret``: it still holds without Valkey."""

    name: str
    attempts: int
    seconds: int
    guards_secret: bool = False

    def __post_init__(self) -> None:
        assert self.attempts >= 1 and self.seconds >= 1, f"{self.name} allows nothing"


@dataclass
class Window:
    """The two counters of one subject, in this process."""

    slot: int = 0
    count: int = 0
    before: int = 0

    def spend(self, now: float, length: float, most: int) -> float:
        """Count an attempt at ``now`` (seconds), or say how long to wait; see ``SPEND``."""
        slot = int(now // length)
        if self.slot == slot - 1:
            self.before, self.count = self.count, 0
        elif self.slot != slot:
            self.before, self.count = 0, 0
        self.slot = slot
        passed = now - slot * length
        if self.before * (1 - passed / length) + self.count + 1 <= most:
            self.count += 1
            return 0.0
        if self.count + 1 <= most:
            return max(0.001, length * (1 - (most - self.count - 1) / self.before) - passed)
        return length - passed + length * (1 - (most - 1) / self.count)


@dataclass
class _Here:
    """What this process counts alone; the subjects that came longest ago are forgotten first."""

    windows: OrderedDict[str, Window] = field(default_factory=OrderedDict)

    def spend(self, key: str, limit: Limit) -> float:
        window = self.windows.setdefault(key, Window())
        self.windows.move_to_end(key)
        if len(self.windows) > MOST_COUNTED_HERE:
            self.windows.popitem(last=False)
        return window.spend(time.time(), limit.seconds, max(1, limit.attempts // STRICTER))


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
        self._here.windows.pop(key, None)
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
