"""Killed in the middle of load: PostgreSQL, the web server, the worker, Valkey; and a worker that wakes up late.

Each test ends in the same check. The last three plant a fault and show that the check would see it.
"""

import asyncio
import os
import signal

import asyncpg
import pytest

from tenants.platform.processes import Child
from tests.crashes.load import Load
from tests.crashes.stage import HEARTBEAT_SECONDS, Cooperative, Stage

# Less than a third of the heartbeat, which is as long as a job may take.
SLOW = 1.0


async def test_postgres_is_killed(stage: Stage, cooperative: Cooperative) -> None:
    async with Load(stage.base_url, cooperative) as load:
        await stage.crash_postgres()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(stage.servers.start_postgres)
        await load.reach(30)
    assert load.tried_again > 0
    await stage.drained(cooperative)
    await stage.check(cooperative, load.acknowledged)


async def test_the_web_server_is_killed(stage: Stage, cooperative: Cooperative) -> None:
    async with Load(stage.base_url, cooperative) as load:
        await asyncio.to_thread(stage.web.kill)
        stage.web.start()
        await load.reach(30)
    assert load.tried_again > 0
    await stage.drained(cooperative)
    await stage.check(cooperative, load.acknowledged)


async def test_the_worker_is_killed(stage: Stage, cooperative: Cooperative) -> None:
    async with Load(stage.base_url, cooperative) as load:
        await stage.reach_marks(cooperative, 10)
        await asyncio.to_thread(stage.worker.kill)
        stage.worker.start()
        await load.reach(30)
    await stage.drained(cooperative)
    await stage.check(cooperative, load.acknowledged)


async def test_valkey_forgets_everything(stage: Stage, cooperative: Cooperative) -> None:
    async with Load(stage.base_url, cooperative) as load:
        for _ in range(5):
            await stage.flush_valkey()
            await load.reach(20)
    assert load.tried_again == 0
    await stage.drained(cooperative)
    await stage.check(cooperative, load.acknowledged)


async def test_valkey_is_gone_for_a_minute(stage: Stage, cooperative: Cooperative) -> None:
    # Every transfer of that minute waits in the table, to be handled afterwards: some hundreds say as much as thousands.
    async with Load(stage.base_url, cooperative, pause_seconds=0.2) as load:
        await asyncio.to_thread(stage.servers.valkey.kill)
        before = len(load.acknowledged)
        await asyncio.sleep(60)
        assert len(load.acknowledged) >= before + 300, "writes go on"
        await asyncio.to_thread(stage.servers.start_valkey)
        await load.reach(20)
    assert load.tried_again == 0
    await stage.drained(cooperative)
    await stage.check(cooperative, load.acknowledged)


async def test_a_worker_that_wakes_up_late_does_nothing(stage: Stage, cooperative: Cooperative) -> None:
    other = stage.another_worker()
    try:
        load = await _freeze(stage, cooperative, stage.worker)
        other.start()
        await stage.reach_marks(cooperative, len(load.acknowledged))
        assert set(await stage.markers(cooperative)) == {other.pid}
        os.killpg(stage.worker.pid, signal.SIGCONT)
        await asyncio.sleep(2 * SLOW + 1)
        await stage.drained(cooperative)
        await stage.check(cooperative, load.acknowledged)
        assert set(await stage.markers(cooperative)) == {other.pid}
    finally:
        os.killpg(stage.worker.pid, signal.SIGCONT)
        await asyncio.to_thread(other.stop)
    # Awake again, it is as good as before.
    await stage.pace(0)
    await load.transfer(3)
    await stage.drained(cooperative)
    await stage.check(cooperative, load.acknowledged)
    assert set(await stage.markers(cooperative)) == {other.pid, stage.worker.pid}


async def test_a_worker_told_to_stop_finishes_what_it_has_begun(
    stage: Stage, cooperative: Cooperative
) -> None:
    await stage.pace(SLOW)
    load = await _begin(stage, cooperative)
    await asyncio.to_thread(stage.worker.stop)
    assert stage.worker.ending == "ended with code 0"
    assert await stage.marked(cooperative) != []
    await stage.pace(0)
    stage.worker.start()
    await stage.drained(cooperative)
    await stage.check(cooperative, load.acknowledged)


# --- The check sees what it is there to see --------------------------------------------------------------


async def test_planted_a_commit_that_does_not_wait_for_the_disk_loses_what_was_acknowledged(
    stage: Stage, cooperative: Cooperative
) -> None:
    await _commits_wait(stage, wait=False)
    async with Load(stage.base_url, cooperative) as load:
        await load.reach(30)
        await stage.crash_postgres()
        await asyncio.to_thread(stage.servers.start_postgres)
    await _commits_wait(stage, wait=True)
    await stage.drained(cooperative)
    with pytest.raises(AssertionError):
        await stage.check(cooperative, load.acknowledged)


async def test_planted_a_handler_that_claims_nothing_does_its_work_twice(
    stage: Stage, cooperative: Cooperative
) -> None:
    faulty = stage.another_worker("unclaimed")
    await asyncio.to_thread(stage.worker.stop)
    faulty.start()
    try:
        async with Load(stage.base_url, cooperative) as load:
            pass
        await stage.reach_marks(cooperative, len(load.acknowledged) + 1)
    finally:
        await asyncio.to_thread(faulty.stop)
        stage.worker.start()
    with pytest.raises(AssertionError):
        await stage.check(cooperative, load.acknowledged)
    await stage.forget_events(cooperative)


async def test_planted_a_worker_that_is_not_fenced_keeps_its_hold_on_the_event(
    stage: Stage, cooperative: Cooperative
) -> None:
    unfenced = stage.another_worker("unfenced")
    await asyncio.to_thread(stage.worker.stop)
    unfenced.start()
    try:
        await _freeze(stage, cooperative, unfenced)
        stage.worker.start()
        with pytest.raises(TimeoutError):
            await stage.reach_marks(cooperative, 1, seconds=1.5 * HEARTBEAT_SECONDS)
    finally:
        await asyncio.to_thread(unfenced.kill)


# --- How it is done -----------------------------------------------------------------------------------------


async def _freeze(stage: Stage, cooperative: Cooperative, worker: Child) -> Load:
    """Stop the worker in the middle of its job, with its transaction open."""
    load = await _begin(stage, cooperative)
    os.killpg(worker.pid, signal.SIGSTOP)
    assert await stage.marked(cooperative) == []
    return load


async def _begin(stage: Stage, cooperative: Cooperative) -> Load:
    """Make one transfer, and return when a subscriber stands between its claim and its mark."""
    await stage.pace(SLOW)
    assert not await stage.at_work()
    load = Load(stage.base_url, cooperative)
    transferring = asyncio.create_task(load.transfer(1))
    async with asyncio.timeout(20):
        while not await stage.at_work():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await transferring
    return load


async def _commits_wait(stage: Stage, *, wait: bool) -> None:
    """Have PostgreSQL acknowledge a commit before (the fault) or after it is safe from a crash."""
    wishes = {"synchronous_commit": "on", "wal_writer_delay": "200ms"}
    if not wait:
        wishes = {"synchronous_commit": "off", "wal_writer_delay": "10s"}
    admin = await asyncpg.connect(stage.servers.admin_url)
    for name, value in wishes.items():
        await admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()
    # A pool's connections read the new configuration between two statements.
    await asyncio.sleep(0.3)
