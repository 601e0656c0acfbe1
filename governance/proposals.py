"""Proposals: what members put to each other for decision, in versions, and how both are read.

A proposal belongs to one circle, whose members decide it (``consent``, or a vote); what follows from the decision is in
``effects``. Its kind, rule and person never change: its words, value and dates do, each time in a new version. This file
must never decide anything.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    and_,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.proposal_states import Method, Phase, ProposalKind, ProposalState
from tenants.actors import Actor, Role
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_

TITLE_LENGTH: Final = 200
REASONS_LENGTH: Final = 10_000


def _among(kinds: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{one}'" for one in kinds)


class Proposal(Base):
    """One proposal. ``version`` is its newest; ``round`` counts the objection rounds that were opened.

    ``round_closes_at`` is when the open round ends, ``escalates_at`` when consent has taken too long.
    ``effect_refused`` is the code of what stood in the way of the effect when it was last tried.
    """

    __tablename__ = "proposals"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "circle_id"], ["circles.tenant_id", "circles.id"]),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "mandate_id"], ["mandates.tenant_id", "mandates.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "register_seq"], ["register_lines.tenant_id", "register_lines.seq"]
        ),
        CheckConstraint(f"kind IN ({_among(ProposalKind)})", name="kind"),
        CheckConstraint(f"state IN ({_among(ProposalState)})", name="state"),
        CheckConstraint(f"phase IN ({_among(Phase)})", name="phase"),
        CheckConstraint(f"method IN ({_among(Method)})", name="method"),
        CheckConstraint(f"role IN ({_among(Role)})", name="role"),
        CheckConstraint("(state = 'discussed') = (phase IS NOT NULL)", name="phase_while_discussed"),
        CheckConstraint("(kind = 'amend_rule') = (rule IS NOT NULL)", name="rule_of_its_kind"),
        CheckConstraint(
            "(kind = 'give_mandate') = (membership_id IS NOT NULL) AND (kind = 'give_mandate') = (role IS NOT NULL)",
            name="person_of_its_kind",
        ),
        CheckConstraint("(kind = 'end_mandate') = (mandate_id IS NOT NULL)", name="mandate_of_its_kind"),
        CheckConstraint(
            "(phase IS NOT DISTINCT FROM 'objections') = (round_closes_at IS NOT NULL)", name="round_closes"
        ),
        CheckConstraint("phase IS DISTINCT FROM 'objections' OR round > 0", name="rounds_count"),
        CheckConstraint(
            "(state IN ('decided', 'in_force', 'rejected')) = (decided_at IS NOT NULL)"
            " AND (decided_at IS NULL) = (register_seq IS NULL) AND (decided_at IS NULL) = (method IS NULL)",
            name="decided",
        ),
        CheckConstraint("(state = 'withdrawn') = (withdrawn_at IS NOT NULL)", name="withdrawn"),
        CheckConstraint(
            "state = 'draft' OR withdrawn_at IS NOT NULL OR opened_at IS NOT NULL", name="opened"
        ),
        CheckConstraint("effect_refused IS NULL OR state = 'decided'", name="effect_refused"),
        Index("ix_proposals_state", "tenant_id", "state", "id"),
        Index("ix_proposals_rule", "tenant_id", "rule", "id"),
        Index("ix_proposals_circle", "tenant_id", "circle_id"),
        Index(
            "ix_proposals_rounds",
            "tenant_id",
            "round_closes_at",
            postgresql_where=text("phase = 'objections'"),
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    circle_id: Mapped[UUID]
    kind: Mapped[ProposalKind]
    author_id: Mapped[MembershipId]
    state: Mapped[ProposalState] = mapped_column(server_default="draft")
    phase: Mapped[Phase | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    rule: Mapped[str | None]
    membership_id: Mapped[MembershipId | None]
    role: Mapped[Role | None]
    mandate_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    opened_at: Mapped[datetime | None]
    round: Mapped[int] = mapped_column(server_default=text("0"))
    round_closes_at: Mapped[datetime | None]
    escalates_at: Mapped[datetime | None]
    method: Mapped[Method | None]
    decided_at: Mapped[datetime | None]
    takes_effect_at: Mapped[datetime | None]
    effect_refused: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    register_seq: Mapped[int | None] = mapped_column(BigInteger)


class ProposalVersion(Base):
    """What a proposal said at one time. ``value`` is a rule's; the days are those of the cooperative."""

    __tablename__ = "proposal_versions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "proposal_id"], ["proposals.tenant_id", "proposals.id"]),
        ForeignKeyConstraint(["tenant_id", "written_by"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(f"char_length(title) BETWEEN 1 AND {TITLE_LENGTH}", name="title_length"),
        CheckConstraint(f"char_length(reasons) BETWEEN 1 AND {REASONS_LENGTH}", name="reasons_length"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str]
    reasons: Mapped[str]
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    effective_on: Mapped[date | None]
    until_on: Mapped[date | None]
    written_by: Mapped[MembershipId]
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ProposalOver(Refusal):
    """The proposal is decided or withdrawn."""

    code = "proposal_over"
    message = N_("Cette proposition est décidée ou retirée : elle ne change plus.")


class ProposalNotThere(Refusal):
    """The proposal is at another stage."""

    code = "proposal_at_another_stage"
    message = N_("La proposition en est à une autre étape : relisez la page avant de continuer.")


class ProposalChanged(Refusal):
    """A newer version was written since the reader opened the page."""

    code = "proposal_changed"
    message = N_("Une nouvelle version a été écrite entre-temps : lisez-la avant de répondre.")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with its newest version."""

    proposal: Proposal
    version: ProposalVersion


# --- Reading -----------------------------------------------------------------------------------------


def _newest() -> Any:
    return and_(
        ProposalVersion.tenant_id == Proposal.tenant_id,
        ProposalVersion.proposal_id == Proposal.id,
        ProposalVersion.number == Proposal.version,
    )


async def proposals(
    db: AsyncSession,
    *,
    actor: Actor,
    state: ProposalState | None = None,
    kind: ProposalKind | None = None,
    rule: str | None = None,
    mine: bool = False,
    before: UUID | None = None,
    limit: int | None = 20,
) -> Sequence[Proposed]:
    """List proposals, the newest first, to any member; another's draft is never among them."""
    me = actor.member
    query = (
        select(Proposal, ProposalVersion)
        .join(ProposalVersion, _newest())
        .where(
            Proposal.tenant_id == actor.tenant_id,
            (Proposal.opened_at.is_not(None)) | (Proposal.author_id == me),
        )
    )
    if state is not None:
        query = query.where(Proposal.state == state)
    if kind is not None:
        query = query.where(Proposal.kind == kind)
    if rule is not None:
        query = query.where(Proposal.rule == rule)
    if mine:
        query = query.where(Proposal.author_id == me)
    if before is not None:
        query = query.where(Proposal.id < before)
    rows = await db.execute(query.order_by(Proposal.id.desc()).limit(limit))
    return [Proposed(one, version) for one, version in rows]


async def readable(db: AsyncSession, actor: Actor, proposal_id: UUID) -> Proposed:
    """One proposal, for a member. Raises NotFound, also for another's draft."""
    found = await _find(db, actor.tenant_id, proposal_id)
    if found.proposal.opened_at is None and found.proposal.author_id != actor.member:
        raise NotFound
    return found


async def public_proposal(db: AsyncSession, *, tenant_id: UUID, proposal_id: UUID) -> Proposed:
    """An adopted change of a rule, of which whoever shows it to strangers keeps words and names for members.

    Raises NotFound for anything else.
    """
    found = await _find(db, tenant_id, proposal_id)
    adopted = found.proposal.state in (ProposalState.DECIDED, ProposalState.IN_FORCE)
    if not adopted or found.proposal.kind is not ProposalKind.AMEND_RULE:
        raise NotFound
    return found


async def proposal_versions(
    db: AsyncSession, *, actor: Actor, proposal_id: UUID
) -> Sequence[ProposalVersion]:
    """Every version, the newest first. Raises as ``readable``."""
    found = await readable(db, actor, proposal_id)
    query = select(ProposalVersion).where(
        ProposalVersion.tenant_id == actor.tenant_id, ProposalVersion.proposal_id == found.proposal.id
    )
    return (await db.scalars(query.order_by(ProposalVersion.number.desc()))).all()


async def titles(db: AsyncSession, *, tenant_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, str]:
    """The newest title of each of these proposals."""
    query = (
        select(Proposal.id, ProposalVersion.title)
        .join(ProposalVersion, _newest())
        .where(Proposal.tenant_id == tenant_id, Proposal.id.in_(ids))
    )
    return {row.id: row.title for row in await db.execute(query)}


async def locked(db: AsyncSession, *, tenant_id: UUID, proposal_id: UUID) -> Proposed:
    """One proposal, its row held until the transaction ends. Raises NotFound."""
    return await _find(db, tenant_id, proposal_id, lock=True)


async def _find(db: AsyncSession, tenant_id: UUID, proposal_id: UUID, *, lock: bool = False) -> Proposed:
    query = select(Proposal).where(Proposal.tenant_id == tenant_id, Proposal.id == proposal_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = (await db.scalars(query)).one_or_none()
    if found is None:
        raise NotFound
    version = select(ProposalVersion).where(
        ProposalVersion.tenant_id == tenant_id,
        ProposalVersion.proposal_id == found.id,
        ProposalVersion.number == found.version,
    )
    return Proposed(found, (await db.scalars(version)).one())
