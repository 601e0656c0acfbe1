"""The demo: both servers, the worker and the web, started, watched and stopped together.

What `archipel demo` does. This file must never know what a cooperative is: ``marketplace.demo.seed``
fills the database, through the verbs.
"""

import asyncio
import contextlib
import http.client
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console

from marketplace.demo.persona import Persona
from tenants.platform.embedded import Servers, embedded_servers
from tenants.platform.ports import check_port
from tenants.platform.processes import CannotRun, Child, Supervisor, UntilToldToStop
from tenants.platform.settings import NEEDED_TO_SERVE, NEEDED_TO_WORK, Settings

HOST = "127.0.0.1"
READY_SECONDS = 60.0
LARGEST_LOG_BYTES = 5_000_000
# These would reach our children from the shell of somebody who also runs Archipel for real.
FOREIGN = (
    "WEB_WORKERS",
    "LOG_LEVEL",
    "SMTP_URL",
    "MAIL_FROM",
    "WORKER_HEARTBEAT_SECONDS",
    "METRICS_TOKEN",
    "TRUSTED_PROXIES",
)


def run_demo(data_dir: Path, *, port: int, fresh: bool, console: Console) -> None:
    """Run until Ctrl-C. Raises ``CannotRun`` with a sentence when it cannot go on."""
    check_port(HOST, port)
    report = console.print
    # Paths may hold brackets, and no path may be broken over two lines.
    plain = partial(console.print, markup=False, soft_wrap=True)
    with UntilToldToStop():
        report("[dim]Starting PostgreSQL and Valkey…[/dim]")
        with embedded_servers(data_dir, fresh=fresh) as servers, Supervisor(plain) as supervisor:
            supervisor.look_after(servers.postgres, servers.start_postgres)
            supervisor.look_after(servers.valkey, servers.start_valkey)
            _shorten_logs(servers.data_dir / "logs")
            environment = servers.settings_environment(port=port)
            settings = Settings.from_environment(environment)
            personas = _prepare(servers, settings, console)
            worker = _child("worker", ["worker"], servers, environment, NEEDED_TO_WORK)
            web = _child("web", ["serve", "--host", HOST], servers, environment, NEEDED_TO_SERVE)
            supervisor.look_after(worker)
            supervisor.look_after(web)
            _wait_for(web, port)
            _welcome(console, settings, servers, personas)
            supervisor.watch()
    report("\nEverything is stopped; the data is kept.")


def _child(
    name: str,
    command: Sequence[str],
    servers: Servers,
    environment: dict[str, str],
    needed: Sequence[str],
) -> Child:
    """One of our own commands, given the settings it needs and no other."""
    optional = ("MAIL_DIRECTORY", "PORT", "DEMO")
    given = {key: value for key, value in environment.items() if key in {*needed, *optional}}
    withheld = dict.fromkeys((*environment.keys() - given.keys(), *FOREIGN), "")
    return Child(
        name=name,
        command=[sys.executable, "-m", "marketplace.cli", *command],
        log=servers.data_dir / "logs" / f"{name}.log",
        environment={**withheld, **given, "PYTHONUNBUFFERED": "1"},
        stop_seconds=15.0,
    )


def _prepare(servers: Servers, settings: Settings, console: Console) -> Sequence[Persona]:
    """Bring the database to the newest version, and fill it the first time; return its personas."""
    from marketplace.commands.migrate import migrate  # noqa: PLC0415  # It imports every table.

    remembered = servers.data_dir / "personas.json"
    if remembered.exists():
        asyncio.run(migrate(settings, lambda _line: None))
        return msgspec.json.decode(remembered.read_bytes(), type=list[Persona])

    from marketplace.demo.seed import seed  # noqa: PLC0415  # Only the first run needs it.

    # A run that was stopped while it was filling the database has left half of it.
    asyncio.run(_drop_database(settings))
    asyncio.run(migrate(settings, lambda _line: None))
    began = time.monotonic()
    with console.status("Founding the demo's cooperatives, through the verbs…"):
        personas: Sequence[Persona] = asyncio.run(seed(settings))
    console.print(f"[dim]Cooperatives founded in {time.monotonic() - began:.0f} s.[/dim]")
    unfinished = remembered.with_suffix(".new")
    unfinished.write_bytes(msgspec.json.encode(personas))
    unfinished.chmod(0o600)
    unfinished.rename(remembered)
    return personas


async def _drop_database(settings: Settings) -> None:
    admin = await asyncpg.connect(settings.database_admin_url)
    try:
        await admin.execute("DROP DATABASE IF EXISTS archipel WITH (FORCE)")
    finally:
        await admin.close()


def _shorten_logs(folder: Path) -> None:
    """Begin a new log where the old one has grown long; PostgreSQL and Valkey follow at their next start."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.old"))


def _wait_for(web: Child, port: int) -> None:
    """Return once the web server answers; raise ``CannotRun`` with the end of its log if it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while web.running and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", "/health")
            connection.getresponse().read()
            return
        time.sleep(0.1)
    raise CannotRun(f"The web server did not start ({web.ending}); {web.log} ends so:\n{web.last_words(20)}")


def _welcome(console: Console, settings: Settings, servers: Servers, personas: Sequence[Persona]) -> None:
    console.print(f"\nArchipel is at [bold link={settings.base_url}]{settings.base_url}[/]\n")
    rows = [("Sign in as", "who is", "at", "with e-mail", "and password")]
    rows += [(each.name, each.part, each.cooperative, each.email, each.password) for each in personas]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        # No table: one that does not fit would cut an e-mail or a password in two.
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.print(line.rstrip(), markup=False, soft_wrap=True, style="dim" if number == 0 else None)
    console.print(
        f"\nMails are shown at {settings.base_url}/mail; logs are in {_short(servers.data_dir / 'logs')}. "
        "Ctrl-C stops everything.",
        soft_wrap=True,
    )


def _short(path: Path) -> str:
    """The path as one would type it here."""
    with contextlib.suppress(ValueError):
        return os.fspath(path.relative_to(Path.cwd()))
    return os.fspath(path)
