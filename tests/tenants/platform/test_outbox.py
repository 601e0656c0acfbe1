"""The outbox: written with what it tells of, read back by kind, seen by its own cooperative only."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import Audience, Event, OutboxRow, UnknownKind, decode, emit
from tests.conftest import OpenAs


class LampLit(Event, frozen=True, kw_only=True):
    """An event of these tests, with each type that facts may have."""

    lamp_id: UUID
    lit_at: datetime
    minutes: int
    others: tuple[UUID, ...] = ()


def lamp_lit(tenant: UUID) -> LampLit:
    return LampLit(
        tenant_id=CooperativeId(tenant),
        lamp_id=uuid4(),
        lit_at=datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        minutes=90,
        others=(uuid4(), uuid4()),
    )


async def kept(db: AsyncSession, tenant: UUID) -> list[OutboxRow]:
    return list((await db.scalars(select(OutboxRow).where(OutboxRow.tenant_id == tenant))).all())


async def test_an_event_is_read_back_as_it_was_emitted(database: Database) -> None:
    tenant = uuid4()
    event = lamp_lit(tenant)
    async with database.begin(tenant=tenant) as db:
        await emit(db, event)
    async with database.begin(tenant=tenant) as db:
        [row] = await kept(db, tenant)
    assert (row.kind, row.pending, row.sent_at, row.attempts) == ("LampLit", None, None, 0)
    assert row.due_at is not None
    assert decode(row.kind, row.facts) == event


async def test_an_event_of_a_transaction_that_fails_never_happened(database: Database) -> None:
    tenant = uuid4()
    with pytest.raises(RuntimeError, match="no"):  # noqa: PT012
        async with database.begin(tenant=tenant) as db:
            await emit(db, lamp_lit(tenant))
            raise RuntimeError("no")
    async with database.begin(tenant=tenant) as db:
        assert await kept(db, tenant) == []


async def test_a_cooperative_neither_sees_nor_writes_the_events_of_another(database: Database) -> None:
    mine, theirs = uuid4(), uuid4()
    async with database.begin(tenant=theirs) as db:
        await emit(db, lamp_lit(theirs))
    async with database.begin(tenant=mine) as db:
        assert await kept(db, theirs) == []
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.begin(tenant=mine) as db:
            await emit(db, lamp_lit(theirs))


async def test_sql_functions_emit_the_same_events(database: Database) -> None:
    tenant = uuid4()
    event = lamp_lit(tenant)
    async with database.begin(tenant=tenant) as db:
        await db.execute(
            text("""
                SELECT emit_event(:tenant, 'LampLit', jsonb_build_object(
                    'lamp_id', CAST(:lamp AS uuid), 'lit_at', CAST(:lit_at AS timestamptz), 'minutes', 90,
                    'others', to_jsonb(CAST(:others AS uuid[]))))
            """),
            {"tenant": tenant, "lamp": event.lamp_id, "lit_at": event.lit_at, "others": list(event.others)},
        )
    async with database.begin(tenant=tenant) as db:
        [row] = await kept(db, tenant)
    assert decode(row.kind, row.facts) == event


async def test_no_function_of_the_database_notifies(db_as: OpenAs) -> None:
    async with db_as("owner") as db:
        found = await db.scalars(
            text("""
                SELECT proname FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace AND prolang <> 13
                  AND (prosrc ILIKE '%pg_notify%' OR prosrc ~* '\\mNOTIFY\\M')
            """)
        )
        assert found.all() == []


async def test_the_table_refuses_an_event_that_is_due_though_handled(db_as: OpenAs) -> None:
    tenant = uuid4()
    with pytest.raises(IntegrityError, match="due_until_handled"):  # noqa: PT012
        async with db_as("app", tenant=tenant) as db:
            await emit(db, lamp_lit(tenant))
            await db.execute(text("UPDATE outbox SET sent_at = now(), pending = '{}'"))


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownKind, match="LampStolen"):
        decode("LampStolen", {})


def test_two_events_cannot_bear_the_same_name() -> None:
    with pytest.raises(AssertionError, match="LampLit"):
        type("LampLit", (Event,), {"__module__": "elsewhere"})


def test_the_audience_tells_nobody_listens_from_nobody_knows() -> None:
    async def light_up(_db: AsyncSession, _event: LampLit) -> None:
        await asyncio.sleep(0)

    audience = Audience({LampLit: (light_up,)})
    assert audience.names("LampLit") == ("light_up",)
    assert Audience({}).names("LampLit") == ()
    assert audience.names("LampStolen") is None
    assert audience.subscriber("LampLit", "light_up") is light_up
    with pytest.raises(UnknownKind):
        audience.subscriber("LampLit", "put_out")
    with pytest.raises(AssertionError, match="same name"):
        Audience({LampLit: (light_up, light_up)})
