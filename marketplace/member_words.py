"""What each member is found by, of what they show to every member: words, keys, and names that a slip is compared with.

Triggers in ``member_search.sql`` keep both tables, whoever changes a profile. This file must never be written to
from Python, nor hold what somebody shows to a few only.
"""

from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from tenants.memberships import MembershipState
from tenants.platform.database import Base

_EVERY_WORD_AT_ONCE: Final = {"fastupdate": "off"}


class MemberWords(Base):
    """The words and keys of one member. ``facets`` are the keys that are counted; the days bound the key ``free``."""

    __tablename__ = "member_words"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"], ondelete="CASCADE"
        ),
        Index(
            "ix_member_words_words",
            "words",
            postgresql_using="gin",
            postgresql_with=_EVERY_WORD_AT_ONCE,
        ),
        # The list by name, of which a common word is a part.
        Index("ix_member_words_listed", "tenant_id", "state", "sort_name", "membership_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[MembershipState]
    sort_name: Mapped[str]
    free_from: Mapped[date | None]
    free_until: Mapped[date | None]
    # What index_members() was when it wrote this.
    edition: Mapped[int] = mapped_column(SmallInteger)
    facets: Mapped[list[str]] = mapped_column(ARRAY(Text))
    words: Mapped[str] = mapped_column(TSVECTOR)


class MemberVocabulary(Base):
    """A word of a name, or of what members say of themselves, without case and accents."""

    __tablename__ = "member_vocabulary"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        CheckConstraint("word ~ '^[a-z]{4,30}$'", name="word"),
        Index(
            "ix_member_vocabulary_name",
            "tenant_id",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
            postgresql_with=_EVERY_WORD_AT_ONCE,
            postgresql_where=text("of_name"),
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    of_name: Mapped[bool] = mapped_column(primary_key=True)
    # Compared byte by byte, so that those that begin alike stand together in the key's own index.
    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
