"""Colleges: groups of members whose votes are weighed, and how much each weighs at a given moment.

The colleges are those that the rule ``governance.college_weights`` names: a version of it makes the ones that are not
there yet (``governance.sql``), and its name never changes. A member is in at most one. This file must never hold a
weight: those are in the rulebook.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.college_weights import COLLEGE_WEIGHTS, shares_of
from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.ids import CollegeId, CooperativeId, MembershipId
from tenants.rulebook import value_in_force

NAME_LENGTH: Final = 60


class College(Base):
    """A college, by the name under which the rulebook weighs it. It weighs nothing where no version names it."""

    __tablename__ = "colleges"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {NAME_LENGTH}", name="name_length"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[CollegeId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CollegePlace(Base):
    """Somebody's place in a college, for as long as ``left_at`` is null: one at a time."""

    __tablename__ = "college_members"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "college_id"], ["colleges.tenant_id", "colleges.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        Index(
            "uq_college_members_one_at_a_time",
            "tenant_id",
            "membership_id",
            unique=True,
            postgresql_where=text("left_at IS NULL"),
        ),
        Index("ix_college_members_tenant_id_college_id", "tenant_id", "college_id"),
        CheckConstraint("left_at >= joined_at", name="left_after_joining"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    college_id: Mapped[CollegeId]
    membership_id: Mapped[MembershipId]
    joined_at: Mapped[datetime] = mapped_column(server_default=func.now())
    left_at: Mapped[datetime | None]


async def college_weights(
    db: AsyncSession, tenant_id: UUID, at: datetime | None = None
) -> Mapping[CollegeId, Fraction]:
    """What each college weighs at ``at`` (default: now), by exact fractions whose sum is one.

    Empty where the cooperative votes without colleges. Raises NoRuleInForce for a moment before the rule.
    """
    shares = shares_of(await value_in_force(db, rule=COLLEGE_WEIGHTS, moment=at, tenant_id=tenant_id))
    if not shares:
        return {}
    query = select(College).where(College.tenant_id == tenant_id, College.name.in_(shares))
    return {college.id: shares[college.name] for college in await db.scalars(query.order_by(College.name))}


async def colleges_of(
    db: AsyncSession, tenant_id: UUID, membership_ids: Collection[UUID]
) -> Mapping[MembershipId, CollegeId]:
    """The college of each of these members now; who has none is left out.

    A college that weighs nothing now is answered too: whoever counts compares with ``college_weights``.
    """
    query = select(CollegePlace.membership_id, CollegePlace.college_id).where(
        CollegePlace.tenant_id == tenant_id,
        CollegePlace.membership_id == func.any(list(membership_ids)),
        CollegePlace.left_at.is_(None),
    )
    return {row.membership_id: row.college_id for row in await db.execute(query)}


async def colleges(db: AsyncSession, *, actor: Actor) -> Sequence[College]:
    """Every college there is or was, by name; those that weigh something now are in ``college_weights``."""
    _ = actor.member
    query = select(College).where(College.tenant_id == actor.tenant_id)
    return (await db.scalars(query.order_by(func.lower(College.name)))).all()
