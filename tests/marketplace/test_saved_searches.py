"""Saved searches: kept by their member alone, and each new mission that answers told once."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from marketplace import missions
from marketplace.events import MissionPosted
from marketplace.mission_terms import MissionKind
from marketplace.saved_searches import (
    SEARCHES_AT_MOST,
    SavedSearch,
    SearchTelling,
    Telling,
    TooManySearches,
    change_search,
    delete_search,
    save_search,
    saved_searches,
    tell_searchers,
)
from marketplace.search import HoursRange, MissionSearch
from tenants.notices import Notice
from tenants.platform.database import Database
from tenants.platform.errors import NotFound
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, posted, village
from tests.tenants.conftest import Browser


async def keep(
    database: Database, member: Member, q: str, telling: Telling = Telling.DIGEST, **asked: Any
) -> SavedSearch:
    async with database.begin(tenant=member.tenant_id) as db:
        return await save_search(
            db,
            actor=member.actor,
            name=f"Pour {q}",
            asked=MissionSearch(q=q, **asked),
            telling=telling,
        )


async def post_and_tell(database: Database, scene: Village, **changes: Any) -> UUID:
    mission_id = await posted(database, scene.author, **changes)
    await tell(database, scene, mission_id)
    return mission_id


async def tell(database: Database, scene: Village, mission_id: UUID) -> None:
    event = MissionPosted(tenant_id=scene.coop.tenant_id, mission_id=mission_id, author_id=scene.author.id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await tell_searchers(db, event)


async def told(database: Database, member: Member) -> list[tuple[str, str]]:
    async with database.begin(tenant=member.tenant_id) as db:
        rows = await db.scalars(
            select(Notice)
            .where(Notice.membership_id == member.id, Notice.kind.like("search%"))
            .order_by(Notice.id)
        )
        return [(one.kind, str(one.facts["mission_id"])) for one in rows]


async def test_a_new_mission_that_answers_is_told_once_however_many_searches_it_answers(
    database: Database,
) -> None:
    scene = await village(database)
    await keep(database, scene.bidder, "vélos", Telling.AT_ONCE)
    await keep(database, scene.bidder, "réparer", Telling.DIGEST)
    await keep(database, scene.other, "velo -moteur")
    await keep(database, scene.mediator, "vélo", Telling.NEVER)
    await keep(database, scene.author, "vélo", Telling.AT_ONCE)
    mission_id = await post_and_tell(database, scene, title="Réparer un vélo", territory="35")
    await tell(database, scene, mission_id)
    assert await told(database, scene.bidder) == [("search_matched", str(mission_id))]
    assert await told(database, scene.other) == [("search_matched_later", str(mission_id))]
    assert await told(database, scene.mediator) == []
    assert await told(database, scene.author) == []
    await post_and_tell(database, scene, title="Un vélo à moteur")
    assert len(await told(database, scene.other)) == 1
    assert len(await told(database, scene.bidder)) == 2


async def test_filters_count_and_a_mission_that_is_gone_is_not_told(database: Database) -> None:
    scene = await village(database)
    await keep(database, scene.other, "", territory="35", kind=MissionKind.REQUEST)
    await keep(database, scene.bidder, "jard", region="Bretagne")
    await post_and_tell(database, scene, title="Jardin", territory="75")
    assert (await told(database, scene.other), await told(database, scene.bidder)) == ([], [])
    here = await post_and_tell(database, scene, title="Jardinage", territory="35")
    assert [one for _, one in await told(database, scene.other)] == [str(here)]
    assert [one for _, one in await told(database, scene.bidder)] == [str(here)]
    gone = await posted(database, scene.author, title="Jardin", territory="35")
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await missions.withdraw_mission(db, actor=scene.author.actor, mission_id=gone)
    await tell(database, scene, gone)
    assert len(await told(database, scene.other)) == 1


async def test_a_neighbour_with_the_same_search_is_told_of_nothing(database: Database) -> None:
    scene, neighbours = await village(database), await village(database)
    await keep(database, neighbours.other, "vélo", Telling.AT_ONCE)
    await post_and_tell(database, scene, title="Réparer un vélo")
    assert await told(database, neighbours.other) == []
    async with database.begin(tenant=neighbours.coop.tenant_id) as db:
        assert list(await db.scalars(select(SearchTelling))) == []


async def test_searches_are_their_members_own(database: Database) -> None:
    scene = await village(database)
    kept = await keep(database, scene.other, "plomberie", hours=HoursRange.HOUR)
    assert kept.asked == {"q": "plomberie", "hours": "h1"}
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        assert list(await saved_searches(db, actor=scene.bidder.actor)) == []
        for wrong in (kept.id, uuid4()):
            with pytest.raises(NotFound):
                await change_search(
                    db, actor=scene.bidder.actor, search_id=wrong, name="À moi", telling=Telling.NEVER
                )
            with pytest.raises(NotFound):
                await delete_search(db, actor=scene.bidder.actor, search_id=wrong)
        changed = await change_search(
            db, actor=scene.other.actor, search_id=kept.id, name="  Fuites ", telling=Telling.AT_ONCE
        )
        assert (changed.name, changed.telling) == ("Fuites", Telling.AT_ONCE)
        await delete_search(db, actor=scene.other.actor, search_id=kept.id)
        assert list(await saved_searches(db, actor=scene.other.actor)) == []


async def test_a_member_keeps_only_so_many(database: Database) -> None:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for n in range(SEARCHES_AT_MOST):
            await save_search(db, actor=scene.other.actor, name=f"{n}", asked=MissionSearch())
        with pytest.raises(TooManySearches):
            await save_search(db, actor=scene.other.actor, name="trop", asked=MissionSearch())


async def test_the_pages_save_change_and_forget_a_search_and_its_csv_holds_it(
    database: Database, browser: Browser
) -> None:
    scene = await village(database)
    await stories.posted(database, scene.author, title="Arroser le potager")
    client = browser(scene.other)
    home = f"/{scene.coop.slug}"
    page = await client.get(f"{home}/missions?q=potagers&region=Bretagne")
    assert "<mark>potager</mark>" in page.text
    sent = {"q": "potagers", "region": "Bretagne", "name": "=Potager", "telling": "at_once", "once": "a1"}
    for _ in range(2):
        answer = await client.post(f"{home}/searches", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (httpx.codes.SEE_OTHER, f"{home}/searches")
    listed = (await client.get(f"{home}/searches")).text
    assert listed.count(f"{home}/missions?q=potagers&amp;region=Bretagne") == 1
    assert "'=Potager" in (await client.get(f"{home}/searches.csv")).text
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        [kept] = await saved_searches(db, actor=scene.other.actor)
    wrong = await client.post(f"{home}/searches/{kept.id}", data={"name": "", "telling": "digest"})
    assert wrong.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    missing = await client.post(f"{home}/searches", data=sent | {"name": "", "once": "a2"})
    assert missing.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert 'name="q" value="potagers"' in missing.text
    renamed = await client.post(f"{home}/searches/{kept.id}", data={"name": "Potager", "telling": "digest"})
    assert renamed.status_code == httpx.codes.SEE_OTHER
    gone = await client.post(f"{home}/searches/{kept.id}/delete")
    assert gone.status_code == httpx.codes.SEE_OTHER
    assert "Aucune recherche" in (await client.get(f"{home}/searches")).text
    assert "Arroser le potager" in (await client.get(f"{home}/missions.csv?q=potager")).text
