"""Objecting: raising an objection in a round, taking it back, setting aside one that gives no reasons.

A facilitator may ask that reasons are given, and never judges whether they are true. This file must never let anyone end
another's objection without writing why and by whom.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.objections import Objection, ObjectionState, objection_of, open_objections
from governance.proposal_notices import tell
from governance.proposal_states import Phase
from governance.proposal_terms import clock
from governance.proposals import ProposalNotThere, Proposed, locked
from governance.proposing import facilitates
from governance.rounds import (
    conclude,
    must_be_in_round,
    note_seen,
    open_round,
    standing_of,
)
from tenants import audit
from tenants.actors import Actor
from tenants.platform.errors import NotAllowed, Refusal
from tenants.platform.words import N_


class ObjectedAlready(Refusal):
    """One open objection of each member."""

    code = "objected_already"
    message = N_("Vous avez déjà une objection ouverte : retirez-la pour en écrire une autre.")


class ObjectionEnded(Refusal):
    """The objection came to its end."""

    code = "objection_ended"
    message = N_("Cette objection n'est plus ouverte.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What harm the proposal would do, to which role or task in the circle, and why."""

    harm: str
    role_harmed: str
    reasons: str


async def object_to_proposal(
    db: AsyncSession, *, actor: Actor, proposal_id: UUID, version: int, grounds: Grounds
) -> Objection:
    """Object to the version in its round, which counts as having read it. For members of the circle.

    Locks the proposal; the end of the round is judged by the database's clock under that lock. Raises
    NotOfTheCircle, ObjectedAlready, ProposalChanged, ProposalNotThere, RoundClosed.
    """
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    one = found.proposal
    await must_be_in_round(db, actor, one, version)
    if any(entry.author_id == actor.member for entry in await open_objections(db, one)):
        raise ObjectedAlready
    objection = Objection(
        tenant_id=one.tenant_id,
        proposal_id=one.id,
        version=one.version,
        round=one.round,
        author_id=actor.member,
        harm=grounds.harm,
        role_harmed=grounds.role_harmed,
        reasons=grounds.reasons,
        state=ObjectionState.OPEN,
    )
    db.add(objection)
    await db.flush()
    await note_seen(db, one, actor.member, consents=False)
    await audit.record(db, actor=actor, action="governance:objection:raised", subject_id=objection.id)
    if one.author_id != actor.member:
        await tell(db, one, "proposal_objected", [one.author_id])
    return objection


async def withdraw_objection(db: AsyncSession, *, actor: Actor, objection_id: UUID) -> Objection:
    """Take back one's own objection: one then consents to the version. Locks the proposal.

    The last open one of a round that waits for integration reopens a round; of a round in which all the others
    consent, it closes it. Raises NotAllowed, NotFound, ObjectionEnded.
    """
    objection, found = await _open(db, actor, objection_id)
    if objection.author_id != actor.member:
        raise NotAllowed
    await _end(db, objection, actor, ObjectionState.WITHDRAWN, "")
    if found.proposal.version == objection.version:
        await note_seen(db, found.proposal, actor.member, consents=True)
    await audit.record(db, actor=actor, action="governance:objection:withdrawn", subject_id=objection.id)
    await _go_on(db, found)
    return objection


async def set_aside_objection(
    db: AsyncSession, *, actor: Actor, objection_id: UUID, reason: str
) -> Objection:
    """Set aside an objection that gives no reasons, saying why; a facilitator's act, never on one's own.

    Its author may object again, with reasons, as long as the round lasts. Locks the proposal. Raises NotAllowed,
    NotFound, ObjectionEnded.
    """
    objection, found = await _open(db, actor, objection_id)
    one = found.proposal
    if actor.member in (objection.author_id, one.author_id) or not await facilitates(db, actor, one):
        raise NotAllowed
    await _end(db, objection, actor, ObjectionState.INVALID, reason)
    await audit.record(db, actor=actor, action="governance:objection:set_aside", subject_id=objection.id)
    await tell(db, one, "objection_invalid", [objection.author_id])
    await _go_on(db, found)
    return objection


async def _open(db: AsyncSession, actor: Actor, objection_id: UUID) -> tuple[Objection, Proposed]:
    """An open objection, with its proposal locked."""
    seen = await objection_of(db, actor, objection_id)
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=seen.proposal_id)
    await db.refresh(seen)
    if seen.state is not ObjectionState.OPEN:
        raise ObjectionEnded
    if found.proposal.phase not in (Phase.OBJECTIONS, Phase.INTEGRATE):
        raise ProposalNotThere
    return seen, found


async def _end(
    db: AsyncSession, objection: Objection, actor: Actor, state: ObjectionState, reason: str
) -> None:
    objection.state, objection.ended_reason = state, reason
    objection.ended_at, objection.ended_by = await clock(db), actor.member
    await db.flush()


async def _go_on(db: AsyncSession, found: Proposed) -> None:
    """After an objection ended: a round may now be complete, or has to be held once more."""
    one = found.proposal
    standing = await standing_of(db, one)
    if standing.complete and one.phase is not None:
        await conclude(db, found)
    elif one.phase is Phase.INTEGRATE and standing.open == 0:
        await open_round(db, one)
