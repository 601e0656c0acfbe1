"""Recorded assemblies: how members change their rules where they meet, until they vote here.

A manager or a facilitator records the minutes and the resolutions (``assembly_records``); two persons with different
mandates sign the same text, and the second signature writes the new versions into the rulebook and a line into the
register (``assembly_signatures``). This file holds the tables and how they are read; it must never change a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_

MINUTES_LENGTH: Final = 50_000
PLACE_LENGTH: Final = 200
MOST_MEMBERS: Final = 1_000_000
RECORDING_ROLES: Final = (Role.MANAGER, Role.FACILITATOR)
SIGNING_ROLES: Final = (Role.MANAGER, Role.TREASURER, Role.FACILITATOR)


class AssemblyState(StrEnum):
    """Where the minutes stand. What is in force or withdrawn never changes again."""

    DRAFT = "draft"
    SIGNED_ONCE = "signed_once"
    IN_FORCE = "in_force"
    WITHDRAWN = "withdrawn"


class Majority(StrEnum):
    """How many of the votes cast (for and against; abstentions apart) a resolution needs."""

    MORE_THAN_HALF = "more_than_half"
    TWO_THIRDS = "two_thirds"
    THREE_QUARTERS = "three_quarters"

    def reached(self, votes_for: int, votes_against: int) -> bool:
        """Whether it is: more than one half, at least two thirds, at least three quarters."""
        cast = votes_for + votes_against
        match self:
            case Majority.MORE_THAN_HALF:
                return 2 * votes_for > cast
            case Majority.TWO_THIRDS:
                return cast > 0 and Fraction(votes_for, cast) >= Fraction(2, 3)
            case Majority.THREE_QUARTERS:
                return cast > 0 and Fraction(votes_for, cast) >= Fraction(3, 4)


MAJORITY_TITLES: Final = {
    Majority.MORE_THAN_HALF: N_("plus de la moitié des voix"),
    Majority.TWO_THIRDS: N_("au moins deux tiers des voix"),
    Majority.THREE_QUARTERS: N_("au moins trois quarts des voix"),
}


class Assembly(Base):
    """The minutes of one assembly. ``version`` counts the corrections: who signs, signs one version.

    ``minutes`` are Markdown, for members only; the counts are of members.
    """

    __tablename__ = "assemblies"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "recorded_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "withdrawn_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "register_seq"], ["register_lines.tenant_id", "register_lines.seq"]
        ),
        CheckConstraint("state IN ('draft', 'signed_once', 'in_force', 'withdrawn')", name="state"),
        CheckConstraint("present_count >= 0 AND represented_count >= 0", name="counts_from_zero"),
        CheckConstraint("present_count + represented_count <= members_count", name="no_more_than_members"),
        CheckConstraint(f"members_count BETWEEN 1 AND {MOST_MEMBERS}", name="members_count"),
        CheckConstraint("quorum_required_count BETWEEN 0 AND members_count", name="quorum_required"),
        CheckConstraint(
            "state <> 'in_force' OR present_count + represented_count >= quorum_required_count",
            name="quorum_reached",
        ),
        CheckConstraint(f"char_length(minutes) BETWEEN 1 AND {MINUTES_LENGTH}", name="minutes_length"),
        CheckConstraint(f"char_length(place) BETWEEN 1 AND {PLACE_LENGTH}", name="place_length"),
        CheckConstraint("(state = 'in_force') = (register_seq IS NOT NULL)", name="in_force_is_registered"),
        CheckConstraint("(state = 'in_force') = (in_force_at IS NOT NULL)", name="in_force_at"),
        CheckConstraint("(state = 'withdrawn') = (withdrawn_at IS NOT NULL)", name="withdrawn_at"),
        Index("ix_assemblies_held_on", "tenant_id", "held_on", "id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    state: Mapped[AssemblyState] = mapped_column(server_default="draft")
    version: Mapped[int] = mapped_column(server_default=text("1"))
    held_on: Mapped[date]
    place: Mapped[str]
    minutes: Mapped[str]
    members_count: Mapped[int]
    present_count: Mapped[int]
    represented_count: Mapped[int]
    quorum_required_count: Mapped[int]
    recorded_by: Mapped[MembershipId]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_by: Mapped[MembershipId | None]
    withdrawn_at: Mapped[datetime | None]
    in_force_at: Mapped[datetime | None]
    register_seq: Mapped[int | None] = mapped_column(BigInteger)

    @property
    def votes_count(self) -> int:
        """How many members were there or represented."""
        return self.present_count + self.represented_count


class AssemblyResolution(Base):
    """One change that the assembly voted: a rule, its new value, the votes, the day it takes effect."""

    __tablename__ = "assembly_resolutions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "assembly_id"], ["assemblies.tenant_id", "assemblies.id"]),
        UniqueConstraint("tenant_id", "assembly_id", "rule", "effective_on"),
        CheckConstraint("majority IN ('more_than_half', 'two_thirds', 'three_quarters')", name="majority"),
        CheckConstraint(
            "votes_for >= 0 AND votes_against >= 0 AND votes_abstain >= 0", name="votes_from_zero"
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    assembly_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    rule: Mapped[str]
    value: Mapped[Any] = mapped_column(JSONB, nullable=False)
    votes_for: Mapped[int]
    votes_against: Mapped[int]
    votes_abstain: Mapped[int]
    majority: Mapped[Majority]
    effective_on: Mapped[date]


class AssemblySignature(Base):
    """One person signed one version under one mandate. A correction deletes what was signed before it."""

    __tablename__ = "assembly_signatures"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "assembly_id"], ["assemblies.tenant_id", "assemblies.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        UniqueConstraint("tenant_id", "assembly_id", "role"),
        CheckConstraint("role IN ('manager', 'treasurer', 'facilitator')", name="role"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    assembly_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    role: Mapped[Role]
    version: Mapped[int]
    signed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AssemblyClosed(Refusal):
    """The minutes are in force or withdrawn: nothing about them changes any more."""

    status = 409
    code = "assembly_closed"
    message = N_("Ce compte rendu est déjà en vigueur ou retiré : il ne peut plus changer.")


class AssemblyChanged(Refusal):
    """The minutes were corrected since the reader opened them."""

    status = 409
    code = "assembly_changed"
    message = N_("Ce compte rendu a été corrigé entre-temps : relisez-le avant de continuer.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the minutes say of the assembly itself; ``minutes`` are Markdown, the counts are of members."""

    held_on: date
    place: str
    minutes: str
    members_count: int
    present_count: int
    represented_count: int
    quorum_required_count: int

    @property
    def votes_count(self) -> int:
        """How many members were there or represented."""
        return self.present_count + self.represented_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A resolution as it is recorded."""

    rule: str
    value: Any
    votes_for: int
    votes_against: int
    votes_abstain: int
    effective_on: date
    majority: Majority = Majority.MORE_THAN_HALF


@dataclass(frozen=True, slots=True)
class Recorded:
    """An assembly with all that belongs to it."""

    assembly: Assembly
    resolutions: Sequence[AssemblyResolution]
    signatures: Sequence[AssemblySignature]


# --- Reading -----------------------------------------------------------------------------------------


def sees_drafts(actor: Actor | None) -> bool:
    """Whether the reader may see minutes that are not in force: those who record and those who sign."""
    return actor is not None and actor.holds(*SIGNING_ROLES)


async def assemblies(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    actor: Actor | None,
    limit: int | None = 50,
    before: UUID | None = None,
) -> Sequence[Assembly]:
    """List assemblies, the last recorded first; drafts and withdrawn ones only for who may sign.

    Anyone may read the list; whoever shows it keeps ``minutes`` for members.
    """
    query = select(Assembly).where(Assembly.tenant_id == tenant_id)
    if not sees_drafts(actor):
        query = query.where(Assembly.state == AssemblyState.IN_FORCE)
    if before:
        query = query.where(Assembly.id < before)
    return (await db.scalars(query.order_by(Assembly.id.desc()).limit(limit))).all()


async def assembly(db: AsyncSession, *, tenant_id: UUID, actor: Actor | None, assembly_id: UUID) -> Recorded:
    """One assembly with its resolutions and signatures. Raises NotFound, also for a draft one may not see."""
    query = select(Assembly).where(Assembly.tenant_id == tenant_id, Assembly.id == assembly_id)
    found = (await db.scalars(query)).one_or_none()
    if found is None or not (found.state is AssemblyState.IN_FORCE or sees_drafts(actor)):
        raise NotFound
    return await whole(db, found)


async def whole(db: AsyncSession, found: Assembly) -> Recorded:
    """Join to an assembly what belongs to it."""
    mine = (AssemblyResolution.tenant_id == found.tenant_id, AssemblyResolution.assembly_id == found.id)
    resolutions = await db.scalars(
        select(AssemblyResolution).where(*mine).order_by(AssemblyResolution.position)
    )
    signed = (AssemblySignature.tenant_id == found.tenant_id, AssemblySignature.assembly_id == found.id)
    signatures = await db.scalars(
        select(AssemblySignature).where(*signed).order_by(AssemblySignature.signed_at)
    )
    return Recorded(found, resolutions.all(), signatures.all())


async def locked(db: AsyncSession, *, actor: Actor, assembly_id: UUID, version: int) -> Recorded:
    """One assembly that may still change, its row locked. Raises NotFound, AssemblyClosed, AssemblyChanged."""
    query = select(Assembly).where(Assembly.tenant_id == actor.tenant_id, Assembly.id == assembly_id)
    found = (
        await db.scalars(query.with_for_update(), execution_options={"populate_existing": True})
    ).one_or_none()
    if found is None:
        raise NotFound
    if found.state not in (AssemblyState.DRAFT, AssemblyState.SIGNED_ONCE):
        raise AssemblyClosed
    if found.version != version:
        raise AssemblyChanged
    return await whole(db, found)
