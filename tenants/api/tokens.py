"""API tokens in the JSON API: listed and revoked by a token, made only by a person in a browser."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants import tokens as verbs
from tenants.pages.tokens import NewToken, show_code
from tenants.platform.web import Page, api_get, api_post
from tenants.tokens import ApiToken
from tenants.visit import Visit

TOKENS: Final = "/{cooperative:str}/tokens"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token, without its secret: ``prefix`` is how it begins."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class MadeToken(Token, frozen=True, kw_only=True):
    """A token just made. ``secret`` is in this answer and in no other."""

    secret: str


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """The token that no longer works."""

    id: UUID


def facts_of(token: ApiToken) -> dict[str, object]:
    """What may be told of a token, at any time."""
    return {name: getattr(token, name) for name in Token.__struct_fields__}


@api_get(TOKENS, operation_id="api_tokens", summary="List one's own tokens")
async def api_tokens(visit: NamedDependency[Visit]) -> Page[Token]:
    """List one's own tokens that are still good, newest first; fifty at most."""
    actor = visit.member_with("profile:read")
    return Page(
        items=[msgspec.convert(facts_of(one), Token) for one in await verbs.api_tokens(visit.db, actor=actor)]
    )


@api_post(TOKENS, operation_id="create_api_token", summary="Make a token (in a browser)")
async def create_api_token(visit: NamedDependency[Visit], data: JSONBody[NewToken]) -> MadeToken:
    """Make a token. A token cannot make another. An ``Idempotency-Key`` is not heeded: a secret is not kept."""
    actor = visit.actor
    await show_code(visit, data)
    token, secret = await verbs.create_api_token(
        visit.db, actor=actor, name=data.name, scopes=data.scopes, days=data.days
    )
    return msgspec.convert({**facts_of(token), "secret": secret}, MadeToken)


@api_post(
    TOKENS + "/{token_id:uuid}/revoke", operation_id="revoke_api_token", summary="Revoke a token", status=200
)
async def revoke_api_token(visit: NamedDependency[Visit], token_id: FromPath[UUID]) -> Response[Revoked]:
    """Stop one of one's own tokens at once, even the one that asks."""
    actor = visit.member_with("profile:write")

    async def work() -> Revoked:
        await verbs.revoke_api_token(visit.db, actor=actor, token_id=token_id)
        return Revoked(id=token_id)

    return await visit.once(work, status=200)
