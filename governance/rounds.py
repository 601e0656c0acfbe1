"""Rounds of objections: consent is no objection among those who answer, once enough have read.

A round opens on a version, ends when the whole circle has answered or at its time by the database's clock, and is
judged under the proposal's lock, so that whoever comes at that instant is either in it or refused. This file must never
count a page that was opened as a page that was read.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.circles import circle_members, is_in_circle
from governance.effects import Outcome, decided
from governance.objections import ObjectionState, end_open_objections, open_objections
from governance.proposal_notices import tell, tell_circle
from governance.proposal_rules import CONSENT_DAYS, ROUND_DAYS, SEEN_QUORUM
from governance.proposal_states import Phase
from governance.proposal_terms import check_words, clock, subject_of, words_of
from governance.proposals import Proposal, ProposalChanged, ProposalNotThere, Proposed, locked
from governance.proposing import must_lead, must_stay_within
from tenants import audit
from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_
from tenants.rulebook import value_in_force

# From each phase, those that whoever leads may go on to.
FORWARD: Final = {
    Phase.CLARIFY: (Phase.REACT, Phase.AMEND, Phase.OBJECTIONS),
    Phase.REACT: (Phase.AMEND, Phase.OBJECTIONS),
    Phase.AMEND: (Phase.OBJECTIONS,),
}


class ProposalAnswer(Base):
    """One member said that they have read one version; ``consents`` also that they do not object to it."""

    __tablename__ = "proposal_answers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "proposal_id", "version"],
            ["proposal_versions.tenant_id", "proposal_versions.proposal_id", "proposal_versions.number"],
        ),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("version > 0", name="version"),
        Index("ix_proposal_answers_membership", "tenant_id", "membership_id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    consents: Mapped[bool] = mapped_column(server_default=text("false"))
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class RoundClosed(Refusal):
    """The round ended before this reached it."""

    code = "round_closed"
    message = N_("La ronde s'est terminée le {closed_at} : cette réponse arrive trop tard.")


class NotOfTheCircle(Refusal):
    """Only members of the circle answer in its rounds."""

    status = 403
    code = "not_of_the_circle"
    message = N_("Seuls les membres du cercle répondent dans sa ronde ; la discussion est ouverte à tous.")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a round stands: members of the circle, those who read the version, those who consent, objections open."""

    members: int
    seen: int
    consents: int
    open: int
    quorum_percent: int

    @property
    def quorate(self) -> bool:
        """Whether enough have read it for silence to be consent."""
        return self.members > 0 and self.seen * 100 >= self.quorum_percent * self.members

    @property
    def complete(self) -> bool:
        """Whether every member of the circle has said that they do not object."""
        return self.members > 0 and self.consents == self.members and self.open == 0


async def advance_proposal(db: AsyncSession, *, actor: Actor, proposal_id: UUID, to: Phase) -> Proposed:
    """Go on to a later phase, the last of which is the objection round. For the author and the facilitators.

    Locks the proposal. Raises NotAllowed, NotFound, ProposalNotThere, OutsidePerimeter, and what ``check_words`` does.
    """
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    one = found.proposal
    if one.phase is None or to not in FORWARD.get(one.phase, ()):
        raise ProposalNotThere
    await must_lead(db, actor, one)
    await audit.record(
        db, actor=actor, action="governance:proposal:advanced", subject_id=one.id, facts={"to": to}
    )
    if to is Phase.OBJECTIONS:
        await must_stay_within(db, one)
        await check_words(db, one.tenant_id, subject_of(one), words_of(found.version))
        await open_round(db, one)
    else:
        one.phase = to
        await db.flush()
    return found


async def open_round(db: AsyncSession, one: Proposal) -> None:
    """Open the next round on the newest version and tell the circle. The caller holds the proposal."""
    now = await clock(db)
    days = await value_in_force(db, rule=ROUND_DAYS, tenant_id=one.tenant_id)
    one.phase, one.round, one.round_closes_at = Phase.OBJECTIONS, one.round + 1, now + timedelta(days=days)
    if one.escalates_at is None:
        days = await value_in_force(db, rule=CONSENT_DAYS, tenant_id=one.tenant_id)
        one.escalates_at = now + timedelta(days=days)
    await db.flush()
    await tell_circle(db, one, "proposal_round", closes_at=one.round_closes_at)


async def answer_round(
    db: AsyncSession, *, actor: Actor, proposal_id: UUID, version: int, consents: bool = True
) -> Proposed:
    """Say that one has read a version in its round and (``consents``) does not object. Twice is once.

    For members of the circle; the last of them to consent closes the round. Locks the proposal. Raises
    NotOfTheCircle, ProposalChanged, ProposalNotThere, RoundClosed.
    """
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    one = found.proposal
    await must_be_in_round(db, actor, one, version)
    own = [entry for entry in await open_objections(db, one) if entry.author_id == actor.member]
    await note_seen(db, one, actor.member, consents=consents and not own)
    if (await standing_of(db, one)).complete:
        await conclude(db, found)
    return found


async def must_be_in_round(db: AsyncSession, actor: Actor, one: Proposal, version: int) -> None:
    """Refuse whoever is not of the circle, reads another version, or comes after the end. Under the lock."""
    if one.opened_at is None or one.round_closes_at is None:
        raise ProposalNotThere
    if not await is_in_circle(db, one.tenant_id, one.circle_id, actor.member):
        raise NotOfTheCircle
    if one.version != version:
        raise ProposalChanged
    if await clock(db) >= one.round_closes_at:
        raise RoundClosed(closed_at=one.round_closes_at)


async def note_seen(db: AsyncSession, one: Proposal, member: MembershipId, *, consents: bool) -> None:
    """Write that a member has read the newest version: by saying so, by a comment, or by an objection."""
    row = {
        "tenant_id": one.tenant_id,
        "proposal_id": one.id,
        "version": one.version,
        "membership_id": member,
        "consents": consents,
    }
    statement = insert(ProposalAnswer).values(row)
    keys = ["tenant_id", "proposal_id", "version", "membership_id"]
    if consents:
        statement = statement.on_conflict_do_update(index_elements=keys, set_={"consents": True})
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    await db.execute(statement)


async def standing_of(db: AsyncSession, one: Proposal) -> Standing:
    """How the newest version stands among the circle's members, those who left it apart."""
    members = set(await circle_members(db, one.tenant_id, one.circle_id))
    query = select(ProposalAnswer.membership_id, ProposalAnswer.consents).where(
        ProposalAnswer.tenant_id == one.tenant_id,
        ProposalAnswer.proposal_id == one.id,
        ProposalAnswer.version == one.version,
    )
    answers = {
        row.membership_id: row.consents for row in await db.execute(query) if row.membership_id in members
    }
    return Standing(
        members=len(members),
        seen=len(answers),
        consents=sum(answers.values()),
        open=len(await open_objections(db, one)),
        quorum_percent=await value_in_force(db, rule=SEEN_QUORUM, tenant_id=one.tenant_id),
    )


async def conclude(db: AsyncSession, found: Proposed) -> None:
    """Judge a round that is over: objections go to integration, too few readers go further, else it is adopted.

    The caller holds the proposal and knows that the round is over.
    """
    one = found.proposal
    standing = await standing_of(db, one)
    if standing.open:
        if one.escalates_at is not None and await clock(db) >= one.escalates_at:
            await escalate(db, one)
            return
        one.phase, one.round_closes_at = Phase.INTEGRATE, None
        await db.flush()
        await tell(db, one, "proposal_objected", [one.author_id])
    elif standing.quorate:
        await decided(
            db,
            one.tenant_id,
            one.id,
            outcome=Outcome.ADOPTED,
            decision={
                "method": "consent",
                "members": standing.members,
                "seen": standing.seen,
                "consents": standing.consents,
                "rounds": one.round,
            },
        )
    else:
        await escalate(db, one)


async def escalate(db: AsyncSession, one: Proposal) -> None:
    """Note that consent was not found in its time; whoever leads says where it goes. Holds the proposal."""
    one.phase, one.round_closes_at = Phase.ESCALATED, None
    await end_open_objections(db, one, ObjectionState.ESCALATED)
    await db.flush()
    actor = Actor.system(one.tenant_id)
    await audit.record(db, actor=actor, action="governance:proposal:escalated", subject_id=one.id)
    await tell_circle(db, one, "proposal_escalated")
