"""The database's shape: roles, versioned tables, and the SQL files that are applied after each upgrade.

``migrate`` is what `archipel migrate` runs, and what tests and the demo run too: there is one way
to make a database. This file must never touch a row of the domain.
"""

import importlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.ext.asyncio import create_async_engine

from tenants.platform.database import Base, driver_url
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
PACKAGES = ("tenants", "timebank", "governance", "redistribution", "marketplace")

# Applied in this order after every upgrade; each may be applied again. Functions, triggers,
# grants and policies live there, never tables.
REPEATABLE = (
    ("tenants.platform", "platform.sql"),
    ("tenants.platform", "outbox.sql"),
    ("tenants", "people.sql"),
    ("tenants", "rules.sql"),
    ("timebank.ledger", "ledger.sql"),
    ("marketplace", "marketplace.sql"),
)

# Trusted extensions: the owner of a database may add them without being a superuser.
EXTENSIONS = ("btree_gist", "pg_trgm", "unaccent")

# What each role may be; passwords come from the settings. `owner` may act as `door` and `ledger`
# because it installs the functions that they own.
ROLES = {
    "owner": "LOGIN NOBYPASSRLS",
    "app": "LOGIN NOBYPASSRLS",
    "platform": "LOGIN BYPASSRLS",
    "analyst": "NOLOGIN NOBYPASSRLS",
    "door": "NOLOGIN BYPASSRLS",
    "ledger": "NOLOGIN NOBYPASSRLS",
}
OWNED_THROUGH = ("door", "ledger")

# Two migrations started at once take turns on this number.
MIGRATION_LOCK = 4_213_019_227
# A migration that cannot get a table soon gives up, rather than have every request queue behind it.
LOCK_TIMEOUT = "10s"


async def migrate(settings: Settings, report: Callable[[str], None] = print) -> None:
    """Make the roles where we may, upgrade the tables to the newest version, apply the SQL files.

    Running it again changes nothing. Raises ``CannotRun`` when the roles are missing and no
    DATABASE_ADMIN_URL was given to make them.
    """
    if settings.database_admin_url:
        await make_roles(settings)
        report("Roles and database: ready.")
    await _check_roles(settings)
    owner = await asyncpg.connect(settings.database_owner_url)
    try:
        await owner.execute(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
        for extension in EXTENSIONS:
            await owner.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        await with_tables(settings, upgrade)
        report("Tables: at the newest version.")
        applied = await _apply_repeatable(owner)
        report(f"Functions, grants and policies: {', '.join(applied)}.")
    finally:
        await owner.close()


async def make_roles(settings: Settings) -> None:
    """As superuser: make or correct the roles, their passwords and memberships, and the database."""
    passwords = {
        role: unquote(urlsplit(url).password or "")
        for role, url in (
            ("owner", settings.database_owner_url),
            ("app", settings.database_url),
            ("platform", settings.database_platform_url),
        )
    }
    name = unquote(urlsplit(settings.database_owner_url).path.removeprefix("/"))
    admin = await asyncpg.connect(settings.database_admin_url)
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        known = {
            row["rolname"] for row in await admin.fetch("SELECT rolname FROM pg_roles")
        }
        for role, attributes in ROLES.items():
            verb = "ALTER" if role in known else "CREATE"
            statement = (
                f"{verb} ROLE {role} {attributes} NOSUPERUSER NOCREATEDB NOCREATEROLE"
            )
            if role in passwords:
                literal = await admin.fetchval(
                    "SELECT quote_literal($1::text)", passwords[role]
                )
                statement += f" PASSWORD {literal}"
            await admin.execute(statement)
        for role in OWNED_THROUGH:
            await admin.execute(f"GRANT {role} TO owner WITH INHERIT TRUE, SET TRUE")
        quoted = await admin.fetchval("SELECT quote_ident($1)", name)
        if not await admin.fetchval(
            "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name
        ):
            await admin.execute(
                f"CREATE DATABASE {quoted} OWNER owner TEMPLATE template0"
            )
        await admin.execute(f"ALTER DATABASE {quoted} OWNER TO owner")
        await admin.execute(
            f"REVOKE CONNECT, TEMPORARY ON DATABASE {quoted} FROM PUBLIC"
        )
        await admin.execute(
            f"GRANT CONNECT, TEMPORARY ON DATABASE {quoted} TO app, platform, analyst"
        )
    finally:
        await admin.close()


async def _check_roles(settings: Settings) -> None:
    """Name what is missing in one sentence, before a migration fails halfway through."""
    try:
        owner = await asyncpg.connect(settings.database_owner_url)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidCatalogNameError) as error:
        message = (
            f"DATABASE_OWNER_URL cannot sign in ({error}): make the role and the database, "
            "or give DATABASE_ADMIN_URL once so that they are made."
        )
        raise CannotRun(message) from error
    try:
        known = {
            row["rolname"] for row in await owner.fetch("SELECT rolname FROM pg_roles")
        }
    finally:
        await owner.close()
    if missing := sorted(set(ROLES) - known):
        message = (
            f"The database has no role {', '.join(missing)}: give DATABASE_ADMIN_URL, "
            "the address of a superuser, once, so that `archipel migrate` makes them."
        )
        raise CannotRun(message)


def configuration(connection: Connection, *, compare: bool) -> Config:
    """Alembic's configuration, the same as [tool.alembic] in pyproject.toml, wherever we are installed.

    Only a command that is to ``compare`` needs the declared tables, and imports their modules.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["compare"] = compare
    return config


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest version."""
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    command.upgrade(configuration(connection, compare=False), "head")
    connection.commit()


def check(connection: Connection) -> None:
    """Raise ``AutogenerateDiffsDetected`` when the tables declared in Python differ from the database's."""
    command.check(configuration(connection, compare=True))


async def with_tables(settings: Settings, work: Callable[[Connection], object]) -> None:
    """Do ``work`` on a connection as `owner`, and commit."""
    engine = create_async_engine(
        driver_url(settings.database_owner_url), poolclass=pool.NullPool
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
            await connection.commit()
    finally:
        await engine.dispose()


async def check_tables(settings: Settings) -> None:
    """Compare the declared tables with the database; see ``check``."""
    await with_tables(settings, check)


def table_modules() -> list[str]:
    """The names of the modules that declare a table."""
    modules = []
    for package in PACKAGES:
        root = Path(str(resources.files(package)))
        for path in sorted(root.rglob("*.py")):
            if path.is_relative_to(MIGRATIONS) or path == Path(__file__):
                continue
            if "__tablename__" in path.read_text(encoding="utf-8"):
                modules.append(
                    ".".join((package, *path.relative_to(root).with_suffix("").parts))
                )
    return modules


def all_tables() -> MetaData:
    """The metadata with every module that declares a table imported, and no other module."""
    for module in table_modules():
        importlib.import_module(module)
    return Base.metadata


async def _apply_repeatable(owner: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Run the SQL files that exist, in order, all in one transaction; return their names."""
    applied = []
    async with owner.transaction():
        await owner.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        for package, name in REPEATABLE:
            file = resources.files(package) / name
            if not file.is_file():
                continue
            try:
                await owner.execute(file.read_text(encoding="utf-8"))
            except asyncpg.PostgresError as error:
                error.add_note(f"while applying {name}")
                raise
            applied.append(name)
    return applied
