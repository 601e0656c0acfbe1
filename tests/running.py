"""A running Archipel: the real web server and the real worker as child processes, beside the test's servers.

This file must never reach into those processes: a test talks to them as a browser or a program would.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tenants.platform.embedded import Servers

# Long enough for a machine with much other work.
START_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """Where the running installation is reached, and with which environment it was started."""

    base_url: str
    environment: Mapping[str, str]


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(servers: Servers, *, worker: bool = True) -> Iterator[Running]:
    """Start the web server and (unless told otherwise) the worker; stop both on leaving."""
    port = free_port()
    environment = os.environ | servers.settings_environment(port=port, demo=True) | {"LOG_LEVEL": "warning"}
    commands = [["serve"], ["worker"]] if worker else [["serve"]]
    children = [start(command, environment) for command in commands]
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", children[0])
        yield Running(f"http://127.0.0.1:{port}", environment)
    finally:
        for child in reversed(children):
            child.terminate()
        for child in children:
            child.wait(timeout=20)


def start(command: list[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start ``archipel COMMAND`` with this interpreter."""
    return subprocess.Popen([sys.executable, "-m", "marketplace.cli", *command], env=dict(environment))


def wait_until_healthy(base_url: str, child: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers /health; fail at once if it died."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert child.poll() is None, f"the server ended with {child.returncode} before it answered"
        try:
            if httpx.get(f"{base_url}/health", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"no answer from {base_url}/health within {START_SECONDS:.0f} s")
