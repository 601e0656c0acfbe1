"""The e-mail address of a membership: what it becomes once its owner has opened a link that was sent there.

Until then the address before stays in force: notices never go, and no page ever shows, an address that somebody
merely typed. The link is for the member who asked, signed in. This file must never touch the address with which
a person signs in.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor
from tenants.events import ContactEmailAsked
from tenants.mail_links import LinkExpired
from tenants.memberships import Membership, lock_member
from tenants.people import plain_email
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.outbox import emit
from tenants.platform.throttle import Limit, Throttle
from tenants.sign_ins import new_token, token_hash

LINK_HOURS: Final = 24
CONFIRMATIONS_BY_MEMBER: Final = Limit("contact_email", attempts=5, seconds=3600, guards_secret=True)


async def change_contact_email(
    db: AsyncSession, throttle: Throttle, *, actor: Actor, email: str
) -> Membership:
    """Ask that notices go to another address: a link is sent there, and nothing changes before it is opened.

    The address with which the person signs in is known to be theirs and holds at once. Raises TooManyAttempts after
    5 new addresses in an hour.
    """
    own = await lock_member(db, actor.tenant_id, actor.member)
    email = plain_email(email)
    if email == own.contact_email:
        own.new_contact_email = own.new_contact_email_hash = own.new_contact_email_until = None
    elif email != own.new_contact_email or await _over(db, own):
        if await _signs_in_with(db, actor, email):
            _take(own, email)
        else:
            await throttle.attempt(CONFIRMATIONS_BY_MEMBER, str(own.id))
            own.new_contact_email, own.new_contact_email_hash = email, None
            own.new_contact_email_until = (await _now(db)) + timedelta(hours=LINK_HOURS)
            await emit(db, ContactEmailAsked(tenant_id=actor.tenant_id, membership_id=own.id))
    await db.flush()
    return own


async def stamp_contact_email(
    db: AsyncSession, *, tenant_id: CooperativeId, membership_id: MembershipId
) -> tuple[Membership, str] | None:
    """Make the token of the link that is being mailed; None if nothing waits to be confirmed any more."""
    own = await lock_member(db, tenant_id, membership_id)
    if own.new_contact_email is None or await _over(db, own):
        return None
    token, own.new_contact_email_hash = new_token()
    await db.flush()
    return own, token


async def confirm_contact_email(db: AsyncSession, *, actor: Actor, token: str) -> Membership:
    """Press the button of the link, once. Raises LinkExpired."""
    own = await lock_member(db, actor.tenant_id, actor.member)
    if (
        own.new_contact_email is None
        or own.new_contact_email_hash != token_hash(token)
        or await _over(db, own)
    ):
        raise LinkExpired
    _take(own, own.new_contact_email)
    await db.flush()
    return own


def _take(own: Membership, email: str) -> None:
    own.contact_email = email
    own.new_contact_email = own.new_contact_email_hash = own.new_contact_email_until = None


async def _over(db: AsyncSession, own: Membership) -> bool:
    return own.new_contact_email_until is None or own.new_contact_email_until < await _now(db)


async def _now(db: AsyncSession) -> datetime:
    return (await db.execute(select(func.now()))).scalar_one()


async def _signs_in_with(db: AsyncSession, actor: Actor, email: str) -> bool:
    """Whether the person signs in with this address; a program cannot see it, and then it is not known."""
    query = text("SELECT email = :email FROM people WHERE person_id = :person")
    found = await db.scalar(query, {"email": email, "person": actor.person_id})
    return bool(found)
