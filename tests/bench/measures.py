"""What is measured, under which name, and against what. Each is a comparison A B A B on one stand.

The ratio of a comparison is the median over its pairs, because whatever else the machine does slows both
halves of a pair alike. This file must never mix figures of two stands in one ratio.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

import msgspec

from tests.bench.sides import Run, Untrue, directly, over_http
from tests.bench.stand import SLOW_FLUSH_MICROSECONDS, Stand

MEASURED_IN_BYTES: Final = ("transfers", "idempotency_keys", "outbox", "accounts")
SMALLEST_SAMPLE: Final = 1_000


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table and of ``.bench/latest.json``. ``theirs`` is the other side's value.

    ``at_least`` is what the ratio should reach, ``at_most`` what the value should stay under.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None
    theirs: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    command: str

    @property
    def is_met(self) -> bool:
        """Whether it reaches what it should, if anything."""
        enough = self.at_least is None or self.ratio is None or self.ratio >= self.at_least
        return enough and (self.at_most is None or self.value <= self.at_most)


@dataclass(frozen=True)
class Effort:
    """How long and how often. ``clients`` is the same on both sides; a slow disk is given more."""

    seconds: float
    pairs: int
    clients: int
    clients_slow: int

    def clients_on(self, stand: Stand) -> int:
        return self.clients_slow if stand.slow else self.clients


@dataclass(frozen=True)
class Comparison:
    """One name. ``target`` is what it should reach; ``slow`` asks for the stand with the slow disk."""

    name: str
    ours: Callable[..., Run]
    theirs: Callable[..., Run]
    against: str
    target: float
    slow: bool = False
    over_http: bool = True


FUNCTION: Final = "pgbench calling post_transfers"
COMPARISONS: Final = (
    Comparison("transfer_http_over_pgbench", over_http, directly, FUNCTION, 0.35),
    Comparison(
        "hot_account_http_over_pgbench",
        partial(over_http, hot=True),
        partial(directly, hot=True),
        f"{FUNCTION}, one payee",
        1.0,
    ),
    Comparison(
        "function_over_statements",
        directly,
        partial(directly, script="six_statements.sql", role="owner"),
        "pgbench sending six plain statements",
        1.0,
        over_http=False,
    ),
    Comparison("transfer_http_over_pgbench_slow_flush", over_http, directly, FUNCTION, 1.0, slow=True),
    Comparison(
        "hot_account_http_over_pgbench_slow_flush",
        partial(over_http, hot=True),
        partial(directly, hot=True),
        f"{FUNCTION}, one payee",
        3.0,
        slow=True,
    ),
)
BYTES: Final = "bytes_per_transfer"


def wanted(only: Sequence[str], *, slow: bool) -> list[Comparison]:
    """The comparisons of one stand: all, or those whose name begins with one of ``only``."""
    return [one for one in COMPARISONS if one.slow is slow and is_wanted(one.name, only)]


def is_wanted(name: str, only: Sequence[str]) -> bool:
    """Whether this name was asked for."""
    return not only or name in only


def compare(stand: Stand, one: Comparison, effort: Effort, report: Callable[[str], None]) -> Iterator[Figure]:
    """Warm up, then measure ours and theirs in turn, and yield the figures."""
    clients = effort.clients_on(stand)
    for side in (one.theirs, one.ours):
        side(stand, clients=clients, seconds=min(2.0, effort.seconds))
    ours: list[Run] = []
    theirs: list[Run] = []
    for pair in range(1, effort.pairs + 1):
        theirs.append(one.theirs(stand, clients=clients, seconds=effort.seconds))
        ours.append(one.ours(stand, clients=clients, seconds=effort.seconds))
        report(f"  {one.name}, pair {pair}: {_said(ours[-1])}  against  {_said(theirs[-1])}")
    command = f"python -m tests.bench --only {one.name} --seconds {effort.seconds:g} --clients {clients}"
    ratio = median(a.per_second / b.per_second for a, b in zip(ours, theirs, strict=True))
    yield Figure(
        name=one.name,
        value=round(median(run.per_second for run in ours), 1),
        unit="transfers/s",
        ratio=round(ratio, 3),
        against=one.against,
        theirs=round(median(run.per_second for run in theirs), 1),
        at_least=one.target,
        command=command,
    )
    label = one.name.replace("_over_pgbench", "")
    spent, spent_by_them = (median(sum(run.cpu.values()) for run in runs) for runs in (ours, theirs))
    yield Figure(
        name=f"{label}_processor",
        value=round(spent, 1),
        unit="µs/transfer",
        ratio=round(spent_by_them / spent, 3),
        against=f"{one.against}: processor time of client, web server and database together",
        theirs=round(spent_by_them, 1),
        command=command,
    )
    if one.over_http:
        for name, times in (("p50", [run.p50_ms for run in ours]), ("p99", [run.p99_ms for run in ours])):
            yield Figure(name=f"{label}_{name}", value=round(median(times), 2), unit="ms", command=command)


def bytes_per_transfer(stand: Stand, effort: Effort) -> Iterator[Figure]:
    """What a posted transfer takes on disk, with its indexes, once the tables are vacuumed."""
    if stand.posted() < SMALLEST_SAMPLE:
        directly(stand, clients=effort.clients, seconds=effort.seconds)
    for table in MEASURED_IN_BYTES:
        stand.run(f"VACUUM (ANALYZE) {table}")
    sizes = {
        table: stand.run(
            f"SELECT pg_total_relation_size('{table}') / (SELECT count(*) FROM {table})::float AS size"
        )
        for table in MEASURED_IN_BYTES
    }
    for table, name in (
        ("transfers", BYTES),
        ("idempotency_keys", f"{BYTES}_idempotency"),
        ("outbox", f"{BYTES}_outbox"),
    ):
        yield Figure(
            name=name,
            value=round(float(sizes[table][0]["size"]), 1),
            unit="bytes",
            against=f"row of {table} with its indexes",
            command=f"python -m tests.bench --only {BYTES}",
        )


def check_durability(stand: Stand) -> None:
    """Both sides commit to disk before they answer: nothing may have turned that off, for any role.

    With the slow disk it shows: one client alone cannot be answered faster than a flush.
    """
    for name in ("synchronous_commit", "fsync", "full_page_writes"):
        for role in ("app", "owner"):
            shown = stand.run(f"SELECT current_setting('{name}') AS value", as_role=role)[0]["value"]
            if shown != "on":
                raise Untrue(f"{name} is {shown} for {role}")
    if stand.slow:
        for side in (directly, over_http):
            alone = side(stand, clients=1, seconds=1.0)
            if alone.p50_ms < SLOW_FLUSH_MICROSECONDS / 1_000:
                raise Untrue(f"{side.__name__} answers in {alone.p50_ms:.2f} ms, before the disk has flushed")


def _said(run: Run) -> str:
    cpu = ", ".join(f"{name} {microseconds:.0f}" for name, microseconds in run.cpu.items())
    p99 = f", p99 {run.p99_ms:.1f} ms" if run.p99_ms else ""
    return f"{run.per_second:.0f}/s ({run.p50_ms:.1f} ms{p99}; µs of processor each: {cpu})"
