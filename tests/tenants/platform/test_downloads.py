"""Every CSV that leaves goes through one gate, which keeps a spreadsheet from running what somebody wrote."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
GATE = "tenants/platform/web.py"


def test_nobody_but_the_gate_writes_a_csv() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for floor in ("tenants", "timebank", "governance", "redistribution", "marketplace")
        for path in (ROOT / floor).rglob("*.py")
        if any(
            sign in path.read_text(encoding="utf-8") for sign in ("csv.writer", "DictWriter", '"text/csv"')
        )
    }
    assert writers == {GATE}
