"""The audit trail: who did what, privately, inside one cooperative.

Every verb that changes rights, rules, hours or money writes one entry in its own transaction, so that an
entry exists if and only if the change does. Entries are added and read, never changed. This file must
never show an entry to anyone but a manager or a treasurer, and nothing here is public or chained: what a
stranger may check is in ``tenants.register``.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.platform.database import Base

ACTION: Final = re.compile(r"[a-z][a-z_]*:[a-z][a-z_]*:[a-z][a-z_]*")


class AuditEntry(Base):
    """One thing that was done. ``actor_id`` is the membership, null when the software did it by itself.

    ``action`` reads ``source:subject:action`` (``marketplace:skill:added``): the floor, the noun, the verb
    in the past. ``facts`` hold ids and values, never a text that somebody wrote.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint(f"action ~ '^{ACTION.pattern}$'", name="action"),
        ForeignKeyConstraint(["tenant_id", "actor_id"], ["memberships.tenant_id", "memberships.id"]),
        Index("ix_audit_entries_subject", "tenant_id", "subject_id", "id"),
        Index("ix_audit_entries_actor", "tenant_id", "actor_id", "id"),
        Index("ix_audit_entries_action", "tenant_id", "action", "id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor_id: Mapped[UUID | None]
    action: Mapped[str]
    subject_id: Mapped[UUID | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


_INSERT = insert(cast("Table", AuditEntry.__table__))


async def record(
    db: AsyncSession,
    *,
    actor: Actor,
    action: str,
    subject_id: UUID | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write that ``actor`` did ``action`` to ``subject_id``, in the caller's transaction.

    ``action`` is ``source:subject:action``; anything else is a programmer's error.
    """
    assert ACTION.fullmatch(action), f"an audit action reads source:subject:action, not {action!r}"
    # What the caller added to the session comes first: the entry may refer to a membership made just now.
    await db.flush()
    await db.execute(
        _INSERT,
        {
            "tenant_id": actor.tenant_id,
            "actor_id": actor.membership_id,
            "action": action,
            "subject_id": subject_id,
            "facts": dict(facts or {}),
        },
    )


async def audit_entries(
    db: AsyncSession,
    *,
    actor: Actor,
    action: str | None = None,
    member: UUID | None = None,
    subject: UUID | None = None,
    since: date | None = None,
    until: date | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[AuditEntry]:
    """List entries, newest first, for a manager or a treasurer.

    ``action`` may be a beginning (``marketplace:``); ``since`` and ``until`` are days (UTC), both included.
    ``before`` is the id of the last entry of the page read before.
    """
    actor.must_hold(Role.MANAGER, Role.TREASURER)
    query = select(AuditEntry).where(AuditEntry.tenant_id == actor.tenant_id)
    if action:
        query = query.where(AuditEntry.action.startswith(action, autoescape=True))
    if member:
        query = query.where(AuditEntry.actor_id == member)
    if subject:
        query = query.where(AuditEntry.subject_id == subject)
    if since:
        query = query.where(AuditEntry.at >= since)
    if until:
        query = query.where(AuditEntry.at < until + timedelta(days=1))
    if before:
        query = query.where(AuditEntry.id < before)
    return (await db.scalars(query.order_by(AuditEntry.id.desc()).limit(limit))).all()


async def audit_actions(db: AsyncSession, *, actor: Actor) -> Sequence[str]:
    """List the actions that occur in this cooperative, for the filter of the page."""
    actor.must_hold(Role.MANAGER, Role.TREASURER)
    query = select(AuditEntry.action).where(AuditEntry.tenant_id == actor.tenant_id).distinct()
    return (await db.scalars(query.order_by(AuditEntry.action))).all()
