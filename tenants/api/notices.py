"""The reader's own notices in the JSON API."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants import notices as verbs
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    api_post,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit

NOTICES = "/{cooperative:str}/notices"


class NoticeShown(msgspec.Struct, frozen=True, kw_only=True):
    """One notice; ``sentence`` is in the reader's language, ``path`` the page it leads to."""

    id: UUID
    kind: str
    facts: dict[str, Any]
    sentence: str
    path: str
    created_at: datetime
    read_at: datetime | None


class ReadCount(msgspec.Struct, frozen=True):
    """How many notices were unread until now."""

    read: int


def shown(visit: Visit, notice: verbs.Notice) -> NoticeShown:
    """A notice as its reader gets it."""
    return NoticeShown(
        id=notice.id,
        kind=notice.kind,
        facts=notice.facts,
        sentence=verbs.sentence_of(notice),
        path=verbs.path_of(notice, slug=visit.slug),
        created_at=notice.created_at,
        read_at=notice.read_at,
    )


@api_get(NOTICES, operation_id="notices", summary="List one's own notices")
async def notices(
    visit: NamedDependency[Visit],
    unread: FromQuery[bool] = False,  # noqa: FBT002 (a query parameter, named in every call)
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[NoticeShown]:
    """List one's own notices, newest first; only the unread ones when asked."""
    actor = visit.member_with("profile:read")
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.notices(
        visit.db, actor=actor, unread=unread, before=cursor[0] if cursor else None, limit=limit + 1
    )
    items = [shown(visit, notice) for notice in found[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].id) if len(found) > limit else None)


@api_post(
    NOTICES + "/{notice_id:uuid}/read", operation_id="read_notice", summary="Mark a notice read", status=200
)
async def read_notice(visit: NamedDependency[Visit], notice_id: FromPath[UUID]) -> Response[NoticeShown]:
    """Mark one of one's own notices read; twice changes nothing."""
    actor = visit.member_with("profile:read")

    async def work() -> NoticeShown:
        return shown(visit, await verbs.read_notice(visit.db, actor=actor, notice_id=notice_id))

    return await visit.once(work, status=200)


@api_post(NOTICES + "/read", operation_id="read_all_notices", summary="Mark every notice read", status=200)
async def read_all_notices(visit: NamedDependency[Visit]) -> Response[ReadCount]:
    """Mark every one of one's own notices read."""
    actor = visit.member_with("profile:read")

    async def work() -> ReadCount:
        return ReadCount(await verbs.read_all_notices(visit.db, actor=actor))

    return await visit.once(work, status=200)
