"""Admissions: what managers answer to those who ask to join.

Whoever is let in had shown that the mailbox is theirs, so they become a member at once and are told by mail; whoever
is not gets the reason. This file must never answer a request whose mailbox was not confirmed.
"""

from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor, Role
from tenants.events import JoinAnswered
from tenants.invitations import AlreadyInvited, Invitation, lock_pending, write_invitation
from tenants.join_requests import JoinRequest, RequestState, lock_waiting
from tenants.joining import AlreadyMember, admit
from tenants.memberships import Membership, MembershipState
from tenants.people import create_person, find_person
from tenants.platform.database import work_for
from tenants.platform.errors import Refusal
from tenants.platform.ids import PersonId
from tenants.platform.outbox import emit
from tenants.platform.words import N_


class JoinerIsMember(Refusal):
    """The mailbox or the person has a place in the cooperative already."""

    code = "joiner_is_member"
    message = N_(
        "Cette personne est déjà membre, ou suspendue, ou quelqu'un d'autre emploie cette adresse ici. "
        "Déclinez la demande en le lui expliquant."
    )


async def approve_join_request(db: AsyncSession, *, actor: Actor, join_request_id: UUID) -> Membership:
    """Let somebody in, as a manager: they are a member from now on, and are told by mail.

    Somebody who once left gets their former place back. Holds the request, the invitation it uses up, then the
    register's head. Raises JoinerIsMember, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    request = await lock_waiting(db, actor.tenant_id, join_request_id)
    person_id = request.person_id or await _person_of(db, request)
    try:
        invitation = await _invitation_of(db, actor, request)
    except AlreadyInvited:
        raise JoinerIsMember from None
    await audit.record(db, actor=actor, action="tenants:join_request:approved", subject_id=request.id)
    await _answer(db, actor, request, RequestState.APPROVED)
    try:
        admitted = await admit(
            db,
            invitation=invitation,
            person_id=person_id,
            display_name=request.display_name,
            territory=request.territory,
        )
    except AlreadyMember:
        raise JoinerIsMember from None
    return admitted


async def decline_join_request(
    db: AsyncSession, *, actor: Actor, join_request_id: UUID, reason: str
) -> JoinRequest:
    """Turn a request down, as a manager; the reason is mailed. Raises NotFound."""
    actor.must_hold(Role.MANAGER)
    request = await lock_waiting(db, actor.tenant_id, join_request_id)
    request.reason = reason
    await audit.record(db, actor=actor, action="tenants:join_request:declined", subject_id=request.id)
    await _answer(db, actor, request, RequestState.DECLINED)
    await db.flush()
    return request


async def _answer(db: AsyncSession, actor: Actor, request: JoinRequest, state: RequestState) -> None:
    """Write the answer; what was asked is forgotten a month later."""
    row = (await db.execute(select(func.now(), func.now() + func.make_interval(0, 0, 0, 30)))).one()
    request.state, request.decided_by = state, actor.member
    request.decided_at, request.expires_at = row
    await db.flush()
    await emit(db, JoinAnswered(tenant_id=actor.tenant_id, join_request_id=request.id))


async def _person_of(db: AsyncSession, request: JoinRequest) -> PersonId:
    """The person of a mailbox that was confirmed; somebody new begins to exist here, without a password."""
    found = (await find_person(db, email=request.email)).person_id
    if found is not None:
        return found
    tenant, manager = db.info.get("tenant"), db.info.get("person")
    person_id = await create_person(db, email=request.email, locale=request.locale)
    await work_for(db, tenant=tenant, person=manager)
    return person_id


async def _invitation_of(db: AsyncSession, actor: Actor, request: JoinRequest) -> Invitation:
    """The invitation that this mailbox has not answered, else one made for it. Raises AlreadyInvited."""
    query = (
        select(Invitation.id)
        .join(
            Membership,
            and_(Membership.tenant_id == Invitation.tenant_id, Membership.id == Invitation.membership_id),
        )
        .where(
            Invitation.tenant_id == actor.tenant_id,
            Invitation.consumed_at.is_(None),
            Membership.contact_email == request.email,
            Membership.state == MembershipState.INVITED,
        )
    )
    pending = await db.scalar(query)
    if pending is not None:
        return await lock_pending(db, actor.tenant_id, pending)
    return await write_invitation(
        db,
        tenant_id=actor.tenant_id,
        by=actor.membership_id,
        email=request.email,
        display_name=request.display_name,
    )
