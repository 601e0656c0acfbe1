"""The database is made by one road, which may be taken again, and by two at once."""

import asyncio

import asyncpg

from marketplace import schema
from tenants.platform.database import Database
from tenants.platform.settings import Settings


async def test_the_application_is_not_above_isolation(database: Database) -> None:
    async with database.begin() as db:
        connection = await db.connection()
        row = (
            await connection.exec_driver_sql(
                "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
            )
        ).one()
    assert tuple(row) == ("app", False, False)
