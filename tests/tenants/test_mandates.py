"""Mandates: given for a term, by those who may, never twice at once; somebody always keeps the doors."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError

from tenants.actors import Actor, Role
from tenants.management import LastManager
from tenants.mandate_terms import lapse_mandates
from tenants.mandates import (
    EndReason,
    Mandate,
    MandateEndedAlready,
    MandateOverlaps,
    end_mandate,
    give_mandate,
    mandates_in_force,
)
from tenants.memberships import StateUnfit, leave_cooperative, suspend_member
from tenants.notices import Notice
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tenants.register import RegisterLine
from tenants.terms import TermUnfit
from tests import factories
from tests.conftest import OpenAs

PARIS = ZoneInfo("Europe/Paris")
FAR = date(2028, 6, 30)


async def test_a_mandate_is_audited_told_and_registered_without_a_name(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Zélie Tréguier")
    async with database.begin(tenant=coop.tenant_id) as db:
        mandate = await give_mandate(
            db, actor=coop.manager.actor, membership_id=member.id, role=Role.TREASURER, until=FAR
        )
        line = (await db.scalars(select(RegisterLine).where(RegisterLine.seq == mandate.register_seq))).one()
        told = (await db.scalars(select(Notice).where(Notice.membership_id == member.id))).one()
    assert (line.kind, line.facts) == ("mandate_given", {"role": "treasurer", "holders": 1})
    assert told.kind == "mandate_given"
    # The last day belongs to the term, by the clock of the cooperative (Paris in summer).
    assert mandate.term.upper == datetime(2028, 6, 30, 22, tzinfo=UTC)


async def test_only_a_manager_gives_and_only_to_an_active_member_of_the_same_cooperative(
    database: Database,
) -> None:
    coop, other = await factories.found_cooperative(database), await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await give_mandate(db, actor=member.actor, membership_id=member.id, role=Role.MANAGER, until=FAR)
        with pytest.raises(NotFound):
            await give_mandate(
                db, actor=coop.manager.actor, membership_id=other.manager.id, role=Role.STEWARD, until=FAR
            )
        await suspend_member(db, actor=coop.manager.actor, membership_id=member.id)
        with pytest.raises(StateUnfit):
            await give_mandate(
                db, actor=coop.manager.actor, membership_id=member.id, role=Role.STEWARD, until=FAR
            )


@pytest.mark.parametrize("until", [date(2020, 1, 1), date(2060, 1, 1), date.max])
async def test_a_term_that_is_past_or_endless_is_refused(database: Database, until: date) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(TermUnfit):
            await give_mandate(
                db, actor=coop.manager.actor, membership_id=coop.manager.id, role=Role.STEWARD, until=until
            )


async def test_the_same_role_twice_at_once_is_refused_even_in_a_race(database: Database) -> None:
    coop = await factories.found_cooperative(database)

    async def give() -> str:
        try:
            async with database.begin(tenant=coop.tenant_id) as db:
                await give_mandate(
                    db, actor=coop.manager.actor, membership_id=coop.manager.id, role=Role.STEWARD, until=FAR
                )
        except MandateOverlaps:
            return "refused"
        return "given"

    assert sorted(await asyncio.gather(give(), give(), give())) == ["given", "refused", "refused"]


async def test_the_table_itself_refuses_the_same_role_twice(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        first = (await db.scalars(select(Mandate))).one()
        again = Mandate(
            tenant_id=coop.tenant_id, membership_id=first.membership_id, role=first.role, term=first.term
        )
        db.add(again)
        with pytest.raises(IntegrityError, match="ex_mandates_same_role_twice"):
            await db.flush()
        await db.rollback()


async def test_a_mandate_that_follows_another_is_given_ahead(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        founder = (await db.scalars(select(Mandate))).one()
        assert founder.term.upper is not None
        day_after = founder.term.upper.astimezone(PARIS).date() + timedelta(days=1)
        await give_mandate(
            db,
            actor=coop.manager.actor,
            membership_id=coop.manager.id,
            role=Role.MANAGER,
            since=day_after,
            until=day_after + timedelta(days=365),
        )
        assert len(await mandates_in_force(db, actor=coop.manager.actor)) == 2


async def test_the_last_manager_can_neither_be_sent_away_nor_leave(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        mandate = (await db.scalars(select(Mandate))).one()
        with pytest.raises(LastManager):
            await end_mandate(db, actor=coop.manager.actor, mandate_id=mandate.id)
        with pytest.raises(LastManager):
            await suspend_member(db, actor=coop.manager.actor, membership_id=coop.manager.id)
        with pytest.raises(LastManager):
            await leave_cooperative(db, actor=coop.manager.actor)


async def test_two_managers_who_send_each_other_away_at_once_leave_one(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    second = await factories.give_mandate(
        database, coop, await factories.join_member(database, coop), Role.MANAGER
    )
    async with database.begin(tenant=coop.tenant_id) as db:
        mandates = {one.membership_id: one.id for one in (await db.scalars(select(Mandate))).all()}

    async def send_away(actor: Actor, victim: object) -> str:
        try:
            async with database.begin(tenant=coop.tenant_id) as db:
                await end_mandate(db, actor=actor, mandate_id=mandates[victim])  # type: ignore[index]
                await asyncio.sleep(0.05)
        except LastManager:
            return "refused"
        return "ended"

    answers = await asyncio.gather(
        send_away(coop.manager.actor, second.id), send_away(second.actor, coop.manager.id)
    )
    assert sorted(answers) == ["ended", "refused"]


async def test_a_holder_gives_up_and_another_member_cannot_end_it(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    holder = await factories.give_mandate(
        database, coop, await factories.join_member(database, coop), Role.MEDIATOR
    )
    stranger = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        mandate = (await db.scalars(select(Mandate).where(Mandate.role == Role.MEDIATOR))).one()
        with pytest.raises(NotAllowed):
            await end_mandate(db, actor=stranger.actor, mandate_id=mandate.id)
        ended = await end_mandate(db, actor=holder.actor, mandate_id=mandate.id)
        assert ended.ended_reason is EndReason.GIVEN_UP
        with pytest.raises(MandateEndedAlready):
            await end_mandate(db, actor=holder.actor, mandate_id=mandate.id)


async def test_a_term_that_is_over_is_written_down_once_and_its_end_was_announced(
    database: Database, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.give_mandate(
        database, coop, await factories.join_member(database, coop), Role.OBSERVER, days=20
    )
    async with database.begin(tenant=coop.tenant_id) as db:
        assert [await lapse_mandates(db, tenant_id=coop.tenant_id) for _ in range(2)] == [0, 0]
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(
            text(
                "UPDATE mandates SET term = tstzrange(now() - interval '9 days', now()) WHERE role = 'observer'"
            )
        )
    async with database.begin(tenant=coop.tenant_id) as db:
        assert [await lapse_mandates(db, tenant_id=coop.tenant_id) for _ in range(2)] == [1, 0]
        told = (
            await db.scalars(select(Notice.kind).where(Notice.membership_id == member.id).order_by(Notice.id))
        ).all()
        ended = (await db.scalars(select(Mandate).where(Mandate.role == Role.OBSERVER))).one()
    assert told == ["mandate_given", "mandate_ends_soon", "mandate_ended"]
    assert ended.ended_reason is EndReason.TERM
    assert isinstance(ended.term, Range)
