"""Members without a computer: a manager writes them in, corrects where their letters go, invites them one day.

And for those who have one: whether they want to read on paper too what others enter for them.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.claims import invite_offline_member
from tenants.memberships import member
from tenants.offline_members import (
    ADDRESS_LENGTH,
    admit_offline_member,
    choose_letters,
    correct_address,
    offline_members,
)
from tenants.pages.members import MailboxFound, Name
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import PROSE_PATTERN, OptionalLine
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _
from tenants.visit import Visit

Address = Annotated[str, msgspec.Meta(min_length=1, max_length=ADDRESS_LENGTH, pattern=PROSE_PATTERN)]
OptionalAddress = Annotated[str, msgspec.Meta(max_length=ADDRESS_LENGTH, pattern=PROSE_PATTERN)]


class NewOfflineMember(msgspec.Struct, frozen=True):
    """Who joins without a computer, and where their letters go."""

    display_name: Name
    postal_address: Address
    contact_phone: OptionalLine = ""


class AddressChange(msgspec.Struct, frozen=True):
    """Where letters go."""

    postal_address: Address


class LettersChoice(msgspec.Struct, frozen=True):
    """Whether one wants letters, and where."""

    wants_letters: bool = False
    postal_address: OptionalAddress = ""


@get("/{cooperative:str}/offline-members", include_in_schema=False)
async def offline_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List the members without a computer, and offer to write one in."""
    return await _list(visit, visit.blank_form(NewOfflineMember), after)


async def _list(visit: Visit, form: Form[Any], after: str = "") -> Response[str]:
    cursor = decode_cursor(after, (str, UUID))
    found = await offline_members(
        visit.db,
        actor=visit.actor,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=PAGE_LENGTH + 1,
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "tenants/offline_members.html",
        form=form,
        found=shown,
        after=encode_cursor(shown[-1][0].sort_name, shown[-1][0].id) if len(found) > len(shown) else "",
    )


@get("/{cooperative:str}/offline-members.csv", include_in_schema=False)
async def offline_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the members without a computer; a manager's."""
    found = await offline_members(visit.db, actor=visit.actor, limit=None)
    header = [_("Nom"), _("Adresse postale"), _("Téléphone"), _("Identifiant")]
    rows = [
        (one.display_name, one.postal_address.replace("\n", ", "), one.contact_phone, str(one.id))
        for one, _invitation in found
    ]
    return csv_response(f"{visit.slug}-sans-ordinateur.csv", header, rows)


@post("/{cooperative:str}/offline-members", include_in_schema=False)
async def admit(visit: NamedDependency[Visit]) -> Response[Any]:
    """Write a member in."""
    form = await visit.form(NewOfflineMember)

    async def work() -> Done:
        made = await admit_offline_member(visit.db, actor=visit.actor, **form.fields())
        said = _(
            "{name} est membre. Proposez une délégation si quelqu'un doit agir en son nom.",
            name=made.display_name,
        )
        return Done(f"/{visit.slug}/offline-members/{made.id}", said)

    return await visit.submit(form, work, otherwise=lambda: _list(visit, form))


@get("/{cooperative:str}/offline-members/{membership_id:uuid}", include_in_schema=False)
async def offline_member_page(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[str]:
    """One member without a computer: the address, and an invitation when they have a mailbox."""
    return await _show(visit, membership_id)


async def _show(
    visit: Visit,
    membership_id: UUID,
    *,
    inviting: Form[Any] | None = None,
    moving: Form[Any] | None = None,
) -> Response[str]:
    # Asks for the right of a manager, whom alone an address concerns.
    await offline_members(visit.db, actor=visit.actor, limit=1)
    shown = await member(visit.db, actor=visit.actor, membership_id=membership_id)
    return visit.page(
        "tenants/offline_member.html",
        shown=shown,
        form=inviting or moving,
        inviting=inviting or visit.blank_form(MailboxFound),
        moving=moving or visit.blank_form(AddressChange, postal_address=shown.postal_address),
    )


@post("/{cooperative:str}/offline-members/{membership_id:uuid}/invite", include_in_schema=False)
async def invite_offline(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """Mail them a link by which they take their membership up."""
    form = await visit.form(MailboxFound)

    async def work() -> Done:
        await invite_offline_member(
            visit.db, actor=visit.actor, membership_id=membership_id, email=form.data.email
        )
        return Done(f"/{visit.slug}/offline-members/{membership_id}", _("L'invitation part à l'instant."))

    return await visit.submit(form, work, otherwise=lambda: _show(visit, membership_id, inviting=form))


@post("/{cooperative:str}/offline-members/{membership_id:uuid}/address", include_in_schema=False)
async def move(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """Correct their address."""
    form = await visit.form(AddressChange)

    async def work() -> Done:
        await correct_address(
            visit.db,
            actor=visit.actor,
            membership_id=membership_id,
            postal_address=form.data.postal_address,
        )
        return Done(f"/{visit.slug}/offline-members/{membership_id}", _("L'adresse est changée."))

    return await visit.submit(form, work, otherwise=lambda: _show(visit, membership_id, moving=form))


@get("/{cooperative:str}/profile/letters", include_in_schema=False)
async def letters_choice(visit: NamedDependency[Visit]) -> Response[str]:
    """Choose whether to read on paper too what others enter in one's name."""
    own = await member(visit.db, actor=visit.actor, membership_id=visit.actor.member)
    chosen = "1" if own.wants_letters else ""
    return _choice(
        visit,
        visit.blank_form(LettersChoice, wants_letters=chosen, postal_address=own.postal_address),
    )


@post("/{cooperative:str}/profile/letters", include_in_schema=False)
async def choose(visit: NamedDependency[Visit]) -> Response[Any]:
    """Keep the choice."""
    form = await visit.form(LettersChoice)

    async def work() -> Done:
        await choose_letters(visit.db, actor=visit.actor, **form.fields())
        return Done(f"/{visit.slug}/profile/letters", _("C'est noté."))

    return await visit.submit(form, work, otherwise=lambda: _choice(visit, form))


def _choice(visit: Visit, form: Form[Any]) -> Response[str]:
    return visit.page("tenants/letters_choice.html", form=form)


PAGES: Final = (
    offline_page,
    offline_csv,
    admit,
    offline_member_page,
    invite_offline,
    move,
    letters_choice,
    choose,
)
