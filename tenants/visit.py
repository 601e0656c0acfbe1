"""A visit: one request of one reader to one cooperative, in one transaction on one connection.

The single generator dependency ``open_visit`` finds the cooperative, the reader and their mandates in one
statement, hands the visit to the handler, and commits before the answer leaves. GET visits are READ ONLY
in PostgreSQL. This file must never hold a rule of the trade.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from inspect import isawaitable
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor, Role
from tenants.platform import idempotency
from tenants.platform.database import Database
from tenants.platform.errors import (
    CrossSite,
    Invalid,
    NotAMember,
    NotFound,
    NotSignedIn,
    Refusal,
    ScopeMissing,
    Unreadable,
)
from tenants.platform.forms import Done, Form, Nothing, SentBefore, sent_fields
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.relay import wake_relay
from tenants.platform.security import SAFE_METHODS, SIGN_IN_COOKIE, is_cross_site
from tenants.platform.settings import Settings
from tenants.platform.templating import NavigationItem, render
from tenants.platform.throttle import Throttle
from tenants.platform.web import problem_response
from tenants.platform.words import _, use_locale

StructT = TypeVar("StructT", bound=msgspec.Struct)

NOTICE_COOKIE: Final = "archipel_notice"
NOTICE_LENGTH_MAX: Final = 500
DRAINED_BYTES_MAX: Final = 16 * 1024 * 1024

_ARRIVE = text("SELECT * FROM arrive(:slug, :sign_in_hash, :bearer_hash)")
_TOUCH = text("SELECT touch_sign_in(:sign_in_id)")
_TOUCH_TOKEN = text(
    "UPDATE api_tokens SET last_used_at = now() WHERE tenant_id = :tenant_id AND id = :token_id"
)


class Cooperative(msgspec.Struct, frozen=True, kw_only=True):
    """The cooperative that is visited, as every page needs it."""

    tenant_id: CooperativeId
    slug: str
    name: str
    legal_profile: str
    territory: str
    locale: str
    time_zone: str
    accent: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    id: PersonId
    email: str
    locale: str | None
    sign_in_id: UUID | None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in person's active membership of the cooperative that is visited."""

    id: MembershipId
    name: str


@dataclass(frozen=True)
class House:
    """What the application holds for its whole life, handed down to each visit."""

    settings: Settings
    database: Database
    throttle: Throttle
    navigation: "Callable[[Visit], Sequence[NavigationItem]]"


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What ``arrive`` found: all empty for a stranger at a page that names no cooperative."""

    tenant_id: UUID | None = None
    slug: str | None = None
    name: str | None = None
    legal_profile: str | None = None
    territory: str | None = None
    coop_locale: str | None = None
    time_zone: str | None = None
    accent: str | None = None
    person_id: UUID | None = None
    sign_in_id: UUID | None = None
    sign_in_stale: bool | None = None
    person_locale: str | None = None
    email: str | None = None
    membership_id: UUID | None = None
    display_name: str | None = None
    membership_state: str | None = None
    roles: list[str] | None = None
    token_id: UUID | None = None
    scopes: list[str] | None = None
    unread_notices: int | None = None


class Visit:
    """What a handler is given: the transaction, who reads, and how to answer."""

    def __init__(
        self, request: Request[Any, Any, Any], house: House, db: AsyncSession, arrival: Arrival
    ) -> None:
        self.request = request
        self.house = house
        self.db = db
        self._arrival = arrival
        self.cooperative = _cooperative(arrival)
        self.person = _person(arrival)
        self.member = _member(arrival)
        self.roles = frozenset(Role(role) for role in arrival.roles or ())
        self.unread_notices: int = arrival.unread_notices or 0
        self.token_id: UUID | None = arrival.token_id
        self.locale = _locale(request, self.person, self.cooperative)
        self.refused: Form[Any] | None = None

    # --- Who reads ---------------------------------------------------------------------------------

    @property
    def here(self) -> Cooperative:
        """The cooperative; only on paths that name one."""
        if self.cooperative is None:
            raise NotFound
        return self.cooperative

    @property
    def slug(self) -> str:
        """The cooperative's name in addresses."""
        return self.here.slug

    @property
    def signed_in(self) -> Person:
        """The person, or a refusal that leads to the sign-in page."""
        if self.person is None:
            raise NotSignedIn
        return self.person

    @cached_property
    def actor(self) -> Actor:
        """The member who asks, for a verb. Refuses a stranger (401) and a non-member (403)."""
        person = self.signed_in
        if self.member is None:
            raise NotAMember
        return Actor(
            tenant_id=self.here.tenant_id,
            membership_id=self.member.id,
            person_id=person.id,
            roles=self.roles,
            scopes=frozenset(self._arrival.scopes or ()) if self.token_id else None,
        )

    def holds(self, *roles: str) -> bool:
        """Whether the reader holds one of these roles here; for templates."""
        return any(Role(role) in self.roles for role in roles)

    def member_with(self, scope: str) -> Actor:
        """The actor, whose API token (if that is how they come) was given this scope."""
        actor = self.actor
        if actor.scopes is not None and scope not in actor.scopes:
            raise ScopeMissing(scope=scope)
        return actor

    # --- What a template asks ----------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The path of this page."""
        return self.request.scope["path"]

    @property
    def demo(self) -> bool:
        """Whether this installation is a demonstration."""
        return self.house.settings.demo

    @cached_property
    def navigation(self) -> Sequence[NavigationItem]:
        """The entries of the main navigation for this reader."""
        return self.house.navigation(self)

    @cached_property
    def notice(self) -> str | None:
        """What the page before has to say on this one."""
        raw = self.request.cookies.get(NOTICE_COOKIE)
        if not raw:
            return None
        try:
            return base64.urlsafe_b64decode(raw.encode()).decode()[:NOTICE_LENGTH_MAX] or None
        except (binascii.Error, ValueError):
            return None

    # --- Answering ---------------------------------------------------------------------------------

    def page(self, template: str, *, status: int = 200, **context: object) -> Response[str]:
        """Render a page for this reader.

        The browser may keep it for its back button alone, which then finds a form as it was left, with its
        ``once``; ``no-store`` would have it fetched anew and lose what was typed. Signing out clears what is kept.
        """
        shows_notice = bool(self.request.cookies.get(NOTICE_COOKIE))
        return Response(
            render(template, visit=self, **context),
            status_code=status,
            media_type="text/html",
            headers={
                "cache-control": "private, no-cache",
                "vary": "cookie, accept-language",
            },
            cookies=[Cookie(NOTICE_COOKIE, value="", max_age=0, path="/")] if shows_notice else [],
        )

    def see_other(self, path: str, *, notice: str = "", cookies: Sequence[Cookie] = ()) -> Response[None]:
        """Lead the browser to another page (303), which shows ``notice`` once."""
        assert path.startswith("/"), "a redirect stays on this site"
        left = [*cookies]
        if notice:
            value = base64.urlsafe_b64encode(notice[:NOTICE_LENGTH_MAX].encode()).decode()
            left.append(self.cookie(NOTICE_COOKIE, value, max_age=60))
        return Response(None, status_code=HTTPStatus.SEE_OTHER, headers={"location": path}, cookies=left)

    def cookie(self, name: str, value: str, *, max_age: int) -> Cookie:
        """A cookie that scripts cannot read and other sites cannot send."""
        secure = self.house.settings.base_url.startswith("https:")
        return Cookie(
            name, value=value, max_age=max_age, path="/", httponly=True, secure=secure, samesite="lax"
        )

    # --- Forms -------------------------------------------------------------------------------------

    def blank_form(self, kind: type[StructT], **values: str) -> Form[StructT]:
        """A form nobody has typed in yet, with some fields proposed."""
        return Form(kind, values)

    @cached_property
    def click(self) -> Form[Nothing]:
        """A form without fields, for a verb that needs nothing but a click."""
        return Form(Nothing)

    async def form(self, kind: type[StructT]) -> Form[StructT]:
        """The form that was sent."""
        return await Form.received(self.request, kind)

    async def submit(
        self,
        form: Form[Any],
        work: Callable[[], Awaitable[Done]],
        *,
        otherwise: Callable[[], Response[Any] | Awaitable[Response[Any]]],
    ) -> Response[Any]:
        """Do the work of a sent form once and lead on (303), or show the page again with what is wrong.

        The work runs in a savepoint: a refusal leaves nothing half-done, and the page that shows it can
        still read. Sent twice with the same ``once``, it is done once and answered twice; sent again with other
        answers (the back button), it asks whether that is meant. A refusal is no answer to keep: what was
        missing then may be there now.
        """
        if not form.errors:
            try:
                done = await self._once(f"form {self.path}", form.sent_once, form.fields(), work)
            except idempotency.IdempotencyKeyReused as reused:
                form.already = msgspec.convert(reused.kept, Done).path
                form.refuse(SentBefore())
            except Refusal as refusal:
                if isinstance(refusal, (NotSignedIn, NotFound)):
                    raise
                form.refuse(refusal)
            else:
                return self.see_other(done.path, notice=done.notice)
        self.refused = form
        page = otherwise()
        answer = await page if isawaitable(page) else page
        answer.status_code = form.refusal.status if form.refusal else HTTPStatus.UNPROCESSABLE_ENTITY
        return answer

    async def _once(
        self, endpoint: str, key: str, fields: Mapping[str, Any], work: Callable[[], Awaitable[Done]]
    ) -> Done:
        if not key or self.member is None:
            async with self.db.begin_nested():
                return await work()

        async def kept() -> tuple[int, Any]:
            return HTTPStatus.SEE_OTHER, await work()

        sent = msgspec.json.encode(fields, enc_hook=str, order="sorted")
        answer = await idempotency.once(
            self.db,
            tenant_id=self.here.tenant_id,
            person_id=self.signed_in.id,
            endpoint=endpoint,
            key=key,
            request_hash=hashlib.sha256(sent).digest(),
            work=kept,
            keep_refusals=False,
        )
        return msgspec.convert(answer.content, Done)

    # --- API ---------------------------------------------------------------------------------------

    async def once(self, work: Callable[[], Awaitable[Any]], *, status: int = 201) -> Response[Any]:
        """Do the work of an API request once per ``Idempotency-Key``; without the header, simply do it.

        ``work`` returns the answer as a Struct. A refusal is kept and answered like a success.
        """
        key = self.request.headers.get("idempotency-key")
        if key is None:
            return Response(await work(), status_code=status)

        async def kept() -> tuple[int, Any]:
            return status, await work()

        answer = await idempotency.once(
            self.db,
            tenant_id=self.here.tenant_id,
            person_id=self.signed_in.id,
            endpoint=f"{self.request.method} {self.path}",
            key=checked_key(key),
            request_hash=hashlib.sha256(await self.request.body()).digest(),
            work=kept,
        )
        if answer.refusal:
            return cast("Response[Any]", problem_response(answer.refusal))
        return Response(answer.content, status_code=answer.status)


# --- Arriving ------------------------------------------------------------------------------------------


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
        if slug is not None and not reading:
            # Every writing operation is a member's: a stranger is told so before their body is looked at.
            must_be_a_member(visit)
        zone = visit.cooperative.time_zone if visit.cooperative else None
        with use_locale(visit.locale, zone):
            yield visit
    if db.info.get("emitted"):
        _in_background(wake_relay(house.throttle.cache))
    if arrival.sign_in_stale:
        _in_background(_touch(house.database, arrival))


def must_be_a_member(visit: Visit) -> None:
    """Refuse a stranger (401) and a non-member (403) on a page that no verb guards."""
    visit.actor.must_be(visit.actor.member)


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
        raise


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


async def _touch(database: Database, arrival: Arrival) -> None:
    """Note that a sign-in or a token was used: apart from the request, at most once an hour."""
    with contextlib.suppress(Exception):
        async with database.begin(tenant=arrival.tenant_id, person=arrival.person_id) as db:
            if arrival.token_id:
                await db.execute(_TOUCH_TOKEN, {"tenant_id": arrival.tenant_id, "token_id": arrival.token_id})
            else:
                await db.execute(_TOUCH, {"sign_in_id": arrival.sign_in_id})


def checked_key(key: str) -> str:
    """An ``Idempotency-Key`` as it may be stored. Raises Invalid."""
    if not 1 <= len(key) <= idempotency.KEY_LENGTH_MAX or not key.isprintable():
        raise Invalid({"idempotency-key": _("Une clé a de 1 à 255 caractères visibles.")})
    return key


def _cooperative(arrival: Arrival) -> Cooperative | None:
    if arrival.tenant_id is None:
        return None
    return Cooperative(
        tenant_id=CooperativeId(arrival.tenant_id),
        slug=arrival.slug or "",
        name=arrival.name or "",
        legal_profile=arrival.legal_profile or "",
        territory=arrival.territory or "",
        locale=arrival.coop_locale or "fr",
        time_zone=arrival.time_zone or "Europe/Paris",
        accent=arrival.accent or "ocean",
    )


def _person(arrival: Arrival) -> Person | None:
    if arrival.person_id is None or arrival.email is None:
        return None
    return Person(
        id=PersonId(arrival.person_id),
        email=arrival.email,
        locale=arrival.person_locale,
        sign_in_id=arrival.sign_in_id,
    )


def _member(arrival: Arrival) -> Member | None:
    if arrival.membership_id is None or arrival.membership_state != "active":
        return None
    return Member(id=MembershipId(arrival.membership_id), name=arrival.display_name or "")


def passing_visit(request: Request[Any, Any, Any]) -> Visit:
    """A visit without a transaction, for the pages that say what went wrong."""
    found = getattr(request.state, "visit", None)
    if isinstance(found, Visit):
        return found
    return Visit(request, cast("House", request.app.state.house), cast("AsyncSession", None), Arrival())


def _locale(request: Request[Any, Any, Any], person: Person | None, cooperative: Cooperative | None) -> str:
    """The person's language, else the browser's, else the cooperative's, else French."""
    if person and person.locale:
        return person.locale
    return preferred_locale(request) or (cooperative.locale if cooperative else "fr")


def preferred_locale(request: Request[Any, Any, Any]) -> str | None:
    """The first language of ``Accept-Language`` that we speak."""
    if (chosen := request.cookies.get("archipel_locale")) in {"fr", "en"}:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip()[:2].lower()
        if tag in {"fr", "en"}:
            return tag
    return None
