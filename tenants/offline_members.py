"""Members without a computer: a manager writes them in, paper reaches them, and one day they may sign in after all.

Their membership is active and unclaimed: nobody signs in as them, and only their delegate or a signed paper acts.
It is linked to a person only when somebody accepts from the mailbox that the manager then names (``claims``). This file must
never sign anybody in, nor claim a membership for anyone.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit, register
from tenants.actors import Actor, Role
from tenants.events import MemberJoined
from tenants.invitations import Invitation
from tenants.memberships import Membership, MembershipState, StateUnfit, count_members, lock_member
from tenants.platform.errors import NotAllowed, Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_

ADDRESS_LENGTH: Final = 400


class AddressMissing(Refusal):
    """A letter needs an address."""

    status = 422
    code = "postal_address_missing"
    message = N_("Indiquez l'adresse postale, telle qu'elle s'écrit sur une enveloppe.")
    default_field = "postal_address"


async def admit_offline_member(
    db: AsyncSession,
    *,
    actor: Actor,
    display_name: str,
    postal_address: str,
    contact_phone: str | None = None,
) -> Membership:
    """Make somebody without a computer a member; they are told things by letter. A manager's act.

    Appends to the register, last. Raises AddressMissing.
    """
    actor.must_hold(Role.MANAGER)
    admitted = Membership(
        tenant_id=actor.tenant_id,
        state=MembershipState.ACTIVE,
        display_name=display_name,
        contact_email="",
        contact_phone=contact_phone or None,
        postal_address=_checked(postal_address),
        wants_letters=True,
        joined_at=(await db.execute(select(func.now()))).scalar_one(),
    )
    db.add(admitted)
    await db.flush()
    await audit.record(db, actor=actor, action="tenants:membership:admitted_offline", subject_id=admitted.id)
    await emit(db, MemberJoined(tenant_id=actor.tenant_id, membership_id=admitted.id))
    count = await count_members(db, tenant_id=actor.tenant_id)
    await register.append(db, tenant_id=actor.tenant_id, kind="member_admitted", facts={"members": count})
    return admitted


async def offline_members(
    db: AsyncSession, *, actor: Actor, after: tuple[str, UUID] | None = None, limit: int | None = 20
) -> Sequence[tuple[Membership, Invitation | None]]:
    """List the members without a computer by name, with the invitation that waits for them, if one does. Managers."""
    actor.must_hold(Role.MANAGER)
    query = (
        select(Membership, Invitation)
        .outerjoin(
            Invitation,
            and_(
                Invitation.tenant_id == Membership.tenant_id,
                Invitation.membership_id == Membership.id,
                Invitation.consumed_at.is_(None),
            ),
        )
        .where(
            Membership.tenant_id == actor.tenant_id,
            Membership.state == MembershipState.ACTIVE,
            Membership.person_id.is_(None),
        )
        .order_by(Membership.sort_name, Membership.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Membership.sort_name, Membership.id) > tuple_(*after))
    return [(one, invitation) for one, invitation in await db.execute(query)]


async def choose_letters(
    db: AsyncSession, *, actor: Actor, wants_letters: bool, postal_address: str = ""
) -> Membership:
    """Choose for oneself to be told on paper too of what others enter, or no more. Raises AddressMissing.

    A person's own act: a token cannot do it for them.
    """
    if actor.scopes is not None:
        raise NotAllowed
    own = await lock_member(db, actor.tenant_id, actor.member)
    own.postal_address = (
        _checked(postal_address) if wants_letters else postal_address.strip()[:ADDRESS_LENGTH]
    )
    own.wants_letters = wants_letters
    await db.flush()
    return own


async def correct_address(
    db: AsyncSession, *, actor: Actor, membership_id: UUID, postal_address: str
) -> Membership:
    """Correct where the letters of a member without a computer go. A manager's act. Raises AddressMissing, StateUnfit."""
    actor.must_hold(Role.MANAGER)
    found = await lock_member(db, actor.tenant_id, membership_id)
    if found.person_id is not None:
        raise StateUnfit
    found.postal_address = _checked(postal_address)
    await db.flush()
    await audit.record(db, actor=actor, action="tenants:membership:address_corrected", subject_id=found.id)
    return found


def _checked(postal_address: str) -> str:
    lines = [line.strip() for line in postal_address.strip().splitlines()]
    address = "\n".join(line for line in lines if line)[:ADDRESS_LENGTH]
    if not address:
        raise AddressMissing
    return address
