"""Circles: who is in them, what they decide, and what the database refuses whoever writes."""

from governance.circles import circle_for, circle_members, is_in_circle
from tenants.memberships import suspend_member
from tenants.platform.database import Database
from tests import factories

LIMIT = "rule:timebank.credit_limit_low"


async def test_a_cooperative_begins_with_a_circle_of_all_that_decides_everything(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        root = await circle_for(db, coop.tenant_id, LIMIT)
        assert (root.id, root.parent_id, root.name) == (coop.tenant_id, None, "Cercle de tous")
        assert await circle_members(db, coop.tenant_id, root.id) == sorted([coop.manager.id, member.id])
        assert await is_in_circle(db, coop.tenant_id, root.id, member.id)
        await suspend_member(db, actor=coop.manager.actor, membership_id=member.id)
        await db.flush()
        assert not await is_in_circle(db, coop.tenant_id, root.id, member.id)
