"""One page over HTTP, as browsers ask for it: how long, how often, how heavy, and how many statements stand behind it.

This file must never count an answer that is not a 200.
"""

import http.client
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tests.bench.sides import TPS, Untrue, pgbench_program
from tests.bench.stand import FOLDER, SLUG, Stand
from tests.bench.town import COOKIE

LEAST: Final = 20
"""So many answers to each browser, however long that takes."""
BEGIN_AND_END: Final = ("BEGIN", "COMMIT", "ROLLBACK", "SET TRANSACTION")


@dataclass(frozen=True)
class Asked:
    """What a run of one page gave: answers per second, milliseconds of each, bytes of the last."""

    per_second: float
    p50_ms: float
    p99_ms: float
    size: int


def ask(stand: Stand, path: str, *, clients: int, seconds: float) -> Asked:
    """Let so many browsers ask for a page again and again, each after its answer. The first second warms up."""
    until = time.monotonic() + seconds + 1

    def browse(_number: int) -> tuple[list[float], int]:
        line = http.client.HTTPConnection("127.0.0.1", stand.settings.port, timeout=30)
        took: list[float] = []
        size = 0
        while time.monotonic() < until or len(took) < LEAST:
            began = time.perf_counter()
            size = _get(line, path)
            if time.monotonic() > until - seconds:
                took.append(time.perf_counter() - began)
        return took, size

    with ThreadPoolExecutor(clients) as browsers:
        runs = list(browsers.map(browse, range(clients)))
    times = sorted(moment for took, _ in runs for moment in took)
    return Asked(
        per_second=clients * len(times) / sum(times),
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
        size=runs[0][1],
    )


def _get(line: http.client.HTTPConnection, path: str) -> int:
    line.request("GET", quote(path, safe="/?=&-"), headers={"cookie": f"archipel_sign_in={COOKIE}"})
    answer = line.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        raise Untrue(f"{path} answered {answer.status}: {body[:300]!r}")
    return len(body)


def statements_of(stand: Stand, path: str) -> int:
    """How many statements a page sends, without those that begin and end a transaction: PostgreSQL writes them down."""
    line = http.client.HTTPConnection("127.0.0.1", stand.settings.port, timeout=30)
    _get(line, path)
    log = stand.servers.postgres.log
    stand.run("ALTER SYSTEM SET log_statement = 'all'")
    stand.run("SELECT pg_reload_conf()")
    try:
        # Others of the pool read the setting when they are next idle; the page is asked for on one of them.
        time.sleep(0.5)
        before = log.stat().st_size
        _get(line, path)
        time.sleep(0.2)
        with log.open("rb") as file:
            file.seek(before)
            written = file.read().decode(errors="replace").splitlines()
    finally:
        stand.run("ALTER SYSTEM RESET log_statement")
        stand.run("SELECT pg_reload_conf()")
    said = [one.partition("LOG:  ")[2] for one in written if "LOG:  " in one]
    sent = [one.partition(": ")[2] for one in said if one.startswith(("statement: ", "execute "))]
    return sum(not one.startswith(BEGIN_AND_END) for one in sent)


def by_pgbench(stand: Stand, statement: str, *, clients: int, seconds: float) -> float:
    """All that the page asks of PostgreSQL, per second: who comes to which cooperative, and its own statement."""
    script = FOLDER / "page.pgbench"
    script.write_text(
        "BEGIN READ ONLY;\nSELECT set_config('archipel.tenant', '', true), set_config('archipel.person', '', true);\n"
        f"SELECT * FROM arrive('{SLUG}', sha256('{COOKIE}'), NULL);\n"
        f"{' '.join(statement.split())};\nEND;\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [
            *(pgbench_program(), "--no-vacuum", "--protocol=prepared", f"--file={script}"),
            *(f"--client={clients}", "--jobs=2", f"--time={max(1, round(seconds))}"),
            stand.servers.url("app"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    tps = TPS.search(ended.stdout)
    if ended.returncode or not tps:
        raise Untrue(f"pgbench failed ({ended.returncode}): {ended.stderr[-2000:]}")
    return float(tps[1])
