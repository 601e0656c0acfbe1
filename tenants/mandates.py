"""Mandates: what a member may do for the cooperative, for a term, by a decision.

A mandate is in force when its term holds now and it was not ended; roles come from nothing else. The last
manager cannot be taken away. This file must never change a term once given: it is ended, and another given.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Role
from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, MandateId, MembershipId
from tenants.platform.words import N_

ROLE_TITLES: Final = {
    Role.MANAGER: N_("Gestion"),
    Role.TREASURER: N_("Trésorerie"),
    Role.FACILITATOR: N_("Facilitation"),
    Role.OBSERVER: N_("Observation"),
    Role.MEDIATOR: N_("Médiation"),
    Role.STEWARD: N_("Intendance du pot solidaire"),
}


class Mandate(Base):
    """One role of one member for one term. ``decision_id`` is the line of the register that decided it, if any."""

    __tablename__ = "mandates"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "given_by"], ["memberships.tenant_id", "memberships.id"]),
        # A member holds a role once at a time; a mandate that was ended leaves room for another.
        ExcludeConstraint(
            ("tenant_id", "="),
            ("membership_id", "="),
            ("role", "="),
            ("term", "&&"),
            name="ex_mandates_same_role_twice",
            using="gist",
            where=text("ended_at IS NULL"),
        ),
        Index("ix_mandates_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("role IN ({})".format(", ".join(f"'{role}'" for role in Role)), name="role"),
        CheckConstraint("NOT isempty(term) AND lower(term) IS NOT NULL AND upper(term) IS NOT NULL", name="term"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="end_has_a_reason"),
        CheckConstraint("char_length(ended_reason) <= 200", name="ended_reason_length"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[MandateId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    role: Mapped[Role]
    term: Mapped[Range[datetime]] = mapped_column(TSTZRANGE())
    decision_id: Mapped[UUID | None]
    given_by: Mapped[MembershipId | None]
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ending_noticed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None]
