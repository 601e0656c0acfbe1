"""A member's page: what they say of themselves, and the manager's hold on a membership. The list of all is a search."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.claims import awaits_answer, invite_imported_member
from tenants.mandates import mandates_in_force
from tenants.memberships import (
    DISPLAY_NAME_LENGTH,
    Membership,
    MembershipState,
    member,
    public_member,
    reinstate_member,
    suspend_member,
)
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import LINE_PATTERN, Email
from tenants.platform.web import encode_cursor
from tenants.platform.words import _
from tenants.profiles import (
    LANGUAGE_NAMES,
    REACH_TITLES,
    WEEKDAY_NAMES,
    Standing,
    standings,
    visible_profile,
)
from tenants.roles import ROLE_TITLES
from tenants.visit import Visit

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=DISPLAY_NAME_LENGTH, pattern=LINE_PATTERN)]
"""How somebody is called in a cooperative."""


class MailboxFound(msgspec.Struct, frozen=True):
    """The mailbox of somebody whose membership is nobody's yet."""

    email: Email


def cursor_of(last: Membership) -> str:
    """The ``after`` of the page that follows this member."""
    return encode_cursor(last.sort_name, last.id)


@get("/{cooperative:str}/members/{membership_id:uuid}", include_in_schema=False)
async def member_page(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[str]:
    """Show one member to another, and to a stranger what the member shows to everybody."""
    if visit.member is None and (shown := await public_member(visit.db, visit.here.tenant_id, membership_id)):
        seen = visible_profile(shown, Standing.STRANGER)
        pieces = [await part(visit, shown, Standing.STRANGER) for part in _PARTS]
        if not seen.is_empty or any(pieces):
            return visit.page("tenants/public_member.html", shown=shown, seen=seen, pieces=pieces, **_words())
    return await show(visit, membership_id, visit.click)


async def show(visit: Visit, membership_id: UUID, form: Form[Any]) -> Response[str]:
    """The member's page, and what was refused on it."""
    shown = await member(visit.db, actor=visit.actor, membership_id=membership_id)
    held = await mandates_in_force(visit.db, actor=visit.actor, membership_id=membership_id)
    standing = (await standings(visit.db, actor=visit.actor, shown=[shown]))[shown.id]
    unclaimed = visit.holds("manager") and shown.state is MembershipState.INVITED
    return visit.page(
        "tenants/member.html",
        shown=shown,
        unclaimed=unclaimed,
        invited=unclaimed and await awaits_answer(visit.db, actor=visit.actor, membership_id=shown.id),
        inviting=form
        if form.kind is MailboxFound
        else visit.blank_form(MailboxFound, email=shown.contact_email),
        seen=visible_profile(shown, standing, manages=visit.holds("manager")),
        pieces=[await part(visit, shown, standing) for part in _PARTS],
        mandates=[mandate for mandate, _name in held],
        role_titles=ROLE_TITLES,
        form=form,
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {"languages": LANGUAGE_NAMES, "weekdays": WEEKDAY_NAMES, "reaches": REACH_TITLES}


Part = Callable[[Visit, Membership, Standing], Awaitable[str]]
"""A piece of a member's page, as Markup; empty where this reader sees nothing of it."""

_PARTS: Final[list[Part]] = []


def declare_part(part: Part) -> None:
    """Let a floor above show something of its own on a member's page."""
    if part not in _PARTS:
        _PARTS.append(part)


@post("/{cooperative:str}/members/{membership_id:uuid}/invite", include_in_schema=False)
async def invite_imported(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """Give an imported member an address, and mail them there."""
    form = await visit.form(MailboxFound)

    async def work() -> Done:
        await invite_imported_member(
            visit.db, actor=visit.actor, membership_id=membership_id, email=form.data.email
        )
        return Done(_path(visit, membership_id), _("L'invitation part à l'instant."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, membership_id, form))


@post("/{cooperative:str}/members/{membership_id:uuid}/suspend", include_in_schema=False)
async def suspend(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """Stop a member from acting."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        found = await suspend_member(visit.db, actor=visit.actor, membership_id=membership_id)
        return Done(_path(visit, membership_id), _("{name} ne peut plus agir.", name=found.display_name))

    return await visit.submit(form, work, otherwise=lambda: show(visit, membership_id, form))


@post("/{cooperative:str}/members/{membership_id:uuid}/reinstate", include_in_schema=False)
async def reinstate(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """Let a suspended member act again."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        found = await reinstate_member(visit.db, actor=visit.actor, membership_id=membership_id)
        return Done(_path(visit, membership_id), _("{name} peut de nouveau agir.", name=found.display_name))

    return await visit.submit(form, work, otherwise=lambda: show(visit, membership_id, form))


def _path(visit: Visit, membership_id: UUID) -> str:
    return f"/{visit.slug}/members/{membership_id}"
