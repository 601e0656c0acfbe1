"""Letters on paper: each thing is said in one letter, a letter is posted once, and an offline member may sign in one day."""

import pytest

from tenants.claims import invite_offline_member
from tenants.invitations import stamp_invitation, withdraw_invitation
from tenants.joining import accept_invitation
from tenants.memberships import member
from tenants.offline_members import (
    AddressMissing,
    choose_letters,
    correct_address,
    offline_members,
)
from tenants.paper_letters import (
    LetterSentAlready,
    NothingToWrite,
    NotPrintedYet,
    letters_to_print,
    letters_to_write,
    mark_letter_printed,
    mark_letter_sent,
    paper_letters,
    write_letters,
)
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tests.marketplace.stories import balance
from tests.tenants.conftest import Browser
from tests.timebank.acting import HOUR, acting, entered
from tests.timebank.world import at_once


async def test_each_thing_is_said_in_one_letter_though_two_managers_write_at_once(database: Database) -> None:
    scene = await acting(database)
    await entered(database, scene)
    await entered(database, scene)
    manager = scene.home.manager.actor

    async def write() -> int:
        try:
            async with database.begin(tenant=scene.tenant) as db:
                return len(await write_letters(db, actor=manager))
        except NothingToWrite:
            return 0

    assert sorted(await at_once([write(), write(), write()])) == [0, 0, 1]
    async with database.begin(tenant=scene.tenant) as db:
        assert await letters_to_write(db, actor=manager) == []
        [one] = await letters_to_print(db, actor=manager)
        assert [told.kind for told in one.tellings] == ["delegation_begun", "entry_for_you", "entry_for_you"]
        assert one.addressee.id == scene.renee.id
    await entered(database, scene)
    async with database.begin(tenant=scene.tenant) as db:
        [waiting] = await letters_to_write(db, actor=manager)
        assert (waiting.membership_id, waiting.things) == (scene.renee.id, 1)
        await write_letters(db, actor=manager)
        assert [len(one.tellings) for one in await letters_to_print(db, actor=manager)] == [3, 1]


async def test_a_letter_is_printed_as_often_as_paper_jams_and_posted_once(database: Database) -> None:
    scene = await acting(database)
    manager = scene.home.manager.actor
    async with database.begin(tenant=scene.tenant) as db:
        [letter] = await write_letters(db, actor=manager)
        with pytest.raises(NotPrintedYet):
            await mark_letter_sent(db, actor=manager, letter_id=letter.id)
        first = (await mark_letter_printed(db, actor=manager, letter_id=letter.id)).printed_at
        assert (await mark_letter_printed(db, actor=manager, letter_id=letter.id)).printed_at == first
        await mark_letter_sent(db, actor=manager, letter_id=letter.id)
        for again in (mark_letter_sent, mark_letter_printed):
            with pytest.raises(LetterSentAlready):
                await again(db, actor=manager, letter_id=letter.id)
        assert await letters_to_print(db, actor=manager) == []
        [(sent, name)] = await paper_letters(db, actor=manager, sent=True)
        assert (sent.id, name) == (letter.id, "Renée Sansordi")


async def test_the_page_to_print_has_the_address_the_lines_and_the_slip(
    database: Database, browser: Browser
) -> None:
    scene = await acting(database)
    entry_id = await entered(database, scene, 2 * HOUR)
    home = f"/{scene.home.slug}"
    manager = browser(scene.home.manager)
    assert "Renée Sansordi" in (await manager.get(f"{home}/letters")).text
    assert (await manager.post(f"{home}/letters")).status_code == 303
    page = (await manager.get(f"{home}/letters/print")).text
    for said in (
        "3 impasse du Puits",
        "Hugo Aidant vous a aidé",
        "saisi par Denis Délégué",
        "Bois rentré",
        "30 jours",
    ):
        assert said in page, said
    assert page.count(entry_id.hex[-8:].upper()) == 2
    async with database.begin(tenant=scene.tenant) as db:
        [(letter, _name)] = await paper_letters(db, actor=scene.home.manager.actor)
    own = f"{home}/letters/{letter.id}"
    slip = {"entry_id": str(entry_id), "words": "Elle téléphone : personne n'est venu."}
    assert (await manager.post(f"{own}/contest", data=slip)).status_code == 303
    assert await balance(database, scene.hugo) == (2 * HOUR, 2 * HOUR)
    again = await manager.post(f"{own}/contest", data=slip)
    assert again.status_code == 409
    assert "déjà contestée" in again.text


async def test_an_offline_membership_is_linked_only_from_the_mailbox(database: Database) -> None:
    scene = await acting(database)
    await entered(database, scene)
    manager = scene.home.manager.actor
    async with database.begin(tenant=scene.tenant) as db:
        withdrawn = await invite_offline_member(
            db, actor=manager, membership_id=scene.renee.id, email="Fausse@exemple.example"
        )
        await withdraw_invitation(db, actor=manager, invitation_id=withdrawn.id)
        still = await member(db, actor=manager, membership_id=scene.renee.id)
        await db.refresh(still)
        assert (still.contact_email, still.person_id, still.state) == ("", None, "active")
        invitation = await invite_offline_member(
            db, actor=manager, membership_id=scene.renee.id, email="renee@exemple.example"
        )
        token = await stamp_invitation(db, tenant_id=scene.home.tenant_id, invitation_id=invitation.id)
    assert token is not None
    async with database.begin(tenant=scene.tenant) as db:
        [(one, pending)] = await offline_members(db, actor=manager)
        assert (one.person_id, pending is not None) == (None, True)
    async with database.begin() as db:
        joined = await accept_invitation(db, token=token, person_id=None)
    assert joined.membership_id == scene.renee.id
    async with database.begin(tenant=scene.tenant) as db:
        assert await offline_members(db, actor=manager) == []
        claimed = await member(db, actor=manager, membership_id=scene.renee.id)
        assert (claimed.person_id, claimed.display_name) == (joined.person_id, "Renée Sansordi")
        assert claimed.wants_letters


async def test_an_address_is_needed_for_letters_and_chosen_by_oneself(database: Database) -> None:
    scene = await acting(database)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(AddressMissing):
            await choose_letters(db, actor=scene.hugo.actor, wants_letters=True, postal_address=" \n ")
        chosen = await choose_letters(
            db, actor=scene.hugo.actor, wants_letters=True, postal_address=" Hugo \n\n 1 quai "
        )
        assert chosen.postal_address == "Hugo\n1 quai"
        for verb in (letters_to_write, letters_to_print, paper_letters, offline_members, write_letters):
            with pytest.raises(NotAllowed):
                await verb(db, actor=scene.hugo.actor)
        with pytest.raises(NotAllowed):
            await correct_address(
                db, actor=scene.denis.actor, membership_id=scene.renee.id, postal_address="Chez Denis"
            )
    await entered(database, scene)
    async with database.begin(tenant=scene.tenant) as db:
        waiting = await letters_to_write(db, actor=scene.home.manager.actor)
        assert {one.name for one in waiting} == {"Renée Sansordi", "Hugo Aidant"}
