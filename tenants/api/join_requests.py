"""Requests to join in the JSON API, for managers. Asking is a page's: it needs a mailbox, not a program."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants import admissions
from tenants import join_requests as verbs
from tenants.pages.join_requests import Declining
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

REQUESTS: Final = "/{cooperative:str}/join-requests"
REQUEST: Final = REQUESTS + "/{request_id:uuid}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asks to join; ``territory`` is the code of a département."""

    id: UUID
    display_name: str
    email: str
    message: str
    territory: str | None
    created_at: datetime
    confirmed_at: datetime | None
    expires_at: datetime


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """The request that was approved, and the membership of whom it let in."""

    id: UUID
    membership_id: UUID


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """The request that was declined; its reason is on its way by mail."""

    id: UUID


@api_get(REQUESTS, operation_id="join_requests", summary="List who asks to join")
async def join_requests(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[Asked]:
    """List the requests that wait for an answer, the oldest first; managers only."""
    actor = visit.member_with("governance:read")
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.join_requests(
        visit.db, actor=actor, after=cursor[0] if cursor else None, limit=limit + 1
    )
    return Page(
        items=[
            Asked(
                id=one.id,
                display_name=one.display_name,
                email=one.email,
                message=one.message,
                territory=one.territory,
                created_at=one.created_at,
                confirmed_at=one.confirmed_at,
                expires_at=one.expires_at,
            )
            for one in found[:limit]
        ],
        next=encode_cursor(found[limit - 1].id) if len(found) > limit else None,
    )


@api_post(REQUEST + "/approve", operation_id="approve_join_request", summary="Let somebody in", status=200)
async def approve_join_request(
    visit: NamedDependency[Visit], request_id: FromPath[UUID]
) -> Response[Approved]:
    """Let somebody in who asked: they are a member from now on, and told by mail. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> Approved:
        admitted = await admissions.approve_join_request(visit.db, actor=actor, join_request_id=request_id)
        return Approved(id=request_id, membership_id=admitted.id)

    return await visit.once(work, status=200)


@api_post(REQUEST + "/decline", operation_id="decline_join_request", summary="Turn somebody down", status=200)
async def decline_join_request(
    visit: NamedDependency[Visit], request_id: FromPath[UUID], data: JSONBody[Declining]
) -> Response[Declined]:
    """Turn a request down; the reason is mailed. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> Declined:
        await admissions.decline_join_request(
            visit.db, actor=actor, join_request_id=request_id, reason=data.reason
        )
        return Declined(id=request_id)

    return await visit.once(work, status=200)
