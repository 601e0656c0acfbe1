"""Signing in and out: by password, or by a link in a mail. These pages belong to no cooperative.

They must never say whether an address is known.
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.half_sign_ins import GOOD_FOR_SECONDS
from tenants.mail_links import consume_mail_link, look_at_mail_link, request_mail_link
from tenants.people import WrongPassword, my_memberships, sign_in_with_password
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.ids import PersonId
from tenants.platform.inputs import Email, OptionalLine
from tenants.platform.security import SIGN_IN_COOKIE
from tenants.platform.security import client_address as client_address_of
from tenants.platform.words import _
from tenants.sign_ins import Opened, revoke_sign_in
from tenants.visit import Visit

# The browser keeps the cookie as long as browsers do; whether it is still good is ours to say (30 days).
COOKIE_SECONDS: Final = 400 * 24 * 3600
# Of whoever has shown a first factor and is asked for the second; ours is good for ten minutes.
HALF_COOKIE: Final = "archipel_half_sign_in"


class SignInForm(msgspec.Struct, frozen=True):
    """What is typed to sign in; ``link`` is the other button."""

    email: Email
    password: str = ""
    link: bool = False
    next: OptionalLine = ""


@get("/sign-in", include_in_schema=False)
async def sign_in_page(visit: NamedDependency[Visit], next: FromQuery[str] = "") -> Response[Any]:
    """Ask who comes."""
    if visit.person is not None:
        return visit.see_other(safe_path(next) or "/me")
    return visit.page("tenants/sign_in.html", form=visit.blank_form(SignInForm, next=safe_path(next)))


@post("/sign-in", include_in_schema=False)
async def sign_in(visit: NamedDependency[Visit]) -> Response[Any]:
    """Check the password, or send a link; both refuse alike whoever is asked for."""
    form = await visit.form(SignInForm)
    opened: list[Opened] = []

    async def work() -> Done:
        if form.data.link:
            await request_mail_link(
                visit.db,
                visit.house.throttle,
                email=form.data.email,
                locale=visit.locale,
                address=client_address(visit),
            )
            return Done("/sign-in/sent")
        if not form.data.password:
            raise WrongPassword
        opened.append(
            await sign_in_with_password(
                visit.db,
                visit.house.throttle,
                email=form.data.email,
                password=form.data.password,
                user_agent=client_browser(visit),
                address=client_address(visit),
            )
        )
        return Done(safe_path(form.data.next) or await first_page(visit))

    answer = await visit.submit(form, work, otherwise=lambda: visit.page("tenants/sign_in.html", form=form))
    return keep_signed_in(visit, answer, opened[0]) if opened else answer


@get("/sign-in/sent", include_in_schema=False)
async def link_sent(visit: NamedDependency[Visit]) -> Response[str]:
    """Say that a mail is on its way, if the address is known."""
    return visit.page("tenants/link_sent.html")


@get("/sign-in/link/{token:str}", include_in_schema=False)
async def link_page(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[str]:
    """Show what a mailed link would do. Opening it does nothing: scanners of mail open links too."""
    seen = await look_at_mail_link(visit.db, token=token, person_id=who_presses(visit))
    return visit.page("tenants/link.html", link=seen, token=token, form=visit.click)


@post("/sign-in/link/{token:str}", include_in_schema=False)
async def press_link(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[Any]:
    """Do what the link is for, once."""
    form: Form[Nothing] = await visit.form(Nothing)
    person_id = who_presses(visit)
    seen = await look_at_mail_link(visit.db, token=token, person_id=person_id)
    opened: list[Opened] = []

    async def work() -> Done:
        entered = await consume_mail_link(
            visit.db,
            token=token,
            person_id=person_id,
            user_agent=client_browser(visit),
            address=client_address(visit),
        )
        if entered is None:
            return Done("/me", _("Votre adresse est maintenant {email}.", email=seen.email))
        opened.append(entered)
        return Done(await first_page(visit), "" if entered.half else _("Vous êtes connecté."))

    answer = await visit.submit(
        form, work, otherwise=lambda: visit.page("tenants/link.html", link=seen, token=token, form=form)
    )
    return keep_signed_in(visit, answer, opened[0]) if opened else answer


def who_presses(visit: Visit) -> PersonId | None:
    """The person who is signed in already, if anybody is."""
    return visit.person.id if visit.person else None


@post(["/sign-out", "/me/sign-out"], include_in_schema=False)
async def sign_out(visit: NamedDependency[Visit]) -> Response[Any]:
    """Sign this browser out."""
    if visit.person is not None and visit.person.sign_in_id is not None:
        await revoke_sign_in(visit.db, person_id=visit.person.id, sign_in_id=visit.person.sign_in_id)
    gone = visit.cookie(SIGN_IN_COOKIE, "", max_age=0)
    answer = visit.see_other("/", notice=_("Vous êtes déconnecté."), cookies=[gone])
    # Whoever sits at this browser next finds no page of theirs by going back.
    answer.headers["clear-site-data"] = '"cache"'
    return answer


async def first_page(visit: Visit) -> str:
    """Where somebody who just came in goes: their only cooperative, or the list of theirs."""
    active = [one for one in await my_memberships(visit.db) if one.state == "active"]
    return f"/{active[0].slug}" if len(active) == 1 else "/me"


def keep_signed_in(visit: Visit, answer: Response[Any], opened: Opened) -> Response[Any]:
    """Give the browser the cookie of a sign-in just opened; if it is half, lead it to where the code is asked."""
    if opened.half:
        answer.headers["location"] = f"/sign-in/code?next={quote(answer.headers['location'])}"
        answer.set_cookie(visit.cookie(HALF_COOKIE, opened.token, max_age=GOOD_FOR_SECONDS))
        return answer
    answer.set_cookie(visit.cookie(SIGN_IN_COOKIE, opened.token, max_age=COOKIE_SECONDS))
    return answer


def safe_path(path: str) -> str:
    """The path if it leads to a page of ours, else nothing: a link must not send people elsewhere."""
    ours = (
        path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and path.isascii()
    )
    return path if ours else ""


def client_browser(visit: Visit) -> str:
    """What the browser says of itself."""
    return visit.request.headers.get("user-agent", "")


def client_address(visit: Visit) -> str:
    """Where the request comes from, as the server or its trusted proxies see it."""
    peer = visit.request.client.host if visit.request.client else ""
    forwarded = ",".join(visit.request.headers.getall("x-forwarded-for", []))
    return client_address_of(peer, forwarded, proxies=visit.house.settings.trusted_proxies)
