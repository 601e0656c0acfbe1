"""Missions done by a team: each accepts their part, all are paid in one operation, exactly, or nobody is."""

import asyncio
from collections.abc import Awaitable, Mapping

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from marketplace import cancellations, disputes
from marketplace.bids import BidGone
from marketplace.cancellations import CancellationTerms
from marketplace.deliveries import settle_silent_deliveries
from marketplace.departures import withdraw_what_was_theirs
from marketplace.disputes import DecisionTerms, DisputeTerms, PartyMayNotDecide, StatementTerms
from marketplace.dossiers import Reader, mission_dossier
from marketplace.mission_details import MissionDetail
from marketplace.mission_terms import MissionKind
from marketplace.next_actions import NextAction
from marketplace.splits import split
from marketplace.team_answers import LeadLeaves, PartAnswered
from marketplace.team_terms import LeadMissing, NotActiveInTeam, PayerInTeam, TeamOnRequest, TwiceInTeam
from marketplace.teams import TeamNotComplete
from marketplace.waiting import waiting_missions
from tenants.actors import Role
from tenants.events import MemberLeft
from tenants.platform.database import Database
from tenants.platform.errors import NotFound, Refusal
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Member
from tests.marketplace.stories import (
    accept,
    balance,
    bid,
    bid_states,
    confirm,
    deliver,
    events,
    posted,
    state_of,
)
from tests.marketplace.team_stories import (
    Crew,
    agreed_team,
    answer_part,
    crew,
    part_states,
    proven,
    team_bid,
)


async def read(database: Database, member: Member, mission_id: object) -> MissionDetail:
    async with database.begin(tenant=member.tenant_id, read_only=True) as db:
        return await mission_dossier(
            db,
            tenant_id=member.tenant_id,
            reader=Reader(membership_id=member.id, is_mediator=Role.MEDIATOR in member.roles),
            mission_id=mission_id,  # type: ignore[arg-type]
        )


async def next_of(database: Database, member: Member) -> list[NextAction]:
    async with database.begin(tenant=member.tenant_id, read_only=True) as db:
        return [one.action for one in await waiting_missions(db, actor=member.actor)]


async def test_everybody_accepts_their_part_before_the_client_may_accept(database: Database) -> None:
    scene = await crew(database)
    mission_id = await posted(database, scene.client)
    bid_id = await team_bid(
        database, scene.lead, mission_id, (scene.lead, 2), (scene.second, 1), (scene.fourth, 1)
    )
    assert (await events(database, scene.village.coop, "BidPlaced"))[0]["asked"] == sorted(
        [str(scene.second.id), str(scene.fourth.id)]
    )
    assert await next_of(database, scene.second) == [NextAction.ANSWER_PART]
    assert await next_of(database, scene.lead) == [NextAction.AWAIT_PARTS]
    assert await next_of(database, scene.client) == [NextAction.AWAIT_TEAM]
    with pytest.raises(TeamNotComplete) as refused:
        await accept(database, scene.client, mission_id, bid_id)
    assert refused.value.facts["open_parts"] == 2
    await answer_part(database, scene.second, mission_id, bid_id)
    await answer_part(database, scene.second, mission_id, bid_id)
    await answer_part(database, scene.fourth, mission_id, bid_id)
    accepted = await events(database, scene.village.coop, "PartAccepted")
    assert [one["open_parts"] for one in accepted] == [1, 0]
    assert await next_of(database, scene.second) == [NextAction.AWAIT_CHOICE]
    assert await next_of(database, scene.client) == [NextAction.CHOOSE_BID]
    await accept(database, scene.client, mission_id, bid_id)
    assert await balance(database, scene.client) == (0, 100)
    shown = await read(database, scene.fourth, mission_id)
    assert shown.agreement is not None
    assert [(part.member.id, part.minutes) for part in shown.agreement.team] == [
        (scene.lead.id, 50),
        (scene.second.id, 25),
        (scene.fourth.id, 25),
    ]
    assert shown.next_action is NextAction.AWAIT_START


async def test_a_team_is_paid_to_the_minute_in_one_operation(database: Database) -> None:
    scene = await crew(database)
    members = (scene.lead, 1), (scene.second, 1), (scene.fourth, 1)
    mission_id = await agreed_team(database, scene, *members, minutes=100)
    await deliver(database, scene.lead, mission_id, 98)
    assert await next_of(database, scene.second) == [NextAction.AWAIT_CONFIRMATION]
    await confirm(database, scene.client, mission_id)
    expected = split(98, {member.id: shares for member, shares in members}, seed=mission_id)
    assert await balance(database, scene.client) == (-98, 0)
    for member, _shares in members:
        assert await balance(database, member) == (expected[member.id].minutes, 0)
    assert sorted(part.minutes for part in expected.values()) == [32, 33, 33]
    [settled] = await events(database, scene.village.coop, "MissionSettled")
    assert settled["posted"] == [[str(one), expected[one].minutes] for one in sorted(expected)]
    [moved] = [
        one
        for one in await events(database, scene.village.coop, "TransfersPosted")
        if len(one["transfers"]) > 1
    ]
    assert len(moved["transfers"]) == 3
    shown = await read(database, scene.second, mission_id)
    assert shown.next_action is NextAction.READ_STATEMENT
    assert shown.agreement is not None
    assert sum(part.posted_minutes or 0 for part in shown.agreement.team) == 98
    await proven(database, scene)


async def test_the_extra_that_a_client_grants_is_split_with_the_rest(database: Database) -> None:
    scene = await crew(database)
    members = (scene.lead, 2), (scene.second, 1)
    mission_id = await agreed_team(database, scene, *members, minutes=60)
    await deliver(database, scene.lead, mission_id, 90)
    await confirm(database, scene.client, mission_id, 30)
    assert await balance(database, scene.lead) == (60, 0)
    assert await balance(database, scene.second) == (30, 0)
    assert await balance(database, scene.client) == (-90, 0)
    await proven(database, scene)


async def test_a_payer_short_of_the_extra_pays_nobody(database: Database) -> None:
    scene = await crew(database, low=70)
    mission_id = await agreed_team(database, scene, (scene.lead, 2), (scene.second, 1), minutes=60)
    await deliver(database, scene.lead, mission_id, 90)
    with pytest.raises(Refusal) as refused:
        await confirm(database, scene.client, mission_id, 30)
    assert refused.value.code == "not_enough_hours"
    assert [await balance(database, one) for one in (scene.client, scene.lead, scene.second)] == [
        (0, 60),
        (0, 0),
        (0, 0),
    ]
    await confirm(database, scene.client, mission_id)
    await proven(database, scene)


async def test_silence_pays_teams_and_single_workers_in_one_call(database: Database) -> None:
    scene = await crew(database, silence_days=0)
    members = (scene.lead, 3), (scene.second, 2), (scene.fourth, 2)
    team_mission = await agreed_team(database, scene, *members, minutes=50)
    await deliver(database, scene.lead, team_mission, 1)
    alone = await posted(database, scene.client)
    await accept(database, scene.client, alone, await bid(database, scene.second, alone, 30))
    await deliver(database, scene.second, alone, 30)
    async with database.begin(tenant=scene.client.tenant_id) as db:
        assert await settle_silent_deliveries(db, actor=scene.village.coop.system) == 2
    assert await state_of(database, scene.client, team_mission) == "settled"
    [_first, second, fourth] = [await balance(database, member) for member, _shares in members]
    one_minute = split(1, {member.id: shares for member, shares in members}, seed=team_mission)
    assert second == (30 + one_minute[scene.second.id].minutes, 0)
    assert fourth == (one_minute[scene.fourth.id].minutes, 0)
    assert await balance(database, scene.client) == (-31, 0)
    await proven(database, scene)


@pytest.mark.parametrize("decided", [0, 2, 77, 100])
async def test_what_a_mediator_grants_is_split_by_the_same_rule(database: Database, decided: int) -> None:
    scene = await crew(database)
    members = (scene.lead, 5), (scene.second, 3), (scene.fourth, 1)
    mission_id = await agreed_team(database, scene, *members)
    await deliver(database, scene.lead, mission_id, 100)
    mediator = scene.village.mediator
    async with database.begin(tenant=mediator.tenant_id) as db:
        await disputes.dispute_delivery(
            db, actor=scene.client.actor, mission_id=mission_id, terms=DisputeTerms(reason="Il en manque.")
        )
        await disputes.add_statement(
            db, actor=scene.fourth.actor, mission_id=mission_id, terms=StatementTerms(statement="J'étais là.")
        )
    teammate = await factories.give_mandate(database, scene.village.coop, scene.second, Role.MEDIATOR)
    terms = DecisionTerms(posted_minutes=decided, decision="Entendu de tous.")
    async with database.begin(tenant=mediator.tenant_id) as db:
        with pytest.raises(PartyMayNotDecide):
            await disputes.decide_dispute(db, actor=teammate.actor, mission_id=mission_id, terms=terms)
        await disputes.decide_dispute(db, actor=mediator.actor, mission_id=mission_id, terms=terms)
    expected = split(decided, {member.id: shares for member, shares in members}, seed=mission_id)
    for member, _shares in members:
        assert await balance(database, member) == (expected[member.id].minutes, 0)
    assert await balance(database, scene.client) == (-decided, 0)
    await proven(database, scene)


async def test_who_declines_or_leaves_is_replaced_and_who_had_accepted_the_same_is_not_asked_again(
    database: Database,
) -> None:
    scene = await crew(database)
    mission_id = await posted(database, scene.client)
    first = await team_bid(
        database, scene.lead, mission_id, (scene.lead, 1), (scene.second, 1), (scene.fourth, 2)
    )
    await answer_part(database, scene.second, mission_id, first)
    await answer_part(database, scene.fourth, mission_id, first, accepts=False)
    await answer_part(database, scene.fourth, mission_id, first, accepts=False)
    assert await next_of(database, scene.lead) == [NextAction.RESTORE_TEAM]
    assert await next_of(database, scene.fourth) == []
    with pytest.raises(PartAnswered):
        await answer_part(database, scene.fourth, mission_id, first)
    with pytest.raises(LeadLeaves):
        await answer_part(database, scene.lead, mission_id, first, accepts=False)
    third = scene.village.mediator
    second = await team_bid(database, scene.lead, mission_id, (scene.lead, 1), (scene.second, 1), (third, 2))
    assert await part_states(database, scene.lead, second) == {
        scene.lead.id: "accepted",
        scene.second.id: "accepted",
        third.id: "invited",
    }
    with pytest.raises(BidGone):
        await answer_part(database, scene.second, mission_id, first)
    await answer_part(database, third, mission_id, second)
    await answer_part(database, scene.second, mission_id, second, accepts=False)
    assert (await part_states(database, scene.lead, second))[scene.second.id] == "left"
    changed = await team_bid(database, scene.lead, mission_id, (scene.lead, 1), (third, 2), minutes=60)
    assert (await part_states(database, scene.lead, changed))[third.id] == "invited"


async def test_whoever_is_no_part_of_a_team_sees_and_answers_nothing(database: Database) -> None:
    scene = await crew(database)
    mission_id = await posted(database, scene.client)
    bid_id = await team_bid(database, scene.lead, mission_id, (scene.lead, 1), (scene.second, 1))
    with pytest.raises(NotFound):
        await answer_part(database, scene.fourth, mission_id, bid_id)
    assert (await read(database, scene.fourth, mission_id)).bids == []
    assert len((await read(database, scene.second, mission_id)).bids) == 1
    await answer_part(database, scene.second, mission_id, bid_id)
    await accept(database, scene.client, mission_id, bid_id)
    assert (await read(database, scene.fourth, mission_id)).agreement is None


async def test_a_team_must_be_one(database: Database) -> None:
    scene = await crew(database)
    lead, second, client = scene.lead, scene.second, scene.client
    mission_id = await posted(database, client)
    offer = await posted(database, client, kind=MissionKind.OFFER)
    stranger = (await factories.found_cooperative(database)).manager
    for refusal, on, members in (
        (TwiceInTeam, mission_id, ((lead, 1), (second, 1), (second, 2))),
        (LeadMissing, mission_id, ((second, 1), (scene.fourth, 1))),
        (PayerInTeam, mission_id, ((lead, 1), (client, 1))),
        (NotActiveInTeam, mission_id, ((lead, 1), (stranger, 1))),
        (TeamOnRequest, offer, ((lead, 1), (second, 1))),
    ):
        with pytest.raises(refusal):
            await team_bid(database, lead, on, *members)
    alone = await team_bid(database, lead, mission_id, (lead, 3))
    assert await part_states(database, lead, alone) == {}
    await accept(database, client, mission_id, alone)


async def test_who_leaves_the_cooperative_leaves_the_teams_that_are_not_agreed(
    database: Database, db_as: OpenAs
) -> None:
    scene = await crew(database)
    mission_id = await posted(database, scene.client)
    bid_id = await team_bid(database, scene.lead, mission_id, (scene.lead, 1), (scene.second, 1))
    await answer_part(database, scene.second, mission_id, bid_id)
    async with db_as("owner", tenant=scene.client.tenant_id) as db:
        await db.execute(
            text("UPDATE memberships SET state = 'suspended' WHERE tenant_id = :t AND id = :id"),
            {"t": scene.second.tenant_id, "id": scene.second.id},
        )
    with pytest.raises(TeamNotComplete):
        await accept(database, scene.client, mission_id, bid_id)
    async with database.begin(tenant=scene.client.tenant_id) as db:
        await withdraw_what_was_theirs(
            db, MemberLeft(tenant_id=scene.second.tenant_id, membership_id=scene.second.id)
        )
    assert (await part_states(database, scene.lead, bid_id))[scene.second.id] == "left"
    [told] = await events(database, scene.village.coop, "PartDeclined")
    assert told["bidder_id"] == str(scene.lead.id)


async def test_stopping_gives_everything_back_and_tells_the_team(database: Database) -> None:
    scene = await crew(database)
    mission_id = await agreed_team(database, scene, (scene.lead, 1), (scene.second, 1))
    reason = CancellationTerms(reason="Le lieu n'est plus libre.")
    async with database.begin(tenant=scene.client.tenant_id) as db:
        await cancellations.propose_cancellation(
            db, actor=scene.client.actor, mission_id=mission_id, terms=reason
        )
        await cancellations.accept_cancellation(db, actor=scene.lead.actor, mission_id=mission_id)
    [ended] = await events(database, scene.village.coop, "AgreementCalledOff")
    assert ended["team"] == [str(scene.second.id)]
    assert await balance(database, scene.client) == (0, 0)
    await proven(database, scene)


async def outcomes(*works: Awaitable[object]) -> list[str]:
    """Do these at the same time, each on its own connection; how each ended."""
    done = await asyncio.gather(*works, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException) and not isinstance(one, Refusal):
            raise one
    return [one.code if isinstance(one, Refusal) else "done" for one in done]


async def test_a_client_accepts_while_a_member_leaves_and_one_of_them_is_too_late(
    database: Database,
) -> None:
    scene = await crew(database)
    for _ in range(8):
        mission_id = await posted(database, scene.client)
        bid_id = await team_bid(
            database, scene.lead, mission_id, (scene.lead, 1), (scene.second, 1), minutes=10
        )
        await answer_part(database, scene.second, mission_id, bid_id)
        ended = await outcomes(
            accept(database, scene.client, mission_id, bid_id),
            answer_part(database, scene.second, mission_id, bid_id, accepts=False),
        )
        assert ended in (["done", "bid_gone"], ["team_not_complete", "done"])
        state = (await bid_states(database, scene.client, mission_id))[bid_id]
        assert state == ("accepted" if ended[0] == "done" else "live")
    await proven(database, scene)


async def test_the_database_refuses_an_agreement_that_is_not_what_is_held(database: Database) -> None:
    scene = await crew(database)
    mission_id = await agreed_team(database, scene, (scene.lead, 1), (scene.second, 1))
    for damage in (
        "UPDATE agreements SET agreed_minutes = agreed_minutes + 1 WHERE mission_id = :mission",
        "UPDATE agreements SET is_team = false WHERE mission_id = :mission",
        "UPDATE agreements SET state = 'done', ended_at = now() WHERE mission_id = :mission",
        "UPDATE agreement_parts SET shares = 0 WHERE member_id = :second",
    ):
        asked = {"mission": mission_id} if ":mission" in damage else {"second": scene.second.id}
        with pytest.raises(IntegrityError):
            await damaged(database, scene, damage, asked)


async def damaged(database: Database, scene: Crew, damage: str, asked: Mapping[str, object]) -> None:
    async with database.begin(tenant=scene.client.tenant_id) as db:
        await db.execute(text(damage), asked)
