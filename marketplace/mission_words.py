"""What each mission is found by: its words in two languages, its keys, and the words that a slip is compared with.

Triggers in ``search.sql`` keep both tables, whoever writes a mission. This file must never be written to from
Python, nor hold a text as somebody wrote it.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base


class MissionWords(Base):
    """The words and keys of one mission. ``facets`` are the keys that are counted."""

    __tablename__ = "mission_words"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"], ondelete="CASCADE"
        ),
        # Every word at once in the index, none in a list that each search would have to read.
        Index(
            "ix_mission_words_words",
            "words",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    mission_id: Mapped[UUID] = mapped_column(primary_key=True)
    listed_at: Mapped[datetime]
    published: Mapped[bool]
    # What index_mission() was when it wrote this.
    edition: Mapped[int] = mapped_column(SmallInteger)
    facets: Mapped[list[str]] = mapped_column(ARRAY(Text))
    words: Mapped[str] = mapped_column(TSVECTOR)


class MissionVocabulary(Base):
    """A word that published missions of a cooperative use, without case and accents."""

    __tablename__ = "mission_vocabulary"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        CheckConstraint("word ~ '^[a-z]{4,30}$'", name="word"),
        Index(
            "ix_mission_vocabulary_word",
            "tenant_id",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
            postgresql_with={"fastupdate": "off"},
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Compared byte by byte, so that those that begin alike stand together in the key's own index.
    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
