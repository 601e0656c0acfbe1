"""What a demo cooperative is deciding: one rule changed by consent, one proposal in its round, one being discussed, one rule contested.

Told in the present, since neither the register nor a rule is ever moved in time. This file must never write a row itself.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.amending import amend_proposal
from governance.circles import circle_members
from governance.contests import contest_rule
from governance.discussion import comment_proposal, support_proposal
from governance.objecting import Grounds, object_to_proposal
from governance.proposal_states import Phase, ProposalKind
from governance.proposal_terms import Subject, Words
from governance.proposing import propose
from governance.rounds import advance_proposal, answer_round
from marketplace.demo.road import Cast
from marketplace.demo.story import set_type
from tenants.actors import Actor, Role
from tenants.platform.database import Database

HOUR: Final = 60
WARNING: Final = Subject(kind=ProposalKind.AMEND_RULE, rule="timebank.soft_limit")
LIMIT: Final = Subject(kind=ProposalKind.AMEND_RULE, rule="timebank.credit_limit_low")
CONTESTED: Final = "timebank.paper_days_max"
COMPLAINTS: Final = (
    "Deux mois, c'est long : on ne se souvient plus de ce qui a été fait.",
    "Un mois suffirait, si la gestion relance.",
    "J'ai dû contester une feuille que je n'avais pas reconnue.",
    "Moins long, et avec les deux signatures.",
)


async def tell_proposals(database: Database, cast: Cast) -> None:
    """Let members propose, answer and object; the first is adopted because the whole circle has answered."""
    people = [cast.actors[one.name] for one in cast.story.people]
    # Of the circle that decides on hours (``circles``), two object; who proposes may be anybody.
    author, other, objector, second = people[5], people[8], people[9], people[12]
    async with database.begin(tenant=cast.calendar.tenant_id) as db:
        await _adopted(db, people, author, objector)
    async with database.begin(tenant=cast.calendar.tenant_id) as db:
        await _in_round(db, people, other, second)
        await _discussed(db, author, people[10])
        for actor, reason in zip((objector, other, people[11], people[14]), COMPLAINTS, strict=True):
            await contest_rule(db, actor=actor, rule=CONTESTED, reason=set_type(reason))


async def _adopted(db: AsyncSession, people: list[Actor], author: Actor, objector: Actor) -> None:
    """Somebody objects to the first text; the second version takes it up, and nobody objects any more."""
    words = Words(
        title=set_type("Prévenir plus tôt de la limite"),
        reasons=set_type(
            "Plusieurs d'entre nous ont découvert la limite au moment d'être refusés. "
            "Être prévenu à 12 h de la limite laisse le temps de proposer une mission."
        ),
        value=12 * HOUR,
    )
    one = (await propose(db, actor=author, subject=WARNING, words=words, publish=True)).proposal
    asked = await comment_proposal(
        db,
        actor=objector,
        proposal_id=one.id,
        words=set_type("Combien de membres ont été refusés cette année ?"),
        question=True,
    )
    await comment_proposal(
        db,
        actor=author,
        proposal_id=one.id,
        words=set_type("Cinq, dont trois qui ne s'y attendaient pas."),
        answers=asked.id,
    )
    await support_proposal(db, actor=people[11], proposal_id=one.id)
    await advance_proposal(db, actor=author, proposal_id=one.id, to=Phase.OBJECTIONS)
    raised = await object_to_proposal(
        db,
        actor=objector,
        proposal_id=one.id,
        version=1,
        grounds=Grounds(
            harm=set_type("Qui débute serait prévenu dès son premier échange, et prendrait peur."),
            role_harmed=set_type("Accueil des nouveaux"),
            reasons=set_type("Un découvert de 8 h est courant le premier mois, et n'inquiète personne."),
        ),
    )
    milder = Words(
        title=words.title,
        reasons=set_type(
            "Plusieurs d'entre nous ont découvert la limite au moment d'être refusés. "
            "Être prévenu à 8 h de la limite laisse le temps de proposer une mission, sans inquiéter qui débute."
        ),
        value=8 * HOUR,
    )
    await amend_proposal(
        db, actor=author, proposal_id=one.id, version=1, words=milder, integrates=[raised.id]
    )
    await _consent(db, one.tenant_id, one.circle_id, people, one.id, version=2)


async def _consent(
    db: AsyncSession,
    tenant_id: UUID,
    circle_id: UUID,
    people: list[Actor],
    proposal_id: UUID,
    *,
    version: int,
) -> None:
    circle = set(await circle_members(db, tenant_id, circle_id))
    for actor in people:
        if actor.member in circle:
            await answer_round(db, actor=actor, proposal_id=proposal_id, version=version)


async def _in_round(db: AsyncSession, people: list[Actor], author: Actor, objector: Actor) -> None:
    """A round is open: a few have answered, somebody objects, the others are awaited."""
    words = Words(
        title=set_type("Ramener le découvert à quinze heures"),
        reasons=set_type(
            "Les soldes s'éloignent de zéro, et qui est loin sous zéro hésite à demander encore. "
            "Quinze heures suffisent à presque tous les échanges de l'an dernier."
        ),
        value=15 * HOUR,
        effective_on=datetime.now(UTC).date() + timedelta(days=40),
    )
    one = (await propose(db, actor=author, subject=LIMIT, words=words, publish=True)).proposal
    await comment_proposal(
        db,
        actor=people[13],
        proposal_id=one.id,
        words=set_type("Je vois l'idée ; il faudrait que les travaux longs restent possibles."),
    )
    await advance_proposal(db, actor=author, proposal_id=one.id, to=Phase.OBJECTIONS)
    for actor in (people[6], people[15]):
        await answer_round(db, actor=actor, proposal_id=one.id, version=1)
    await object_to_proposal(
        db,
        actor=objector,
        proposal_id=one.id,
        version=1,
        grounds=Grounds(
            harm=set_type("Un chantier de deux jours ne pourrait plus être demandé en une fois."),
            role_harmed=set_type("Entraide sur les gros travaux"),
            reasons=set_type("Trois chantiers de l'an dernier ont dépassé quinze heures."),
        ),
    )


async def _discussed(db: AsyncSession, author: Actor, mediator: Actor) -> None:
    """A second mediator is proposed: members may still ask."""
    until = datetime.now(UTC).date() + timedelta(days=365)
    words = Words(
        title=set_type("Une seconde personne à la médiation"),
        reasons=set_type(
            "Une seule personne à la médiation ne peut pas décider quand elle prend part à l'échange."
        ),
        until_on=until,
    )
    subject = Subject(kind=ProposalKind.GIVE_MANDATE, membership_id=mediator.member, role=Role.MEDIATOR)
    await propose(db, actor=author, subject=subject, words=words, publish=True)
