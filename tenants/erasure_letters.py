"""The mails at the beginning of an erasure: what will happen, when, and how to change one's mind.

This file must never write to an address but the one of the person it is about.
"""

from datetime import datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.cooperatives import cooperative_of
from tenants.erasures import AskedBy, Erasure, PersonErasure
from tenants.events import ErasureAsked, PersonErasureAsked
from tenants.memberships import Membership
from tenants.people import Person
from tenants.platform.database import work_for
from tenants.platform.ids import PersonId
from tenants.platform.mail import Message, Post
from tenants.platform.settings import Settings
from tenants.platform.words import _, day, use_locale


async def mail_erasure_asked(db: AsyncSession, event: ErasureAsked) -> None:
    """Tell who has left that the cooperative will forget them: hears ErasureAsked."""
    asked = await db.get(Erasure, (event.tenant_id, event.membership_id))
    if asked is None or asked.done_at is not None:
        return
    row = await db.execute(
        select(Membership.contact_email, Membership.display_name, func.locale_of_member(Membership.id)).where(
            Membership.tenant_id == event.tenant_id, Membership.id == event.membership_id
        )
    )
    email, name, locale = row.one()
    if not email:
        return
    here = await cooperative_of(db, tenant_id=event.tenant_id)
    with use_locale(locale, here.time_zone):
        first = (
            _("Vous avez demandé l'effacement de vos données à {place}.", place=here.name)
            if asked.asked_by is AskedBy.PERSON
            else _(
                "Vous avez quitté {place} il y a longtemps, et sa règle ne garde pas plus longtemps vos données.",
                place=here.name,
            )
        )
        message = _letter(db, email, name, here.name, first, asked.due_at)
    await cast("Post", db.info["post"]).send(message)


async def mail_person_erasure_asked(db: AsyncSession, event: PersonErasureAsked) -> None:
    """Tell a person that they will be forgotten altogether: hears PersonErasureAsked."""
    await work_for(db, tenant=event.tenant_id, person=event.person_id)
    person = await db.get(Person, PersonId(event.person_id))
    asked = await db.get(PersonErasure, PersonId(event.person_id))
    if person is None or asked is None:
        return
    with use_locale(person.locale):
        first = _("Vous avez demandé l'effacement de votre compte et de tout ce que vous avez laissé.")
        message = _letter(db, person.email, "", "Archipel", first, asked.due_at)
    await cast("Post", db.info["post"]).send(message)


def _letter(db: AsyncSession, email: str, name: str, place: str, first: str, due_at: datetime) -> Message:
    link = f"{cast('Settings', db.info['settings']).base_url}/me/data"
    return Message(
        to=email,
        to_name=name,
        subject=_("{place} : vos données seront effacées le {day}", place=place, day=day(due_at)),
        text=_(
            "Bonjour,\n\n{first}\n\nCe sera fait le {day}. D'ici là vous pouvez changer d'avis, ou d'abord "
            "télécharger vos données :\n\n{link}\n\nSi vous n'avez rien demandé, allez-y sans attendre.\n",
            first=first,
            day=day(due_at),
            link=link,
        ),
    )
