"""The one hot endpoint of the time bank: a member, or their program, transfers hours to another member.

A program that shows a bearer token is answered without a visit and without a session: its token, its
member, the limits, the transfer and the idempotency key are one call of ``post_bearer_transfers``, which the
requests that arrive meanwhile share, and the answer leaves after COMMIT. A browser that shows a sign-in
takes the ordinary road. This file must never decide what is allowed: the ledger does.
"""

from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody
from litestar.types import ASGIApp, Receive, Scope, Send

from tenants.arrivals import preferred_locale
from tenants.platform.errors import (
    Invalid,
    Refusal,
    ScopeMissing,
    TooLarge,
    Unreadable,
)
from tenants.platform.inputs import Line, MinutesInput, explain
from tenants.platform.security import BODY_BYTES_MAX
from tenants.platform.web import api_post, problem_response
from tenants.platform.words import use_locale
from tenants.visit import Visit, checked_key
from timebank.exchanges import EXCHANGE, checked_reason
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.coalescing import BearerTransfer
from timebank.ledger.transfers import Once, Outcome, post, post_transfers
from timebank.transfer_desk import OPERATION, Desk

SCOPE: Final = "hours:write"


class TransferDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours to transfer from one's own account: to which membership, how many minutes, and what for."""

    to: UUID
    amount_minutes: MinutesInput
    reason: Line


class TransferPosted(msgspec.Struct, frozen=True, kw_only=True):
    """The transfer, and what the giver's account holds after it; minutes may be below zero."""

    id: UUID
    at: datetime
    amount_minutes: int
    balance_minutes: int
    available_minutes: int


_DRAFT: Final = msgspec.json.Decoder(TransferDraft)
_JSON: Final = msgspec.json.Encoder()


# --- The road of programs ------------------------------------------------------------------------------


def answer_programs(app: ASGIApp) -> ASGIApp:
    """Answer requests that show a bearer token at once; let the others go on to the handler.

    It stands right behind the router: no request object, no dependencies, no response object. What it raises
    is answered like every other refusal.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        token, key = b"", None
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, secret = value.partition(b" ")
                token = secret.strip() if scheme.lower() == b"bearer" else b""
            elif name == b"idempotency-key":
                key = value
        if not token:
            await app(scope, receive, send)
            return
        desk = cast("Desk", scope["litestar_app"].state.desk)
        slug = scope["path_params"]["cooperative"]
        tenant = await desk.cooperative(slug)
        body = await _body(receive)
        if body is None:
            return
        try:
            transfer = _read(token, key, body)
        except (Invalid, Unreadable):
            # A stranger is told so before what they sent is discussed.
            await desk.check_token(slug, token)
            # What is wrong is said in the reader's language, which only those who err make us look for.
            with use_locale(_spoken(scope)):
                transfer = _read(token, key, body)
        outcome = await desk.post(tenant, transfer)
        if outcome.refusal is not None:
            raise _refusal(scope, outcome)
        content = _JSON.encode(outcome.answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    return answer


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None if the client has gone. Raises TooLarge."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message["body"]
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(limit_kilobytes=BODY_BYTES_MAX // 1024)
        if not message["more_body"]:
            return body


def _read(token: bytes, key: bytes | None, body: bytes) -> BearerTransfer:
    """Read the request. Raises Unreadable, Invalid and ReasonMissing."""
    try:
        draft = _DRAFT.decode(body)
    except msgspec.ValidationError as error:
        field, sentence = explain(str(error))
        raise Invalid({field: sentence}) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable from error
    return BearerTransfer(
        token_hash=sha256(token).digest(),
        to=draft.to,
        amount_minutes=draft.amount_minutes,
        reason=checked_reason(draft.reason),
        key=None if key is None else checked_key(key.decode("latin-1")),
        request_hash=sha256(body).digest(),
    )


def _refusal(scope: Scope, outcome: Outcome) -> Refusal:
    with use_locale(_spoken(scope)):
        if outcome.refusal == ScopeMissing.code:
            return ScopeMissing(scope=SCOPE)
        error = outcome.error
    assert error, "the caller saw a refusal"
    return error


def _spoken(scope: Scope) -> str:
    return preferred_locale(Request[Any, Any, Any](scope)) or "fr"


# --- The road of browsers ------------------------------------------------------------------------------

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key", description="Sent again with the same key, a transfer is posted once."
    ),
]


@api_post(
    "/{cooperative:str}/transfers",
    operation_id=OPERATION,
    summary="Transfer hours to a member",
    middleware=[answer_programs],
)
async def post_transfer(
    visit: NamedDependency[Visit], data: JSONBody[TransferDraft], idempotency_key: IdempotencyKey = None
) -> Response[TransferPosted]:
    """Give hours of one's own to a member; the answer says what is left, and leaves once it is on disk."""
    actor = visit.member_with(SCOPE)
    once = None
    if idempotency_key is not None:
        sent = sha256(await visit.request.body()).digest()
        once = Once(
            person_id=visit.signed_in.id,
            endpoint=OPERATION,
            key=checked_key(idempotency_key),
            request_hash=sent,
        )
    order = post(
        debit=hours_account_of(actor.member),
        credit=hours_account_of(data.to),
        amount=data.amount_minutes,
        actor=actor.member,
        reason=checked_reason(data.reason),
        cause=EXCHANGE,
        once=once,
    )
    [outcome] = await post_transfers(visit.db, [order])
    if outcome.error:
        # Answered rather than raised: the transaction commits, and keeps the refusal under its key.
        return cast("Response[TransferPosted]", problem_response(outcome.error))
    return Response(cast("TransferPosted", outcome.answer), status_code=HTTPStatus.CREATED)
