"""Notices: what a member should know, in the app and by mail.

A notice is a kind and facts; its sentence is made when it is read, in the reader's language. It is written in the
transaction of what it tells, so it exists if and only if that happened; the mail follows (``notice_mails``) and
may fail without losing it. This file must never hold a text that somebody wrote, nor show a notice to another.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Table,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    insert,
    literal,
    select,
    table,
    text,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor
from tenants.events import NoticesGiven
from tenants.facts import revived
from tenants.notice_kinds import KINDS, Delivery, NoticeKind, declare_notices
from tenants.notice_preferences import NoticeChoice, NoticeHabit
from tenants.platform.database import Base
from tenants.platform.errors import NotFound
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import emit
from tenants.platform.words import _

__all__ = [
    "KINDS",
    "Notice",
    "NoticeKind",
    "declare_notices",
    "notices",
    "notify",
    "notify_members",
    "path_of",
    "read_all_notices",
    "read_notice",
    "sentence_of",
    "unread_notices",
]


class Notice(Base):
    """One thing told to one member. Notices given together share a batch, which one event announces.

    ``delivery`` is how the member wanted this kind when it was given (null in rows older than the choice);
    ``mailed_at`` is when a mail told it, alone or in a digest.
    """

    __tablename__ = "notices"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("mail_attempts >= 0", name="mail_attempts"),
        CheckConstraint("delivery IN ('at_once', 'digest', 'app')", name="delivery"),
        Index("ix_notices_member", "tenant_id", "membership_id", "id"),
        Index("ix_notices_unread", "tenant_id", "membership_id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notices_unmailed", "tenant_id", "batch_id", postgresql_where=text("mailed_at IS NULL")),
        Index(
            "ix_notices_for_digest",
            "tenant_id",
            "membership_id",
            postgresql_where=text("mailed_at IS NULL AND read_at IS NULL AND delivery = 'digest'"),
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    batch_id: Mapped[UUID]
    membership_id: Mapped[UUID]
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime | None]
    mailed_at: Mapped[datetime | None]
    mail_attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    delivery: Mapped[Delivery | None]


def sentence_of(notice: Notice) -> str:
    """What a notice says, in the reader's language."""
    kind = KINDS.get(notice.kind)
    if kind is None or kind.missing(notice.facts):
        return _("Il y a du nouveau dans votre coopérative.")
    return _(kind.sentence, **revived(notice.facts))


def path_of(notice: Notice, *, slug: str) -> str:
    """The page a notice leads to."""
    kind = KINDS.get(notice.kind)
    if kind is None or kind.missing(notice.facts):
        return f"/{slug}"
    return f"/{slug}{kind.path.format(**notice.facts)}"


# --- Giving ------------------------------------------------------------------------------------------

# The columns alone: memberships themselves give notices, and so stand above this file.
_MEMBERS = table("memberships", column("tenant_id"), column("id"), column("state"))


async def notify(
    db: AsyncSession, *, tenant_id: UUID, membership_id: UUID, kind: str, facts: Mapping[str, Any]
) -> None:
    """Tell one member, in the caller's transaction."""
    await notify_members(db, tenant_id=tenant_id, membership_ids=[membership_id], kind=kind, facts=facts)


async def notify_members(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    membership_ids: Collection[UUID] | None,
    kind: str,
    facts: Mapping[str, Any],
) -> None:
    """Tell several members, or (None) every active one, in the caller's transaction.

    One statement and one event, whatever their number.
    """
    assert kind in KINDS, f"declare the notice {kind} with declare_notices"
    lacking = KINDS[kind].missing(facts)
    assert not lacking, f"the notice {kind} needs the facts {lacking}"
    await db.flush()
    batch_id = (await db.execute(select(func.uuidv7()))).scalar_one()
    stored = bindparam("facts", msgspec.to_builtins(dict(facts)), type_=JSONB())
    delivery = _delivery(KINDS[kind])
    told = (
        select(_MEMBERS.c.tenant_id, literal(batch_id), _MEMBERS.c.id, literal(kind), stored, delivery)
        .outerjoin(
            NoticeChoice,
            and_(
                NoticeChoice.tenant_id == tenant_id,
                NoticeChoice.membership_id == _MEMBERS.c.id,
                NoticeChoice.kind == kind,
            ),
        )
        .outerjoin(
            NoticeHabit,
            and_(NoticeHabit.tenant_id == tenant_id, NoticeHabit.membership_id == _MEMBERS.c.id),
        )
        .where(_MEMBERS.c.tenant_id == tenant_id, delivery != Delivery.NEVER.value)
    )
    if membership_ids is None:
        told = told.where(_MEMBERS.c.state == "active")
    else:
        told = told.where(_MEMBERS.c.id.in_(membership_ids))
    given = (
        insert(cast("Table", Notice.__table__))
        .from_select(["tenant_id", "batch_id", "membership_id", "kind", "facts", "delivery"], told)
        .returning(Notice.delivery)
        .cte("given")
    )
    at_once = select(func.bool_or(given.c.delivery == Delivery.AT_ONCE.value))
    if (await db.execute(at_once)).scalar_one():
        await emit(db, NoticesGiven(tenant_id=CooperativeId(tenant_id), batch_id=batch_id))


def _delivery(kind: NoticeKind) -> ColumnElement[str]:
    """How a notice of this kind reaches each member, in SQL; without the digest it stays on the site."""
    if kind.required:
        return literal(kind.usual.value)
    chosen = func.coalesce(sql_cast(NoticeChoice.delivery, Text), kind.usual.value)
    no_digest = and_(chosen == Delivery.DIGEST.value, NoticeHabit.digest.is_(False))
    return case((no_digest, Delivery.APP.value), else_=chosen)


# --- Reading -----------------------------------------------------------------------------------------


async def notices(
    db: AsyncSession,
    *,
    actor: Actor,
    unread: bool = False,
    before: UUID | None = None,
    limit: int | None = 50,
) -> Sequence[Notice]:
    """List the actor's own notices, newest first; ``before`` is the last id already read."""
    query = select(Notice).where(Notice.tenant_id == actor.tenant_id, Notice.membership_id == actor.member)
    if unread:
        query = query.where(Notice.read_at.is_(None))
    if before:
        query = query.where(Notice.id < before)
    return (await db.scalars(query.order_by(Notice.id.desc()).limit(limit))).all()


async def unread_notices(db: AsyncSession, *, actor: Actor) -> int:
    """Count the actor's own unread notices."""
    query = select(func.count()).where(
        Notice.tenant_id == actor.tenant_id, Notice.membership_id == actor.member, Notice.read_at.is_(None)
    )
    return (await db.execute(query)).scalar_one()


async def read_notice(db: AsyncSession, *, actor: Actor, notice_id: UUID) -> Notice:
    """Note that the actor has read one of their notices; twice changes nothing. Raises NotFound."""
    statement = (
        update(Notice)
        .where(
            Notice.tenant_id == actor.tenant_id,
            Notice.membership_id == actor.member,
            Notice.id == notice_id,
        )
        .values(read_at=func.coalesce(Notice.read_at, func.now()))
        .returning(Notice)
    )
    notice = (await db.scalars(statement, execution_options={"populate_existing": True})).one_or_none()
    if notice is None:
        raise NotFound
    return notice


async def read_all_notices(db: AsyncSession, *, actor: Actor, newest: UUID | None = None) -> int:
    """Note that the actor has read all their notices up to ``newest`` (what the page showed); count them."""
    statement = update(Notice).where(
        Notice.tenant_id == actor.tenant_id, Notice.membership_id == actor.member, Notice.read_at.is_(None)
    )
    if newest:
        statement = statement.where(Notice.id <= newest)
    read = await db.execute(
        statement.values(read_at=func.now()).returning(Notice.id),
        execution_options={"synchronize_session": False},
    )
    return len(read.all())
