"""Settings are judged before anything starts, each in one line that shows no secret."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from tenants.platform import settings as module
from tenants.platform.setting_forms import EXAMPLES, READERS
from tenants.platform.settings import EVERYTHING, NEEDED_TO_SERVE, BadSettings, Settings

README = Path(__file__).parents[2] / "README.md"

GOOD = {
    "DATABASE_URL": "postgresql://app:pw@db:5432/archipel",
    "DATABASE_OWNER_URL": "postgresql://owner:pw@db/archipel",
    "DATABASE_PLATFORM_URL": "postgresql://platform:pw@db:5432/archipel",
    "REDIS_URL": "redis://queue:6379/0",
    "BASE_URL": "https://coop.example",
    "SECRET_KEY": "8f1d3a5b7c9e0f2468ace13579bdf0123456789abcdef00fedcba98765432102",
    "SMTP_URL": "smtp://user:pw@mail.example:587",
}


def problems(environment: dict[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        Settings.from_environment(environment)
    return caught.value.problems


def test_right_settings_are_read() -> None:
    settings = Settings.from_environment({**GOOD, "PORT": "8123", "WEB_WORKERS": "3"})
    assert settings.port == 8123
    assert settings.web_workers == 3
    assert len(settings.secret_key) == 32
    assert settings.mail_from == "archipel@coop.example"
    assert settings.demo is False


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_missing_setting_is_named_with_an_example(name: str) -> None:
    (line,) = problems({key: value for key, value in GOOD.items() if key != name})
    assert line.startswith(f"{name} is missing: ")
    assert EXAMPLES[name] in line
    assert "\n" not in line


def test_every_problem_is_told_at_once() -> None:
    assert len(problems({})) == len(EVERYTHING)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://app:pw@db/archipel"),
        ("DATABASE_URL", "postgresql://owner:pw@db/archipel"),
        ("DATABASE_URL", "postgresql://app:pw@db"),
        ("DATABASE_URL", "postgresql://app:pw@/archipel"),
        ("DATABASE_URL", "postgresql://app:pw@db:99999/archipel"),
        ("DATABASE_OWNER_URL", "postgresql://app:pw@db/archipel"),
        ("DATABASE_PLATFORM_URL", "postgresql://app:pw@db/archipel"),
        ("DATABASE_ADMIN_URL", "hunter2"),
        ("REDIS_URL", "http://queue"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "unix://"),
        ("BASE_URL", "coop.example"),
        ("BASE_URL", "https://coop.example/path"),
        ("BASE_URL", "https://coop.example:0"),
        ("SECRET_KEY", "hunter2"),
        ("SECRET_KEY", "changeme!"),
        ("SECRET_KEY", "00" * 32),
        ("SECRET_KEY", "aGVsbG8="),
        ("SMTP_URL", "mail.example:25"),
        ("MAIL_DIRECTORY", "relative/folder"),
        ("MAIL_FROM", "nobody"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80a"),
        ("PORT", "-1"),
        ("PORT", "٨٠"),
        ("WEB_WORKERS", "0"),
        ("WORKER_HEARTBEAT_SECONDS", "soon"),
        ("LOG_LEVEL", "loud"),
        ("METRICS_TOKEN", "hunter2"),
        ("METRICS_TOKEN", "deux mots, avec des espaces"),
        ("DEMO", "maybe"),
    ],
)
def test_a_malformed_setting_is_named_and_its_value_is_not_shown(name: str, value: str) -> None:
    (line,) = problems({**GOOD, name: value})
    assert line.startswith(f"{name} is malformed (")
    assert EXAMPLES[name] in line
    assert "\n" not in line
    assert "hunter2" not in line


def test_the_demo_cannot_be_on_in_production() -> None:
    (line,) = problems({**GOOD, "DEMO": "true"})
    assert line.startswith("DEMO cannot be on in production")


def test_production_speaks_https() -> None:
    (line,) = problems({**GOOD, "BASE_URL": "http://coop.example"})
    assert line.startswith("BASE_URL must begin with https://")


def test_production_does_not_keep_mails_in_a_folder() -> None:
    environment = {key: value for key, value in GOOD.items() if key != "SMTP_URL"}
    (line,) = problems({**environment, "MAIL_DIRECTORY": "/var/mail"})
    assert line.startswith("MAIL_DIRECTORY cannot be used in production")


def test_the_three_roles_meet_in_one_database() -> None:
    (line,) = problems({**GOOD, "DATABASE_PLATFORM_URL": "postgresql://platform:pw@db/other"})
    assert "must name the same server and database" in line


def test_the_web_does_without_the_owner() -> None:
    given = {key: GOOD[key] for key in NEEDED_TO_SERVE}
    settings = Settings.from_environment(given, needed=NEEDED_TO_SERVE)
    assert settings.database_owner_url == ""
    assert settings.database_platform_url == ""


def test_showing_settings_shows_no_secret() -> None:
    shown = f"{Settings.from_environment(GOOD)!r} {Settings.from_environment(GOOD)!s}"
    assert "pw" not in shown
    assert GOOD["SECRET_KEY"] not in shown


def test_a_secret_key_may_be_hexadecimal_or_base64() -> None:
    as_base64 = "jx06W3yeDyRorOE1eb3wEjRWeJq83vAP7cuph2VDIQI="
    assert Settings.from_environment({**GOOD, "SECRET_KEY": as_base64}).secret_key == (
        Settings.from_environment(GOOD).secret_key
    )


def test_every_setting_has_a_reader_an_example_and_a_docstring() -> None:
    names = {field.upper() for field in Settings.__struct_fields__}
    assert set(READERS) == set(EXAMPLES) == names
    (body,) = ast.parse(inspect.getsource(module.Settings)).body
    assert isinstance(body, ast.ClassDef)
    explained = {
        before.target.id
        for before, after in zip(body.body, body.body[1:], strict=False)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }
    assert {name.upper() for name in explained} == names


def test_the_readme_has_every_setting_and_no_other() -> None:
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert table == {field.upper() for field in Settings.__struct_fields__}
