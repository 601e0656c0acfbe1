"""The worker knows every event that any floor can emit, or the outbox would keep what nobody can read."""

import re
import subprocess
import sys
from pathlib import Path

FLOORS = ("tenants", "timebank", "governance", "redistribution", "marketplace")
DECLARED = re.compile(r"^class (\w+)\((?:Event|Tick)\b", re.MULTILINE)
# The base of ticks is not an event of its own.
BASES = {"Tick"}


def test_every_event_of_every_floor_is_known_to_the_worker() -> None:
    root = Path(__file__).parents[2]
    declared = {
        name
        for floor in FLOORS
        for path in (root / floor).rglob("*.py")
        for name in DECLARED.findall(path.read_text(encoding="utf-8"))
    } - BASES
    told = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import marketplace.worker; from tenants.platform.outbox import Event; print(*Event.kinds)",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    ).stdout
    assert len(declared) > 10
    assert declared - set(told.split()) == set()
