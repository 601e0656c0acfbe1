"""Holds: what is promised cannot be spent, and ends once: given, given back, or expired."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from tenants.actors import Actor, Role
from tenants.platform.database import Database
from tests.conftest import OpenAs
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from tests.timebank.world import make_world
from timebank.ledger.accounts import Account, find_account
from timebank.ledger.holds import (
    HoldState,
    capture_hold,
    expire_holds,
    find_hold,
    hold_hours,
    open_holds,
    release_hold,
    release_holds,
)
from timebank.ledger.refusals import (
    HoldEnded,
    MoreThanHeld,
    NotAllowedToDebit,
    NotEnoughHours,
    UnknownHold,
)
from timebank.ledger.transfers import Operation, Order, find_transfer, post, post_linked, post_transfers

LIMITS = {"timebank.credit_limit_low": 600, "timebank.credit_limit_high": 6_000}


async def two_members(
    database: Database, rules: dict[str, int] | None = None
) -> tuple[Founded, Member, Member]:
    cooperative = await found_cooperative(database, rules=LIMITS | (rules or {}))
    return (
        cooperative,
        await join_member(database, cooperative),
        await join_member(database, cooperative),
    )


async def account_of(database: Database, member: Member) -> Account:
    async with database.begin(tenant=member.tenant_id) as db:
        return await find_account(db, tenant_id=member.tenant_id, account_id=member.id)


async def hold(database: Database, payer: Member, provider: Member, minutes: int, **more: object) -> Order:
    async with database.begin(tenant=payer.tenant_id) as db:
        held = await hold_hours(
            db, actor=payer.actor, payer_id=payer.id, provider_id=provider.id, minutes=minutes,
            reason="Une mission", cause=f"mission:{uuid4()}", **more,  # type: ignore[arg-type]
        )  # fmt: skip
    return Order(operation=Operation.CAPTURE, actor=payer.id, about=held, amount=minutes)


async def test_what_is_held_cannot_be_spent_and_has_not_moved(database: Database) -> None:
    _cooperative, ana, bo = await two_members(database)
    await hold(database, ana, bo, 500)
    account = await account_of(database, ana)
    assert (account.balance, account.held, account.available, account.version) == (0, 500, -500, 0)
    async with database.begin(tenant=ana.tenant_id) as db:
        [enough, short] = await post_transfers(
            db,
            [
                post(debit=ana.id, credit=bo.id, amount=100, actor=ana.id),
                post(debit=ana.id, credit=bo.id, amount=1, actor=ana.id),
            ],
        )
    assert (enough.outcome, short.refusal) == ("posted", "not_enough_hours")
    with pytest.raises(NotEnoughHours):
        await hold(database, ana, bo, 1)


async def test_a_capture_gives_the_part_and_returns_the_rest(database: Database) -> None:
    _cooperative, ana, bo = await two_members(database)
    order = await hold(database, ana, bo, 120)
    assert order.about is not None
    async with database.begin(tenant=ana.tenant_id) as db:
        transfer_id = await capture_hold(db, actor=ana.actor, hold_id=order.about, minutes=90)
        transfer = await find_transfer(db, tenant_id=ana.tenant_id, transfer_id=transfer_id)
        kept = await find_hold(db, tenant_id=ana.tenant_id, hold_id=order.about)
    assert (transfer.amount, transfer.reason, transfer.cause) == (90, "Une mission", kept.cause)
    assert (kept.state, kept.transfer_id) == (HoldState.CAPTURED, transfer_id)
    payer, provider = await account_of(database, ana), await account_of(database, bo)
    assert (payer.balance, payer.held, provider.balance) == (-90, 0, 90)


async def test_agreed_work_is_paid_over_the_ceiling_and_after_leaving(
    database: Database, db_as: OpenAs
) -> None:
    _cooperative, ana, bo = await two_members(database, {"timebank.credit_limit_high": 60})
    order = await hold(database, ana, bo, 120)
    async with db_as("postgres", tenant=ana.tenant_id) as db:
        await db.execute(text("UPDATE memberships SET state = 'suspended' WHERE id = :m"), {"m": bo.id})
    async with database.begin(tenant=ana.tenant_id) as db:
        [outcome] = await post_transfers(db, [order])
    assert outcome.outcome == "posted"
    assert (await account_of(database, bo)).balance == 120


async def test_no_more_is_captured_than_was_promised(database: Database) -> None:
    _cooperative, ana, bo = await two_members(database)
    order = await hold(database, ana, bo, 60)
    assert order.about is not None
    with pytest.raises(MoreThanHeld) as refused:
        async with database.begin(tenant=ana.tenant_id) as db:
            await capture_hold(db, actor=ana.actor, hold_id=order.about, minutes=61)
    assert refused.value.facts == {"held_minutes": 60, "asked_minutes": 61}
    assert (await account_of(database, ana)).held == 60


async def test_more_than_held_is_paid_by_a_linked_transfer_or_not_at_all(database: Database) -> None:
    _cooperative, ana, bo = await two_members(database)
    order = await hold(database, ana, bo, 500)
    extra = post(debit=ana.id, credit=bo.id, amount=101, actor=ana.id)
    with pytest.raises(NotEnoughHours):
        async with database.begin(tenant=ana.tenant_id) as db:
            await post_linked(db, actor=ana.actor, orders=[order, extra])
    async with database.begin(tenant=ana.tenant_id) as db:
        outcomes = await post_transfers(db, [replace(order, group=1), replace(extra, group=1)])
    assert [outcome.refusal for outcome in outcomes] == ["linked_refused", "not_enough_hours"]
    account = await account_of(database, ana)
    assert (account.balance, account.held) == (0, 500)
    async with database.begin(tenant=ana.tenant_id) as db:
        await post_linked(
            db, actor=ana.actor, orders=[order, post(debit=ana.id, credit=bo.id, amount=100, actor=ana.id)]
        )
    account = await account_of(database, ana)
    assert (account.balance, account.held) == (-600, 0)


async def test_a_hold_can_be_placed_and_captured_in_one_call(database: Database) -> None:
    _cooperative, ana, bo = await two_members(database)
    name = uuid4()
    async with database.begin(tenant=ana.tenant_id) as db:
        outcomes = await post_transfers(
            db,
            [
                Order(operation=Operation.HOLD, actor=ana.id, debit=ana.id, credit=bo.id, amount=30, id=name),
                Order(operation=Operation.CAPTURE, actor=ana.id, about=name, amount=20),
                Order(operation=Operation.RELEASE, actor=bo.id, about=name),
            ],
        )
        kept = await find_hold(db, tenant_id=ana.tenant_id, hold_id=name)
    assert [outcome.refusal for outcome in outcomes] == [None, None, "hold_ended"]
    assert (kept.state, kept.transfer_id) == (HoldState.CAPTURED, outcomes[1].id)
    assert (await account_of(database, ana)).balance == -20


async def test_a_promise_is_given_back_by_the_one_it_was_made_to(database: Database) -> None:
    _cooperative, ana, bo = await two_members(database)
    order = await hold(database, ana, bo, 60)
    assert order.about is not None
    with pytest.raises(NotAllowedToDebit):
        async with database.begin(tenant=ana.tenant_id) as db:
            await release_hold(db, actor=ana.actor, hold_id=order.about)
    with pytest.raises(NotAllowedToDebit):
        async with database.begin(tenant=ana.tenant_id) as db:
            await capture_hold(db, actor=bo.actor, hold_id=order.about, minutes=60)
    async with database.begin(tenant=ana.tenant_id) as db:
        await release_hold(db, actor=bo.actor, hold_id=order.about)
        kept = await find_hold(db, tenant_id=ana.tenant_id, hold_id=order.about)
    assert (kept.state, kept.transfer_id) == (HoldState.RELEASED, None)
    assert (await account_of(database, ana)).held == 0
    with pytest.raises(HoldEnded):
        async with database.begin(tenant=ana.tenant_id) as db:
            await release_hold(db, actor=bo.actor, hold_id=order.about)


async def test_a_mediator_decides_for_others_and_never_for_themselves(database: Database) -> None:
    cooperative, ana, bo = await two_members(database)
    judge = await give_mandate(database, cooperative, await join_member(database, cooperative), Role.MEDIATOR)
    party = await give_mandate(database, cooperative, bo, Role.MEDIATOR)
    order = await hold(database, ana, bo, 60)
    assert order.about is not None
    with pytest.raises(NotAllowedToDebit):
        async with database.begin(tenant=ana.tenant_id) as db:
            await capture_hold(db, actor=party.actor, hold_id=order.about, minutes=60)
    async with database.begin(tenant=ana.tenant_id) as db:
        await capture_hold(db, actor=judge.actor, hold_id=order.about, minutes=15)
    assert (await account_of(database, bo)).balance == 15


async def test_the_word_of_the_one_who_consented_is_enough(database: Database) -> None:
    _cooperative, ana, bo = await two_members(database)
    async with database.begin(tenant=ana.tenant_id) as db:
        await hold_hours(
            db, actor=bo.actor, payer_id=ana.id, provider_id=bo.id, minutes=60, authorised_by=ana.id
        )
        [kept] = await open_holds(db, tenant_id=ana.tenant_id, account_id=ana.id)
    assert (kept.actor, kept.amount) == (ana.id, 60)
    with pytest.raises(NotAllowedToDebit):
        async with database.begin(tenant=ana.tenant_id) as db:
            await hold_hours(db, actor=bo.actor, payer_id=ana.id, provider_id=bo.id, minutes=60)


async def test_a_hold_expires_after_its_time_and_not_before(database: Database, db_as: OpenAs) -> None:
    cooperative, ana, bo = await two_members(database)
    early = await hold(database, ana, bo, 60, expires_at=datetime.now(UTC) + timedelta(days=1))
    await hold(database, ana, bo, 30)
    async with database.begin(tenant=ana.tenant_id) as db:
        [outcome] = await post_transfers(
            db, [Order(operation=Operation.EXPIRE, actor=None, about=early.about)]
        )
        assert outcome.refusal == "hold_not_expired"
        assert await expire_holds(db, actor=cooperative.system) == []
    async with db_as("postgres", tenant=ana.tenant_id) as db:
        await db.execute(text("UPDATE holds SET expires_at = now() WHERE id = :h"), {"h": early.about})
    async with database.begin(tenant=ana.tenant_id) as db:
        assert await expire_holds(db, actor=cooperative.system) == [early.about]
    async with database.begin(tenant=ana.tenant_id) as db:
        assert await expire_holds(db, actor=cooperative.system) == []
        facts = await db.scalar(text("SELECT facts FROM outbox WHERE kind = 'HoldsExpired'"))
    assert facts["holds"] == [str(early.about)]
    assert (await account_of(database, ana)).held == 30


async def test_several_holds_are_released_in_one_call(database: Database) -> None:
    cooperative, ana, bo = await two_members(database)
    orders = [await hold(database, ana, bo, 10 * number) for number in (1, 2, 3, 4)]
    ids = [order.about for order in orders if order.about]
    async with database.begin(tenant=ana.tenant_id) as db:
        await release_holds(db, actor=cooperative.system, hold_ids=ids[1:])
    account = await account_of(database, ana)
    assert (account.balance, account.held) == (0, 10)


async def test_the_holds_of_another_cooperative_are_unknown(database: Database, db_as: OpenAs) -> None:
    _cooperative, ana, bo = await two_members(database)
    order = await hold(database, ana, bo, 60)
    other = await make_world(database, db_as)
    assert order.about is not None
    with pytest.raises(UnknownHold):
        async with database.begin(tenant=other.tenant) as db:
            await release_hold(db, actor=Actor.system(other.tenant), hold_id=order.about)
