"""Home: what waits for this member, where their hours stand, and on the first day what to do first.

A reader who is no member is shown what the cooperative publishes. This file must never hold a rule.
"""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy import exists, select

from marketplace.listings import MissionFilter, open_missions
from marketplace.mission_states import STATE_NAMES
from marketplace.missions import Mission
from marketplace.next_actions import NextAction
from marketplace.skills import Skill
from marketplace.waiting import Waiting, open_disputes, waiting_missions
from tenants.actors import Role
from tenants.cooperatives import cooperative_of
from tenants.memberships import count_members
from tenants.platform.words import N_, _, ngettext
from tenants.visit import Visit
from timebank.ledger.statements import standing

SHOWN: Final = 5

# What the member is asked to do, and the words of the button that leads there.
ASKED: Final[dict[NextAction, tuple[str, str]]] = {
    NextAction.CONFIRM: (N_("Confirmez la livraison : {title}"), N_("Voir et confirmer")),
    NextAction.ANSWER_CANCELLATION: (N_("On vous propose d'arrêter : {title}"), N_("Répondre")),
    NextAction.STATE: (N_("Donnez votre point de vue : {title}"), N_("Écrire à la médiation")),
    NextAction.CHOOSE_BID: (N_("Choisissez une proposition : {title}"), N_("Lire les propositions")),
    NextAction.DELIVER: (N_("À livrer : {title}"), N_("Livrer")),
    NextAction.START: (N_("À commencer : {title}"), N_("Commencer")),
    NextAction.PUBLISH: (N_("Brouillon à publier : {title}"), N_("Relire et publier")),
    NextAction.PUBLISH_AGAIN: (N_("Mission expirée : {title}"), N_("Lui donner de nouvelles dates")),
}
AWAITED: Final[dict[NextAction, str]] = {
    NextAction.AWAIT_BIDS: N_("en attente de propositions"),
    NextAction.AWAIT_CHOICE: N_("votre proposition est à l'étude"),
    NextAction.AWAIT_START: N_("va bientôt commencer"),
    NextAction.AWAIT_DELIVERY: N_("en cours"),
    NextAction.AWAIT_CANCELLATION: N_("arrêt proposé, réponse attendue"),
    NextAction.AWAIT_CONFIRMATION: N_("livrée, confirmation attendue"),
    NextAction.AWAIT_DECISION: N_("la médiation décide"),
}


@get("/{cooperative:str}", include_in_schema=False)
async def home(visit: NamedDependency[Visit]) -> Response[str]:
    """Show a member what waits for them; show anybody else what is public."""
    if visit.member is None:
        return await _front(visit)
    actor = visit.actor
    missions = await waiting_missions(visit.db, actor=actor)
    tasks = [_task(visit, one) for one in missions if one.is_mine and one.action in ASKED]
    if actor.holds(Role.MEDIATOR):
        tasks = [
            _mediation(visit, one) for one in await open_disputes(visit.db, actor=actor) if not one.is_party
        ] + tasks
    steps = await _first_steps(visit) if actor.holds(Role.MANAGER) else []
    latest = await open_missions(
        visit.db, tenant_id=actor.tenant_id, reader_id=actor.member, narrow=MissionFilter(), limit=SHOWN + 1
    )
    return visit.page(
        "marketplace/home.html",
        tasks=tasks,
        awaited=[(one, _(AWAITED[one.action])) for one in missions if one.action in AWAITED],
        standing=await standing(visit.db, actor=actor, account_id=actor.member),
        latest=latest.items[:SHOWN],
        first_steps=steps if any(not done for done, *_rest in steps) else [],
        state_names=STATE_NAMES,
    )


async def _front(visit: Visit) -> Response[str]:
    cooperative = await cooperative_of(visit.db, tenant_id=visit.here.tenant_id)
    public = await open_missions(
        visit.db, tenant_id=visit.here.tenant_id, reader_id=None, narrow=MissionFilter(), limit=SHOWN
    )
    return visit.page("marketplace/front.html", presentation=cooperative.presentation, missions=public.items)


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


def _mediation(visit: Visit, one: Any) -> dict[str, Any]:
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


async def _first_steps(visit: Visit) -> list[tuple[bool, str, str, str]]:
    """What a manager does on the first day: (done, what, why, where)."""
    tenant_id = visit.here.tenant_id
    row = (
        await visit.db.execute(
            select(
                exists().where(Skill.tenant_id == tenant_id).label("skills"),
                exists()
                .where(Mission.tenant_id == tenant_id, Mission.published_at.is_not(None))
                .label("missions"),
            )
        )
    ).one()
    cooperative = await cooperative_of(visit.db, tenant_id=tenant_id)
    members = await count_members(visit.db, tenant_id=tenant_id)
    home_path = f"/{visit.slug}"
    return [
        (
            bool(cooperative.presentation),
            _("Présentez la coopérative"),
            _("Quelques phrases que tout le monde peut lire."),
            f"{home_path}/settings",
        ),
        (
            members > 1,
            _("Invitez les premiers membres"),
            _("Chacun reçoit un lien par courriel et choisit son nom."),
            f"{home_path}/invitations",
        ),
        (
            row.skills,
            _("Dressez la liste des compétences"),
            _("Elle sert à trier les missions ; une dizaine suffit pour commencer."),
            f"{home_path}/skills",
        ),
        (
            row.missions,
            _("Publiez une première mission"),
            _("Une petite demande réelle montre comment cela marche."),
            f"{home_path}/missions/new",
        ),
    ]
