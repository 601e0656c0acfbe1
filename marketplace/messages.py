"""Messages on a mission: what its author and one bidder, and later those who agreed, write to each other.

Who takes part in which conversation is said in ``conversations``. This file must never put a text into an event or a
notice, nor change what was written.
"""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, and_, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.agreements import Agreement
from marketplace.conversations import Thread, ThreadReading, mark_read, names_of, thread
from marketplace.events import MessageWritten
from marketplace.listings import Named
from marketplace.missions import Mission
from marketplace.participants import participants
from tenants.actors import Actor
from tenants.memberships import Membership
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.inputs import PROSE_PATTERN
from tenants.platform.outbox import emit
from tenants.platform.throttle import Limit, Throttle
from tenants.platform.words import N_

MESSAGE_LENGTH: Final = 4_000
MESSAGES_BY_MEMBER: Final = Limit("messages_by_member", attempts=40, seconds=3600)

MessageText = Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_LENGTH, pattern=PROSE_PATTERN)]


class Message(Base):
    """One message. ``thread_id`` is the bidder's membership, or the agreement: one of the two below."""

    __tablename__ = "messages"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "bidder_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "agreement_id"], ["agreements.tenant_id", "agreements.id"]),
        CheckConstraint("thread_id IN (bidder_id, agreement_id)", name="thread"),
        CheckConstraint("num_nonnulls(bidder_id, agreement_id) = 1", name="bidder_or_agreement"),
        CheckConstraint(f"char_length(body) BETWEEN 1 AND {MESSAGE_LENGTH}", name="body_length"),
        Index("ix_messages_thread", "tenant_id", "mission_id", "thread_id", "id"),
        Index("ix_messages_tenant_id_author_id", "tenant_id", "author_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    mission_id: Mapped[UUID]
    thread_id: Mapped[UUID]
    bidder_id: Mapped[UUID | None]
    agreement_id: Mapped[UUID | None]
    author_id: Mapped[UUID]
    body: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(server_default=func.now())
    hidden_at: Mapped[datetime | None]


class ThreadClosed(Refusal):
    """Nothing is written in this conversation any more: another bid was chosen, or the agreement ended."""

    code = "thread_closed"
    message = N_("Cette conversation est terminée : on peut encore la relire.")


class MessageShown(msgspec.Struct, frozen=True, kw_only=True):
    """One message; ``body`` is null once a mediator has hidden it."""

    id: UUID
    author: Named
    body: str | None
    written_at: datetime


async def messages(
    db: AsyncSession,
    *,
    actor: Actor,
    mission_id: UUID,
    thread_id: UUID,
    before: UUID | None = None,
    limit: int = 20,
) -> list[MessageShown]:
    """List a conversation, the newest first; ``before`` is the last id already read. Raises NotFound."""
    where = await thread(db, actor=actor, mission_id=mission_id, thread_id=thread_id)
    return await messages_of(db, tenant_id=actor.tenant_id, where=where, before=before, limit=limit)


async def messages_of(
    db: AsyncSession, *, tenant_id: UUID, where: Thread, before: UUID | None = None, limit: int = 20
) -> list[MessageShown]:
    """As ``messages``, of a conversation that its reader has just been given by ``thread``, which authorises."""
    query = (
        select(Message, Membership.display_name)
        .join(Membership, and_(Membership.tenant_id == Message.tenant_id, Membership.id == Message.author_id))
        .where(
            Message.tenant_id == tenant_id,
            Message.mission_id == where.mission_id,
            Message.thread_id == where.thread_id,
        )
        .order_by(Message.id.desc())
        .limit(limit)
    )
    if before:
        query = query.where(Message.id < before)
    return [
        MessageShown(
            id=one.id,
            author=Named(one.author_id, name),
            body=None if one.hidden_at else one.body,
            written_at=one.written_at,
        )
        for one, name in await db.execute(query)
    ]


async def write_message(
    db: AsyncSession, throttle: Throttle, *, actor: Actor, mission_id: UUID, thread_id: UUID, body: str
) -> MessageShown:
    """Write in a conversation, which is then read. Raises NotFound, ThreadClosed, TooManyAttempts (40 an hour)."""
    where = await thread(db, actor=actor, mission_id=mission_id, thread_id=thread_id)
    if not where.writable:
        raise ThreadClosed
    await throttle.attempt(MESSAGES_BY_MEMBER, str(actor.member))
    written = Message(
        tenant_id=actor.tenant_id,
        mission_id=mission_id,
        thread_id=thread_id,
        bidder_id=None if where.agreed else thread_id,
        agreement_id=thread_id if where.agreed else None,
        author_id=actor.member,
        body=body,
    )
    db.add(written)
    await db.flush()
    await mark_read(db, actor=actor, mission_id=mission_id, thread_id=thread_id)
    told = await _count_unread(db, actor, written, await _readers(db, actor, written))
    if told:
        await emit(
            db,
            MessageWritten(
                tenant_id=actor.tenant_id,
                mission_id=mission_id,
                thread_id=thread_id,
                message_id=written.id,
                to=tuple(sorted(told)),
            ),
        )
    names = await names_of(db, actor.tenant_id, [actor.member])
    return MessageShown(
        id=written.id,
        author=Named(actor.member, names[actor.member]),
        body=body,
        written_at=written.written_at,
    )


async def _readers(db: AsyncSession, actor: Actor, written: Message) -> set[UUID]:
    if written.agreement_id:
        agreement = await db.get_one(Agreement, (actor.tenant_id, written.agreement_id))
        people = set((await participants(db, [agreement]))[agreement.id])
    else:
        mission = await db.get_one(Mission, (actor.tenant_id, written.mission_id))
        people = {mission.author_id, written.thread_id}
    return people - {actor.member}


async def _count_unread(db: AsyncSession, actor: Actor, written: Message, readers: set[UUID]) -> set[UUID]:
    """Count one more unread message for each; return those for whom it is the first, who are told."""
    table = insert(ThreadReading).values(
        [
            {
                "tenant_id": actor.tenant_id,
                "mission_id": written.mission_id,
                "thread_id": written.thread_id,
                "member_id": one,
                "unread": 1,
            }
            for one in sorted(readers)
        ]
    )
    rows = await db.execute(
        table.on_conflict_do_update(
            index_elements=["tenant_id", "mission_id", "thread_id", "member_id"],
            set_={"unread": ThreadReading.unread + 1},
        ).returning(ThreadReading.member_id, ThreadReading.unread),
        execution_options={"populate_existing": True},
    )
    return {row.member_id for row in rows if row.unread == 1}
