"""Letters: the mails that carry a secret link, written at the moment they leave.

The link's token is made here and exists in clear text only in the mail. Each function hears one event; the
worker puts its ``post`` and ``settings`` into the session. This file must never write to an address that
nobody asked it to write to.
"""

from typing import assert_never, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.contact_emails import stamp_contact_email
from tenants.cooperatives import cooperative_of
from tenants.events import ContactEmailAsked, MailLinkRequested, MemberInvited
from tenants.invitations import Invitation, stamp_invitation
from tenants.mail_links import MailLinkPurpose
from tenants.memberships import Membership
from tenants.platform.ids import MembershipId
from tenants.platform.mail import Message, Post
from tenants.platform.settings import Settings
from tenants.platform.words import _, use_locale
from tenants.sign_ins import new_token


async def mail_link(db: AsyncSession, event: MailLinkRequested) -> None:
    """Mail a link to sign in or to confirm an address, if somebody is known there."""
    token, hashed = new_token()
    row = (
        await db.execute(
            text("SELECT * FROM stamp_mail_link(:id, :token_hash)"),
            {"id": event.mail_link_id, "token_hash": hashed},
        )
    ).one_or_none()
    if row is None:
        return
    link = f"{_base_url(db)}/sign-in/link/{token}"
    with use_locale(row.locale):
        subject, body = _words(MailLinkPurpose(row.purpose), link)
    await _post(db).send(Message(to=row.email, subject=subject, text=body))


def _words(purpose: MailLinkPurpose, link: str) -> tuple[str, str]:
    match purpose:
        case MailLinkPurpose.SIGN_IN:
            return _("Votre lien pour vous connecter"), _(
                "Bonjour,\n\nPour vous connecter à Archipel, ouvrez cette page et appuyez sur le bouton :\n\n"
                "{link}\n\nCe lien vaut vingt minutes et sert une fois. "
                "Si vous n'avez rien demandé, ignorez ce courriel : rien ne se passera.\n",
                link=link,
            )
        case MailLinkPurpose.CONFIRM:
            return _("Confirmez votre nouvelle adresse"), _(
                "Bonjour,\n\nPour que cette adresse devienne la vôtre sur Archipel, ouvrez cette page et "
                "appuyez sur le bouton :\n\n{link}\n\nCe lien vaut vingt minutes et sert une fois. "
                "Si vous n'avez rien demandé, ignorez ce courriel : rien ne changera.\n",
                link=link,
            )
        case MailLinkPurpose.ADDRESS_CHANGED:
            return _("Votre adresse de connexion a changé"), _(
                "Bonjour,\n\nOn ne se connecte plus à votre compte Archipel avec cette adresse : une autre vient d'être "
                "confirmée à sa place.\n\nSi c'est vous, il n'y a rien à faire. Sinon, prévenez aussitôt la "
                "gestion de votre coopérative.\n"
            )
        case MailLinkPurpose.FACTOR_DISABLED:
            return _("Votre second facteur est désactivé"), _(
                "Bonjour,\n\nVotre compte Archipel ne demande plus de code en plus du mot de passe ou du lien."
                "\n\nSi c'est vous, il n'y a rien à faire. Sinon, changez votre mot de passe et prévenez aussitôt la "
                "gestion de votre coopérative.\n"
            )
        case _:
            assert_never(purpose)


async def mail_contact_confirmation(db: AsyncSession, event: ContactEmailAsked) -> None:
    """Mail a link to the address that a member has named, unless it was confirmed or replaced meanwhile."""
    stamped = await stamp_contact_email(
        db, tenant_id=event.tenant_id, membership_id=MembershipId(event.membership_id)
    )
    if stamped is None:
        return
    own, token = stamped
    cooperative = await cooperative_of(db, tenant_id=event.tenant_id)
    link = f"{_base_url(db)}/{cooperative.slug}/profile/email/{token}"
    with use_locale(cooperative.locale, cooperative.time_zone):
        subject = _("{cooperative} : confirmez votre adresse", cooperative=cooperative.name)
        body = _(
            "Bonjour,\n\nPour recevoir ici vos notifications de {cooperative}, ouvrez cette page et appuyez sur le bouton :"
            "\n\n{link}\n\nCe lien vaut vingt-quatre heures. Si vous n'avez rien demandé, ignorez ce courriel : "
            "rien ne changera.\n",
            cooperative=cooperative.name,
            link=link,
        )
    assert own.new_contact_email, "a stamped address waits"
    await _post(db).send(Message(to=own.new_contact_email, subject=subject, text=body))


async def mail_invitation(db: AsyncSession, event: MemberInvited) -> None:
    """Mail an invitation, unless it was answered or taken back meanwhile."""
    token = await stamp_invitation(db, tenant_id=event.tenant_id, invitation_id=event.invitation_id)
    if token is None:
        return
    invitation = await db.get_one(Invitation, (event.tenant_id, event.invitation_id))
    invited = await db.get_one(Membership, (event.tenant_id, invitation.membership_id))
    host = None
    if invitation.invited_by is not None:
        host = await db.get_one(Membership, (event.tenant_id, invitation.invited_by))
    cooperative = await cooperative_of(db, tenant_id=event.tenant_id)
    link = f"{_base_url(db)}/join/{token}"
    with use_locale(cooperative.locale, cooperative.time_zone):
        names = {
            "name": invited.display_name,
            "cooperative": cooperative.name,
            "host": host.display_name if host else "",
        }
        opening = (
            _("Bonjour {name},\n\n{host} vous invite à rejoindre {cooperative} sur Archipel.", **names)
            if host
            else _("Bonjour {name},\n\nVotre coopérative, {cooperative}, est ouverte sur Archipel.", **names)
        )
        closing = _(
            "Pour accepter, ouvrez cette page et appuyez sur le bouton :\n\n{link}\n\n"
            "Ce lien vaut quatorze jours et sert une fois. Si cette invitation ne vous dit rien, ignorez-la : "
            "vous ne recevrez rien d'autre.\n",
            link=link,
        )
        quoted = "\n".join(f"> {line}" for line in invitation.message.splitlines())
        body = "\n\n".join(part for part in (opening, quoted, closing) if part)
        subject = _("{cooperative} vous invite", cooperative=cooperative.name)
        await _post(db).send(
            Message(to=invited.contact_email, to_name=invited.display_name, subject=subject, text=body)
        )


def _post(db: AsyncSession) -> Post:
    return cast("Post", db.info["post"])


def _base_url(db: AsyncSession) -> str:
    return cast("Settings", db.info["settings"]).base_url
