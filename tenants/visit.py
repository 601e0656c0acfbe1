"""A visit: one request of one reader to one cooperative, in one transaction on one connection.

It tells a handler who reads and what they may, and answers for it: pages, redirects, forms that keep what was typed,
and requests that are done once. ``tenants.reception`` opens it. This file must never hold a rule of the trade.
"""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from inspect import isawaitable
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor, Role
from tenants.arrivals import Arrival, Cooperative, Person, locale_of, public_path
from tenants.house import House
from tenants.platform import idempotency
from tenants.platform.errors import (
    Invalid,
    NotAMember,
    NotFound,
    NotSignedIn,
    Refusal,
    ScopeMissing,
)
from tenants.platform.forms import Done, Form, Nothing, SentBefore
from tenants.platform.security import SAFE_METHODS
from tenants.platform.templating import NavigationItem, render
from tenants.platform.web import problem_response
from tenants.platform.words import _

StructT = TypeVar("StructT", bound=msgspec.Struct)

NOTICE_COOKIE: Final = "archipel_notice"
NOTICE_LENGTH_MAX: Final = 500


class Visit:
    """What a handler is given: the transaction, who reads, and how to answer."""

    def __init__(
        self, request: Request[Any, Any, Any], house: House, db: AsyncSession, arrival: Arrival
    ) -> None:
        self.request = request
        self.house = house
        self.db = db
        self._arrival = arrival
        self.cooperative = arrival.cooperative()
        self.person = arrival.person()
        self.member = arrival.member()
        self.suspended = arrival.suspended()
        self.roles = frozenset(Role(role) for role in arrival.roles or ())
        # What mandates give and may not be used for want of a second factor: it reads, and changes nothing.
        self.withheld = frozenset(Role(role) for role in arrival.withheld or ())
        self.unread_notices: int = arrival.unread_notices or 0
        self.token_id: UUID | None = arrival.token_id
        self.locale = locale_of(request, self.person, self.cooperative)
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
        reading = self.request.method in SAFE_METHODS
        return Actor(
            tenant_id=self.here.tenant_id,
            membership_id=self.member.id,
            person_id=person.id,
            roles=self.roles if reading else self.roles - self.withheld,
            withheld=frozenset() if reading else self.withheld,
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

    def address(self, lang: str | None = None) -> str:
        """The full address of this page: as it was asked for, or in a language (``""``: the reader's own)."""
        return self.house.settings.base_url + public_path(self.request, lang)

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

    def sent_to(self, action: str, blank: Form[StructT]) -> Form[StructT]:
        """The form that was refused at this address, where a page has several of its kind; otherwise the blank one."""
        return self.refused if self.refused and self.path == action else blank

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


def must_be_a_member(visit: Visit) -> None:
    """Refuse a stranger (401) and a non-member (403) on a page that no verb guards."""
    visit.actor.must_be(visit.actor.member)


def checked_key(key: str) -> str:
    """An ``Idempotency-Key`` as it may be stored. Raises Invalid."""
    if not 1 <= len(key) <= idempotency.KEY_LENGTH_MAX or not key.isprintable():
        raise Invalid({"idempotency-key": _("Une clé a de 1 à 255 caractères visibles.")})
    return key
