"""Appointing: a cooperative that nobody manages gets a manager again; one that is managed does not."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from tenants.actors import Role
from tenants.appointing import Appointed, StillManaged, appoint_manager
from tenants.audit import AuditEntry
from tenants.cooperatives import LegalProfile
from tenants.founding import found_cooperative
from tenants.joining import accept_invitation
from tenants.mandates import Mandate, mandates_in_force
from tenants.memberships import StateUnfit, suspend_member
from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId
from tenants.register import RegisterLine
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded


async def let_terms_run_out(db_as: OpenAs, tenant_id: CooperativeId) -> None:
    async with db_as("postgres") as db:
        await db.execute(
            text("""
            UPDATE mandates SET term = tstzrange(now() - interval '2 years', now() - interval '1 hour')
            WHERE tenant_id = :tenant
            """),
            {"tenant": tenant_id},
        )


async def appoint(database: Database, coop: Founded, email: str) -> Appointed:
    async with database.begin(tenant=coop.tenant_id) as db:
        return await appoint_manager(db, tenant_id=coop.tenant_id, email=email)


async def test_a_member_is_appointed_for_a_year_in_both_records(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Odette Relève")
    with pytest.raises(StillManaged):
        await appoint(database, coop, member.email)
    await let_terms_run_out(db_as, coop.tenant_id)
    assert await appoint(database, coop, f" {member.email.upper()}") == Appointed("Odette Relève", None)
    async with database.begin(tenant=coop.tenant_id) as db:
        [(mandate, name)] = await mandates_in_force(db, actor=member.actor)
        actions = (await db.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(2))).all()
        last = (await db.scalars(select(RegisterLine).order_by(RegisterLine.seq.desc()).limit(1))).one()
    assert (mandate.role, name) == (Role.MANAGER, "Odette Relève")
    assert mandate.last_moment > datetime.now(UTC) + timedelta(days=363)
    assert set(actions) == {"tenants:manager:appointed", "tenants:mandate:given"}
    assert (last.kind, last.facts) == ("mandate_given", {"role": "manager", "holders": 1})
    with pytest.raises(StillManaged):
        await appoint(database, coop, member.email)


async def test_a_suspended_member_is_not_appointed(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        await suspend_member(db, actor=coop.manager.actor, membership_id=member.id)
    await let_terms_run_out(db_as, coop.tenant_id)
    with pytest.raises(StateUnfit):
        await appoint(database, coop, member.email)


async def test_a_stranger_is_invited_and_manages_once_they_accept(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    await let_terms_run_out(db_as, coop.tenant_id)
    email = f"secours@{coop.slug}.example"
    appointed = await appoint(database, coop, email)
    assert appointed.token is not None
    again = await appoint(database, coop, email)
    assert again.token not in {None, appointed.token}, "who has not come yet can be given another link"
    async with database.begin() as db:
        joined = await accept_invitation(db, token=str(again.token), person_id=None)
    async with database.begin(tenant=coop.tenant_id) as db:
        given = (await db.scalars(select(Mandate).where(Mandate.membership_id == joined.membership_id))).one()
    assert given.role is Role.MANAGER
    with pytest.raises(StillManaged):
        await appoint(database, coop, email)


async def test_a_founder_whose_link_lapsed_is_given_another(database: Database, db_as: OpenAs) -> None:
    slug = f"tardive-{datetime.now(UTC).timestamp():.0f}"
    async with database.begin() as db:
        coop, _invitation = await found_cooperative(
            db,
            slug=slug,
            name="La Tardive",
            legal_profile=LegalProfile.SCOP,
            territory="35",
            founder_name="Tifenn Tardive",
            founder_email=f"tifenn@{slug}.example",
        )
    async with db_as("postgres") as db:
        await db.execute(
            text("UPDATE invitations SET expires_at = now() - interval '1 day' WHERE tenant_id = :tenant"),
            {"tenant": coop.tenant_id},
        )
    async with database.begin(tenant=coop.tenant_id) as db:
        appointed = await appoint_manager(db, tenant_id=coop.tenant_id, email=f"tifenn@{slug}.example")
    assert appointed.name == "Tifenn Tardive"
    async with database.begin() as db:
        joined = await accept_invitation(db, token=str(appointed.token), person_id=None)
    assert joined.tenant_id == coop.tenant_id
