"""The form of each setting: how it is read from text, and an example of a right value.

A reader raises ``ValueError`` with what is wrong, never with the value: it may be a secret. This
file must never look at the environment, nor at two settings at once.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

Network = IPv4Network | IPv6Network

SMALLEST_KEY_BYTES = 32
FEWEST_DISTINCT_BYTES = 12
LARGEST_PORT = 65_535
SHORTEST_TOKEN = 24
MOST_WORKERS = 128
LONGEST_HEARTBEAT_SECONDS = 3_600
LOG_LEVELS = ("debug", "info", "warning", "error")


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
        return given.replace("postgres://", "postgresql://", 1) if parts.scheme == "postgres" else given

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


def _token(given: str) -> str:
    if not re.fullmatch(r"[!-~]+", given):
        raise _refuse("it has more than letters, digits and signs")
    if len(given) < SHORTEST_TOKEN:
        raise _refuse(f"it has fewer than {SHORTEST_TOKEN} characters")
    return given


def _log_level(given: str) -> str:
    if given.lower() not in LOG_LEVELS:
        raise _refuse("there is no such level")
    return given.lower()


def _networks(given: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in given.split(","))
    except ValueError:
        raise _refuse("it is not a list of addresses or networks") from None


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
    "METRICS_TOKEN": _token,
    "TRUSTED_PROXIES": _networks,
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
    "TRUSTED_PROXIES": "for example 127.0.0.1 or 10.0.0.0/8,fd00::/8",
    "METRICS_TOKEN": "at least 24 characters, as `openssl rand -hex 24` prints them",
    "DEMO": "true or false",
}
