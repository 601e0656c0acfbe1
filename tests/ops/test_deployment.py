"""What the README, the Makefile and docker-compose.yml name is really there."""

import re
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from marketplace.cli import cli
from tenants.platform.setting_forms import READERS
from tenants.platform.settings import (
    NEEDED_TO_MIGRATE,
    NEEDED_TO_SERVE,
    NEEDED_TO_WORK,
    Settings,
)

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
# What a filled-in .env holds.
DOTENV = {
    "POSTGRES_PASSWORD": "a1",
    "OWNER_PASSWORD": "b2",
    "APP_PASSWORD": "c3",
    "PLATFORM_PASSWORD": "d4",
    "SECRET_KEY": "8f1d3a5b7c9e0f2468ace13579bdf0123456789abcdef00fedcba98765432102",
    "BASE_URL": "https://coop.example",
    "SMTP_URL": "smtps://user:pw@mail.example:465",
    "METRICS_TOKEN": "",
}
NEEDED = {"migrate": NEEDED_TO_MIGRATE, "web": NEEDED_TO_SERVE, "worker": NEEDED_TO_WORK}
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::[?-][^}]*)?\}")


def command_of(words: list[str]) -> click.Command:
    """The command that these words name; KeyError if there is none."""
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.commands[word]
    return command


def test_the_services_are_the_ones_we_know() -> None:
    assert set(OURS) == set(NEEDED)
    images = {name: service["image"] for name, service in COMPOSE["services"].items() if name not in OURS}
    assert images == {"database": "postgres:18", "queue": "valkey/valkey:9"}


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_each_service_runs_a_command_that_exists_with_settings_that_suffice(name: str) -> None:
    service = OURS[name]
    words = [word for word in service["command"] if not word.startswith("-")]
    options = {word for word in service["command"] if word.startswith("--")}
    command = command_of(words)
    assert options <= {option for parameter in command.params for option in parameter.opts}
    environment = {
        key: VARIABLE.sub(lambda match: DOTENV[match[1]], value)
        for key, value in service["environment"].items()
    }
    assert set(environment) <= set(READERS)
    Settings.from_environment(environment, needed=NEEDED[name])


def test_the_web_is_not_given_what_passes_isolation() -> None:
    environment = OURS["web"]["environment"]
    assert not {"DATABASE_OWNER_URL", "DATABASE_PLATFORM_URL", "DATABASE_ADMIN_URL", "DEMO"} & set(
        environment
    )


def test_services_wait_for_what_they_need_and_say_whether_they_are_well() -> None:
    services = COMPOSE["services"]
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in ("database", "queue", "web"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    assert services["migrate"]["restart"] == "no"


def test_the_example_of_dotenv_has_every_variable() -> None:
    used = set(VARIABLE.findall((ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    example = set(
        re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert example == used == set(DOTENV)


def test_the_image_copies_every_package_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for package in ("tenants", "timebank", "governance", "redistribution", "marketplace"):
        assert f"COPY {package} {package}" in text
        assert f"!{package}\n" in (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert "uv sync --locked --no-dev" in text
    assert re.search(r"^USER archipel$", text, re.MULTILINE)


def test_the_same_uv_everywhere() -> None:
    versions = {
        *re.findall(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8")),
        *re.findall(r"uv==(\d\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8")),
    }
    assert len(versions) == 1


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_make_target_that_is_documented_exists() -> None:
    named = {
        target
        for path in ("README.md", ".ci/run", "CONTRIBUTING.md")
        if (ROOT / path).exists()
        for target in re.findall(
            r"(?:^|`)\s*make (?:--no-print-directory )?([a-z]+)",
            (ROOT / path).read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }
    assert {"demo", "test"} <= named
    assert named <= makefile_targets()


def test_every_archipel_command_in_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for words in re.findall(r"`archipel ([a-z]+(?: [a-z]+)?)", text):
        assert command_of(words.split()).help


def test_make_passes_port_data_and_fresh_on() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo", "PORT=8123", "DATA=elsewhere", "FRESH=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert 'archipel demo --port "8123" --data "elsewhere" --fresh' in shown


def test_the_ci_script_is_sound_and_executable() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


def test_the_licence_is_the_one_that_is_declared() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith(
        "GNU AFFERO GENERAL PUBLIC LICENSE\n                       Version 3, 19 November 2007"
    )
    assert 'license = "AGPL-3.0-or-later"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
