"""Letters: what is mailed, to whom, and that a link works exactly once it was mailed."""

import re
from dataclasses import dataclass, field

import pytest

from tenants.events import MailLinkRequested, MemberInvited
from tenants.invitations import invite_member, withdraw_invitation
from tenants.joining import InvitationExpired, look_at_invitation
from tenants.letters import mail_invitation, mail_link
from tenants.mail_links import NO_COOPERATIVE, consume_mail_link, request_mail_link
from tenants.platform.database import Database
from tenants.platform.mail import Message
from tenants.platform.settings import Settings
from tenants.platform.throttle import Throttle
from tests import factories
from tests.tenants.test_sign_ins import last_link


@dataclass
class Box:
    """A post that keeps what it is handed."""

    messages: list[Message] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.messages.append(message)


async def mailed_link(
    database: Database, settings: Settings, throttle: Throttle, email: str, locale: str
) -> Box:
    async with database.begin() as db:
        await request_mail_link(db, throttle, email=email, locale=locale)
    event = MailLinkRequested(tenant_id=NO_COOPERATIVE, mail_link_id=await last_link(database))
    box = Box()
    async with database.begin(tenant=NO_COOPERATIVE) as db:
        db.info.update(post=box, settings=settings)
        await mail_link(db, event)
    return box


async def test_a_link_is_mailed_to_a_known_address_in_the_language_of_the_page(
    database: Database,
    settings: Settings,
    throttle: Throttle,
) -> None:
    coop = await factories.found_cooperative(database)
    message = Message(to="", subject="", text="")
    for locale, subject in (("fr", "Votre lien pour vous connecter"), ("en", "Your link to sign in")):
        (message,) = (await mailed_link(database, settings, throttle, coop.manager.email, locale)).messages
        assert (message.to, message.subject) == (coop.manager.email, subject)
    found = re.search(rf"{re.escape(settings.base_url)}/sign-in/link/(\S+)", message.text)
    assert found
    async with database.begin() as db:
        assert await consume_mail_link(db, token=found[1])


async def test_nothing_is_mailed_to_an_unknown_address(
    database: Database,
    settings: Settings,
    throttle: Throttle,
) -> None:
    assert (await mailed_link(database, settings, throttle, "inconnue@example.org", "fr")).messages == []


async def test_an_invitation_names_its_host_and_quotes_them(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        invitation = await invite_member(
            db,
            actor=coop.manager.actor,
            email="ines@example.org",
            display_name="Inès {x}",
            message="À bientôt,\nF.",
        )
    box = Box()
    async with database.begin(tenant=coop.tenant_id) as db:
        db.info.update(post=box, settings=settings)
        await mail_invitation(db, MemberInvited(tenant_id=coop.tenant_id, invitation_id=invitation.id))
    (message,) = box.messages
    assert (message.to, message.to_name) == ("ines@example.org", "Inès {x}")
    assert "Fanny Fondatrice vous invite à rejoindre Les Ateliers du Vent" in message.text
    assert "> À bientôt,\n> F." in message.text
    found = re.search(r"/join/(\S+)", message.text)
    assert found
    async with database.begin() as db:
        assert (await look_at_invitation(db, token=found[1])).id == invitation.id
        await withdraw_after(database, coop, invitation.id)
        with pytest.raises(InvitationExpired):
            await look_at_invitation(db, token=found[1])
    async with database.begin(tenant=coop.tenant_id) as db:
        db.info.update(post=box, settings=settings)
        await mail_invitation(db, MemberInvited(tenant_id=coop.tenant_id, invitation_id=invitation.id))
    assert len(box.messages) == 1


async def withdraw_after(database: Database, coop: factories.Founded, invitation_id: object) -> None:
    async with database.begin(tenant=coop.tenant_id) as db:
        await withdraw_invitation(db, actor=coop.manager.actor, invitation_id=invitation_id)  # type: ignore[arg-type]
