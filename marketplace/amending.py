"""Proposing to change a running agreement: other hours, another team, another split.

The payer is always concerned, and every member of the team whose part changes, who joins or who leaves; what they
answer is in ``amendment_answers``. This file must never change an agreement.

Locks: the mission.
"""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.agreements import Agreement, lock_agreement
from marketplace.amendments import (
    AMENDABLE,
    ANSWERED_WITHIN,
    REASON_LENGTH,
    Amendment,
    AmendmentPart,
    AmendmentPending,
    AmendmentState,
    end_amendment,
    must_afford,
    parts_of,
    still_asked,
)
from marketplace.events import AmendmentProposed
from marketplace.mission_states import must_be_in
from marketplace.missions import Mission, Today, today
from marketplace.splits import Part, split
from marketplace.team_terms import TeamTerms, checked_team
from marketplace.teams import agreement_shares
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.errors import Invalid, NotAllowed, Refusal
from tenants.platform.inputs import PROSE_PATTERN, MinutesInput
from tenants.platform.outbox import emit
from tenants.platform.words import N_, _


class AmendmentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the agreement would say. ``team`` names everybody who would do the work; empty, it stays as it is."""

    agreed_minutes: MinutesInput
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=PROSE_PATTERN)]
    team: TeamTerms = []


class NothingChanges(Refusal):
    """The amendment says what is agreed already."""

    status = 422
    code = "nothing_changes"
    message = N_("C'est déjà ce qui est convenu : changez les heures, l'équipe ou les parts.")


async def propose_amendment(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: AmendmentTerms
) -> Amendment:
    """Propose to change the hours, the team or the split before anything is paid. The payer, or one of the team.

    Raises AmendmentPending while another is open, NothingChanges, the refusals of ``checked_team``, and
    NotEnoughHours if a payer proposes more than they have.
    """
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    before = await _shares(db, agreement)
    if actor.member not in {agreement.payer_id, *before}:
        raise NotAllowed
    must_be_in(mission.state, *AMENDABLE)
    reason = terms.reason.strip()
    if not reason:
        raise Invalid({"reason": _("Ce champ est nécessaire.")})
    after = (
        await checked_team(
            db,
            tenant_id=actor.tenant_id,
            team=terms.team,
            lead_id=agreement.provider_id,
            payer_id=agreement.payer_id,
        )
        if terms.team
        else before
    )
    clock = await today(db, tenant_id=actor.tenant_id)
    await _make_room(db, actor, mission, agreement, clock)
    if actor.member == agreement.payer_id:
        await must_afford(db, actor, agreement, terms.agreed_minutes)
    amendment = Amendment(
        tenant_id=actor.tenant_id,
        mission_id=mission.id,
        agreement_id=agreement.id,
        proposed_by=actor.member,
        reason=reason,
        before_minutes=agreement.agreed_minutes,
        after_minutes=terms.agreed_minutes,
        state=AmendmentState.PENDING,
        proposed_at=clock.now,
        expires_at=clock.now + ANSWERED_WITHIN,
        payer_accepted_at=clock.now if actor.member == agreement.payer_id else None,
    )
    db.add(amendment)
    await db.flush()
    parts = _parts(amendment, before, after, clock)
    db.add_all(parts)
    mission.changed_at = clock.now
    await db.flush()
    await emit(
        db,
        AmendmentProposed(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            amendment_id=amendment.id,
            by=actor.member,
            asked=tuple(sorted(still_asked(amendment, agreement, parts))),
            expires_at=amendment.expires_at,
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:amendment:proposed",
        subject_id=amendment.id,
        facts={"before_minutes": amendment.before_minutes, "after_minutes": amendment.after_minutes},
    )
    return amendment


# --- Steps ---------------------------------------------------------------------------------------------------


async def _shares(db: AsyncSession, agreement: Agreement) -> dict[UUID, int]:
    """Return the shares as they are; one share for whoever works alone."""
    if not agreement.is_team:
        return {agreement.provider_id: 1}
    found = await agreement_shares(db, tenant_id=agreement.tenant_id, agreement_ids=[agreement.id])
    return found[agreement.id]


async def _make_room(
    db: AsyncSession, actor: Actor, mission: Mission, agreement: Agreement, clock: Today
) -> None:
    """Refuse while another amendment is pending; end it here if its time is over."""
    standing_one = await db.scalar(
        select(Amendment)
        .where(
            Amendment.tenant_id == agreement.tenant_id,
            Amendment.agreement_id == agreement.id,
            Amendment.state == AmendmentState.PENDING,
        )
        .execution_options(populate_existing=True)
    )
    if standing_one is None:
        return
    if standing_one.expires_at > clock.now:
        raise AmendmentPending
    parts = await parts_of(db, standing_one)
    system = Actor.system(actor.tenant_id)
    await end_amendment(db, system, mission, agreement, standing_one, parts, AmendmentState.EXPIRED)


def _parts(
    amendment: Amendment, before: Mapping[UUID, int], after: Mapping[UUID, int], clock: Today
) -> list[AmendmentPart]:
    """Write down what changes for whom. Raises NothingChanges."""
    were = split(amendment.before_minutes, before, seed=amendment.mission_id)
    will = split(amendment.after_minutes, after, seed=amendment.mission_id)
    whole_before, whole_after = sum(before.values()), sum(after.values())
    nothing = Part(0, 0, next(iter(were.values())).lost * 0, extra=False, drawn=False)
    parts = []
    for member in sorted({*before, *after}):
        was, now = were.get(member, nothing), will.get(member, nothing)
        # The same minutes of another split are another part: what is posted in the end may be less.
        asked = was.minutes != now.minutes or was.shares * whole_after != now.shares * whole_before
        parts.append(
            AmendmentPart(
                tenant_id=amendment.tenant_id,
                amendment_id=amendment.id,
                member_id=member,
                before_shares=was.shares,
                after_shares=now.shares,
                before_minutes=was.minutes,
                after_minutes=now.minutes,
                asked=asked,
                accepted_at=clock.now if asked and member == amendment.proposed_by else None,
            )
        )
    if not any(part.asked for part in parts):
        raise NothingChanges
    return parts
