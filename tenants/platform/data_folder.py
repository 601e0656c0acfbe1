"""The data folder of the embedded servers: who holds it, its secrets, its sockets.

It is kept between runs. This file must never start a process.
"""

import base64
import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from tenants.platform.processes import CannotRun

LOCK = "lock"
SOCKET_NAME = ".s.PGSQL.5432"
# What runs leave in the folder besides the lock, and what a fresh start removes.
CONTENT = ("postgres", "postgres.new", "secrets.json", "personas.json", "mail", "logs", "run")


@contextmanager
def hold_folder(data_dir: Path, *, fresh: bool = False) -> Iterator[None]:
    """Take the folder for this process, making it if need be; raise ``CannotRun`` if another has it.

    ``fresh`` empties it of what earlier runs left, and of nothing else.

    The kernel drops the lock of a process that died, however it died; the pid in the file only
    serves the sentence that names who has it.
    """
    # Others may pass through, not look: as root, PostgreSQL runs as another user below it.
    _make_folder(data_dir)
    data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    with (data_dir / LOCK).open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _pid_in(lock) or "unknown"
            message = (
                f"The data folder {data_dir} is in use by process {holder}: stop that one (kill {holder}), "
                f"or choose another folder (make demo DATA=other/folder PORT=8001)."
            )
            raise CannotRun(message) from error
        if holder := _pid_in(lock):
            # Its process ended without tidying up, or the kernel would not have given us the lock.
            print(f"Taking over {data_dir} from process {holder}, which was killed.", file=sys.stderr)  # noqa: T201
        _write_pid(lock)
        if fresh:
            _empty(data_dir)
        try:
            yield
        finally:
            lock.truncate(0)


def _make_folder(data_dir: Path) -> None:
    """Make the folder, or make sure that it is ours: what follows would spoil somebody else's."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        stranger = any(data_dir.iterdir()) and not (data_dir / LOCK).exists()
    except OSError as error:
        message = f"{data_dir} cannot be used as data folder ({error.strerror}): choose another with DATA=."
        raise CannotRun(message) from error
    if stranger:
        message = f"{data_dir} is not empty and not a data folder of Archipel: choose another with DATA=."
        raise CannotRun(message)


def _empty(data_dir: Path) -> None:
    for name in CONTENT:
        path = data_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _pid_in(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read().strip()


def _write_pid(lock: IO[str]) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()


class Secrets(msgspec.Struct, frozen=True):
    """What the data folder's own servers are opened with; made once, never shown."""

    secret_key: str
    postgres: str
    owner: str
    app: str
    platform: str


def read_secrets(data_dir: Path) -> Secrets:
    """Read the folder's secrets, or make them the first time."""
    path = data_dir / "secrets.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    made = Secrets(
        secret_key=base64.b64encode(secrets.token_bytes(48)).decode("ascii"),
        **{role: secrets.token_hex(24) for role in ("postgres", "owner", "app", "platform")},
    )
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(made))
    unfinished.rename(path)
    return made


def socket_folder(data_dir: Path) -> Path:
    """A folder for the sockets: the data folder's own, or one in /tmp where that cannot hold any.

    The path of a socket has at most about 100 characters, and some mounted folders hold none.
    """
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    beside = Path(tempfile.gettempdir()) / f"archipel-{os.geteuid()}-{digest}"
    for folder in (data_dir / "run", beside):
        folder.mkdir(exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.geteuid():
            continue
        probe = folder / f"{SOCKET_NAME}.lock"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
                probe.unlink(missing_ok=True)
                trial.bind(str(probe))
        except OSError:
            continue
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
        if os.geteuid() == 0:
            # The unprivileged server makes its socket here; the sticky bit keeps others' apart.
            folder.chmod(0o1733)
        return folder
    message = (
        f"No Unix socket can be made in {data_dir}/run nor in {beside}: choose another folder with DATA=."
    )
    raise CannotRun(message)


def let_through(path: Path) -> None:
    """As root: let the unprivileged server pass through the folders above ``path``.

    Search permission only, only where it is missing, and said: nobody can list a folder by it.
    """
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            note = f"Note: chmod o+x {folder} (PostgreSQL does not run as root and must pass through it)."
            print(note, file=sys.stderr)  # noqa: T201
            folder.chmod(mode | stat.S_IXOTH)
