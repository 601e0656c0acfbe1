"""The way into PostgreSQL: engines, transactions and the settings that isolation reads.

Every transaction of the application is opened here, so that none can start without saying for
which cooperative it works. This file must never hold a query of the domain.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum as PythonEnum
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, Enum, MetaData, Text, Uuid, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction

from tenants.platform import ids

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

SET_ISOLATION = text(
    "SELECT set_config('archipel.tenant', :tenant, true), set_config('archipel.person', :person, true)"
)


class Base(DeclarativeBase):
    """The root of every table; its metadata is what migrations compare with the database."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        # A state is stored as its word and read back as its StrEnum; the table's own CHECK bounds it.
        StrEnum: Enum(
            PythonEnum,
            native_enum=False,
            create_constraint=False,
            length=32,
            values_callable=lambda kind: [member.value for member in kind],
        ),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        **{name: Uuid() for name in vars(ids).values() if getattr(name, "__supertype__", None) is UUID},
    }


class Database:
    """One pool of connections to one PostgreSQL, as one role.

    ``statement_timeout_ms`` bounds every statement and ``idle_timeout_ms`` the time a transaction
    may sit idle, so that a process that was stopped and woken late has lost its session.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        statement_timeout_ms: int = 30_000,
        idle_timeout_ms: int = 30_000,
        lock_timeout_ms: int = 10_000,
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=False,
            # What people wrote stays out of error messages, and so out of the log.
            hide_parameters=True,
            pool_timeout=10,
            connect_args={
                "server_settings": {
                    "application_name": "archipel",
                    "statement_timeout": str(statement_timeout_ms),
                    "idle_in_transaction_session_timeout": str(idle_timeout_ms),
                    "lock_timeout": str(lock_timeout_ms),
                    "timezone": "UTC",
                }
            },
        )

    @asynccontextmanager
    async def begin(
        self,
        *,
        tenant: UUID | None = None,
        person: UUID | None = None,
        read_only: bool = False,
    ) -> AsyncIterator[AsyncSession]:
        """Open one transaction on one connection; COMMIT on leaving, ROLLBACK on any exception.

        Without ``tenant`` no row of any cooperative is visible. A ``read_only`` transaction
        refuses every write in PostgreSQL itself.
        """
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as db:
            db.info["tenant"] = tenant
            db.info["person"] = person
            if read_only:
                await db.connection(execution_options={"postgresql_readonly": True})
            async with db.begin() if not db.in_transaction() else _finishing(db):
                yield db

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self.engine.dispose()


@asynccontextmanager
async def _finishing(db: AsyncSession) -> AsyncIterator[None]:
    """Finish the transaction that asking for a read-only connection has already begun."""
    try:
        yield
    except BaseException:
        await db.rollback()
        raise
    await db.commit()


@event.listens_for(Session, "after_begin")
def _set_isolation(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Tell PostgreSQL for whom this transaction works: always, also when it is for nobody."""
    if transaction.nested:
        return
    tenant, person = session.info.get("tenant"), session.info.get("person")
    connection.execute(
        SET_ISOLATION,
        {"tenant": str(tenant) if tenant else "", "person": str(person) if person else ""},
    )


async def work_for(db: AsyncSession, *, tenant: UUID | None, person: UUID | None) -> None:
    """Turn the open transaction to another cooperative or person (sign-in, founding, joining)."""
    db.info["tenant"], db.info["person"] = tenant, person
    await db.execute(
        SET_ISOLATION,
        {"tenant": str(tenant) if tenant else "", "person": str(person) if person else ""},
    )


def driver_url(url: str) -> str:
    """The same address, spoken by asyncpg through SQLAlchemy."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
