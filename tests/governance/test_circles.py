"""Circles: who is in them, what they decide, and what the database refuses whoever writes."""

from datetime import UTC, datetime

from sqlalchemy import text

from governance.circles import circle_for, circle_members, is_in_circle, root_of
from governance.root_circles import complete_circles
from tenants.memberships import suspend_member
from tenants.platform.database import Database
from tenants.rule_completion import RulebookDue
from tests import factories
from tests.conftest import OpenAs

LIMIT = "rule:timebank.credit_limit_low"


async def test_a_cooperative_begins_with_a_circle_of_all_that_decides_everything(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        root = await circle_for(db, coop.tenant_id, LIMIT)
        assert (root.id, root.is_root, root.name) == (root_of(coop.tenant_id), True, "Cercle de tous")
        assert await circle_members(db, coop.tenant_id, root.id) == sorted([coop.manager.id, member.id])
        assert await is_in_circle(db, coop.tenant_id, root.id, member.id)
        await suspend_member(db, actor=coop.manager.actor, membership_id=member.id)
        await db.flush()
        assert not await is_in_circle(db, coop.tenant_id, root.id, member.id)


async def test_a_cooperative_older_than_circles_gets_its_circle_of_all_once(
    database: Database, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(text("DELETE FROM circles"))
    for _hour in range(2):
        async with database.begin(tenant=coop.tenant_id) as db:
            await complete_circles(db, RulebookDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC)))
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await circle_members(db, coop.tenant_id, coop.tenant_id) == [coop.manager.id]
        assert await db.scalar(text("SELECT count(*) FROM circles")) == 1
