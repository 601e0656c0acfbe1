"""The reception: opens a visit, and closes it by a COMMIT before the answer leaves.

``open_visit`` is the single generator dependency of every handler. It finds the cooperative, the reader and
their mandates in one statement; GET visits are READ ONLY in PostgreSQL. This file must never hold a page.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.arrivals import Arrival
from tenants.house import House
from tenants.platform.database import Database
from tenants.platform.errors import CrossSite, NotFound, NotSignedIn, TooLarge, Unreadable
from tenants.platform.forms import sent_fields
from tenants.platform.relay import wake_relay
from tenants.platform.security import SAFE_METHODS, SIGN_IN_COOKIE, is_cross_site
from tenants.platform.words import use_locale
from tenants.silences import note_activity
from tenants.visit import Visit, must_be_a_member

DRAINED_BYTES_MAX: Final = 64 * 1024 * 1024
PRESENT_SECONDS: Final = 3_600.0
PRESENT_MAX: Final = 50_000

_ARRIVE = text("SELECT * FROM arrive(:slug, :sign_in_hash, :bearer_hash)")
_TOUCH = text("SELECT touch_sign_in(:sign_in_id)")
_TOUCH_TOKEN = text(
    "UPDATE api_tokens SET last_used_at = now() WHERE tenant_id = :tenant_id AND id = :token_id"
)


async def open_visit(request: Request[Any, Any, Any]) -> AsyncIterator[Visit]:
    """The one dependency of every handler: open the transaction, find who comes, commit or roll back."""
    house = cast("House", request.app.state.house)
    reading = request.method in SAFE_METHODS
    sign_in_hash, bearer_hash = _credentials(request)
    if not reading:
        if not bearer_hash and _is_cross_site(request, house, signed_in=sign_in_hash is not None):
            raise CrossSite
        # Read before a connection is taken, so that a slow sender holds none.
        await _read_body(request)
        await _keep_typed(request, house)
    slug = request.path_params.get("cooperative")
    async with house.database.begin(read_only=reading) as db:
        row = await db.execute(
            _ARRIVE, {"slug": slug, "sign_in_hash": sign_in_hash, "bearer_hash": bearer_hash}
        )
        arrival = msgspec.convert(row.mappings().one(), Arrival)
        db.info["tenant"], db.info["person"] = arrival.tenant_id, arrival.person_id
        visit = Visit(request, house, db, arrival)
        request.state.visit = visit
        if slug is not None and visit.cooperative is None:
            raise NotFound
        if bearer_hash and visit.token_id is None:
            raise NotSignedIn
        open_to = request.route_handler.opt
        if not (
            slug is None
            or reading
            or open_to.get("open_to_strangers")
            or (visit.suspended and open_to.get("open_to_suspended"))
        ):
            # Every writing operation is a member's (but for asking to join, and for leaving while suspended): a
            # stranger is told so before their body is looked at.
            must_be_a_member(visit)
        zone = visit.cooperative.time_zone if visit.cooperative else None
        with use_locale(visit.locale, zone):
            yield visit
    if db.info.get("emitted"):
        _in_background(wake_relay(house.throttle.cache))
    if visit.member is not None and visit.person is not None:
        _note_presence(house.database, visit.here.tenant_id, visit.member.id)
    if arrival.sign_in_stale:
        _in_background(_touch(house.database, arrival))


def passing_visit(request: Request[Any, Any, Any]) -> Visit:
    """A visit without a transaction, for the pages that say what went wrong."""
    found = getattr(request.state, "visit", None)
    if isinstance(found, Visit):
        return found
    return Visit(request, cast("House", request.app.state.house), cast("AsyncSession", None), Arrival())


def _credentials(request: Request[Any, Any, Any]) -> tuple[bytes | None, bytes | None]:
    """The hashes of the sign-in cookie and of the bearer token; a bearer token wins over a cookie.

    A token is looked at under ``/api/`` alone: what its scopes allow is said of operations, and a page has none.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip() and request.scope["path"].startswith("/api/"):
        return None, hashlib.sha256(secret.strip().encode()).digest()
    cookie = request.cookies.get(SIGN_IN_COOKIE)
    return (hashlib.sha256(cookie.encode()).digest(), None) if cookie else (None, None)


def _is_cross_site(request: Request[Any, Any, Any], house: House, *, signed_in: bool) -> bool:
    headers = dict(request.scope["headers"])
    return is_cross_site(headers, base_url=house.settings.base_url, signed_in=signed_in)


async def _read_body(request: Request[Any, Any, Any]) -> None:
    """Read the body. What is too large is let in and thrown away, so far as it is bearable.

    A browser reads no answer while it sends: cut off in the middle, it would say that the connection broke
    rather than show why.
    """
    try:
        await request.body()
    except RequestEntityTooLarge:
        thrown = 0
        while thrown < DRAINED_BYTES_MAX:
            message: Any = await request.receive()
            thrown += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        limit = request.route_handler.resolve_request_max_body_size() or 0
        raise TooLarge(limit_kilobytes=limit // 1024) from None


async def _keep_typed(request: Request[Any, Any, Any], house: House) -> None:
    """Keep what a page of ours sent, so that whatever goes wrong, the answer can give it back.

    Never what another site may have sent: it would be shown, ready to be confirmed, as if the reader had typed it.
    """
    if request.scope["path"].startswith("/api/") or _is_cross_site(request, house, signed_in=True):
        return
    with contextlib.suppress(Unreadable, HTTPException):
        request.state.typed = await sent_fields(request)


_background: set[asyncio.Task[None]] = set()


def _in_background(work: Any) -> None:
    task = asyncio.create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)


# When each member's presence was last written down by this process: a request owes it no time.
_present: dict[UUID, float] = {}


def _note_presence(database: Database, tenant_id: UUID, membership_id: UUID) -> None:
    """Have it written that a member was here: apart from the request, at most once an hour."""
    now = asyncio.get_running_loop().time()
    if now < _present.get(membership_id, 0.0):
        return
    if len(_present) >= PRESENT_MAX:
        _present.clear()
    _present[membership_id] = now + PRESENT_SECONDS
    _in_background(_write_presence(database, tenant_id, membership_id))


async def _write_presence(database: Database, tenant_id: UUID, membership_id: UUID) -> None:
    with contextlib.suppress(Exception):
        async with database.begin(tenant=tenant_id) as db:
            await note_activity(db, tenant_id=tenant_id, membership_ids=[membership_id])


async def _touch(database: Database, arrival: Arrival) -> None:
    """Note that a sign-in or a token was used: apart from the request, at most once an hour."""
    with contextlib.suppress(Exception):
        async with database.begin(tenant=arrival.tenant_id, person=arrival.person_id) as db:
            if arrival.token_id:
                await db.execute(_TOUCH_TOKEN, {"tenant_id": arrival.tenant_id, "token_id": arrival.token_id})
            else:
                await db.execute(_TOUCH, {"sign_in_id": arrival.sign_in_id})
