"""Ending an agreement before delivery: by both parties, or because its hold has lapsed.

Either way the held hours go back to the payer and the mission is open again if its last day has not passed,
else expired; its author may then withdraw it in one step. A delivered mission is never ended here: the payer
confirms it, contests it, or lets silence settle it. This file must never post hours.

Locks: the mission first, then the accounts inside the ledger.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.agreements import (
    REASON_LENGTH,
    Agreement,
    AgreementState,
    lock_agreement,
    must_be_party,
    teammates,
)
from marketplace.amendments import end_amendments
from marketplace.bids import Bid, BidState
from marketplace.events import (
    AgreementCalledOff,
    AgreementLapsed,
    CancellationProposed,
    CancellationRefused,
    HoldLapsing,
)
from marketplace.mission_states import MissionState, must_be_in
from marketplace.missions import Mission, Today, today
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.errors import Invalid, NotAllowed, Refusal
from tenants.platform.inputs import PROSE_PATTERN
from tenants.platform.outbox import emit
from tenants.platform.words import N_, _
from timebank.ledger.holds import release_hold, release_holds

BEFORE_DELIVERY: Final = (MissionState.AGREED, MissionState.UNDER_WAY)
REMINDED_DAYS_BEFORE: Final = 3
AT_ONCE: Final = 200


class CancellationTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Why a party would rather stop."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=PROSE_PATTERN)]


class NoCancellation(Refusal):
    """Nobody proposes to stop (any more)."""

    status = 409
    code = "no_cancellation"
    message = N_("Personne ne propose (ou plus) d'arrêter cette mission.")


class CancellationStands(Refusal):
    """One of the two has already proposed to stop."""

    status = 409
    code = "cancellation_stands"
    message = N_("Un arrêt est déjà proposé : il reste à l'accepter ou à y renoncer.")


async def propose_cancellation(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: CancellationTerms
) -> Agreement:
    """Propose to the other party to stop before delivery. Either party; nothing changes until they accept."""
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    by = must_be_party(actor, agreement)
    must_be_in(mission.state, *BEFORE_DELIVERY)
    if agreement.cancellation_by is not None:
        raise CancellationStands
    reason = terms.reason.strip()
    if not reason:
        raise Invalid({"reason": _("Ce champ est nécessaire.")})
    clock = await today(db, tenant_id=actor.tenant_id)
    agreement.cancellation_by = by
    agreement.cancellation_at = clock.now
    agreement.cancellation_reason = reason
    await db.flush()
    await emit(
        db,
        CancellationProposed(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            by=by,
            to=agreement.other_party(by),
        ),
    )
    await record(db, actor=actor, action="marketplace:cancellation:proposed", subject_id=agreement.id)
    return agreement


async def accept_cancellation(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> Agreement:
    """Accept the other party's proposal: the hours go back. The party that did not propose it."""
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    by = must_be_party(actor, agreement)
    must_be_in(mission.state, *BEFORE_DELIVERY)
    if agreement.cancellation_by is None:
        raise NoCancellation
    if agreement.cancellation_by == by:
        raise NotAllowed
    clock = await today(db, tenant_id=actor.tenant_id)
    # Both have agreed, so the hold is given back by the software on the word of both.
    await release_hold(db, actor=Actor.system(actor.tenant_id), hold_id=agreement.hold_id)
    reopened = _end(mission, agreement, AgreementState.CALLED_OFF, clock)
    await _end_bids(db, [agreement])
    await emit(
        db,
        AgreementCalledOff(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            by=by,
            to=agreement.other_party(by),
            reopened=reopened,
            team=await teammates(db, agreement),
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:agreement:called_off",
        subject_id=agreement.id,
        facts={"minutes": agreement.agreed_minutes},
    )
    return agreement


async def refuse_cancellation(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> Agreement:
    """Go on: turn the other party's proposal down, or take one's own back. Either party."""
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    by = must_be_party(actor, agreement)
    must_be_in(mission.state, *BEFORE_DELIVERY)
    if agreement.cancellation_by is None:
        raise NoCancellation
    agreement.cancellation_by = agreement.cancellation_at = agreement.cancellation_reason = None
    await db.flush()
    await emit(
        db,
        CancellationRefused(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            by=by,
            to=agreement.other_party(by),
        ),
    )
    await record(db, actor=actor, action="marketplace:cancellation:refused", subject_id=agreement.id)
    return agreement


async def remind_of_holds(db: AsyncSession, *, actor: Actor) -> int:
    """Warn both parties, once, some days before a hold lapses; return how many. For the clock."""
    assert actor.is_system, "reminders come from the clock, not from a member"
    clock = await today(db, tenant_id=actor.tenant_id)
    due = await _undelivered(
        db,
        actor,
        Agreement.reminded_at.is_(None),
        Agreement.lapses_at <= clock.now + timedelta(days=REMINDED_DAYS_BEFORE),
    )
    for mission, agreement in due:
        agreement.reminded_at = clock.now
        await emit(
            db,
            HoldLapsing(
                tenant_id=actor.tenant_id,
                mission_id=mission.id,
                agreement_id=agreement.id,
                payer_id=agreement.payer_id,
                provider_id=agreement.provider_id,
                lapses_at=agreement.lapses_at,
            ),
        )
    await db.flush()
    return len(due)


async def lapse_holds(db: AsyncSession, *, actor: Actor) -> int:
    """Give back the hours of agreements not delivered in time; return how many. For the clock.

    All of them in one call to the ledger, which locks every account in id order; at most ``AT_ONCE`` in a
    transaction. A mission that somebody works on at this moment is left for the next tick.
    """
    assert actor.is_system, "holds lapse by the clock, not by a member"
    clock = await today(db, tenant_id=actor.tenant_id)
    late = await _undelivered(db, actor, Agreement.lapses_at <= clock.now)
    await release_holds(db, actor=actor, hold_ids=[agreement.hold_id for _, agreement in late])
    teams = {agreement.id: await teammates(db, agreement) for _, agreement in late if agreement.is_team}
    for mission, agreement in late:
        reopened = _end(mission, agreement, AgreementState.LAPSED, clock)
        await emit(
            db,
            AgreementLapsed(
                tenant_id=actor.tenant_id,
                mission_id=mission.id,
                agreement_id=agreement.id,
                payer_id=agreement.payer_id,
                provider_id=agreement.provider_id,
                reopened=reopened,
                team=teams.get(agreement.id, ()),
            ),
        )
        await record(
            db,
            actor=actor,
            action="marketplace:agreement:lapsed",
            subject_id=agreement.id,
            facts={"minutes": agreement.agreed_minutes},
        )
    await _end_bids(db, [agreement for _, agreement in late])
    return len(late)


async def _undelivered(
    db: AsyncSession, actor: Actor, *due: ColumnElement[bool]
) -> Sequence[tuple[Mission, Agreement]]:
    """Lock the missions that are agreed or under way and whose active agreement is ``due``."""
    found = await db.execute(
        select(Mission, Agreement)
        .join(
            Agreement,
            and_(Agreement.tenant_id == Mission.tenant_id, Agreement.mission_id == Mission.id),
        )
        .where(
            Mission.tenant_id == actor.tenant_id,
            Mission.state.in_(BEFORE_DELIVERY),
            Agreement.state == AgreementState.ACTIVE,
            *due,
        )
        .order_by(Mission.id)
        .limit(AT_ONCE)
        .with_for_update(of=Mission, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [(mission, agreement) for mission, agreement in found]


def _end(mission: Mission, agreement: Agreement, state: AgreementState, clock: Today) -> bool:
    """End the agreement and open the mission again, or expire it; return whether it is open."""
    reopened = mission.expires_on >= clock.day
    agreement.state = state
    agreement.ended_at = mission.changed_at = clock.now
    mission.state = MissionState.OPEN if reopened else MissionState.EXPIRED
    if not reopened:
        mission.ended_at = clock.now
    return reopened


async def _end_bids(db: AsyncSession, agreements: Sequence[Agreement]) -> None:
    """Write what was changed, and let the accepted bids of these agreements lapse, with what would change them."""
    await db.flush()
    await end_amendments(db, agreement_ids=[agreement.id for agreement in agreements])
    if agreements:
        await db.execute(
            update(Bid)
            .where(
                Bid.tenant_id == agreements[0].tenant_id,
                Bid.id.in_([agreement.bid_id for agreement in agreements]),
            )
            .values(state=BidState.LAPSED, changed_at=func.now())
            .execution_options(synchronize_session=False)
        )
