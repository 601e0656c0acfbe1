"""``python -m tests.bench``: measure, print a table, write ``.bench/latest.json``.

This file must never measure anything itself.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tenants.platform.processes import CannotRun
from tests.bench.imports import IMPORTS, imports
from tests.bench.measures import (
    BYTES,
    COMPARISONS,
    Effort,
    Figure,
    bytes_per_transfer,
    check_durability,
    compare,
    is_wanted,
    wanted,
)
from tests.bench.searching import FEW, MANY, PIECES, finding
from tests.bench.sides import Untrue
from tests.bench.stand import FOLDER, compiler, stand
from tests.bench.tallying import TALLY, tallying


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 0 when it was measured, 1 when a figure would have been a lie."""
    options = _options(arguments)
    effort = Effort(options.seconds, options.pairs, options.clients, options.clients_slow)
    # Wide enough for the table where nobody looks at a screen.
    screen = Console(width=None if sys.stdout.isatty() else 150)
    figures: list[Figure] = []
    try:
        for slow in (False, True):
            figures += _on_one_stand(options, effort, screen, slow=slow)
        if pieces := [one for one in PIECES if is_wanted(one, options.only)]:
            figures += finding(pieces, effort, options.missions, options.web_workers, screen.print)
    except (CannotRun, Untrue) as error:
        screen.print(str(error), style="red", markup=False)
        return 1
    screen.print(_table(figures))
    path = FOLDER / "latest.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    screen.print(
        f"{path}: {len(figures)} figures; {os.cpu_count()} processors shared by client, web and database."
    )
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [one.name for one in COMPARISONS] + [BYTES, IMPORTS, TALLY, *PIECES]
    reader.add_argument(
        "--only", action="append", default=[], choices=names, metavar="NAME", help=", ".join(names)
    )
    reader.add_argument("--seconds", type=float, default=6.0, help="length of one run (6)")
    reader.add_argument("--pairs", type=int, default=5, help="pairs of runs, whose median counts (5)")
    reader.add_argument(
        "--clients", type=int, default=32, help="clients at once, the same on both sides (32)"
    )
    reader.add_argument("--clients-slow", type=int, default=64, help="the same with the slow disk (64)")
    reader.add_argument("--web-workers", type=int, default=1, help="processes of the web server (1)")
    reader.add_argument(
        "--missions",
        type=int,
        default=MANY,
        help=f"of each of three cooperatives, and members of one, for search and the like ({MANY}; over {FEW})",
    )
    return reader.parse_args(arguments)


def _on_one_stand(
    options: argparse.Namespace, effort: Effort, screen: Console, *, slow: bool
) -> list[Figure]:
    comparisons = wanted(options.only, slow=slow)
    in_bytes = not slow and is_wanted(BYTES, options.only)
    moving_in = not slow and is_wanted(IMPORTS, options.only)
    tallies = not slow and is_wanted(TALLY, options.only)
    if not (comparisons or in_bytes or moving_in or tallies):
        return []
    if slow and compiler() is None:
        screen.print("Skipped: no C compiler (cc, gcc or clang) to build the slow disk with.")
        return []
    screen.print(f"{'A disk that takes 1 ms longer to flush' if slow else 'This disk'}:", style="bold")
    figures: list[Figure] = []
    with stand(slow=slow, web_workers=options.web_workers) as standing:
        check_durability(standing)
        for one in comparisons:
            figures += compare(standing, one, effort, screen.print)
        if in_bytes:
            figures += bytes_per_transfer(standing, effort)
        if moving_in:
            figures += imports(standing, screen.print)
        if tallies:
            figures += tallying(standing, effort, screen.print)
    return figures


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("figure", "value", "unit", "against", "ratio", "target"):
        table.add_column(title, justify="left" if title in {"figure", "unit"} else "right", no_wrap=True)
    for figure in figures:
        target = ""
        if figure.at_least is not None:
            target = f">= {figure.at_least:.2f}"
        elif figure.at_most is not None:
            target = f"<= {figure.at_most:g}"
        table.add_row(
            figure.name,
            f"{figure.value:,.2f}" if figure.value < 10 else f"{figure.value:,.1f}",
            figure.unit,
            "" if figure.theirs is None else f"{figure.theirs:,.1f}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            target,
            style="" if figure.is_met else "red",
        )
    return table


if __name__ == "__main__":
    assert Path("pyproject.toml").is_file(), "run it from the project's folder: make bench"
    sys.exit(main())
