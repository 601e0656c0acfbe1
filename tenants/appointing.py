"""Appointing: the operator gives a cooperative a manager again, once nobody manages it any more.

It happens: a term runs out unseen, a founder never follows their link. Members decide who manages as long as one of
them can. This file must never be reached from a web page, nor add a manager beside another.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit, register
from tenants.actors import Actor, Role
from tenants.invitations import GOOD_FOR, Invitation, stamp_invitation, write_invitation
from tenants.management import is_managed, lock_managers
from tenants.mandates import Mandate, count_holders, give_mandate, write_mandate
from tenants.memberships import Membership, MembershipState
from tenants.people import find_person, plain_email
from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_

APPOINTED_FOR: Final = timedelta(days=365)


class StillManaged(Refusal):
    """A member manages the cooperative: mandates are theirs to give."""

    code = "still_managed"
    message = N_("Cette coopérative a quelqu'un à sa gestion : c'est à cette personne de donner des mandats.")


@dataclass(frozen=True, slots=True)
class Appointed:
    """Who manages for a year. ``token`` opens the invitation of somebody who is no member yet."""

    name: str
    token: str | None


async def appoint_manager(db: AsyncSession, *, tenant_id: CooperativeId, email: str) -> Appointed:
    """Give the management to one person for a year, where nobody has it.

    That is the member who signs in with this address, else whoever is invited at it, or is invited now. Written
    into the audit trail and the register. Holds the cooperative's management, then the register's head. Raises
    StillManaged, and StateUnfit for a suspended member.
    """
    await lock_managers(db, tenant_id)
    if await is_managed(db, tenant_id):
        raise StillManaged
    actor = Actor.system(tenant_id)
    person_id = (await find_person(db, email=email)).person_id
    theirs = (
        Membership.tenant_id == tenant_id,
        Membership.person_id == person_id,
        Membership.state != MembershipState.LEFT,
    )
    member = (await db.scalars(select(Membership).where(*theirs))).one_or_none() if person_id else None
    await audit.record(
        db, actor=actor, action="tenants:manager:appointed", subject_id=member.id if member else None
    )
    if member is None:
        return await _invite(db, actor, email)
    today = (await db.execute(select(func.current_date()))).scalar_one()
    await give_mandate(
        db, actor=actor, membership_id=member.id, role=Role.MANAGER, until=today + APPOINTED_FOR
    )
    return Appointed(member.display_name, None)


async def _invite(db: AsyncSession, actor: Actor, email: str) -> Appointed:
    """Invite somebody, or once more whoever is, with a mandate that counts from now; no mail is sent."""
    pending = (
        select(Invitation)
        .join(
            Membership,
            (Membership.tenant_id == Invitation.tenant_id) & (Membership.id == Invitation.membership_id),
        )
        .where(
            Invitation.tenant_id == actor.tenant_id,
            Invitation.consumed_at.is_(None),
            Membership.contact_email == plain_email(email),
        )
        .with_for_update(of=Invitation)
    )
    invitation = (
        (await db.scalars(pending)).one_or_none()
        or await _invite_unclaimed(db, actor, email)
        or await write_invitation(
            db, tenant_id=actor.tenant_id, by=None, email=email, display_name=email.split("@", maxsplit=1)[0]
        )
    )
    now = (await db.execute(select(func.now()))).scalar_one()
    invitation.expires_at = now + GOOD_FOR
    held = select(Mandate.id).where(
        Mandate.tenant_id == actor.tenant_id,
        Mandate.membership_id == invitation.membership_id,
        Mandate.role == Role.MANAGER,
        Mandate.ended_at.is_(None),
        Mandate.term.contains(func.now()),
    )
    await db.flush()
    given = await db.scalar(held) is None
    if given:
        await write_mandate(
            db,
            actor=actor,
            membership_id=invitation.membership_id,
            role=Role.MANAGER,
            term=Range(now, now + APPOINTED_FOR),
        )
    token = await stamp_invitation(db, tenant_id=actor.tenant_id, invitation_id=invitation.id)
    name = select(Membership.display_name).where(
        Membership.tenant_id == actor.tenant_id, Membership.id == invitation.membership_id
    )
    found = Appointed((await db.scalars(name)).one(), token)
    if given:
        holders = await count_holders(db, actor.tenant_id, Role.MANAGER)
        facts = {"role": str(Role.MANAGER), "holders": holders}
        await register.append(db, tenant_id=actor.tenant_id, kind="mandate_given", facts=facts)
    return found


async def _invite_unclaimed(db: AsyncSession, actor: Actor, email: str) -> Invitation | None:
    """An invitation to what is somebody's already: they came with the cooperative from another installation."""
    unclaimed = select(Membership.id).where(
        Membership.tenant_id == actor.tenant_id,
        Membership.contact_email == plain_email(email),
        Membership.awaits_claim,
        Membership.state != MembershipState.SUSPENDED,
    )
    membership_id = await db.scalar(unclaimed.order_by(Membership.id).limit(1))
    if membership_id is None:
        return None
    invitation = Invitation(tenant_id=actor.tenant_id, membership_id=membership_id)
    db.add(invitation)
    await db.flush()
    return invitation
