"""Tellings: what was done in a member's name is told to them, in the app, by mail, and on paper if they chose so.

One row for each thing that a letter has to say, written in the transaction of what it tells: a letter takes it
up once (``tenants.paper_letters``), so that nothing is lost or sent twice. This file must never hold a text that
somebody wrote.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.memberships import Membership
from tenants.notices import notify_members
from tenants.platform.database import Base
from tenants.platform.ids import MembershipId


class Telling(Base):
    """One thing that one member is to be told on paper; ``letter_id`` is the letter that says it, once there is one.

    ``kind`` and ``facts`` are those of the notice that says the same on a screen.
    """

    __tablename__ = "tellings"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "letter_id"], ["paper_letters.tenant_id", "paper_letters.id"]),
        UniqueConstraint("tenant_id", "membership_id", "kind", "subject_id"),
        Index("ix_tellings_untold", "tenant_id", "membership_id", postgresql_where=text("letter_id IS NULL")),
        Index("ix_tellings_letter", "tenant_id", "letter_id"),
        Index("ix_tellings_subject", "tenant_id", "subject_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    facts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    letter_id: Mapped[UUID | None]


_TABLE: Final = cast("Table", Telling.__table__)


async def tell(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    membership_ids: Collection[UUID],
    kind: str,
    subject_id: UUID,
    facts: Mapping[str, Any],
) -> None:
    """Tell members of something done in their name: a notice to those who sign in, a letter to those who asked.

    ``kind`` is a declared kind of notice. Told twice of the same, they read it once on paper.
    """
    await db.flush()
    rows = await db.execute(
        select(Membership.id, Membership.person_id, Membership.wants_letters).where(
            Membership.tenant_id == tenant_id, Membership.id.in_(membership_ids)
        )
    )
    told = rows.all()
    if online := [row.id for row in told if row.person_id is not None]:
        await notify_members(db, tenant_id=tenant_id, membership_ids=online, kind=kind, facts=facts)
    if on_paper := [row.id for row in told if row.wants_letters]:
        stored = msgspec.to_builtins(dict(facts))
        await db.execute(
            insert(_TABLE)
            .values(
                [
                    {
                        "tenant_id": tenant_id,
                        "membership_id": one,
                        "kind": kind,
                        "subject_id": subject_id,
                        "facts": stored,
                    }
                    for one in on_paper
                ]
            )
            .on_conflict_do_nothing()
        )
