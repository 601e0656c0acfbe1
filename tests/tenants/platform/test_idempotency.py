"""Idempotency keys: one effect, the same answer, and nothing kept that should be tried again."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text

from tenants.platform.database import Database
from tenants.platform.errors import Invalid, Refusal, TooManyAttempts
from tenants.platform.idempotency import Answer, IdempotencyKeyReused, once, request_hash
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import Event, emit
from tests.conftest import OpenAs

BODY, OTHER_BODY = request_hash(b"two hours"), request_hash(b"three hours")


class BellRung(Event, frozen=True, kw_only=True):
    """The effect that these tests count."""


class TooLate(Refusal):
    """A refusal of these tests."""

    status = 409
    code = "too_late"
    message = "Après {closing}."


class Bell:
    """Rings (one event), then answers or raises what it is told."""

    def __init__(self, database: Database, *, tenant: UUID | None = None, person: UUID | None = None) -> None:
        self.database = database
        self.tenant = tenant or uuid4()
        self.person = person or uuid4()

    async def ring(
        self, key: str = "k", *, body: bytes = BODY, fault: Exception | None = None, answer: Any = None
    ) -> Answer:
        async with self.database.begin(tenant=self.tenant, person=self.person) as db:

            async def work() -> tuple[int, Any]:
                await emit(db, BellRung(tenant_id=CooperativeId(self.tenant)))
                if fault:
                    raise fault
                return 201, answer

            return await once(
                db,
                tenant_id=self.tenant,
                person_id=self.person,
                endpoint="ring",
                key=key,
                request_hash=body,
                work=work,
            )

    async def times_rung(self) -> int:
        async with self.database.begin(tenant=self.tenant) as db:
            return int(await db.scalar(text("SELECT count(*) FROM outbox WHERE kind = 'BellRung'")) or 0)


@pytest.fixture
def bell(database: Database) -> Bell:
    return Bell(database)


async def test_the_same_key_sent_again_has_one_effect_and_the_same_answer(bell: Bell) -> None:
    rung_at = datetime(2026, 5, 1, tzinfo=UTC)
    first = await bell.ring(answer={"id": bell.person, "rung_at": rung_at})
    again = await bell.ring(answer="never asked")
    assert (first.status, first.replayed) == (201, False)
    assert (again.status, again.replayed) == (201, True)
    assert again.content == first.content == {"id": str(bell.person), "rung_at": "2026-05-01T00:00:00Z"}
    assert await bell.times_rung() == 1


async def test_a_hundred_at_once_have_one_effect_and_equal_answers(bell: Bell) -> None:
    answers = await asyncio.gather(*(bell.ring(answer=str(uuid4())) for _ in range(100)))
    assert await bell.times_rung() == 1
    assert {(answer.status, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert sum(not answer.replayed for answer in answers) == 1


async def test_the_same_key_for_another_request_is_refused(bell: Bell) -> None:
    await bell.ring()
    with pytest.raises(IdempotencyKeyReused) as refused:
        await bell.ring(body=OTHER_BODY)
    assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")
    assert await bell.times_rung() == 1


async def test_a_refusal_undoes_the_work_and_is_kept_as_the_answer(bell: Bell) -> None:
    first = await bell.ring(fault=TooLate("hour", closing="18:00"))
    again = await bell.ring(fault=AssertionError("the work is not done again"))
    assert await bell.times_rung() == 0
    assert (again.status, again.replayed) == (409, True)
    assert first.refusal is not None
    assert again.refusal is not None
    assert (again.refusal.status, again.refusal.code) == (409, "too_late")
    assert again.refusal.detail() == first.refusal.detail() == "Après 18:00."
    assert again.refusal.field_errors() == {"hour": "Après 18:00."}
    assert again.refusal.facts == {"closing": "18:00"}


@pytest.mark.parametrize("fault", [Invalid({"hour": "?"}), TooManyAttempts(), RuntimeError("a bug")])
async def test_what_says_nothing_about_the_request_is_not_kept(bell: Bell, fault: Exception) -> None:
    with pytest.raises(type(fault)):
        await bell.ring(fault=fault)
    answer = await bell.ring()
    assert (answer.status, answer.replayed) == (201, False)
    assert await bell.times_rung() == 1


async def test_a_key_belongs_to_one_person_of_one_cooperative(database: Database) -> None:
    tenant, person = uuid4(), uuid4()
    for bell in (
        Bell(database, tenant=tenant, person=person),
        Bell(database, tenant=tenant),
        Bell(database, person=person),
    ):
        assert not (await bell.ring()).replayed


async def test_the_lock_is_one_for_python_and_sql(bell: Bell) -> None:
    """A ledger call that holds the lock of a key keeps ``once`` waiting until it commits."""
    lock = text("SELECT pg_advisory_xact_lock(idempotency_lock(:tenant, :person, 'ring', 'k'))")
    async with bell.database.begin(tenant=bell.tenant) as db:
        await db.execute(lock, {"tenant": bell.tenant, "person": bell.person})
        ringing = asyncio.create_task(bell.ring())
        await asyncio.sleep(0.3)
        assert not ringing.done()
        await db.execute(
            text("""
                INSERT INTO idempotency_keys (tenant_id, person_id, endpoint, key, request_hash, status, answer)
                VALUES (:tenant, :person, 'ring', 'k', :hash, 201, '"from SQL"')
            """),
            {"tenant": bell.tenant, "person": bell.person, "hash": BODY},
        )
    answer = await ringing
    assert (answer.content, answer.replayed) == ("from SQL", True)
    assert await bell.times_rung() == 0


async def test_the_ledger_may_read_and_write_keys_but_not_change_them(db_as: OpenAs) -> None:
    async with db_as("owner") as db:
        allowed = await db.scalars(
            text("""
                SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) privilege
                WHERE has_table_privilege('ledger', 'idempotency_keys', privilege)
            """)
        )
        assert set(allowed) == {"SELECT", "INSERT"}


def test_equal_requests_have_equal_hashes_and_others_do_not() -> None:
    class Hours(msgspec.Struct):
        minutes: int

    assert request_hash(Hours(60)) == request_hash(Hours(60)) != request_hash(Hours(61))
    assert len(request_hash(b"")) == 32
