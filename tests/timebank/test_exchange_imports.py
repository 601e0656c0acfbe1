"""Hours of the past: posted in their order, once, with their day kept, when a second person says so."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Role
from tenants.imported_members import invite_imported_members
from tenants.imports import ImportState, SecondPersonNeeded, release_import
from tenants.invitations import pending_invitations, stamp_invitation
from tenants.joining import accept_invitation
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded, Member
from tests.tenants.conftest import Browser
from tests.tenants.import_stories import (
    TIMEOVERFLOW_MEMBERS,
    TIMEOVERFLOW_TRANSFERS,
    brought,
    places,
    released,
)
from timebank.exchanges import post_transfer
from timebank.ledger.proof import prove_ledger
from timebank.ledger.refusals import AccountClosed
from timebank.ledger.transfers import Transfer

HOUR = 60


async def moved_in(database: Database) -> tuple[Founded, Member]:
    """A cooperative whose three members were imported, with its manager and a treasurer."""
    coop = await factories.found_cooperative(database)
    treasurer = await factories.join_member(database, coop, name="Tara Trésor")
    treasurer = await factories.give_mandate(database, coop, treasurer, Role.TREASURER)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    assert (await released(database, coop.manager, one)).state is ImportState.DONE
    return coop, treasurer


async def balances(database: Database, coop: Founded) -> dict[str, int]:
    """Every account that has moved, by the name of its member or by its kind."""
    query = text("""
        SELECT coalesce(m.display_name, a.kind) AS name, a.balance FROM accounts a
        LEFT JOIN memberships m ON m.tenant_id = a.tenant_id AND m.id = a.membership_id
        WHERE a.tenant_id = :tenant AND a.version > 0
    """)
    async with database.begin(tenant=coop.tenant_id) as db:
        return {row.name: row.balance for row in await db.execute(query, {"tenant": coop.tenant_id})}


async def proved(database: Database, coop: Founded) -> int:
    """How many transfers the ledger has; nothing in it differs."""
    async with database.begin(tenant=coop.tenant_id) as db:
        proof = await prove_ledger(db, actor=coop.system)
        assert proof.differences == 0
        return proof.transfers


async def test_timeoverflow_transfers_move_in_their_order_and_only_once(database: Database) -> None:
    coop, treasurer = await moved_in(database)
    shuffled = "".join(reversed(TIMEOVERFLOW_TRANSFERS.splitlines(keepends=True)))
    one = await brought(database, coop.manager, "exchanges", shuffled)
    assert one.state is ImportState.READY, places(one)
    assert one.shown
    assert [remark.code for remark in one.shown.remarks] == [
        "two_persons",
        "limits_not_asked",
        "opening",
        "day_first",
    ]
    done = await released(database, treasurer, one)
    assert done.state is ImportState.DONE
    assert await balances(database, coop) == {
        "opening": -5 * HOUR,
        "Anne Le Goff": 5 * HOUR - 90,
        "Bob Martin": 90 - HOUR,
        "Chloé Ñúñez": HOUR,
    }
    assert await proved(database, coop) == 3
    async with database.begin(tenant=coop.tenant_id) as db:
        query = (
            select(Transfer.amount, Transfer.reason, Transfer.cause, Transfer.actor)
            .where(Transfer.tenant_id == coop.tenant_id)
            .order_by(Transfer.id)
        )
        assert [tuple(row) for row in await db.execute(query)] == [
            (5 * HOUR, "Solde de départ", "history_opening:2015-03-02", treasurer.id),
            (90, "Jardin", "history:2016-06-01", treasurer.id),
            (HOUR, "Cours", "history:2019-01-01", treasurer.id),
        ]
    again = await brought(database, coop.manager, "exchanges", TIMEOVERFLOW_TRANSFERS)
    assert again.state is ImportState.DONE
    assert again.shown
    assert (again.shown.new, again.shown.present) == (0, 3)
    longer = TIMEOVERFLOW_TRANSFERS + "3,member,1,member,600,2020-05-05,Encore,\n"
    more = await brought(database, treasurer, "exchanges", longer)
    assert more.shown
    assert (more.shown.new, more.shown.present) == (1, 3)
    await released(database, coop.manager, more)
    assert await proved(database, coop) == 4


async def test_hours_move_only_when_a_second_person_says_so(database: Database) -> None:
    coop, treasurer = await moved_in(database)
    one = await brought(database, treasurer, "exchanges", TIMEOVERFLOW_TRANSFERS)
    assert one.state is ImportState.READY
    plain = await factories.join_member(database, coop)
    for somebody, refusal in ((treasurer, SecondPersonNeeded), (plain, NotAllowed)):
        async with database.begin(tenant=coop.tenant_id) as db:
            with pytest.raises(refusal):
                await release_import(db, actor=somebody.actor, import_id=one.id)
    async with database.begin(tenant=coop.tenant_id) as db:
        told = text("SELECT membership_id FROM notices WHERE tenant_id = :t AND kind = 'import_to_release'")
        assert (await db.scalars(told, {"t": coop.tenant_id})).all() == [coop.manager.id]
    assert await proved(database, coop) == 0
    assert (await released(database, coop.manager, one)).state is ImportState.DONE


async def test_the_ledger_itself_refuses_what_two_persons_have_not_released(
    database: Database, db_as: OpenAs
) -> None:
    """Whatever a verb forgot: the function asks who prepared, who released, and with what mandate."""
    coop, treasurer = await moved_in(database)
    plain = await factories.join_member(database, coop)
    one = await brought(database, coop.manager, "exchanges", TIMEOVERFLOW_TRANSFERS)
    call = text("""
        SELECT post_history(:t, :i, ARRAY[CAST(:d AS uuid), :c], ARRAY[CAST(:d AS uuid)], ARRAY[CAST(:c AS uuid)],
                            ARRAY[60::bigint], ARRAY['x'], ARRAY['history'], ARRAY[sha256('a')],
                            ARRAY[sha256('a')], 'archipel')
    """)
    facts = {"t": coop.tenant_id, "i": one.id, "d": treasurer.id, "c": plain.id}
    released_by = (
        "UPDATE imports SET state = 'released', released_by = :by, released_at = now() WHERE id = :i"
    )
    for by in (None, coop.manager.id, plain.id):
        async with database.begin(tenant=coop.tenant_id) as db:
            if by:
                await db.execute(text(released_by), {"by": by, "i": one.id})
            with pytest.raises(DBAPIError, match="nothing that two persons released"):
                await db.execute(call, facts)
            await db.rollback()
    other = await factories.found_cooperative(database)
    with pytest.raises(DBAPIError, match="another cooperative"):
        async with database.begin(tenant=other.tenant_id) as db:
            await db.execute(call, facts)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db_as("app", tenant=coop.tenant_id) as db:
            await db.execute(text("DELETE FROM imported_exchanges"))
    async with database.begin(tenant=coop.tenant_id) as db:
        await db.execute(text(released_by), {"by": treasurer.id, "i": one.id})
        assert (await db.execute(call, facts)).scalar_one() == 1
        await db.rollback()
    assert await proved(database, coop) == 0


async def test_today_s_limits_do_not_refuse_the_past_and_the_preview_says_who_is_beyond(
    database: Database,
) -> None:
    coop, treasurer = await moved_in(database)
    text_of = "Date;De;À;Durée;Motif\n01/02/2015;2;1;150:00;Un toit\n2015-01-01;ouverture;2;10;Départ\n"
    one = await brought(database, coop.manager, "exchanges", text_of)
    assert one.shown
    beyond = next(remark for remark in one.shown.remarks if remark.code == "beyond_limit")
    assert (beyond.facts["count"], beyond.facts["name"]) == (1, "Bob Martin")
    assert "Bob Martin" in beyond.sentence
    await released(database, treasurer, one)
    assert await balances(database, coop) == {
        "opening": -10 * HOUR,
        "Bob Martin": -140 * HOUR,
        "Anne Le Goff": 150 * HOUR,
    }
    assert await proved(database, coop) == 2


async def test_members_are_named_by_number_address_or_identifier_and_never_by_a_typed_address(
    database: Database,
) -> None:
    """Whoever types another's address into their profile does not get that person's hours."""
    coop, treasurer = await moved_in(database)
    mallory = await factories.join_member(database, coop, name="Mallory")
    async with database.begin(tenant=coop.tenant_id, person=mallory.person_id) as db:
        await db.execute(
            text(
                "UPDATE memberships SET new_contact_email = :e, new_contact_email_until = now() + interval '1 day' WHERE id = :i"
            ),
            {"e": "riche@ailleurs.example", "i": mallory.id},
        )
    rows = (
        f"2020-01-01,1,bob@{coop.slug}.example,1,Numéro et adresse,a\n"
        f"2020-01-02,{treasurer.id},3,1,Identifiant,b\n"
        "2020-01-03,1,riche@ailleurs.example,1,À personne,c\n"
        "2020-01-04,1,Mallory,1,Par un nom,d\n"
    )
    one = await brought(database, coop.manager, "exchanges", "Date,De,À,Durée,Motif,Id\n" + rows)
    assert places(one) == [(4, 0, "unknown_member"), (5, 0, "unknown_member")]
    good = "".join(rows.splitlines(keepends=True)[:2])
    one = await brought(database, coop.manager, "exchanges", "Date,De,À,Durée,Motif,Id\n" + good)
    await released(database, treasurer, one)
    assert await balances(database, coop) == {
        "Anne Le Goff": -HOUR,
        "Bob Martin": HOUR,
        "Tara Trésor": -HOUR,
        "Chloé Ñúñez": HOUR,
    }
    changed = "Date,De,À,Durée,Motif,Id\n" + good.replace(",1,Numéro", ",2,Numéro")
    one = await brought(database, coop.manager, "exchanges", changed)
    assert places(one) == [(2, 0, "changed")]


async def test_the_pot_never_goes_below_zero_and_the_opening_account_may(database: Database) -> None:
    coop, treasurer = await moved_in(database)
    one = await brought(
        database, coop.manager, "exchanges", "Date,De,À,Durée\n2020-01-01,caisse,1,2\n2020-01-02,2,caisse,1\n"
    )
    assert places(one) == [(2, 0, "pot_below_zero")]
    one = await brought(
        database,
        coop.manager,
        "exchanges",
        "Date,De,À,Durée\n2020-01-01,caisse,1,1\n2020-01-02,2,caisse,1,\n",
    )
    await released(database, treasurer, one)
    assert await balances(database, coop) == {"pot": 0, "Anne Le Goff": HOUR, "Bob Martin": -HOUR}


async def test_what_changed_since_the_preview_is_judged_again_and_nothing_is_done(database: Database) -> None:
    coop, treasurer = await moved_in(database)
    first = await brought(database, coop.manager, "exchanges", TIMEOVERFLOW_TRANSFERS)
    own = "Date,De,À,Durée,Id\n2020-01-01,1,2,1,x\n"
    second = await brought(database, coop.manager, "exchanges", own)
    third = await brought(database, coop.manager, "exchanges", own.replace(",1,x", ",2,x"))
    await released(database, treasurer, first)
    await released(database, treasurer, second)
    stale = await released(database, treasurer, third)
    assert (stale.state, places(stale)) == (ImportState.WRONG, [(2, 0, "changed")])
    assert await proved(database, coop) == 4


async def test_who_joins_finds_what_they_did_elsewhere_on_their_statement(
    database: Database, browser: Browser
) -> None:
    coop, treasurer = await moved_in(database)
    one = await brought(database, coop.manager, "exchanges", TIMEOVERFLOW_TRANSFERS)
    await released(database, treasurer, one)
    bob = text("SELECT id FROM memberships WHERE tenant_id = :t AND display_name = 'Bob Martin'")
    async with database.begin(tenant=coop.tenant_id) as db:
        bob_id = (await db.execute(bob, {"t": coop.tenant_id})).scalar_one()
        with pytest.raises(AccountClosed):
            await post_transfer(db, actor=treasurer.actor, to=bob_id, amount_minutes=30, reason="Trop tôt")
    async with database.begin(tenant=coop.tenant_id) as db:
        await invite_imported_members(db, actor=coop.manager.actor)
        pending = await pending_invitations(db, actor=coop.manager.actor)
        (invitation,) = [one for one, invited in pending if invited.id == bob_id]
        token = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
        assert token
        joined = await accept_invitation(db, token=token, person_id=None)
    assert joined.opened
    member = Member(coop.tenant_id, coop.slug, bob_id, joined.person_id, "Bob", "", joined.opened.token)
    page = (await browser(member).get(f"/{coop.slug}/hours")).text
    for expected in ("Chloé Ñúñez vous avait aidé", "Vous aviez aidé Anne Le Goff", "juin 2016", "Jardin"):
        assert expected in page
    csv = (await browser(member).get(f"/{coop.slug}/hours.csv")).text
    assert "2016-06-01" in csv
