"""Circles: who decides what. Each has a purpose, a parent, members, and a perimeter of rules and funds.

A cooperative has one root circle, whose id is the cooperative's own: every active member is in it, and it decides
whatever no other open circle does. It is made with the cooperative (``governance.sql``). This file asks; what
changes circles is in ``circle_changes``, ``circle_perimeters`` and ``circle_seats``. It must never let a scope belong to
two open circles, nor count somebody as a member whose membership is not active.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    exists,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Mapped, aliased, mapped_column
from sqlalchemy.sql import column, table

from tenants.actors import Actor
from tenants.memberships import Membership, MembershipState
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CircleId, CooperativeId, MembershipId
from tenants.platform.words import N_

NAME_LENGTH: Final = 80
PURPOSE_LENGTH: Final = 2_000


class Circle(Base):
    """One circle. Its parent never changes, so circles are a tree by construction; the root has none, and stays open."""

    __tablename__ = "circles"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "parent_id"], ["circles.tenant_id", "circles.id"]),
        CheckConstraint("(parent_id IS NULL) = (id = tenant_id)", name="root_is_the_cooperative"),
        CheckConstraint("parent_id IS NOT NULL OR closed_at IS NULL", name="root_stays_open"),
        CheckConstraint("parent_id <> id", name="no_circle_in_itself"),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {NAME_LENGTH}", name="name_length"),
        CheckConstraint(f"char_length(purpose) <= {PURPOSE_LENGTH}", name="purpose_length"),
        Index(
            "uq_circles_tenant_id_name_open",
            "tenant_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_circles_tenant_id_parent_id", "tenant_id", "parent_id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[CircleId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    name: Mapped[str]
    purpose: Mapped[str] = mapped_column(server_default="")
    parent_id: Mapped[CircleId | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]

    @property
    def is_root(self) -> bool:
        """Whether every active member is in it."""
        return self.parent_id is None


class CircleSeat(Base):
    """Somebody's place in a circle other than the root, for as long as ``left_at`` is null."""

    __tablename__ = "circle_members"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "circle_id"], ["circles.tenant_id", "circles.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        Index(
            "uq_circle_members_seated",
            "tenant_id",
            "circle_id",
            "membership_id",
            unique=True,
            postgresql_where=text("left_at IS NULL"),
        ),
        Index("ix_circle_members_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("circle_id <> tenant_id", name="nobody_is_put_into_the_root"),
        CheckConstraint("left_at >= joined_at", name="left_after_joining"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    circle_id: Mapped[CircleId]
    membership_id: Mapped[MembershipId]
    joined_at: Mapped[datetime] = mapped_column(server_default=func.now())
    left_at: Mapped[datetime | None]


class CirclePerimeter(Base):
    """A scope that a circle decides, until ``ended_at``. The root has none: it decides what no other does."""

    __tablename__ = "circle_perimeters"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "circle_id"], ["circles.tenant_id", "circles.id"]),
        Index(
            "uq_circle_perimeters_scope_held",
            "tenant_id",
            "scope",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_circle_perimeters_tenant_id_circle_id", "tenant_id", "circle_id"),
        CheckConstraint("circle_id <> tenant_id", name="the_root_has_no_list"),
        CheckConstraint("scope ~ '^(rule|fund):[a-z][a-z0-9_.]*$'", name="scope"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    circle_id: Mapped[CircleId]
    scope: Mapped[str]
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class CircleClosed(Refusal):
    """The circle is closed: nothing happens in it any more."""

    code = "circle_closed"
    message = N_("Le cercle « {name} » est fermé.")


def root_of(tenant_id: UUID) -> CircleId:
    """The id of the root circle."""
    return CircleId(tenant_id)


async def find_circle(
    db: AsyncSession, tenant_id: UUID, circle_id: UUID, *, open_only: bool = False
) -> Circle:
    """One circle. Raises NotFound, and with ``open_only`` CircleClosed."""
    found = await db.get(Circle, (tenant_id, circle_id))
    if found is None:
        raise NotFound
    if open_only and found.closed_at is not None:
        raise CircleClosed(name=found.name)
    return found


async def circle_for(db: AsyncSession, tenant_id: UUID, scope: str) -> Circle:
    """The circle that decides ``scope`` (``rule:timebank.credit_limit_low``, ``fund:pot``): the root if no other does."""
    held = select(CirclePerimeter.circle_id).where(
        CirclePerimeter.tenant_id == tenant_id,
        CirclePerimeter.scope == scope,
        CirclePerimeter.ended_at.is_(None),
    )
    wanted = func.coalesce(held.scalar_subquery(), root_of(tenant_id))
    query = select(Circle).where(Circle.tenant_id == tenant_id, Circle.id == wanted)
    return (await db.scalars(query)).one()


async def circles(
    db: AsyncSession, *, actor: Actor, closed: bool = False, membership_id: UUID | None = None
) -> Sequence[Circle]:
    """List the open circles (or the closed ones), the root first, then by name; or those in which a member is now.

    Any member may read it.
    """
    _ = actor.member
    query = select(Circle).where(Circle.tenant_id == actor.tenant_id)
    query = query.where(Circle.closed_at.is_not(None) if closed else Circle.closed_at.is_(None))
    if membership_id is not None:
        query = query.join(Membership, Membership.tenant_id == Circle.tenant_id)
        query = query.where(Membership.id == membership_id, sits_in(Circle.id))
    return (await db.scalars(query.order_by(Circle.parent_id.is_not(None), func.lower(Circle.name)))).all()


async def circle(db: AsyncSession, *, actor: Actor, circle_id: UUID) -> Circle:
    """One circle, open or closed, for any member. Raises NotFound."""
    _ = actor.member
    return await find_circle(db, actor.tenant_id, circle_id)


# --- Who is in a circle ------------------------------------------------------------------------------

# The columns alone: mandates are given to members of a circle, and so stand above this file.
_MANDATES = table(
    "circle_mandates",
    column("tenant_id"),
    column("circle_id"),
    column("membership_id"),
    column("role"),
    column("term", TSTZRANGE),
    column("ended_at"),
)


def sits_in(circle_id: InstrumentedAttribute[CircleId] | UUID) -> ColumnElement[bool]:
    """Whether a ``Membership`` is in this open circle now: seated, sent by a child circle, or anybody in the root."""
    open_one, child = aliased(Circle), aliased(Circle)
    # Said, since two levels further in SQLAlchemy no longer sees by itself whose rows are meant.
    seated = (
        exists()
        .where(
            CircleSeat.tenant_id == Membership.tenant_id,
            CircleSeat.circle_id == open_one.id,
            CircleSeat.membership_id == Membership.id,
            CircleSeat.left_at.is_(None),
        )
        .correlate(Membership, open_one)
    )
    sent = (
        exists()
        .where(
            child.tenant_id == open_one.tenant_id,
            child.parent_id == open_one.id,
            child.closed_at.is_(None),
            _MANDATES.c.tenant_id == child.tenant_id,
            _MANDATES.c.circle_id == child.id,
            _MANDATES.c.membership_id == Membership.id,
            _MANDATES.c.role == "delegate",
            _MANDATES.c.ended_at.is_(None),
            _MANDATES.c.term.op("@>")(func.now()),
        )
        .correlate(Membership, open_one)
    )
    inside = exists().where(
        open_one.tenant_id == Membership.tenant_id,
        open_one.id == circle_id,
        open_one.closed_at.is_(None),
        or_(open_one.parent_id.is_(None), seated, sent),
    )
    return (Membership.state == MembershipState.ACTIVE) & inside.correlate(Membership, Circle)


async def is_in_circle(db: AsyncSession, tenant_id: UUID, circle_id: UUID, membership_id: UUID) -> bool:
    """Whether an active member is in this open circle now."""
    query = select(
        exists().where(Membership.tenant_id == tenant_id, Membership.id == membership_id, sits_in(circle_id))
    )
    return bool((await db.execute(query)).scalar_one())


async def circle_members(db: AsyncSession, tenant_id: UUID, circle_id: UUID) -> Sequence[MembershipId]:
    """The active members who are in this open circle now, in the order of their ids."""
    query = select(Membership.id).where(Membership.tenant_id == tenant_id, sits_in(circle_id))
    return (await db.scalars(query.order_by(Membership.id))).all()
