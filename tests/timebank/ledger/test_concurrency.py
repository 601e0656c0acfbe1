"""Many at once: no lost minute, no deadlock, no limit overrun, and one effect per key, over real connections."""

import asyncio
import random
from collections import Counter
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.timebank.world import World, at_once, connections, keyed, make_world, raw_post, transfer
from timebank.ledger.accounts import Account, find_account, pot_of
from timebank.ledger.proof import prove_ledger
from timebank.ledger.transfers import Outcome


async def account_of(database: Database, world: World, account: UUID) -> Account:
    async with database.begin(tenant=world.tenant) as db:
        return await find_account(db, tenant_id=world.tenant, account_id=account)


async def differences(database: Database, world: World) -> int:
    async with database.begin(tenant=world.tenant) as db:
        return (await prove_ledger(db, actor=world.cooperative.system)).differences


async def test_ten_thousand_debits_on_a_limit_for_five_thousand_post_exactly_five_thousand(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(
        database, db_as, rules={"timebank.credit_limit_low": 5_000, "timebank.credit_limit_high": 20_000}
    )
    ana, bo = world.members
    person = world.persons[0]
    async with connections(settings, 40) as pool:

        async def ask(*numbers: int) -> list[Outcome]:
            orders = [
                transfer(ana, bo, 1, **keyed(person, f"debit-{number}", b"%d" % number)) for number in numbers
            ]
            async with pool.acquire() as connection:
                return await raw_post(connection, world.tenant, *orders)

        first = [one for [one] in await at_once([ask(number) for number in range(10_000)])]
        batches = [range(start, start + 50) for start in range(0, 10_000, 50)]
        again = [one for batch in await at_once([ask(*batch) for batch in batches]) for one in batch]
    assert Counter((outcome.outcome, outcome.refusal) for outcome in first) == {
        ("posted", None): 5_000,
        ("refused", "not_enough_hours"): 5_000,
    }
    assert [(one.id, one.refusal, one.answer) for one in again] == [
        (one.id, one.refusal, one.answer) for one in first
    ]
    assert Counter(outcome.outcome for outcome in again) == {"replayed": 5_000, "refused": 5_000}
    given, received = await account_of(database, world, ana), await account_of(database, world, bo)
    assert (given.balance, given.version, received.balance) == (-5_000, 5_000, 5_000)
    assert await differences(database, world) == 0


async def test_many_payers_on_one_account_lose_no_minute(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as, members=50)
    pot = pot_of(world.tenant)
    async with connections(settings, 50) as pool:

        async def pay(payer: UUID) -> list[str]:
            async with pool.acquire() as connection:
                return [
                    (await raw_post(connection, world.tenant, transfer(payer, pot, 7)))[0].outcome
                    for _ in range(20)
                ]

        outcomes = await at_once([pay(payer) for payer in world.members])
    assert {one for each in outcomes for one in each} == {"posted"}
    kept = await account_of(database, world, pot)
    assert (kept.balance, kept.version) == (50 * 20 * 7, 50 * 20)
    assert await differences(database, world) == 0


async def test_four_accounts_and_sixty_four_writers_in_opposite_directions_never_deadlock(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as, members=4)
    async with connections(settings, 64) as pool:

        async def write(seed: int) -> int:
            chance = random.Random(seed)
            posted = 0
            async with pool.acquire() as connection:
                for _ in range(15):
                    orders = []
                    for _ in range(chance.randint(1, 3)):
                        debit, credit = chance.sample(world.members, 2)
                        orders.append(transfer(debit, credit, chance.randint(1, 30)))
                    outcomes = await raw_post(connection, world.tenant, *orders)
                    posted += sum(outcome.outcome == "posted" for outcome in outcomes)
            return posted

        posted = sum(await at_once([write(seed) for seed in range(64)]))
    balances = [(await account_of(database, world, one)) for one in world.members]
    assert posted > 0
    assert sum(account.balance for account in balances) == 0
    assert sum(account.version for account in balances) == 2 * posted
    assert min(account.balance for account in balances) >= -600
    assert await differences(database, world) == 0


async def test_one_key_sent_a_hundred_times_at_once_has_one_effect_and_one_answer(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with connections(settings, 50) as pool:

        async def ask() -> Outcome:
            order = transfer(ana, bo, 60, **keyed(world.persons[0], "the same"))
            async with pool.acquire() as connection:
                return (await raw_post(connection, world.tenant, order))[0]

        outcomes = await at_once([ask() for _ in range(100)])
    assert Counter(outcome.outcome for outcome in outcomes) == {"posted": 1, "replayed": 99}
    assert len({(outcome.id, outcome.answer) for outcome in outcomes}) == 1
    assert (await account_of(database, world, ana)).balance == -60


async def test_keys_crossed_between_batches_do_not_deadlock(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    names = [f"key-{number}" for number in range(8)]
    async with connections(settings, 24) as pool:

        async def ask(seed: int) -> list[Outcome]:
            order = [transfer(ana, bo, 1, **keyed(world.persons[0], name)) for name in names]
            random.Random(seed).shuffle(order)
            async with pool.acquire() as connection:
                return await raw_post(connection, world.tenant, *order)

        outcomes = await at_once([ask(seed) for seed in range(48)])
    assert Counter(one.outcome for each in outcomes for one in each) == {"posted": 8, "replayed": 47 * 8}
    assert (await account_of(database, world, ana)).balance == -8


async def test_a_transfer_is_reversed_once_however_many_ask(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with connections(settings, 30) as pool:
        async with pool.acquire() as connection:
            [posted] = await raw_post(connection, world.tenant, transfer(ana, bo, 60))

        async def reverse() -> str:
            async with pool.acquire() as connection:
                order = {"operation": "reverse", "actor": bo, "about": posted.id, "reason": "Erreur"}
                [outcome] = await raw_post(connection, world.tenant, order)
                return outcome.refusal or outcome.outcome

        outcomes = await at_once([reverse() for _ in range(60)])
    assert Counter(outcomes) == {"posted": 1, "already_reversed": 59}
    assert (await account_of(database, world, ana)).balance == 0


async def test_a_hold_ends_once_however_many_end_it(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with connections(settings, 30) as pool:
        async with pool.acquire() as connection:
            hold = transfer(ana, bo, 60, operation="hold")
            [held] = await raw_post(connection, world.tenant, hold)

        async def end(number: int) -> str:
            orders = (
                {"operation": "capture", "actor": ana, "about": held.id, "amount": 45},
                {"operation": "release", "actor": bo, "about": held.id},
                {"operation": "release", "actor": None, "about": held.id},
            )
            async with pool.acquire() as connection:
                [outcome] = await raw_post(connection, world.tenant, orders[number % 3])
                return outcome.refusal or outcome.outcome

        outcomes = await at_once([end(number) for number in range(60)])
    assert Counter(outcomes) == {"posted": 1, "hold_ended": 59}
    assert (await account_of(database, world, ana)).held == 0
    assert await differences(database, world) == 0


async def test_holds_and_transfers_at_once_never_promise_more_than_there_is(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with connections(settings, 30) as pool:

        async def ask(number: int) -> int:
            order = transfer(ana, bo, 5, operation="hold" if number % 2 else "post")
            async with pool.acquire() as connection:
                return (await raw_post(connection, world.tenant, order))[0].outcome == "posted"

        granted = sum(await at_once([ask(number) for number in range(300)]))
    account = await account_of(database, world, ana)
    assert granted == 600 // 5
    assert account.available == -600
    assert await differences(database, world) == 0


async def test_closing_an_account_and_paying_it_at_once_agree_on_an_order(
    database: Database, db_as: OpenAs, settings: Settings
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with connections(settings, 12) as pool:

        async def pay() -> str:
            async with pool.acquire() as connection:
                [outcome] = await raw_post(connection, world.tenant, transfer(ana, bo, 1))
                return outcome.refusal or outcome.outcome

        async def suspend() -> None:
            await asyncio.sleep(0.02)
            async with db_as("postgres", tenant=world.tenant) as db:
                await db.execute(text("UPDATE memberships SET state = 'suspended' WHERE id = :m"), {"m": bo})

        outcomes = Counter((await at_once([*(pay() for _ in range(300)), suspend()]))[:-1])
    assert set(outcomes) <= {"posted", "account_closed"}
    assert (await account_of(database, world, bo)).balance == outcomes["posted"]


@pytest.mark.parametrize(
    ("right", "wrong", "shows"),
    [
        ("ORDER BY a.id FOR NO KEY UPDATE", "ORDER BY a.id DESC FOR NO KEY UPDATE", "DeadlockDetectedError"),
        ("ORDER BY a.id FOR NO KEY UPDATE", "ORDER BY a.id", "UniqueViolationError"),
    ],
)
async def test_a_ledger_that_locked_otherwise_would_fail_these_tests(
    database: Database, db_as: OpenAs, settings: Settings, right: str, wrong: str, shows: str
) -> None:
    """The planted fault: among calls of the function, others of a copy that locks otherwise, or not at all."""
    world = await make_world(database, db_as, members=2, rules={"timebank.credit_limit_low": 60_000})
    async with db_as("postgres") as db:
        query = text("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'post_transfers'")
        source = str(await db.scalar(query))
        assert source.count(right) == 1
        connection = await db.connection()
        planted = source.replace(right, wrong).replace(".post_transfers(", ".post_wrongly(", 1)
        await connection.exec_driver_sql(planted)
        await connection.exec_driver_sql("ALTER FUNCTION post_wrongly OWNER TO ledger")
        await connection.exec_driver_sql("GRANT EXECUTE ON FUNCTION post_wrongly TO app")
    try:
        async with connections(settings, 12) as pool:

            async def write(number: int) -> str:
                debit, credit = world.members if number % 2 else reversed(world.members)
                function = "post_wrongly" if number % 3 else "post_transfers"
                async with pool.acquire() as connection:
                    try:
                        for _ in range(40):
                            order = transfer(debit, credit, 1)
                            await raw_post(connection, world.tenant, order, function=function)
                    except asyncpg.PostgresError as error:
                        return type(error).__name__
                return ""

            assert shows in await at_once([write(number) for number in range(12)])
    finally:
        async with db_as("postgres") as db:
            await db.execute(text("DROP FUNCTION post_wrongly"))
