"""Delegations: proposed by a manager, approved by two who are no party, bounded in time and amount, ended by anyone."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Role
from tenants.delegating import approve_delegation, end_delegation, propose_delegation
from tenants.delegation_refusals import (
    ApprovedAlready,
    DelegationEndedAlready,
    DelegationOverlaps,
    DelegationTermUnfit,
    DelegationToOneself,
    MaximumUnfit,
    NoActs,
    PartyMayNotApprove,
)
from tenants.delegation_terms import lapse_delegations
from tenants.delegations import Act, delegation, delegations
from tenants.memberships import StateUnfit
from tenants.notices import notices
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tests.conftest import OpenAs
from tests.factories import found_cooperative, give_mandate, join_member
from tests.tenants.conftest import Browser
from tests.timebank.acting import HOUR, acting, approved, in_days, proposed


async def test_two_mandate_holders_who_are_no_party_begin_it_and_both_sides_are_told(
    database: Database,
) -> None:
    home = await found_cooperative(database)
    one, other = await join_member(database, home), await join_member(database, home)
    treasurer = await give_mandate(database, home, await join_member(database, home), Role.TREASURER)
    made = await proposed(database, home, one.id, other.id)
    plain = await join_member(database, home)
    async with database.begin(tenant=home.tenant_id) as db:
        with pytest.raises(NotFound):
            await delegation(db, actor=plain.actor, delegation_id=made.id)
        with pytest.raises(NotAllowed):
            await approve_delegation(db, actor=plain.actor, delegation_id=made.id)
    await approved(database, made.id, treasurer)
    with pytest.raises(ApprovedAlready):
        await approved(database, made.id, treasurer)
    await approved(database, made.id, home.manager)
    async with database.begin(tenant=home.tenant_id) as db:
        kinds = [notice.kind for notice in await notices(db, actor=one.actor)]
        assert kinds == ["delegation_begun"]
        assert [notice.kind for notice in await notices(db, actor=other.actor)] == ["delegation_received"]
        for member in (one, other):
            [(seen, represented, delegate)] = await delegations(db, actor=member.actor)
            assert (seen.id, represented, delegate) == (made.id, one.name, other.name)
        assert await delegations(db, actor=plain.actor) == []


@pytest.mark.parametrize("side", ["the delegate", "the person"])
async def test_nobody_approves_their_own_delegation_whatever_their_mandates(
    database: Database, side: str
) -> None:
    home = await found_cooperative(database)
    person, delegate = await join_member(database, home), await join_member(database, home)
    made = await proposed(database, home, person.id, delegate.id)
    party = delegate if side == "the delegate" else person
    for role in (Role.TREASURER, Role.MANAGER, Role.MEDIATOR):
        party = await give_mandate(database, home, party, role)
    with pytest.raises(PartyMayNotApprove):
        await approved(database, made.id, party)
    async with database.begin(tenant=home.tenant_id) as db:
        with pytest.raises(DBAPIError, match="approvers_are_others"):
            await db.execute(
                text(
                    "UPDATE delegations SET first_approver = :who, first_approved_at = now() WHERE id = :id"
                ),
                {"who": party.id, "id": made.id},
            )


async def test_the_database_takes_no_approval_from_who_holds_no_mandate(database: Database) -> None:
    home = await found_cooperative(database)
    person, delegate, plain = [await join_member(database, home) for _ in range(3)]
    made = await proposed(database, home, person.id, delegate.id)
    for statement in (
        "UPDATE delegations SET first_approver = :who, first_approved_at = now() WHERE id = :id",
        """
        INSERT INTO delegations (tenant_id, represented_id, delegate_id, acts, term, entry_minutes_max,
                                 month_minutes_max, proposed_by, first_approver, first_approved_at)
        SELECT tenant_id, delegate_id, represented_id, acts, term, 1, 1, proposed_by, CAST(:who AS uuid), now()
        FROM delegations WHERE id = :id
        """,
    ):
        with pytest.raises(DBAPIError, match=r"mandate|without approvals"):
            async with database.begin(tenant=home.tenant_id) as db:
                await db.execute(text(statement), {"who": plain.id, "id": made.id})


async def test_a_token_approves_nothing(database: Database) -> None:
    from dataclasses import replace  # noqa: PLC0415

    home = await found_cooperative(database)
    person, delegate = await join_member(database, home), await join_member(database, home)
    made = await proposed(database, home, person.id, delegate.id)
    program = replace(home.manager.actor, scopes=frozenset({"governance:write"}))
    async with database.begin(tenant=home.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await approve_delegation(db, actor=program, delegation_id=made.id)


async def test_what_makes_no_sense_is_refused(database: Database) -> None:
    scene = await acting(database)
    home, renee, denis, hugo = scene.home, scene.renee, scene.denis, scene.hugo
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotAllowed):
            await propose_delegation(
                db,
                actor=denis.actor,
                represented_id=renee.id,
                delegate_id=hugo.id,
                acts=[Act.HOURS],
                until=in_days(9),
            )
    for refusal, facts in (
        (DelegationToOneself, {"delegate": renee.id}),
        (NoActs, {"delegate": hugo.id, "acts": ()}),
        (MaximumUnfit, {"delegate": hugo.id, "entry": 0}),
        (MaximumUnfit, {"delegate": hugo.id, "entry": 3 * HOUR, "month": 2 * HOUR}),
        (DelegationTermUnfit, {"delegate": hugo.id, "until": in_days(-1)}),
        (DelegationTermUnfit, {"delegate": hugo.id, "until": in_days(400)}),
        (DelegationOverlaps, {"delegate": denis.id}),
    ):
        with pytest.raises(refusal):
            await proposed(database, home, renee.id, facts.pop("delegate"), **facts)  # type: ignore[arg-type]
    with pytest.raises(StateUnfit):
        await proposed(database, home, hugo.id, renee.id)


@pytest.mark.parametrize("who", ["the person's manager", "the delegate"])
async def test_it_is_ended_at_once_and_stays_ended(database: Database, who: str) -> None:
    scene = await acting(database)
    member = scene.denis if who == "the delegate" else scene.home.manager
    async with database.begin(tenant=scene.tenant) as db:
        await end_delegation(db, actor=member.actor, delegation_id=scene.delegation)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(DelegationEndedAlready):
            await end_delegation(db, actor=scene.denis.actor, delegation_id=scene.delegation)
    with pytest.raises(DBAPIError, match="stays so"):
        async with database.begin(tenant=scene.tenant) as db:
            await db.execute(text("UPDATE delegations SET ended_at = NULL, ended_reason = NULL"))


async def test_it_is_announced_before_its_end_once_and_lapses_by_itself(
    database: Database, db_as: OpenAs
) -> None:
    scene = await acting(database)
    async with db_as("postgres", tenant=scene.tenant) as db:
        await db.execute(
            text(
                "UPDATE delegations SET term = tstzrange(now() - interval '1 day', now() + interval '5 days') WHERE tenant_id = :t"
            ),
            {"t": scene.tenant},
        )
    for _day in range(2):
        async with database.begin(tenant=scene.tenant) as db:
            assert await lapse_delegations(db, tenant_id=scene.home.tenant_id) == 0
    async with database.begin(tenant=scene.tenant) as db:
        told = [one.kind for one in await notices(db, actor=scene.denis.actor)]
        assert told.count("delegation_ends_soon") == 1
        said = await db.scalars(text("SELECT kind FROM tellings ORDER BY id"))
        assert list(said) == ["delegation_begun", "delegation_ends_soon"]
    async with db_as("postgres", tenant=scene.tenant) as db:
        await db.execute(
            text(
                "UPDATE delegations SET term = tstzrange(now() - interval '9 days', now() - interval '1 day') WHERE tenant_id = :t"
            ),
            {"t": scene.tenant},
        )
    async with database.begin(tenant=scene.tenant) as db:
        assert await lapse_delegations(db, tenant_id=scene.home.tenant_id) == 1
    async with database.begin(tenant=scene.tenant) as db:
        assert await lapse_delegations(db, tenant_id=scene.home.tenant_id) == 0
        over = await delegation(db, actor=scene.denis.actor, delegation_id=scene.delegation)
        assert over.ended_reason == "term"


async def test_no_table_of_delegations_has_room_for_a_reason(database: Database) -> None:
    async with database.begin() as db:
        columns = await db.scalars(
            text(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = 'delegations' AND data_type IN ('text', 'character varying', 'jsonb')"
            )
        )
        assert set(columns) == {"ended_reason"}


async def test_it_is_proposed_by_names_and_approved_on_its_page(database: Database, browser: Browser) -> None:
    scene = await acting(database)
    path = f"/{scene.home.slug}/delegations"
    form = {
        "represented": "renee sansordi",
        "delegate": "Hugo",
        "acts": "hours",
        "until": in_days(30).isoformat(),
        "entry_minutes_max": "2h",
        "month_minutes_max": "5 h",
    }
    manager = browser(scene.home.manager)
    nobody = await manager.post(path, data=form | {"delegate": "Zoé Inconnue"})
    assert nobody.status_code == 422
    assert "Aucun membre ne porte ce nom" in nobody.text
    made = await manager.post(path, data=form)
    assert made.status_code == 303, made.text
    own = made.headers["location"]
    for approver in (scene.treasurer, scene.mediator):
        page = await browser(approver).get(own)
        assert "Donner mon accord" in page.text
        assert (await browser(approver).post(f"{own}/approve")).status_code == 303
    page = await browser(scene.hugo).get(own)
    assert "Saisir un échange" in page.text
    assert (await browser(scene.denis).get(own)).status_code == 404
    csv = await manager.get(f"{path}.csv")
    assert "Hugo Aidant" in csv.text
