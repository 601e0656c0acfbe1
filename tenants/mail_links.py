"""Links sent by mail: to sign in without a password, or to confirm a new address; and news about one's account.

Asking is answered alike whether or not the address is known: a row is written either way, and the worker
that mails it decides. The token is made at the moment of mailing and only its SHA-256 is kept. Opening the
link shows a page; only its button consumes. This file must never say whether an address is known.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.events import MailLinkRequested
from tenants.half_sign_ins import enter
from tenants.people import Person, find_person, me, must_be_themselves, plain_email
from tenants.platform.database import Base, work_for
from tenants.platform.errors import NotAllowed, NotSignedIn, Refusal
from tenants.platform.ids import CooperativeId, PersonId
from tenants.platform.outbox import emit
from tenants.platform.sealing import Seal
from tenants.platform.security import subscriber_of
from tenants.platform.throttle import Limit, Throttle
from tenants.platform.words import N_
from tenants.sign_ins import Opened, SignInMethod, token_hash

NO_COOPERATIVE: Final = CooperativeId(UUID(int=0))
"""Under which the events of a person alone are written: no cooperative has this id."""

LINKS_BY_EMAIL: Final = Limit("mail_link_by_email", attempts=5, seconds=3600, guards_secret=True)
LINKS_BY_ADDRESS: Final = Limit("mail_link_by_address", attempts=30, seconds=3600)


class MailLinkPurpose(StrEnum):
    """What pressing the button of the linked page does. The last two have no page: they only tell."""

    SIGN_IN = "sign_in"
    CONFIRM = "confirm"
    ADDRESS_CHANGED = "address_changed"
    FACTOR_DISABLED = "factor_disabled"


class MailLink(Base):
    """One link asked for; ``person_id`` is null if nobody is known at that address, and nothing is mailed."""

    __tablename__ = "mail_links"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_mail_links_expires_at", "expires_at"),
        Index("ix_mail_links_person_id", "person_id"),
        CheckConstraint(
            "purpose IN ('sign_in', 'confirm', 'address_changed', 'factor_disabled')", name="purpose"
        ),
        CheckConstraint("token_hash IS NULL OR octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint("email = lower(email) AND char_length(email) <= 254", name="email_is_lower_case"),
        CheckConstraint("consumed_at IS NULL OR token_hash IS NOT NULL", name="consumed_after_mailing"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    person_id: Mapped[PersonId | None] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    purpose: Mapped[MailLinkPurpose]
    email: Mapped[str]
    locale: Mapped[str] = mapped_column(server_default="fr")
    token_hash: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '20 minutes'"))
    consumed_at: Mapped[datetime | None]


class LinkExpired(Refusal):
    """The link was used, is too old, or was never sent; which of these is not said."""

    status = 404
    code = "link_expired"
    message = N_(
        "Ce lien n'est plus valable : il a déjà servi, ou il est trop ancien. Demandez-en un nouveau."
    )


class EmailTaken(Refusal):
    """Another person has confirmed this address."""

    status = 409
    code = "email_taken"
    message = N_("Cette adresse est déjà celle d'une autre personne.")


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """What a link that is still good would do."""

    id: UUID
    person_id: PersonId
    purpose: MailLinkPurpose
    email: str


async def request_mail_link(
    db: AsyncSession, throttle: Throttle, *, email: str, locale: str, address: str = ""
) -> None:
    """Ask for a link to sign in. The answer never depends on whether anybody has this address.

    Raises TooManyAttempts after 5 links for one address, or 30 from one network address, in an hour.
    """
    email = plain_email(email)
    await throttle.attempt(LINKS_BY_ADDRESS, subscriber_of(address))
    await throttle.attempt(LINKS_BY_EMAIL, email)
    link_id = (
        await db.execute(text("SELECT ask_mail_link(:email, :locale)"), {"email": email, "locale": locale})
    ).scalar_one()
    await _tell_the_post(db, link_id)


async def request_email_change(
    db: AsyncSession,
    throttle: Throttle,
    *,
    person_id: PersonId,
    sign_in_id: UUID,
    email: str,
    locale: str,
    current_password: str | None = None,
    seal: Seal | None = None,
    code: str | None = None,
) -> None:
    """Ask to change one's address: a link goes to the new one, and nothing changes before it is confirmed.

    Who has the address can sign in by mail, so the password (and the second factor) is asked for as when the
    password itself changes. Raises WrongCurrentPassword, CodeNeeded, WrongCode, TooManyAttempts.
    """
    await must_be_themselves(
        db,
        throttle,
        person_id=person_id,
        sign_in_id=sign_in_id,
        current_password=current_password,
        seal=seal,
        code=code,
    )
    await throttle.attempt(LINKS_BY_EMAIL, plain_email(email))
    statement = insert(MailLink).values(
        person_id=person_id, purpose=MailLinkPurpose.CONFIRM, email=plain_email(email), locale=locale
    )
    await _tell_the_post(db, (await db.execute(statement.returning(MailLink.id))).scalar_one())


async def mail_news(
    db: AsyncSession, *, person_id: PersonId, purpose: MailLinkPurpose, email: str, locale: str
) -> None:
    """Tell a person by mail, at an address of theirs, what happened to their account. No link goes with it."""
    statement = insert(MailLink).values(
        person_id=person_id,
        purpose=purpose,
        email=email,
        locale=locale,
        expires_at=func.now() + text("interval '3 days'"),
    )
    await _tell_the_post(db, (await db.execute(statement.returning(MailLink.id))).scalar_one())


async def _tell_the_post(db: AsyncSession, link_id: UUID) -> None:
    """Write the event under no cooperative: a person's mail belongs to none of them."""
    tenant, person = db.info.get("tenant"), db.info.get("person")
    await work_for(db, tenant=NO_COOPERATIVE, person=person)
    await emit(db, MailLinkRequested(tenant_id=NO_COOPERATIVE, mail_link_id=link_id))
    await work_for(db, tenant=tenant, person=person)


async def look_at_mail_link(db: AsyncSession, *, token: str, person_id: PersonId | None = None) -> LinkSeen:
    """What the link would do, without doing it. Raises LinkExpired.

    A link that confirms an address is only for the person who asked (else NotSignedIn, NotAllowed): pressed by the
    owner of a mailbox that somebody else has named, it would tie that mailbox to a stranger's account.
    """
    row = (
        await db.execute(text("SELECT * FROM find_mail_link(:token_hash)"), {"token_hash": token_hash(token)})
    ).one_or_none()
    if row is None:
        raise LinkExpired
    seen = LinkSeen(row.id, PersonId(row.person_id), MailLinkPurpose(row.purpose), row.email)
    if seen.purpose is MailLinkPurpose.CONFIRM and person_id != seen.person_id:
        raise NotAllowed if person_id else NotSignedIn
    return seen


async def consume_mail_link(
    db: AsyncSession,
    *,
    token: str,
    person_id: PersonId | None = None,
    user_agent: str = "",
    address: str = "",
) -> Opened | None:
    """Press the button of a link, once: sign in, or confirm the new address (None). ``person_id`` is who presses.

    Raises LinkExpired, NotSignedIn, NotAllowed; EmailTaken if somebody else has confirmed that address since.
    """
    seen = await look_at_mail_link(db, token=token, person_id=person_id)
    await work_for(db, tenant=db.info.get("tenant"), person=seen.person_id)
    # Of two that press at once, the second finds the link consumed.
    statement = update(MailLink).where(MailLink.id == seen.id, MailLink.consumed_at.is_(None))
    if (
        await db.execute(statement.values(consumed_at=func.now()).returning(MailLink.id))
    ).one_or_none() is None:
        raise LinkExpired
    match seen.purpose:
        case MailLinkPurpose.SIGN_IN:
            if (await me(db, person_id=seen.person_id)).email != seen.email:
                raise LinkExpired
            return await enter(
                db,
                person_id=seen.person_id,
                method=SignInMethod.MAIL_LINK,
                user_agent=user_agent,
                address=address,
            )
        case MailLinkPurpose.CONFIRM:
            # The former address is told: whoever did not want this learns of it there.
            owner = (await find_person(db, email=seen.email)).person_id
            if owner not in (None, seen.person_id):
                raise EmailTaken
            person = await me(db, person_id=seen.person_id)
            former, locale = person.email, person.locale
            await db.execute(
                update(Person).where(Person.person_id == seen.person_id).values(email=seen.email)
            )
            if former != seen.email:
                await mail_news(
                    db,
                    person_id=seen.person_id,
                    purpose=MailLinkPurpose.ADDRESS_CHANGED,
                    email=former,
                    locale=locale,
                )
            return None
        case MailLinkPurpose.ADDRESS_CHANGED | MailLinkPurpose.FACTOR_DISABLED:
            raise LinkExpired
        case _:
            assert_never(seen.purpose)
