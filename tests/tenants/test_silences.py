"""Members of whom nothing was heard: asked after once, never for the time before the rule, and listed for a manager."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select, text

from tenants import reception
from tenants.memberships import suspend_member
from tenants.notices import Notice
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tenants.silences import (
    MemberActivity,
    SilencesDue,
    ask_after_the_silent,
    count_silent_members,
    note_activity,
    silent_members,
)
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded, Member
from tests.tenants.conftest import Browser
from timebank.correspondence import tell_receivers
from timebank.events import TransfersPosted
from timebank.exchanges import post_transfer

RULE = {"tenants.silent_days": 90}


async def ask(database: Database, coop: Founded) -> None:
    async with database.begin(tenant=coop.tenant_id) as db:
        await ask_after_the_silent(db, SilencesDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC)))


async def asked(database: Database, member: Member) -> int:
    async with database.begin(tenant=member.tenant_id) as db:
        query = select(Notice.id).where(Notice.membership_id == member.id, Notice.kind == "silent_for_long")
        return len((await db.scalars(query)).all())


async def joined_long_ago(db_as: OpenAs, coop: Founded, *members: Member, days: int = 100) -> None:
    """As if these members had joined then, and the rule had been there before them."""
    async with db_as("postgres") as db:
        facts = {"tenant": coop.tenant_id, "days": days, "members": [one.id for one in members]}
        await db.execute(
            text("""
                UPDATE memberships SET joined_at = now() - make_interval(days => :days)
                WHERE tenant_id = :tenant AND id = ANY (:members)
            """),
            facts,
        )
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text("""
                UPDATE rule_versions SET in_force = tstzrange(now() - interval '2 years', upper(in_force))
                WHERE tenant_id = :tenant AND rule = 'tenants.silent_days'
            """),
            facts,
        )


async def test_a_silent_member_is_asked_after_once_until_they_were_active_again(
    database: Database, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database, rules=RULE)
    silent = await factories.join_member(database, coop)
    heard = await factories.join_member(database, coop)
    recent = await factories.join_member(database, coop)
    gone = await factories.join_member(database, coop)
    await joined_long_ago(db_as, coop, silent, heard, gone, coop.manager)
    await joined_long_ago(db_as, coop, recent, days=89)
    async with database.begin(tenant=coop.tenant_id) as db:
        await note_activity(db, tenant_id=coop.tenant_id, membership_ids=[heard.id, coop.manager.id])
        await suspend_member(db, actor=coop.manager.actor, membership_id=gone.id)
    for _ in range(3):
        await ask(database, coop)
    assert [await asked(database, one) for one in (silent, heard, recent, gone)] == [1, 0, 0, 0]
    async with database.begin(tenant=coop.tenant_id) as db:
        [listed] = await silent_members(db, actor=coop.manager.actor)
        assert (listed.membership_id, listed.asked_at is None) == (silent.id, False)
        assert await count_silent_members(db, actor=coop.manager.actor) == 1
        await note_activity(db, tenant_id=coop.tenant_id, membership_ids=[silent.id])
    await ask(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        assert not await silent_members(db, actor=coop.manager.actor)
        # Active again since, and silent once more.
        await db.execute(
            text("""
                UPDATE member_activity SET asked_at = asked_at - interval '300 days',
                    active_at = active_at - interval '100 days' WHERE membership_id = :member
            """),
            {"member": silent.id},
        )
    for _ in range(2):
        await ask(database, coop)
    assert await asked(database, silent) == 2


async def test_nobody_is_asked_after_for_the_time_before_the_rule(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database, rules=RULE)
    member = await factories.join_member(database, coop)
    async with db_as("postgres") as db:
        await db.execute(
            text("UPDATE memberships SET joined_at = now() - interval '5 years' WHERE id = :id"),
            {"id": member.id},
        )
    await ask(database, coop)
    assert await asked(database, member) == 0


async def test_zero_days_asks_after_nobody(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database, rules={"tenants.silent_days": 0})
    member = await factories.join_member(database, coop)
    await joined_long_ago(db_as, coop, member, days=900)
    await ask(database, coop)
    assert await asked(database, member) == 0
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await count_silent_members(db, actor=coop.manager.actor) == 0


async def test_only_a_manager_sees_who_is_silent(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        for verb in (silent_members, count_silent_members):
            with pytest.raises(NotAllowed):
                await verb(db, actor=member.actor)
    client = browser(member)
    for path in (f"/{coop.slug}/members/silent", f"/{coop.slug}/members/silent.csv"):
        assert (await client.get(path)).status_code == httpx.codes.FORBIDDEN


async def test_the_manager_sees_a_count_a_list_and_a_file(
    database: Database, db_as: OpenAs, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, rules=RULE)
    silent = [await factories.join_member(database, coop, name=f"Silencieuse {n}") for n in range(3)]
    await joined_long_ago(db_as, coop, *silent)
    await ask(database, coop)
    client = browser(coop.manager)
    page = await client.get(f"/{coop.slug}/members/silent")
    assert "3 membres sans nouvelles" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "un mot envoyé" in page.text
    lines = (await client.get(f"/{coop.slug}/members/silent.csv")).text.splitlines()
    assert len(lines) == 4
    first = (await client.get(f"/api/v1/{coop.slug}/members/silent?limit=2")).json()
    rest = (await client.get(f"/api/v1/{coop.slug}/members/silent?limit=2&after={first['next']}")).json()
    found = {one["membership_id"] for one in first["items"] + rest["items"]}
    assert (found, rest["next"]) == ({str(one.id) for one in silent}, None)
    assert (await client.get(f"/api/v1/{coop.slug}/members/silent/count")).json() == {"count": 3}


async def test_opening_a_page_and_moving_hours_are_activity(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    visits, gives, receives, rests = [await factories.join_member(database, coop) for _ in range(4)]
    assert (await browser(visits).get(f"/{coop.slug}")).status_code == httpx.codes.OK
    await asyncio.gather(*reception._background)
    async with database.begin(tenant=coop.tenant_id) as db:
        moved = await post_transfer(
            db, actor=gives.actor, to=receives.id, amount_minutes=5, reason="Un conseil"
        )
    async with database.begin(tenant=coop.tenant_id) as db:
        await tell_receivers(db, TransfersPosted(tenant_id=coop.tenant_id, transfers=(moved,)))
    async with database.begin(tenant=coop.tenant_id) as db:
        active = set(await db.scalars(select(MemberActivity.membership_id)))
    assert active == {visits.id, gives.id, receives.id}
    assert rests.id not in active


async def test_activity_is_written_at_most_once_an_hour(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    versions = []
    for _ in range(2):
        async with database.begin(tenant=coop.tenant_id) as db:
            await note_activity(db, tenant_id=coop.tenant_id, membership_ids=[coop.manager.id])
            await note_activity(db, tenant_id=coop.tenant_id, membership_ids=[])
            versions.append(
                (await db.execute(text("SELECT xmin::text, active_at FROM member_activity"))).one()
            )
    assert versions[0] == versions[1]
