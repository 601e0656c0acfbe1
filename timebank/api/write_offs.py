"""Write-offs in the JSON API: asking (in a browser only), the list, and a treasurer's decision."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants.leavers import leaver
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
from timebank import write_offs as verbs
from timebank.pages.giving import Words
from timebank.write_offs import WriteOff, WriteOffState

PATH: Final = "/{cooperative:str}/treasury/write-offs"


class WriteOffSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One request; ``minutes`` is what was owed when it was asked."""

    id: UUID
    membership_id: UUID
    minutes: int
    state: WriteOffState
    asked_at: datetime
    decided_at: datetime | None
    reason: str | None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the debt is forgiven, and why."""

    granted: bool
    reason: Words


def seen(one: WriteOff) -> WriteOffSeen:
    """The request as it is shown."""
    return WriteOffSeen(
        id=one.id,
        membership_id=one.membership_id,
        minutes=one.minutes,
        state=one.state,
        asked_at=one.asked_at,
        decided_at=one.decided_at,
        reason=one.reason,
    )


@api_post(
    "/{cooperative:str}/leave/write-off",
    operation_id="ask_write_off",
    summary="Ask that a debt be forgiven",
    open_to_suspended=True,
)
async def ask_write_off(visit: NamedDependency[Visit]) -> WriteOffSeen:
    """Ask that what one owes be forgiven, so that one may leave."""
    return seen(await verbs.ask_write_off(visit.db, actor=leaver(visit, "profile:write")))


@api_get(PATH, operation_id="write_offs", summary="Debts of members who want to leave")
async def write_offs(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[WriteOffSeen]:
    """List the requests, the newest first; a treasurer's."""
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.write_offs(
        visit.db,
        actor=visit.member_with("hours:read"),
        before=cursor[0] if cursor else None,
        limit=limit + 1,
    )
    shown = [seen(one) for one, _name in found[:limit]]
    return Page(items=shown, next=encode_cursor(shown[-1].id) if len(found) > limit else None)


@api_post(
    PATH + "/{write_off_id:uuid}",
    operation_id="decide_write_off",
    summary="Forgive a debt or not",
    status=200,
)
async def decide_write_off(
    visit: NamedDependency[Visit], write_off_id: FromPath[UUID], data: JSONBody[Decided]
) -> WriteOffSeen:
    """Decide one request; a treasurer's act."""
    actor = visit.member_with("hours:write")
    return seen(
        await verbs.decide_write_off(
            visit.db, actor=actor, write_off_id=write_off_id, granted=data.granted, reason=data.reason
        )
    )


API = [ask_write_off, write_offs, decide_write_off]
