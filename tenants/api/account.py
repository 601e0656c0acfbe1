"""The person's own account in the JSON API, for a browser that is signed in.

These operations belong to no cooperative. An API token is refused: it acts for a member, not for the person.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants import people, sign_ins
from tenants.mail_links import request_email_change as ask
from tenants.pages.account import EmailForm, PasswordForm, at_the_browser
from tenants.platform.web import Page, api_get, api_post
from tenants.platform.words import Locale
from tenants.visit import Visit

ME: Final = "/me"


class MembershipSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One of the person's own places."""

    slug: str
    name: str
    membership_id: UUID
    display_name: str
    state: str
    joined_at: datetime | None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    email: str
    locale: str
    has_password: bool
    memberships: list[MembershipSeen]


class SignInSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A browser in which the person is signed in; ``current`` is the one that asks."""

    id: UUID
    browser: str
    address: str
    method: str
    created_at: datetime
    last_used_at: datetime
    current: bool


class SignedOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many browsers were signed out."""

    count: int


class LocaleChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The language of pages and mails."""

    locale: Locale


class MailSent(msgspec.Struct, frozen=True, kw_only=True):
    """A link is on its way to this address; nothing has changed yet."""

    email: str


@api_get(ME, operation_id="my_account", summary="The signed-in person's account")
async def my_account(visit: NamedDependency[Visit]) -> Account:
    """Read one's own address, language and cooperatives."""
    person, _sign_in_id = at_the_browser(visit)
    mine = await people.me(visit.db, person_id=person.id)
    return Account(
        email=mine.email,
        locale=mine.locale,
        has_password=mine.password_hash is not None,
        memberships=[
            MembershipSeen(
                slug=one.slug,
                name=one.name,
                membership_id=one.membership_id,
                display_name=one.display_name,
                state=one.state,
                joined_at=one.joined_at,
            )
            for one in await people.my_memberships(visit.db)
        ],
    )


@api_get(ME + "/sign-ins", operation_id="my_sign_ins", summary="Where the person is signed in")
async def my_sign_ins(visit: NamedDependency[Visit]) -> Page[SignInSeen]:
    """List the browsers in which one is signed in, the last used first."""
    person, own = at_the_browser(visit)
    return Page(
        items=[
            SignInSeen(
                id=one.id,
                browser=one.browser,
                address=one.address,
                method=one.method,
                created_at=one.created_at,
                last_used_at=one.last_used_at,
                current=one.id == own,
            )
            for one in await sign_ins.my_sign_ins(visit.db, person_id=person.id)
        ]
    )


@api_post(
    ME + "/sign-ins/{sign_in_id:uuid}/revoke",
    operation_id="revoke_sign_in",
    summary="Sign one browser out",
    status=200,
)
async def revoke_sign_in(visit: NamedDependency[Visit], sign_in_id: FromPath[UUID]) -> SignedOut:
    """Sign one of one's own browsers out."""
    person, _own = at_the_browser(visit)
    await sign_ins.revoke_sign_in(visit.db, person_id=person.id, sign_in_id=sign_in_id)
    return SignedOut(count=1)


@api_post(ME + "/password", operation_id="change_password", summary="Change the password", status=200)
async def change_password(visit: NamedDependency[Visit], data: JSONBody[PasswordForm]) -> SignedOut:
    """Set the password, and sign every other browser out."""
    person, own = at_the_browser(visit)
    gone = await people.change_password(
        visit.db,
        visit.house.throttle,
        person_id=person.id,
        sign_in_id=own,
        new_password=data.new_password,
        current_password=data.current_password or None,
        seal=visit.house.seal,
        code=data.code,
    )
    return SignedOut(count=gone)


@api_post(
    ME + "/email", operation_id="request_email_change", summary="Ask to change one's address", status=202
)
async def request_email_change(visit: NamedDependency[Visit], data: JSONBody[EmailForm]) -> MailSent:
    """Have a link sent to the new address; nothing changes before it is pressed."""
    person, own = at_the_browser(visit)
    await ask(
        visit.db,
        visit.house.throttle,
        person_id=person.id,
        sign_in_id=own,
        email=data.email,
        locale=visit.locale,
        current_password=data.current_password or None,
        seal=visit.house.seal,
        code=data.code,
    )
    return MailSent(email=data.email)


@api_post(ME + "/language", operation_id="change_locale", summary="Choose one's language", status=200)
async def change_locale(visit: NamedDependency[Visit], data: JSONBody[LocaleChoice]) -> LocaleChoice:
    """Choose the language of pages and mails."""
    person, _own = at_the_browser(visit)
    await people.change_locale(visit.db, person_id=person.id, locale=data.locale)
    return data
