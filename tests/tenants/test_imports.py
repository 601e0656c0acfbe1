"""Members of another tool: looked at first, imported whole or not at all, and never twice."""

from sqlalchemy import select

from tenants.imports import ImportState
from tenants.memberships import Membership, MembershipState
from tenants.platform.database import Database
from tests import factories
from tests.factories import Founded
from tests.tenants.import_stories import (
    TIMEOVERFLOW_MEMBERS,
    brought,
    released,
)


async def unclaimed(database: Database, coop: Founded) -> dict[str, Membership]:
    async with database.begin(tenant=coop.tenant_id) as db:
        query = select(Membership).where(
            Membership.tenant_id == coop.tenant_id, Membership.state == MembershipState.INVITED
        )
        return {one.display_name: one for one in await db.scalars(query)}


async def test_a_timeoverflow_file_is_looked_at_then_imported_then_known(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    assert one.state is ImportState.READY
    assert one.shown
    assert (one.shown.source, one.shown.rows, one.shown.new, one.shown.present) == ("timeoverflow", 3, 3, 0)
    assert await unclaimed(database, coop) == {}
    done = await released(database, coop.manager, one)
    assert done.state is ImportState.DONE
    members = await unclaimed(database, coop)
    assert set(members) == {"Anne Le Goff", "Bob Martin", "Chloé Ñúñez"}
    assert members["Anne Le Goff"].contact_phone == "0600000001"
    assert members["Bob Martin"].contact_phone == "0600000002"
    assert members["Chloé Ñúñez"].contact_email == ""
    assert all(member.person_id is None for member in members.values())
    again = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    assert again.state is ImportState.DONE
    assert again.shown
    assert (again.shown.new, again.shown.present) == (0, 3)
    assert len(await unclaimed(database, coop)) == 3
