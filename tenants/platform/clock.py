"""The clock: writes an event for each cooperative when a moment comes that the software waits for.

Votes close and reminders go out because a tick was emitted, never because somebody opened a page. Any
number of workers may run the clock: a tick is written once per cooperative and due time. After a pause
only the latest missed tick of each name is made up for. This file must never do what a tick is for.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    CursorResult,
    Insert,
    Interval,
    Select,
    Text,
    Time,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base, Database
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import Event, OutboxRow
from tenants.platform.relay import pause_unless

LOOK_EVERY_SECONDS = 5.0

log = structlog.get_logger(__name__)

Roster = Select[CooperativeId, str, datetime]
"""Selects ``tenant_id``, ``time_zone`` and ``since`` of every cooperative that the clock ticks for."""


class Tick(Event, frozen=True, kw_only=True):
    """A moment came. ``due_at`` is when it was due, which may be before it was noticed."""

    due_at: datetime


@dataclass(frozen=True)
class Schedule:
    """When a tick is due: each ``every`` (counted from 1970, UTC), or daily ``at`` a local time.

    Daily ticks follow the time zone of each cooperative. A local time that a change of clocks skips is
    due an hour later by the clock on the wall; one that comes twice is due once.
    """

    name: str
    tick: type[Tick]
    every: timedelta | None = None
    at: time | None = None

    def __post_init__(self) -> None:
        assert (self.every is None) != (self.at is None), f"{self.name}: either every or at"
        assert self.every is None or self.every >= timedelta(seconds=1), f"{self.name}: too often"


class ClockTick(Base):
    """The latest tick of each name that was written for a cooperative: one row, only ever moved forward."""

    __tablename__ = "clock_ticks"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    due_at: Mapped[datetime]


class Clock:
    """Writes the ticks of ``schedules`` through ``database`` (role platform)."""

    def __init__(self, database: Database, roster: Roster, schedules: Sequence[Schedule]) -> None:
        names = [schedule.name for schedule in schedules]
        assert len(set(names)) == len(names), "two schedules bear the same name"
        self._database = database
        self._statements = {schedule.name: write_ticks(schedule, roster) for schedule in schedules}

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until told to stop. An outage of the database is waited out, never raised."""
        while not stop.is_set():
            try:
                await self.look()
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                log.warning("clock_waits", error=type(error).__name__)
            await pause_unless(stop, LOOK_EVERY_SECONDS)

    async def look(self) -> int:
        """Write the ticks that are due and not written yet; return how many."""
        written = 0
        for name, statement in self._statements.items():
            async with self._database.begin() as db:
                result = await db.execute(statement)
                assert isinstance(result, CursorResult)
                count = result.rowcount
            if count:
                log.info("clock_ticks", name=name, cooperatives=count)
            written += count
        return written


def write_ticks(schedule: Schedule, roster: Roster) -> Insert:
    """One statement that moves each cooperative's mark to the latest due time and writes its event.

    Of two that run at once, the second waits for the first one's mark, finds it moved and writes nothing.
    """
    whom = roster.cte("roster")
    due = select(whom.c.tenant_id, whom.c.since, latest_due(schedule, whom.c.time_zone).label("due_at")).cte(
        "due"
    )
    # Marks that are already there are left alone, so that looking writes nothing most of the time.
    fresh = (
        select(due.c.tenant_id, literal(schedule.name, Text), due.c.due_at)
        .outerjoin(ClockTick, and_(ClockTick.tenant_id == due.c.tenant_id, ClockTick.name == schedule.name))
        .where(due.c.due_at >= due.c.since, or_(ClockTick.due_at.is_(None), ClockTick.due_at < due.c.due_at))
        .order_by(due.c.tenant_id)
    )
    mark = upsert(ClockTick).from_select(["tenant_id", "name", "due_at"], fresh)
    marked = (
        mark.on_conflict_do_update(
            index_elements=["tenant_id", "name"],
            set_={"due_at": mark.excluded.due_at},
            where=ClockTick.due_at < mark.excluded.due_at,
        )
        .returning(ClockTick.tenant_id, ClockTick.due_at)
        .cte("marked")
    )
    facts = func.jsonb_build_object("tenant_id", marked.c.tenant_id, "due_at", marked.c.due_at)
    return insert(OutboxRow).from_select(
        ["tenant_id", "kind", "facts"],
        select(marked.c.tenant_id, literal(schedule.tick.__name__, Text), facts),
    )


def latest_due(schedule: Schedule, zone: ColumnElement[str]) -> ColumnElement[Any]:
    """The latest moment, not after now, at which the schedule was due, in SQL."""
    now = func.now()
    if schedule.every is not None:
        seconds = schedule.every.total_seconds()
        return func.to_timestamp(func.floor(func.extract("epoch", now) / seconds) * seconds)
    midnight = cast(func.date_trunc("day", func.timezone(zone, now)), TIMESTAMP)
    time_of_day = cast(literal(schedule.at, Time), Interval)
    due_today = func.timezone(zone, midnight + time_of_day)
    due_yesterday = func.timezone(zone, midnight - literal(timedelta(days=1), Interval) + time_of_day)
    return case((due_today <= now, due_today), else_=due_yesterday)
