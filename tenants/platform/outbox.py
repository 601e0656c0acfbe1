"""The outbox: what happened, written in the transaction in which it happened.

An event becomes known to others only because its row was committed here; the relay carries it from
here to the workers. This file must never send anything anywhere, and nothing here may use NOTIFY,
which takes a lock of the whole database at every commit.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, cast
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, CheckConstraint, Index, Table, Text, func, insert, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId


class OutboxRow(Base):
    """One event of one cooperative, and who has still to hear it.

    ``pending`` is null until the relay first sent the event; then it holds the names of the
    subscribers that have not handled it. ``due_at`` is when the relay looks at the row next, and
    null once everyone has heard it, so that the relay's index holds only what is not finished.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("(sent_at IS NULL) = (pending IS NULL)", name="sent_says_to_whom"),
        CheckConstraint(
            "(due_at IS NULL) = (pending IS NOT NULL AND pending = '{}')", name="due_until_handled"
        ),
        Index("ix_outbox_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_outbox_emitted_at", "emitted_at", postgresql_using="brin"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]]
    emitted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    pending: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in one cooperative. Subclasses are named in the past tense.

    They hold ids and facts only, never a name, an address or a text somebody wrote. The kind
    under which an event is stored is the name of its class: renaming a class leaves the rows of
    the old name unreadable, and a new field needs a default for the rows that lack it.
    """

    tenant_id: CooperativeId

    kinds: ClassVar[dict[str, type["Event"]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        other = Event.kinds.setdefault(cls.__name__, cls)
        same_place = (other.__module__, other.__qualname__) == (cls.__module__, cls.__qualname__)
        assert same_place, f"two events are named {cls.__name__}: {other.__module__} and {cls.__module__}"
        Event.kinds[cls.__name__] = cls


class UnknownKind(Exception):
    """A row holds a kind of event, or names a subscriber, that this version does not know."""


Subscriber = Callable[[AsyncSession, Any], Awaitable[None]]

_INSERT = insert(cast("Table", OutboxRow.__table__))


async def emit(db: AsyncSession, event: Event) -> None:
    """Write the event in the caller's transaction: it is heard if and only if that commits."""
    await db.execute(
        _INSERT,
        {
            "tenant_id": event.tenant_id,
            "kind": type(event).__name__,
            "facts": msgspec.to_builtins(event),
        },
    )
    db.info["emitted"] = True


def decode(kind: str, facts: Mapping[str, Any]) -> Event:
    """The event that a row holds. Raises UnknownKind, or msgspec.ValidationError if it cannot be read."""
    found = Event.kinds.get(kind)
    if found is None:
        raise UnknownKind(kind)
    return msgspec.convert(facts, found)


class Audience:
    """Who hears what: the switchboard's table of events, by the names that rows and messages carry."""

    def __init__(self, events: Mapping[type[Event], tuple[Subscriber, ...]]) -> None:
        self._subscribers: dict[str, dict[str, Subscriber]] = {}
        for event, subscribers in events.items():
            named = {name_of(subscriber): subscriber for subscriber in subscribers}
            assert len(named) == len(subscribers), f"two subscribers of {event.__name__} bear the same name"
            self._subscribers[event.__name__] = named

    def names(self, kind: str) -> tuple[str, ...] | None:
        """The subscribers of a kind; none if nobody listens; None if the kind itself is unknown here."""
        if kind in self._subscribers:
            return tuple(self._subscribers[kind])
        return () if kind in Event.kinds else None

    def subscriber(self, kind: str, name: str) -> Subscriber:
        """The function behind a name. Raises UnknownKind if this version has none."""
        try:
            return self._subscribers[kind][name]
        except KeyError:
            raise UnknownKind(f"{kind}.{name}") from None


def name_of(subscriber: Subscriber) -> str:
    """The name by which rows and messages call a subscriber: that of its function."""
    return subscriber.__name__
