"""The audit trail: an entry for what was done and only then, for those who may read it, never changed."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Actor, Role
from tenants.audit import audit_actions, audit_entries, record
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tests import factories


async def test_an_entry_says_who_did_what_to_what(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    subject = uuid4()
    async with database.begin(tenant=coop.tenant_id) as db:
        await record(
            db,
            actor=coop.manager.actor,
            action="marketplace:skill:added",
            subject_id=subject,
            facts={"name": "menuiserie"},
        )
        await record(db, actor=coop.system, action="tenants:mandate:lapsed")
    async with database.begin(tenant=coop.tenant_id) as db:
        system, mine = (await audit_entries(db, actor=coop.manager.actor))[:2]
    assert (mine.actor_id, mine.action, mine.subject_id) == (
        coop.manager.id,
        "marketplace:skill:added",
        subject,
    )
    assert mine.facts == {"name": "menuiserie"}
    assert abs(mine.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert (system.actor_id, system.subject_id, system.facts) == (None, None, {})


async def test_what_is_rolled_back_leaves_no_entry(database: Database) -> None:
    coop = await factories.found_cooperative(database)

    async def fail() -> None:
        async with database.begin(tenant=coop.tenant_id) as db:
            await record(db, actor=coop.manager.actor, action="marketplace:skill:undone")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.begin(tenant=coop.tenant_id) as db:
        assert "marketplace:skill:undone" not in await audit_actions(db, actor=coop.manager.actor)


@pytest.mark.parametrize(
    "action", ["added", "skill:added", "a:b:c:d", "Market:skill:added", "a:b:", "a b:c:d"]
)
async def test_an_action_reads_source_subject_action(database: Database, action: str) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(AssertionError):
            await record(db, actor=coop.system, action=action)
    with pytest.raises(DBAPIError):
        async with database.begin(tenant=coop.tenant_id) as db:
            await db.execute(
                text("INSERT INTO audit_entries (tenant_id, action) VALUES (:tenant, :action)"),
                {"tenant": coop.tenant_id, "action": action},
            )


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entries SET action = 'a:b:c'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"],
)
async def test_the_application_cannot_change_an_entry(database: Database, statement: str) -> None:
    coop = await factories.found_cooperative(database)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.begin(tenant=coop.tenant_id) as db:
            await db.execute(text(statement))


async def test_only_managers_and_treasurers_read_it(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    treasurer = await factories.give_mandate(database, coop, member, Role.TREASURER)
    mediator = Actor(coop.tenant_id, member.id, member.person_id, frozenset({Role.MEDIATOR}))
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await audit_entries(db, actor=treasurer.actor)
        for actor in (member.actor, mediator, coop.system):
            with pytest.raises(NotAllowed):
                await audit_entries(db, actor=actor)
            with pytest.raises(NotAllowed):
                await audit_actions(db, actor=actor)


async def test_entries_are_found_by_action_member_subject_and_day_and_read_page_by_page(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database)
    other = await factories.join_member(database, coop)
    subject = uuid4()
    async with database.begin(tenant=coop.tenant_id) as db:
        for number in range(3):
            await record(
                db,
                actor=coop.manager.actor,
                action="essais:chose:comptee",
                subject_id=subject,
                facts={"n": number},
            )
        await record(db, actor=other.actor, action="essais:chose:vue")
    today = datetime.now(UTC).date()
    tomorrow = today + timedelta(days=1)
    async with database.begin(tenant=coop.tenant_id) as db:
        actor = coop.manager.actor
        assert len(await audit_entries(db, actor=actor, action="essais:")) == 4
        # An underscore is a character here, not a wildcard.
        assert not await audit_entries(db, actor=actor, action="essais:chose_")
        assert [
            entry.action for entry in await audit_entries(db, actor=actor, member=other.id, action="essais")
        ] == ["essais:chose:vue"]
        found = await audit_entries(db, actor=actor, subject=subject, limit=2)
        assert [entry.facts["n"] for entry in found] == [2, 1]
        rest = await audit_entries(db, actor=actor, subject=subject, before=found[-1].id)
        assert [entry.facts["n"] for entry in rest] == [0]
        assert len(await audit_entries(db, actor=actor, action="essais", since=today, until=tomorrow)) == 4
        assert not await audit_entries(db, actor=actor, action="essais", since=tomorrow + timedelta(days=1))
        assert not await audit_entries(db, actor=actor, action="essais", until=today - timedelta(days=2))


async def test_another_cooperative_reads_nothing(database: Database) -> None:
    mine = await factories.found_cooperative(database)
    other = await factories.found_cooperative(database)
    async with database.begin(tenant=other.tenant_id) as db:
        assert not await audit_entries(db, actor=mine.manager.actor)
