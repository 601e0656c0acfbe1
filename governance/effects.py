"""Effects: what follows by itself from a decision. The rulebook changes at its date, a mandate is given or ends.

The decision is written into the register first to last: rule, mandate, then the public line. What cannot take effect
(a last manager, a rule already changed for that day) stays decided, says why, and is tried again by the clock. This
file must never judge a proposal: whoever counted says how it came out.
"""

from collections.abc import Mapping
from datetime import datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.events import ProposalAdopted, ProposalRejected
from governance.objections import Objection
from governance.proposal_notices import tell, tell_circle
from governance.proposal_states import Method, ProposalKind, ProposalState
from governance.proposal_terms import check_words, clock, subject_of, words_of, zone_of
from governance.proposals import Proposal, ProposalNotThere, ProposalVersion, Proposed, locked
from tenants import audit, register
from tenants.actors import Actor
from tenants.management import lock_managers
from tenants.mandates import EndReason, MandateEndedAlready, end_mandate, give_mandate
from tenants.memberships import lock_member
from tenants.platform.clock import Tick
from tenants.platform.errors import Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from tenants.rulebook import Change, Source, lock_rulebook, write_versions

register.declare_kinds(
    {
        "rule_amended": N_("Une proposition adoptée change une règle à partir du {effective_on}."),
        "proposal_adopted": N_("Une proposition a été adoptée."),
        "proposal_rejected": N_("Une proposition a été rejetée."),
    }
)


class Outcome(StrEnum):
    """How a decision came out."""

    ADOPTED = "adopted"
    REJECTED = "rejected"


class EffectsDue(Tick, frozen=True, kw_only=True):
    """It is time to look for decisions whose day has come, and for those that could not take effect."""


async def decided(
    db: AsyncSession, tenant_id: UUID, proposal_id: UUID, *, outcome: Outcome, decision: Mapping[str, Any]
) -> Proposed:
    """Write how a discussed proposal came out, and let follow what follows from it.

    ``decision`` holds what the register's line says of the count (integers, strings); its ``method`` is ``consent``
    or ``vote``. The caller has counted and holds nothing later than the proposal. Locks the proposal, then the
    rulebook or the member, then the register's head. Raises ProposalNotThere.
    """
    found = await locked(db, tenant_id=tenant_id, proposal_id=proposal_id)
    one, version = found.proposal, found.version
    if one.state is not ProposalState.DISCUSSED:
        raise ProposalNotThere
    actor = Actor.system(tenant_id)
    facts = {**await _facts(db, one, version), **decision}
    if outcome is Outcome.REJECTED:
        line = await _register(db, one, "proposal_rejected", facts)
        _close(one, ProposalState.REJECTED, decision, line)
        await db.flush()
        await audit.record(db, actor=actor, action="governance:proposal:rejected", subject_id=one.id)
        await emit(db, ProposalRejected(tenant_id=one.tenant_id, proposal_id=one.id))
        await tell_circle(db, one, "proposal_rejected")
        return found
    starts = await _starts(db, one, version)
    await _lock_subject(db, one)
    is_rule = one.kind is ProposalKind.AMEND_RULE
    if is_rule:
        day = starts.astimezone(await zone_of(db, tenant_id)).date()
        facts |= {"rule": one.rule, "value": version.value, "effective_on": day.isoformat()}
    await audit.record(db, actor=actor, action="governance:proposal:adopted", subject_id=one.id)
    line = await _register(db, one, "rule_amended" if is_rule else "proposal_adopted", facts)
    _close(one, ProposalState.DECIDED, decision, line)
    one.takes_effect_at = starts
    await db.flush()
    await emit(db, ProposalAdopted(tenant_id=one.tenant_id, proposal_id=one.id, proposal_kind=one.kind.value))
    await tell(
        db,
        one,
        "proposal_adopted",
        None,
        effective_on=starts.astimezone(await zone_of(db, tenant_id)).date(),
    )
    await _take_effect(db, found)
    return found


def _close(
    one: Proposal, state: ProposalState, decision: Mapping[str, Any], line: register.RegisterLine
) -> None:
    one.state, one.phase, one.round_closes_at = state, None, None
    one.method, one.decided_at, one.register_seq = Method(decision["method"]), line.at, line.seq


async def _register(
    db: AsyncSession, one: Proposal, kind: str, facts: Mapping[str, Any]
) -> register.RegisterLine:
    return await register.append(db, tenant_id=one.tenant_id, kind=kind, facts=facts)


async def _facts(db: AsyncSession, one: Proposal, version: ProposalVersion) -> dict[str, Any]:
    """What the register says of any decision: kind, counts, and a commitment to the words."""
    query = select(Objection.state, func.count()).where(
        Objection.tenant_id == one.tenant_id, Objection.proposal_id == one.id
    )
    ended = {str(state): count for state, count in await db.execute(query.group_by(Objection.state))}
    words = f"{version.title}\n\n{version.reasons}"
    return {
        "proposal": str(one.id),
        "kind": one.kind.value,
        "version": version.number,
        "objections": ended,
        "words": await register.commit_to(db, tenant_id=one.tenant_id, value=words),
    }


async def _starts(db: AsyncSession, one: Proposal, version: ProposalVersion) -> datetime:
    """The moment at which it takes effect: the beginning of its day, or now if that has come."""
    now = await clock(db)
    if version.effective_on is None:
        return now
    day = datetime.combine(version.effective_on, time(), await zone_of(db, one.tenant_id))
    return max(now, day)


async def _lock_subject(db: AsyncSession, one: Proposal) -> None:
    """Hold what the effect changes, before the register's head is held."""
    match one.kind:
        case ProposalKind.AMEND_RULE:
            await lock_rulebook(db, tenant_id=one.tenant_id)
        case ProposalKind.GIVE_MANDATE:
            assert one.membership_id, "the tables say so"
            await lock_member(db, one.tenant_id, one.membership_id)
        case ProposalKind.END_MANDATE:
            await lock_managers(db, one.tenant_id)
        case ProposalKind.MOTION:
            return


async def _take_effect(db: AsyncSession, found: Proposed) -> None:
    """Do what was decided; what refuses leaves the decision standing, and says why."""
    one = found.proposal
    actor = Actor.system(one.tenant_id)
    before = one.effect_refused
    try:
        async with db.begin_nested():
            await _do(db, actor, found)
    except Refusal as refusal:
        one.effect_refused = refusal.code
        await db.flush()
        if before != refusal.code:
            await tell(db, one, "proposal_stuck", [one.author_id])
        return
    one.effect_refused = None
    if one.takes_effect_at is None or one.takes_effect_at <= await clock(db):
        one.state = ProposalState.IN_FORCE
    await db.flush()


async def _do(db: AsyncSession, actor: Actor, found: Proposed) -> None:
    one, version = found.proposal, found.version
    match one.kind:
        case ProposalKind.AMEND_RULE:
            assert one.rule, "the tables say so"
            assert one.register_seq, "the tables say so"
            await check_words(db, one.tenant_id, subject_of(one), words_of(version))
            await write_versions(
                db,
                tenant_id=one.tenant_id,
                changes=[Change(rule=one.rule, value=version.value, starts_at=one.takes_effect_at)],
                source=Source.PROPOSAL,
                source_id=one.id,
                register_seq=one.register_seq,
            )
        case ProposalKind.GIVE_MANDATE:
            assert one.membership_id, "the tables say so"
            assert one.role, "the tables say so"
            assert version.until_on, "checked when it was written"
            await give_mandate(
                db,
                actor=actor,
                membership_id=one.membership_id,
                role=one.role,
                until=version.until_on,
                decision_id=one.id,
            )
        case ProposalKind.END_MANDATE:
            assert one.mandate_id, "the tables say so"
            try:
                await end_mandate(db, actor=actor, mandate_id=one.mandate_id, reason=EndReason.TAKEN_BACK)
            except MandateEndedAlready:
                # It lapsed or was given up meanwhile, which is what was decided.
                return
        case ProposalKind.MOTION:
            return


async def apply_effects(db: AsyncSession, event: EffectsDue) -> None:
    """Note the rules that came into force today, and try again what was refused: hears EffectsDue."""
    due = select(Proposal.id).where(
        Proposal.tenant_id == event.tenant_id,
        Proposal.state == ProposalState.DECIDED,
        or_(Proposal.effect_refused.is_not(None), Proposal.takes_effect_at <= func.now()),
    )
    for proposal_id in (await db.scalars(due.order_by(Proposal.id))).all():
        found = await locked(db, tenant_id=event.tenant_id, proposal_id=proposal_id)
        if found.proposal.state is not ProposalState.DECIDED:
            continue
        if found.proposal.effect_refused is None:
            found.proposal.state = ProposalState.IN_FORCE
        else:
            await _lock_subject(db, found.proposal)
            await _take_effect(db, found)
