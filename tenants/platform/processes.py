"""Child processes that are started, watched and stopped in order.

Every child is on a leash (``leash.py``): it ends when we end. Each has its own session, so that
Ctrl-C in a terminal reaches only us and the order of stopping stays ours. This file must never
know what the children do.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Self

from tenants.platform import leash

LOOK_EVERY_SECONDS = 0.2


class CannotRun(Exception):
    """The operator has to do something first; the message is one sentence that says what."""


@dataclass
class Child:
    """One program. ``user`` is the (uid, gid) it runs as when we are root."""

    name: str
    command: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: tuple[int, int] = (0, 0)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; what it prints is added to ``log``."""
        assert not self.running, f"{self.name} is already running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", leash.__file__),
                    *(str(number) for number in (os.getpid(), int(self.stop_signal), *self.user)),
                    *(str(part) for part in self.command),
                ],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id; the same before and after the leash has become the program."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "still running"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def stop(self) -> None:
        """Ask it to end, wait, and in the end insist, on what it started as well."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.stop_seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL it and whatever it started that is still in its session's group."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_words(self, lines: int = 8) -> str:
        """The end of its log."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                return "".join(deque(log, maxlen=lines)).rstrip()
        except OSError:
            return ""


class UntilToldToStop:
    """Within, SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, once, and it ends here.

    A second Ctrl-C must not cut short the stopping that the first one began.
    """

    def __init__(self) -> None:
        self._told = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        """Take the signals over."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._stop)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        """Give the signals back; the interruption was ours to handle."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return kind is KeyboardInterrupt

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if not self._told:
            self._told = True
            raise KeyboardInterrupt


class Supervisor:
    """Keeps children running, until one of them ends too often.

    A child that ends is reported and started again; after ``most_restarts`` within
    ``restart_window_seconds`` we give up, because a loop of crashes helps nobody.
    """

    def __init__(
        self,
        report: Callable[[str], None],
        *,
        most_restarts: int = 3,
        restart_window_seconds: float = 60.0,
    ) -> None:
        self.report = report
        self.most_restarts = most_restarts
        self.restart_window_seconds = restart_window_seconds
        self._children: list[tuple[Child, Callable[[], None]]] = []
        self._restarts: dict[str, deque[float]] = {}

    def __enter__(self) -> Self:
        """Look after nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children, the last started first."""
        for child, _start in reversed(self._children):
            child.stop()

    def look_after(self, child: Child, start: Callable[[], None] | None = None) -> None:
        """Watch ``child`` from now on; ``start`` starts it, now if it is not running, and again if it ends."""
        start = start or child.start
        self._children.append((child, start))
        if not child.running:
            start()

    def watch(self) -> NoReturn:
        """Never return; raise ``CannotRun`` when a child keeps ending."""
        while True:
            for child, start in self._children:
                if not child.running:
                    self._start_again(child, start)
            time.sleep(LOOK_EVERY_SECONDS)

    def _start_again(self, child: Child, start: Callable[[], None]) -> None:
        now = time.monotonic()
        restarts = self._restarts.setdefault(child.name, deque())
        while restarts and restarts[0] < now - self.restart_window_seconds:
            restarts.popleft()
        if len(restarts) >= self.most_restarts:
            message = (
                f"The {child.name} keeps ending ({child.ending}), so everything was stopped. "
                f"Its log is {child.log}; it ends so:\n{child.last_words()}"
            )
            raise CannotRun(message)
        restarts.append(now)
        self.report(f"The {child.name} {child.ending}; starting it again (log: {child.log}).")
        start()
