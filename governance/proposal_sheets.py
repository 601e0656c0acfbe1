"""One proposal as a reader sees it, on its page and in the API: words, what would change, the round, what was said.

This file must never write, nor show a draft to anyone but its author.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circles import find_circle, is_in_circle
from governance.discussion import CommentKind, ProposalComment, comments_on, supporters_of
from governance.next_steps import Reader, next_step
from governance.objections import Objection, ObjectionState, objections_to
from governance.proposal_shown import (
    AnswerShown,
    CommentShown,
    MandateAtStake,
    Named,
    ObjectionShown,
    ProposalSheet,
    RoundShown,
    RuleAtStake,
)
from governance.proposal_states import OVER
from governance.proposals import Proposal, ProposalVersion, readable
from governance.proposing import facilitates
from governance.rounds import ProposalAnswer, standing_of
from tenants.actors import Actor, Role
from tenants.legal_profiles import CERTAINTY_TITLES
from tenants.mandates import Mandate
from tenants.memberships import count_members
from tenants.names import display_names
from tenants.platform.words import N_, _
from tenants.rulebook import at, legal_profile
from tenants.rules import RULES
from tenants.rules_shown import FindingShown

WHY_STUCK: Final = {
    "last_manager": N_("La coopérative n'aurait plus personne à sa gestion."),
    "mandate_overlaps": N_("Cette personne a déjà ce mandat pendant une partie de cette période."),
    "membership_state_unfit": N_("Cette personne n'est plus un membre actif."),
    "rule_already_scheduled": N_("Une autre décision change déjà cette règle à cette date."),
    "rule_against_the_law": N_("La forme juridique de la coopérative ne permet plus cette valeur."),
    "rule_out_of_bounds": N_("Cette valeur n'est plus dans les bornes de la règle."),
    "term_unfit": N_("Le terme proposé est passé."),
}

Name = Callable[[UUID], Named]


async def proposal_sheet(db: AsyncSession, *, actor: Actor, proposal_id: UUID) -> ProposalSheet:
    """Everything that a member may see of one proposal. Raises NotFound."""
    found = await readable(db, actor, proposal_id)
    one, version = found.proposal, found.version
    raised, said = await objections_to(db, one), await comments_on(db, one)
    supporters = await supporters_of(db, one)
    mandate = await _mandate(db, one, version)
    people: set[UUID] = {one.author_id, *supporters}
    people |= {each.author_id for each in raised} | {each.author_id for each in said}
    people |= {each.ended_by for each in raised if each.ended_by} | ({mandate[0]} if mandate else set())
    names = await display_names(db, tenant_id=one.tenant_id, membership_ids=people)

    def named(who: UUID) -> Named:
        return Named(who, names.get(who, ""))

    reader = await _reader(db, actor, one, raised)
    by_facilitation = await facilitates(db, actor, one)
    opened = [each for each in raised if each.state is ObjectionState.OPEN]
    comments = _threads(said, named)
    questions = sum(each.kind is CommentKind.QUESTION and not each.answers for each in comments)
    circle = await find_circle(db, one.tenant_id, one.circle_id)
    leads = one.author_id == actor.member or by_facilitation
    return ProposalSheet(
        id=one.id,
        kind=one.kind,
        state=one.state,
        phase=one.phase,
        version=one.version,
        title=version.title,
        reasons=version.reasons,
        effective_on=version.effective_on,
        circle=Named(circle.id, circle.name),
        author=named(one.author_id),
        rule=await rule_at_stake(db, one, version),
        mandate=MandateAtStake(member=named(mandate[0]), role=mandate[1], until_on=mandate[2])
        if mandate
        else None,
        opened_at=one.opened_at,
        escalates_at=one.escalates_at,
        round=await _round(db, one),
        objections=[_objection(each, named) for each in raised],
        comments=comments,
        supporters=[named(who) for who in supporters],
        method=one.method,
        decided_at=one.decided_at,
        takes_effect_at=one.takes_effect_at,
        stuck=_(WHY_STUCK.get(one.effect_refused, N_("Autre chose s'y oppose.")))
        if one.effect_refused
        else None,
        register_seq=one.register_seq,
        next=next_step(
            one.state,
            one.phase,
            Reader(leads=leads, in_circle=reader[0], consents=reader[1], objects=reader[2]),
            questions=questions,
            objections=len(opened),
            stuck=one.effect_refused is not None,
        ),
        is_author=one.author_id == actor.member,
        leads=leads,
        facilitates=by_facilitation,
        in_circle=reader[0],
        consents=reader[1],
        objects=reader[2],
        supports=actor.member in supporters,
    )


async def rule_at_stake(db: AsyncSession, one: Proposal, version: ProposalVersion) -> RuleAtStake | None:
    """What an amendment changes, against the value in force when it was decided, or now. None for other kinds."""
    rule = RULES.get(one.rule or "")
    if rule is None:
        return None
    now = await at(db, rule=rule, moment=one.decided_at, tenant_id=one.tenant_id)
    profile = await legal_profile(db, tenant_id=one.tenant_id)
    return RuleAtStake(
        name=rule.name,
        title=_(rule.title),
        present=now.value,
        present_said=rule.say(now.value),
        since=now.since,
        proposed=version.value,
        proposed_said=rule.say(version.value),
        minimum_said=rule.say(rule.minimum),
        maximum_said=rule.say(rule.maximum),
        affected=await count_members(db, tenant_id=one.tenant_id),
        findings=[
            FindingShown(
                severity=each.severity,
                article=each.article,
                sentence=_(each.sentence),
                certainty=each.certainty,
                certainty_said=_(CERTAINTY_TITLES[each.certainty]),
            )
            for each in rule.legal(profile, version.value)
        ],
    )


async def _mandate(
    db: AsyncSession, one: Proposal, version: ProposalVersion
) -> tuple[UUID, Role, date | None] | None:
    if one.membership_id is not None and one.role is not None:
        return one.membership_id, one.role, version.until_on
    if one.mandate_id is None:
        return None
    query = select(Mandate).where(Mandate.tenant_id == one.tenant_id, Mandate.id == one.mandate_id)
    held = (await db.scalars(query)).one()
    return held.membership_id, held.role, held.last_moment.date()


async def _reader(
    db: AsyncSession, actor: Actor, one: Proposal, raised: Sequence[Objection]
) -> tuple[bool, bool, bool]:
    """Whether the reader is of the circle, consents to the newest version, objects to it."""
    query = select(ProposalAnswer.consents).where(
        ProposalAnswer.tenant_id == one.tenant_id,
        ProposalAnswer.proposal_id == one.id,
        ProposalAnswer.version == one.version,
        ProposalAnswer.membership_id == actor.member,
    )
    consents = bool(await db.scalar(query))
    objects = any(each.author_id == actor.member and each.state is ObjectionState.OPEN for each in raised)
    return await is_in_circle(db, one.tenant_id, one.circle_id, actor.member), consents, objects


async def _round(db: AsyncSession, one: Proposal) -> RoundShown | None:
    if one.round == 0 or one.state in OVER:
        return None
    standing = await standing_of(db, one)
    return RoundShown(
        number=one.round,
        closes_at=one.round_closes_at,
        members=standing.members,
        seen=standing.seen,
        consents=standing.consents,
        quorum_percent=standing.quorum_percent,
        quorate=standing.quorate,
    )


def _objection(each: Objection, named: Name) -> ObjectionShown:
    return ObjectionShown(
        id=each.id,
        author=named(each.author_id),
        version=each.version,
        harm=each.harm,
        role_harmed=each.role_harmed,
        reasons=each.reasons,
        raised_at=each.raised_at,
        state=each.state,
        ended_at=each.ended_at,
        ended_by=named(each.ended_by) if each.ended_by else None,
        ended_reason=each.ended_reason,
        integrated_in=each.integrated_in,
    )


def _threads(said: Sequence[ProposalComment], named: Name) -> list[CommentShown]:
    """Comments and questions in their order, answers under their question."""
    return [
        CommentShown(
            id=each.id,
            author=named(each.author_id),
            kind=each.kind,
            version=each.version,
            words=each.words,
            written_at=each.written_at,
            answers=[
                AnswerShown(
                    id=one.id,
                    author=named(one.author_id),
                    version=one.version,
                    words=one.words,
                    written_at=one.written_at,
                )
                for one in said
                if one.answers_id == each.id
            ],
        )
        for each in said
        if each.answers_id is None
    ]
