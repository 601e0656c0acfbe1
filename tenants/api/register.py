"""The register in the JSON API: public, in the format that anyone can verify."""

from typing import Any
from uuid import UUID

import msgspec
from litestar.di import NamedDependency

from tenants.platform.web import PAGE_LENGTH, After, Limit, Page, api_get, decode_cursor, encode_cursor
from tenants.register import published, register_lines
from tenants.visit import Visit


class PublishedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``hash`` is the SHA-256 of the canonical JSON (RFC 8785) of the line without ``hash``."""

    format: str
    cooperative: UUID
    seq: int
    at: str
    kind: str
    facts: dict[str, Any]
    previous: str
    hash: str


@api_get(
    "/{cooperative:str}/register", operation_id="register", summary="Read the public register", public=True
)
async def register(
    visit: NamedDependency[Visit],
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[PublishedLine]:
    """Read decisions, newest first. The whole chain at once is at ``/{cooperative}/register.json``."""
    cursor = decode_cursor(after, (int,))
    lines = await register_lines(
        visit.db, tenant_id=visit.here.tenant_id, before=cursor[0] if cursor else None, limit=limit + 1
    )
    items = [msgspec.convert(published(line), PublishedLine) for line in lines[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].seq) if len(lines) > limit else None)
