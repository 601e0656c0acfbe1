"""Statements: opening + moves = closing on every page, and only for those who may read them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from tenants.actors import Role
from tenants.platform.database import Database
from tests.conftest import OpenAs
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from timebank.exchanges import post_transfer
from timebank.gifts import give
from timebank.ledger.accounts import AccountKind, pot_of
from timebank.ledger.holds import hold_hours
from timebank.ledger.refusals import UnknownAccount
from timebank.ledger.statements import Statement, standing, statement
from timebank.ledger.transfers import reverse_transfer

LIMITS = {"timebank.credit_limit_low": 600, "timebank.credit_limit_high": 6_000, "timebank.soft_limit": 120}


async def lived_in(database: Database) -> tuple[Founded, Member, Member]:
    """Ana gave Bo 10, 20, ... 70 minutes and got 5 back after each; then 30 to the pot."""
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana = await join_member(database, cooperative, name="Ana Arzel")
    bo = await join_member(database, cooperative, name="Bo Bihan")
    for number in range(1, 8):
        async with database.begin(tenant=ana.tenant_id) as db:
            await post_transfer(
                db, actor=ana.actor, to=bo.id, amount_minutes=10 * number, reason=f"Aide {number}"
            )
        async with database.begin(tenant=ana.tenant_id) as db:
            await post_transfer(db, actor=bo.actor, to=ana.id, amount_minutes=5, reason="Retour")
    async with database.begin(tenant=ana.tenant_id) as db:
        await give(db, actor=ana.actor, to=None, amount_minutes=30)
    return cooperative, ana, bo


def balances(page: Statement) -> None:
    """The page agrees with itself, line by line."""
    assert page.opening + sum(move.amount for move in page.moves) == page.closing
    assert page.closing - page.opening == page.received - page.given
    for newer, older in pairwise(page.moves):
        assert newer.balance == older.balance + newer.amount
        assert newer.version == older.version + 1


async def test_every_page_opens_where_the_next_closes(database: Database) -> None:
    _cooperative, ana, _bo = await lived_in(database)
    async with database.begin(tenant=ana.tenant_id, read_only=True) as db:
        whole = await statement(db, actor=ana.actor, account_id=ana.id)
        pages = [await statement(db, actor=ana.actor, account_id=ana.id, limit=4)]
        while pages[-1].next_cursor is not None:
            cursor = pages[-1].next_cursor
            pages.append(await statement(db, actor=ana.actor, account_id=ana.id, before=cursor, limit=4))
    assert [len(page.moves) for page in pages] == [4, 4, 4, 3]
    assert [move for page in pages for move in page.moves] == list(whole.moves)
    for page in (whole, *pages):
        balances(page)
    for newer, older in pairwise(pages):
        assert newer.opening == older.closing
    assert (whole.opening, whole.closing) == (0, -280 + 35 - 30)
    assert whole.closing == whole.account.balance


async def test_a_period_opens_with_what_was_there_before(database: Database, db_as: OpenAs) -> None:
    _cooperative, ana, _bo = await lived_in(database)
    async with db_as("postgres", tenant=ana.tenant_id) as db:
        # Entries are moved into the past, one day for each, past the trigger that forbids it.
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text("""
                UPDATE transfers SET posted_at = '2026-03-01T12:00Z'::timestamptz + interval '1 day' *
                    CASE CAST(:ana AS uuid) WHEN debit_account THEN debit_version ELSE credit_version END
                WHERE tenant_id = :t
            """),
            {"ana": ana.id, "t": ana.tenant_id},
        )
    noon = datetime(2026, 3, 1, tzinfo=UTC)
    async with database.begin(tenant=ana.tenant_id, read_only=True) as db:

        async def between(first: int, last: int) -> Statement:
            since, until = noon + timedelta(days=first), noon + timedelta(days=last + 1)
            return await statement(db, actor=ana.actor, account_id=ana.id, since=since, until=until)

        first, then, nothing, after = (
            await between(1, 5),
            await between(6, 9),
            await between(-9, 0),
            await between(20, 30),
        )
    assert [(len(page.moves), page.opening, page.closing) for page in (first, then, nothing, after)] == [
        (5, 0, -50),
        (4, -50, -130),
        (0, 0, 0),
        (0, -275, -275),
    ]
    balances(first)
    balances(then)


async def test_a_line_says_who_why_and_what_became_of_it(database: Database) -> None:
    _cooperative, ana, bo = await lived_in(database)
    async with database.begin(tenant=ana.tenant_id) as db:
        page = await statement(db, actor=ana.actor, account_id=ana.id)
        gift, back, help_ = page.moves[:3]
        await reverse_transfer(db, actor=bo.actor, transfer_id=help_.transfer_id, reason="Compté deux fois")
    async with database.begin(tenant=ana.tenant_id) as db:
        correction, *_, again = (await statement(db, actor=ana.actor, account_id=ana.id)).moves[:4]
    assert (gift.counterparty_kind, gift.counterparty_name, gift.cause) == (AccountKind.POT, None, "gift")
    assert (back.amount, back.reason, back.cause) == (5, "Retour", "exchange")
    assert (help_.amount, help_.counterparty_name, help_.counterparty_membership) == (-70, "Bo Bihan", bo.id)
    assert (help_.reverses, help_.reversed_by) == (None, None)
    assert (correction.amount, correction.reverses) == (70, help_.transfer_id)
    assert again.reversed_by == correction.transfer_id


async def test_an_account_is_read_by_its_member_and_its_keepers_alone(database: Database) -> None:
    cooperative, ana, bo = await lived_in(database)
    treasurer = await give_mandate(
        database, cooperative, await join_member(database, cooperative), Role.TREASURER
    )
    steward = await give_mandate(
        database, cooperative, await join_member(database, cooperative), Role.STEWARD
    )
    pot = pot_of(ana.tenant_id)
    allowed = [(ana, ana.id), (treasurer, ana.id), (treasurer, pot)]
    for reader in (ana, bo, treasurer, steward, cooperative.manager):
        for account in (ana.id, pot):
            async with database.begin(tenant=ana.tenant_id, read_only=True) as db:
                if (reader, account) in allowed:
                    await statement(db, actor=reader.actor, account_id=account)
                    await standing(db, actor=reader.actor, account_id=account)
                    continue
                with pytest.raises(UnknownAccount):
                    await statement(db, actor=reader.actor, account_id=account)
                with pytest.raises(UnknownAccount):
                    await standing(db, actor=reader.actor, account_id=account)


async def test_a_member_is_warned_before_being_refused(database: Database) -> None:
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana, bo = await join_member(database, cooperative), await join_member(database, cooperative)

    async def stands() -> tuple[int, int | None, int | None, int | None, bool, int]:
        async with database.begin(tenant=ana.tenant_id, read_only=True) as db:
            now = await standing(db, actor=ana.actor, account_id=ana.id)
        return now.available, now.floor, now.ceiling, now.left, now.near_limit, len(now.holds)

    assert await stands() == (0, -600, 6_000, 600, False, 0)
    async with database.begin(tenant=ana.tenant_id) as db:
        await post_transfer(db, actor=ana.actor, to=bo.id, amount_minutes=400, reason="Aide")
    async with database.begin(tenant=ana.tenant_id) as db:
        await hold_hours(db, actor=ana.actor, payer_id=ana.id, provider_id=bo.id, minutes=80)
    assert await stands() == (-480, -600, 6_000, 120, False, 1)
    async with database.begin(tenant=ana.tenant_id) as db:
        await post_transfer(db, actor=ana.actor, to=bo.id, amount_minutes=1, reason="Aide")
    assert await stands() == (-481, -600, 6_000, 119, True, 1)


async def test_the_pot_has_a_floor_of_nothing_and_no_ceiling(database: Database) -> None:
    cooperative, ana, _bo = await lived_in(database)
    treasurer = await give_mandate(database, cooperative, ana, Role.TREASURER)
    async with database.begin(tenant=ana.tenant_id, read_only=True) as db:
        now = await standing(db, actor=treasurer.actor, account_id=pot_of(ana.tenant_id))
    assert (now.balance, now.floor, now.ceiling, now.left, now.near_limit) == (30, 0, None, 30, False)
