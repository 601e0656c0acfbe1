"""Who is told what: the right people, once, in words, and never about their own doing."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select

from marketplace import cancellations, missions
from marketplace.cancellations import CancellationTerms
from marketplace.disputes import DecisionTerms, StatementTerms, add_statement, decide_dispute
from marketplace.switchboard import EVENTS
from tenants.notices import KINDS, Notice, path_of, sentence_of
from tenants.platform.database import Database
from tenants.platform.outbox import OutboxRow
from tests.marketplace import stories
from tests.marketplace.stories import Village, village

MISSIONS = {event for event in EVENTS if event.__module__ == "marketplace.events"}

# The real worker carries the events to those who hear them.
pytestmark = pytest.mark.usefixtures("archipel")


async def deliver_events(database: Database, scene: Village) -> None:
    """Wait until the worker has handled everything that was emitted in the cooperative."""
    waiting = select(func.count()).where(
        OutboxRow.tenant_id == scene.coop.tenant_id, OutboxRow.due_at.is_not(None)
    )
    async with asyncio.timeout(30):
        while True:
            async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
                if not (await db.execute(waiting)).scalar_one():
                    return
            await asyncio.sleep(0.1)


async def told(database: Database, scene: Village) -> set[tuple[str, str]]:
    """(who, which kind of notice) of everything about missions that was told; each once."""
    names: dict[UUID, str] = {
        member.id: name
        for name, member in {
            "author": scene.author,
            "bidder": scene.bidder,
            "other": scene.other,
            "mediator": scene.mediator,
            "manager": scene.coop.manager,
        }.items()
    }
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        notices = (await db.scalars(select(Notice).where(Notice.tenant_id == scene.coop.tenant_id))).all()
    about = [one for one in notices if "mission_id" in one.facts]
    for one in about:
        assert "{" not in sentence_of(one)
        assert path_of(one, slug="x").startswith("/x/missions/")
    pairs = [(names[one.membership_id], one.kind) for one in about]
    assert len(pairs) == len(set(pairs))
    return set(pairs)


async def test_a_mission_that_goes_well(database: Database) -> None:
    scene = await village(database)
    mission_id = await stories.posted(database, scene.author)
    chosen = await stories.bid(database, scene.bidder, mission_id)
    await stories.bid(database, scene.other, mission_id)
    await stories.accept(database, scene.author, mission_id, chosen)
    await stories.deliver(database, scene.bidder, mission_id)
    await stories.confirm(database, scene.author, mission_id)
    await deliver_events(database, scene)
    # Two bids make two notices of one kind: count them apart.
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        kinds = sorted(
            await db.scalars(
                select(Notice.kind).where(
                    Notice.tenant_id == scene.coop.tenant_id, Notice.facts.has_key("mission_id")
                )
            )
        )
    assert kinds == [
        "bid_accepted",
        "bid_declined",
        "bid_placed",
        "bid_placed",
        "mission_delivered",
        "mission_settled",
    ]


async def test_a_dispute_is_told_to_the_provider_and_to_the_mediators(database: Database) -> None:
    scene = await village(database)
    mission_id = await stories.disputed(database, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await add_statement(
            db,
            actor=scene.bidder.actor,
            mission_id=mission_id,
            terms=StatementTerms(statement="Tout est fait."),
        )
        await decide_dispute(
            db,
            actor=scene.mediator.actor,
            mission_id=mission_id,
            terms=DecisionTerms(posted_minutes=60, decision="La moitié."),
        )
    await deliver_events(database, scene)
    assert await told(database, scene) == {
        ("author", "bid_placed"),
        ("bidder", "bid_accepted"),
        ("author", "mission_delivered"),
        ("bidder", "mission_disputed"),
        ("mediator", "dispute_to_decide"),
        ("author", "statement_added"),
        ("author", "dispute_decided"),
        ("bidder", "dispute_decided"),
    }


async def test_stopping_and_withdrawing_are_told_to_the_other_side(database: Database) -> None:
    scene = await village(database)
    mission_id = await stories.agreed(database, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await cancellations.propose_cancellation(
            db,
            actor=scene.bidder.actor,
            mission_id=mission_id,
            terms=CancellationTerms(reason="Je déménage."),
        )
        await cancellations.accept_cancellation(db, actor=scene.author.actor, mission_id=mission_id)
    await stories.bid(database, scene.other, mission_id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.withdraw_mission(db, actor=scene.author.actor, mission_id=mission_id)
    await deliver_events(database, scene)
    found = await told_kinds(database, scene)
    assert ("author", "cancellation_proposed") in found
    assert ("bidder", "agreement_called_off") in found
    assert ("other", "mission_withdrawn") in found
    assert ("bidder", "mission_withdrawn") not in found


async def told_kinds(database: Database, scene: Village) -> set[tuple[str, str]]:
    """As ``told``, where the same thing may rightly be told twice."""
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        notices = (await db.scalars(select(Notice).where(Notice.tenant_id == scene.coop.tenant_id))).all()
    names: dict[UUID, str] = {scene.author.id: "author", scene.bidder.id: "bidder", scene.other.id: "other"}
    return {(names.get(one.membership_id, "?"), one.kind) for one in notices}


def test_every_event_of_the_missions_is_on_the_switchboard() -> None:
    from marketplace import events  # noqa: PLC0415

    declared = {
        one
        for one in vars(events).values()
        if isinstance(one, type) and one.__module__ == "marketplace.events"
    }
    assert declared == MISSIONS
    assert {"bid_placed", "dispute_decided"} <= set(KINDS)
