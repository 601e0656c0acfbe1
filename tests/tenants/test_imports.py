"""Members of another tool: looked at first, imported whole or not at all, and never twice."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select, text

from tenants.actors import Role
from tenants.events import ImportPrepared, ImportsDue
from tenants.import_jobs import clear_imports, look_into
from tenants.imported_members import imported_to_invite, invite_imported_members, mail_todays_invitations
from tenants.imports import Import, ImportMoved, ImportState, discard_import, release_import
from tenants.invitations import pending_invitations, stamp_invitation, withdraw_invitation
from tenants.joining import accept_invitation
from tenants.memberships import Membership, MembershipState, leave_cooperative
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tenants.platform.sheets import EmptyFile, NotATable
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded
from tests.running import Running
from tests.tenants.conftest import Browser
from tests.tenants.import_stories import TIMEOVERFLOW_MEMBERS, brought, places, read, released


async def unclaimed(database: Database, coop: Founded) -> dict[str, Membership]:
    async with database.begin(tenant=coop.tenant_id) as db:
        query = select(Membership).where(
            Membership.tenant_id == coop.tenant_id, Membership.state == MembershipState.INVITED
        )
        return {one.display_name: one for one in await db.scalars(query)}


async def test_a_timeoverflow_file_is_looked_at_then_imported_then_known(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    assert one.state is ImportState.READY
    assert one.shown
    assert (one.shown.source, one.shown.rows, one.shown.new, one.shown.present) == ("timeoverflow", 3, 3, 0)
    assert await unclaimed(database, coop) == {}
    done = await released(database, coop.manager, one)
    assert done.state is ImportState.DONE
    members = await unclaimed(database, coop)
    assert set(members) == {"Anne Le Goff", "Bob Martin", "Chloé Ñúñez"}
    assert members["Anne Le Goff"].contact_phone == "0600000001"
    assert members["Bob Martin"].contact_phone == "0600000002"
    assert members["Chloé Ñúñez"].contact_email == ""
    assert all(member.person_id is None for member in members.values())
    again = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    assert again.state is ImportState.DONE
    assert again.shown
    assert (again.shown.new, again.shown.present) == (0, 3)
    assert len(await unclaimed(database, coop)) == 3


async def test_one_wrong_line_holds_all_back_and_a_mended_file_goes_through(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    bad = TIMEOVERFLOW_MEMBERS + "4,bientôt,Dora,,,1,,,,dora@\n2,2016-05-17,Bob,Bis,,2,,,,bis@x.fr\n"
    one = await brought(database, coop.manager, "members", bad)
    assert one.state is ImportState.WRONG
    assert places(one) == [(4, 10, "email"), (4, 2, "date"), (5, 0, "twice")]
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(ImportMoved):
            await release_import(db, actor=coop.manager.actor, import_id=one.id)
    assert await unclaimed(database, coop) == {}
    mended = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    assert (await released(database, coop.manager, mended)).state is ImportState.DONE
    assert len(await unclaimed(database, coop)) == 3


async def test_who_is_here_already_is_recognised_by_the_mailbox_they_confirmed(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    here = await factories.join_member(database, coop, name="Anne d'ici")
    text_of = f"Nom,Courriel\nAnne Autrement,{here.email.upper()}\nNoé,noe@{coop.slug}.example\n"
    one = await brought(database, coop.manager, "members", text_of)
    assert one.shown
    assert (one.shown.new, one.shown.present) == (1, 1)
    await released(database, coop.manager, one)
    async with database.begin(tenant=coop.tenant_id) as db:
        kept = await db.get_one(Membership, (coop.tenant_id, here.id))
        assert (kept.display_name, kept.state) == ("Anne d'ici", MembershipState.ACTIVE)


async def test_only_a_manager_brings_members_and_what_is_no_csv_is_refused_at_once(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    treasurer = await factories.give_mandate(database, coop, member, Role.TREASURER)
    for somebody in (member, treasurer):
        with pytest.raises(NotAllowed):
            await brought(database, somebody, "members", TIMEOVERFLOW_MEMBERS)
    for content, refusal in ((b"", EmptyFile), (b"PK\x03\x04", NotATable)):
        with pytest.raises(refusal):
            await brought(database, coop.manager, "members", content)


async def test_a_file_set_aside_is_forgotten_but_for_its_fingerprint(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    async with database.begin(tenant=coop.tenant_id) as db:
        await discard_import(db, actor=coop.manager.actor, import_id=one.id)
    after = await read(database, coop.manager, one)
    assert after.state is ImportState.DISCARDED
    assert after.shown
    assert (after.shown.sample, after.digest) == ([], one.digest)
    async with database.begin(tenant=coop.tenant_id) as db:
        content = await db.execute(text("SELECT content FROM imports"))
        assert content.scalar_one() is None


async def test_a_week_later_a_file_nobody_decided_on_is_gone(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    due = ImportsDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC))
    async with database.begin(tenant=coop.tenant_id) as db:
        await clear_imports(db, due)
    assert (await read(database, coop.manager, one)).state is ImportState.READY
    async with db_as("postgres") as db:
        old = "UPDATE imports SET prepared_at = now() - interval '8 days' WHERE tenant_id = :t"
        await db.execute(text(old), {"t": coop.tenant_id})
    async with database.begin(tenant=coop.tenant_id) as db:
        await clear_imports(db, due)
    assert (await read(database, coop.manager, one)).state is ImportState.DISCARDED


async def test_all_are_invited_in_one_act_200_a_day_and_each_joins_from_their_mailbox(
    database: Database, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    rows = "".join(f"P {n},p{n}@{coop.slug}.example\n" for n in range(203))
    one = await brought(database, coop.manager, "members", "Nom,Courriel\n" + rows + "Z,\n")
    assert one.state is ImportState.WRONG  # Nothing would let us know Z again.
    one = await brought(database, coop.manager, "members", "Nom,Courriel,Numéro\n" + rows + "Z,,77\n")
    await released(database, coop.manager, one)
    manager = coop.manager.actor
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await imported_to_invite(db, actor=manager) == 203
        assert await invite_imported_members(db, actor=manager, message="Bienvenue") == 203
        assert await invite_imported_members(db, actor=manager) == 0
    sent = "SELECT count(*) FROM outbox WHERE tenant_id = :t AND kind = 'MemberInvited'"
    async with db_as("postgres") as db:
        before = (await db.execute(text(sent), {"t": coop.tenant_id})).scalar_one()
        days = await db.execute(
            text("""
            SELECT leaves_on - current_date AS day, count(*) AS count,
                   bool_and(expires_at > leaves_on + interval '13 days') AS good
            FROM invitations WHERE tenant_id = :t AND leaves_on IS NOT NULL GROUP BY 1 ORDER BY 1
            """),
            {"t": coop.tenant_id},
        )
        assert [tuple(row) for row in days] == [(0, 200, True), (1, 3, True)]
        # A day goes by, on which the first ones left.
        day = "UPDATE invitations SET leaves_on = leaves_on - 1, sent_at = now() WHERE tenant_id = :t"
        await db.execute(text(day), {"t": coop.tenant_id})
        await db.execute(
            text("UPDATE invitations SET sent_at = NULL WHERE tenant_id = :t AND leaves_on = current_date"),
            {"t": coop.tenant_id},
        )
    async with database.begin(tenant=coop.tenant_id) as db:
        await mail_todays_invitations(db, ImportsDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC)))
    async with db_as("postgres") as db:
        assert (await db.execute(text(sent), {"t": coop.tenant_id})).scalar_one() == before + 3


async def test_withdrawing_an_invitation_leaves_an_imported_member_where_they_are(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    await released(database, coop.manager, one)
    async with database.begin(tenant=coop.tenant_id) as db:
        await invite_imported_members(db, actor=coop.manager.actor)
        pending = await pending_invitations(db, actor=coop.manager.actor)
        for invitation, _invited in pending:
            await withdraw_invitation(db, actor=coop.manager.actor, invitation_id=invitation.id)
    assert len(await unclaimed(database, coop)) == 3
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await imported_to_invite(db, actor=coop.manager.actor) == 2


async def test_somebody_who_once_left_and_is_imported_comes_back_with_what_was_imported(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database)
    gone = await factories.join_member(database, coop, email=f"anne@{coop.slug}.example")
    async with database.begin(tenant=coop.tenant_id, person=gone.person_id) as db:
        await leave_cooperative(db, actor=gone.actor)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    await released(database, coop.manager, one)
    anne = (await unclaimed(database, coop))["Anne Le Goff"]
    async with database.begin(tenant=coop.tenant_id) as db:
        await invite_imported_members(db, actor=coop.manager.actor)
        pending = await pending_invitations(db, actor=coop.manager.actor)
        (invitation,) = [one for one, invited in pending if invited.id == anne.id]
        token = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
        assert token
        joined = await accept_invitation(db, token=token, person_id=None)
    assert (joined.membership_id, joined.person_id) == (anne.id, gone.person_id)


async def test_the_pages_lead_from_the_file_to_the_members(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    client, path = browser(coop.manager), f"/{coop.slug}/imports"
    empty = await client.get(path)
    assert "Aucun fichier encore" in empty.text
    nothing = await client.post(path, data={"kind": "members"}, files={"autre": ("", b"")})
    assert nothing.status_code == 422
    assert "Choisissez le fichier" in nothing.text
    workbook = await client.post(path, data={"kind": "members"}, files={"file": ("m.xlsx", b"PK\x03\x04")})
    assert workbook.status_code == 422
    assert "enregistrez-le au format CSV" in workbook.text
    content = b'Nom,Courriel\n"<script>alert(1)</script>",=1+1@x\n'
    sent = await client.post(path, data={"kind": "members"}, files={"file": ("<b>.csv", content)})
    assert sent.status_code == 303
    page = await client.get(sent.headers["location"])
    assert "data-under-way" in page.text
    one = await only_import(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        await look_into(db, ImportPrepared(tenant_id=coop.tenant_id, import_id=one.id))
    page = await client.get(sent.headers["location"])
    assert "<script>alert" not in page.text
    assert "&lt;b&gt;.csv" in page.text
    assert "1 chose à corriger" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    csv = await client.get(f"{path}/{one.id}/faults.csv")
    assert csv.text.splitlines()[1].startswith("2;Courriel;")
    listed = await client.get(f"{path}.csv")
    assert one.digest.hex() in listed.text
    member = browser(await factories.join_member(database, coop))
    for forbidden in (path, f"{path}/{one.id}", f"{path}.csv"):
        assert (await member.get(forbidden)).status_code == 403
    stranger = await factories.found_cooperative(database)
    assert (await browser(stranger.manager).get(f"/{stranger.slug}/imports/{one.id}")).status_code == 404


async def test_a_file_of_50_megabytes_is_refused_in_words(database: Database, archipel: Running) -> None:
    """Through the real server, which lets the browser finish sending: otherwise it could not show why."""
    coop = await factories.found_cooperative(database)
    headers = {"sec-fetch-site": "same-origin", "origin": archipel.base_url}
    cookies = {"archipel_sign_in": coop.manager.token}
    async with httpx.AsyncClient(base_url=archipel.base_url, headers=headers, cookies=cookies) as client:
        answer = await client.post(
            f"/{coop.slug}/imports",
            data={"kind": "members"},
            files={"file": ("grand.csv", b"a,b\n" * (50 * 1024 * 1024 // 4))},
            timeout=30,
        )
    assert answer.status_code == 413
    assert "trop volumineux" in answer.text
    assert "16" in answer.text


async def only_import(database: Database, coop: Founded) -> Import:
    async with database.begin(tenant=coop.tenant_id) as db:
        return (await db.scalars(select(Import).where(Import.tenant_id == coop.tenant_id))).one()
