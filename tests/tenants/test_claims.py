"""An imported member whose file held no address is given one by a manager, and is nobody's until its owner accepts."""

import pytest
from sqlalchemy import text

from tenants.claims import invite_imported_member
from tenants.invitations import AlreadyInvited, TooManyInvitations, stamp_invitation, withdraw_invitation
from tenants.joining import AlreadyMember, accept_invitation
from tenants.memberships import Membership, MembershipState, StateUnfit
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded, Member
from tests.tenants.conftest import Browser
from tests.tenants.import_stories import TIMEOVERFLOW_MEMBERS, brought, released
from tests.tenants.test_imports import unclaimed


async def imported(database: Database) -> tuple[Founded, Membership]:
    """A cooperative, and an imported member of whom no address is known."""
    coop = await factories.found_cooperative(database)
    await released(
        database, coop.manager, await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    )
    return coop, (await unclaimed(database, coop))["Chloé Ñúñez"]


async def link_to(database: Database, coop: Founded, chloe: Membership, email: str) -> str:
    """What the mail to this address holds."""
    async with database.begin(tenant=coop.tenant_id) as db:
        invitation = await invite_imported_member(
            db, actor=coop.manager.actor, membership_id=chloe.id, email=email
        )
        token = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
    assert token
    return token


async def sign_ins(db_as: OpenAs, member: Member) -> list[tuple[object, ...]]:
    """All by which this person signs in."""
    async with db_as("postgres") as db:
        rows = await db.execute(
            text(
                "SELECT p.email, p.password_hash, s.id, s.revoked_at FROM people p"
                " LEFT JOIN sign_ins s USING (person_id) WHERE person_id = :person ORDER BY s.id"
            ),
            {"person": member.person_id},
        )
        return [tuple(row) for row in rows]


async def test_a_manager_adds_an_address_on_the_page_and_its_owner_takes_the_membership_up(
    database: Database, browser: Browser
) -> None:
    coop, chloe = await imported(database)
    email, path = f"chloe@{coop.slug}.example", f"/{coop.slug}/members/{chloe.id}"
    manager = browser(coop.manager)
    assert "Envoyer l’invitation" in (await manager.get(path)).text
    wrong = await manager.post(f"{path}/invite", data={"email": "chloe"})
    assert wrong.status_code == 422
    assert 'value="chloe"' in wrong.text
    sent = await manager.post(f"{path}/invite", data={"email": email})
    assert (sent.status_code, sent.headers["location"]) == (303, path)
    shown = (await manager.get(path)).text
    assert "attend sa réponse" in shown
    assert "Envoyer l’invitation" not in shown
    assert (await manager.post(f"{path}/invite", data={"email": email})).status_code == 409
    async with database.begin(tenant=coop.tenant_id) as db:
        pending = text("SELECT id FROM invitations WHERE tenant_id = :t AND membership_id = :m")
        found = (await db.execute(pending, {"t": coop.tenant_id, "m": chloe.id})).scalar_one()
        kept = await db.get_one(Membership, (coop.tenant_id, chloe.id))
        assert (kept.state, kept.person_id) == (MembershipState.INVITED, None), "nobody's until they accept"
        token = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=found)
        assert token
    async with database.begin() as db:
        joined = await accept_invitation(db, token=token, person_id=None)
    assert joined.membership_id == chloe.id
    for state in ("claimed", "unknown"):
        who = chloe.id if state == "claimed" else coop.tenant_id
        refused = await manager.post(
            f"/api/v1/{coop.slug}/members/{who}/invite", json={"email": f"autre@{coop.slug}.example"}
        )
        assert refused.status_code == (409 if state == "claimed" else 404)


async def test_only_a_manager_and_only_for_a_membership_that_is_nobody_s(database: Database) -> None:
    coop, chloe = await imported(database)
    ana = await factories.join_member(database, coop)
    elsewhere = await factories.found_cooperative(database)
    manager, free = coop.manager.actor, f"libre@{coop.slug}.example"
    async with database.begin(tenant=coop.tenant_id) as db:
        for actor, whose, email, refusal in (
            (ana.actor, chloe.id, free, NotAllowed),
            (manager, ana.id, free, StateUnfit),
            (manager, coop.manager.id, free, StateUnfit),
            (manager, elsewhere.manager.id, free, NotFound),
            (manager, chloe.id, ana.email, AlreadyInvited),
            (manager, chloe.id, coop.manager.email.upper(), AlreadyInvited),
        ):
            with pytest.raises(refusal):
                await invite_imported_member(db, actor=actor, membership_id=whose, email=email)
    assert (await unclaimed(database, coop))["Chloé Ñúñez"].contact_email == ""


async def test_an_address_that_somebody_signs_in_with_takes_nothing_over(
    database: Database, db_as: OpenAs
) -> None:
    """Known elsewhere or not, the answer is the same, and who signs in with it stays who they are."""
    coop, chloe = await imported(database)
    elsewhere = await factories.found_cooperative(database)
    known = await factories.join_member(database, elsewhere, password=factories.PASSWORD)
    before = await sign_ins(db_as, known)
    token = await link_to(database, coop, chloe, known.email)
    assert await sign_ins(db_as, known) == before, "an invitation touches nobody's sign-in"
    async with database.begin() as db:
        joined = await accept_invitation(
            db, token=token, person_id=None, password="une tout autre phrase à retenir"
        )
    after = await sign_ins(db_as, known)
    assert joined.person_id == known.person_id
    assert {row[:2] for row in after} == {row[:2] for row in before}, "the link sets no password"
    async with database.begin(tenant=elsewhere.tenant_id) as db:
        there = await db.get_one(Membership, (elsewhere.tenant_id, known.id))
        assert (there.person_id, there.state) == (known.person_id, MembershipState.ACTIVE)


async def test_a_member_who_signs_in_by_another_address_does_not_get_a_second_membership(
    database: Database,
) -> None:
    coop, chloe = await imported(database)
    ana = await factories.join_member(database, coop)
    token = await link_to(database, coop, chloe, f"seconde-boite@{coop.slug}.example")
    async with database.begin(person=ana.person_id) as db:
        with pytest.raises(AlreadyMember):
            await accept_invitation(db, token=token, person_id=ana.person_id)


async def test_an_address_typed_wrong_is_taken_back_and_another_tried_within_the_days_limit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    coop, chloe = await imported(database)
    manager = coop.manager.actor
    async with database.begin(tenant=coop.tenant_id) as db:
        wrong = await invite_imported_member(
            db, actor=manager, membership_id=chloe.id, email=f"cloe@{coop.slug}.example"
        )
        await withdraw_invitation(db, actor=manager, invitation_id=wrong.id)
        right = await invite_imported_member(
            db, actor=manager, membership_id=chloe.id, email=f"chloe@{coop.slug}.example"
        )
        await withdraw_invitation(db, actor=manager, invitation_id=right.id)
        monkeypatch.setattr("tenants.invitations.MOST_A_DAY", 2)
        with pytest.raises(TooManyInvitations):
            await invite_imported_member(
                db, actor=manager, membership_id=chloe.id, email=f"c@{coop.slug}.example"
            )
    assert (await unclaimed(database, coop))["Chloé Ñúñez"].person_id is None
