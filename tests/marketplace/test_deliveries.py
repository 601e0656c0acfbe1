"""Delivering, confirming, silence: how many hours move, and when none do."""

import asyncio

import pytest
from sqlalchemy import select, text

from marketplace import disputes
from marketplace.deliveries import Delivery, ExtraNotSpent, settle_silent_deliveries
from marketplace.disputes import (
    DecisionTerms,
    Dispute,
    EnoughSaid,
    MoreThanHeld,
    PartyMayNotDecide,
    StatementTerms,
    add_statement,
    decide_dispute,
)
from marketplace.mission_states import WrongState
from marketplace.mission_terms import MissionKind
from tenants.actors import Role
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import HOUR, balance, confirm, delivered, disputed, state_of, village
from timebank.ledger.transfers import NotEnoughHours


@pytest.mark.parametrize(
    ("agreed", "spent", "extra", "posted"),
    [(120, 120, 0, 120), (120, 75, 0, 75), (120, 200, 0, 120), (120, 200, 80, 200), (120, 200, 30, 150)],
)
async def test_confirming_posts_what_was_spent_at_most_what_was_agreed_and_the_extra_consented(
    database: Database, agreed: int, spent: int, extra: int, posted: int
) -> None:
    scene = await village(database)
    mission_id = await delivered(database, scene, minutes=agreed, spent=spent)
    await confirm(database, scene.author, mission_id, extra)
    assert await state_of(database, scene.author, mission_id) == "settled"
    assert await balance(database, scene.author) == (-posted, 0)
    assert await balance(database, scene.bidder) == (posted, 0)
    [event] = await stories.events(database, scene.coop, "MissionSettled")
    assert (event["posted_minutes"], event["by_silence"]) == (posted, False)


async def test_in_an_offer_the_author_delivers_and_the_bidder_confirms(database: Database) -> None:
    scene = await village(database)
    mission_id = await stories.agreed(database, scene, kind=MissionKind.OFFER)
    with pytest.raises(NotAllowed):
        await stories.deliver(database, scene.bidder, mission_id)
    await stories.deliver(database, scene.author, mission_id)
    with pytest.raises(NotAllowed):
        await confirm(database, scene.author, mission_id)
    await confirm(database, scene.bidder, mission_id)
    assert await balance(database, scene.author) == (2 * HOUR, 0)


async def test_consent_to_more_than_was_spent_or_less_than_nothing_is_refused(database: Database) -> None:
    scene = await village(database)
    mission_id = await delivered(database, scene, minutes=120, spent=150)
    for extra in (31, -1):
        with pytest.raises(ExtraNotSpent):
            await confirm(database, scene.author, mission_id, extra)
    assert await balance(database, scene.author) == (0, 120)


async def test_an_extra_that_the_payer_lacks_posts_nothing_at_all(database: Database) -> None:
    scene = await village(database, low=2 * HOUR)
    mission_id = await delivered(database, scene, minutes=2 * HOUR, spent=3 * HOUR)
    with pytest.raises(NotEnoughHours):
        await confirm(database, scene.author, mission_id, HOUR)
    assert await state_of(database, scene.author, mission_id) == "delivered"
    assert await balance(database, scene.author) == (0, 2 * HOUR)
    await confirm(database, scene.author, mission_id)
    assert await balance(database, scene.author) == (-2 * HOUR, 0)


async def test_confirming_many_times_at_once_moves_the_hours_once(database: Database) -> None:
    scene = await village(database)
    mission_id = await delivered(database, scene)
    results = await asyncio.gather(
        *(confirm(database, scene.author, mission_id) for _ in range(10)), return_exceptions=True
    )
    assert sum(one is None for one in results) == 1
    assert await balance(database, scene.bidder) == (2 * HOUR, 0)


async def test_nobody_but_the_provider_delivers_and_only_once(database: Database) -> None:
    scene = await village(database)
    mission_id = await stories.agreed(database, scene)
    stranger = (await village(database)).bidder
    for who, refusal in ((scene.author, NotAllowed), (scene.other, NotAllowed), (stranger, NotFound)):
        with pytest.raises(refusal):
            await stories.deliver(database, who, mission_id)
    await stories.deliver(database, scene.bidder, mission_id)
    with pytest.raises(WrongState):
        await stories.deliver(database, scene.bidder, mission_id)
    assert await stories.count(database, scene.coop, Delivery) == 1


async def test_silence_settles_after_the_days_agreed_for_the_agreed_hours_at_most(
    database: Database, db_as: OpenAs
) -> None:
    scene = await village(database)
    silent = await delivered(database, scene, minutes=60, spent=90)
    recent = await delivered(database, scene, minutes=60)
    contested = await disputed(database, scene, minutes=60)
    async with db_as("owner", tenant=scene.coop.tenant_id) as db:
        await db.execute(
            text("UPDATE deliveries SET settles_at = now() - interval '1 minute' WHERE mission_id <> :id"),
            {"id": recent},
        )
    for expected in (1, 0):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            assert await settle_silent_deliveries(db, actor=scene.coop.system) == expected
    assert [await state_of(database, scene.author, one) for one in (silent, recent, contested)] == [
        "settled",
        "delivered",
        "disputed",
    ]
    assert await balance(database, scene.bidder) == (60, 0)
    [event] = await stories.events(database, scene.coop, "MissionSettled")
    assert (event["by_silence"], event["posted_minutes"]) == (True, 60)


async def test_a_member_cannot_call_for_silence(database: Database) -> None:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(AssertionError):
            await settle_silent_deliveries(db, actor=scene.author.actor)


# --- Disputes ----------------------------------------------------------------------------------------------


async def decide(database: Database, who: Member, mission_id: object, minutes: int) -> None:
    async with database.begin(tenant=who.tenant_id) as db:
        await decide_dispute(
            db,
            actor=who.actor,
            mission_id=mission_id,  # type: ignore[arg-type]
            terms=DecisionTerms(posted_minutes=minutes, decision="La moitié était faite."),
        )


@pytest.mark.parametrize("minutes", [0, 45, 2 * HOUR])
async def test_a_mediator_posts_a_part_and_gives_the_rest_back(database: Database, minutes: int) -> None:
    scene = await village(database)
    mission_id = await disputed(database, scene)
    assert await balance(database, scene.author) == (0, 2 * HOUR)
    await decide(database, scene.mediator, mission_id, minutes)
    assert await state_of(database, scene.author, mission_id) == "mediated"
    assert await balance(database, scene.author) == (-minutes, 0)
    assert await balance(database, scene.bidder) == (minutes, 0)
    with pytest.raises(WrongState):
        await decide(database, scene.mediator, mission_id, minutes)


async def test_who_may_not_decide(database: Database) -> None:
    scene = await village(database)
    mission_id = await disputed(database, scene)
    judge_and_party = await factories.give_mandate(database, scene.coop, scene.bidder, Role.MEDIATOR)
    stranger = (await village(database)).mediator
    for who, refusal in (
        (scene.author, NotAllowed),
        (scene.coop.manager, NotAllowed),
        (judge_and_party, PartyMayNotDecide),
        (stranger, NotFound),
    ):
        with pytest.raises(refusal):
            await decide(database, who, mission_id, 60)
    with pytest.raises(MoreThanHeld):
        await decide(database, scene.mediator, mission_id, 2 * HOUR + 1)
    assert await balance(database, scene.author) == (0, 2 * HOUR)


async def test_claiming_to_be_a_mediator_moves_nothing_without_a_mandate_in_force(database: Database) -> None:
    scene = await village(database)
    mission_id = await disputed(database, scene)
    impostor = stories.with_roles(scene.other, Role.MEDIATOR)
    with pytest.raises(Exception, match="not_allowed"):
        await decide(database, impostor, mission_id, 60)
    assert await balance(database, scene.author) == (0, 2 * HOUR)


async def test_only_the_payer_contests_and_only_a_delivery(database: Database) -> None:
    scene = await village(database)
    mission_id = await stories.agreed(database, scene)
    terms = disputes.DisputeTerms(reason="Rien n'est fait.")

    async def contest(who: Member) -> None:
        async with database.begin(tenant=who.tenant_id) as db:
            await disputes.dispute_delivery(db, actor=who.actor, mission_id=mission_id, terms=terms)

    with pytest.raises(WrongState):
        await contest(scene.author)
    await stories.deliver(database, scene.bidder, mission_id)
    for who in (scene.bidder, scene.other, scene.mediator):
        with pytest.raises(NotAllowed):
            await contest(who)
    await contest(scene.author)
    assert await state_of(database, scene.author, mission_id) == "disputed"


async def test_both_parties_and_nobody_else_state_their_side_a_few_times(database: Database) -> None:
    scene = await village(database)
    mission_id = await disputed(database, scene)

    async def say(who: Member) -> None:
        async with database.begin(tenant=who.tenant_id) as db:
            await add_statement(
                db, actor=who.actor, mission_id=mission_id, terms=StatementTerms(statement="Voici.")
            )

    for who in (scene.other, scene.mediator):
        with pytest.raises(NotAllowed):
            await say(who)
    await say(scene.author)
    for _ in range(5):
        await say(scene.bidder)
    with pytest.raises(EnoughSaid):
        await say(scene.bidder)


async def test_the_payer_may_confirm_after_all_which_ends_the_dispute(database: Database) -> None:
    scene = await village(database)
    mission_id = await disputed(database, scene)
    await confirm(database, scene.author, mission_id)
    assert await state_of(database, scene.author, mission_id) == "settled"
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        [state] = await db.scalars(select(Dispute.state))
    assert state.value == "dropped"
    with pytest.raises(WrongState):
        await decide(database, scene.mediator, mission_id, 10)
