"""Members of whom nothing was heard for long, in the JSON API: for a manager."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar.di import NamedDependency

from tenants import silences as verbs
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit

SILENT = "/{cooperative:str}/members/silent"


class SilentMemberShown(msgspec.Struct, frozen=True, kw_only=True):
    """One member; ``asked_at`` is when they were asked after, null if not yet."""

    membership_id: UUID
    name: str
    silent_since: datetime
    asked_at: datetime | None


class SilentCount(msgspec.Struct, frozen=True):
    """How many members are silent."""

    count: int


@api_get(SILENT, operation_id="silent_members", summary="Who has been silent for long")
async def silent_members(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[SilentMemberShown]:
    """List the silent members, the longest first: for a manager."""
    actor = visit.member_with("profile:read")
    cursor = decode_cursor(after, (datetime, UUID))
    found = await verbs.silent_members(
        visit.db, actor=actor, after=(cursor[0], cursor[1]) if cursor else None, limit=limit + 1
    )
    items = [
        SilentMemberShown(
            membership_id=one.membership_id,
            name=one.name,
            silent_since=one.silent_since,
            asked_at=one.asked_at,
        )
        for one in found[:limit]
    ]
    last = found[limit - 1] if len(found) > limit else None
    return Page(
        items=items, next=encode_cursor(last.silent_since.isoformat(), last.membership_id) if last else None
    )


@api_get(SILENT + "/count", operation_id="count_silent_members", summary="How many are silent")
async def count_silent_members(visit: NamedDependency[Visit]) -> SilentCount:
    """Count the silent members: for a manager."""
    actor = visit.member_with("profile:read")
    return SilentCount(await verbs.count_silent_members(visit.db, actor=actor))
