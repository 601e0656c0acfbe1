"""Invitations: a manager asks somebody in by mail; the person joins from their own mailbox.

The manager learns nothing about the address: a known and an unknown one are answered alike. The token is
made when the mail is written and only its SHA-256 is kept; opening the link shows a page, and only its
button consumes. This file must never sign anybody in without the token.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, MembershipId


class Invitation(Base):
    """One invitation to one (unclaimed) membership; good for 14 days from its last mailing."""

    __tablename__ = "invitations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "invited_by"], ["memberships.tenant_id", "memberships.id"]),
        Index("ix_invitations_token_hash", "token_hash", postgresql_where=text("token_hash IS NOT NULL")),
        Index("ix_invitations_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("token_hash IS NULL OR octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint("consumed_at IS NULL OR withdrawn_at IS NULL", name="one_end"),
        CheckConstraint("char_length(message) <= 2000", name="message_length"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    invited_by: Mapped[MembershipId | None]
    message: Mapped[str] = mapped_column(server_default="")
    token_hash: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '14 days'"))
    consumed_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
