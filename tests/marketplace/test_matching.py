"""Matching: whole numbers in a fixed order with reasons; what is hidden neither counts for others nor shows."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from marketplace.matches import matching_members, matching_missions
from marketplace.matching import WHOLE, Candidate, Wanted, Weights, fit
from marketplace.member_skills import SkillLevel, set_member_skill
from marketplace.mission_invitations import InvitedEnough, NotInvitable, invite_to_bid
from marketplace.mission_terms import MissionPlace
from marketplace.skills import add_skill
from tenants.own_profiles import change_profile
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tenants.profiles import Audience, Availability, Reach, Weekday
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, village
from tests.marketplace.test_reading import statements
from tests.tenants.conftest import Browser

SKILL = uuid4()
DAY = date(2026, 11, 22)
EVEN = Weights(skills=40, territory=20, availability=20, fairness=20)
WANTED = Wanted(
    skills={SKILL: "Relecture"}, territory="83", place=MissionPlace.ON_SITE, wanted_by=None, day=DAY
)
TOULON = Candidate(
    skills={SKILL: SkillLevel.ABLE},
    territory="83",
    availability_known=True,
    free_days=[Weekday.TUESDAY],
)


def test_the_reasons_are_said_in_words() -> None:
    found = fit(WANTED, TOULON, EVEN)
    assert found
    assert found.score == 100 * 100
    assert found.reasons == [
        "Savoir-faire\xa0: Relecture",
        "Même département\xa0: Var (83)",
        "Libre\xa0: mardi",
        "Peu de travail ces trois derniers mois",
    ]


@pytest.mark.parametrize(
    ("changes", "territory"),
    [
        ({"territory": "13"}, 60),
        ({"territory": "13", "reach": Reach.DEPARTMENT}, None),
        ({"territory": "29"}, None),
        ({"territory": "29", "reach": Reach.COUNTRY}, 30),
        ({"territory": None}, 0),
    ],
)
def test_near_counts_by_departement_region_and_france(changes: dict[str, Any], territory: int | None) -> None:
    found = fit(WANTED, replace(TOULON, **changes), EVEN)
    assert (found.territory if found else None) == territory


@pytest.mark.parametrize(
    "changes",
    [
        {"skills": {}},
        {"weekly_minutes": 0},
        {"available_until": DAY - timedelta(days=1)},
    ],
)
def test_who_cannot_is_not_listed(changes: dict[str, Any]) -> None:
    assert fit(WANTED, replace(TOULON, **changes), EVEN) is None


@given(
    st.builds(
        Weights,
        skills=st.integers(0, 100),
        territory=st.integers(0, 100),
        availability=st.integers(0, 100),
        fairness=st.integers(0, 100),
    ),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
)
def test_the_score_is_exact_and_less_work_never_ranks_lower(weights: Weights, more: int, less: int) -> None:
    less, more = sorted((less, more))
    rested = fit(WANTED, replace(TOULON, worked_minutes=less), weights)
    busy = fit(WANTED, replace(TOULON, worked_minutes=more), weights)
    assert rested
    assert busy
    assert rested.score >= busy.score
    assert busy.score == WHOLE * (weights.skills + weights.territory + weights.availability) + (
        busy.fairness * weights.fairness
    )


def test_nobody_reads_from_a_score_how_long_somebody_worked() -> None:
    scores = [
        found
        for minutes in range(1_300)
        if (found := fit(WANTED, replace(TOULON, worked_minutes=minutes), EVEN))
    ]
    assert sorted({one.fairness for one in scores}) == [0, 25, 50, 75, 100]
    assert len({(one.score, *one.reasons) for one in scores}) <= 6


async def knows(database: Database, who: Member, skill: UUID, **said: Any) -> None:
    async with database.begin(tenant=who.tenant_id) as db:
        await set_member_skill(db, actor=who.actor, skill_id=skill, level=SkillLevel.ABLE)
        await change_profile(db, actor=who.actor, display_name=who.name, **({"territory": "29"} | said))


async def matched(database: Database, scene: Village, mission: UUID) -> list[str]:
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        found = await matching_members(db, actor=scene.author.actor, mission_id=mission)
    return [one.member.name for one in found.members]


async def wanting(database: Database, scene: Village) -> tuple[UUID, UUID]:
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        skill = (await add_skill(db, actor=scene.coop.manager.actor, name="Relecture")).id
    return await stories.posted(database, scene.author, skills=frozenset({skill})), skill


async def test_who_has_had_less_work_comes_first_and_bidders_are_left_out(database: Database) -> None:
    scene = await village(database)
    done = await stories.delivered(database, scene)
    await stories.confirm(database, scene.author, done)
    mission, skill = await wanting(database, scene)
    for who in (scene.bidder, scene.other):
        await knows(database, who, skill)
    assert await matched(database, scene, mission) == [scene.other.name, scene.bidder.name]
    await stories.bid(database, scene.other, mission)
    assert await matched(database, scene, mission) == [scene.bidder.name]
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await matching_members(db, actor=scene.other.actor, mission_id=mission)


async def test_those_near_are_weighed_before_those_far_and_hidden_places_are_nowhere(
    database: Database, db_as: OpenAs
) -> None:
    scene = await village(database)
    mission, skill = await wanting(database, scene)
    for who, said in (
        (scene.bidder, {"territory": "75"}),
        (scene.other, {"territory": "35"}),
        (scene.mediator, {"territory": "29"}),
        (scene.coop.manager, {"territory": "29", "audiences": {"territory": Audience.ME}}),
    ):
        await knows(database, who, skill, **said)
    neighbours = await village(database)
    _, theirs = await wanting(database, neighbours)
    await knows(database, neighbours.other, theirs)

    async def weighed(tenant: UUID | None, skills: list[UUID], limit: int) -> list[UUID]:
        async with db_as("app", tenant=tenant) as db:
            return list(
                await db.scalar(
                    text("SELECT members_who_can(:m, :s, '29', ARRAY['22', '29', '35', '56'], :n)"),
                    {"m": mission, "s": skills, "n": limit},
                )
            )

    here = scene.coop.tenant_id
    assert await weighed(here, [skill], 2) == [scene.mediator.id, scene.other.id]
    everybody = await weighed(here, [skill, theirs], 20)
    assert everybody[:2] == [scene.mediator.id, scene.other.id]
    assert set(everybody[2:]) == {scene.bidder.id, scene.coop.manager.id}
    assert await weighed(None, [skill, theirs], 20) == []


async def test_a_mission_is_matched_in_three_statements(database: Database) -> None:
    scene = await village(database)
    mission, skill = await wanting(database, scene)
    for who in (scene.bidder, scene.other):
        await knows(database, who, skill)
    async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
        with statements(database) as sent:
            found = await matching_members(db, actor=scene.author.actor, mission_id=mission)
        assert (len(found.members), len(sent)) == (2, 3)
        with statements(database) as sent:
            await matching_missions(db, actor=scene.other.actor)
        assert len(sent) == 2


async def test_a_hidden_skill_finds_missions_for_its_member_and_its_member_for_nobody(
    database: Database, browser: Browser
) -> None:
    scene = await village(database)
    mission, skill = await wanting(database, scene)
    await knows(database, scene.other, skill, audiences={"skills": Audience.ME})
    assert await matched(database, scene, mission) == []
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        (own,) = await matching_missions(db, actor=scene.other.actor)
    assert own.mission_id == mission
    assert "Savoir-faire\xa0: Relecture" in own.fit.reasons
    page = await browser(scene.author).get(f"/{scene.coop.slug}/missions/{mission}/matches")
    assert scene.other.name not in page.text
    assert "Relire" in (await browser(scene.other).get(f"/{scene.coop.slug}/matches")).text


async def test_hidden_place_and_time_change_neither_score_nor_reasons(database: Database) -> None:
    scene = await village(database)
    mission, skill = await wanting(database, scene)
    scores = set()
    for territory, days in (("29", [Weekday.MONDAY]), ("974", []), (None, [Weekday.SUNDAY])):
        await knows(
            database,
            scene.other,
            skill,
            territory=territory,
            availability=Availability(free_days=list(days), weekly_minutes=0 if not days else None),
            audiences={"territory": Audience.ME, "availability": Audience.PARTNERS},
        )
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            (one,) = (await matching_members(db, actor=scene.author.actor, mission_id=mission)).members
        scores.add((one.fit.score, *one.fit.reasons))
    assert len(scores) == 1


async def test_a_few_are_invited_and_who_does_not_wish_it_is_not(
    database: Database, browser: Browser
) -> None:
    scene = await village(database)
    mission, skill = await wanting(database, scene)
    await knows(database, scene.other, skill, open_to_invitations=False)
    await knows(database, scene.bidder, skill)
    path = f"/{scene.coop.slug}/missions/{mission}"
    page = (await browser(scene.author).get(f"{path}/matches")).text
    assert page.count("/invite") == 1
    for _ in range(2):
        sent = await browser(scene.author).post(f"{path}/invite", data={"member_id": str(scene.bidder.id)})
        assert sent.status_code == 303
    assert len(await stories.events(database, scene.coop, "MemberInvitedToBid")) == 1
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(NotInvitable):
            await invite_to_bid(db, actor=scene.author.actor, mission_id=mission, member_id=scene.other.id)
        with pytest.raises(NotAllowed):
            await invite_to_bid(db, actor=scene.other.actor, mission_id=mission, member_id=scene.bidder.id)
    for _ in range(4):
        another = await factories.join_member(database, scene.coop)
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            await invite_to_bid(db, actor=scene.author.actor, mission_id=mission, member_id=another.id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(InvitedEnough):
            await invite_to_bid(db, actor=scene.author.actor, mission_id=mission, member_id=scene.mediator.id)
