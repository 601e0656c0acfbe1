"""Proposals: their list, one of them with its next step, and what changed from version to version."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from governance.diffs import word_diff
from governance.discussion import COMMENT_LENGTH
from governance.objections import OBJECTION_LENGTH, OBJECTION_TITLES, ObjectionState
from governance.opening import circles_to_open_votes_in
from governance.pages.proposal_fields import CommentForm, ObjectionForm, ReasonForm
from governance.proposal_sheets import proposal_sheet, rule_at_stake
from governance.proposal_shown import ProposalSheet
from governance.proposal_states import (
    KIND_TITLES,
    PHASE_TITLES,
    STATE_TITLES,
    STATE_TONES,
    Phase,
    ProposalKind,
    ProposalState,
)
from governance.proposals import proposal_versions, proposals, public_proposal
from governance.rounds import FORWARD
from tenants.names import display_names
from tenants.platform.forms import Form
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import N_, _, local
from tenants.roles import ROLE_TITLES
from tenants.rules import RULES
from tenants.visit import Visit

PROPOSALS: Final = "/{cooperative:str}/proposals"
PROPOSAL: Final = PROPOSALS + "/{proposal_id:uuid}"

ADVANCES: Final = {
    Phase.REACT: N_("Passer aux réactions"),
    Phase.AMEND: N_("Passer aux amendements"),
    Phase.OBJECTIONS: N_("Ouvrir la ronde d'objections"),
}
STAGES: Final = (Phase.CLARIFY, Phase.REACT, Phase.AMEND, Phase.OBJECTIONS, Phase.INTEGRATE)


class Asked(msgspec.Struct, frozen=True):
    """Which proposals the reader wants to see."""

    standing: str = ""
    kind: str = ""
    mine: str = ""

    def chosen(self) -> dict[str, Any]:
        """As the verb that lists takes it; what is no choice is none."""
        return {
            "state": ProposalState(self.standing) if self.standing in set(ProposalState) else None,
            "kind": ProposalKind(self.kind) if self.kind in set(ProposalKind) else None,
            "mine": self.mine not in {"", "0", "false"},
        }


@get(PROPOSALS, include_in_schema=False)
async def proposals_page(
    visit: NamedDependency[Visit],
    standing: FromQuery[str] = "",
    kind: FromQuery[str] = "",
    mine: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[str]:
    """List proposals, newest first."""
    cursor = decode_cursor(after, (UUID,))
    asked = Asked(standing, kind, mine)
    found = await proposals(
        visit.db,
        actor=visit.actor,
        before=cursor[0] if cursor else None,
        limit=PAGE_LENGTH + 1,
        **asked.chosen(),
    )
    shown = found[:PAGE_LENGTH]
    names = await display_names(
        visit.db,
        tenant_id=visit.here.tenant_id,
        membership_ids={one.proposal.author_id for one in shown},
    )
    query = {name: value for name, value in msgspec.structs.asdict(asked).items() if value}
    return visit.page(
        "governance/proposals.html",
        proposals=shown,
        names=names,
        filters=Form(Asked, query),
        query=query,
        kinds=KIND_TITLES,
        states=STATE_TITLES,
        phases=PHASE_TITLES,
        tones=STATE_TONES,
        after=encode_cursor(shown[-1].proposal.id) if len(found) > PAGE_LENGTH else "",
    )


@get(PROPOSALS + ".csv", include_in_schema=False)
async def proposals_csv(
    visit: NamedDependency[Visit],
    standing: FromQuery[str] = "",
    kind: FromQuery[str] = "",
    mine: FromQuery[str] = "",
) -> Response[bytes]:
    """Download the same list."""
    chosen = Asked(standing, kind, mine).chosen()
    found = await proposals(visit.db, actor=visit.actor, limit=None, **chosen)
    names = await display_names(
        visit.db,
        tenant_id=visit.here.tenant_id,
        membership_ids={one.proposal.author_id for one in found},
    )
    header = [
        _("Titre"),
        _("Objet"),
        _("Règle"),
        _("Proposée par"),
        _("Version"),
        _("État"),
        _("Ouverte le"),
        _("Décidée le"),
        _("Ligne du registre"),
        _("Identifiant"),
    ]
    rows = [
        (
            one.version.title,
            _(KIND_TITLES[one.proposal.kind]),
            _(RULES[one.proposal.rule].title) if one.proposal.rule in RULES else "",
            names.get(one.proposal.author_id, ""),
            one.proposal.version,
            _(STATE_TITLES[one.proposal.state]),
            local(one.proposal.opened_at).date().isoformat() if one.proposal.opened_at else "",
            local(one.proposal.decided_at).date().isoformat() if one.proposal.decided_at else "",
            one.proposal.register_seq,
            str(one.proposal.id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-propositions.csv", header, rows)


@get(PROPOSAL, include_in_schema=False)
async def proposal_page(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[str]:
    """Show one proposal: all of it to members; to anyone the rule that an adopted one changes, without words or names."""
    if visit.member is None:
        found = await public_proposal(visit.db, tenant_id=visit.here.tenant_id, proposal_id=proposal_id)
        return visit.page(
            "governance/public_proposal.html",
            proposal=found.proposal,
            version=found.version,
            rule=await rule_at_stake(visit.db, found.proposal, found.version),
            state=STATE_TITLES[found.proposal.state],
            tone=STATE_TONES[found.proposal.state],
        )
    return await show_proposal(visit, proposal_id)


async def show_proposal(visit: Visit, proposal_id: UUID) -> Response[str]:
    """Show a proposal to a member, with whatever form was refused as it was sent."""
    sheet = await proposal_sheet(visit.db, actor=visit.actor, proposal_id=proposal_id)
    opened = [one for one in sheet.objections if one.state is ObjectionState.OPEN]
    return visit.page(
        "governance/proposal.html",
        sheet=sheet,
        opened=opened,
        onward=[(to.value, _(ADVANCES[to])) for to in FORWARD.get(sheet.phase or Phase.VOTING, ())],
        stages=_stages(sheet.phase),
        puts_to_vote=await _may_put_to_vote(visit, sheet),
        kinds=KIND_TITLES,
        states=STATE_TITLES,
        phases=PHASE_TITLES,
        tones=STATE_TONES,
        objection_states=OBJECTION_TITLES,
        roles=ROLE_TITLES,
        comment=visit.blank_form(CommentForm),
        objection=visit.blank_form(ObjectionForm),
        reason=visit.blank_form(ReasonForm),
        lengths={"comment": COMMENT_LENGTH, "objection": OBJECTION_LENGTH},
    )


async def _may_put_to_vote(visit: Visit, sheet: ProposalSheet) -> bool:
    """Whether this reader may have a vote decide, now."""
    if sheet.state is not ProposalState.DISCUSSED or sheet.phase is Phase.VOTING:
        return False
    return sheet.circle.id in {one.id for one in await circles_to_open_votes_in(visit.db, visit.actor)}


def _stages(phase: Phase | None) -> list[tuple[str, str, str]]:
    """The steps of consent, as the page draws them; none when consent is not under way."""
    if phase not in STAGES:
        return []
    here = STAGES.index(phase)
    return [
        (_(PHASE_TITLES[one]), "done" if place < here else "current" if place == here else "todo", "")
        for place, one in enumerate(STAGES)
    ]


@get(PROPOSAL + "/changes", include_in_schema=False)
async def proposal_changes(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[str]:
    """Show what each version changed, word by word."""
    versions = await proposal_versions(visit.db, actor=visit.actor, proposal_id=proposal_id)
    sheet = await proposal_sheet(visit.db, actor=visit.actor, proposal_id=proposal_id)
    names = await display_names(
        visit.db,
        tenant_id=visit.here.tenant_id,
        membership_ids={one.written_by for one in versions},
    )
    rule = RULES.get(sheet.rule.name) if sheet.rule else None
    pairs = [
        {
            "version": one,
            "title": word_diff(before.title, one.title) if before else [],
            "reasons": word_diff(before.reasons, one.reasons) if before else [],
            "value": rule.say(one.value) if rule else "",
            "value_before": rule.say(before.value) if rule and before else "",
            "before": before,
            "integrated": [each for each in sheet.objections if each.integrated_in == one.number],
        }
        for one, before in zip(versions, [*versions[1:], None], strict=True)
    ]
    return visit.page("governance/proposal_changes.html", sheet=sheet, pairs=pairs, names=names)


PAGES: Final = [proposals_page, proposals_csv, proposal_page, proposal_changes]
