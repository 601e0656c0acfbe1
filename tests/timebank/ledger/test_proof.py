"""The proof: a ledger that agrees is said to, and each way of tampering is seen, told and left as it is."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from tenants.actors import Actor
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tests.conftest import OpenAs
from tests.timebank.world import World, make_world
from timebank.ledger.holds import hold_hours
from timebank.ledger.proof import ProofDifference, proof_differences, prove_ledger
from timebank.ledger.transfers import post, post_transfers


async def lived_in(database: Database, db_as: OpenAs) -> World:
    world = await make_world(database, db_as, members=3)
    ana, bo, cy = world.members
    async with database.begin(tenant=world.tenant) as db:
        await post_transfers(
            db,
            [
                post(debit=ana, credit=bo, amount=60, actor=ana),
                post(debit=bo, credit=cy, amount=90, actor=bo),
                post(debit=ana, credit=cy, amount=30, actor=ana),
            ],
        )
    async with database.begin(tenant=world.tenant) as db:
        payer = Actor.system(world.tenant)
        await hold_hours(db, actor=payer, payer_id=cy, provider_id=ana, minutes=45, authorised_by=cy)
    return world


async def prove(database: Database, world: World) -> list[ProofDifference]:
    async with database.begin(tenant=world.tenant) as db:
        proof = await prove_ledger(db, actor=world.cooperative.system)
        found = list(await proof_differences(db, actor=world.cooperative.system, proof_id=proof.id))
    assert proof.differences == len(found)
    return found


async def test_a_ledger_that_agrees_is_said_to(database: Database, db_as: OpenAs) -> None:
    world = await lived_in(database, db_as)
    async with database.begin(tenant=world.tenant) as db:
        proof = await prove_ledger(db, actor=world.cooperative.system)
    assert (proof.accounts, proof.transfers, proof.differences) == (5, 3, 0)
    empty = await make_world(database, db_as, members=0)
    assert await prove(database, empty) == []


@pytest.mark.parametrize(
    ("tampering", "seen"),
    [
        ("UPDATE accounts SET balance = balance + 1 WHERE id = :ana", {"balance", "sum"}),
        (
            "UPDATE accounts SET balance = balance + 1, held = held + 1 WHERE id = :ana",
            {"balance", "sum", "held"},
        ),
        ("UPDATE accounts SET held = 0 WHERE id = :cy", {"held"}),
        ("UPDATE accounts SET version = version + 1 WHERE id = :ana", {"version"}),
        (
            "UPDATE transfers SET amount = amount + 5 WHERE debit_account = :bo",
            {"balance", "running_balance"},
        ),
        (
            "UPDATE transfers SET debit_balance = 7 WHERE debit_account = :ana AND debit_version = 1",
            {"running_balance"},
        ),
        (
            "DELETE FROM transfers WHERE debit_account = :ana AND debit_version = 1",
            {"balance", "entries", "running_balance"},
        ),
        ("DELETE FROM transfers WHERE debit_account = :ana AND debit_version = 2", {"balance", "version"}),
        ("UPDATE holds SET amount = 44", {"held"}),
        ("UPDATE accounts SET unit = 'cents', fixed_floor = -600 WHERE id = :ana", {"unit", "sum"}),
    ],
)
async def test_each_way_of_tampering_is_seen_and_told_and_not_repaired(
    database: Database, db_as: OpenAs, tampering: str, seen: set[str]
) -> None:
    world = await lived_in(database, db_as)
    who = dict(zip(("ana", "bo", "cy"), world.members, strict=True))
    async with db_as("postgres", tenant=world.tenant) as db:
        # Only a superuser can, and only past the triggers.
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        done = await db.execute(
            text(f"{tampering} {'AND' if 'WHERE' in tampering else 'WHERE'} tenant_id = :tenant RETURNING 1"),
            {"tenant": world.tenant} | {name: who[name] for name in who if f":{name}" in tampering},
        )
        assert len(done.all()) == 1
    found = await prove(database, world)
    assert {difference.what for difference in found} == seen
    assert await prove(database, world) != []
    async with database.begin(tenant=world.tenant) as db:
        told = (await db.scalars(text("SELECT facts FROM outbox WHERE kind = 'LedgerDiffered'"))).all()
    assert [facts["differences"] for facts in told] == [len(found)] * 2


async def test_a_difference_says_what_was_expected(database: Database, db_as: OpenAs) -> None:
    world = await lived_in(database, db_as)
    ana = world.members[0]
    async with db_as("postgres", tenant=world.tenant) as db:
        await db.execute(text("UPDATE accounts SET balance = -80 WHERE id = :ana"), {"ana": ana})
    balance, whole = await prove(database, world)
    assert (balance.account_id, balance.expected, balance.found) == (ana, -90, -80)
    assert (whole.account_id, whole.what, whole.found) == (None, "sum", 10)


async def test_a_proof_is_for_the_treasurer(database: Database, db_as: OpenAs) -> None:
    world = await lived_in(database, db_as)
    async with database.begin(tenant=world.tenant) as db:
        for actor in (world.cooperative.manager.actor,):
            with pytest.raises(NotAllowed):
                await prove_ledger(db, actor=actor)
        somebody = Actor(world.cooperative.tenant_id, world.cooperative.manager.id, None)
        with pytest.raises(NotAllowed):
            await proof_differences(db, actor=somebody, proof_id=uuid4())
