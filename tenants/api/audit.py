"""The audit trail in the JSON API, for managers and treasurers."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from tenants import audit
from tenants.platform.web import PAGE_LENGTH, After, Limit, Page, api_get, decode_cursor, encode_cursor
from tenants.visit import Visit

ActionPrefix = Annotated[str | None, QueryParameter(max_length=100, pattern=r"^[a-z_:]*$")]


class EntryShown(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; ``actor_id`` is the membership, null when the software did it by itself."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    action: str
    subject_id: UUID | None
    facts: dict[str, Any]


@api_get("/{cooperative:str}/treasury/audit", operation_id="audit_entries", summary="Read the audit trail")
async def audit_entries(
    visit: NamedDependency[Visit],
    action: ActionPrefix = None,
    member: FromQuery[UUID | None] = None,
    subject: FromQuery[UUID | None] = None,
    since: FromQuery[date | None] = None,
    until: FromQuery[date | None] = None,
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[EntryShown]:
    """Read who did what, newest first; ``action`` may be the beginning of one."""
    cursor = decode_cursor(after, (UUID,))
    found = await audit.audit_entries(
        visit.db,
        actor=visit.member_with("governance:read"),
        action=action,
        member=member,
        subject=subject,
        since=since,
        until=until,
        before=cursor[0] if cursor else None,
        limit=limit + 1,
    )
    items = [
        EntryShown(
            id=entry.id,
            at=entry.at,
            actor_id=entry.actor_id,
            action=entry.action,
            subject_id=entry.subject_id,
            facts=entry.facts,
        )
        for entry in found[:limit]
    ]
    return Page(items=items, next=encode_cursor(items[-1].id) if len(found) > limit else None)
