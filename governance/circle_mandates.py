"""Mandates of a circle: who facilitates it, keeps its promises, or speaks for it in the parent circle, for a term.

A mandate is in force when its term holds now, it was not ended, and its holder is in the circle. A delegate is a member of
the parent circle for as long (``circles.sits_in``). This file must never change a term once given: it is ended,
and another given.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    and_,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from governance.circles import sits_in
from tenants.memberships import Membership
from tenants.platform.database import Base
from tenants.platform.ids import CircleId, CooperativeId, MembershipId
from tenants.platform.words import N_


class CircleRole(StrEnum):
    """What a mandate makes of a member of a circle."""

    FACILITATOR = "facilitator"
    STEWARD = "steward"
    DELEGATE = "delegate"


CIRCLE_ROLE_TITLES: Final = {
    CircleRole.FACILITATOR: N_("Facilitation"),
    CircleRole.STEWARD: N_("Intendance"),
    CircleRole.DELEGATE: N_("Délégation au cercle parent"),
}
CIRCLE_ROLE_WORDS: Final = {
    CircleRole.FACILITATOR: N_("Anime les décisions du cercle, tient à jour ses membres et ses mandats."),
    CircleRole.STEWARD: N_("Veille à ce que les décisions du cercle se réalisent."),
    CircleRole.DELEGATE: N_("Porte la voix du cercle dans le cercle parent, dont elle ou il est membre."),
}


class CircleEndReason(StrEnum):
    """Why a mandate of a circle ended."""

    TERM = "term"
    GIVEN_UP = "given_up"
    TAKEN_BACK = "taken_back"
    LEFT = "left"
    CLOSED = "closed"


class CircleMandate(Base):
    """One role of one member of a circle, for one term. ``decision_id`` is the proposal that gave it, if any."""

    __tablename__ = "circle_mandates"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "circle_id"], ["circles.tenant_id", "circles.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "given_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "register_seq"], ["register_lines.tenant_id", "register_lines.seq"]
        ),
        # A member holds a role of a circle once at a time; a mandate that was ended leaves room for another.
        ExcludeConstraint(
            ("tenant_id", "="),
            ("circle_id", "="),
            ("membership_id", "="),
            ("role", "="),
            ("term", "&&"),
            name="ex_circle_mandates_same_role_twice",
            using="gist",
            where=text("ended_at IS NULL"),
        ),
        Index("ix_circle_mandates_tenant_id_circle_id", "tenant_id", "circle_id"),
        Index("ix_circle_mandates_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("role IN ('facilitator', 'steward', 'delegate')", name="role"),
        CheckConstraint("role <> 'delegate' OR circle_id <> tenant_id", name="the_root_has_no_parent"),
        CheckConstraint(
            "NOT isempty(term) AND lower(term) IS NOT NULL AND upper(term) IS NOT NULL", name="term"
        ),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="end_has_a_reason"),
        CheckConstraint(
            "ended_reason IN ('term', 'given_up', 'taken_back', 'left', 'closed')", name="ended_reason"
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    circle_id: Mapped[CircleId]
    membership_id: Mapped[MembershipId]
    role: Mapped[CircleRole]
    term: Mapped[Range[datetime]] = mapped_column(TSTZRANGE())
    decision_id: Mapped[UUID | None]
    register_seq: Mapped[int | None] = mapped_column(BigInteger)
    given_by: Mapped[MembershipId | None]
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ending_noticed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[CircleEndReason | None]

    @property
    def last_moment(self) -> datetime:
        """The last moment of the term, whose day people read as its end."""
        assert self.term.upper is not None, "every term ends"
        return self.term.upper - timedelta(microseconds=1)


def in_force() -> ColumnElement[bool]:
    """Whether a ``CircleMandate`` holds now; that its holder is still in the circle is asked of ``sits_in``."""
    return and_(CircleMandate.ended_at.is_(None), CircleMandate.term.contains(func.now()))


async def holds_in_circle(
    db: AsyncSession, tenant_id: UUID, circle_id: UUID, membership_id: UUID, role: CircleRole
) -> bool:
    """Whether an active member of this open circle holds this role in it now."""
    query = (
        select(CircleMandate.id)
        .join(
            Membership,
            and_(
                Membership.tenant_id == CircleMandate.tenant_id, Membership.id == CircleMandate.membership_id
            ),
        )
        .where(
            CircleMandate.tenant_id == tenant_id,
            CircleMandate.circle_id == circle_id,
            CircleMandate.membership_id == membership_id,
            CircleMandate.role == role,
            in_force(),
            sits_in(circle_id),
        )
        .limit(1)
    )
    return await db.scalar(query) is not None
