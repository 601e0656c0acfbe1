"""The members of whom nothing was heard for long: a count and a list for the manager."""

from datetime import datetime
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from tenants.house_rules import SILENT_DAYS
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, local
from tenants.rulebook import value_in_force
from tenants.silences import count_silent_members, silent_members
from tenants.visit import Visit


@get("/{cooperative:str}/members/silent", include_in_schema=False)
async def silent_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List them, the longest silence first."""
    cursor = decode_cursor(after, (datetime, UUID))
    total = await count_silent_members(visit.db, actor=visit.actor)
    found = await silent_members(
        visit.db,
        actor=visit.actor,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=PAGE_LENGTH + 1,
    )
    shown = found[:PAGE_LENGTH]
    more = len(found) > PAGE_LENGTH
    return visit.page(
        "tenants/silences.html",
        members=shown,
        total=total,
        days=SILENT_DAYS.say(await value_in_force(visit.db, rule=SILENT_DAYS)),
        after=encode_cursor(shown[-1].silent_since.isoformat(), shown[-1].membership_id) if more else "",
    )


@get("/{cooperative:str}/members/silent.csv", include_in_schema=False)
async def silent_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the list."""
    found = await silent_members(visit.db, actor=visit.actor, limit=None)
    header = [_("Nom"), _("Sans nouvelles depuis le"), _("Relancé le"), _("Identifiant")]
    rows = [
        (
            one.name,
            local(one.silent_since).date().isoformat(),
            local(one.asked_at).date().isoformat() if one.asked_at else "",
            str(one.membership_id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-silences.csv", header, rows)
