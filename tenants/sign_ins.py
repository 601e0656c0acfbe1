"""Sign-ins: each browser in which a person is signed in, listed to them and revocable one by one.

The browser keeps 32 random bytes, we keep their SHA-256. A new sign-in always has a new token. This
file must never store a full network address, nor let one person see another's sign-ins.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import PersonId


class SignInMethod(StrEnum):
    """How the person proved who they are."""

    PASSWORD = "password"  # noqa: S105 (a word, not a secret)
    MAIL_LINK = "mail_link"
    INVITATION = "invitation"


class SignIn(Base):
    """One browser of one person. ``address`` is shortened to its network, ``browser`` to two words."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_sign_ins_person_id", "person_id"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint("method IN ('password', 'mail_link', 'invitation')", name="method"),
        CheckConstraint("char_length(browser) <= 80 AND char_length(address) <= 60", name="shortened"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    person_id: Mapped[PersonId] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    token_hash: Mapped[bytes]
    method: Mapped[SignInMethod]
    browser: Mapped[str] = mapped_column(server_default="")
    address: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '30 days'"))
    revoked_at: Mapped[datetime | None]
