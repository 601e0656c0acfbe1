"""Joining: from the operator's command to a member who acts, and everything a link must not do."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from tenants import invitations
from tenants.actors import Role
from tenants.cooperatives import LegalProfile
from tenants.founding import SlugTaken, SlugUnfit, found_cooperative
from tenants.invitations import (
    AlreadyInvited,
    Invitation,
    JustMailed,
    TooManyInvitations,
    invite_member,
    pending_invitations,
    resend_invitation,
    stamp_invitation,
    withdraw_invitation,
)
from tenants.joining import AlreadyMember, InvitationExpired, accept_invitation, look_at_invitation
from tenants.memberships import Membership, leave_cooperative
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tenants.platform.outbox import OutboxRow
from tests import factories
from tests.conftest import OpenAs


async def invite(database: Database, coop: factories.Founded, email: str) -> str:
    async with database.begin(tenant=coop.tenant_id) as db:
        invitation = await invite_member(db, actor=coop.manager.actor, email=email, display_name="Invitée")
        token = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
    assert token
    return token


async def test_the_founder_becomes_manager_by_accepting_the_mailed_invitation(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin() as db:
        row = (
            await db.execute(
                text("SELECT * FROM arrive(:s, sha256(:t), NULL)"),
                {"s": coop.slug, "t": coop.manager.token.encode()},
            )
        ).one()
    assert (row.tenant_id, row.membership_id, row.roles) == (coop.tenant_id, coop.manager.id, [Role.MANAGER])


@pytest.mark.parametrize("slug", ["api", "sign-in", "a", "-ab", "ab-", "Été", "a b", "x" * 41, "ab\n"])
async def test_a_slug_that_cannot_be_an_address_is_refused(database: Database, slug: str) -> None:
    async with database.begin() as db:
        with pytest.raises(SlugUnfit):
            await found_cooperative(
                db,
                slug=slug,
                name="X",
                legal_profile=LegalProfile.OTHER,
                territory="75",
                founder_name="F",
                founder_email="f@example.org",
            )


async def test_two_cooperatives_cannot_share_a_slug_even_when_founded_at_once(database: Database) -> None:
    slug = f"double-{uuid4().hex[:8]}"

    async def found() -> bool:
        try:
            async with database.begin() as db:
                await found_cooperative(
                    db,
                    slug=slug,
                    name="X",
                    legal_profile=LegalProfile.OTHER,
                    territory="75",
                    founder_name="F",
                    founder_email="f@example.org",
                )
        except SlugTaken:
            return False
        return True

    assert sorted(await asyncio.gather(*(found() for _ in range(4)))) == [False, False, False, True]


async def test_only_a_manager_invites(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await invite_member(db, actor=member.actor, email="x@example.org", display_name="X")


async def test_inviting_answers_alike_whether_or_not_the_address_is_known(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    other = await factories.found_cooperative(database)
    known = await factories.join_member(database, other)
    seen = []
    for email in (known.email, f"inconnue@{coop.slug}.example"):
        async with database.begin(tenant=coop.tenant_id) as db:
            invitation = await invite_member(db, actor=coop.manager.actor, email=email, display_name="Y")
            membership = await db.get_one(Membership, (coop.tenant_id, invitation.membership_id))
            seen.append(
                (membership.state, membership.person_id, invitation.token_hash, invitation.consumed_at)
            )
    assert seen[0] == seen[1]


async def test_an_address_is_invited_once_even_by_two_managers_at_once(database: Database) -> None:
    coop = await factories.found_cooperative(database)

    async def attempt() -> str:
        try:
            async with database.begin(tenant=coop.tenant_id) as db:
                await invite_member(
                    db, actor=coop.manager.actor, email="Anne@Example.org", display_name="Anne"
                )
                await asyncio.sleep(0.05)
        except AlreadyInvited:
            return "refused"
        return "invited"

    assert sorted(await asyncio.gather(attempt(), attempt(), attempt())) == ["invited", "refused", "refused"]


async def test_a_known_person_joins_a_second_cooperative_with_the_same_sign_in_data(
    database: Database,
) -> None:
    first, second = await factories.found_cooperative(database), await factories.found_cooperative(database)
    member = await factories.join_member(database, first)
    token = await invite(database, second, member.email)
    async with database.begin() as db:
        assert (await look_at_invitation(db, token=token)).known
        joined = await accept_invitation(db, token=token, person_id=None)
    assert joined.person_id == member.person_id
    assert joined.membership_id != member.id


async def test_a_signed_in_person_joins_as_themselves_whatever_address_was_invited(
    database: Database,
) -> None:
    first, second = await factories.found_cooperative(database), await factories.found_cooperative(database)
    member = await factories.join_member(database, first)
    token = await invite(database, second, f"autre-adresse@{first.slug}.example")
    async with database.begin(person=member.person_id) as db:
        joined = await accept_invitation(db, token=token, person_id=member.person_id, display_name="Moi")
    assert (joined.person_id, joined.opened) == (member.person_id, None)


async def test_a_link_joins_once_even_when_pressed_ten_times_at_once(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    token = await invite(database, coop, f"dix@{coop.slug}.example")

    async def press() -> str:
        try:
            async with database.begin() as db:
                await accept_invitation(db, token=token, person_id=None, display_name="Dix")
        except InvitationExpired:
            return "expired"
        return "joined"

    answers = await asyncio.gather(*(press() for _ in range(10)))
    assert sorted(answers) == ["expired"] * 9 + ["joined"]


async def test_looking_at_a_link_changes_nothing(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    token = await invite(database, coop, f"regard@{coop.slug}.example")
    for _ in range(3):
        async with database.begin(read_only=True) as db:
            seen = await look_at_invitation(db, token=token)
            assert (seen.slug, seen.invited_by, seen.known) == (coop.slug, "Fanny Fondatrice", False)


async def test_an_old_a_replaced_and_a_withdrawn_link_are_refused_alike(
    database: Database, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    manager = coop.manager.actor

    async def newest() -> Invitation:
        async with database.begin(tenant=coop.tenant_id) as db:
            return (await pending_invitations(db, actor=manager))[0][0]

    old = await invite(database, coop, f"vieux@{coop.slug}.example")
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(text("UPDATE invitations SET expires_at = now() - interval '1 second'"))
    replaced = await invite(database, coop, f"remplace@{coop.slug}.example")
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(text("UPDATE invitations SET sent_at = now() - interval '1 hour'"))
    async with database.begin(tenant=coop.tenant_id) as db:
        await resend_invitation(db, actor=manager, invitation_id=(await newest()).id)
    withdrawn = await invite(database, coop, f"retire@{coop.slug}.example")
    async with database.begin(tenant=coop.tenant_id) as db:
        await withdraw_invitation(db, actor=manager, invitation_id=(await newest()).id)
        left = await db.scalar(
            select(func.count()).where(Membership.contact_email == f"retire@{coop.slug}.example")
        )
    assert left == 0
    for token in (old, replaced, withdrawn, "never-made"):
        async with database.begin() as db:
            with pytest.raises(InvitationExpired):
                await accept_invitation(db, token=token, person_id=None)


async def test_a_link_handed_over_still_works_when_the_mail_makes_another(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    handed = await invite(database, coop, f"deux-liens@{coop.slug}.example")
    async with database.begin(tenant=coop.tenant_id) as db:
        ((invitation, _invited),) = await pending_invitations(db, actor=coop.manager.actor)
        mailed = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
    assert mailed
    async with database.begin() as db:
        await accept_invitation(db, token=handed, person_id=None)
    async with database.begin() as db:
        with pytest.raises(InvitationExpired):
            await accept_invitation(db, token=mailed, person_id=None)


async def test_resending_waits_ten_minutes_and_then_mails_again(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    await invite(database, coop, f"encore@{coop.slug}.example")
    async with database.begin(tenant=coop.tenant_id) as db:
        invitation = (await pending_invitations(db, actor=coop.manager.actor))[0][0]
        with pytest.raises(JustMailed):
            await resend_invitation(db, actor=coop.manager.actor, invitation_id=invitation.id)
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(
            text("UPDATE invitations SET sent_at = now() - interval '11 minutes' WHERE consumed_at IS NULL")
        )
    async with database.begin(tenant=coop.tenant_id) as db:
        await resend_invitation(db, actor=coop.manager.actor, invitation_id=invitation.id)
        events = await db.scalar(
            select(func.count()).where(
                OutboxRow.kind == "MemberInvited",
                OutboxRow.facts["invitation_id"].astext == str(invitation.id),
            )
        )
    assert events == 2


async def test_a_member_cannot_join_twice_and_one_who_left_gets_their_own_place_back(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    token = await invite(database, coop, f"seconde-boite@{coop.slug}.example")
    async with database.begin(person=member.person_id) as db:
        with pytest.raises(AlreadyMember):
            await accept_invitation(db, token=token, person_id=member.person_id)
    async with database.begin(tenant=coop.tenant_id, person=member.person_id) as db:
        await leave_cooperative(db, actor=member.actor)
    async with database.begin(person=member.person_id) as db:
        joined = await accept_invitation(db, token=token, person_id=member.person_id)
        invitations = (
            await db.scalars(select(Invitation).where(Invitation.membership_id == member.id))
        ).all()
    assert joined.membership_id == member.id
    assert len(invitations) == 2


async def test_the_outbox_holds_no_token_and_no_address(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    token = await invite(database, coop, f"secret@{coop.slug}.example")
    async with database.begin(tenant=coop.tenant_id) as db:
        written = str((await db.scalars(select(OutboxRow.facts))).all())
    assert token not in written
    assert "@" not in written


async def test_a_manager_mails_so_many_invitations_a_day_and_no_more(
    database: Database, db_as: OpenAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_A_DAY", 2)
    coop = await factories.found_cooperative(database)

    async def invite(number: int) -> Invitation:
        async with database.begin(tenant=coop.tenant_id) as db:
            return await invite_member(
                db, actor=coop.manager.actor, email=f"n{number}@{coop.slug}.example", display_name="N"
            )

    first = await invite(1)
    async with database.begin(tenant=coop.tenant_id) as db:
        await withdraw_invitation(db, actor=coop.manager.actor, invitation_id=first.id)
    second = await invite(2)
    with pytest.raises(TooManyInvitations) as refused:
        await invite(3)
    assert "2 invitations en 24 heures" in refused.value.detail()
    with pytest.raises(TooManyInvitations):
        async with database.begin(tenant=coop.tenant_id) as db:
            await resend_invitation(db, actor=coop.manager.actor, invitation_id=second.id)
    async with db_as("postgres") as db:
        await db.execute(
            text("UPDATE audit_entries SET at = at - interval '25 hours' WHERE tenant_id = :tenant"),
            {"tenant": coop.tenant_id},
        )
    await invite(3)
