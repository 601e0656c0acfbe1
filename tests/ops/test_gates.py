"""The gates of quality shut on what they are there for, shown by planting it."""

import shutil
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("tenants", "timebank", "governance", "redistribution", "marketplace")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    return folder


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("timebank/planted.py", "import governance", "Imports only run downward"),
        ("governance/planted.py", "import timebank", "Imports only run downward"),
        ("timebank/planted.py", "import marketplace", "Imports only run downward"),
        ("tenants/planted.py", "import timebank", "Imports only run downward"),
        ("redistribution/planted.py", "import marketplace", "Imports only run downward"),
        ("tenants/platform/planted.py", "import tenants.actors", "The cellar knows no domain"),
        ("timebank/planted.py", "import litestar", "Only pages, the API"),
        ("marketplace/planted.py", "import dramatiq", "Only the broker"),
    ],
)
def test_an_import_that_runs_upward_is_refused(copy: Path, file: str, line: str, contract: str) -> None:
    planted = copy / file
    planted.write_text(f"{line}\n", encoding="utf-8")
    try:
        answer = lint_imports(copy)
    finally:
        planted.unlink()
    assert answer.returncode == 1
    broken = [shown for shown in answer.stdout.splitlines() if "BROKEN" in shown]
    assert len(broken) == 1
    assert broken[0].startswith(contract)


def test_the_packages_import_downward() -> None:
    answer = lint_imports(ROOT)
    assert answer.returncode == 0, answer.stdout


def test_a_test_cannot_reach_the_network() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line,
        pytest.raises(Exception, match=r'connect.*"?192\.0\.2\.1'),
    ):
        line.connect(("192.0.2.1", 80))


def test_a_warning_is_an_error() -> None:
    with pytest.raises(DeprecationWarning):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
