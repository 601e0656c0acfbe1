"""Home: what waits for this member, where their hours stand, and on the first day what to do first.

A reader who is no member is shown what the cooperative publishes. This file must never hold a rule.
"""

from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy import exists, select

from marketplace.listings import MissionFilter, count_settled, open_missions
from marketplace.mission_states import STATE_NAMES
from marketplace.missions import Mission
from marketplace.pages.tasks import AWAITED, tasks
from marketplace.skills import Skill
from marketplace.waiting import waiting_missions
from tenants.actors import Role
from tenants.cooperatives import Cooperative, cooperative_of
from tenants.join_requests import JoinRequest, RequestState, may_ask
from tenants.memberships import Membership, MembershipState, count_members
from tenants.platform.words import _
from tenants.visit import Visit
from timebank.ledger.statements import standing

SHOWN: Final = 5


@get("/{cooperative:str}", include_in_schema=False)
async def home(visit: NamedDependency[Visit]) -> Response[str]:
    """Show a member what waits for them; show anybody else what is public."""
    if visit.member is None:
        return await _front(visit)
    actor = visit.actor
    missions = await waiting_missions(visit.db, actor=actor)
    steps, somebody_asks = await _first_steps(visit) if actor.holds(Role.MANAGER) else ([], False)
    latest = await open_missions(
        visit.db,
        tenant_id=actor.tenant_id,
        reader_id=actor.member,
        narrow=MissionFilter(),
        limit=SHOWN,
        others_only=True,
    )
    return visit.page(
        "marketplace/home.html",
        tasks=await tasks(visit, missions, somebody_asks=somebody_asks),
        awaited=[(one, _(AWAITED[one.action])) for one in missions if one.action in AWAITED],
        standing=await standing(visit.db, actor=actor, account_id=actor.member),
        latest=latest.items,
        first_steps=steps if any(not done for done, *_rest in steps) else [],
        state_names=STATE_NAMES,
    )


async def _front(visit: Visit) -> Response[str]:
    cooperative = await cooperative_of(visit.db, tenant_id=visit.here.tenant_id)
    public = await open_missions(
        visit.db, tenant_id=visit.here.tenant_id, reader_id=None, narrow=MissionFilter(), limit=SHOWN
    )
    return visit.page(
        "marketplace/front.html",
        presentation=cooperative.presentation,
        missions=public.items,
        may_ask=await may_ask(visit.db, tenant_id=visit.here.tenant_id),
        members=await count_members(visit.db, tenant_id=visit.here.tenant_id),
        settled=await count_settled(visit.db, tenant_id=visit.here.tenant_id),
        founded_on=cooperative.founded_at,
    )


async def _first_steps(visit: Visit) -> tuple[list[tuple[bool, str, str, str]], bool]:
    """What a manager does on the first day: (done, what, why, where); and whether somebody asks to join.

    One statement for both.
    """
    tenant_id = visit.here.tenant_id
    row = (
        await visit.db.execute(
            select(
                exists()
                .where(Cooperative.tenant_id == tenant_id, Cooperative.presentation != "")
                .label("presentation"),
                exists()
                .where(
                    Membership.tenant_id == tenant_id,
                    Membership.state == MembershipState.ACTIVE,
                    Membership.id != visit.actor.member,
                )
                .label("members"),
                exists().where(Skill.tenant_id == tenant_id).label("skills"),
                exists()
                .where(Mission.tenant_id == tenant_id, Mission.published_at.is_not(None))
                .label("missions"),
                exists()
                .where(JoinRequest.tenant_id == tenant_id, JoinRequest.state == RequestState.WAITING)
                .label("asks"),
            )
        )
    ).one()
    home_path = f"/{visit.slug}"
    steps = [
        (
            row.presentation,
            _("Présentez la coopérative"),
            _("Quelques phrases que tout le monde peut lire."),
            f"{home_path}/settings",
        ),
        (
            row.members,
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
    return steps, row.asks
