"""The audit trail on a page and as a file, for managers and treasurers."""

from datetime import date
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from tenants.audit import AuditEntry, audit_actions, audit_entries
from tenants.audit_words import said_action, said_facts
from tenants.names import display_names
from tenants.platform.entries import fold, read_day
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _
from tenants.visit import Visit

CSV_ROWS_MAX: Final = 50_000


class AuditFilter(msgspec.Struct, frozen=True):
    """What narrows the trail, as typed."""

    action: str = ""
    since: str = ""
    until: str = ""
    member: str = ""


@get("/{cooperative:str}/treasury/audit", include_in_schema=False)
async def audit_page(
    visit: NamedDependency[Visit],
    action: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    member: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[str]:
    """Show who did what, newest first."""
    narrow = AuditFilter(action=action, since=since, until=until, member=member)
    cursor = decode_cursor(after, (UUID,))
    found = await audit_entries(
        visit.db,
        actor=visit.actor,
        before=cursor[0] if cursor else None,
        limit=PAGE_LENGTH + 1,
        **_narrowed(narrow),
    )
    shown = found[:PAGE_LENGTH]
    typed: dict[str, str] = msgspec.to_builtins(narrow)
    return visit.page(
        "tenants/audit.html",
        entries=[(one, said_action(one.action), said_facts(one.facts)) for one in shown],
        names=await _names(visit, shown),
        actions=sorted(
            ((one, said_action(one)) for one in await audit_actions(visit.db, actor=visit.actor)),
            key=lambda pair: fold(pair[1]),
        ),
        filters=visit.blank_form(AuditFilter, **typed),
        narrowed=narrow != AuditFilter(),
        query="".join(f"{name}={quote(value)}&" for name, value in sorted(typed.items()) if value),
        after=encode_cursor(shown[-1].id) if len(found) > PAGE_LENGTH else "",
    )


@get("/{cooperative:str}/treasury/audit.csv", include_in_schema=False)
async def audit_csv(
    visit: NamedDependency[Visit],
    action: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    member: FromQuery[str] = "",
) -> Response[bytes]:
    """Download the same as CSV (the newest 50,000 entries)."""
    narrow = AuditFilter(action=action, since=since, until=until, member=member)
    found = await audit_entries(visit.db, actor=visit.actor, limit=CSV_ROWS_MAX, **_narrowed(narrow))
    names = await _names(visit, found)
    header = [_("Date"), _("Par"), _("Action"), _("Objet"), _("Faits")]
    rows = [
        (
            one.at.isoformat(),
            names.get(one.actor_id, "") if one.actor_id else _("le logiciel"),
            one.action,
            str(one.subject_id or ""),
            _facts(one),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-audit.csv", header, rows)


def _narrowed(narrow: AuditFilter) -> dict[str, Any]:
    """The filter for the query; what cannot be read narrows nothing."""
    days: dict[str, date | None] = {"since": read_day(narrow.since), "until": read_day(narrow.until)}
    try:
        who = UUID(narrow.member) if narrow.member else None
    except ValueError:
        who = None
    return {"action": narrow.action[:100] or None, "member": who, **days}


async def _names(visit: Visit, entries: Any) -> dict[UUID, str]:
    ids = {entry.actor_id for entry in entries if entry.actor_id}
    return await display_names(visit.db, tenant_id=visit.here.tenant_id, membership_ids=ids)


def _facts(entry: AuditEntry) -> str:
    """The facts on one line, as they are stored."""
    return ", ".join(f"{name} = {_plain(value)}" for name, value in sorted(entry.facts.items()))


def _plain(value: object) -> str:
    return " + ".join(map(str, value)) if isinstance(value, list) else str(value)
