"""The clock: once per cooperative and due time, in the cooperative's own hours, and only the latest after a pause."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import DateTime, Text, Uuid, column, select, text, values
from sqlalchemy.dialects import postgresql

from tenants.platform.clock import Clock, Roster, Schedule, Tick, latest_due
from tenants.platform.database import Database
from tenants.platform.outbox import decode
from tenants.platform.settings import Settings
from tests.conftest import OpenAs

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class RoosterCrowed(Tick, frozen=True, kw_only=True):
    """A tick of these tests."""


class Village:
    """Some cooperatives, each in its time zone."""

    def __init__(self, platform: Database, *zones: str, since: datetime = LONG_AGO) -> None:
        self.platform = platform
        self.rows = [(uuid4(), zone, since) for zone in zones]

    @property
    def roster(self) -> Roster:
        columns = (
            column("tenant_id", Uuid),
            column("time_zone", Text),
            column("since", DateTime(timezone=True)),
        )
        return select(values(*columns, name="village").data(self.rows))

    def clock(self, **schedule: timedelta | time) -> Clock:
        return Clock(self.platform, self.roster, [Schedule("crow", RoosterCrowed, **schedule)])  # type: ignore[arg-type]

    async def crowed(self) -> dict[UUID, list[datetime]]:
        heard: dict[UUID, list[datetime]] = {tenant: [] for tenant, _zone, _since in self.rows}
        async with self.platform.begin() as db:
            rows = await db.execute(
                text("SELECT tenant_id, kind, facts FROM outbox WHERE kind = 'RoosterCrowed'")
            )
            for row in rows:
                event = decode(row.kind, row.facts)
                assert isinstance(event, RoosterCrowed)
                if row.tenant_id in heard:
                    heard[event.tenant_id].append(event.due_at)
        return heard

    async def turn_back(self, by: timedelta) -> None:
        """As if the latest tick had been so much earlier: the clock was stopped since."""
        async with self.platform.begin() as db:
            await db.execute(
                text(
                    "UPDATE clock_ticks SET due_at = due_at - CAST(:by AS interval) WHERE tenant_id = ANY (:tenants)"
                ),
                {"by": by, "tenants": [row[0] for row in self.rows]},
            )


@pytest.fixture
async def platform(migrated: Settings) -> AsyncIterator[Database]:
    database = Database(migrated.database_platform_url)
    yield database
    await database.close()


async def test_a_tick_is_written_once_though_five_clocks_look_at_once(platform: Database) -> None:
    village = Village(platform, *["Europe/Paris"] * 20)
    clock = village.clock(every=timedelta(hours=1))
    written = await asyncio.gather(*(clock.look() for _ in range(5)))
    assert sum(written) == 20
    crowed = await village.crowed()
    assert {len(times) for times in crowed.values()} == {1}
    [due] = {times[0] for times in crowed.values()}
    assert (due.minute, due.second) == (0, 0)
    assert timedelta() <= datetime.now(UTC) - due < timedelta(hours=1, minutes=1)


async def test_after_a_pause_only_the_latest_missed_tick_is_made_up_for(platform: Database) -> None:
    village = Village(platform, "Europe/Paris")
    clock = village.clock(every=timedelta(hours=1))
    await clock.look()
    await village.turn_back(timedelta(days=3))
    assert await clock.look() == 1
    assert await clock.look() == 0
    [times] = (await village.crowed()).values()
    assert len(times) == 2


async def test_a_clock_that_lags_behind_never_turns_back(platform: Database) -> None:
    village = Village(platform, "Europe/Paris")
    clock = village.clock(every=timedelta(hours=1))
    await clock.look()
    await village.turn_back(-timedelta(days=1))
    assert await clock.look() == 0


async def test_daily_ticks_follow_the_local_time_of_each_cooperative(platform: Database) -> None:
    village = Village(platform, "Europe/Paris", "America/Cayenne", "Indian/Reunion")
    await village.clock(at=time(3, 30)).look()
    crowed = await village.crowed()
    for tenant, zone, _since in village.rows:
        [due] = crowed[tenant]
        local = due.astimezone(ZoneInfo(zone))
        assert (local.hour, local.minute) == (3, 30)
        assert timedelta() <= datetime.now(UTC) - due < timedelta(hours=25)
    assert len({times[0] for times in crowed.values()}) == 3


async def test_what_was_due_before_a_cooperative_existed_is_not_its_business(platform: Database) -> None:
    village = Village(platform, "Europe/Paris", since=datetime.now(UTC))
    assert await village.clock(every=timedelta(hours=1)).look() == 0


@pytest.mark.parametrize(
    ("now", "due"),
    [
        # Before and after 02:30 on an ordinary day.
        ("2026-05-05 00:29:59+00", "2026-05-04 00:30:00+00"),
        ("2026-05-05 00:30:00+00", "2026-05-05 00:30:00+00"),
        # On 29 March 2026 Paris has no 02:30: it is due at 03:30 summer time.
        ("2026-03-29 01:29:59+00", "2026-03-28 01:30:00+00"),
        ("2026-03-29 01:30:00+00", "2026-03-29 01:30:00+00"),
        # On 25 October 2026 it has two of them: the second counts, and counts alone.
        ("2026-10-25 00:45:00+00", "2026-10-24 00:30:00+00"),
        ("2026-10-25 01:45:00+00", "2026-10-25 01:30:00+00"),
    ],
)
async def test_daily_ticks_survive_the_change_of_clocks(db_as: OpenAs, now: str, due: str) -> None:
    expression = latest_due(Schedule("crow", RoosterCrowed, at=time(2, 30)), column("zone", Text))
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this untyped.
    rendered = str(select(expression).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    assert "now()" in rendered
    async with db_as("app") as db:
        found = await db.scalar(
            text(
                rendered.replace("now()", f"TIMESTAMPTZ '{now}'") + " FROM (SELECT 'Europe/Paris' AS zone) z"
            )
        )
        assert found == datetime.fromisoformat(due.replace("+00", "+00:00"))


def test_a_schedule_is_either_every_or_at() -> None:
    for wrong in ({}, {"every": timedelta(hours=1), "at": time(1)}, {"every": timedelta(0)}):
        with pytest.raises(AssertionError, match="crow"):
            Schedule("crow", RoosterCrowed, **wrong)
