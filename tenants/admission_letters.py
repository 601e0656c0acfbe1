"""Letters about requests to join: the link that confirms a mailbox, and what the managers answered.

The link's token is made here and exists in clear text only in the mail. Each function hears one event. This file
must never repeat to a mailbox that is not confirmed what somebody typed: it would carry anybody's advertising.
"""

from typing import cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.cooperatives import Cooperative, cooperative_of
from tenants.events import JoinAnswered, JoinRequested
from tenants.join_links import stamp_join_request
from tenants.join_requests import JoinRequest, RequestState
from tenants.memberships import Membership, MembershipState
from tenants.platform.mail import Message, post_of
from tenants.platform.settings import Settings
from tenants.platform.words import _, use_locale


async def mail_join_link(db: AsyncSession, event: JoinRequested) -> None:
    """Mail the link that confirms a mailbox, or say that there is nothing to ask for: hears JoinRequested."""
    request = await db.get(JoinRequest, (event.tenant_id, event.join_request_id))
    if request is None or request.state != RequestState.ASKED:
        return
    cooperative = await cooperative_of(db, tenant_id=event.tenant_id)
    member = select(Membership.id).where(
        Membership.tenant_id == event.tenant_id,
        Membership.contact_email == request.email,
        Membership.state.in_((MembershipState.ACTIVE, MembershipState.SUSPENDED)),
    )
    is_member = (await db.scalars(member.limit(1))).first() is not None
    token = (
        None if is_member else await stamp_join_request(db, tenant_id=event.tenant_id, request_id=request.id)
    )
    with use_locale(request.locale, cooperative.time_zone):
        if token:
            link = f"{_base_url(db)}/{cooperative.slug}/join/{token}"
            subject, body = _confirmation(cooperative, link)
        else:
            subject, body = _nothing_to_ask(cooperative, f"{_base_url(db)}/sign-in")
        await _send(db, Message(to=request.email, subject=subject, text=body))


def _confirmation(cooperative: Cooperative, link: str) -> tuple[str, str]:
    return _("Confirmez votre demande à {cooperative}", cooperative=cooperative.name), _(
        "Bonjour,\n\nPour que votre demande de rejoindre {cooperative} soit lue, ouvrez cette page et "
        "appuyez sur le bouton :\n\n{link}\n\nCe lien vaut trois jours et sert une fois. "
        "Si vous n'avez rien demandé, ignorez ce courriel : rien ne se passera.\n",
        cooperative=cooperative.name,
        link=link,
    )


def _nothing_to_ask(cooperative: Cooperative, link: str) -> tuple[str, str]:
    return _("Vous êtes déjà dans {cooperative}", cooperative=cooperative.name), _(
        "Bonjour,\n\nQuelqu'un, sans doute vous, demande à rejoindre {cooperative} avec cette adresse, qui y "
        "est déjà celle d'un membre. Il n'y a rien à demander : connectez-vous ici.\n\n{link}\n",
        cooperative=cooperative.name,
        link=link,
    )


async def mail_join_answer(db: AsyncSession, event: JoinAnswered) -> None:
    """Tell somebody what the managers answered: hears JoinAnswered."""
    request = await db.get(JoinRequest, (event.tenant_id, event.join_request_id))
    if request is None or request.state not in {RequestState.APPROVED, RequestState.DECLINED}:
        return
    cooperative = await cooperative_of(db, tenant_id=event.tenant_id)
    names = {"name": request.display_name, "cooperative": cooperative.name}
    with use_locale(request.locale, cooperative.time_zone):
        if request.state == RequestState.APPROVED:
            subject = _("Bienvenue dans {cooperative}", cooperative=cooperative.name)
            body = _(
                "Bonjour {name},\n\nVotre demande est acceptée : vous êtes membre de {cooperative}.\n\n"
                "Connectez-vous ici avec cette adresse ; un lien vous sera envoyé, aucun mot de passe n'est "
                "nécessaire.\n\n{link}\n",
                **names,
                link=f"{_base_url(db)}/sign-in?next=/{cooperative.slug}",
            )
        else:
            subject = _("Votre demande à {cooperative}", cooperative=cooperative.name)
            quoted = "\n".join(f"> {line}" for line in request.reason.splitlines())
            body = _(
                "Bonjour {name},\n\n{cooperative} ne donne pas suite à votre demande. Voici pourquoi :\n\n"
                "{reason}\n\nCe que vous aviez écrit sera effacé dans un mois.\n",
                **names,
                reason=quoted,
            )
        await _send(db, Message(to=request.email, to_name=request.display_name, subject=subject, text=body))


async def _send(db: AsyncSession, message: Message) -> None:
    await post_of(db).send(message)


def _base_url(db: AsyncSession) -> str:
    return cast("Settings", db.info["settings"]).base_url
