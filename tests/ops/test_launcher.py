"""`archipel demo`: everything starts, is watched, and is gone afterwards, however the launcher ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from marketplace.demo.launcher import FOREIGN
from tenants.platform.embedded import Servers
from tenants.platform.setting_forms import READERS
from tests.ops.test_processes import eventually, is_alive
from tests.running import free_port

READY_SECONDS = 90


def test_every_setting_is_the_demo_s_own_or_kept_from_it(servers: Servers) -> None:
    own = set(servers.settings_environment())
    assert own | set(FOREIGN) == set(READERS)
    assert not own & set(FOREIGN)


class Launched:
    """A launcher under test, and what it has printed so far."""

    def __init__(self, data: Path, port: int) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ops.quick_demo", "--port", str(port), "--data", str(data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = ""
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if "Ctrl-C stops everything" in line:
                self.ready.set()
        self.ready.set()

    def wait_until_ready(self) -> None:
        assert self.ready.wait(READY_SECONDS), self.printed
        assert self.process.poll() is None, self.printed

    def status(self) -> int:
        """The status of the first page, or 0 while nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5).status_code
        except httpx.TransportError:
            return 0

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code, once everything that was printed is read."""
        code = self.process.wait(60)
        # A pipe that an orphan still held open would keep the reader.
        self._reader.join(20)
        assert not self._reader.is_alive()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def descendants(pid: int) -> dict[int, str]:
    """Every process below ``pid``, with its name."""
    parents: dict[int, tuple[int, str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, tail = stat.read_text(encoding="utf-8").rpartition(")")
        except OSError:
            continue
        number, _, name = head.partition(" (")
        parents[int(number)] = (int(tail.split()[1]), name)
    found: dict[int, str] = {}
    frontier = {pid}
    while frontier:
        frontier = {child for child, (parent, _) in parents.items() if parent in frontier}
        found |= {child: parents[child][1] for child in frontier}
    return found


@contextmanager
def launched(data: Path, port: int) -> Iterator[Launched]:
    launcher = Launched(data, port)
    try:
        launcher.wait_until_ready()
        yield launcher
    finally:
        if launcher.process.poll() is None:
            launcher.process.kill()
        launcher.wait()


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="archipel-demo-") as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests look into /proc")


def test_everything_is_watched_and_ctrl_c_stops_it_in_order(data: Path, port: int) -> None:
    with launched(data, port) as launcher:
        assert f"Archipel is at http://127.0.0.1:{port}" in launcher.printed
        assert "Nadia Benali" in launcher.printed
        assert "trois mots au hasard" in launcher.printed
        assert launcher.printed.count("seeded") == 1
        assert launcher.status() == 200
        _second_start_in_the_same_folder(launcher, data)
        _second_start_on_the_same_port(launcher, data)
        _killed_web_server_comes_back(launcher, data)
        _killed_worker_comes_back(launcher)
        below = descendants(launcher.process.pid)
        assert {"postgres", "valkey-server"} <= set(below.values())
        assert launcher.end(signal.SIGINT) == 0
        assert "Everything is stopped" in launcher.printed
        assert not [pid for pid in below if is_alive(pid)]
        assert launcher.status() == 0
    log = (data / "logs" / "postgres.log").read_text(encoding="utf-8")
    assert log.rstrip().endswith("database system is shut down")


def _second_start_in_the_same_folder(launcher: Launched, data: Path) -> None:
    second = Launched(data, free_port())
    assert second.wait() == 1
    assert f"in use by process {launcher.process.pid}" in second.printed
    assert "make demo DATA=" in second.printed
    assert launcher.status() == 200


def _second_start_on_the_same_port(launcher: Launched, data: Path) -> None:
    other = data.with_name("other")
    second = Launched(other, launcher.port)
    assert second.wait() == 1
    assert f"Port {launcher.port} is taken by another program: make demo PORT=" in second.printed
    assert len(second.printed.splitlines()) == 1
    assert not other.exists()


def _children(launcher: Launched, word: str) -> list[int]:
    """Our direct children whose command line has ``word``."""
    below = descendants(launcher.process.pid)
    return [pid for pid in below if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]


def _killed_web_server_comes_back(launcher: Launched, data: Path) -> None:
    web = min(_children(launcher, "serve"))
    processes = [web, *descendants(web)]
    assert len(processes) > 1
    os.kill(web, signal.SIGKILL)
    assert eventually(lambda: "The web killed by SIGKILL; starting it again" in launcher.printed)
    assert eventually(lambda: not any(is_alive(pid) for pid in processes)), (
        "a serving process outlived its first"
    )
    assert eventually(lambda: launcher.status() == 200)
    assert (data / "logs" / "web.log").exists()


def _killed_worker_comes_back(launcher: Launched) -> None:
    (worker,) = _children(launcher, "worker")
    os.kill(worker, signal.SIGKILL)
    assert eventually(lambda: "The worker killed by SIGKILL; starting it again" in launcher.printed)
    assert eventually(lambda: len(_children(launcher, "worker")) == 1)


def test_a_killed_launcher_leaves_no_orphan_and_the_next_one_takes_over(data: Path, port: int) -> None:
    with launched(data, port) as launcher:
        assert "seeded" not in launcher.printed
        below = descendants(launcher.process.pid)
        pid = launcher.process.pid
        launcher.end(signal.SIGKILL)
        assert eventually(lambda: not any(is_alive(pid) for pid in below))
    with launched(data, port) as launcher:
        assert f"Taking over {data} from process {pid}, which was killed." in launcher.printed
        assert launcher.status() == 200
        assert launcher.end(signal.SIGTERM) == 0


def test_the_secrets_of_the_demo_are_for_its_owner_only(data: Path) -> None:
    for name in ("secrets.json", "personas.json"):
        assert (data / name).stat().st_mode & 0o077 == 0
        assert json.loads((data / name).read_bytes())
