"""Conversations about a mission: who writes with whom, and how much of it each has not read yet.

Before anything is agreed each bidder has one with the author, which no other bidder knows of; those who agreed have
one together. Opening a page reads nothing: a conversation is read when somebody says so or writes in it. This file
must never read a message.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, and_, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.agreements import Agreement, AgreementState
from marketplace.bids import Bid, BidState
from marketplace.missions import Mission
from marketplace.participants import participants, takes_part
from tenants.actors import Actor
from tenants.memberships import Membership
from tenants.platform.database import Base
from tenants.platform.errors import NotFound


class ThreadReading(Base):
    """How far one member has read one conversation; a message written to them makes the row."""

    __tablename__ = "thread_readings"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("unread >= 0", name="unread"),
        Index("ix_thread_readings_unread", "tenant_id", "member_id", postgresql_where=text("unread > 0")),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    mission_id: Mapped[UUID] = mapped_column(primary_key=True)
    thread_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    unread: Mapped[int] = mapped_column(server_default=text("0"))


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation that the reader takes part in. ``writable``: something can still be written in it."""

    mission_id: UUID
    thread_id: UUID
    title: str
    others: list[str]
    agreed: bool
    writable: bool
    unread: int


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with something that its reader has not read."""

    mission_id: UUID
    thread_id: UUID
    title: str
    unread: int


async def threads(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> list[Thread]:
    """List the conversations about a mission that the actor takes part in, the agreed ones first.

    NotFound if the actor has no part in the mission.
    """
    me, tenant = actor.member, actor.tenant_id
    mission = await db.scalar(select(Mission).where(Mission.tenant_id == tenant, Mission.id == mission_id))
    if mission is None:
        raise NotFound
    unread = {
        row.thread_id: row.unread
        for row in await db.execute(
            select(ThreadReading.thread_id, ThreadReading.unread).where(
                ThreadReading.tenant_id == tenant,
                ThreadReading.mission_id == mission_id,
                ThreadReading.member_id == me,
            )
        )
    }
    agreed = await db.scalars(
        select(Agreement)
        .where(Agreement.tenant_id == tenant, Agreement.mission_id == mission_id, takes_part(me))
        .order_by(Agreement.agreed_at.desc())
    )
    found = []
    agreements = agreed.all()
    in_each = await participants(db, agreements)
    for one in agreements:
        people = [who for who in in_each[one.id] if who != me]
        over = one.state in {AgreementState.CALLED_OFF, AgreementState.LAPSED}
        found.append((one.id, people, True, not over))
    bids = await db.execute(
        select(Bid.bidder_id, func.bool_or(Bid.state == BidState.LIVE).label("live"))
        .where(
            Bid.tenant_id == tenant,
            Bid.mission_id == mission_id,
            or_(Bid.bidder_id == me, literal(mission.author_id == me)),
        )
        .group_by(Bid.bidder_id)
        .order_by(func.min(Bid.created_at))
    )
    for row in bids:
        other = mission.author_id if row.bidder_id == me else row.bidder_id
        found.append((row.bidder_id, [other], False, row.live))
    if not found and mission.author_id != me:
        raise NotFound
    names = await names_of(db, tenant, [who for _id, people, *_rest in found for who in people])
    return [
        Thread(
            mission_id=mission_id,
            thread_id=thread_id,
            title=mission.title,
            others=sorted(names[who] for who in people),
            agreed=is_agreed,
            writable=writable,
            unread=unread.get(thread_id, 0),
        )
        for thread_id, people, is_agreed, writable in found
    ]


async def thread(db: AsyncSession, *, actor: Actor, mission_id: UUID, thread_id: UUID) -> Thread:
    """One conversation that the actor takes part in. Raises NotFound."""
    for one in await threads(db, actor=actor, mission_id=mission_id):
        if one.thread_id == thread_id:
            return one
    raise NotFound


async def mark_read(db: AsyncSession, *, actor: Actor, mission_id: UUID, thread_id: UUID) -> None:
    """Note that the actor has read a conversation to its end; twice changes nothing. Raises NotFound."""
    await thread(db, actor=actor, mission_id=mission_id, thread_id=thread_id)
    await db.execute(
        text(
            "UPDATE thread_readings SET unread = 0 WHERE tenant_id = :tenant AND mission_id = :mission"
            " AND thread_id = :thread AND member_id = :me"
        ),
        {"tenant": actor.tenant_id, "mission": mission_id, "thread": thread_id, "me": actor.member},
    )


async def unread_threads(db: AsyncSession, *, actor: Actor) -> list[Unread]:
    """The actor's conversations with something unread, at most twenty."""
    rows = await db.execute(
        select(ThreadReading.mission_id, ThreadReading.thread_id, Mission.title, ThreadReading.unread)
        .join(
            Mission,
            and_(Mission.tenant_id == ThreadReading.tenant_id, Mission.id == ThreadReading.mission_id),
        )
        .where(
            ThreadReading.tenant_id == actor.tenant_id,
            ThreadReading.member_id == actor.member,
            ThreadReading.unread > 0,
        )
        .order_by(ThreadReading.mission_id.desc())
        .limit(20)
    )
    return [
        Unread(mission_id=row.mission_id, thread_id=row.thread_id, title=row.title, unread=row.unread)
        for row in rows
    ]


async def names_of(db: AsyncSession, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of these members, by id."""
    rows = await db.execute(
        select(Membership.id, Membership.display_name).where(
            Membership.tenant_id == tenant_id, Membership.id.in_(ids)
        )
    )
    return {row.id: row.display_name for row in rows}
