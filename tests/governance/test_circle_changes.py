"""How circles change: who may, what they decide, where it goes back to, and what the database refuses whoever writes."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from governance.circle_appointing import (
    CircleMandateOver,
    CircleMandateOverlaps,
    NoParentCircle,
    NotInCircle,
    circle_mandates,
    end_circle_mandate,
    give_circle_mandate,
)
from governance.circle_authority import CirclesNotYours
from governance.circle_changes import (
    CircleHasChildren,
    CircleNameTaken,
    RootCircle,
    ScopeTaken,
    change_circle,
    close_circle,
    open_circle,
    perimeters,
    set_perimeter,
)
from governance.circle_ends import leave_circles
from governance.circle_mandate_terms import lapse_circle_mandates
from governance.circle_mandates import CircleRole, holds_in_circle
from governance.circle_seats import NobodyChosen, add_circle_members, members_of_circle, remove_circle_member
from governance.circles import (
    CircleClosed,
    CirclePerimeter,
    circle_for,
    circles,
    is_in_circle,
    root_of,
)
from tenants.actors import Actor
from tenants.events import MemberLeft
from tenants.memberships import leave_cooperative, suspend_member
from tenants.notices import notices
from tenants.platform.database import Database
from tenants.platform.errors import NotFound
from tenants.register import register_lines
from tenants.scopes import UnknownDecision
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded, Member

LIMIT = "rule:timebank.credit_limit_low"
SILENCE = "rule:marketplace.silence_days"
POT = "fund:pot"
LATER = date.today() + timedelta(days=200)  # noqa: DTZ011 (any day far enough)


@dataclass(frozen=True)
class Scene:
    coop: Founded
    anna: Member
    badis: Member
    hours: UUID
    pot: UUID

    @property
    def boss(self) -> Actor:
        return self.coop.manager.actor


@pytest.fixture
async def scene(database: Database) -> Scene:
    """A circle of hours under the root, and one of the pot under that; Anna and Badis sit in both."""
    coop = await factories.found_cooperative(database)
    anna = await factories.join_member(database, coop, name="Anna")
    badis = await factories.join_member(database, coop, name="Badis")
    boss = coop.manager.actor
    async with database.begin(tenant=coop.tenant_id) as db:
        hours = await open_circle(
            db, actor=boss, name="Heures", purpose="", parent_id=coop.tenant_id, scopes=[LIMIT, POT]
        )
        pot = await open_circle(db, actor=boss, name="Caisse", purpose="", parent_id=hours.id, scopes=[POT])
        for one in (hours.id, pot.id):
            await add_circle_members(db, actor=boss, circle_id=one, membership_ids=[anna.id, badis.id])
    return Scene(coop, anna, badis, hours.id, pot.id)


async def decided_by(database: Database, scene: Scene, scope: str) -> UUID:
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        return (await circle_for(db, scene.coop.tenant_id, scope)).id


async def test_a_scope_is_handed_down_and_comes_back_up(database: Database, scene: Scene) -> None:
    tenant = scene.coop.tenant_id
    assert await decided_by(database, scene, LIMIT) == scene.hours
    assert await decided_by(database, scene, POT) == scene.pot
    assert await decided_by(database, scene, SILENCE) == root_of(tenant)
    async with database.begin(tenant=tenant) as db:
        await set_perimeter(db, actor=scene.boss, circle_id=scene.pot, scopes=[])
    assert await decided_by(database, scene, POT) == scene.hours
    async with database.begin(tenant=tenant) as db:
        await set_perimeter(db, actor=scene.boss, circle_id=scene.pot, scopes=[LIMIT, POT])
    assert await decided_by(database, scene, LIMIT) == scene.pot
    async with database.begin(tenant=tenant) as db:
        await close_circle(db, actor=scene.boss, circle_id=scene.pot)
        assert {one.circle_id for one in await perimeters(db, tenant)} == {scene.hours}
        await close_circle(db, actor=scene.boss, circle_id=scene.hours)
        assert not await perimeters(db, tenant)
    assert await decided_by(database, scene, LIMIT) == root_of(tenant)


async def test_a_scope_belongs_to_one_open_circle(database: Database, scene: Scene) -> None:
    tenant = scene.coop.tenant_id
    async with database.begin(tenant=tenant) as db:
        beside = await open_circle(
            db, actor=scene.boss, name="Missions", purpose="", parent_id=tenant, scopes=[SILENCE]
        )
    async with database.begin(tenant=tenant) as db:
        with pytest.raises(ScopeTaken) as refused:
            await set_perimeter(db, actor=scene.boss, circle_id=beside.id, scopes=[SILENCE, LIMIT])
    assert refused.value.facts["name"] == "Heures"
    async with database.begin(tenant=tenant) as db:
        with pytest.raises(UnknownDecision):
            await set_perimeter(db, actor=scene.boss, circle_id=beside.id, scopes=["rule:timebank.nothing"])
        with pytest.raises(RootCircle):
            await set_perimeter(db, actor=scene.boss, circle_id=tenant, scopes=[SILENCE])
    # The table itself refuses it, whatever a verb forgets.
    row = {"tenant_id": tenant, "circle_id": beside.id, "scope": LIMIT}
    async with database.begin(tenant=tenant) as db:
        with pytest.raises(IntegrityError, match="uq_circle_perimeters_scope_held"):
            await db.execute(insert(CirclePerimeter).values(row))
        await db.rollback()


async def test_a_circle_keeps_its_parent_and_stays_closed(
    database: Database, scene: Scene, db_as: OpenAs
) -> None:
    tenant = scene.coop.tenant_id
    async with database.begin(tenant=tenant) as db:
        with pytest.raises(CircleHasChildren):
            await close_circle(db, actor=scene.boss, circle_id=scene.hours)
        with pytest.raises(RootCircle):
            await close_circle(db, actor=scene.boss, circle_id=tenant)
        await close_circle(db, actor=scene.boss, circle_id=scene.pot)
        for attempt in (
            close_circle(db, actor=scene.boss, circle_id=scene.pot),
            add_circle_members(db, actor=scene.boss, circle_id=scene.pot, membership_ids=[scene.anna.id]),
            open_circle(db, actor=scene.boss, name="Sous", purpose="", parent_id=scene.pot),
        ):
            with pytest.raises(CircleClosed):
                await attempt
        assert [one.name for one in await circles(db, actor=scene.boss)] == ["Cercle de tous", "Heures"]
        assert [one.name for one in await circles(db, actor=scene.boss, closed=True)] == ["Caisse"]
    for change in ("closed_at = NULL", f"parent_id = '{tenant}'"):
        async with database.begin(tenant=tenant) as db:
            with pytest.raises(DBAPIError, match="keeps its parent and stays closed"):
                await db.execute(text(f"UPDATE circles SET {change} WHERE id = :id"), {"id": scene.pot})
            await db.rollback()
    async with db_as("app", tenant=tenant) as db:
        with pytest.raises(DBAPIError, match="permission denied"):
            await db.execute(text("DELETE FROM circles WHERE id = :id"), {"id": scene.pot})
        await db.rollback()


async def test_names_are_distinct_among_open_circles(database: Database, scene: Scene) -> None:
    tenant = scene.coop.tenant_id
    async with database.begin(tenant=tenant) as db:
        with pytest.raises(CircleNameTaken):
            await open_circle(db, actor=scene.boss, name="HEURES", purpose="", parent_id=tenant)
        with pytest.raises(CircleNameTaken):
            await change_circle(db, actor=scene.boss, circle_id=scene.pot, name="heures", purpose="")
        await close_circle(db, actor=scene.boss, circle_id=scene.pot)
        again = await open_circle(db, actor=scene.boss, name="Caisse", purpose="", parent_id=tenant)
        renamed = await change_circle(db, actor=scene.boss, circle_id=tenant, name="Tous", purpose="Nous")
        assert (again.parent_id, renamed.name) == (root_of(tenant), "Tous")


async def test_managers_arrange_circles_until_somebody_facilitates_the_circle_of_all(
    database: Database, scene: Scene
) -> None:
    tenant, boss, anna = scene.coop.tenant_id, scene.boss, scene.anna
    async with database.begin(tenant=tenant) as db:
        for attempt in (
            open_circle(db, actor=anna.actor, name="À moi", purpose="", parent_id=tenant),
            set_perimeter(db, actor=anna.actor, circle_id=scene.hours, scopes=[]),
            close_circle(db, actor=anna.actor, circle_id=scene.pot),
            give_circle_mandate(
                db,
                actor=anna.actor,
                circle_id=tenant,
                membership_id=anna.id,
                role=CircleRole.FACILITATOR,
                until=LATER,
            ),
        ):
            with pytest.raises(CirclesNotYours):
                await attempt
        given = await give_circle_mandate(
            db, actor=boss, circle_id=tenant, membership_id=anna.id, role=CircleRole.FACILITATOR, until=LATER
        )
    async with database.begin(tenant=tenant) as db:
        with pytest.raises(CirclesNotYours):
            await open_circle(db, actor=boss, name="À la gestion", purpose="", parent_id=tenant)
        await open_circle(db, actor=anna.actor, name="À moi", purpose="", parent_id=tenant)
        await end_circle_mandate(db, actor=anna.actor, circle_mandate_id=given.id)
    async with database.begin(tenant=tenant) as db:
        await open_circle(db, actor=boss, name="À la gestion", purpose="", parent_id=tenant)
        with pytest.raises(CirclesNotYours):
            await open_circle(db, actor=anna.actor, name="Encore", purpose="", parent_id=tenant)


async def test_the_facilitator_of_a_circle_keeps_its_members_and_mandates_but_not_its_own(
    database: Database, scene: Scene
) -> None:
    tenant, anna = scene.coop.tenant_id, scene.anna
    chloe = await factories.join_member(database, scene.coop, name="Chloé")
    async with database.begin(tenant=tenant) as db:
        own = await give_circle_mandate(
            db,
            actor=scene.boss,
            circle_id=scene.pot,
            membership_id=anna.id,
            role=CircleRole.FACILITATOR,
            until=LATER,
        )
    async with database.begin(tenant=tenant) as db:
        await add_circle_members(db, actor=anna.actor, circle_id=scene.pot, membership_ids=[chloe.id])
        steward = await give_circle_mandate(
            db,
            actor=anna.actor,
            circle_id=scene.pot,
            membership_id=chloe.id,
            role=CircleRole.STEWARD,
            until=LATER,
        )
        with pytest.raises(CirclesNotYours):
            await give_circle_mandate(
                db,
                actor=anna.actor,
                circle_id=scene.pot,
                membership_id=chloe.id,
                role=CircleRole.FACILITATOR,
                until=LATER,
            )
        with pytest.raises(CirclesNotYours):
            await add_circle_members(db, actor=anna.actor, circle_id=scene.hours, membership_ids=[chloe.id])
        with pytest.raises(CirclesNotYours):
            await end_circle_mandate(db, actor=chloe.actor, circle_mandate_id=own.id)
        await remove_circle_member(db, actor=anna.actor, circle_id=scene.pot, membership_id=chloe.id)
        with pytest.raises(CircleMandateOver):
            await end_circle_mandate(db, actor=anna.actor, circle_mandate_id=steward.id)
        # Anybody may leave a circle by themselves, and what they held in it ends.
        await remove_circle_member(db, actor=anna.actor, circle_id=scene.pot, membership_id=anna.id)
        assert not await circle_mandates(db, actor=anna.actor, circle_id=scene.pot)


async def test_a_mandate_is_for_members_of_the_circle_once_at_a_time(
    database: Database, scene: Scene
) -> None:
    tenant = scene.coop.tenant_id
    facts: dict[str, Any] = {"actor": scene.boss, "until": LATER}
    async with database.begin(tenant=tenant) as db:
        with pytest.raises(NotInCircle):
            await give_circle_mandate(
                db,
                circle_id=scene.hours,
                membership_id=scene.coop.manager.id,
                role=CircleRole.STEWARD,
                **facts,
            )
        with pytest.raises(NoParentCircle):
            await give_circle_mandate(
                db, circle_id=tenant, membership_id=scene.anna.id, role=CircleRole.DELEGATE, **facts
            )
        for _again in range(2):
            work = give_circle_mandate(
                db, circle_id=scene.hours, membership_id=scene.anna.id, role=CircleRole.STEWARD, **facts
            )
            if not _again:
                await work
            else:
                with pytest.raises(CircleMandateOverlaps):
                    await work


async def test_a_delegate_sits_in_the_parent_circle_for_as_long_as_the_mandate_runs(
    database: Database, scene: Scene, db_as: OpenAs
) -> None:
    tenant, badis = scene.coop.tenant_id, scene.badis
    async with database.begin(tenant=tenant) as db:
        await remove_circle_member(db, actor=scene.boss, circle_id=scene.hours, membership_id=badis.id)
        assert not await is_in_circle(db, tenant, scene.hours, badis.id)
        await give_circle_mandate(
            db,
            actor=scene.boss,
            circle_id=scene.pot,
            membership_id=badis.id,
            role=CircleRole.DELEGATE,
            until=LATER,
        )
        assert await is_in_circle(db, tenant, scene.hours, badis.id)
        seated = await members_of_circle(db, actor=badis.actor, circle_id=scene.hours)
        assert [(one.name, one.joined_at is None) for one in seated] == [("Anna", False), ("Badis", True)]
        mine = await circles(db, actor=badis.actor, membership_id=badis.id)
        assert [one.name for one in mine] == ["Cercle de tous", "Caisse", "Heures"]
        with pytest.raises(NotFound):
            await remove_circle_member(db, actor=scene.boss, circle_id=scene.hours, membership_id=badis.id)
    async with db_as("owner", tenant=tenant) as db:
        await db.execute(
            text("UPDATE circle_mandates SET term = tstzrange(now() - interval '9 days', now())")
        )
    async with database.begin(tenant=tenant) as db:
        # At the very moment of its term, whether or not the clock has struck.
        assert not await is_in_circle(db, tenant, scene.hours, badis.id)
        assert not await holds_in_circle(db, tenant, scene.pot, badis.id, CircleRole.DELEGATE)


async def test_a_term_is_announced_once_and_lapses_by_itself(
    database: Database, scene: Scene, db_as: OpenAs
) -> None:
    tenant, anna = scene.coop.tenant_id, scene.anna
    async with database.begin(tenant=tenant) as db:
        given = await give_circle_mandate(
            db,
            actor=scene.boss,
            circle_id=scene.pot,
            membership_id=anna.id,
            role=CircleRole.FACILITATOR,
            until=date.today() + timedelta(days=20),  # noqa: DTZ011 (any day within thirty)
        )
    for _day in range(2):
        async with database.begin(tenant=tenant) as db:
            assert await lapse_circle_mandates(db, tenant_id=tenant) == 0
    async with database.begin(tenant=tenant) as db:
        told = [one.kind for one in await notices(db, actor=anna.actor)]
        assert told.count("circle_mandate_ends_soon") == 1
        assert await holds_in_circle(db, tenant, scene.pot, anna.id, CircleRole.FACILITATOR)
    async with db_as("owner", tenant=tenant) as db:
        over = text(
            "UPDATE circle_mandates SET term = tstzrange(now() - interval '9 days', now()) WHERE id = :id"
        )
        await db.execute(over, {"id": given.id})
    counts = []
    for _day in range(2):
        async with database.begin(tenant=tenant) as db:
            counts.append(await lapse_circle_mandates(db, tenant_id=tenant))
    assert counts == [1, 0]
    async with database.begin(tenant=tenant) as db:
        line = (await register_lines(db, tenant_id=tenant, limit=1))[0]
        assert (line.kind, line.facts) == (
            "circle_mandate_ended",
            {"circle": str(scene.pot), "role": "facilitator", "holders": 0},
        )
        assert "circle_mandate_ended" in [one.kind for one in await notices(db, actor=anna.actor)]


async def test_who_leaves_or_is_suspended_counts_nowhere(database: Database, scene: Scene) -> None:
    tenant, anna, badis = scene.coop.tenant_id, scene.anna, scene.badis
    async with database.begin(tenant=tenant) as db:
        await give_circle_mandate(
            db,
            actor=scene.boss,
            circle_id=scene.pot,
            membership_id=anna.id,
            role=CircleRole.DELEGATE,
            until=LATER,
        )
        await suspend_member(db, actor=scene.boss, membership_id=badis.id)
        await db.flush()
        assert not await is_in_circle(db, tenant, scene.pot, badis.id)
    async with database.begin(tenant=tenant, person=anna.person_id) as db:
        await leave_cooperative(db, actor=anna.actor)
        await db.flush()
        # Before the event is heard, too.
        assert not await is_in_circle(db, tenant, scene.pot, anna.id)
        assert not await holds_in_circle(db, tenant, scene.pot, anna.id, CircleRole.DELEGATE)
    async with database.begin(tenant=tenant) as db:
        await leave_circles(db, MemberLeft(tenant_id=tenant, membership_id=anna.id))
        left = text("SELECT count(*) FROM circle_members WHERE membership_id = :id AND left_at IS NULL")
        assert await db.scalar(left, {"id": anna.id}) == 0
        ended = text("SELECT ended_reason FROM circle_mandates WHERE membership_id = :id")
        assert await db.scalar(ended, {"id": anna.id}) == "left"


async def test_nobody_comes_in_twice_or_into_the_circle_of_all(database: Database, scene: Scene) -> None:
    tenant = scene.coop.tenant_id
    async with database.begin(tenant=tenant) as db:
        again = await add_circle_members(
            db, actor=scene.boss, circle_id=scene.pot, membership_ids=[scene.anna.id, scene.coop.manager.id]
        )
        assert again == 1
        with pytest.raises(RootCircle):
            await add_circle_members(db, actor=scene.boss, circle_id=tenant, membership_ids=[scene.anna.id])
        with pytest.raises(NobodyChosen):
            await add_circle_members(db, actor=scene.boss, circle_id=scene.pot, membership_ids=[])


async def test_what_is_decided_of_circles_is_in_the_register_without_names(
    database: Database, scene: Scene
) -> None:
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        lines = await register_lines(db, tenant_id=scene.coop.tenant_id, limit=None)
        opened = [one for one in lines if one.kind == "circle_opened"]
        assert [one.facts["circles"] for one in opened] == [3, 2]
        assert "Caisse" not in str([one.facts for one in lines])
