"""Changing a running agreement: nothing changes before all concerned accept; then the agreement and the hold do."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

import pytest
from sqlalchemy import text

from marketplace import disputes
from marketplace.agreements import PayerShort
from marketplace.amending import NothingChanges
from marketplace.amendment_answers import AmendmentGone, expire_amendments
from marketplace.amendments import AmendmentPending
from marketplace.deliveries import settle_silent_deliveries
from marketplace.disputes import DisputeTerms
from marketplace.mission_states import WrongState
from marketplace.next_actions import NextAction
from marketplace.splits import split
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tests.conftest import OpenAs
from tests.marketplace.stories import agreed, balance, confirm, deliver, events, state_of
from tests.marketplace.team_stories import (
    Crew,
    agreed_team,
    amend,
    amendment_state,
    answer,
    crew,
    proven,
    shares_of,
)
from tests.marketplace.test_teams import next_of, read
from timebank.ledger.transfers import NotEnoughHours


async def test_raising_the_hours_of_one_worker_holds_more_once_both_have_accepted(
    database: Database,
) -> None:
    scene = await crew(database)
    mission_id = await agreed(database, scene.village, minutes=60)
    asked = await amend(database, scene.lead, mission_id, 90)
    assert await balance(database, scene.client) == (0, 60)
    assert await next_of(database, scene.client) == [NextAction.ANSWER_AMENDMENT]
    with pytest.raises(NotAllowed):
        await answer(database, scene.lead, mission_id, asked, how="refuse")
    with pytest.raises(NotFound):
        await answer(database, scene.fourth, mission_id, asked)
    await answer(database, scene.client, mission_id, asked)
    assert await balance(database, scene.client) == (0, 90)
    [changed] = await events(database, scene.village.coop, "AmendmentApplied")
    assert (changed["before_minutes"], changed["agreed_minutes"]) == (60, 90)
    await deliver(database, scene.lead, mission_id, 90)
    await confirm(database, scene.client, mission_id)
    assert await balance(database, scene.lead) == (90, 0)
    shown = await read(database, scene.client, mission_id)
    assert [(one.before_minutes, one.after_minutes, one.state.value) for one in shown.amendments] == [
        (60, 90, "applied")
    ]
    assert shown.agreement is not None
    assert shown.agreement.team == []
    await proven(database, scene)


async def test_lowering_gives_back_even_to_who_stands_below_their_limit(
    database: Database, db_as: OpenAs
) -> None:
    scene = await crew(database, low=100)
    mission_id = await agreed(database, scene.village, minutes=100)
    async with db_as("postgres") as db:
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text(
                "UPDATE rule_versions SET value = '10' WHERE tenant_id = :tenant"
                " AND rule = 'timebank.credit_limit_low'"
            ),
            {"tenant": scene.client.tenant_id},
        )
    asked = await amend(database, scene.client, mission_id, 40)
    await answer(database, scene.lead, mission_id, asked)
    assert await balance(database, scene.client) == (0, 40)
    await proven(database, scene)


async def test_a_client_short_of_hours_is_told_so_at_once_and_others_without_the_figures(
    database: Database,
) -> None:
    scene = await crew(database, low=100)
    mission_id = await agreed(database, scene.village, minutes=60)
    with pytest.raises(NotEnoughHours) as refused:
        await amend(database, scene.client, mission_id, 120)
    assert refused.value.facts == {"short_minutes": 20, "left_minutes": 40}
    asked = await amend(database, scene.lead, mission_id, 120)
    with pytest.raises(NotEnoughHours):
        await answer(database, scene.client, mission_id, asked)
    await answer(database, scene.lead, mission_id, asked, how="withdraw")
    asked = await amend(database, scene.client, mission_id, 100)
    spent = await agreed(database, scene.village, minutes=30)
    with pytest.raises(PayerShort):
        await answer(database, scene.lead, mission_id, asked)
    assert await amendment_state(database, scene.client, asked) == "pending"
    assert await balance(database, scene.client) == (0, 90)
    assert await state_of(database, scene.client, spent) == "agreed"
    await proven(database, scene)


async def test_a_member_joins_and_another_leaves_and_only_who_is_concerned_is_asked(
    database: Database,
) -> None:
    scene = await crew(database)
    mission_id = await agreed_team(database, scene, (scene.lead, 2), (scene.second, 2), minutes=100)
    asked = await amend(
        database, scene.client, mission_id, 100, (scene.lead, 2), (scene.second, 1), (scene.fourth, 1)
    )
    [told] = await events(database, scene.village.coop, "AmendmentProposed")
    assert told["asked"] == sorted([str(scene.second.id), str(scene.fourth.id)])
    with pytest.raises(NotAllowed):
        await answer(database, scene.lead, mission_id, asked)
    assert await next_of(database, scene.fourth) == [NextAction.ANSWER_AMENDMENT]
    joining = await read(database, scene.fourth, mission_id)
    assert joining.agreement is not None
    assert len(joining.amendments) == 1
    await answer(database, scene.second, mission_id, asked)
    await answer(database, scene.second, mission_id, asked)
    assert await shares_of(database, scene.client, mission_id) == {scene.lead.id: 2, scene.second.id: 2}
    assert await next_of(database, scene.client) == [NextAction.AWAIT_AMENDMENT]
    await answer(database, scene.fourth, mission_id, asked)
    assert (await shares_of(database, scene.client, mission_id))[scene.fourth.id] == 1
    with pytest.raises(AmendmentGone):
        await answer(database, scene.fourth, mission_id, asked)
    alone = await amend(database, scene.lead, mission_id, 80, (scene.lead, 1))
    for member in (scene.second, scene.fourth, scene.client):
        await answer(database, member, mission_id, alone)
    assert await balance(database, scene.client) == (0, 80)
    await deliver(database, scene.lead, mission_id, 80)
    await confirm(database, scene.client, mission_id)
    assert await balance(database, scene.lead) == (80, 0)
    assert await balance(database, scene.second) == (0, 0)
    await proven(database, scene)


async def test_one_worker_may_take_somebody_in_after_delivering(database: Database) -> None:
    scene = await crew(database)
    mission_id = await agreed(database, scene.village, minutes=50)
    await deliver(database, scene.lead, mission_id, 50)
    asked = await amend(database, scene.lead, mission_id, 50, (scene.lead, 1), (scene.second, 1))
    with pytest.raises(AmendmentPending):
        await confirm(database, scene.client, mission_id)
    await answer(database, scene.client, mission_id, asked)
    with pytest.raises(AmendmentPending):
        await confirm(database, scene.client, mission_id)
    await answer(database, scene.second, mission_id, asked)
    await confirm(database, scene.client, mission_id)
    assert await balance(database, scene.lead) == (25, 0)
    assert await balance(database, scene.second) == (25, 0)
    await proven(database, scene)


async def test_one_amendment_at_a_time_and_it_must_change_something(database: Database) -> None:
    scene = await crew(database)
    mission_id = await agreed(database, scene.village, minutes=60)
    with pytest.raises(NothingChanges):
        await amend(database, scene.client, mission_id, 60)
    with pytest.raises(NotAllowed):
        await amend(database, scene.fourth, mission_id, 70)
    asked = await amend(database, scene.client, mission_id, 70)
    with pytest.raises(AmendmentPending):
        await amend(database, scene.lead, mission_id, 80)
    await answer(database, scene.lead, mission_id, asked, how="refuse")
    assert await amendment_state(database, scene.lead, asked) == "refused"
    await amend(database, scene.lead, mission_id, 80)
    shown = await read(database, scene.client, mission_id)
    assert [one.state.value for one in shown.amendments] == ["pending", "refused"]


async def age(db_as: OpenAs, scene: Crew, amendment_id: UUID) -> None:
    """Let the time to answer be over."""
    async with db_as("owner", tenant=scene.client.tenant_id) as db:
        await db.execute(
            text("UPDATE amendments SET expires_at = now() - interval '1 minute' WHERE id = :id"),
            {"id": amendment_id},
        )


async def test_silence_waits_for_an_amendment_but_not_for_ever(database: Database, db_as: OpenAs) -> None:
    scene = await crew(database, silence_days=0)
    system = scene.village.coop.system
    mission_id = await agreed(database, scene.village, minutes=60)
    await deliver(database, scene.lead, mission_id, 60)
    asked = await amend(database, scene.client, mission_id, 30)
    async with database.begin(tenant=scene.client.tenant_id) as db:
        assert await settle_silent_deliveries(db, actor=system) == 0
    await age(db_as, scene, asked)
    with pytest.raises(AmendmentGone):
        await answer(database, scene.lead, mission_id, asked)
    async with database.begin(tenant=scene.client.tenant_id) as db:
        assert await expire_amendments(db, actor=system) == 1
        assert await settle_silent_deliveries(db, actor=system) == 1
    assert await amendment_state(database, scene.client, asked) == "expired"
    assert await balance(database, scene.lead) == (60, 0)
    [ended] = await events(database, scene.village.coop, "AmendmentEnded")
    assert (ended["how"], ended["by"]) == ("expired", None)


async def test_what_is_late_makes_room_and_what_goes_another_way_is_dropped(
    database: Database, db_as: OpenAs
) -> None:
    scene = await crew(database)
    mission_id = await agreed(database, scene.village, minutes=60)
    late = await amend(database, scene.client, mission_id, 70)
    await age(db_as, scene, late)
    second = await amend(database, scene.client, mission_id, 80)
    assert await amendment_state(database, scene.client, late) == "expired"
    await deliver(database, scene.lead, mission_id, 60)
    async with database.begin(tenant=scene.client.tenant_id) as db:
        await disputes.dispute_delivery(
            db, actor=scene.client.actor, mission_id=mission_id, terms=DisputeTerms(reason="Non.")
        )
    assert await amendment_state(database, scene.client, second) == "dropped"
    with pytest.raises(WrongState):
        await amend(database, scene.client, mission_id, 90)


async def outcomes(*works: Awaitable[object]) -> list[str]:
    """Do these at the same time, each on its own connection; how each ended."""
    done = await asyncio.gather(*works, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException) and not isinstance(one, Refusal):
            raise one
    return [one.code if isinstance(one, Refusal) else "done" for one in done]


async def test_two_propose_at_once_and_one_stands(database: Database) -> None:
    scene = await crew(database)
    mission_id = await agreed(database, scene.village, minutes=60)
    ended = await outcomes(
        amend(database, scene.client, mission_id, 70), amend(database, scene.lead, mission_id, 80)
    )
    assert sorted(ended) == ["amendment_pending", "done"]


async def test_the_last_two_accept_at_once_and_it_changes_once(database: Database) -> None:
    scene = await crew(database)
    mission_id = await agreed_team(database, scene, (scene.lead, 1), (scene.second, 1), minutes=20)
    for minutes in (30, 40, 50, 60):
        asked = await amend(database, scene.lead, mission_id, minutes)
        ended = await outcomes(
            answer(database, scene.client, mission_id, asked),
            answer(database, scene.second, mission_id, asked),
        )
        assert ended == ["done", "done"]
        assert await balance(database, scene.client) == (0, minutes)
    assert len(await events(database, scene.village.coop, "AmendmentApplied")) == 4
    await proven(database, scene)


async def test_an_amendment_is_accepted_while_the_delivery_is_settled(database: Database) -> None:
    """Whoever comes first: what is posted is what was agreed at that moment, and nothing is left held."""
    scene = await crew(database)
    for _ in range(6):
        mission_id = await agreed_team(database, scene, (scene.lead, 2), (scene.second, 1), minutes=10)
        await deliver(database, scene.lead, mission_id, 60)
        asked = await amend(database, scene.second, mission_id, 13)
        await answer(database, scene.client, mission_id, asked)
        before = [await balance(database, one) for one in (scene.lead, scene.second)]
        ended = await outcomes(
            answer(database, scene.lead, mission_id, asked), confirm(database, scene.client, mission_id)
        )
        assert ended in (["done", "done"], ["done", "amendment_pending"])
        if ended[1] != "done":
            await confirm(database, scene.client, mission_id)
        after = [await balance(database, one) for one in (scene.lead, scene.second)]
        expected = split(13, {scene.lead.id: 2, scene.second.id: 1}, seed=mission_id)
        gained = [now[0] - then[0] for then, now in zip(before, after, strict=True)]
        assert gained == [expected[scene.lead.id].minutes, expected[scene.second.id].minutes]
        assert (await balance(database, scene.client))[1] == 0
    await proven(database, scene)


async def test_a_page_reads_what_changed_before_and_after(database: Database) -> None:
    scene = await crew(database)
    mission_id = await agreed_team(database, scene, (scene.lead, 1), (scene.second, 1), minutes=60)
    await amend(database, scene.lead, mission_id, 90, (scene.lead, 1), (scene.second, 2))
    shown = await read(database, scene.second, mission_id)
    assert shown.next_action is NextAction.ANSWER_AMENDMENT
    [one] = shown.amendments
    assert [(part.before_minutes, part.after_minutes) for part in one.parts] == [(30, 60), (30, 30)]
    assert {waits.id for waits in one.waits_for} == {scene.client.id, scene.second.id}
    assert (await read(database, scene.fourth, mission_id)).amendments == []
