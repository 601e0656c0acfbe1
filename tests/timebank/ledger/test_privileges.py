"""What the role ``app`` may and may not do to the ledger, whatever a statement says."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.platform.database import Database
from tests.conftest import OpenAs
from tests.timebank.world import make_world
from timebank.ledger.accounts import AccountKind, Unit, pot_of, system_account_id
from timebank.ledger.transfers import post, post_transfers

FORBIDDEN = [
    "INSERT INTO transfers SELECT * FROM transfers",
    "UPDATE transfers SET amount = 1",
    "DELETE FROM transfers",
    "TRUNCATE transfers",
    "INSERT INTO accounts SELECT * FROM accounts",
    "UPDATE accounts SET balance = balance + 1",
    "DELETE FROM accounts",
    "INSERT INTO holds SELECT * FROM holds",
    "UPDATE holds SET state = 'released', ended_at = now()",
    "DELETE FROM holds",
    "UPDATE proofs SET differences = 0",
    "DELETE FROM proof_differences",
    "ALTER FUNCTION follow_membership() OWNER TO app",
    "SET ROLE ledger",
    "ALTER TABLE transfers DISABLE TRIGGER ALL",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
]


@pytest.mark.parametrize("role", ["app", "platform"])
@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_ledger_cannot_be_written_beside_its_door(
    database: Database, db_as: OpenAs, statement: str, role: str
) -> None:
    world = await make_world(database, db_as)
    async with db_as(role, tenant=world.tenant) as db:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner|trigger"):
            await db.execute(text(statement))


@pytest.mark.parametrize("role", ["owner", "postgres"])
@pytest.mark.parametrize(
    "statement", ["UPDATE transfers SET amount = 1", "DELETE FROM transfers", "TRUNCATE transfers CASCADE"]
)
async def test_not_even_its_owner_changes_what_was_posted(
    database: Database, db_as: OpenAs, statement: str, role: str
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with database.begin(tenant=world.tenant) as db:
        await post_transfers(db, [post(debit=ana, credit=bo, amount=60, actor=ana)])
    async with db_as(role, tenant=world.tenant) as db:
        with pytest.raises(DBAPIError, match="never changes"):
            await db.execute(text(statement))


async def test_the_role_of_the_ledger_may_add_and_never_change(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    async with db_as("postgres", tenant=world.tenant) as db:
        query = text("""
            SELECT table_name || '.' || privilege_type FROM information_schema.table_privileges
            WHERE grantee = 'ledger' ORDER BY 1
        """)
        assert list(await db.scalars(query)) == [
            "accounts.INSERT",
            "accounts.SELECT",
            "api_tokens.SELECT",
            "contests.SELECT",
            "cooperatives.SELECT",
            "delegations.SELECT",
            "holds.INSERT",
            "holds.SELECT",
            "idempotency_keys.INSERT",
            "idempotency_keys.SELECT",
            "imported_exchanges.INSERT",
            "imported_exchanges.SELECT",
            "mandates.SELECT",
            "memberships.SELECT",
            "outbox.INSERT",
            "rule_versions.SELECT",
            "third_party_entries.INSERT",
            "third_party_entries.SELECT",
            "transfers.INSERT",
            "transfers.SELECT",
        ]
        roles = text("SELECT rolcanlogin, rolbypassrls, rolsuper FROM pg_roles WHERE rolname = 'ledger'")
        assert tuple((await db.execute(roles)).one()) == (False, False, False)


async def test_the_functions_of_the_ledger_stay_under_isolation(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    async with db_as("postgres", tenant=world.tenant) as db:
        query = text("""
            SELECT proname, pg_get_userbyid(proowner) AS owner,
                   has_function_privilege('public', oid, 'EXECUTE') AS everyone,
                   has_function_privilege('platform', oid, 'EXECUTE') AS operator, proconfig::text AS config
            FROM pg_proc WHERE prosecdef AND pg_get_userbyid(proowner) = 'ledger' ORDER BY proname
        """)
        rows = (await db.execute(query)).all()
    assert [row.proname for row in rows] == [
        "follow_membership",
        "lock_accounts",
        "open_cooperative_accounts",
        "open_system_account",
        "post_bearer_transfers",
        "post_history",
        "post_transfers",
    ]
    assert not any(row.everyone or row.operator for row in rows)
    assert all("search_path" in row.config for row in rows)


async def test_a_cooperative_has_its_pot_and_a_member_an_account_from_the_first_day(
    database: Database, db_as: OpenAs
) -> None:
    world = await make_world(database, db_as)
    async with database.begin(tenant=world.tenant) as db:
        rows = (
            await db.execute(text("SELECT id, kind, unit, membership_id, fixed_floor FROM accounts"))
        ).all()
        same = await db.scalar(text("SELECT system_account_id(:t, 'pot', 'minutes')"), {"t": world.tenant})
    accounts = {row.id: row for row in rows}
    assert set(accounts) == {*world.members, world.cooperative.manager.id, pot_of(world.tenant)}
    assert same == pot_of(world.tenant) == system_account_id(world.tenant, AccountKind.POT, Unit.MINUTES)
    assert accounts[pot_of(world.tenant)].fixed_floor == 0
    assert all(accounts[member].fixed_floor is None for member in world.members)


async def test_opening_an_account_of_the_cooperative_twice_opens_one(
    database: Database, db_as: OpenAs
) -> None:
    world = await make_world(database, db_as)
    async with database.begin(tenant=world.tenant) as db:
        query = text("SELECT open_system_account(:t, 'escrow', 'cents')")
        first, second = [await db.scalar(query, {"t": world.tenant}) for _ in range(2)]
    assert first == second
