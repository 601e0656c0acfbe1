"""Invitations, for a manager: send one, send it again, take it back."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.invitations import (
    MESSAGE_LENGTH,
    invite_member,
    pending_invitations,
    resend_invitation,
    withdraw_invitation,
)
from tenants.pages.members import Name
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import PROSE_PATTERN, Email
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _
from tenants.visit import Visit


class NewInvitation(msgspec.Struct, frozen=True):
    """Whom to invite, and a word to go with it."""

    display_name: Name
    email: Email
    message: Annotated[str, msgspec.Meta(max_length=MESSAGE_LENGTH, pattern=PROSE_PATTERN)] = ""


@get("/{cooperative:str}/invitations", include_in_schema=False)
async def invitations_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List the invitations nobody has answered, and offer to send one."""
    return await show(visit, visit.blank_form(NewInvitation), after)


async def show(visit: Visit, form: Form[Any], after: str = "") -> Response[str]:
    """The page, with the form that was sent, if one was."""
    cursor = decode_cursor(after, (UUID,))
    found = await pending_invitations(
        visit.db, actor=visit.actor, before=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "tenants/invitations.html",
        form=form,
        inviting=form if form.kind is NewInvitation else visit.blank_form(NewInvitation),
        invitations=shown,
        after=encode_cursor(shown[-1][0].id) if len(found) > PAGE_LENGTH else "",
    )


@get("/{cooperative:str}/invitations.csv", include_in_schema=False)
async def invitations_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the invitations nobody has answered; a manager's."""
    found = await pending_invitations(visit.db, actor=visit.actor, limit=None)
    header = [_("Nom"), _("Courriel"), _("Envoyée"), _("Vaut jusqu'au"), _("Identifiant")]
    rows = [
        (
            invited.display_name,
            invited.contact_email,
            invitation.sent_at.date().isoformat() if invitation.sent_at else "",
            invitation.expires_at.date().isoformat(),
            str(invitation.id),
        )
        for invitation, invited in found
    ]
    return csv_response(f"{visit.slug}-invitations.csv", header, rows)


@post("/{cooperative:str}/invitations", include_in_schema=False)
async def invite(visit: NamedDependency[Visit]) -> Response[Any]:
    """Invite somebody."""
    form = await visit.form(NewInvitation)

    async def work() -> Done:
        await invite_member(visit.db, actor=visit.actor, **form.fields())
        sent = _("Une invitation part à {email}.", email=form.data.email)
        return Done(f"/{visit.slug}/invitations", sent)

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


@post("/{cooperative:str}/invitations/{invitation_id:uuid}/resend", include_in_schema=False)
async def resend(visit: NamedDependency[Visit], invitation_id: FromPath[UUID]) -> Response[Any]:
    """Mail an invitation once more."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await resend_invitation(visit.db, actor=visit.actor, invitation_id=invitation_id)
        return Done(f"/{visit.slug}/invitations", _("L'invitation part une nouvelle fois."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


@post("/{cooperative:str}/invitations/{invitation_id:uuid}/withdraw", include_in_schema=False)
async def withdraw(visit: NamedDependency[Visit], invitation_id: FromPath[UUID]) -> Response[Any]:
    """Take an invitation back."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await withdraw_invitation(visit.db, actor=visit.actor, invitation_id=invitation_id)
        return Done(
            f"/{visit.slug}/invitations", _("L'invitation est retirée, et son lien ne vaut plus rien.")
        )

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))
