"""People: who signs in. Only what signing in needs, seen and changed by that person alone.

Names and contacts belong to a membership, inside a cooperative. The policy of these tables looks at the
person of the transaction, so the application cannot list people; the few searches that signing in needs
are functions in ``people.sql``. This file must never hold a name, a role or a cooperative.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import PersonId


class Person(Base):
    """Somebody who can sign in; ``email`` is lower case; without a password they sign in by mail."""

    __tablename__ = "people"
    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint("email = lower(email) AND char_length(email) BETWEEN 3 AND 254", name="email_is_lower_case"),
        CheckConstraint("locale IN ('fr', 'en')", name="locale"),
    )

    person_id: Mapped[PersonId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    email: Mapped[str]
    password_hash: Mapped[str | None]
    password_changed_at: Mapped[datetime | None]
    locale: Mapped[str] = mapped_column(server_default="fr")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
