"""My second factor: taken, confirmed, renewed and given up under /me; and asked for when signing in.

Recovery codes are shown in the very answer that made them and nowhere else. These pages must never be reached by
an API token.
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec
import segno
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from markupsafe import Markup

from tenants.enrolments import (
    Enrolment,
    begin_second_factor,
    begun_second_factor,
    confirm_second_factor,
    disable_second_factor,
    renew_recovery_codes,
)
from tenants.half_sign_ins import HalfSignInExpired, complete_sign_in, is_half_signed_in
from tenants.pages.account import at_the_browser
from tenants.pages.sign_in import (
    HALF_COOKIE,
    client_address,
    client_browser,
    first_page,
    keep_signed_in,
    safe_path,
)
from tenants.people import came_by_mail_just_now, me
from tenants.platform.errors import Refusal
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import OptionalLine
from tenants.platform.words import _
from tenants.second_factors import factor_state
from tenants.sign_ins import Opened
from tenants.visit import Visit

PATH: Final = "/me/second-factor"


class CodeForm(msgspec.Struct, frozen=True):
    """A code of the application, or a recovery code."""

    code: OptionalLine


class BeginForm(msgspec.Struct, frozen=True):
    """The password, where it is asked for."""

    current_password: str = ""


class DisableForm(msgspec.Struct, frozen=True):
    """A fresh code, and the password where it is asked for."""

    code: OptionalLine
    current_password: str = ""


class SignInCode(msgspec.Struct, frozen=True):
    """The code asked for when signing in, and where to go then."""

    code: OptionalLine
    next: OptionalLine = ""


# --- Under /me ---------------------------------------------------------------------------------------------


@get("/me/second-factor", include_in_schema=False)
async def second_factor_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show where my second factor stands, and what to do next."""
    return await show(visit)


async def show(
    visit: Visit, form: Form[Any] | None = None, *, recovery_codes: list[str] | None = None
) -> Response[str]:
    """The page, with the form that was sent, if one was, or the codes just made."""
    person, sign_in_id = at_the_browser(visit)
    mine = await me(visit.db, person_id=person.id)
    by_mail = await came_by_mail_just_now(visit.db, person_id=person.id, sign_in_id=sign_in_id)
    state = await factor_state(visit.db, person_id=person.id)
    enrolment = (
        None
        if state.since
        else await begun_second_factor(
            visit.db, seal=visit.house.seal, person_id=person.id, sign_in_id=sign_in_id
        )
    )

    def own(kind: type[msgspec.Struct]) -> Form[Any]:
        return form if form is not None and form.kind is kind else visit.blank_form(kind)

    return visit.page(
        "tenants/second_factor.html",
        form=form,
        state=state,
        enrolment=enrolment,
        picture=picture_of(enrolment) if enrolment else "",
        recovery_codes=recovery_codes or [],
        asks_current=mine.password_hash is not None and not by_mail,
        begin_form=own(BeginForm),
        code_form=own(CodeForm),
        disable_form=own(DisableForm),
    )


def picture_of(enrolment: Enrolment) -> Markup:
    """The address of an enrolment as a QR code: an SVG without style, black on white also in the dark."""
    drawn = segno.make(enrolment.uri, error="m").svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704 (the library draws lines; nothing of the text is in them)


@post("/me/second-factor/begin", include_in_schema=False)
async def begin(visit: NamedDependency[Visit]) -> Response[Any]:
    """Make a secret for the telephone."""
    person, sign_in_id = at_the_browser(visit)
    form = await visit.form(BeginForm)

    async def work() -> Done:
        await begin_second_factor(
            visit.db,
            visit.house.throttle,
            seal=visit.house.seal,
            person_id=person.id,
            sign_in_id=sign_in_id,
            current_password=form.data.current_password or None,
        )
        return Done(PATH)

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


@post("/me/second-factor/confirm", include_in_schema=False)
async def confirm(visit: NamedDependency[Visit]) -> Response[Any]:
    """Show the first code; the answer holds the recovery codes."""
    person, sign_in_id = at_the_browser(visit)
    form = await visit.form(CodeForm)
    if not form.errors:
        try:
            async with visit.db.begin_nested():
                codes = await confirm_second_factor(
                    visit.db,
                    visit.house.throttle,
                    seal=visit.house.seal,
                    person_id=person.id,
                    sign_in_id=sign_in_id,
                    code=form.data.code,
                )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return await show(visit, recovery_codes=codes)
    return await _again(visit, form)


@post("/me/second-factor/codes", include_in_schema=False)
async def renew(visit: NamedDependency[Visit]) -> Response[Any]:
    """Make new recovery codes, shown in this very answer."""
    person, _sign_in_id = at_the_browser(visit)
    form = await visit.form(CodeForm)
    if not form.errors:
        try:
            async with visit.db.begin_nested():
                codes = await renew_recovery_codes(
                    visit.db,
                    visit.house.throttle,
                    seal=visit.house.seal,
                    person_id=person.id,
                    code=form.data.code,
                )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return await show(visit, recovery_codes=codes)
    return await _again(visit, form)


async def _again(visit: Visit, form: Form[Any]) -> Response[str]:
    visit.refused = form
    answer = await show(visit, form)
    answer.status_code = form.refusal.status if form.refusal else 422
    return answer


@post("/me/second-factor/disable", include_in_schema=False)
async def disable(visit: NamedDependency[Visit]) -> Response[Any]:
    """Give the second factor up."""
    person, sign_in_id = at_the_browser(visit)
    form = await visit.form(DisableForm)

    async def work() -> Done:
        await disable_second_factor(
            visit.db,
            visit.house.throttle,
            seal=visit.house.seal,
            person_id=person.id,
            sign_in_id=sign_in_id,
            code=form.data.code,
            current_password=form.data.current_password or None,
        )
        return Done(PATH, _("Le second facteur est désactivé."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


# --- When signing in ---------------------------------------------------------------------------------------


@get("/sign-in/code", include_in_schema=False)
async def sign_in_code_page(visit: NamedDependency[Visit], next: FromQuery[str] = "") -> Response[Any]:
    """Ask for the code of somebody who has shown their first factor."""
    if not await is_half_signed_in(visit.db, token=visit.request.cookies.get(HALF_COOKIE, "")):
        return visit.see_other(f"/sign-in?next={quote(safe_path(next))}" if safe_path(next) else "/sign-in")
    return visit.page("tenants/sign_in_code.html", form=visit.blank_form(SignInCode, next=safe_path(next)))


@post("/sign-in/code", include_in_schema=False)
async def sign_in_code(visit: NamedDependency[Visit]) -> Response[Any]:
    """Take the code and sign in."""
    form = await visit.form(SignInCode)
    opened: list[Opened] = []

    async def work() -> Done:
        opened.append(
            await complete_sign_in(
                visit.db,
                visit.house.throttle,
                seal=visit.house.seal,
                token=visit.request.cookies.get(HALF_COOKIE, ""),
                code=form.data.code,
                user_agent=client_browser(visit),
                address=client_address(visit),
            )
        )
        return Done(safe_path(form.data.next) or await first_page(visit), _("Vous êtes connecté."))

    answer = await visit.submit(
        form, work, otherwise=lambda: visit.page("tenants/sign_in_code.html", form=form)
    )
    if isinstance(form.refusal, HalfSignInExpired):
        return visit.see_other("/sign-in", notice=form.refusal.detail())
    if opened:
        answer.set_cookie(visit.cookie(HALF_COOKIE, "", max_age=0))
        return keep_signed_in(visit, answer, opened[0])
    return answer
