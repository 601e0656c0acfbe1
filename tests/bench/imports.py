"""How long moving in takes, and in how much memory: `archipel member import` and `archipel exchange import`, applied.

The command is run as an operator runs it, in a process of its own, whose memory the kernel reports. This file must
never count a run that did not write every line.
"""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.bench.measures import Figure
from tests.bench.sides import Untrue
from tests.bench.stand import SLUG, Stand

IMPORTS: Final = "imports"
MEMBERS: Final = 10_000
EXCHANGES: Final = 100_000


def imports(stand: Stand, report: Callable[[str], None]) -> Iterator[Figure]:
    """Write two files of TimeOverflow's form, take them over, and yield seconds and megabytes."""
    folder = stand.servers.data_dir
    draw = random.Random(7)
    members, exchanges = folder / "members.csv", folder / "exchanges.csv"
    members.write_text(
        "".join(
            f"{n},2015-03-01,Prénom{n},Nom{n},,1,,06{n:08},,n{n}@moving.example\n" for n in range(MEMBERS)
        ),
        encoding="utf-8",
    )
    with exchanges.open("w", encoding="utf-8") as file:
        for n in range(EXCHANGES):
            giver, receiver = draw.sample(range(MEMBERS), 2)
            day = f"20{15 + n % 9}-{1 + n % 12:02}-{1 + n % 28:02}"
            file.write(f"{giver},member,{receiver},member,{60 * draw.randint(1, 300)},{day},Aide {n},\n")
    for kind, path, count in (("member", members, MEMBERS), ("exchange", exchanges, EXCHANGES)):
        seconds, megabytes = _taken_over(stand, kind, path)
        counted = "imported_members" if kind == "member" else "imported_exchanges"
        found = stand.run(f"SELECT count(*) AS n FROM {counted}")[0]["n"]
        if found != count:
            raise Untrue(f"{found} of {count} lines were taken over")
        report(f"  import_{kind}s: {count:,} lines in {seconds:.1f} s, {megabytes:.0f} MB")
        command = f"python -m tests.bench --only {IMPORTS}"
        yield Figure(name=f"import_{kind}s_{count}", value=round(seconds, 2), unit="s", command=command)
        yield Figure(
            name=f"import_{kind}s_{count}_memory", value=round(megabytes, 1), unit="MB", command=command
        )


def _taken_over(stand: Stand, kind: str, path: Path) -> tuple[float, float]:
    """Run the command; return its seconds and the most memory that it had, in megabytes."""
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "marketplace.cli", kind, "import", str(path), "--tenant", SLUG, "--apply"],
        env=os.environ | stand.servers.settings_environment(port=stand.settings.port, demo=True),
    )
    _pid, status, used = os.wait4(child.pid, 0)
    if status:
        raise Untrue(f"archipel {kind} import ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, _megabytes(used)


def _megabytes(used: resource.struct_rusage) -> float:
    # Linux counts kilobytes here, macOS bytes.
    return used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
