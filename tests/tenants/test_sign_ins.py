"""Signing in: by password and by mail link, alike for those we know and those we do not."""

import time
from uuid import UUID

import pytest
from sqlalchemy import select, text

from tenants.mail_links import (
    NO_COOPERATIVE,
    EmailTaken,
    LinkExpired,
    LinkSeen,
    consume_mail_link,
    look_at_mail_link,
    request_email_change,
    request_mail_link,
)
from tenants.people import (
    WrongCurrentPassword,
    WrongPassword,
    change_password,
    me,
    sign_in_with_password,
)
from tenants.platform.database import Database
from tenants.platform.errors import NotFound, TooManyAttempts
from tenants.platform.outbox import OutboxRow
from tenants.platform.throttle import Throttle
from tenants.sign_ins import (
    Opened,
    SignIn,
    my_sign_ins,
    new_token,
    revoke_sign_in,
)
from tests import factories
from tests.conftest import OpenAs


async def last_link(database: Database) -> UUID:
    async with database.begin(tenant=NO_COOPERATIVE) as db:
        newest = (
            select(OutboxRow.facts).where(OutboxRow.kind == "MailLinkRequested").order_by(OutboxRow.id.desc())
        )
        facts = (await db.scalars(newest.limit(1))).one()
    return UUID(facts["mail_link_id"])


async def mailed(database: Database, link_id: UUID) -> str | None:
    """Stamp the link as the worker does when it mails it."""
    token, hashed = new_token()
    async with database.begin(tenant=NO_COOPERATIVE) as db:
        stamped = await db.execute(
            text("SELECT * FROM stamp_mail_link(:id, :hash)"), {"id": link_id, "hash": hashed}
        )
        return token if stamped.one_or_none() else None


async def link_for(database: Database, throttle: Throttle, email: str) -> str | None:
    async with database.begin() as db:
        await request_mail_link(db, throttle, email=email, locale="fr")
    return await mailed(database, await last_link(database))


async def test_the_right_password_signs_in_whatever_the_case_of_the_address(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    async with database.begin() as db:
        opened = await sign_in_with_password(
            db,
            throttle,
            email=f" {coop.manager.email.upper()} ",
            password=factories.PASSWORD,
            user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            address="192.0.2.17",
        )
        stored = (await db.scalars(select(SignIn).where(SignIn.id == opened.sign_in_id))).one()
    assert opened.person_id == coop.manager.person_id
    assert (stored.browser, stored.address) == ("Firefox · Linux", "192.0.2.0/24")
    assert opened.token.encode() not in stored.token_hash
    assert len(stored.token_hash) == 32


async def test_a_wrong_password_and_an_unknown_address_are_refused_alike_and_take_as_long(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    without = await factories.join_member(database, coop)
    times: dict[str, float] = {}
    for email in ("prechauffe@example.org", coop.manager.email, without.email, "personne@example.org"):
        begun = time.perf_counter()
        async with database.begin() as db:
            with pytest.raises(WrongPassword) as caught:
                await sign_in_with_password(db, throttle, email=email, password="pas la bonne phrase")
        times[email] = time.perf_counter() - begun
        assert (caught.value.field, caught.value.facts) == ("password", {})
    assert times["personne@example.org"] > times[coop.manager.email] / 3
    assert times[without.email] > times[coop.manager.email] / 3


async def test_the_eleventh_try_of_an_address_must_wait_even_with_the_right_password(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    for _ in range(10):
        async with database.begin() as db:
            with pytest.raises(WrongPassword):
                await sign_in_with_password(db, throttle, email=coop.manager.email, password="faux et long")
    async with database.begin() as db:
        with pytest.raises(TooManyAttempts) as caught:
            await sign_in_with_password(db, throttle, email=coop.manager.email, password=factories.PASSWORD)
    assert 0 < int(str(caught.value.facts["retry_after_seconds"])) <= 1800


async def test_asking_for_a_link_leaves_the_same_trace_for_known_and_unknown_addresses(
    database: Database, throttle: Throttle, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    for email in (coop.manager.email, "inconnue@example.org"):
        async with database.begin() as db:
            await request_mail_link(db, throttle, email=email, locale="fr")
        link_id = await last_link(database)
        async with db_as("postgres") as db:
            row = (
                await db.execute(
                    text("SELECT email, token_hash FROM mail_links WHERE id = :id"), {"id": link_id}
                )
            ).one()
        assert row == (email, None)
    assert await mailed(database, await last_link(database)) is None


async def test_a_mailed_link_signs_in_once_and_opening_it_does_nothing(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    token = await link_for(database, throttle, coop.manager.email)
    assert token
    for _ in range(2):
        async with database.begin(read_only=True) as db:
            seen = await look_at_mail_link(db, token=token)
            assert isinstance(seen, LinkSeen)
    async with database.begin() as db:
        opened = await consume_mail_link(db, token=token)
    assert isinstance(opened, Opened)
    assert opened.person_id == coop.manager.person_id
    async with database.begin() as db:
        with pytest.raises(LinkExpired):
            await consume_mail_link(db, token=token)


async def test_a_link_older_than_twenty_minutes_is_refused(
    database: Database, throttle: Throttle, db_as: OpenAs
) -> None:
    coop = await factories.found_cooperative(database)
    token = await link_for(database, throttle, coop.manager.email)
    assert token
    async with db_as("postgres") as db:
        lasted = await db.execute(
            text(
                "UPDATE mail_links SET expires_at = now() WHERE email = :e RETURNING expires_at - created_at"
            ),
            {"e": coop.manager.email},
        )
        assert lasted.one()
    async with database.begin() as db:
        with pytest.raises(LinkExpired):
            await look_at_mail_link(db, token=token)


async def test_the_sixth_link_for_an_address_must_wait(database: Database, throttle: Throttle) -> None:
    async with database.begin() as db:
        for _ in range(5):
            await request_mail_link(db, throttle, email="cinq@example.org", locale="fr")
        with pytest.raises(TooManyAttempts):
            await request_mail_link(db, throttle, email="cinq@example.org", locale="fr")


async def test_an_address_changes_only_once_the_new_mailbox_confirms(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    person = coop.manager.person_id
    new = f"nouvelle@{coop.slug}.example"
    async with database.begin(person=person) as db:
        [signed_in] = await my_sign_ins(db, person_id=person)
        await request_email_change(
            db, throttle, person_id=person, sign_in_id=signed_in.id, email=new, locale="fr"
        )
        assert (await me(db, person_id=person)).email == coop.manager.email
    token = await mailed(database, await last_link(database))
    assert token
    async with database.begin() as db:
        assert await consume_mail_link(db, token=token, person_id=person) is None
    async with database.begin(person=person) as db:
        assert (await me(db, person_id=person)).email == new
    # A link to sign in that was mailed to the old address is worth nothing any more: nobody has it.
    assert await link_for(database, throttle, coop.manager.email) is None


async def test_an_address_that_is_somebody_elses_cannot_be_taken(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(person=member.person_id) as db:
        [signed_in] = await my_sign_ins(db, person_id=member.person_id)
        await request_email_change(
            db,
            throttle,
            person_id=member.person_id,
            sign_in_id=signed_in.id,
            email=coop.manager.email,
            locale="fr",
        )
    token = await mailed(database, await last_link(database))
    assert token
    async with database.begin() as db:
        with pytest.raises(EmailTaken):
            await consume_mail_link(db, token=token, person_id=member.person_id)


async def test_changing_the_password_asks_for_the_old_one_and_signs_the_others_out(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    person = coop.manager.person_id
    async with database.begin() as db:
        opened = await sign_in_with_password(
            db, throttle, email=coop.manager.email, password=factories.PASSWORD
        )
    new = "une autre phrase, plus longue"
    async with database.begin(person=person) as db:
        for wrong in (None, "ce n'est pas elle"):
            with pytest.raises(WrongCurrentPassword):
                await change_password(
                    db,
                    throttle,
                    person_id=person,
                    sign_in_id=opened.sign_in_id,
                    new_password=new,
                    current_password=wrong,
                )
        gone = await change_password(
            db,
            throttle,
            person_id=person,
            sign_in_id=opened.sign_in_id,
            new_password=new,
            current_password=factories.PASSWORD,
        )
        assert gone == 1
        assert [one.id for one in await my_sign_ins(db, person_id=person)] == [opened.sign_in_id]
    async with database.begin() as db:
        again = await sign_in_with_password(db, throttle, email=coop.manager.email, password=new)
    assert again.person_id == person


async def test_who_came_by_mail_a_moment_ago_sets_a_password_without_the_old_one(
    database: Database, throttle: Throttle
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    token = await link_for(database, throttle, coop.manager.email)
    assert token
    async with database.begin() as db:
        opened = await consume_mail_link(db, token=token)
        assert opened
        await change_password(
            db,
            throttle,
            person_id=opened.person_id,
            sign_in_id=opened.sign_in_id,
            new_password="oubliée puis choisie",
        )


async def test_a_person_revokes_their_own_sign_ins_and_no_other(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    async with database.begin(person=coop.manager.person_id) as db:
        theirs = (await my_sign_ins(db, person_id=coop.manager.person_id))[0]
    async with database.begin(person=member.person_id) as db:
        with pytest.raises(NotFound):
            await revoke_sign_in(db, person_id=member.person_id, sign_in_id=theirs.id)
        own = (await my_sign_ins(db, person_id=member.person_id))[0]
        await revoke_sign_in(db, person_id=member.person_id, sign_in_id=own.id)
        assert await my_sign_ins(db, person_id=member.person_id) == []
