"""Delegating: a manager proposes, two mandate holders who are no party agree, anyone concerned ends.

The database says the same of the approvals (delegations.sql). This file must never change what was agreed.
"""

from collections.abc import Collection
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor, Role
from tenants.delegation_refusals import (
    ApprovedAlready,
    DelegationEndedAlready,
    DelegationOverlaps,
    DelegationTermUnfit,
    DelegationToOneself,
    MaximumUnfit,
    NoActs,
    PartyMayNotApprove,
)
from tenants.delegations import APPROVERS, DAYS_MAX, MINUTES_MAX, Act, Delegation, EndReason, delegation
from tenants.mandates import Mandate
from tenants.memberships import MembershipState, StateUnfit, lock_member
from tenants.notices import NoticeKind, declare_notices, notify, notify_members
from tenants.platform.errors import NotAllowed
from tenants.platform.ids import MembershipId
from tenants.platform.words import N_
from tenants.tellings import tell
from tenants.terms import TermUnfit, term_between

declare_notices(
    NoticeKind(
        "delegation_to_approve",
        N_("Une délégation attend l'accord de deux personnes mandatées : peut-être le vôtre."),
        "/delegations/{delegation_id}",
        waits=True,
        required=True,
    ),
    NoticeKind(
        "delegation_begun",
        N_("Une personne peut agir en votre nom jusqu'au {ends_at}. Vous pouvez y mettre fin à tout moment."),
        "/delegations/{delegation_id}",
        required=True,
    ),
    NoticeKind(
        "delegation_received",
        N_("Vous pouvez agir au nom d'un membre jusqu'au {ends_at}."),
        "/delegations/{delegation_id}",
    ),
    NoticeKind("delegation_ended", N_("Une délégation a pris fin."), "/delegations/{delegation_id}"),
    NoticeKind(
        "delegation_ends_soon",
        N_("Une délégation finit le {ends_at}, d'elle-même."),
        "/delegations/{delegation_id}",
    ),
)


async def propose_delegation(
    db: AsyncSession,
    *,
    actor: Actor,
    represented_id: UUID,
    delegate_id: UUID,
    acts: Collection[Act],
    until: date,
    since: date | None = None,
    entry_minutes_max: int = 0,
    month_minutes_max: int = 0,
) -> Delegation:
    """Propose that ``delegate_id`` may do ``acts`` for ``represented_id``; two others have to approve. A manager's.

    The maxima bound what the delegate moves out of the account; they count for hours alone. Holds both members.
    Raises DelegationToOneself, NoActs, MaximumUnfit, DelegationTermUnfit, DelegationOverlaps, StateUnfit, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    _must_make_sense(represented_id, delegate_id, acts, entry_minutes_max, month_minutes_max)
    for one in sorted((represented_id, delegate_id)):
        found = await lock_member(db, actor.tenant_id, one)
        if found.state != MembershipState.ACTIVE or (one == delegate_id and found.person_id is None):
            raise StateUnfit("delegate_id" if one == delegate_id else "represented_id")
    try:
        term = await term_between(db, actor.tenant_id, since, until)
    except TermUnfit:
        raise DelegationTermUnfit(days=DAYS_MAX) from None
    assert term.upper, "every term ends"
    assert term.lower, "every term begins"
    if term.upper - term.lower > timedelta(days=DAYS_MAX + 1):
        raise DelegationTermUnfit(days=DAYS_MAX)
    same_pair = select(Delegation.id).where(
        Delegation.tenant_id == actor.tenant_id,
        Delegation.represented_id == represented_id,
        Delegation.delegate_id == delegate_id,
        Delegation.ended_at.is_(None),
        Delegation.term.overlaps(term),
    )
    if (await db.scalars(same_pair.limit(1))).first() is not None:
        raise DelegationOverlaps
    proposed = Delegation(
        tenant_id=actor.tenant_id,
        represented_id=MembershipId(represented_id),
        delegate_id=MembershipId(delegate_id),
        acts=[act.value for act in Act if act in acts],
        term=term,
        entry_minutes_max=entry_minutes_max if Act.HOURS in acts else 0,
        month_minutes_max=month_minutes_max if Act.HOURS in acts else 0,
        proposed_by=actor.member,
    )
    db.add(proposed)
    await db.flush()
    await _audit(db, actor, "proposed", proposed)
    await notify_members(
        db,
        tenant_id=actor.tenant_id,
        membership_ids=await _other_keepers(db, actor, proposed),
        kind="delegation_to_approve",
        facts={"delegation_id": str(proposed.id)},
    )
    return proposed


def _must_make_sense(
    represented_id: UUID, delegate_id: UUID, acts: Collection[Act], entry_max: int, month_max: int
) -> None:
    if represented_id == delegate_id:
        raise DelegationToOneself
    if not acts:
        raise NoActs
    if Act.HOURS in acts and not 1 <= entry_max <= month_max <= MINUTES_MAX:
        raise MaximumUnfit("entry_minutes_max" if entry_max < 1 else "month_minutes_max")


async def approve_delegation(db: AsyncSession, *, actor: Actor, delegation_id: UUID) -> Delegation:
    """Agree to a delegation, as the holder of a mandate who is not a party to it; the second one begins it.

    A person's own act: a token approves nothing. Holds the delegation. Raises PartyMayNotApprove,
    ApprovedAlready, DelegationEndedAlready, NotFound.
    """
    actor.must_hold(*APPROVERS)
    if actor.scopes is not None:
        raise NotAllowed
    found = await _lock(db, actor, delegation_id)
    now = (await db.execute(select(func.now()))).scalar_one()
    if found.ended_at is not None or found.last_moment < now:
        raise DelegationEndedAlready
    if actor.member in {found.delegate_id, found.represented_id}:
        raise PartyMayNotApprove
    if found.second_approver is not None or found.first_approver == actor.member:
        raise ApprovedAlready
    if found.first_approver is None:
        found.first_approver, found.first_approved_at = actor.member, now
    else:
        found.second_approver, found.second_approved_at = actor.member, now
    await db.flush()
    await _audit(db, actor, "approved", found)
    if found.second_approver is not None:
        await _say_begun(db, found)
    return found


async def _say_begun(db: AsyncSession, found: Delegation) -> None:
    facts = {"delegation_id": str(found.id), "ends_at": found.last_moment}
    await tell(
        db,
        tenant_id=found.tenant_id,
        membership_ids=[found.represented_id],
        kind="delegation_begun",
        subject_id=found.id,
        facts=facts,
    )
    await notify(
        db,
        tenant_id=found.tenant_id,
        membership_id=found.delegate_id,
        kind="delegation_received",
        facts=facts,
    )


async def end_delegation(db: AsyncSession, *, actor: Actor, delegation_id: UUID) -> Delegation:
    """End a delegation now: the person's right at any moment, the delegate's, and any approver's.

    Holds the delegation. Raises DelegationEndedAlready, NotFound.
    """
    found = await _lock(db, actor, delegation_id)
    if found.ended_at is not None:
        raise DelegationEndedAlready
    await write_end(db, actor, found, EndReason.ENDED)
    return found


async def write_end(db: AsyncSession, actor: Actor, found: Delegation, reason: EndReason) -> None:
    """Write that a delegation ended, and tell both; the caller authorises and holds it."""
    found.ended_at = (await db.execute(select(func.now()))).scalar_one()
    found.ended_reason = reason
    await db.flush()
    await _audit(db, actor, "ended", found)
    facts = {"delegation_id": str(found.id)}
    await notify(
        db, tenant_id=found.tenant_id, membership_id=found.delegate_id, kind="delegation_ended", facts=facts
    )
    if found.second_approver is not None:
        await tell(
            db,
            tenant_id=found.tenant_id,
            membership_ids=[found.represented_id],
            kind="delegation_ended",
            subject_id=found.id,
            facts=facts,
        )


async def end_delegations_of(db: AsyncSession, *, actor: Actor, membership_id: UUID) -> None:
    """End what a member who leaves had delegated, or did for others: should they come back, nothing wakes up.

    A step of leaving, whose caller authorises. Holds these delegations, in id order.
    """
    query = select(Delegation).where(
        Delegation.tenant_id == actor.tenant_id,
        or_(Delegation.represented_id == membership_id, Delegation.delegate_id == membership_id),
        Delegation.ended_at.is_(None),
    )
    locked = query.order_by(Delegation.id).with_for_update().execution_options(populate_existing=True)
    for found in (await db.scalars(locked)).all():
        await write_end(db, actor, found, EndReason.ENDED)


async def _lock(db: AsyncSession, actor: Actor, delegation_id: UUID) -> Delegation:
    await delegation(db, actor=actor, delegation_id=delegation_id)
    query = select(Delegation).where(Delegation.tenant_id == actor.tenant_id, Delegation.id == delegation_id)
    return (await db.scalars(query.with_for_update().execution_options(populate_existing=True))).one()


async def _other_keepers(db: AsyncSession, actor: Actor, proposed: Delegation) -> set[MembershipId]:
    query = select(Mandate.membership_id).where(
        Mandate.tenant_id == actor.tenant_id,
        Mandate.role.in_(APPROVERS),
        Mandate.ended_at.is_(None),
        Mandate.term.contains(func.now()),
    )
    return set(await db.scalars(query)) - {proposed.delegate_id, proposed.represented_id}


async def _audit(db: AsyncSession, actor: Actor, done: str, found: Delegation) -> None:
    facts = {"represented": str(found.represented_id), "delegate": str(found.delegate_id)}
    await audit.record(db, actor=actor, action=f"tenants:delegation:{done}", subject_id=found.id, facts=facts)
