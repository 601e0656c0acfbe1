"""The stage of the crash tests: servers of their own, the real web server, the real worker, and the final check."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tenants.actors import Actor
from tenants.platform.cache import open_cache
from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.ids import CooperativeId
from tenants.platform.processes import Child
from tenants.platform.settings import Settings
from tests.factories import api_token, found_cooperative, join_member
from timebank.ledger.proof import prove_ledger

MEMBERS = 4
HEARTBEAT_SECONDS = 6
DRAIN_SECONDS = 180.0
AT_WORK = text("""
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE state = 'idle in transaction' AND query LIKE '%FROM pace%'
          AND state_change > now() - interval '500 ms'
    )
""")


@dataclass(frozen=True)
class Giver:
    """A member and the token of their program."""

    id: UUID
    token: str


@dataclass(frozen=True)
class Cooperative:
    """A cooperative with a few members who have tokens."""

    tenant_id: CooperativeId
    slug: str
    members: list[Giver]


class Stage:
    """Everything that may be killed, and what looks at the ruins."""

    def __init__(self, servers: Servers, settings: Settings, environment: dict[str, str]) -> None:
        self.servers = servers
        self.base_url = settings.base_url
        self._environment = environment
        self.app = Database(settings.database_url)
        self.platform = Database(settings.database_platform_url)
        self.owner = Database(settings.database_owner_url)
        # Only a superuser sees what the sessions of others do.
        self.superuser = Database(servers.url("postgres"))
        self.web = self._child("web", "marketplace.cli", "serve")
        self.worker = self._child("worker", "tests.crashes.worker")

    def another_worker(self, fault: str = "") -> Child:
        """One more worker, with a planted fault if one is named; not started yet."""
        return self._child(
            f"worker-{fault or 'another'}", "tests.crashes.worker", *([fault] if fault else [])
        )

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        return Child(
            name=name,
            command=[sys.executable, "-m", module, *arguments],
            log=self.servers.data_dir / "logs" / f"{name}.log",
            environment=self._environment,
        )

    async def open_cooperative(self) -> Cooperative:
        """Found a cooperative whose members have tokens, through the verbs."""
        founded = await found_cooperative(self.app)
        members = [await join_member(self.app, founded) for _ in range(MEMBERS)]
        tokens = [await api_token(self.app, member, "hours:write") for member in members]
        givers = [Giver(member.id, token) for member, token in zip(members, tokens, strict=True)]
        return Cooperative(founded.tenant_id, founded.slug, givers)

    async def pace(self, seconds: float) -> None:
        """How long the marking subscriber takes over each event from now on."""
        async with self.owner.begin() as db:
            await db.execute(text("UPDATE pace SET seconds = :seconds"), {"seconds": seconds})

    # --- Killing ---------------------------------------------------------------------------------------

    async def crash_postgres(self) -> None:
        """SIGKILL PostgreSQL; our own connections, which look at the ruins later, begin anew."""
        await asyncio.to_thread(self._crash_postgres)
        for database in (self.app, self.platform, self.owner, self.superuser):
            await database.close()

    def _crash_postgres(self) -> None:
        """The postmaster and every process of its own, in one breath."""
        postmaster = self.servers.postgres.pid
        os.kill(postmaster, signal.SIGSTOP)
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True, check=True
        )
        for pid in [postmaster, *map(int, listed.stdout.split())]:
            os.kill(pid, signal.SIGKILL)
        self.servers.postgres.kill()

    async def flush_valkey(self) -> None:
        """Make Valkey forget everything."""
        cache = open_cache(self.servers.redis_url)
        await cache.flushall()
        await cache.aclose()

    # --- Looking ---------------------------------------------------------------------------------------

    async def posted(self, cooperative: Cooperative) -> list[UUID]:
        """Every transfer of the cooperative."""
        return await self._column("SELECT id FROM transfers WHERE tenant_id = :tenant", cooperative)

    async def marked(self, cooperative: Cooperative) -> list[UUID]:
        """The transfer of every mark that a subscriber left."""
        return await self._column("SELECT transfer_id FROM marks WHERE tenant_id = :tenant", cooperative)

    async def markers(self, cooperative: Cooperative) -> list[int]:
        """The process that left each mark."""
        return await self._column("SELECT worker FROM marks WHERE tenant_id = :tenant", cooperative)

    async def _column(self, query: str, cooperative: Cooperative) -> list[Any]:
        async with self.platform.begin() as db:
            return list(await db.scalars(text(query), {"tenant": cooperative.tenant_id}))

    async def reach_marks(
        self, cooperative: Cooperative, count: int, *, seconds: float = DRAIN_SECONDS
    ) -> None:
        """Wait until subscribers have left so many marks. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(await self.marked(cooperative)) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def drained(self, cooperative: Cooperative) -> None:
        """Wait until every event was handled, and those that their handling brought about."""
        waiting = "SELECT id FROM outbox WHERE tenant_id = :tenant AND due_at IS NOT NULL LIMIT 1"
        async with asyncio.timeout(DRAIN_SECONDS):
            while await self._column(waiting, cooperative):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def forget_events(self, cooperative: Cooperative) -> None:
        """Leave nothing of a test that planted a fault for the next one."""
        async with self.platform.begin() as db:
            await db.execute(
                text("""
                    UPDATE outbox SET pending = '{}', sent_at = now(), due_at = NULL
                    WHERE tenant_id = :tenant AND due_at IS NOT NULL
                """),
                {"tenant": cooperative.tenant_id},
            )

    async def at_work(self) -> bool:
        """Whether a subscriber has just begun to dawdle, its transaction open."""
        async with self.superuser.begin() as db:
            return bool(await db.scalar(AT_WORK))

    async def check(self, cooperative: Cooperative, acknowledged: dict[str, UUID]) -> None:
        """Every acknowledged transfer is there once, none else; the ledger is whole; each was heard of once."""
        posted = await self.posted(cooperative)
        assert len(set(acknowledged.values())) == len(acknowledged)
        assert sorted(posted) == sorted(acknowledged.values())
        async with self.app.begin(tenant=cooperative.tenant_id) as db:
            proof = await prove_ledger(db, actor=Actor.system(cooperative.tenant_id))
        assert (proof.differences, proof.transfers) == (0, len(posted))
        assert sorted(await self.marked(cooperative)) == sorted(posted)
        told = await self._column(
            "SELECT id FROM notices WHERE tenant_id = :tenant AND kind = 'hours_received'", cooperative
        )
        assert len(told) == len(posted)

    async def close(self) -> None:
        """Stop what still runs."""
        for database in (self.app, self.platform, self.owner, self.superuser):
            await database.close()
        for child in (self.worker, self.web):
            await asyncio.to_thread(child.stop)
