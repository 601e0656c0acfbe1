"""Claims: a membership that nobody has claimed yet is given a mailbox, whose owner is mailed a link to take it up.

It is for members without a computer who have found one, and for imported members whose file held no address or a
wrong one. It becomes theirs when they accept from that mailbox, like any invitation. This file must never link a
membership to a person, nor change the address of one that somebody has claimed.
"""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor, Role
from tenants.events import MemberInvited
from tenants.invitations import AlreadyInvited, Invitation, must_be_within_a_day
from tenants.memberships import Membership, MembershipState, StateUnfit, lock_member
from tenants.people import plain_email
from tenants.platform.outbox import emit


async def invite_offline_member(
    db: AsyncSession, *, actor: Actor, membership_id: UUID, email: str
) -> Invitation:
    """Mail somebody who has found a computer a link by which they take up the membership that is theirs already.

    A manager's act. Raises StateUnfit, AlreadyInvited, TooManyInvitations, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    return await _invite(db, actor, membership_id, email, MembershipState.ACTIVE)


async def invite_imported_member(
    db: AsyncSession, *, actor: Actor, membership_id: UUID, email: str
) -> Invitation:
    """Give an imported member, who is nobody's yet, an address and mail them there. A manager's act.

    Whether anybody can already sign in with the address makes no difference to the answer. Raises StateUnfit,
    AlreadyInvited, TooManyInvitations, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    return await _invite(db, actor, membership_id, email, MembershipState.INVITED)


async def awaits_answer(db: AsyncSession, *, actor: Actor, membership_id: UUID) -> bool:
    """Whether an invitation to this membership still waits for its answer; a manager's question."""
    actor.must_hold(Role.MANAGER)
    return await db.scalar(_pending(actor, membership_id)) is not None


async def _invite(
    db: AsyncSession, actor: Actor, membership_id: UUID, email: str, state: MembershipState
) -> Invitation:
    await must_be_within_a_day(db, actor)
    found = await lock_member(db, actor.tenant_id, membership_id)
    if found.person_id is not None or found.state is not state:
        raise StateUnfit
    address = plain_email(email)
    taken = select(Membership.id).where(
        Membership.tenant_id == actor.tenant_id,
        Membership.contact_email == address,
        Membership.id != found.id,
        Membership.state != MembershipState.LEFT,
    )
    if await db.scalar(taken) is not None or await db.scalar(_pending(actor, found.id)) is not None:
        raise AlreadyInvited
    found.contact_email = address
    invitation = Invitation(tenant_id=actor.tenant_id, membership_id=found.id, invited_by=actor.membership_id)
    db.add(invitation)
    await db.flush()
    await audit.record(db, actor=actor, action="tenants:invitation:sent", subject_id=invitation.id)
    await emit(db, MemberInvited(tenant_id=actor.tenant_id, invitation_id=invitation.id))
    return invitation


def _pending(actor: Actor, membership_id: UUID) -> Select[UUID]:
    return select(Invitation.id).where(
        Invitation.tenant_id == actor.tenant_id,
        Invitation.membership_id == membership_id,
        Invitation.consumed_at.is_(None),
    )
