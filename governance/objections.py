"""Objections: what a member of the circle says would harm it, and how each came to its end.

An objection is never voted down: it is integrated in a later version, withdrawn by its author, set aside for want of
reasons (by whom, and why, is written), carried along when the proposal goes further, or abandoned with the proposal. This
file must never end one by itself.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.proposals import Proposal
from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.errors import NotFound
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_

OBJECTION_LENGTH: Final = 2_000


class ObjectionState(StrEnum):
    """Open, or how it ended."""

    OPEN = "open"
    INTEGRATED = "integrated"
    WITHDRAWN = "withdrawn"
    INVALID = "invalid"
    ESCALATED = "escalated"
    ABANDONED = "abandoned"


OBJECTION_TITLES: Final = {
    ObjectionState.OPEN: N_("Ouverte"),
    ObjectionState.INTEGRATED: N_("Intégrée"),
    ObjectionState.WITHDRAWN: N_("Retirée par son auteur"),
    ObjectionState.INVALID: N_("Écartée"),
    ObjectionState.ESCALATED: N_("Portée plus loin"),
    ObjectionState.ABANDONED: N_("Sans objet : proposition retirée"),
}


class Objection(Base):
    """One objection to one version: what harm, to which role in the circle, and why it would come.

    ``ended_reason`` says why it was set aside, by ``ended_by``; ``integrated_in`` is the version that took it up.
    """

    __tablename__ = "objections"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "proposal_id", "version"],
            ["proposal_versions.tenant_id", "proposal_versions.proposal_id", "proposal_versions.number"],
        ),
        ForeignKeyConstraint(
            ["tenant_id", "proposal_id", "integrated_in"],
            ["proposal_versions.tenant_id", "proposal_versions.proposal_id", "proposal_versions.number"],
        ),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "ended_by"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(
            "state IN ('open', 'integrated', 'withdrawn', 'invalid', 'escalated', 'abandoned')", name="state"
        ),
        CheckConstraint(f"char_length(harm) BETWEEN 1 AND {OBJECTION_LENGTH}", name="harm_length"),
        CheckConstraint("char_length(role_harmed) BETWEEN 1 AND 200", name="role_harmed_length"),
        CheckConstraint(f"char_length(reasons) BETWEEN 1 AND {OBJECTION_LENGTH}", name="reasons_length"),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("(state = 'integrated') = (integrated_in IS NOT NULL)", name="integrated_in"),
        CheckConstraint("integrated_in > version", name="integrated_later"),
        CheckConstraint(
            "state <> 'invalid' OR (ended_by IS NOT NULL AND ended_reason <> '' AND ended_by <> author_id)",
            name="set_aside_by_another_for_a_reason",
        ),
        Index("ix_objections_proposal", "tenant_id", "proposal_id", "id"),
        # One open objection of each member: what they add to it, they write in the discussion.
        Index(
            "uq_objections_open",
            "tenant_id",
            "proposal_id",
            "author_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    proposal_id: Mapped[UUID]
    version: Mapped[int]
    round: Mapped[int]
    author_id: Mapped[MembershipId]
    harm: Mapped[str]
    role_harmed: Mapped[str]
    reasons: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    state: Mapped[ObjectionState] = mapped_column(server_default="open")
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[MembershipId | None]
    ended_reason: Mapped[str] = mapped_column(server_default="")
    integrated_in: Mapped[int | None]


async def objections_to(db: AsyncSession, one: Proposal) -> Sequence[Objection]:
    """Every objection to a proposal that the caller may read, the oldest first."""
    query = select(Objection).where(Objection.tenant_id == one.tenant_id, Objection.proposal_id == one.id)
    return (await db.scalars(query.order_by(Objection.id))).all()


async def open_objections(db: AsyncSession, one: Proposal) -> Sequence[Objection]:
    """The objections that stand in the way now, the oldest first. The caller holds the proposal."""
    query = select(Objection).where(
        Objection.tenant_id == one.tenant_id,
        Objection.proposal_id == one.id,
        Objection.state == ObjectionState.OPEN,
    )
    found = await db.scalars(query.order_by(Objection.id), execution_options={"populate_existing": True})
    return found.all()


async def end_open_objections(db: AsyncSession, one: Proposal, state: ObjectionState) -> None:
    """End every open objection in the same way. The caller holds the proposal."""
    await db.execute(
        update(Objection)
        .where(
            Objection.tenant_id == one.tenant_id,
            Objection.proposal_id == one.id,
            Objection.state == ObjectionState.OPEN,
        )
        .values(state=state, ended_at=func.clock_timestamp())
    )


async def objection_of(db: AsyncSession, actor: Actor, objection_id: UUID) -> Objection:
    """One objection, to find its proposal; it is read again under the proposal's lock. Raises NotFound."""
    _ = actor.member
    query = select(Objection).where(Objection.tenant_id == actor.tenant_id, Objection.id == objection_id)
    found = (await db.scalars(query)).one_or_none()
    if found is None:
        raise NotFound
    return found
