"""Requests to the solidarity pot in the JSON API: one's own, and for its stewards all of them."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from tenants.platform.inputs import MinutesInput
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
from timebank import pot_decisions, pot_requests
from timebank.api.pot import POT, READ
from timebank.pages.giving import Words
from timebank.pages.pot_requests import Told
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import PotRequestState

WRITE: Final = "hours:write"


class PotRequestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as its author and the stewards see it."""

    id: UUID
    name: str | None
    purpose: PotPurpose
    words: str
    asked_minutes: int
    state: PotRequestState
    asked_at: datetime
    ended_at: datetime | None
    answer: str
    granted_minutes: int | None


class PotAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Help for oneself."""

    purpose: PotPurpose
    asked_minutes: MinutesInput
    words: Told


class PotGranting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours, and a word to whoever asked."""

    amount_minutes: MinutesInput
    answer: Words


class PotRefusing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reason, for whoever asked."""

    answer: Words


def _shown(request: pot_requests.PotRequest, name: str | None = None) -> PotRequestAnswer:
    return PotRequestAnswer(
        id=request.id,
        name=name,
        purpose=request.purpose,
        words=request.words,
        asked_minutes=request.asked_minutes,
        state=request.state,
        asked_at=request.asked_at,
        ended_at=request.ended_at,
        answer=request.answer,
        granted_minutes=request.granted_minutes,
    )


@api_get(f"{POT}/requests", operation_id="my_pot_requests", summary="One's own requests to the pot")
async def my_pot_requests(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[PotRequestAnswer]:
    """One's own requests, newest first."""
    cursor = decode_cursor(after, (UUID,))
    found = await pot_requests.my_pot_requests(
        visit.db, actor=visit.member_with(READ), before=cursor[0] if cursor else None, limit=limit + 1
    )
    more = len(found) > limit
    return Page(
        items=[_shown(one) for one in found[:limit]],
        next=encode_cursor(found[limit - 1].id) if more else None,
    )


@api_get(f"{POT}/requests/all", operation_id="pot_requests", summary="Every request to the pot")
async def all_pot_requests(
    visit: NamedDependency[Visit],
    standing: FromQuery[PotRequestState | None] = None,
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[PotRequestAnswer]:
    """The requests of all members, newest first, for a steward."""
    cursor = decode_cursor(after, (UUID,))
    found = await pot_requests.pot_requests(
        visit.db,
        actor=visit.member_with(READ),
        state=standing,
        before=cursor[0] if cursor else None,
        limit=limit + 1,
    )
    more = len(found) > limit
    return Page(
        items=[_shown(one.request, one.name) for one in found[:limit]],
        next=encode_cursor(found[limit - 1].request.id) if more else None,
    )


@api_get(f"{POT}/requests/{{request_id:uuid}}", operation_id="pot_request", summary="One request to the pot")
async def pot_request(visit: NamedDependency[Visit], request_id: FromPath[UUID]) -> PotRequestAnswer:
    """One request, for its author and the stewards."""
    found = await pot_requests.pot_request(visit.db, actor=visit.member_with(READ), request_id=request_id)
    return _shown(found.request, found.name)


@api_post(f"{POT}/requests", operation_id="ask_pot", summary="Ask the pot for help")
async def ask_pot(visit: NamedDependency[Visit], data: JSONBody[PotAsk]) -> Response[PotRequestAnswer]:
    """Ask for hours, for oneself."""
    actor = visit.member_with(WRITE)

    async def work() -> PotRequestAnswer:
        asked = await pot_requests.ask_pot(
            visit.db,
            actor=actor,
            purpose=data.purpose,
            words=data.words,
            asked_minutes=data.asked_minutes,
        )
        return _shown(asked)

    return await visit.once(work)


@api_post(
    f"{POT}/requests/{{request_id:uuid}}/withdraw",
    operation_id="withdraw_pot_request",
    summary="Take one's request back",
    status=200,
)
async def withdraw_pot_request(
    visit: NamedDependency[Visit], request_id: FromPath[UUID]
) -> Response[PotRequestAnswer]:
    """Take one's own open request back."""
    actor = visit.member_with(WRITE)

    async def work() -> PotRequestAnswer:
        return _shown(await pot_requests.withdraw_pot_request(visit.db, actor=actor, request_id=request_id))

    return await visit.once(work, status=200)


@api_post(
    f"{POT}/requests/{{request_id:uuid}}/grant",
    operation_id="grant_pot_request",
    summary="Grant hours of the pot",
    status=200,
)
async def grant_pot_request(
    visit: NamedDependency[Visit], request_id: FromPath[UUID], data: JSONBody[PotGranting]
) -> Response[PotRequestAnswer]:
    """Grant a request: a steward's act, never on one's own."""
    actor = visit.member_with(WRITE)

    async def work() -> PotRequestAnswer:
        granted = await pot_decisions.grant_pot_request(
            visit.db,
            actor=actor,
            request_id=request_id,
            amount_minutes=data.amount_minutes,
            answer=data.answer,
        )
        return _shown(granted)

    return await visit.once(work, status=200)


@api_post(
    f"{POT}/requests/{{request_id:uuid}}/refuse",
    operation_id="refuse_pot_request",
    summary="Refuse a request to the pot",
    status=200,
)
async def refuse_pot_request(
    visit: NamedDependency[Visit], request_id: FromPath[UUID], data: JSONBody[PotRefusing]
) -> Response[PotRequestAnswer]:
    """Refuse a request, with the reason: a steward's act, never on one's own."""
    actor = visit.member_with(WRITE)

    async def work() -> PotRequestAnswer:
        refused = await pot_decisions.refuse_pot_request(
            visit.db, actor=actor, request_id=request_id, answer=data.answer
        )
        return _shown(refused)

    return await visit.once(work, status=200)


API: Final = [
    my_pot_requests,
    all_pot_requests,
    pot_request,
    ask_pot,
    withdraw_pot_request,
    grant_pot_request,
    refuse_pot_request,
]
