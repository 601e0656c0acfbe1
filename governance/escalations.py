"""Escalations: consent that was not found in its time goes to the parent circle or to a vote; and the clock of rounds.

This file must never end a proposal: whoever it is carried to decides.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circles import find_circle
from governance.objections import ObjectionState, end_open_objections
from governance.proposal_states import Phase, ProposalState
from governance.proposal_terms import check_words, clock, subject_of, words_of
from governance.proposals import Proposal, ProposalNotThere, Proposed, locked
from governance.proposing import must_lead
from governance.rounds import conclude, escalate, open_round
from tenants import audit
from tenants.actors import Actor
from tenants.platform.clock import Tick
from tenants.platform.errors import Refusal
from tenants.platform.words import N_


class NoWiderCircle(Refusal):
    """The circle is the one of all members: there is no wider one."""

    code = "no_wider_circle"
    message = N_("Ce cercle n'en a pas de plus large : il reste le vote, ou une nouvelle version.")


class RoundsDue(Tick, frozen=True, kw_only=True):
    """It is time to look for rounds that are over and for consent that takes too long."""


async def refer_to_parent(db: AsyncSession, *, actor: Actor, proposal_id: UUID) -> Proposed:
    """Carry an escalated proposal to the parent circle, where a round opens on the same version.

    For the author and the facilitators. Locks the proposal. Raises NoWiderCircle, NotAllowed, ProposalNotThere.
    """
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    one = found.proposal
    if one.phase is not Phase.ESCALATED:
        raise ProposalNotThere
    await must_lead(db, actor, one)
    parent = (await find_circle(db, one.tenant_id, one.circle_id)).parent_id
    if parent is None:
        raise NoWiderCircle
    await check_words(db, one.tenant_id, subject_of(one), words_of(found.version))
    one.circle_id, one.escalates_at = parent, None
    await open_round(db, one)
    await audit.record(db, actor=actor, action="governance:proposal:referred", subject_id=one.id)
    return found


async def put_to_vote(db: AsyncSession, tenant_id: UUID, proposal_id: UUID) -> Proposed:
    """Note that a vote decides on a discussed proposal from now on; objections go along. Locks the proposal.

    The caller has authorised, and will call ``decided``. Raises ProposalNotThere.
    """
    found = await locked(db, tenant_id=tenant_id, proposal_id=proposal_id)
    one = found.proposal
    if one.state is not ProposalState.DISCUSSED or one.phase is Phase.VOTING:
        raise ProposalNotThere
    await check_words(db, tenant_id, subject_of(one), words_of(found.version))
    one.phase, one.round_closes_at = Phase.VOTING, None
    await end_open_objections(db, one, ObjectionState.ESCALATED)
    await db.flush()
    return found


# --- The clock ---------------------------------------------------------------------------------------


async def close_rounds(db: AsyncSession, event: RoundsDue) -> None:
    """Judge every round whose time is over, and escalate what waited too long: hears RoundsDue."""
    ended = (Proposal.round_closes_at <= func.now()) | (
        (Proposal.phase == Phase.INTEGRATE) & (Proposal.escalates_at <= func.now())
    )
    due = select(Proposal.id).where(
        Proposal.tenant_id == event.tenant_id, Proposal.state == ProposalState.DISCUSSED, ended
    )
    for proposal_id in (await db.scalars(due.order_by(Proposal.id))).all():
        found = await locked(db, tenant_id=event.tenant_id, proposal_id=proposal_id)
        one = found.proposal
        now = await clock(db)
        if one.round_closes_at is not None and now >= one.round_closes_at:
            await conclude(db, found)
        elif one.phase is Phase.INTEGRATE and one.escalates_at is not None and now >= one.escalates_at:
            await escalate(db, one)
