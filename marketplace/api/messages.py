"""Operations on messages. Each calls one verb or one query."""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace import conversations
from marketplace import messages as verbs
from marketplace.conversations import Thread
from marketplace.messages import MessageShown, MessageText
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

HERE: Final = "/{cooperative:str}"
MISSION: Final = HERE + "/missions/{mission_id:uuid}"
THREAD: Final = MISSION + "/threads/{thread_id:uuid}"


class NewMessage(msgspec.Struct, frozen=True):
    """What to write."""

    body: MessageText


@api_get(MISSION + "/threads", operation_id="threads", summary="List one's conversations about a mission")
async def threads(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Page[Thread]:
    """List the conversations about a mission in which one takes part; all on one page."""
    actor = visit.member_with("missions:read")
    return Page(items=await conversations.threads(visit.db, actor=actor, mission_id=mission_id))


@api_get(THREAD, operation_id="thread", summary="Read who takes part in a conversation")
async def thread(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], thread_id: FromPath[UUID]
) -> Thread:
    """Read who takes part, what is unread, and whether one may still write."""
    actor = visit.member_with("missions:read")
    return await conversations.thread(visit.db, actor=actor, mission_id=mission_id, thread_id=thread_id)


@api_get(HERE + "/unread", operation_id="unread_threads", summary="List conversations with unread messages")
async def unread_threads(visit: NamedDependency[Visit]) -> Page[conversations.Unread]:
    """List one's conversations with something unread (at most 20)."""
    actor = visit.member_with("missions:read")
    return Page(items=await conversations.unread_threads(visit.db, actor=actor))


@api_get(THREAD + "/messages", operation_id="messages", summary="Read a conversation")
async def messages(
    visit: NamedDependency[Visit],
    mission_id: FromPath[UUID],
    thread_id: FromPath[UUID],
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[MessageShown]:
    """Read a conversation, the newest message first; reading does not mark it as read."""
    actor = visit.member_with("missions:read")
    found = await verbs.messages(
        visit.db,
        actor=actor,
        mission_id=mission_id,
        thread_id=thread_id,
        before=before_of(after),
        limit=limit + 1,
    )
    return Page(items=found[:limit], next=encode_cursor(found[limit - 1].id) if len(found) > limit else None)


def before_of(after: str | None) -> UUID | None:
    """The id of the last one on the page before."""
    cursor = decode_cursor(after, (UUID,))
    return cursor[0] if cursor else None


@api_post(THREAD + "/messages", operation_id="write_message", summary="Write in a conversation")
async def write_message(
    visit: NamedDependency[Visit],
    mission_id: FromPath[UUID],
    thread_id: FromPath[UUID],
    data: JSONBody[NewMessage],
) -> Response[MessageShown]:
    """Write in a conversation in which one takes part; at most 40 messages an hour."""
    actor = visit.member_with("missions:write")

    async def work() -> MessageShown:
        return await verbs.write_message(
            visit.db,
            visit.house.throttle,
            actor=actor,
            mission_id=mission_id,
            thread_id=thread_id,
            body=data.body,
        )

    return await visit.once(work)


@api_post(THREAD + "/read", operation_id="mark_read", summary="Mark a conversation as read", status=200)
async def mark_read(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], thread_id: FromPath[UUID]
) -> Response[Thread]:
    """Say that one has read a conversation to its end."""
    actor = visit.member_with("missions:write")

    async def work() -> Thread:
        await conversations.mark_read(visit.db, actor=actor, mission_id=mission_id, thread_id=thread_id)
        return await conversations.thread(visit.db, actor=actor, mission_id=mission_id, thread_id=thread_id)

    return await visit.once(work, status=200)


API: Final = (
    threads,
    thread,
    unread_threads,
    messages,
    write_message,
    mark_read,
)
