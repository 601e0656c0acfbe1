"""Every setting of Archipel, read once from the environment before anything starts.

A setting that is missing or malformed is named in one line with what a right value looks like.
This file must never read a default for a secret, and nothing else may read the environment.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

SMALLEST_KEY_BYTES = 32
FEWEST_DISTINCT_BYTES = 12
LARGEST_PORT = 65_535
MOST_WORKERS = 128
LONGEST_HEARTBEAT_SECONDS = 3_600
LOG_LEVELS = ("debug", "info", "warning", "error")
LOOPBACK = ("127.0.0.1", "localhost", "::1")

DATABASE_SETTINGS = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_PLATFORM_URL")
# Each process is given only what it needs: the web, for one, never holds the owner's password.
NEEDED_TO_SERVE = ("DATABASE_URL", "REDIS_URL", "BASE_URL", "SECRET_KEY", "SMTP_URL")
NEEDED_TO_WORK = (*NEEDED_TO_SERVE, "DATABASE_PLATFORM_URL")
NEEDED_TO_MIGRATE = DATABASE_SETTINGS
NEEDED_TO_OPERATE = ("DATABASE_PLATFORM_URL", "BASE_URL")
NEEDED_TO_PROVE = ("DATABASE_PLATFORM_URL",)
EVERYTHING = (*NEEDED_TO_WORK, "DATABASE_OWNER_URL")


class BadSettings(Exception):  # noqa: N818  # It carries sentences for the operator, one per setting.
    """Settings that are missing or malformed; ``problems`` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, checked. A string is empty where this process was not given that setting.

    The name of a setting in the environment is the field's name in capitals.
    """

    database_url: str = ""
    """PostgreSQL as role `app`, under row-level security: `postgresql://app:password@host:5432/archipel`."""

    database_owner_url: str = ""
    """The same database as role `owner`, used by `archipel migrate` alone."""

    database_platform_url: str = ""
    """The same database as role `platform`, used by the worker's relay and the operator's commands."""

    database_admin_url: str = ""
    """Optional: a superuser, with which `archipel migrate` makes the roles and the database."""

    redis_url: str = ""
    """Valkey or Redis: `redis://host:6379/0`, `rediss://...` or `unix:///path?db=0`. May be flushed at any moment."""

    base_url: str = ""
    """The address people type, without a final slash: `https://coop.example`. Only this machine may go without https."""

    secret_key: bytes = b""
    """At least 32 random bytes, in hexadecimal or base64: `openssl rand -hex 32`."""

    smtp_url: str = ""
    """Where mail is sent: `smtp://user:password@host:587` (STARTTLS) or `smtps://user:password@host:465`."""

    mail_directory: Path | None = None
    """Instead of SMTP_URL, on this machine only: a folder that keeps the mails."""

    mail_from: str = ""
    """The sender of mails; by default `archipel@` and the host of BASE_URL."""

    port: int = 8000
    """The port of the web server."""

    web_workers: int = 1
    """Web processes; by default one less than the processor's cores, and at least one."""

    worker_heartbeat_seconds: int = 60
    """A worker that is silent for so long has lost its jobs to another. A job may last a third of it."""

    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""

    demo: bool = False
    """`true` shows the demo's mailbox and sign-ins to everybody; refused unless BASE_URL is this machine."""

    def __repr__(self) -> str:
        """Show no secret, whoever logs this."""
        return f"Settings(base_url={self.base_url!r}, demo={self.demo})"

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        *,
        needed: Collection[str] = EVERYTHING,
    ) -> "Settings":
        """Read and check every setting that is given; those ``needed`` must be. Raises ``BadSettings``."""
        values: dict[str, object] = {"web_workers": max(1, usable_cores() - 1)}
        problems: list[str] = []
        for field in cls.__struct_fields__:
            name = field.upper()
            given = environment.get(name, "").strip()
            if not given:
                if name in needed and not (
                    name == "SMTP_URL" and environment.get("MAIL_DIRECTORY")
                ):
                    problems.append(f"{name} is missing: {EXAMPLES[name]}.")
                continue
            try:
                values[field] = READERS[name](given)
            except ValueError as error:
                problems.append(f"{name} is malformed ({error}): {EXAMPLES[name]}.")
        if not problems:
            problems = disagreements(cls(**values))  # type: ignore[arg-type]  # Each reader gives its field's type.
        if problems:
            raise BadSettings(problems)
        settings = cls(**values)  # type: ignore[arg-type]  # As above.
        if not settings.mail_from and settings.base_url:
            host = urlsplit(settings.base_url).hostname
            settings = msgspec.structs.replace(settings, mail_from=f"archipel@{host}")
        return settings


def usable_cores() -> int:
    """The cores this process may use, which in a container are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def disagreements(settings: Settings) -> list[str]:
    """What is wrong between settings that are each right on their own."""
    problems = []
    host = urlsplit(settings.base_url).hostname or ""
    local = host in LOOPBACK
    if settings.demo and not local:
        problems.append(
            "DEMO cannot be on in production: unset it, or set BASE_URL to http://127.0.0.1:8000."
        )
    if settings.base_url.startswith("http://") and not local:
        problems.append(
            f"BASE_URL must begin with https:// unless it is this machine: https://{host}."
        )
    if settings.mail_directory is not None and settings.base_url and not local:
        problems.append(
            f"MAIL_DIRECTORY cannot be used in production; set SMTP_URL: {EXAMPLES['SMTP_URL']}."
        )
    if settings.mail_directory is not None and settings.smtp_url:
        problems.append(
            "MAIL_DIRECTORY and SMTP_URL exclude each other: unset one of them."
        )
    places = {
        name: _place(url)
        for name in DATABASE_SETTINGS
        if (url := getattr(settings, name.lower()))
    }
    if len(set(places.values())) > 1:
        problems.append(
            f"{' and '.join(places)} must name the same server and database."
        )
    return problems


def _place(url: str) -> tuple[str | None, int, str]:
    parts = urlsplit(url)
    return (
        parts.hostname or parse_qs(parts.query).get("host", [None])[0],
        parts.port or 5432,
        parts.path,
    )


def _refuse(reason: str) -> ValueError:
    return ValueError(reason)


def _database(role: str | None) -> Callable[[str], str]:
    """A reader of PostgreSQL addresses; with ``role``, of those for this role only."""

    def read(given: str) -> str:
        parts = urlsplit(given)
        if parts.scheme not in {"postgresql", "postgres"}:
            raise _refuse("it does not begin with postgresql://")
        if not parts.hostname and "host" not in parse_qs(parts.query):
            raise _refuse("it names no host")
        if len(parts.path) <= 1:
            raise _refuse("it names no database")
        if role is not None and parts.username != role:
            raise _refuse(f"its role is not {role}")
        _check_port(parts.port if parts.netloc.rpartition("@")[2] else None)
        return (
            given.replace("postgres://", "postgresql://", 1)
            if parts.scheme == "postgres"
            else given
        )

    return read


def _check_port(port: int | None) -> None:
    if port is not None and not 0 < port <= LARGEST_PORT:
        raise _refuse("its port is not between 1 and 65535")


def _redis(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise _refuse("it does not begin with redis://, rediss:// or unix://")
    if parts.scheme == "unix" and not parts.path:
        raise _refuse("it names no path")
    if parts.scheme != "unix":
        if not parts.hostname:
            raise _refuse("it names no host")
        _check_port(parts.port)
    return given


def _base_url(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _refuse("it is not a web address")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise _refuse("it has more than a scheme, a host and a port")
    _check_port(parts.port)
    return given.rstrip("/")


def _secret_key(given: str) -> bytes:
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", given):
        key = bytes.fromhex(given)
    else:
        try:
            key = base64.b64decode(
                given.replace("-", "+").replace("_", "/") + "=" * (-len(given) % 4),
                validate=True,
            )
        except binascii.Error:
            raise _refuse("it is neither hexadecimal nor base64") from None
    if len(key) < SMALLEST_KEY_BYTES:
        raise _refuse(f"it has {len(key)} bytes")
    if len(set(key)) < FEWEST_DISTINCT_BYTES:
        raise _refuse("it is not random")
    return key


def _smtp(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise _refuse("it does not begin with smtp:// or smtps:// and a host")
    _check_port(parts.port)
    return given


def _mail_directory(given: str) -> Path:
    folder = Path(given)
    if not folder.is_absolute():
        raise _refuse("it is not an absolute path")
    if folder.exists() and not folder.is_dir():
        raise _refuse("it is not a folder")
    return folder


def _mail_from(given: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", given):
        raise _refuse("it is not an e-mail address")
    return given


def _whole(largest: int) -> Callable[[str], int]:
    def read(given: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", given) or not 1 <= int(given) <= largest:
            raise _refuse(f"it is not a number from 1 to {largest}")
        return int(given)

    return read


def _log_level(given: str) -> str:
    if given.lower() not in LOG_LEVELS:
        raise _refuse("there is no such level")
    return given.lower()


def _switch(given: str) -> bool:
    if given.lower() not in {"true", "false", "1", "0"}:
        raise _refuse("it is neither true nor false")
    return given.lower() in {"true", "1"}


READERS: Mapping[str, Callable[[str], object]] = {
    "DATABASE_URL": _database("app"),
    "DATABASE_OWNER_URL": _database("owner"),
    "DATABASE_PLATFORM_URL": _database("platform"),
    "DATABASE_ADMIN_URL": _database(None),
    "REDIS_URL": _redis,
    "BASE_URL": _base_url,
    "SECRET_KEY": _secret_key,
    "SMTP_URL": _smtp,
    "MAIL_DIRECTORY": _mail_directory,
    "MAIL_FROM": _mail_from,
    "PORT": _whole(LARGEST_PORT),
    "WEB_WORKERS": _whole(MOST_WORKERS),
    "WORKER_HEARTBEAT_SECONDS": _whole(LONGEST_HEARTBEAT_SECONDS),
    "LOG_LEVEL": _log_level,
    "DEMO": _switch,
}

EXAMPLES: Mapping[str, str] = {
    "DATABASE_URL": "for example postgresql://app:password@localhost:5432/archipel",
    "DATABASE_OWNER_URL": "for example postgresql://owner:password@localhost:5432/archipel",
    "DATABASE_PLATFORM_URL": "for example postgresql://platform:password@localhost:5432/archipel",
    "DATABASE_ADMIN_URL": "for example postgresql://postgres:password@localhost:5432/postgres",
    "REDIS_URL": "for example redis://localhost:6379/0",
    "BASE_URL": "for example https://coop.example",
    "SECRET_KEY": "at least 32 random bytes, as `openssl rand -hex 32` prints them",
    "SMTP_URL": "for example smtp://user:password@mail.example:587",
    "MAIL_DIRECTORY": "an absolute path, for example /var/lib/archipel/mail",
    "MAIL_FROM": "for example archipel@coop.example",
    "PORT": "a number, for example 8000",
    "WEB_WORKERS": "a number, for example 3",
    "WORKER_HEARTBEAT_SECONDS": "a number of seconds, for example 60",
    "LOG_LEVEL": "one of debug, info, warning, error",
    "DEMO": "true or false",
}
