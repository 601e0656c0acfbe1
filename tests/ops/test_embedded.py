"""The data folder is held by one process, kept between runs, and never mistaken for somebody else's."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from tenants.platform.data_folder import hold_folder
from tenants.platform.embedded import embedded_servers
from tenants.platform.ports import check_port
from tenants.platform.processes import CannotRun
from tests.ops.test_processes import eventually, is_alive


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="archipel-test-") as path:
        yield Path(path) / "data"


async def test_what_is_written_is_there_at_the_next_run(folder: Path) -> None:
    with embedded_servers(folder) as servers:
        admin = await asyncpg.connect(servers.admin_url)
        await admin.execute("CREATE TABLE kept AS SELECT 1 AS one")
        await admin.close()
        first = servers.secrets
        with Redis.from_url(servers.redis_url) as redis:
            assert redis.ping()
    with embedded_servers(folder) as servers:
        assert servers.secrets == first
        admin = await asyncpg.connect(servers.admin_url)
        assert await admin.fetchval("SELECT one FROM kept") == 1
        await admin.close()
    with embedded_servers(folder, fresh=True) as servers:
        assert servers.secrets != first
        admin = await asyncpg.connect(servers.admin_url)
        assert await admin.fetchval("SELECT to_regclass('kept')") is None
        await admin.close()


async def test_a_password_is_asked_and_nothing_listens_on_the_network(folder: Path) -> None:
    with embedded_servers(folder) as servers:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(servers.admin_url.replace(servers.secrets.postgres, "guess"))
        admin = await asyncpg.connect(servers.admin_url)
        assert await admin.fetchval("SHOW listen_addresses") == ""
        await admin.close()
        secrets = folder / "secrets.json"
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o700


async def test_a_killed_server_starts_again_with_what_was_committed(folder: Path) -> None:
    with embedded_servers(folder) as servers:
        admin = await asyncpg.connect(servers.admin_url)
        await admin.execute("CREATE TABLE kept AS SELECT 1 AS one")
        servers.postgres.kill()
        servers.valkey.kill()
        servers.start_postgres()
        servers.start_valkey()
        admin.terminate()
        admin = await asyncpg.connect(servers.admin_url)
        assert await admin.fetchval("SELECT one FROM kept") == 1
        await admin.close()
        with Redis.from_url(servers.redis_url) as redis:
            assert redis.ping()


async def test_a_long_path_gets_its_sockets_elsewhere(folder: Path) -> None:
    with embedded_servers(folder / ("long" * 30)) as servers:
        assert not servers.socket_dir.is_relative_to(folder)
        admin = await asyncpg.connect(servers.admin_url)
        assert await admin.fetchval("SELECT 1") == 1
        await admin.close()


def test_a_folder_in_use_names_who_has_it(folder: Path) -> None:
    with (
        hold_folder(folder),
        pytest.raises(CannotRun, match=rf"in use by process {os.getpid()}: .*make demo DATA="),
        hold_folder(folder),
    ):
        pass


def test_a_lock_left_by_a_killed_run_is_taken_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / "lock").write_text("4194304", encoding="ascii")
    with hold_folder(folder):
        assert (folder / "lock").read_text(encoding="ascii") == str(os.getpid())
    assert "Taking over" in capsys.readouterr().err
    assert (folder / "lock").read_text(encoding="ascii") == ""


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_somebody_else_is_left_alone(folder: Path, *, fresh: bool) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "thesis.odt").write_text("years of work", encoding="utf-8")
    with pytest.raises(CannotRun, match="not a data folder of Archipel"), hold_folder(folder, fresh=fresh):
        pass
    assert (folder / "thesis.odt").exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_a_fresh_start_removes_only_what_runs_leave(folder: Path) -> None:
    with hold_folder(folder):
        (folder / "mail").mkdir()
        (folder / "note.txt").write_text("mine", encoding="utf-8")
    with hold_folder(folder, fresh=True):
        assert not (folder / "mail").exists()
        assert (folder / "note.txt").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a leftover is stopped by the next start")
def test_servers_end_with_a_launcher_that_is_killed_and_the_next_one_starts_at_once(folder: Path) -> None:
    program = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from tenants.platform.embedded import embedded_servers
        with embedded_servers(Path({str(folder)!r})) as servers:
            print(servers.postgres.pid, servers.valkey.pid, flush=True)
            time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        pids = [int(pid) for pid in launcher.stdout.readline().split()]
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
    with embedded_servers(folder):
        assert eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_a_taken_port_says_which_one_is_free() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            CannotRun, match=rf"Port {port} is taken by another program: make demo PORT=\d+\."
        ):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotRun, match=r"192\.0\.2\.1 is not an address of this machine"):
        check_port("192.0.2.1", 8000)
