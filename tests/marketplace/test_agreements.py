"""Bidding, accepting, starting, and ending an agreement before delivery: who may, and where the hours stand."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from marketplace import bids, cancellations, missions
from marketplace.agreements import Agreement, PayerShort, start_mission
from marketplace.bids import Bid, BidGone, BidTerms, OwnMission
from marketplace.cancellations import (
    CancellationStands,
    CancellationTerms,
    NoCancellation,
    lapse_holds,
    remind_of_holds,
)
from marketplace.mission_states import WrongState
from marketplace.mission_terms import MissionKind, PastDate
from marketplace.ownership import Ownership
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tests.conftest import OpenAs
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import HOUR, accept, agreed, balance, bid, posted, state_of, village
from timebank.ledger.transfers import NotEnoughHours

REASON = CancellationTerms(reason="Je suis immobilisé deux semaines.")


async def test_a_member_has_one_live_bid_and_a_new_one_replaces_it(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    first = await bid(database, scene.bidder, mission_id, 120)
    second = await bid(database, scene.bidder, mission_id, 90)
    assert await stories.bid_states(database, scene.author, mission_id) == {
        first: "replaced",
        second: "live",
    }
    with pytest.raises(BidGone):
        await accept(database, scene.author, mission_id, first)
    placed = await stories.events(database, scene.coop, "BidPlaced")
    assert [one["replaces"] for one in placed] == [None, str(first)]


async def test_two_bids_of_one_member_at_once_leave_one_live(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    await asyncio.gather(*(bid(database, scene.bidder, mission_id, 60 + n) for n in range(8)))
    states = (await stories.bid_states(database, scene.author, mission_id)).values()
    assert sorted(states) == ["live", *["replaced"] * 7]


async def test_who_may_not_bid_and_when(database: Database, db_as: OpenAs) -> None:
    scene = await village(database)
    stranger = (await village(database)).author
    mission_id = await posted(database, scene.author)
    draft = await posted(database, scene.author, publish=False)
    with pytest.raises(OwnMission):
        await bid(database, scene.author, mission_id)
    with pytest.raises(NotFound):
        await bid(database, stranger, mission_id)
    with pytest.raises(NotFound):
        await bid(database, scene.bidder, draft)
    with pytest.raises(NotFound):
        await bid(database, scene.bidder, uuid4())
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        clock = await missions.today(db, tenant_id=scene.coop.tenant_id)
        late = BidTerms(message="Hier.", minutes=60, delivery_on=clock.day - timedelta(days=1))
        with pytest.raises(PastDate):
            await bids.place_bid(db, actor=scene.bidder.actor, mission_id=mission_id, terms=late)
    async with db_as("owner", tenant=scene.coop.tenant_id) as db:
        await db.execute(
            text("UPDATE missions SET expires_on = current_date - 2 WHERE id = :id"), {"id": mission_id}
        )
    with pytest.raises(WrongState):
        await bid(database, scene.bidder, mission_id)
    assert await stories.count(database, scene.coop, Bid) == 0


async def test_a_bid_is_withdrawn_by_its_bidder_alone(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    bid_id = await bid(database, scene.bidder, mission_id)
    for stranger in (scene.other, scene.author):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            with pytest.raises(NotFound):
                await bids.withdraw_bid(db, actor=stranger.actor, mission_id=mission_id, bid_id=bid_id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await bids.withdraw_bid(db, actor=scene.bidder.actor, mission_id=mission_id, bid_id=bid_id)
    with pytest.raises(BidGone):
        await accept(database, scene.author, mission_id, bid_id)
    assert await state_of(database, scene.author, mission_id) == "open"


async def test_accepting_holds_the_authors_hours_and_declines_the_others(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author, ownership=Ownership.FREE_LICENCE)
    chosen = await bid(database, scene.bidder, mission_id, 150)
    other = await bid(database, scene.other, mission_id, 60)
    agreement_id = await accept(database, scene.author, mission_id, chosen)
    assert await balance(database, scene.author) == (0, 150)
    assert await balance(database, scene.bidder) == (0, 0)
    assert await stories.bid_states(database, scene.author, mission_id) == {
        chosen: "accepted",
        other: "declined",
    }
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        agreement = await db.get_one(Agreement, (scene.coop.tenant_id, agreement_id))
    assert (agreement.payer_id, agreement.provider_id) == (scene.author.id, scene.bidder.id)
    assert (agreement.agreed_minutes, agreement.ownership) == (150, Ownership.FREE_LICENCE)
    assert (agreement.hold_expiry_days, agreement.silence_days) == (60, 14)
    assert agreement.lapses_at - agreement.agreed_at == timedelta(days=60)
    [event] = await stories.events(database, scene.coop, "BidAccepted")
    assert event["declined"] == [str(scene.other.id)]


async def test_in_an_offer_the_bidder_pays_and_their_bid_is_their_consent(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author, kind=MissionKind.OFFER)
    await accept(database, scene.author, mission_id, await bid(database, scene.bidder, mission_id, 45))
    assert await balance(database, scene.bidder) == (0, 45)
    assert await balance(database, scene.author) == (0, 0)


async def test_too_few_hours_are_said_with_figures_to_their_owner_and_without_to_another(
    database: Database,
) -> None:
    scene = await village(database, low=HOUR)
    mine = await posted(database, scene.author)
    offer = await posted(database, scene.author, kind=MissionKind.OFFER)
    for mission_id, refusal in ((mine, NotEnoughHours), (offer, PayerShort)):
        bid_id = await bid(database, scene.bidder, mission_id, 2 * HOUR)
        with pytest.raises(refusal) as caught:
            await accept(database, scene.author, mission_id, bid_id)
        assert caught.value.code == "not_enough_hours"
        assert bool(caught.value.facts) == (refusal is NotEnoughHours)
        assert await state_of(database, scene.author, mission_id) == "open"
        assert await stories.bid_states(database, scene.author, mission_id) == {bid_id: "live"}
    assert await stories.count(database, scene.coop, Agreement) == 0


async def test_of_many_who_accept_at_once_one_wins_and_one_hold_stands(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    offers = [
        await bid(database, member, mission_id, 60) for member in (scene.bidder, scene.other, scene.mediator)
    ]
    results = await asyncio.gather(
        *(accept(database, scene.author, mission_id, one) for one in offers * 3), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in results) == 1
    assert all(isinstance(one, WrongState) for one in results if isinstance(one, BaseException))
    assert await balance(database, scene.author) == (0, 60)
    states = sorted((await stories.bid_states(database, scene.author, mission_id)).values())
    assert states == ["accepted", "declined", "declined"]


async def test_only_the_author_accepts_and_only_a_bid_of_that_mission(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    elsewhere = await posted(database, scene.author)
    bid_id = await bid(database, scene.bidder, mission_id)
    stranger = (await village(database)).author
    for who, refusal in ((scene.bidder, NotAllowed), (scene.coop.manager, NotAllowed), (stranger, NotFound)):
        with pytest.raises(refusal):
            await accept(database, who, mission_id, bid_id)
    with pytest.raises(NotFound):
        await accept(database, scene.author, elsewhere, bid_id)


async def test_the_provider_starts(database: Database) -> None:
    scene = await village(database)
    mission_id = await agreed(database, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await start_mission(db, actor=scene.author.actor, mission_id=mission_id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await start_mission(db, actor=scene.bidder.actor, mission_id=mission_id)
    assert await state_of(database, scene.author, mission_id) == "under_way"


async def test_stopping_takes_both_and_gives_the_hours_back(database: Database) -> None:
    scene = await village(database)
    mission_id = await agreed(database, scene)

    async def call(verb: str, member: Member) -> None:
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            match verb:
                case "propose":
                    await cancellations.propose_cancellation(
                        db, actor=member.actor, mission_id=mission_id, terms=REASON
                    )
                case "accept":
                    await cancellations.accept_cancellation(db, actor=member.actor, mission_id=mission_id)
                case _:
                    await cancellations.refuse_cancellation(db, actor=member.actor, mission_id=mission_id)

    with pytest.raises(NoCancellation):
        await call("accept", scene.author)
    with pytest.raises(NotAllowed):
        await call("propose", scene.other)
    await call("propose", scene.bidder)
    with pytest.raises(CancellationStands):
        await call("propose", scene.author)
    with pytest.raises(NotAllowed):
        await call("accept", scene.bidder)
    await call("refuse", scene.author)
    assert await state_of(database, scene.author, mission_id) == "agreed"
    await call("propose", scene.bidder)
    await call("accept", scene.author)
    assert await state_of(database, scene.author, mission_id) == "open"
    assert await balance(database, scene.author) == (0, 0)
    # The mission can be agreed anew, with the same member.
    await accept(database, scene.author, mission_id, await bid(database, scene.bidder, mission_id))
    assert await balance(database, scene.author) == (0, 2 * HOUR)


async def test_a_hold_is_announced_then_lapses_and_the_mission_is_open_again(
    database: Database, db_as: OpenAs
) -> None:
    scene = await village(database)
    mission_id = await agreed(database, scene)
    untouched = await agreed(database, scene)
    system = scene.coop.system

    async def shift(days: int) -> None:
        async with db_as("owner", tenant=scene.coop.tenant_id) as db:
            await db.execute(
                text(
                    "UPDATE agreements SET lapses_at = now() + make_interval(days => :d) WHERE mission_id = :id"
                ),
                {"d": days, "id": mission_id},
            )

    await shift(2)
    for expected in (1, 0):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            assert await remind_of_holds(db, actor=system) == expected
            assert await lapse_holds(db, actor=system) == 0
    await shift(-1)
    for expected in (1, 0):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            assert await lapse_holds(db, actor=system) == expected
    assert await state_of(database, scene.author, mission_id) == "open"
    assert await state_of(database, scene.author, untouched) == "agreed"
    assert await balance(database, scene.author) == (0, 2 * HOUR)
    [event] = await stories.events(database, scene.coop, "AgreementLapsed")
    assert event["reopened"] is True


async def test_a_hold_that_lapses_after_the_missions_last_day_leaves_it_expired(
    database: Database, db_as: OpenAs
) -> None:
    scene = await village(database, hold_days=0)
    mission_id = await agreed(database, scene)
    async with db_as("owner", tenant=scene.coop.tenant_id) as db:
        await db.execute(
            text("UPDATE missions SET expires_on = current_date - 2 WHERE id = :id"), {"id": mission_id}
        )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        assert await lapse_holds(db, actor=scene.coop.system) == 1
    assert await state_of(database, scene.author, mission_id) == "expired"


async def test_a_delivered_mission_never_lapses_and_is_not_called_off(database: Database) -> None:
    scene = await village(database, hold_days=0)
    mission_id = await stories.delivered(database, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        assert await lapse_holds(db, actor=scene.coop.system) == 0
        assert await remind_of_holds(db, actor=scene.coop.system) == 0
        with pytest.raises(WrongState):
            await cancellations.propose_cancellation(
                db, actor=scene.author.actor, mission_id=mission_id, terms=REASON
            )
    assert await balance(database, scene.author) == (0, 2 * HOUR)
