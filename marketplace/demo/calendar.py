"""The demo's calendar: what was lived in a minute, spread over months.

Everything in the demo is done through the verbs, one step after the other, by the database's own clock. Each
step is noted with the moment at which it should have happened; at the end, the dates of the rows that it wrote
are moved there. Only dates of the demo's own past move: never an amount, a balance, an order of events, the
register or a rule. This file must never run on a database that is not the demo's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.platform.database import Database

Step = Callable[[AsyncSession], Awaitable[None]]

WAKING_FROM: Final = 7
WAKING_HOURS: Final = 11

MOMENTS: Final = {
    "memberships": ("created_at", "joined_at"),
    "skills": ("created_at",),
    "missions": ("created_at", "changed_at", "published_at", "ended_at"),
    "bids": ("created_at", "changed_at"),
    "agreements": ("agreed_at", "started_at", "ended_at", "cancellation_at", "lapses_at"),
    "deliveries": ("delivered_at", "confirmed_at", "settles_at"),
    "disputes": ("opened_at", "ended_at"),
    "dispute_statements": ("added_at",),
    "transfers": ("posted_at",),
    "pot_requests": ("asked_at", "ended_at"),
    "messages": ("written_at",),
    "reviews": ("written_at", "due_at", "revealed_at", "answered_at"),
    "saved_searches": ("created_at",),
    "notices": ("created_at",),
    "holds": ("placed_at", "ended_at"),
    "votes": ("opened_at", "closes_at", "remind_at"),
    "ballots": ("cast_at",),
    "audit_entries": ("at",),
}
"""The columns that say when something was done, or (due by a delay) when it will end."""

DUE: Final = {
    ("agreements", "lapses_at"): "agreed_at",
    ("deliveries", "settles_at"): "delivered_at",
    ("reviews", "due_at"): "written_at",
    ("votes", "closes_at"): "opened_at",
    ("votes", "remind_at"): "opened_at",
}
"""Columns that lie a delay after another: they move with it."""

DAYS: Final = {
    "missions": (("wanted_by", "expires_on"), "created_at"),
    "bids": (("delivery_on",), "created_at"),
    "agreements": (("delivery_on",), "agreed_at"),
}
"""Days that somebody chose: they move by as much as the moment at which they chose."""


@dataclass
class Calendar:
    """The steps of one cooperative's past, in the order in which they should have happened."""

    tenant_id: UUID
    steps: list[tuple[datetime, int, Step]] = field(default_factory=list)
    lived: list[tuple[datetime, datetime, datetime]] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def at(self, days_ago: float, step: Step) -> None:
        """Note that ``step`` happened this many days ago."""
        self.steps.append((self.now - timedelta(days=days_ago), len(self.steps), step))

    async def live(self, database: Database) -> None:
        """Do every step, each in its own transaction, and remember when it was really done."""
        latest = datetime.min.replace(tzinfo=UTC)
        for noted, _place, step in sorted(self.steps, key=lambda one: one[:2]):
            # Never before what came before it, never after now.
            when = min(max(by_day(noted), latest + timedelta(seconds=1)), self.now)
            latest = when
            began = datetime.now(UTC)
            async with database.begin(tenant=self.tenant_id) as db:
                await step(db)
            self.lived.append((began, datetime.now(UTC), when))


def by_day(moment: datetime) -> datetime:
    """Bring a moment into the waking hours of its day, the earlier before the later."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(hours=WAKING_FROM) + (moment - midnight) * (WAKING_HOURS / 24)


async def spread(admin_url: str, calendars: list[Calendar], *, quiet_before: timedelta) -> None:
    """Move the dates of everything the calendars lived; as superuser, past the guards of the ledger's history.

    Events older than ``quiet_before`` count as heard, so that nobody is mailed about last summer.
    """
    admin = await asyncpg.connect(admin_url)
    try:
        async with admin.transaction():
            # The triggers that keep posted transfers from changing stand aside for this transaction alone.
            await admin.execute("SET LOCAL session_replication_role = replica")
            await admin.execute(
                "CREATE TEMPORARY TABLE lived (tenant_id uuid, began timestamptz, ended timestamptz, meant timestamptz)"
                " ON COMMIT DROP"
            )
            rows = [(one.tenant_id, *lived) for one in calendars for lived in one.lived]
            await admin.copy_records_to_table("lived", records=rows)
            await admin.execute("CREATE INDEX ON lived (tenant_id, began)")
            await _hush(admin, quiet_before)
            for table, (columns, anchor) in DAYS.items():
                await admin.execute(_move_days(table, columns, anchor))
            for table, moments in MOMENTS.items():
                await admin.execute(_move_moments(table, moments))
    finally:
        await admin.close()


async def _hush(admin: "asyncpg.Connection[asyncpg.Record]", quiet_before: timedelta) -> None:
    """Count the events of long ago, and all those of before the first step, as heard by everybody."""
    await admin.execute(
        "UPDATE outbox o SET sent_at = now(), pending = '{}', due_at = NULL WHERE o.pending IS NULL"
        " AND o.tenant_id IN (SELECT tenant_id FROM lived) AND NOT EXISTS ("
        " SELECT FROM lived l WHERE l.tenant_id = o.tenant_id AND o.emitted_at BETWEEN l.began AND l.ended"
        " AND l.meant > now() - $1::interval)",
        quiet_before,
    )


def _meant(table: str, moment: str) -> str:
    """The moment at which what was really done at ``moment`` should have happened; unmoved where it was no step."""
    found = f"SELECT l.meant + ({moment} - l.began) FROM lived l WHERE l.tenant_id = {table}.tenant_id"  # noqa: S608
    return f"COALESCE(({found} AND {moment} BETWEEN l.began AND l.ended), {moment})"


def _move_moments(table: str, columns: tuple[str, ...]) -> str:
    changes = []
    for column in columns:
        anchor = DUE.get((table, column))
        moved = f"{column} + ({_meant(table, anchor)} - {anchor})" if anchor else _meant(table, column)
        changes.append(f"{column} = {moved}")
    return f"UPDATE {table} SET {', '.join(changes)} WHERE tenant_id IN (SELECT tenant_id FROM lived)"  # noqa: S608


def _move_days(table: str, columns: tuple[str, ...], anchor: str) -> str:
    by = f"({_meant(table, anchor)}::date - {anchor}::date)"
    changes = ", ".join(f"{column} = {column} + {by}" for column in columns)
    return f"UPDATE {table} SET {changes} WHERE tenant_id IN (SELECT tenant_id FROM lived)"  # noqa: S608
