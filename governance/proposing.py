"""Proposing: writing a proposal, changing its words, opening it to discussion, taking it back.

A new version takes nothing away from the ones before, and restarts an objection round that was open. This file must
never decide, nor let a proposal leave the circle in whose perimeter it stands.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_mandates import CircleRole, holds_in_circle
from governance.circles import circle_for, find_circle
from governance.objections import ObjectionState, end_open_objections
from governance.proposal_notices import tell_circle
from governance.proposal_states import Phase, ProposalKind, ProposalState
from governance.proposal_terms import (
    Subject,
    Words,
    check_subject,
    check_words,
    clock,
    subject_of,
    words_of,
)
from governance.proposals import (
    Proposal,
    ProposalNotThere,
    ProposalOver,
    ProposalVersion,
    Proposed,
    locked,
)
from tenants import audit
from tenants.actors import Actor, Role
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.words import N_


class OutsidePerimeter(Refusal):
    """The circle may not decide this; the right one is named."""

    status = 409
    code = "outside_perimeter"
    message = N_("Ce cercle n'en décide pas : adressez la proposition à « {circle} ».")
    default_field = "circle_id"


async def propose(
    db: AsyncSession,
    *,
    actor: Actor,
    subject: Subject,
    words: Words,
    circle_id: UUID | None = None,
    publish: bool = False,
) -> Proposed:
    """Write a proposal, as a draft that only its author sees, or open it at once. Any member may.

    It goes to the circle that decides on its subject; naming another is refused (OutsidePerimeter). Raises Invalid,
    NothingChanges, DayPast, NobodySuch, and what the rule's bounds and the law refuse.
    """
    author = actor.member
    await check_subject(db, actor, subject)
    await check_words(db, actor.tenant_id, subject, words, typed=True)
    circle = await circle_for(db, actor.tenant_id, subject.scope)
    if circle_id is not None and circle_id != circle.id:
        raise OutsidePerimeter(circle=circle.name)
    one = Proposal(
        tenant_id=actor.tenant_id,
        circle_id=circle.id,
        kind=subject.kind,
        author_id=author,
        rule=subject.rule,
        membership_id=subject.membership_id,
        role=subject.role if subject.kind is ProposalKind.GIVE_MANDATE else None,
        mandate_id=subject.mandate_id,
        state=ProposalState.DRAFT,
        version=1,
        round=0,
    )
    db.add(one)
    await db.flush()
    version = await write_version(db, actor, one, words)
    await audit.record(
        db, actor=actor, action="governance:proposal:written", subject_id=one.id, facts={"kind": one.kind}
    )
    if publish:
        await _open(db, actor, one)
    return Proposed(one, version)


async def open_proposal(db: AsyncSession, *, actor: Actor, proposal_id: UUID) -> Proposed:
    """Open one's draft to discussion, and tell the circle. Its author alone. Raises NotFound, ProposalNotThere."""
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    one, version = found.proposal, found.version
    if one.author_id != actor.member:
        raise NotFound
    if one.state is not ProposalState.DRAFT:
        raise ProposalNotThere
    await check_words(db, actor.tenant_id, subject_of(one), words_of(version))
    await _open(db, actor, one)
    return found


async def withdraw_proposal(db: AsyncSession, *, actor: Actor, proposal_id: UUID) -> Proposed:
    """Take back one's proposal before it is decided: nothing comes of it. Locks the proposal.

    Objections that are still open end as abandoned. Raises NotAllowed, NotFound, ProposalOver.
    """
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    one = found.proposal
    if one.author_id != actor.member:
        raise NotFound if one.opened_at is None else NotAllowed
    if one.state not in (ProposalState.DRAFT, ProposalState.DISCUSSED):
        raise ProposalOver
    if one.phase is Phase.VOTING:
        raise ProposalNotThere
    was_open = one.state is ProposalState.DISCUSSED
    one.state, one.phase, one.round_closes_at = ProposalState.WITHDRAWN, None, None
    one.withdrawn_at = await clock(db)
    await end_open_objections(db, one, ObjectionState.ABANDONED)
    await db.flush()
    await audit.record(db, actor=actor, action="governance:proposal:withdrawn", subject_id=one.id)
    if was_open:
        await tell_circle(db, one, "proposal_withdrawn", but=[actor.member])
    return found


async def _open(db: AsyncSession, actor: Actor, one: Proposal) -> None:
    one.state, one.phase, one.opened_at = ProposalState.DISCUSSED, Phase.CLARIFY, await clock(db)
    await db.flush()
    await audit.record(db, actor=actor, action="governance:proposal:opened", subject_id=one.id)
    await tell_circle(db, one, "proposal_opened", but=[actor.member])


# --- Steps of the verbs ------------------------------------------------------------------------------


async def write_version(db: AsyncSession, actor: Actor, one: Proposal, words: Words) -> ProposalVersion:
    """Write the words of ``one.version``; the caller has checked them and holds the proposal."""
    version = ProposalVersion(
        tenant_id=one.tenant_id,
        proposal_id=one.id,
        number=one.version,
        title=words.title,
        reasons=words.reasons,
        value=words.value,
        effective_on=words.effective_on,
        until_on=words.until_on,
        written_by=actor.member,
    )
    db.add(version)
    await db.flush()
    return version


async def must_lead(db: AsyncSession, actor: Actor, one: Proposal) -> None:
    """Refuse whoever neither wrote the proposal nor facilitates its circle."""
    if one.author_id != actor.member and not await facilitates(db, actor, one):
        raise NotAllowed


async def facilitates(db: AsyncSession, actor: Actor, one: Proposal) -> bool:
    """Whether the actor facilitates the proposal's circle, or every circle of the cooperative."""
    return actor.holds(Role.FACILITATOR) or await holds_in_circle(
        db, actor.tenant_id, one.circle_id, actor.member, CircleRole.FACILITATOR
    )


async def must_stay_within(db: AsyncSession, one: Proposal) -> None:
    """Refuse what neither this circle nor one below it may decide any more. Raises OutsidePerimeter."""
    owner = circle = await circle_for(db, one.tenant_id, subject_of(one).scope)
    while circle.id != one.circle_id:
        if circle.parent_id is None:
            raise OutsidePerimeter(circle=owner.name)
        circle = await find_circle(db, one.tenant_id, circle.parent_id)
