"""What is measured stands here: a database of its own, a cooperative with members, and the real web server.

Rows are seeded as superuser, because a thousand sign-ups through the verbs would only measure argon2; the
transfers themselves go through nothing but the ledger. This file must never change a setting of PostgreSQL
that has to do with durability.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from marketplace import schema
from tenants.platform.embedded import Servers, embedded_servers
from tenants.platform.processes import CannotRun, Child
from tenants.platform.settings import Settings

FOLDER: Final = Path(".bench")
HERE: Final = Path(__file__).parent
MEMBERS: Final = 1_000
SLUG: Final = "banc-d-essai"
PATH: Final = f"/api/v1/{SLUG}/transfers"
ENDPOINT: Final = f"POST {PATH}"
FIRST: Final = 100_000_000_000
SLOW_FLUSH_MICROSECONDS: Final = 1_000
START_SECONDS: Final = 60.0
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")

# The limits are real and are checked on every transfer; they are only too wide to be met.
SEED: Final = """
WITH cooperative AS (
    INSERT INTO cooperatives (slug, name, legal_profile, territory)
    VALUES ('{slug}', 'Banc d''essai', 'association', '29') RETURNING tenant_id
), line AS (
    SELECT (append_to_register(tenant_id, 'founding_act', '{{}}')).seq, tenant_id FROM cooperative
)
INSERT INTO rule_versions (tenant_id, rule, value, in_force, source, register_seq)
SELECT tenant_id, rule, value, tstzrange(now(), NULL), 'founding_act', seq
FROM line, (VALUES ('timebank.credit_limit_low', '1000000000'::jsonb), ('timebank.credit_limit_high', '1000000000'))
    AS rules (rule, value);
INSERT INTO people (person_id, email)
SELECT ('00000000-0000-7000-9000-' || ({first} + i))::uuid, 'membre' || i || '@banc.example'
FROM generate_series(0, {members}) i;
INSERT INTO memberships (tenant_id, id, person_id, state, display_name, contact_email, joined_at)
SELECT tenant_id, ('00000000-0000-7000-8000-' || ({first} + i))::uuid, ('00000000-0000-7000-9000-' || ({first} + i))::uuid,
       'active', 'Membre ' || i, 'membre' || i || '@banc.example', now()
FROM cooperatives, generate_series(0, {members}) i;
INSERT INTO api_tokens (tenant_id, membership_id, name, prefix, token_hash, scopes, expires_at, last_used_at)
SELECT tenant_id, ('00000000-0000-7000-8000-' || ({first} + i))::uuid, 'banc', 'banc',
       sha256(('archipel_banc_' || i)::bytea), '{{hours:write}}', now() + interval '1 day', now()
FROM cooperatives, generate_series(0, {members}) i;
"""


@dataclass(frozen=True)
class Stand:
    """A running cooperative. ``members`` and ``tokens`` are in the same order; ``hot`` is one more member."""

    servers: Servers
    settings: Settings
    web: Child
    tenant: UUID
    members: list[str]
    tokens: list[str]
    hot: str
    slow: bool

    def run(self, query: str, *, as_role: str = "postgres") -> list[asyncpg.Record]:
        """One query of the benchmark's own, outside of what is timed."""

        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.servers.url(as_role))
            try:
                return list(await connection.fetch(query))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def run_all(self, script: str) -> None:
        """Several statements of the benchmark's own, as superuser, however long they take."""

        async def send() -> None:
            connection = await asyncpg.connect(self.servers.url("postgres"))
            try:
                await connection.execute(script, timeout=None)
            finally:
                await connection.close()

        asyncio.run(send())

    def posted(self) -> int:
        """How many transfers the accounts have seen: each counts once on both sides."""
        return int(self.run("SELECT sum(version) / 2 AS posted FROM accounts")[0]["posted"])

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time so far of the two programs measured, with their children."""
        return {"web": _cpu_of(self.web.pid), "postgres": _cpu_of(self.servers.postgres.pid)}


@dataclass(frozen=True)
class Kept:
    """A folder whose database is kept between runs, with what it was filled by; another ``mark`` fills it anew."""

    name: str
    mark: str
    fill: Callable[[Servers], None]


@contextmanager
def stand(*, slow: bool, web_workers: int, kept: Kept | None = None) -> Iterator[Stand]:
    """Run everything in a folder of ``.bench``, emptied first unless it is kept; with ``slow``, each flush takes 1 ms longer."""
    data = FOLDER.resolve() / (kept.name if kept else "data")
    mark = data / "filled_by"
    filled = kept is not None and mark.is_file() and mark.read_text(encoding="ascii") == kept.mark
    if not filled:
        shutil.rmtree(data, ignore_errors=True)
    data.parent.mkdir(parents=True, exist_ok=True)
    environment = {}
    if slow:
        environment = {
            "LD_PRELOAD": str(build_slow_flush(data.parent)),
            "SLOW_FLUSH_MICROSECONDS": str(SLOW_FLUSH_MICROSECONDS),
        }
    port = _free_port()
    with embedded_servers(data, postgres_environment=environment) as servers:
        given = servers.settings_environment(port=port, demo=True) | {
            "WEB_WORKERS": str(web_workers),
            "LOG_LEVEL": "warning",
        }
        settings = Settings.from_environment(given)
        # Functions may have changed since; what they index, too.
        asyncio.run(schema.migrate(settings, report=lambda _line: None))
        if not filled:
            asyncio.run(_seed(servers))
        if kept and not filled:
            kept.fill(servers)
            mark.write_text(kept.mark, encoding="ascii")
        web = Child(
            name="web server",
            command=[sys.executable, "-m", "marketplace.cli", "serve"],
            log=data / "logs" / "web.log",
            environment=given,
        )
        web.start()
        try:
            _wait_for(port, web)
            yield _described(servers, settings, web, slow=slow)
        finally:
            web.stop()
    if kept is None:
        shutil.rmtree(data, ignore_errors=True)


def _described(servers: Servers, settings: Settings, web: Child, *, slow: bool) -> Stand:
    async def tenant() -> UUID:
        connection = await asyncpg.connect(servers.url("postgres"))
        try:
            return UUID(
                str(await connection.fetchval(f"SELECT tenant_id FROM cooperatives WHERE slug = '{SLUG}'"))
            )
        finally:
            await connection.close()

    return Stand(
        servers=servers,
        settings=settings,
        web=web,
        tenant=asyncio.run(tenant()),
        members=[f"00000000-0000-7000-8000-{FIRST + i}" for i in range(1, MEMBERS + 1)],
        tokens=[f"archipel_banc_{i}" for i in range(1, MEMBERS + 1)],
        hot=f"00000000-0000-7000-8000-{FIRST}",
        slow=slow,
    )


async def _seed(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.url("postgres"))
    try:
        await connection.execute(SEED.format(slug=SLUG, first=FIRST, members=MEMBERS))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def compiler() -> str | None:
    """The C compiler of this machine, if it has one."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def build_slow_flush(folder: Path) -> Path:
    """Compile ``slow_flush.c`` where PostgreSQL can read it."""
    program = compiler()
    assert program, "the caller asks compiler() first"
    library = folder / "slow_flush.so"
    subprocess.run(
        [program, "-O2", "-shared", "-fPIC", "-o", library, HERE / "slow_flush.c", "-ldl"],
        check=True,
    )
    library.chmod(0o755)
    return library


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _wait_for(port: int, web: Child) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and web.running:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    message = f"The web server did not start ({web.ending}); its log ends so:\n{web.last_words(30)}"
    raise CannotRun(message)


def _cpu_of(pid: int) -> float:
    """Seconds of processor time of a process, of its living children, and of those it has buried."""
    total = 0.0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            children = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="utf-8").split()
        except OSError:
            continue
        total += sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_SECOND
        waiting += [int(child) for child in children]
    return total
