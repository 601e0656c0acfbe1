"""Lists, dossiers and home: what each reader sees, what they must not, and in how many statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import event

from marketplace import missions, skills
from marketplace.dossiers import Reader, mission_dossier
from marketplace.listings import MissionFilter, open_missions
from marketplace.mission_details import MissionDetail
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionKind, MissionPlace, MissionVisibility
from marketplace.next_actions import NextAction
from marketplace.waiting import open_disputes, waiting_missions
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound, Unreadable
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, posted, village


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is sent to PostgreSQL, but for the setting of isolation that begins a transaction."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "set_config" not in statement:
            sent.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def titles(database: Database, scene: Village, reader: Member | None, **narrow: object) -> set[str]:
    async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
        page = await open_missions(
            db,
            tenant_id=scene.coop.tenant_id,
            reader_id=reader.id if reader else None,
            narrow=MissionFilter(**narrow),  # type: ignore[arg-type]
            limit=100,
        )
    return {one.title for one in page.items}


async def test_the_list_is_narrowed_by_kind_skill_territory_place_state_and_mine(database: Database) -> None:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        sewing = await skills.add_skill(db, actor=scene.coop.manager.actor, name="Couture")
    await posted(database, scene.author, title="Ourlets", skills=[sewing.id])
    await posted(database, scene.author, title="Haie", place=MissionPlace.ON_SITE, territory="35")
    await posted(database, scene.other, title="Cours", kind=MissionKind.OFFER, place=MissionPlace.REMOTE)
    await posted(database, scene.author, title="Brouillon", publish=False)
    await stories.agreed(database, scene, title="Convenue")
    every = {"Ourlets", "Haie", "Cours"}
    for reader, narrow, expected in (
        (scene.bidder, {}, every),
        (scene.bidder, {"skill": sewing.id}, {"Ourlets"}),
        (scene.bidder, {"territory": "35"}, {"Haie"}),
        (scene.bidder, {"kind": MissionKind.OFFER}, {"Cours"}),
        (scene.bidder, {"place": MissionPlace.REMOTE}, {"Ourlets", "Cours"}),
        (scene.bidder, {"state": MissionState.AGREED}, {"Convenue"}),
        (scene.bidder, {"mine": True}, {"Convenue"}),
        (scene.author, {"mine": True}, {"Ourlets", "Haie", "Brouillon", "Convenue"}),
        (scene.author, {"state": MissionState.DRAFT}, {"Brouillon"}),
        (scene.bidder, {"state": MissionState.DRAFT}, set()),
        (None, {}, set()),
        (None, {"state": MissionState.AGREED}, set()),
    ):
        assert await titles(database, scene, reader, **narrow) == expected, (reader and reader.name, narrow)


async def test_pages_of_a_list_hold_everything_once_in_one_statement_each(database: Database) -> None:
    scene = await village(database)
    ids = [await posted(database, scene.author, title=f"Mission {n}") for n in range(7)]
    seen: list[UUID] = []
    after = None
    for _ in range(4):
        async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
            with statements(database) as sent:
                page = await open_missions(
                    db,
                    tenant_id=scene.coop.tenant_id,
                    reader_id=scene.other.id,
                    narrow=MissionFilter(),
                    limit=2,
                    after=after,
                )
        assert len(sent) == 1
        seen += [one.id for one in page.items]
        after = page.next
    assert after is None
    assert seen == ids[::-1]
    with pytest.raises(Unreadable):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            await open_missions(
                db, tenant_id=scene.coop.tenant_id, reader_id=None, narrow=MissionFilter(), limit=2, after="x"
            )


async def dossier(
    database: Database, scene: Village, reader: Member | None, mission_id: UUID
) -> MissionDetail:
    async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
        with statements(database) as sent:
            found = await mission_dossier(
                db,
                tenant_id=scene.coop.tenant_id,
                reader=Reader(
                    membership_id=reader.id if reader else None,
                    is_mediator=reader is not None and "mediator" in reader.roles,
                ),
                mission_id=mission_id,
            )
    assert len(sent) <= 5
    return found


async def test_who_sees_what_of_a_mission_on_its_way(database: Database) -> None:
    scene = await village(database)
    mission_id = await posted(database, scene.author)
    mine = await stories.bid(database, scene.bidder, mission_id)
    others = await stories.bid(database, scene.other, mission_id)

    async def bids_seen(reader: Member) -> set[UUID]:
        return {one.id for one in (await dossier(database, scene, reader, mission_id)).bids}

    assert await bids_seen(scene.author) == {mine, others}
    assert await bids_seen(scene.bidder) == {mine}
    assert await bids_seen(scene.mediator) == set()
    await stories.accept(database, scene.author, mission_id, mine)
    await stories.deliver(database, scene.bidder, mission_id)
    for party in (scene.author, scene.bidder):
        seen = await dossier(database, scene, party, mission_id)
        assert seen.agreement is not None
        assert seen.delivery is not None
    for outsider in (scene.other, scene.mediator):
        seen = await dossier(database, scene, outsider, mission_id)
        assert (seen.agreement, seen.delivery, seen.dispute) == (None, None, None)
        assert seen.next_action is NextAction.NOTHING


async def test_a_mediator_sees_the_agreement_once_there_is_a_dispute_and_others_do_not(
    database: Database,
) -> None:
    scene = await village(database)
    mission_id = await stories.disputed(database, scene)
    seen = await dossier(database, scene, scene.mediator, mission_id)
    assert seen.agreement is not None
    assert seen.dispute is not None
    assert seen.next_action is NextAction.DECIDE
    assert (await dossier(database, scene, scene.other, mission_id)).dispute is None
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        [waiting] = await open_disputes(db, actor=scene.mediator.actor)
        assert (waiting.mission_id, waiting.held_minutes, waiting.is_party) == (mission_id, 120, False)
        with pytest.raises(NotAllowed):
            await open_disputes(db, actor=scene.author.actor)


async def test_a_public_mission_shows_a_stranger_no_name_and_a_private_one_nothing(
    database: Database,
) -> None:
    scene = await village(database)
    public = await posted(database, scene.author, visibility=MissionVisibility.PUBLIC)
    bid_id = await stories.bid(database, scene.bidder, public)
    private = await posted(database, scene.author)
    draft = await posted(database, scene.author, visibility=MissionVisibility.PUBLIC, publish=False)
    await stories.accept(database, scene.author, public, bid_id)
    shown = msgspec.json.encode(await dossier(database, scene, None, public)).decode()
    for member in (scene.author, scene.bidder):
        assert member.name not in shown
        assert str(member.id) not in shown
    for hidden in (private, draft):
        with pytest.raises(NotFound):
            await dossier(database, scene, None, hidden)
    with pytest.raises(NotFound):
        await dossier(database, scene, scene.other, draft)


async def test_home_puts_my_own_moves_first_in_one_statement(database: Database) -> None:
    scene = await village(database)
    await posted(database, scene.author, title="Sans réponse")
    draft = await posted(database, scene.author, publish=False)
    chosen = await posted(database, scene.author)
    await stories.bid(database, scene.bidder, chosen)
    confirm = await stories.delivered(database, scene)
    await stories.agreed(database, scene)
    settled = await stories.delivered(database, scene)
    await stories.confirm(database, scene.author, settled)
    async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
        with statements(database) as sent:
            waiting = await waiting_missions(db, actor=scene.author.actor)
    assert len(sent) == 1
    mine = [(one.mission_id, one.action) for one in waiting if one.is_mine]
    assert mine == [
        (confirm, NextAction.CONFIRM),
        (chosen, NextAction.CHOOSE_BID),
        (draft, NextAction.PUBLISH),
    ]
    assert {one.action for one in waiting if not one.is_mine} == {
        NextAction.AWAIT_BIDS,
        NextAction.AWAIT_START,
    }
    assert next(one for one in waiting if one.mission_id == confirm).other == scene.bidder.name


async def test_what_home_and_the_mission_page_ask_of_a_member_is_the_same(database: Database) -> None:
    scene = await village(database)
    await stories.disputed(database, scene)
    await stories.delivered(database, scene)
    await stories.agreed(database, scene, kind=MissionKind.OFFER)
    for member in (scene.author, scene.bidder):
        async with database.begin(tenant=scene.coop.tenant_id, read_only=True) as db:
            waiting = await waiting_missions(db, actor=member.actor)
        assert len(waiting) == 3
        for one in waiting:
            seen = await dossier(database, scene, member, one.mission_id)
            assert seen.next_action is one.action


async def test_a_skill_is_the_managers_to_add_and_retire_and_exists_once(database: Database) -> None:
    scene = await village(database)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await skills.add_skill(db, actor=scene.author.actor, name="Couture")
        first = await skills.add_skill(db, actor=scene.coop.manager.actor, name=" Électricité  ")
        with pytest.raises(skills.SkillExists):
            await skills.add_skill(db, actor=scene.coop.manager.actor, name="electricite")
        with pytest.raises(skills.SkillNameEmpty):
            await skills.add_skill(db, actor=scene.coop.manager.actor, name=" -- ")
        await skills.retire_skill(db, actor=scene.coop.manager.actor, skill_id=first.id)
        assert list(await skills.skills(db, tenant_id=scene.coop.tenant_id)) == []
        again = await skills.add_skill(db, actor=scene.coop.manager.actor, name="Électricité")
    assert again.id == first.id
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        mission = await missions.post_mission(
            db, actor=scene.author.actor, terms=stories.terms(skills=[again.id])
        )
    assert (await dossier(database, scene, scene.author, mission.id)).skills == ["Électricité"]
