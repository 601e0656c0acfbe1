"""How Alembic reaches the database: the connection it is handed, or DATABASE_OWNER_URL.

This file must never hold a migration, and nothing imports it but Alembic.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from marketplace.schema import all_tables
from tenants.platform.database import driver_url
from tenants.platform.settings import Settings


def run(connection: Connection) -> None:
    """Run what the command asked for, all of it in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=all_tables() if context.config.attributes.get("compare", True) else None,
        compare_type=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect() -> None:
    """Connect as `owner` for `alembic ...` typed in a shell."""
    settings = Settings.from_environment(needed=("DATABASE_OWNER_URL",))
    engine = create_async_engine(driver_url(settings.database_owner_url), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


handed_over = context.config.attributes.get("connection")
if handed_over is None:
    asyncio.run(connect())
else:
    run(handed_over)
