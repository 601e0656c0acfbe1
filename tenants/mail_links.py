"""Links sent by mail: to sign in without a password, or to confirm a new address.

Asking is answered alike whether or not the address is known: a row is written either way, and the worker
that mails it decides. The token is made at the moment of mailing and only its SHA-256 is kept. Opening the
link shows a page; only its button consumes. This file must never say whether an address is known.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import PersonId


class MailLinkPurpose(StrEnum):
    """What pressing the button of the linked page does."""

    SIGN_IN = "sign_in"
    CONFIRM = "confirm"


class MailLink(Base):
    """One link asked for; ``person_id`` is null if nobody is known at that address, and nothing is mailed."""

    __tablename__ = "mail_links"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_mail_links_expires_at", "expires_at"),
        Index("ix_mail_links_person_id", "person_id"),
        CheckConstraint("purpose IN ('sign_in', 'confirm')", name="purpose"),
        CheckConstraint("token_hash IS NULL OR octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint("email = lower(email) AND char_length(email) <= 254", name="email_is_lower_case"),
        CheckConstraint("consumed_at IS NULL OR token_hash IS NOT NULL", name="consumed_after_mailing"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    person_id: Mapped[PersonId | None] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    purpose: Mapped[MailLinkPurpose]
    email: Mapped[str]
    locale: Mapped[str] = mapped_column(server_default="fr")
    token_hash: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '20 minutes'"))
    consumed_at: Mapped[datetime | None]
