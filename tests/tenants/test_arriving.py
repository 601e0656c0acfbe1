"""Arriving: what ``arrive`` finds for a reader, and that it leaks nothing across cooperatives or people."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Role
from tenants.memberships import leave_cooperative, suspend_member
from tenants.platform.database import Database
from tenants.sign_ins import revoke_other_sign_ins
from tests import factories
from tests.conftest import OpenAs

SEES = text("""
    SELECT current_setting('archipel.tenant', true) AS tenant, current_setting('archipel.person', true) AS person,
           (SELECT count(*) FROM people) AS people, (SELECT count(*) FROM sign_ins) AS sign_ins,
           (SELECT array_agg(DISTINCT tenant_id) FROM memberships) AS tenants
""")


async def arrive(
    database: Database, slug: str | None, cookie: str | None = None, bearer: str | None = None
) -> tuple[Any, Any]:
    """What ``arrive`` answers, and what the rest of that transaction sees."""
    async with database.begin(read_only=True) as db:
        facts = {
            "slug": slug,
            "cookie": hashlib.sha256(cookie.encode()).digest() if cookie else None,
            "bearer": hashlib.sha256(bearer.encode()).digest() if bearer else None,
        }
        row = (await db.execute(text("SELECT * FROM arrive(:slug, :cookie, :bearer)"), facts)).one()
        return row, (await db.execute(SEES)).one()


async def test_a_stranger_finds_the_cooperative_and_nobody(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    row, sees = await arrive(database, coop.slug)
    assert (row.tenant_id, row.name, row.legal_profile) == (coop.tenant_id, "Les Ateliers du Vent", "scic")
    assert (row.person_id, row.membership_id, row.roles, row.email) == (None, None, None, None)
    assert (sees.tenant, sees.person, sees.people, sees.sign_ins) == (str(coop.tenant_id), "", 0, 0)


async def test_an_unknown_slug_opens_nothing(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    row, sees = await arrive(database, "nulle-part", coop.manager.token)
    assert row.tenant_id is None
    assert row.membership_id is None
    assert (sees.tenant, sees.tenants) == ("", None)


async def test_a_member_arrives_with_the_roles_of_their_mandates_in_force(
    database: Database, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    for role in (Role.TREASURER, Role.MEDIATOR):
        await factories.give_mandate(database, coop, member, role)
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(
            text("UPDATE mandates SET term = tstzrange(lower(term), now()) WHERE role = 'mediator'")
        )
    row, sees = await arrive(database, coop.slug, member.token)
    assert (row.person_id, row.membership_id, row.roles) == (member.person_id, member.id, ["treasurer"])
    assert (row.email, row.display_name, row.membership_state) == (member.email, member.name, "active")
    # Two mandates were given, and each was told.
    assert row.unread_notices == 2
    assert (sees.people, sees.sign_ins, sees.tenants) == (1, 1, [coop.tenant_id])


async def test_a_member_of_another_cooperative_is_a_person_without_a_membership(database: Database) -> None:
    here, there = await factories.found_cooperative(database), await factories.found_cooperative(database)
    row, sees = await arrive(database, here.slug, there.manager.token)
    assert (row.tenant_id, row.person_id) == (here.tenant_id, there.manager.person_id)
    assert (row.membership_id, row.display_name, row.membership_state, row.roles) == (None, None, None, None)
    assert (sees.tenants, sees.people) == ([here.tenant_id], 1)


async def test_a_revoked_and_an_expired_sign_in_are_nobody(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    second = await factories.sign_in(database, member)
    async with database.begin(person=member.person_id) as db:
        assert await revoke_other_sign_ins(db, person_id=member.person_id, keep=None) == 2
    for cookie in (member.token, second, "made-up"):
        row, sees = await arrive(database, coop.slug, cookie)
        assert (row.person_id, row.sign_in_id, sees.person, sees.people) == (None, None, "", 0)
    third = await factories.sign_in(database, member)
    async with db_as("owner", person=member.person_id) as db:
        await db.execute(
            text(
                "UPDATE sign_ins SET created_at = now() - interval '40 days', expires_at = now() WHERE revoked_at IS NULL"
            )
        )
    assert (await arrive(database, coop.slug, third))[0].person_id is None


async def test_a_suspended_and_a_departed_member_keep_no_roles(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    suspended = await factories.give_mandate(
        database, coop, await factories.join_member(database, coop), Role.TREASURER
    )
    departed = await factories.join_member(database, coop)
    secret = await factories.api_token(database, departed, "profile:read")
    other = await factories.api_token(database, suspended, "profile:read")
    async with database.begin(tenant=coop.tenant_id) as db:
        await suspend_member(db, actor=coop.manager.actor, membership_id=suspended.id)
    async with database.begin(tenant=coop.tenant_id) as db:
        await leave_cooperative(db, actor=departed.actor)
    row, _sees = await arrive(database, coop.slug, suspended.token)
    assert (row.membership_state, row.roles) == ("suspended", None)
    row, _sees = await arrive(database, coop.slug, departed.token)
    assert (row.membership_state, row.roles) == ("left", None)
    for bearer in (secret, other):
        assert (await arrive(database, coop.slug, bearer=bearer))[0].token_id is None


async def test_a_token_opens_its_own_cooperative_and_never_the_persons_records(
    database: Database, db_as: OpenAs
) -> None:
    here, there = await factories.found_cooperative(database), await factories.found_cooperative(database)
    member = await factories.join_member(database, here)
    secret = await factories.api_token(database, member, "missions:read", "hours:write")
    for slug in (here.slug, None):
        row, sees = await arrive(database, slug, bearer=secret)
        assert (row.tenant_id, row.membership_id, row.scopes) == (
            here.tenant_id,
            member.id,
            ["missions:read", "hours:write"],
        )
        assert (sees.tenant, sees.person, sees.people, sees.sign_ins) == (str(here.tenant_id), "", 0, 0)
    row, sees = await arrive(database, there.slug, bearer=secret)
    assert (row.token_id, row.person_id, row.membership_id, row.email) == (None, None, None, None)
    async with db_as("owner", tenant=here.tenant_id) as db:
        await db.execute(
            text(
                "UPDATE api_tokens SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day'"
            )
        )
    assert (await arrive(database, here.slug, bearer=secret))[0].token_id is None


async def test_a_bad_bearer_does_not_fall_back_on_the_cookie(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    row, sees = await arrive(database, coop.slug, coop.manager.token, "archipel_made_up")
    assert (row.person_id, row.membership_id, sees.person) == (None, None, "")


async def test_the_application_cannot_list_people_sign_ins_or_links(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    other = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        for table in ("people", "sign_ins", "mail_links"):
            assert (await db.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
            for change in (f"UPDATE {table} SET person_id = person_id", f"DELETE FROM {table}"):
                assert (await db.execute(text(f"{change} RETURNING 1"))).all() == [], change
    async with database.begin(person=coop.manager.person_id) as db:
        assert (await db.execute(text("SELECT person_id FROM people"))).all() == [(coop.manager.person_id,)]
        for table in ("people", "sign_ins", "mail_links"):
            gone = text(f"DELETE FROM {table} WHERE person_id = :other RETURNING 1")
            assert (await db.execute(gone, {"other": other.person_id})).all() == [], table
        # The application once had no right at all to delete here. Since a person may be forgotten, the erasure, which
        # works for that person and as this role, takes their row; nobody else's, and not while a membership is theirs.
        with pytest.raises(DBAPIError, match="fk_memberships_person_id"):
            await db.execute(text("DELETE FROM people"))
    async with database.begin(person=other.person_id) as db:
        assert (await db.execute(text("SELECT person_id FROM people"))).all() == [(other.person_id,)]


async def test_the_operators_role_reads_no_passwords_and_no_tokens(database: Database, db_as: OpenAs) -> None:
    await factories.found_cooperative(database)
    for table in ("people", "sign_ins", "mail_links", "api_tokens"):
        async with db_as("platform") as db:
            with pytest.raises(DBAPIError, match="permission denied"):
                await db.execute(text(f"SELECT * FROM {table}"))


async def test_a_temporary_table_cannot_stand_in_for_ours(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin() as db:
        await db.execute(text("CREATE TEMP TABLE sign_ins (LIKE public.sign_ins) ON COMMIT DROP"))
        await db.execute(
            text(
                "INSERT INTO pg_temp.sign_ins SELECT uuidv7(), :person, sha256('forged'), 'password', '', '', now(), now(), now() + interval '1 day', NULL"
            ),
            {"person": coop.manager.person_id},
        )
        row = (
            await db.execute(text("SELECT * FROM arrive(:s, sha256('forged'), NULL)"), {"s": coop.slug})
        ).one()
    assert row.person_id is None


async def test_a_sign_in_is_touched_at_most_once_an_hour(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    row, _sees = await arrive(database, coop.slug, coop.manager.token)
    assert row.sign_in_stale is False
    read = text("SELECT last_used_at, expires_at FROM sign_ins WHERE id = :id")
    person, sign_in_id = coop.manager.person_id, {"id": row.sign_in_id}
    async with database.begin(person=person) as db:
        before = (await db.execute(read, sign_in_id)).one()
        await db.execute(text("SELECT touch_sign_in(:id)"), sign_in_id)
        assert (await db.execute(read, sign_in_id)).one() == before
    async with db_as("owner", person=person) as db:
        await db.execute(text("UPDATE sign_ins SET last_used_at = now() - interval '2 hours'"))
    assert (await arrive(database, coop.slug, coop.manager.token))[0].sign_in_stale is True
    async with database.begin(person=person) as db:
        await db.execute(text("SELECT touch_sign_in(:id)"), sign_in_id)
        after = (await db.execute(read, sign_in_id)).one()
    assert after.last_used_at > before.last_used_at
    assert after.expires_at > before.expires_at


async def test_my_memberships_are_mine_alone(database: Database) -> None:
    here, there = await factories.found_cooperative(database), await factories.found_cooperative(database)
    query = text("SELECT slug FROM my_memberships()")
    async with database.begin(person=here.manager.person_id) as db:
        assert (await db.execute(query)).all() == [(here.slug,)]
    async with database.begin(tenant=there.tenant_id) as db:
        assert (await db.execute(query)).all() == []
