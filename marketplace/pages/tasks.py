"""What the reader is asked to do, from every floor, in words, each with the page on which it is done.

First what others wait for and only this reader's mandate can do, then the reader's own missions, then what
comes to an end. This file must never decide whose move it is: the verbs that list say so.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from governance.rolls import VoteToCast, votes_to_cast
from marketplace.conversations import Unread, unread_threads
from marketplace.next_actions import NextAction
from marketplace.waiting import OpenDispute, Waiting, open_disputes
from tenants.actors import Role
from tenants.assemblies import Assembly
from tenants.assembly_signatures import assemblies_to_sign
from tenants.mandate_terms import mandates_ending
from tenants.mandates import Mandate
from tenants.platform.words import N_, _, ngettext
from tenants.roles import ROLE_TITLES
from tenants.visit import Visit

# What the member is asked to do, and the words of the button that leads there.
ASKED: Final[dict[NextAction, tuple[str, str]]] = {
    NextAction.CONFIRM: (N_("Confirmez la livraison : {title}"), N_("Voir et confirmer")),
    NextAction.ANSWER_CANCELLATION: (N_("On vous propose d'arrêter : {title}"), N_("Répondre")),
    NextAction.ANSWER_AMENDMENT: (
        N_("On vous propose de changer l'accord : {title}"),
        N_("Lire et répondre"),
    ),
    NextAction.ANSWER_PART: (N_("On vous invite dans une équipe : {title}"), N_("Voir ma part")),
    NextAction.RESTORE_TEAM: (N_("Votre équipe n'est plus complète : {title}"), N_("Changer l'équipe")),
    NextAction.STATE: (N_("Donnez votre point de vue : {title}"), N_("Écrire à la médiation")),
    NextAction.CHOOSE_BID: (N_("Choisissez une proposition : {title}"), N_("Lire les propositions")),
    NextAction.DELIVER: (N_("À livrer : {title}"), N_("Livrer")),
    NextAction.START: (N_("À commencer : {title}"), N_("Commencer")),
    NextAction.PUBLISH: (N_("Brouillon à publier : {title}"), N_("Relire et publier")),
    NextAction.PUBLISH_AGAIN: (N_("Mission expirée : {title}"), N_("Lui donner de nouvelles dates")),
}
AWAITED: Final[dict[NextAction, str]] = {
    NextAction.AWAIT_BIDS: N_("en attente de propositions"),
    NextAction.AWAIT_PARTS: N_("votre équipe répond"),
    NextAction.AWAIT_TEAM: N_("une équipe se forme pour vous répondre"),
    NextAction.AWAIT_CHOICE: N_("votre proposition est à l'étude"),
    NextAction.AWAIT_START: N_("va bientôt commencer"),
    NextAction.AWAIT_DELIVERY: N_("en cours"),
    NextAction.AWAIT_CANCELLATION: N_("arrêt proposé, réponse attendue"),
    NextAction.AWAIT_AMENDMENT: N_("modification de l'accord proposée, réponses attendues"),
    NextAction.AWAIT_CONFIRMATION: N_("livrée, confirmation attendue"),
    NextAction.AWAIT_DECISION: N_("la médiation décide"),
}


async def tasks(
    visit: Visit, missions: Sequence[Waiting], *, somebody_asks: bool = False
) -> list[dict[str, Any]]:
    """What waits for this member: disputes, minutes to sign, missions, mandates; the first is the next to do.

    ``somebody_asks``: a request to join waits for this manager.
    """
    actor = visit.actor
    disputes = await open_disputes(visit.db, actor=actor) if actor.holds(Role.MEDIATOR) else []
    to_sign = await assemblies_to_sign(visit.db, actor=actor)
    # Without a mandate none can end.
    ending = await mandates_ending(visit.db, actor=actor) if actor.roles else []
    return [
        *(_mediation(visit, one) for one in disputes if not one.is_party),
        *(_signature(visit, one) for one in to_sign),
        *(_ballot(visit, one) for one in await votes_to_cast(visit.db, actor=actor)),
        *([_join_request(visit)] if somebody_asks else []),
        *(_unread(visit, one) for one in await unread_threads(visit.db, actor=actor)),
        *(_task(visit, one) for one in missions if one.is_mine and one.action in ASKED),
        *(_mandate(visit, mandate, name) for mandate, name in ending),
    ]


def _task(visit: Visit, one: Waiting) -> dict[str, Any]:
    title, button = ASKED[one.action]
    if one.action is NextAction.CHOOSE_BID:
        detail = ngettext("{n} proposition à lire.", "{n} propositions à lire.", one.live_bids)
    elif one.other:
        detail = _("Avec {name}, {agreed_minutes} convenues.", name=one.other, agreed_minutes=one.minutes)
    else:
        detail = ""
    return {
        "title": _(title, title=one.title),
        "detail": detail,
        "path": _mission(visit, one.mission_id),
        "action": _(button),
        "due": one.due,
    }


def _ballot(visit: Visit, one: VoteToCast) -> dict[str, Any]:
    return {
        "title": _("Un vote est ouvert : {title}", title=one.question),
        "detail": "",
        "path": f"/{visit.slug}/votes/{one.vote_id}",
        "action": _("Voter"),
        "due": one.closes_at,
    }


def _unread(visit: Visit, one: Unread) -> dict[str, Any]:
    return {
        "title": _("Un message à lire : {title}", title=one.title),
        "detail": ngettext("{n} message non lu.", "{n} messages non lus.", one.unread),
        "path": f"{_mission(visit, one.mission_id)}/messages/{one.thread_id}",
        "action": _("Lire et répondre"),
    }


def _mediation(visit: Visit, one: OpenDispute) -> dict[str, Any]:
    return {
        "title": _("Un désaccord à trancher : {title}", title=one.title),
        "detail": _(
            "Entre {payer} et {provider}, {held_minutes} réservées.",
            payer=one.payer,
            provider=one.provider,
            held_minutes=one.held_minutes,
        ),
        "path": _mission(visit, one.mission_id),
        "action": _("Lire les deux points de vue"),
    }


def _mission(visit: Visit, mission_id: UUID) -> str:
    return f"/{visit.slug}/missions/{mission_id}"


def _signature(visit: Visit, one: Assembly) -> dict[str, Any]:
    return {
        "title": _("Un compte rendu à signer : assemblée du {held_on}", held_on=one.held_on),
        "detail": _("Deux personnes qui ont des mandats différents le signent, puis les règles changent."),
        "path": f"/{visit.slug}/assemblies/{one.id}",
        "action": _("Relire et signer"),
    }


def _join_request(visit: Visit) -> dict[str, Any]:
    return {
        "title": _("Quelqu'un demande à rejoindre la coopérative"),
        "detail": _("Une réponse, même négative, vaut mieux que le silence."),
        "path": f"/{visit.slug}/join-requests",
        "action": _("Lire et répondre"),
    }


def _mandate(visit: Visit, mandate: Mandate, name: str) -> dict[str, Any]:
    role = _(ROLE_TITLES[mandate.role])
    own = mandate.membership_id == visit.actor.member
    manages = visit.actor.holds(Role.MANAGER)
    return {
        "title": _("Votre mandat prend fin : {role}", role=role)
        if own
        else _("Un mandat prend fin : {role}, {name}", role=role, name=name),
        "detail": _("Confiez-le pour une nouvelle période, ou à quelqu'un d'autre.")
        if manages
        else _("Dites à la gestion si vous souhaitez continuer."),
        "path": f"/{visit.slug}/mandates?member={mandate.membership_id}#give"
        if manages
        else f"/{visit.slug}/mandates",
        "action": _("Préparer la suite") if manages else _("Voir les mandats"),
        "due": mandate.last_moment,
    }
