"""Posting, editing, publishing, withdrawing: what an author does with a mission."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from marketplace import missions, skills
from marketplace.expiries import expire_missions
from marketplace.mission_states import MOVES, MissionState, WrongState
from marketplace.mission_terms import (
    FarDate,
    MissionKind,
    MissionPlace,
    MissionVisibility,
    NoEcosystem,
    PastDate,
    TooManyTags,
    UnknownTerritory,
    checked,
    tags_of,
)
from marketplace.missions import BidsAlready, Mission, today
from marketplace.ownership import Ownership
from marketplace.skills import UnknownSkill
from tenants.platform.database import Database
from tenants.platform.errors import Invalid, NotAllowed, NotFound
from tests import factories
from tests.conftest import OpenAs
from tests.marketplace import stories
from tests.marketplace.stories import posted, state_of, terms, village


async def test_a_posted_mission_is_open_in_the_cooperatives_own_territory_for_sixty_days(
    database: Database,
) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        mission = await db.get_one(Mission, (scene.coop.tenant_id, mission_id))
        day = (await today(db, tenant_id=scene.coop.tenant_id)).day
    assert (mission.state, mission.territory) == (MissionState.OPEN, "29")
    assert mission.expires_on == day + timedelta(days=60)
    assert mission.published_at is not None
    [event] = await stories.events(database, scene.coop, "MissionPosted")
    assert event["mission_id"] == str(mission_id)


async def test_a_draft_exists_for_its_author_alone_until_it_is_published(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author, publish=False)
    assert await stories.events(database, scene.coop, "MissionPosted") == []
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(NotFound):
            await missions.withdraw_mission(db, actor=scene.other.actor, mission_id=mission_id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.publish_mission(db, actor=scene.author.actor, mission_id=mission_id)
    assert await state_of(database, scene.author, mission_id) == "open"


@pytest.mark.parametrize("verb", ["edit", "publish", "withdraw"])
async def test_what_is_the_authors_is_nobody_elses(database: Database, verb: str) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    neighbours = await village(database)
    for stranger, refusal in [
        (scene.other, NotAllowed),
        (scene.mediator, NotAllowed),
        (neighbours.author, NotFound),
    ]:
        async with database.begin(tenant=stranger.tenant_id) as db:
            with pytest.raises(refusal):
                await _call(verb, db, stranger, mission_id)


async def _call(verb: str, db: object, member: factories.Member, mission_id: UUID) -> None:
    match verb:
        case "edit":
            await missions.edit_mission(db, actor=member.actor, mission_id=mission_id, terms=terms())  # type: ignore[arg-type]
        case "publish":
            await missions.publish_mission(db, actor=member.actor, mission_id=mission_id)  # type: ignore[arg-type]
        case _:
            await missions.withdraw_mission(db, actor=member.actor, mission_id=mission_id)  # type: ignore[arg-type]


async def test_withdrawing_ends_the_live_bids_and_names_the_bidders(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    first = await stories.bid(database, scene.bidder, mission_id)
    second = await stories.bid(database, scene.other, mission_id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.withdraw_mission(db, actor=scene.author.actor, mission_id=mission_id)
    assert await stories.bid_states(database, scene.author, mission_id) == {
        first: "lapsed",
        second: "lapsed",
    }
    [event] = await stories.events(database, scene.coop, "MissionWithdrawn")
    assert set(event["bidders"]) == {str(scene.bidder.id), str(scene.other.id)}
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(WrongState):
            await missions.withdraw_mission(db, actor=scene.author.actor, mission_id=mission_id)


@pytest.mark.parametrize("changes", [{"title": "Deux heures de ménage"}, {"description": "Autre chose."}])
async def test_the_words_of_an_offer_do_not_change_under_a_bid_which_is_a_consent_to_pay(
    database: Database, changes: dict[str, str]
) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author, kind=MissionKind.OFFER)
    await stories.bid(database, scene.bidder, mission_id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(BidsAlready):
            await missions.edit_mission(
                db,
                actor=scene.author.actor,
                mission_id=mission_id,
                terms=terms(kind=MissionKind.OFFER, **changes),
            )


async def test_terms_that_were_bid_on_do_not_change_and_the_others_may(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    await stories.bid(database, scene.bidder, mission_id)
    for changes in (
        {"kind": MissionKind.OFFER},
        {"place": MissionPlace.ON_SITE},
        {"territory": "35"},
        {"ownership": Ownership.PROVIDER},
    ):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            with pytest.raises(BidsAlready):
                await missions.edit_mission(
                    db, actor=scene.author.actor, mission_id=mission_id, terms=terms(**changes)
                )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.edit_mission(
            db, actor=scene.author.actor, mission_id=mission_id, terms=terms(title="Relire treize pages")
        )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        mission = await db.get_one(Mission, (scene.coop.tenant_id, mission_id))
    assert (mission.title, mission.kind) == ("Relire treize pages", MissionKind.REQUEST)


async def test_an_open_mission_expires_after_its_last_day_and_is_published_again_with_new_dates(
    database: Database, db_as: OpenAs
) -> None:
    scene = await village(database)
    late = await posted(database, scene.author)
    current = await posted(database, scene.author)
    await stories.bid(database, scene.bidder, late)
    async with db_as("owner", tenant=scene.coop.tenant_id) as db:
        await db.execute(
            text("UPDATE missions SET expires_on = current_date - 2 WHERE id = :id"), {"id": late}
        )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        assert await expire_missions(db, actor=scene.coop.system) == 1
    assert await state_of(database, scene.author, late) == "expired"
    assert await state_of(database, scene.author, current) == "open"
    assert set((await stories.bid_states(database, scene.author, late)).values()) == {"lapsed"}
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(PastDate):
            await missions.publish_mission(db, actor=scene.author.actor, mission_id=late)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.edit_mission(db, actor=scene.author.actor, mission_id=late, terms=terms())
        await missions.publish_mission(db, actor=scene.author.actor, mission_id=late)
    assert await state_of(database, scene.author, late) == "open"


async def test_the_database_refuses_every_move_that_the_table_of_moves_does_not_hold(
    database: Database, db_as: OpenAs
) -> None:
    scene = await village(database)
    async with db_as("owner", tenant=scene.coop.tenant_id) as db:
        rows = await db.execute(text("SELECT before, after FROM mission_moves()"))
        assert {(row.before, row.after) for row in rows} == {
            (before.value, after.value) for before, following in MOVES.items() for after in following
        }
    mission_id = await posted(database, scene.author)
    for wrong in set(MissionState) - MOVES[MissionState.OPEN] - {MissionState.OPEN}:
        with pytest.raises(DBAPIError, match="does not go from"):
            async with database.begin(tenant=scene.coop.tenant_id) as db:
                await db.execute(
                    text("UPDATE missions SET state = :state WHERE id = :id"),
                    {"state": wrong.value, "id": mission_id},
                )


async def test_only_skills_of_this_cooperative_that_are_offered_may_be_chosen(database: Database) -> None:
    scene = await village(database)
    neighbours = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        reading = await skills.add_skill(db, actor=scene.coop.manager.actor, name="Relecture")
        retired = await skills.add_skill(db, actor=scene.coop.manager.actor, name="Télécopie")
        await skills.retire_skill(db, actor=scene.coop.manager.actor, skill_id=retired.id)
    async with database.begin(tenant=neighbours.coop.tenant_id) as db:
        foreign = await skills.add_skill(db, actor=neighbours.coop.manager.actor, name="Relecture")
    await posted(database, scene.author, skills=[reading.id, reading.id])
    for wrong in (retired.id, foreign.id, uuid4()):
        with pytest.raises(UnknownSkill):
            await posted(database, scene.author, skills=[reading.id, wrong])


async def test_terms_are_checked_against_the_calendar_and_the_lists(database: Database) -> None:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        clock = await today(db, tenant_id=scene.coop.tenant_id)
    day = clock.day
    for refusal, field, changes in (
        (PastDate, "wanted_by", {"wanted_by": day - timedelta(days=1)}),
        (PastDate, "expires_on", {"expires_on": day - timedelta(days=1)}),
        (FarDate, "expires_on", {"expires_on": day + timedelta(days=400)}),
        (FarDate, "wanted_by", {"wanted_by": day + timedelta(days=4_000)}),
        (UnknownTerritory, "territory", {"territory": "20"}),
        (NoEcosystem, "visibility", {"visibility": MissionVisibility.ECOSYSTEM}),
        (TooManyTags, "tags", {"tags": [",".join("abcdefghi")]}),
        (Invalid, "title", {"title": "   "}),
        (Invalid, "description", {"description": " \n "}),
    ):
        with pytest.raises(refusal) as caught:
            checked(terms(**changes), day=day, territory="29")
        assert caught.value.field == field
    columns = checked(terms(expires_on=day, wanted_by=day), day=day, territory="29")
    assert (columns["expires_on"], columns["wanted_by"]) == (day, day)


def test_tags_are_read_as_people_type_them() -> None:
    assert tags_of([" reliure,  papier  recyclé ,", "#Reliure", ""]) == ["reliure", "papier recyclé"]
