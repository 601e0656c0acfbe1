"""Answers to an amendment: accept, refuse, take back; the last consent changes the agreement and what is held.

This file must never change an agreement on the word of fewer than all who are concerned.

Locks: the mission first, then the members of the team, then the accounts inside the ledger, in one call.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.agreements import Agreement, PayerShort, lock_agreement
from marketplace.amendments import (
    AMENDABLE,
    Amendment,
    AmendmentPart,
    AmendmentState,
    end_amendment,
    everybody_told,
    must_afford,
    parts_of,
    still_asked,
)
from marketplace.events import AmendmentAccepted, AmendmentApplied
from marketplace.mission_states import must_be_in
from marketplace.missions import Mission, Today, today
from marketplace.settlements import rehold
from marketplace.team_terms import NotActiveInTeam
from marketplace.teams import write_agreement_parts
from tenants.actors import Actor
from tenants.audit import record
from tenants.memberships import Membership, MembershipState
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from timebank.ledger.transfers import NotEnoughHours, post_linked

EXPIRED_AT_ONCE: Final = 200


class AmendmentGone(Refusal):
    """It was applied, refused, taken back or ran out of time."""

    status = 409
    code = "amendment_gone"
    message = N_("Cette modification n'est plus en attente : relisez la mission.")


class GoneFromTeam(NotActiveInTeam):
    """Somebody who would be in the team was suspended or left since they accepted."""

    status = 409
    code = "gone_from_team"
    message = N_(
        "Quelqu'un de l'équipe prévue n'est plus membre actif. Rien n'a changé : refusez ou retirez cette "
        "modification, et proposez-en une autre sans cette personne."
    )


async def accept_amendment(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, amendment_id: UUID
) -> Amendment:
    """Accept what it means for oneself; the last consent changes the agreement and what is held. Who is asked.

    Raises NotEnoughHours with its figures if the payer who accepts lacks the hours, and PayerShort without any
    if somebody else does; GoneFromTeam if a member of the team is active no more.
    """
    mission, agreement, amendment, parts = await _open(db, actor, mission_id, amendment_id)
    asked = still_asked(amendment, agreement, parts)
    own = next((part for part in parts if part.member_id == actor.member and part.asked), None)
    if own is None and actor.member != agreement.payer_id:
        raise NotAllowed
    if actor.member not in asked:
        return amendment
    clock = await today(db, tenant_id=actor.tenant_id)
    if own is not None:
        own.accepted_at = clock.now
    else:
        await must_afford(db, actor, agreement, amendment.after_minutes)
        amendment.payer_accepted_at = clock.now
    await record(db, actor=actor, action="marketplace:amendment:accepted", subject_id=amendment.id)
    if asked - {actor.member}:
        await db.flush()
        await emit(
            db,
            AmendmentAccepted(
                tenant_id=actor.tenant_id,
                mission_id=mission.id,
                agreement_id=agreement.id,
                amendment_id=amendment.id,
                by=actor.member,
                to=amendment.proposed_by,
            ),
        )
        return amendment
    await _apply(db, actor, mission, agreement, amendment, parts, clock)
    return amendment


async def refuse_amendment(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, amendment_id: UUID
) -> Amendment:
    """Refuse it: the agreement stays as it was. Whoever was asked, and who leads the team; not who proposed it."""
    mission, agreement, amendment, parts = await _open(db, actor, mission_id, amendment_id)
    concerned = {agreement.payer_id, agreement.provider_id, *(part.member_id for part in parts if part.asked)}
    if actor.member not in concerned - {amendment.proposed_by}:
        raise NotAllowed
    return await end_amendment(db, actor, mission, agreement, amendment, parts, AmendmentState.REFUSED)


async def withdraw_amendment(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, amendment_id: UUID
) -> Amendment:
    """Take back what one proposed oneself."""
    mission, agreement, amendment, parts = await _open(db, actor, mission_id, amendment_id)
    actor.must_be(amendment.proposed_by)
    return await end_amendment(db, actor, mission, agreement, amendment, parts, AmendmentState.WITHDRAWN)


async def expire_amendments(db: AsyncSession, *, actor: Actor) -> int:
    """End the amendments that not everybody accepted in time; return how many. For the clock."""
    assert actor.is_system, "amendments expire by the clock, not by a member"
    found = await db.execute(
        select(Mission, Agreement, Amendment)
        .join(Amendment, and_(Amendment.tenant_id == Mission.tenant_id, Amendment.mission_id == Mission.id))
        .join(
            Agreement,
            and_(Agreement.tenant_id == Amendment.tenant_id, Agreement.id == Amendment.agreement_id),
        )
        .where(
            Mission.tenant_id == actor.tenant_id,
            Amendment.state == AmendmentState.PENDING,
            Amendment.expires_at <= func.clock_timestamp(),
        )
        .order_by(Mission.id)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(of=Mission, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    late = [(mission, agreement, amendment) for mission, agreement, amendment in found]
    for mission, agreement, amendment in late:
        parts = await parts_of(db, amendment)
        await end_amendment(db, actor, mission, agreement, amendment, parts, AmendmentState.EXPIRED)
    return len(late)


async def _open(
    db: AsyncSession, actor: Actor, mission_id: UUID, amendment_id: UUID
) -> tuple[Mission, Agreement, Amendment, Sequence[AmendmentPart]]:
    """Lock the mission; return its pending amendment to somebody concerned, or NotFound."""
    _member = actor.member
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    amendment = await db.scalar(
        select(Amendment)
        .where(
            Amendment.tenant_id == actor.tenant_id,
            Amendment.mission_id == mission.id,
            Amendment.id == amendment_id,
        )
        .execution_options(populate_existing=True)
    )
    if amendment is None:
        raise NotFound
    parts = await parts_of(db, amendment)
    if actor.member not in {agreement.payer_id, *(part.member_id for part in parts)}:
        raise NotFound
    clock = await today(db, tenant_id=actor.tenant_id)
    if amendment.state is not AmendmentState.PENDING or amendment.expires_at <= clock.now:
        raise AmendmentGone
    must_be_in(mission.state, *AMENDABLE)
    return mission, agreement, amendment, parts


async def _apply(
    db: AsyncSession,
    actor: Actor,
    mission: Mission,
    agreement: Agreement,
    amendment: Amendment,
    parts: Sequence[AmendmentPart],
    clock: Today,
) -> None:
    """Change the agreement and what is held for it, at once. Raises GoneFromTeam if somebody in it is gone."""
    await _must_be_there(db, agreement, [part.member_id for part in parts if part.after_shares])
    if amendment.after_minutes != agreement.agreed_minutes:
        hold_id, orders = await rehold(
            db, agreement=agreement, minutes=amendment.after_minutes, reason=mission.title
        )
        try:
            await post_linked(db, actor=actor, orders=orders)
        except NotEnoughHours:
            if actor.member == agreement.payer_id:
                raise
            raise PayerShort from None
        agreement.hold_id = hold_id
    agreement.agreed_minutes = amendment.after_minutes
    shares = {part.member_id: part.after_shares for part in parts}
    if agreement.is_team or len(shares) > 1:
        await write_agreement_parts(
            db, tenant_id=agreement.tenant_id, agreement_id=agreement.id, shares=shares
        )
    agreement.is_team = sum(mine > 0 for mine in shares.values()) > 1
    amendment.state = AmendmentState.APPLIED
    amendment.ended_at = mission.changed_at = clock.now
    amendment.ended_by = actor.membership_id
    await db.flush()
    await emit(
        db,
        AmendmentApplied(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            amendment_id=amendment.id,
            by=actor.member,
            told=everybody_told(agreement, parts, actor),
            agreed_minutes=amendment.after_minutes,
            before_minutes=amendment.before_minutes,
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:amendment:applied",
        subject_id=amendment.id,
        facts={
            "before_minutes": amendment.before_minutes,
            "after_minutes": amendment.after_minutes,
            "shares": {str(part.member_id): [part.before_shares, part.after_shares] for part in parts},
        },
    )


async def _must_be_there(db: AsyncSession, agreement: Agreement, team: Sequence[UUID]) -> None:
    """Refuse if somebody in the team is no active member any more; whoever is leaving just now waits, or has left.

    Their hours would go to an account that nobody opens. Raises GoneFromTeam.
    """
    states = await db.scalars(
        select(Membership.state)
        .where(Membership.tenant_id == agreement.tenant_id, Membership.id.in_(team))
        .order_by(Membership.id)
        .with_for_update(read=True)
    )
    if any(state is not MembershipState.ACTIVE for state in states):
        raise GoneFromTeam
