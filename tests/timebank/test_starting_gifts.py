"""Starting gifts: from the pot, as the rule says on the day of joining, once for each membership, never lost."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import select

from tenants.actors import Role
from tenants.events import MemberJoined
from tenants.memberships import leave_cooperative
from tenants.notices import notices
from tenants.platform.database import Database
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from timebank.gifts import give
from timebank.ledger.accounts import find_account, hours_account_of
from timebank.ledger.transfers import Transfer
from timebank.starting_gifts import (
    StartingGift,
    StartingGiftsDue,
    StartingGiftState,
    give_starting_gifts,
    welcome_newcomer,
)

RULES = {"timebank.starting_gift": 120, "timebank.credit_limit_low": 6_000}


async def welcome(database: Database, member: Member) -> None:
    async with database.begin(tenant=member.tenant_id) as db:
        await welcome_newcomer(db, MemberJoined(tenant_id=member.tenant_id, membership_id=member.id))


async def try_again(database: Database, coop: Founded) -> None:
    async with database.begin(tenant=coop.tenant_id) as db:
        await give_starting_gifts(db, StartingGiftsDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC)))


async def balance(database: Database, member: Member) -> int:
    async with database.begin(tenant=member.tenant_id) as db:
        account = await find_account(db, tenant_id=member.tenant_id, account_id=hours_account_of(member.id))
    return account.balance


async def fill(database: Database, donor: Member, minutes: int) -> None:
    async with database.begin(tenant=donor.tenant_id) as db:
        await give(db, actor=donor.actor, to=None, amount_minutes=minutes)


async def kinds(database: Database, member: Member) -> list[str]:
    async with database.begin(tenant=member.tenant_id) as db:
        return [one.kind for one in await notices(db, actor=member.actor)]


async def test_a_newcomer_is_welcomed_once_whatever_is_heard_how_often(database: Database) -> None:
    coop = await found_cooperative(database, rules=RULES)
    await fill(database, coop.manager, 600)
    member = await join_member(database, coop)
    await asyncio.gather(*(welcome(database, member) for _ in range(3)))
    await try_again(database, coop)
    assert await balance(database, member) == 120
    async with database.begin(tenant=coop.tenant_id) as db:
        [moved] = await db.scalars(select(Transfer).where(Transfer.cause == "starting_gift"))
    assert (moved.amount, moved.actor) == (120, None)
    assert (await kinds(database, member)).count("starting_gift_received") == 1


async def test_without_a_gift_in_the_rule_nothing_is_given_ever(database: Database) -> None:
    coop = await found_cooperative(database, rules=RULES | {"timebank.starting_gift": 0})
    await fill(database, coop.manager, 600)
    member = await join_member(database, coop)
    await welcome(database, member)
    await try_again(database, coop)
    assert await balance(database, member) == 0


async def test_a_gift_waits_for_the_pot_and_the_stewards_are_told_once(database: Database) -> None:
    coop = await found_cooperative(database, rules=RULES)
    steward = await give_mandate(database, coop, await join_member(database, coop), Role.STEWARD)
    first, second = await join_member(database, coop), await join_member(database, coop)
    await fill(database, coop.manager, 119)
    await welcome(database, first)
    await welcome(database, second)
    for _ in range(3):
        await try_again(database, coop)
    assert [await balance(database, one) for one in (first, second)] == [0, 0]
    assert (await kinds(database, steward)).count("starting_gift_waits") == 2
    assert "starting_gift_waits" not in await kinds(database, first)
    await fill(database, coop.manager, 121)
    await try_again(database, coop)
    assert [await balance(database, one) for one in (first, second)] == [120, 120]
    await try_again(database, coop)
    assert [await balance(database, one) for one in (first, second)] == [120, 120]


async def test_where_nobody_keeps_the_pot_the_managers_are_told(database: Database) -> None:
    coop = await found_cooperative(database, rules=RULES)
    await welcome(database, await join_member(database, coop))
    assert "starting_gift_waits" in await kinds(database, coop.manager)


async def test_who_left_meanwhile_is_passed_over_and_holds_nobody_up(database: Database) -> None:
    coop = await found_cooperative(database, rules=RULES)
    leaves, stays = await join_member(database, coop), await join_member(database, coop)
    await welcome(database, leaves)
    await welcome(database, stays)
    async with database.begin(tenant=coop.tenant_id, person=leaves.person_id) as db:
        await leave_cooperative(db, actor=leaves.actor)
    await fill(database, coop.manager, 600)
    await try_again(database, coop)
    assert await balance(database, stays) == 120
    async with database.begin(tenant=coop.tenant_id) as db:
        states = {one.membership_id: one.state for one in await db.scalars(select(StartingGift))}
    assert states == {leaves.id: StartingGiftState.LAPSED, stays.id: StartingGiftState.GIVEN}
