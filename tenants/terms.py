"""Terms: from the days that people say to the moments that the database keeps.

A day is a day of the cooperative, by the clock on its wall. This file must never know what the term is of.
"""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_

YEARS_MAX: Final = 6


class TermUnfit(Refusal):
    """A term ends after it begins, in the future, and does not last longer than six years."""

    status = 422
    code = "term_unfit"
    message = N_("Un mandat finit dans l'avenir, et dure au plus {years} ans.")
    default_field = "until"


_NOW_AND_ZONE = text("SELECT now() AS now, time_zone FROM cooperatives WHERE tenant_id = :tenant_id")


async def term_between(
    db: AsyncSession, tenant_id: CooperativeId, since: date | None, until: date
) -> Range[datetime]:
    """The moments between two days of the cooperative, both included. Raises TermUnfit."""
    row = (await db.execute(_NOW_AND_ZONE, {"tenant_id": tenant_id})).one()
    now, zone = row.now, ZoneInfo(row.time_zone)
    begins = now if since is None else max(now, datetime.combine(since, time(), zone))
    try:
        ends = datetime.combine(until + timedelta(days=1), time(), zone)
    except OverflowError:
        raise TermUnfit(years=YEARS_MAX) from None
    if not begins < ends <= begins + timedelta(days=366 * YEARS_MAX):
        raise TermUnfit(years=YEARS_MAX)
    return Range(begins, ends)
