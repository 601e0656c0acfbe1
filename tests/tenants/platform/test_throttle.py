"""The throttle: a limit holds in any window, is shared by processes, and knows what to do without Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tenants.platform import throttle as throttles
from tenants.platform.embedded import Servers
from tenants.platform.errors import TooManyAttempts
from tenants.platform.throttle import Limit, Throttle

NOWHERE = "unix:///nonexistent/valkey.sock?db=0"


async def allowed(throttle: Throttle, limit: Limit, subject: str, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            await throttle.attempt(limit, subject)
        except TooManyAttempts:
            continue
        count += 1
    return count


@pytest.fixture
async def throttle(servers: Servers) -> AsyncIterator[Throttle]:
    opened = Throttle(servers.redis_url, secret=b"a")
    yield opened
    await opened.close()


@pytest.fixture
async def without_valkey() -> AsyncIterator[Throttle]:
    opened = Throttle(NOWHERE)
    yield opened
    await opened.close()


def fresh(attempts: int, seconds: int, *, guards_secret: bool = False) -> Limit:
    return Limit(f"test-{uuid4()}", attempts, seconds, guards_secret=guards_secret)


async def test_a_limit_holds_and_says_when_to_come_back(throttle: Throttle) -> None:
    limit = fresh(5, 600)
    assert await allowed(throttle, limit, "marie", 8) == 5
    with pytest.raises(TooManyAttempts) as refused:
        await throttle.attempt(limit, "marie")
    wait = refused.value.facts["retry_after_seconds"]
    assert isinstance(wait, int)
    assert 1 <= wait <= 600
    assert await allowed(throttle, limit, "jean", 1) == 1


async def test_the_limit_is_one_for_all_processes_also_at_once(servers: Servers, throttle: Throttle) -> None:
    limit, other = fresh(10, 600), Throttle(servers.redis_url, secret=b"a")
    counts = await asyncio.gather(
        *(allowed(each, limit, "marie", 5) for each in (throttle, other, throttle, other))
    )
    assert sum(counts) == 10
    await other.close()


async def test_after_the_wait_that_was_told_an_attempt_is_allowed(throttle: Throttle) -> None:
    limit = fresh(4, 1)
    await allowed(throttle, limit, "marie", 4)
    with pytest.raises(TooManyAttempts) as refused:
        await throttle.attempt(limit, "marie")
    wait = refused.value.facts["retry_after_seconds"]
    assert isinstance(wait, int)
    await asyncio.sleep(wait)
    await throttle.attempt(limit, "marie")


async def test_who_has_shown_who_they_are_starts_anew(throttle: Throttle) -> None:
    limit = fresh(2, 600)
    await allowed(throttle, limit, "marie", 5)
    await throttle.forget(limit, "marie")
    assert await allowed(throttle, limit, "marie", 5) == 2


async def test_nobody_can_be_looked_up_in_valkey(throttle: Throttle) -> None:
    limit = fresh(2, 600)
    await throttle.attempt(limit, "marie@example.org")
    [key] = [key async for key in throttle.cache.scan_iter(f"*{limit.name}*")]
    assert b"marie" not in key
    assert 0 < await throttle.cache.pttl(key) <= 600_000
    other = Throttle(NOWHERE, secret=b"b")
    assert other._key(limit, "marie@example.org") != key.decode()


async def test_without_valkey_everybody_reads(without_valkey: Throttle) -> None:
    assert await allowed(without_valkey, fresh(2, 600), "marie", 50) == 50


async def test_without_valkey_secrets_are_guarded_more_strictly(without_valkey: Throttle) -> None:
    limit = fresh(20, 600, guards_secret=True)
    assert await allowed(without_valkey, limit, "marie", 50) == 20 // throttles.STRICTER
    await without_valkey.forget(limit, "marie")
    assert await allowed(without_valkey, limit, "marie", 50) == 20 // throttles.STRICTER
    assert await allowed(without_valkey, fresh(1, 600, guards_secret=True), "marie", 3) == 1


async def test_what_this_process_counts_is_bounded(
    without_valkey: Throttle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles, "MOST_COUNTED_HERE", 10)
    limit = fresh(4, 600, guards_secret=True)
    for number in range(50):
        await without_valkey.attempt(limit, str(number))
    assert len(without_valkey._here.attempts) == 10


async def test_never_more_than_the_limit_in_any_window(throttle: Throttle, without_valkey: Throttle) -> None:
    """Attempts as fast as they go against 4 in a second, for a second and a half: with and without Valkey."""
    shared, alone = fresh(4, 1), fresh(16, 1, guards_secret=True)
    for each, limit in ((throttle, shared), (without_valkey, alone)):
        granted: list[float] = []
        begun = time.monotonic()
        while time.monotonic() - begun < 1.5:
            if await allowed(each, limit, "marie", 1):
                granted.append(time.monotonic())
            await asyncio.sleep(0.01)
        # A little less than a second, because the moment is taken on this side of the connection.
        assert all(sum(start <= moment < start + 0.95 for moment in granted) <= 4 for start in granted)
        assert len(granted) == 8
