"""A member leaves: what nobody had accepted goes with them, what was agreed stays."""

from marketplace.departures import withdraw_what_was_theirs
from marketplace.switchboard import EVENTS
from tenants.events import MemberLeft
from tenants.memberships import leave_cooperative
from tenants.platform.database import Database
from tests.marketplace import stories
from tests.marketplace.stories import balance, bid_states, posted, state_of, village


async def test_open_missions_and_live_bids_are_withdrawn_and_agreements_stay(database: Database) -> None:
    scene = await village(database)
    open_mission = await posted(database, scene.bidder)
    draft = await posted(database, scene.bidder, publish=False)
    await stories.bid(database, scene.other, open_mission)
    elsewhere = await posted(database, scene.author)
    theirs = await stories.bid(database, scene.bidder, elsewhere)
    kept = await stories.bid(database, scene.other, elsewhere)
    delivered = await stories.delivered(database, scene)
    async with database.begin(tenant=scene.coop.tenant_id, person=scene.bidder.person_id) as db:
        await leave_cooperative(db, actor=scene.bidder.actor)
    assert withdraw_what_was_theirs in EVENTS[MemberLeft]
    event = MemberLeft(tenant_id=scene.coop.tenant_id, membership_id=scene.bidder.id)
    for _ in range(2):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            await withdraw_what_was_theirs(db, event)
    assert await state_of(database, scene.author, open_mission) == "withdrawn"
    assert await state_of(database, scene.author, draft) == "withdrawn"
    assert await bid_states(database, scene.author, elsewhere) == {theirs: "withdrawn", kept: "live"}
    # The work was done before: it is still confirmed and paid.
    await stories.confirm(database, scene.author, delivered)
    assert await balance(database, scene.bidder) == (120, 0)
    withdrawn = await stories.events(database, scene.coop, "BidWithdrawn")
    assert [one["bid_id"] for one in withdrawn] == [str(theirs)]
