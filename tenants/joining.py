"""Joining: somebody answers an invitation from their own mailbox.

Opening the mailed link shows a page, and only its button joins. Whoever holds the token holds the mailbox, so
joining signs in as well. This file must never tell a stranger without a token anything at all.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit, register
from tenants.actors import Actor
from tenants.events import MemberJoined
from tenants.half_sign_ins import enter
from tenants.invitations import DELETE_UNCLAIMED, Invitation, lock_pending
from tenants.memberships import Membership, MembershipState, count_members, lock_member
from tenants.passwords import hash_password
from tenants.people import create_person, find_person
from tenants.platform.database import work_for
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from tenants.sign_ins import Opened, SignInMethod, token_hash


class InvitationExpired(Refusal):
    """The invitation was accepted, withdrawn, replaced by a newer one, or is too old."""

    status = 404
    code = "invitation_expired"
    message = N_(
        "Cette invitation n'est plus valable. Demandez à la coopérative de vous en envoyer une autre."
    )


class AlreadyMember(Refusal):
    """The person is a member already."""

    code = "already_member"
    message = N_("Vous êtes déjà membre de cette coopérative.")


@dataclass(frozen=True, slots=True)
class InvitationSeen:
    """What a mailed invitation opens. ``known``: somebody can already sign in with that address."""

    tenant_id: CooperativeId
    id: UUID
    membership_id: MembershipId
    email: str
    display_name: str
    message: str
    invited_by: str | None
    slug: str
    name: str
    locale: str
    accent: str
    known: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody became a member; ``opened`` is their new sign-in, None if they had one."""

    tenant_id: CooperativeId
    slug: str
    membership_id: MembershipId
    person_id: PersonId
    opened: Opened | None


async def look_at_invitation(db: AsyncSession, *, token: str) -> InvitationSeen:
    """What the link opens, without accepting it. Raises InvitationExpired."""
    row = (
        await db.execute(
            text("SELECT * FROM find_invitation(:token_hash)"), {"token_hash": token_hash(token)}
        )
    ).one_or_none()
    if row is None:
        raise InvitationExpired
    return InvitationSeen(*row)


async def accept_invitation(
    db: AsyncSession,
    *,
    token: str,
    person_id: PersonId | None,
    display_name: str | None = None,
    password: str | None = None,
    locale: str = "fr",
    user_agent: str = "",
    address: str = "",
) -> Joined:
    """Join, once: as the signed-in person, else as the person of the mailbox, who is then signed in.

    ``password`` counts only for somebody new. The transaction works for the cooperative and the person from
    here on. Holds the invitation, then the register's head. Raises InvitationExpired, AlreadyMember,
    PasswordTooShort, PasswordTooEasy.
    """
    seen = await look_at_invitation(db, token=token)
    hashed = await hash_password(password, email=seen.email) if password and not seen.known else None
    await work_for(db, tenant=seen.tenant_id, person=person_id)
    try:
        invitation = await lock_pending(db, seen.tenant_id, seen.id)
    except NotFound:
        raise InvitationExpired from None
    opened = None
    if person_id is None:
        found = (await find_person(db, email=seen.email)).person_id
        person_id = found or await create_person(db, email=seen.email, locale=locale, password_hash=hashed)
        opened = await enter(
            db, person_id=person_id, method=SignInMethod.INVITATION, user_agent=user_agent, address=address
        )
    joined = await admit(db, invitation=invitation, person_id=person_id, display_name=display_name)
    return Joined(seen.tenant_id, seen.slug, joined.id, person_id, opened)


async def admit(
    db: AsyncSession,
    *,
    invitation: Invitation,
    person_id: PersonId,
    display_name: str | None = None,
    territory: str | None = None,
) -> Membership:
    """Make the person a member by an invitation that the caller holds, and write it everywhere it is to be read.

    The caller knows that the mailbox is theirs. The register's head is the last lock. Raises AlreadyMember.
    """
    was_member = await db.scalar(
        select(Membership.joined_at.is_not(None)).where(
            Membership.tenant_id == invitation.tenant_id, Membership.id == invitation.membership_id
        )
    )
    joined = await _claim(db, invitation, person_id, display_name)
    if territory:
        joined.territory = territory
    actor = Actor(invitation.tenant_id, joined.id, person_id)
    if was_member:
        # They only found a computer, or came with their cooperative from another installation.
        await audit.record(db, actor=actor, action="tenants:membership:claimed", subject_id=joined.id)
        return joined
    await audit.record(db, actor=actor, action="tenants:membership:joined", subject_id=joined.id)
    await emit(db, MemberJoined(tenant_id=invitation.tenant_id, membership_id=joined.id))
    count = await count_members(db, tenant_id=invitation.tenant_id)
    await register.append(
        db, tenant_id=invitation.tenant_id, kind="member_admitted", facts={"members": count}
    )
    return joined


async def _claim(
    db: AsyncSession, invitation: Invitation, person_id: PersonId, display_name: str | None
) -> Membership:
    """Make the invited membership the person's, or give them back the one they once left."""
    tenant_id, invited_id = invitation.tenant_id, invitation.membership_id
    query = select(Membership).where(Membership.tenant_id == tenant_id, Membership.person_id == person_id)
    former = (await db.scalars(query.with_for_update())).one_or_none()
    if former is not None and former.state != MembershipState.LEFT:
        raise AlreadyMember
    now = (await db.execute(select(func.now()))).scalar_one()
    invitation.consumed_at = now
    claimed = await lock_member(db, tenant_id, invited_id)
    where = {"tenant_id": tenant_id, "membership_id": invited_id}
    if former is not None and (
        claimed.joined_at is not None or (await db.execute(_IMPORTED, where)).scalar_one()
    ):
        # Somebody without a computer, or whose past was imported, has an account already, which goes on; what
        # they once left stays as it is.
        former.person_id = None
        await db.flush()
    elif former is not None:
        # Their account and what they did hang on the former membership, so that is the one that goes on.
        invitation.membership_id = former.id
        former.contact_email = claimed.contact_email
        await db.flush()
        await db.execute(_MOVE_MANDATES, {**where, "to": former.id})
        await db.execute(_KEEP_AFTER_ALL, {"tenant_id": tenant_id, "former": former.id})
        await db.execute(DELETE_UNCLAIMED, where)
        claimed = former
    claimed.person_id, claimed.awaits_claim = person_id, False
    if claimed.state in {MembershipState.INVITED, MembershipState.LEFT}:
        claimed.state, claimed.joined_at, claimed.ended_at = MembershipState.ACTIVE, now, None
    if display_name:
        claimed.display_name = display_name
    await db.flush()
    return claimed


_IMPORTED = text("""
    SELECT EXISTS (SELECT FROM imported_members WHERE tenant_id = :tenant_id AND membership_id = :membership_id)
""")
_MOVE_MANDATES = text("""
    UPDATE mandates SET membership_id = :to WHERE tenant_id = :tenant_id AND membership_id = :membership_id
""")
# Who asked to be forgotten and comes back has changed their mind, and would ask anew.
_KEEP_AFTER_ALL = text("""
    DELETE FROM erasures WHERE tenant_id = :tenant_id AND membership_id = :former AND done_at IS NULL
""")
