"""Every setting of Archipel, read once from the environment before anything starts.

A setting that is missing or malformed is named in one line with what a right value looks like.
This file must never read a default for a secret, and nothing else may read the environment.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from tenants.platform.setting_forms import EXAMPLES, READERS, Network

LOOPBACK = ("127.0.0.1", "localhost", "::1")

DATABASE_SETTINGS = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_PLATFORM_URL")
# Each process is given only what it needs: the web, for one, never holds the owner's password.
NEEDED_TO_SERVE = ("DATABASE_URL", "REDIS_URL", "BASE_URL", "SECRET_KEY", "SMTP_URL")
NEEDED_TO_WORK = (*NEEDED_TO_SERVE, "DATABASE_PLATFORM_URL")
NEEDED_TO_MIGRATE = DATABASE_SETTINGS
NEEDED_TO_FOUND = ("DATABASE_URL", "BASE_URL")
NEEDED_TO_MOVE = ("DATABASE_URL", "DATABASE_OWNER_URL", "BASE_URL")
NEEDED_TO_PROVE = ("DATABASE_URL", "DATABASE_PLATFORM_URL")
EVERYTHING = (*NEEDED_TO_WORK, "DATABASE_OWNER_URL")


class BadSettings(Exception):
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

    metrics_token: str = ""
    """Opens `/metrics` to the monitor that sends it as a bearer token; without it there is no such page."""

    trusted_proxies: tuple[Network, ...] = ()
    """Whose `X-Forwarded-For` is believed: the addresses or networks of the proxies in front, separated by commas."""

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
                if name in needed and not (name == "SMTP_URL" and environment.get("MAIL_DIRECTORY")):
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
        problems.append(f"BASE_URL must begin with https:// unless it is this machine: https://{host}.")
    if settings.mail_directory is not None and settings.base_url and not local:
        problems.append(f"MAIL_DIRECTORY cannot be used in production; set SMTP_URL: {EXAMPLES['SMTP_URL']}.")
    if settings.mail_directory is not None and settings.smtp_url:
        problems.append("MAIL_DIRECTORY and SMTP_URL exclude each other: unset one of them.")
    places = {name: _place(url) for name in DATABASE_SETTINGS if (url := getattr(settings, name.lower()))}
    if len(set(places.values())) > 1:
        problems.append(f"{' and '.join(places)} must name the same server and database.")
    return problems


def _place(url: str) -> tuple[str | None, int, str]:
    parts = urlsplit(url)
    return (
        parts.hostname or parse_qs(parts.query).get("host", [None])[0],
        parts.port or 5432,
        parts.path,
    )
