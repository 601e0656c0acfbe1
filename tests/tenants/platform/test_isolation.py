"""The catalogue of the database, held against what DESIGN promises: nothing stands outside isolation unlisted."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import OpenAs

# Tables that belong to no cooperative, and what keeps them.
NOT_TENANTED = {
    "people": "policy person",
    "sign_ins": "policy person",
    "mail_links": "policy person",
    "second_factors": "policy person",
    "recovery_codes": "policy person",
    "half_sign_ins": "policy person",
    "person_erasures": "policy person",
    "alembic_version": "owner only",
}

# Unique indexes that do not begin with tenant_id: each is an identity over the whole platform.
GLOBAL_IDENTITIES = {
    "uq_cooperatives_slug",
}

# Every function that runs with its owner's rights, and who that is. A new one is added here on purpose.
DEFINER_FUNCTIONS = {
    "arrive": "door",
    "ask_mail_link": "door",
    "cooperatives_to_visit": "door",
    "find_half_sign_in": "door",
    "find_invitation": "door",
    "find_mail_link": "door",
    "find_person": "door",
    "follow_membership": "ledger",
    "locale_of_member": "door",
    "lock_accounts": "ledger",
    "members_who_can": "door",
    "my_memberships": "door",
    "open_cooperative_accounts": "ledger",
    "open_system_account": "ledger",
    "outbox_backlog": "door",
    "post_bearer_transfers": "ledger",
    "post_history": "ledger",
    "post_transfers": "ledger",
    "search_members": "door",
    "search_missions": "door",
    "stamp_mail_link": "door",
    "take_due_persons": "door",
    "words_no_member_says": "door",
    "words_no_mission_says": "door",
}


async def test_every_table_is_under_row_level_security(db_as: OpenAs) -> None:
    async with db_as("owner") as db:
        rows = await db.execute(
            text("""
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                   array(SELECT polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies,
                   EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS tenanted
            FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'f')
            """)
        )
        tables = rows.all()
    assert len(tables) > 15
    for table in tables:
        if table.tenanted:
            assert table.forced, table.relname
            assert table.policies == ["tenant"], table.relname
        else:
            assert table.relname in NOT_TENANTED, (
                f"{table.relname} has neither a tenant nor a place on the list"
            )
            if NOT_TENANTED[table.relname] == "policy person":
                assert table.forced, table.relname
                assert table.policies == ["person"], table.relname


async def test_every_policy_compares_with_the_setting_and_calls_nothing_volatile(db_as: OpenAs) -> None:
    async with db_as("owner") as db:
        rows = await db.execute(
            text("SELECT tablename, policyname, qual, with_check, permissive, cmd FROM pg_policies")
        )
        for policy in rows:
            column, setting = (
                ("tenant_id", "archipel.tenant")
                if policy.policyname == "tenant"
                else ("person_id", "archipel.person")
            )
            expected = f"({column} = (NULLIF(current_setting('{setting}'::text, true), ''::text))::uuid)"
            assert policy.qual == policy.with_check == expected, policy.tablename
            assert policy.cmd == "ALL", policy.tablename


async def test_primary_unique_and_foreign_keys_begin_with_the_tenant(db_as: OpenAs) -> None:
    async with db_as("owner") as db:
        rows = await db.execute(
            text("""
            SELECT i.relname AS name, c.relname AS subject, a.attname AS first
            FROM pg_index x
            JOIN pg_class i ON i.oid = x.indexrelid
            JOIN pg_class c ON c.oid = x.indrelid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
            WHERE c.relnamespace = 'public'::regnamespace AND x.indisunique
              AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
            UNION ALL
            SELECT k.conname, c.relname, a.attname
            FROM pg_constraint k
            JOIN pg_class c ON c.oid = k.conrelid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
            WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace
              AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
              AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = k.confrelid AND t.attname = 'tenant_id')
            """)
        )
        strays = {f"{row.subject}.{row.name}" for row in rows if row.first != "tenant_id"}
    assert {stray.split(".")[1] for stray in strays} <= GLOBAL_IDENTITIES, strays


async def test_every_definer_function_is_listed_owned_and_closed_to_the_public(db_as: OpenAs) -> None:
    async with db_as("owner") as db:
        rows = await db.execute(
            text("""
            SELECT p.proname AS name, r.rolname AS owner, p.proconfig AS settings,
                   has_function_privilege('public', p.oid, 'EXECUTE') AS is_public
            FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
            WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
            """)
        )
        found = rows.all()
    assert {row.name: row.owner for row in found} == DEFINER_FUNCTIONS
    for row in found:
        assert any(item.startswith("search_path=pg_catalog") for item in row.settings), row.name
        assert not row.is_public, row.name


async def test_the_roles_are_what_the_design_says(db_as: OpenAs) -> None:
    async with db_as("owner") as db:
        rows = await db.execute(
            text("""
            SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles
            WHERE rolname IN ('owner', 'app', 'platform', 'analyst', 'door', 'ledger')
            """)
        )
        roles = {row.rolname: row for row in rows}
    assert set(roles) == {"owner", "app", "platform", "analyst", "door", "ledger"}
    assert not any(role.rolsuper for role in roles.values())
    assert {name for name, role in roles.items() if role.rolbypassrls} == {"platform", "door"}
    assert not roles["door"].rolcanlogin
    assert not roles["ledger"].rolcanlogin


async def test_without_a_tenant_no_row_of_any_cooperative_is_visible_or_writable(db_as: OpenAs) -> None:
    async with db_as("app") as db:
        tables = (
            await db.execute(
                text("""
                SELECT DISTINCT table_name FROM information_schema.columns
                WHERE table_schema = 'public' AND column_name = 'tenant_id'
                  AND table_name IN (SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE')
                """)
            )
        ).scalars()
        readable = [
            name
            for name in tables.all()
            if (
                await db.execute(text("SELECT has_table_privilege(:name, 'SELECT')"), {"name": name})
            ).scalar_one()
        ]
        assert len(readable) > 15
        for name in readable:
            assert (await db.execute(text(f'SELECT count(*) FROM "{name}"'))).scalar_one() == 0, name


async def test_app_cannot_make_objects_or_take_another_role(db_as: OpenAs) -> None:
    for statement in ("CREATE TABLE mine (n int)", "SET ROLE door", "SET ROLE ledger", "SET ROLE platform"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db_as("app") as db:
                await db.execute(text(statement))
