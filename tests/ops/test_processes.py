"""Children end when we end, are started again when they end, and are stopped in order."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tenants.platform.processes import CannotRun, Child, Supervisor, UntilToldToStop

PATIENCE_SECONDS = 15.0


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def sleeper(tmp_path: Path, name: str = "sleeper", program: str = "import time; time.sleep(600)") -> Child:
    return Child(name=name, command=[sys.executable, "-c", program], log=tmp_path / f"{name}.log")


def test_a_child_is_stopped(tmp_path: Path) -> None:
    child = sleeper(tmp_path)
    child.start()
    assert child.ending == "still running"
    child.stop()
    assert child.ending == "killed by SIGTERM"


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    child = sleeper(tmp_path, program=deaf)
    child.stop_seconds = 0.5
    child.start()
    assert eventually(lambda: "deaf" in child.last_words())
    child.stop()
    assert child.ending == "killed by SIGKILL"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a leftover is stopped by the next start")
def test_no_child_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from tenants.platform.processes import Child
        child = Child(name="c", command=[sys.executable, "-c", "import time; time.sleep(600)"], log=Path({str(tmp_path)!r}, "c.log"))
        child.start()
        print(child.pid, flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        # The leash has become the child once its command line is the child's.
        assert eventually(lambda: b"leash" not in Path(f"/proc/{pid}/cmdline").read_bytes())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert eventually(lambda: not is_alive(pid))


def test_a_child_that_ends_is_reported_and_started_again(tmp_path: Path) -> None:
    reports: list[str] = []
    pids: list[int] = []
    child = sleeper(tmp_path)

    def start_and_interrupt() -> None:
        child.start()
        pids.append(child.pid)
        os.kill(
            child.pid if len(pids) == 1 else os.getpid(), signal.SIGKILL if len(pids) == 1 else signal.SIGTERM
        )

    with UntilToldToStop(), Supervisor(reports.append) as supervisor:
        supervisor.look_after(child, start_and_interrupt)
        supervisor.watch()
    assert len(pids) == 2
    assert reports == [f"The sleeper killed by SIGKILL; starting it again (log: {child.log})."]
    assert not child.running


def test_a_child_that_keeps_ending_stops_everything_with_the_end_of_its_log(tmp_path: Path) -> None:
    steady = sleeper(tmp_path, "steady")
    broken = sleeper(tmp_path, "broken", "print('no such table'); raise SystemExit(3)")
    with Supervisor(lambda _line: None, most_restarts=2) as supervisor:
        supervisor.look_after(steady)
        supervisor.look_after(broken)
        with pytest.raises(CannotRun, match=r"(?s)The broken keeps ending .*code 3\).*no such table"):
            supervisor.watch()
    assert not steady.running


def test_the_last_started_is_stopped_first(tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = "import pathlib, signal, sys, time\ndef end(*_):\n    pathlib.Path({path!r}).open('a').write({name!r})\n    sys.exit()\nsignal.signal(signal.SIGTERM, end)\nprint('up', flush=True)\ntime.sleep(600)"
    with Supervisor(lambda _line: None) as supervisor:
        for name in "abc":
            child = sleeper(tmp_path, name, program.format(path=str(order), name=name))
            supervisor.look_after(child)
            assert eventually(lambda child=child: "up" in child.last_words())  # type: ignore[misc]  # A default binds it.
    assert order.read_text(encoding="utf-8") == "cba"


def test_a_second_signal_does_not_cut_the_stopping_short() -> None:
    stopped = False
    with UntilToldToStop():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            stopped = True
    assert stopped
