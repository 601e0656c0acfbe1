"""Writing a proposal, and writing its next version."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from governance.amending import amend_proposal
from governance.circles import circle_for
from governance.objections import ObjectionState
from governance.pages.proposal_fields import AmendForm, ProposalForm
from governance.pages.proposals import PROPOSAL, PROPOSALS
from governance.proposal_sheets import proposal_sheet
from governance.proposal_states import KIND_TITLES, Phase, ProposalKind
from governance.proposal_terms import Subject, Words
from governance.proposals import REASONS_LENGTH, TITLE_LENGTH
from governance.proposing import propose
from tenants.mandates import mandates_in_force
from tenants.naming import member_named
from tenants.platform.errors import Invalid, NotAllowed
from tenants.platform.forms import Done, Form
from tenants.platform.words import N_, _, day
from tenants.roles import ROLE_TITLES
from tenants.rules import RULES, Rule
from tenants.rules_shown import shown_history
from tenants.visit import Visit, must_be_a_member

KIND_WORDS: Final = {
    ProposalKind.AMEND_RULE: N_("Une valeur du règlement : elle change d'elle-même à sa date."),
    ProposalKind.GIVE_MANDATE: N_("Une personne, une charge, un terme : le mandat est donné d'office."),
    ProposalKind.END_MANDATE: N_("Le mandat prend fin dès la décision."),
    ProposalKind.MOTION: N_("Un texte que le cercle de tous fait sien, sans effet automatique."),
}


@get(PROPOSALS + "/new", include_in_schema=False)
async def new_proposal(
    visit: NamedDependency[Visit], kind: FromQuery[str] = "", rule: FromQuery[str] = ""
) -> Response[str]:
    """Choose what to propose, then show its form."""
    must_be_a_member(visit)
    if kind not in set(ProposalKind):
        return visit.page(
            "governance/proposal_kinds.html",
            kinds=[(one.value, _(KIND_TITLES[one]), _(KIND_WORDS[one])) for one in ProposalKind],
        )
    form = Form(ProposalForm, {"kind": kind, "rule": rule if rule in RULES else ""})
    return await _form_page(visit, form)


@post(PROPOSALS, include_in_schema=False)
async def propose_form(visit: NamedDependency[Visit]) -> Response[Any]:
    """Open what was written to discussion, or keep it as a draft."""
    form = await visit.form(ProposalForm)

    async def work() -> Done:
        sent = form.data
        found = await propose(
            visit.db,
            actor=visit.actor,
            subject=await _subject(visit, sent),
            words=_words(sent, RULES.get(sent.rule)),
            publish=not sent.draft,
        )
        notice = _("Votre brouillon est gardé.") if sent.draft else _("Votre proposition est ouverte.")
        return Done(f"/{visit.slug}/proposals/{found.proposal.id}", notice)

    return await visit.submit(form, work, otherwise=lambda: _form_page(visit, form))


@get(PROPOSAL + "/edit", include_in_schema=False)
async def edit_proposal(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[str]:
    """Show the form of the next version, with what the newest says."""
    sheet = await proposal_sheet(visit.db, actor=visit.actor, proposal_id=proposal_id)
    if not sheet.leads:
        raise NotAllowed
    form = visit.blank_form(
        AmendForm,
        version=str(sheet.version),
        title=sheet.title,
        reasons=sheet.reasons,
        value=sheet.rule.proposed_said if sheet.rule else "",
        effective_on=sheet.effective_on.isoformat() if sheet.effective_on else "",
        until_on=sheet.mandate.until_on.isoformat()
        if sheet.kind is ProposalKind.GIVE_MANDATE and sheet.mandate and sheet.mandate.until_on
        else "",
    )
    opened = [str(one.id) for one in sheet.objections if one.state is ObjectionState.OPEN]
    form.lists["integrates"] = opened
    return await _editor(visit, proposal_id, form)


@post(PROPOSAL + "/edit", include_in_schema=False)
async def amend_form(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Write the next version."""
    form = await visit.form(AmendForm)

    async def work() -> Done:
        sent = form.data
        sheet = await proposal_sheet(visit.db, actor=visit.actor, proposal_id=proposal_id)
        found = await amend_proposal(
            visit.db,
            actor=visit.actor,
            proposal_id=proposal_id,
            version=sent.version,
            words=_words(sent, RULES.get(sheet.rule.name) if sheet.rule else None),
            integrates=sent.integrates,
        )
        notice = _("Texte enregistré.")
        if found.proposal.phase is Phase.OBJECTIONS:
            notice = _(
                "Version {number} écrite : une nouvelle ronde est ouverte.", number=found.proposal.version
            )
        return Done(f"/{visit.slug}/proposals/{proposal_id}", notice)

    return await visit.submit(form, work, otherwise=lambda: _editor(visit, proposal_id, form))


def _words(sent: ProposalForm | AmendForm, rule: Rule | None) -> Words:
    return Words(
        title=sent.title,
        reasons=sent.reasons,
        value=rule.read(sent.value, field="value") if rule and sent.value else None,
        effective_on=sent.effective_on,
        until_on=sent.until_on,
    )


async def _subject(visit: Visit, sent: ProposalForm) -> Subject:
    match sent.kind:
        case ProposalKind.AMEND_RULE:
            if sent.rule not in RULES:
                raise Invalid({"rule": _("Ce champ est nécessaire.")})
            return Subject(kind=sent.kind, rule=sent.rule)
        case ProposalKind.GIVE_MANDATE:
            who = await member_named(visit.db, reader=visit.actor, typed=sent.member, field="member")
            return Subject(kind=sent.kind, membership_id=who.id, role=sent.role)
        case ProposalKind.END_MANDATE:
            return Subject(kind=sent.kind, mandate_id=sent.mandate_id)
        case ProposalKind.MOTION:
            return Subject(kind=sent.kind)


async def _form_page(visit: Visit, form: Form[ProposalForm]) -> Response[str]:
    kind = form.values.get("kind", "")
    kind = kind if kind in set(ProposalKind) else ProposalKind.MOTION.value
    name = form.values.get("rule", "")
    rule = None
    mandates: list[tuple[str, str]] = []
    if kind == ProposalKind.AMEND_RULE and name in RULES:
        here = visit.here
        history = await shown_history(
            visit.db, tenant_id=here.tenant_id, profile=here.legal_profile, name=name
        )
        rule = history.rule
    if kind == ProposalKind.END_MANDATE:
        mandates = [
            (str(one.id), f"{_(ROLE_TITLES[one.role])} : {who} ({day(one.last_moment.date())})")
            for one, who in await mandates_in_force(visit.db, actor=visit.actor)
        ]
    circle = await circle_for(visit.db, visit.here.tenant_id, f"rule:{name}" if rule else "motion")
    return visit.page(
        "governance/proposal_form.html",
        form=form,
        kind=kind,
        kind_title=_(KIND_TITLES[ProposalKind(kind)]),
        rule=rule,
        minimum=RULES[name].say(rule.minimum) if rule else "",
        maximum=RULES[name].say(rule.maximum) if rule else "",
        rules=[(one.name, _(one.title)) for one in RULES.values()],
        roles=[(role.value, _(title)) for role, title in ROLE_TITLES.items()],
        mandates=mandates,
        circle=circle,
        lengths={"title": TITLE_LENGTH, "reasons": REASONS_LENGTH},
    )


async def _editor(visit: Visit, proposal_id: UUID, form: Form[AmendForm]) -> Response[str]:
    sheet = await proposal_sheet(visit.db, actor=visit.actor, proposal_id=proposal_id)
    opened = [one for one in sheet.objections if one.state is ObjectionState.OPEN]
    return visit.page(
        "governance/amend_form.html",
        form=form,
        sheet=sheet,
        opened=[(str(one.id), f"{one.author.name} : {one.harm}") for one in opened],
        lengths={"title": TITLE_LENGTH, "reasons": REASONS_LENGTH},
    )


PAGES: Final = [new_proposal, propose_form, edit_proposal, amend_form]
