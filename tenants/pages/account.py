"""My account: my cooperatives, where I am signed in, my password, my address, my language.

It must never be reached by an API token, which acts for a member and not for the person.
"""

from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.arrivals import Person
from tenants.mail_links import request_email_change
from tenants.pages.sign_in import safe_path
from tenants.people import came_by_mail_just_now, change_locale, change_password, me, my_memberships
from tenants.platform.errors import NotSignedIn
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import Email, OptionalLine, Secret
from tenants.platform.words import _, ngettext, use_locale
from tenants.second_factors import factor_state
from tenants.sign_ins import my_sign_ins, revoke_sign_in
from tenants.visit import Visit

LOCALE_COOKIE_SECONDS = 400 * 24 * 3600


class PasswordForm(msgspec.Struct, frozen=True):
    """A new password, and the present one and a code of the second factor where they are asked for."""

    new_password: Secret
    current_password: str = ""
    code: OptionalLine = ""


class EmailForm(msgspec.Struct, frozen=True):
    """The address that is to become one's own, and the password and a code where they are asked for."""

    email: Email
    current_password: str = ""
    code: OptionalLine = ""


class LanguageForm(msgspec.Struct, frozen=True):
    """A language, and the page to come back to."""

    locale: Literal["fr", "en"]
    back: OptionalLine = ""


def at_the_browser(visit: Visit) -> tuple[Person, UUID]:
    """The person and their sign-in; an API token is refused."""
    person = visit.signed_in
    if person.sign_in_id is None:
        raise NotSignedIn
    return person, person.sign_in_id


@get("/me", include_in_schema=False)
async def account(visit: NamedDependency[Visit]) -> Response[str]:
    """Show my account."""
    return await account_page(visit)


async def account_page(
    visit: Visit, *, password: Form[PasswordForm] | None = None, email: Form[EmailForm] | None = None
) -> Response[str]:
    """The account, with the form that was sent, if one was."""
    person, sign_in_id = at_the_browser(visit)
    mine = await me(visit.db, person_id=person.id)
    by_mail = await came_by_mail_just_now(visit.db, person_id=person.id, sign_in_id=sign_in_id)
    return visit.page(
        "tenants/account.html",
        person=mine,
        memberships=await my_memberships(visit.db),
        sign_ins=await my_sign_ins(visit.db, person_id=person.id),
        factor=await factor_state(visit.db, person_id=person.id),
        asks_current=mine.password_hash is not None and not by_mail,
        form=password or email,
        password_form=password or visit.blank_form(PasswordForm),
        email_form=email or visit.blank_form(EmailForm),
    )


@post("/me/language", include_in_schema=False)
async def choose_language(visit: NamedDependency[Visit]) -> Response[Any]:
    """Choose the language of the pages, and of mails when signed in."""
    form = await visit.form(LanguageForm)
    if form.errors:
        return visit.see_other("/")
    if visit.person is not None and visit.person.sign_in_id is not None:
        await change_locale(visit.db, person_id=visit.person.id, locale=form.data.locale)
    cookie = visit.cookie("archipel_locale", form.data.locale, max_age=LOCALE_COOKIE_SECONDS)
    with use_locale(form.data.locale):
        notice = _("Les pages sont maintenant en français.")
    return visit.see_other(safe_path(form.data.back) or "/", notice=notice, cookies=[cookie])


@post("/me/password", include_in_schema=False)
async def set_password(visit: NamedDependency[Visit]) -> Response[Any]:
    """Set the password, and sign every other browser out."""
    person, sign_in_id = at_the_browser(visit)
    form = await visit.form(PasswordForm)

    async def work() -> Done:
        gone = await change_password(
            visit.db,
            visit.house.throttle,
            person_id=person.id,
            sign_in_id=sign_in_id,
            new_password=form.data.new_password,
            current_password=form.data.current_password or None,
            seal=visit.house.seal,
            code=form.data.code,
        )
        kept = _("Votre mot de passe est changé.")
        others = ngettext(
            "Un autre appareil a été déconnecté.", "{n} autres appareils ont été déconnectés.", gone
        )
        return Done("/me", f"{kept} {others}" if gone else kept)

    return await visit.submit(form, work, otherwise=lambda: account_page(visit, password=form))


@post("/me/email", include_in_schema=False)
async def ask_email_change(visit: NamedDependency[Visit]) -> Response[Any]:
    """Send a link to the new address; nothing changes before it is pressed."""
    person, sign_in_id = at_the_browser(visit)
    form = await visit.form(EmailForm)

    async def work() -> Done:
        await request_email_change(
            visit.db,
            visit.house.throttle,
            person_id=person.id,
            sign_in_id=sign_in_id,
            email=form.data.email,
            locale=visit.locale,
            current_password=form.data.current_password or None,
            seal=visit.house.seal,
            code=form.data.code,
        )
        sent = _("Un lien est parti à {email} : ouvrez-le pour confirmer.", email=form.data.email)
        return Done("/me", sent)

    return await visit.submit(form, work, otherwise=lambda: account_page(visit, email=form))


@post("/me/sign-ins/{sign_in_id:uuid}/revoke", include_in_schema=False)
async def revoke(visit: NamedDependency[Visit], sign_in_id: FromPath[UUID]) -> Response[Any]:
    """Sign one browser out."""
    person, _own = at_the_browser(visit)
    await revoke_sign_in(visit.db, person_id=person.id, sign_in_id=sign_in_id)
    return visit.see_other("/me", notice=_("Cet appareil est déconnecté."))
