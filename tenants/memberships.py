"""Memberships: a person's place in one cooperative, with the name and contacts they gave there.

A membership begins as an invitation nobody has claimed (``person_id`` null) and becomes active when
somebody accepts it from their mailbox. Leaving keeps the row, for what was done stays attributed. This file
must never touch ``people``, nor show a contact to anyone but members of the same cooperative.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, MembershipId, PersonId

DISPLAY_NAME_LENGTH = 80


class MembershipState(StrEnum):
    """Where the membership stands; only an active one may act."""

    INVITED = "invited"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class Membership(Base):
    """One member of one cooperative."""

    __tablename__ = "memberships"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        # Null persons are distinct: many invitations may be unclaimed at once.
        UniqueConstraint("tenant_id", "person_id"),
        Index(
            "uq_memberships_tenant_id_contact_email_invited",
            "tenant_id",
            "contact_email",
            unique=True,
            postgresql_where=text("state = 'invited'"),
        ),
        Index("ix_memberships_tenant_id_display_name_id", "tenant_id", "display_name", "id"),
        Index("ix_memberships_person_id", "person_id"),
        CheckConstraint("state IN ('invited', 'active', 'suspended', 'left')", name="state"),
        CheckConstraint("(state = 'invited') = (joined_at IS NULL)", name="joined_unless_invited"),
        CheckConstraint("state IN ('invited', 'left') OR person_id IS NOT NULL", name="claimed_when_active"),
        CheckConstraint(f"char_length(display_name) BETWEEN 1 AND {DISPLAY_NAME_LENGTH}", name="display_name_length"),
        CheckConstraint("contact_email = lower(contact_email)", name="contact_email_is_lower_case"),
        CheckConstraint("char_length(presentation) <= 10000", name="presentation_length"),
        CheckConstraint("territory IS NULL OR territory ~ '^([0-9]{2,3}|2A|2B)$'", name="territory"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[MembershipId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    person_id: Mapped[PersonId | None] = mapped_column(ForeignKey("people.person_id"))
    state: Mapped[MembershipState] = mapped_column(server_default="invited")
    display_name: Mapped[str]
    contact_email: Mapped[str]
    contact_phone: Mapped[str | None]
    territory: Mapped[str | None]
    presentation: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    joined_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
