"""Amending: a new version of a proposal, which takes up objections and restarts the round that was open.

Versions that members discussed are never rewritten; a draft, which only its author saw, is. This file must never
integrate an objection without a version that says how.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.objections import ObjectionState, open_objections
from governance.proposal_notices import tell
from governance.proposal_states import Phase, ProposalState
from governance.proposal_terms import Words, check_words, clock, subject_of, words_of
from governance.proposals import (
    ProposalChanged,
    ProposalNotThere,
    ProposalOver,
    ProposalVersion,
    Proposed,
    locked,
)
from governance.proposing import must_lead, write_version
from governance.rounds import open_round
from tenants import audit
from tenants.actors import Actor
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import N_


class SameWords(Refusal):
    """The new version says what the one before says."""

    status = 422
    code = "same_words"
    message = N_("Rien n'a changé dans le texte : modifiez-le, ou revenez à la proposition.")


async def amend_proposal(
    db: AsyncSession,
    *,
    actor: Actor,
    proposal_id: UUID,
    version: int,
    words: Words,
    integrates: Collection[UUID] = (),
) -> Proposed:
    """Write the next version, for its author and the facilitators; ``version`` is the one that was read.

    In a round, its integration or once it was escalated, the open objections named by ``integrates`` end as integrated in it, and a new round
    opens. A draft is rewritten in place. Locks the proposal. Raises NotAllowed, NotFound, ProposalChanged,
    ProposalNotThere, ProposalOver, SameWords, and what ``check_words`` refuses.
    """
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    one = found.proposal
    if one.opened_at is None and one.author_id != actor.member:
        raise NotFound
    await must_lead(db, actor, one)
    if one.state not in (ProposalState.DRAFT, ProposalState.DISCUSSED):
        raise ProposalOver
    if one.phase is Phase.VOTING:
        raise ProposalNotThere
    if one.version != version:
        raise ProposalChanged
    if words_of(found.version) == words:
        raise SameWords
    await check_words(db, one.tenant_id, subject_of(one), words, typed=True)
    if one.state is ProposalState.DRAFT:
        return Proposed(one, await _rewrite(db, found.version, words))
    one.version += 1
    written = Proposed(one, await write_version(db, actor, one, words))
    await audit.record(
        db,
        actor=actor,
        action="governance:proposal:amended",
        subject_id=one.id,
        facts={"version": one.version},
    )
    if one.phase is Phase.ESCALATED:
        # The time for consent begins anew with the new words.
        one.escalates_at = None
    if one.phase in (Phase.OBJECTIONS, Phase.INTEGRATE, Phase.ESCALATED):
        await _integrate(db, actor, written, set(integrates))
        await open_round(db, one)
    return written


async def _rewrite(db: AsyncSession, version: ProposalVersion, words: Words) -> ProposalVersion:
    for name in ("title", "reasons", "value", "effective_on", "until_on"):
        setattr(version, name, getattr(words, name))
    version.written_at = await clock(db)
    await db.flush()
    return version


async def _integrate(db: AsyncSession, actor: Actor, found: Proposed, named: set[UUID]) -> None:
    """End the named objections in the new version; those that are not stay open against it."""
    one = found.proposal
    now = await clock(db)
    for objection in await open_objections(db, one):
        if objection.id in named:
            objection.state, objection.integrated_in = ObjectionState.INTEGRATED, one.version
            objection.ended_at, objection.ended_by = now, actor.member
            await db.flush()
            await tell(db, one, "objection_integrated", [objection.author_id])
