"""What members read and do on the page of a rule: who decides it, what is proposed, contesting it."""

from datetime import date, timedelta
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from governance.circles import Circle, circle_for
from governance.contests import REASON_LENGTH, Contested, contest_rule, contested, uncontest_rule
from governance.proposal_rules import CONTEST_THRESHOLD, REVIEW_DAYS
from governance.proposal_states import OVER, PHASE_TITLES, STATE_TITLES, STATE_TONES
from governance.proposals import Proposed, proposals
from tenants.pages.rules import Panel, declare_rule_panel, show_rule
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.words import _, local
from tenants.rulebook import rules_in_force
from tenants.visit import Visit

CONTEST: Final = "/{cooperative:str}/rules/{name:str}/contest"
SHOWN: Final = 20


class ContestForm(msgspec.Struct, frozen=True):
    """Why the rule should be looked at again."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=LINE_PATTERN)]


class Decided(NamedTuple):
    """What the panel of a rule shows to a member."""

    name: str
    circle: Circle
    proposals: list[Proposed]
    review_on: date | None
    contested: Contested | None
    mine: bool
    form: Form[ContestForm]
    states: dict[Any, str]
    tones: dict[Any, str]
    phases: dict[Any, str]


async def rule_panel(visit: Visit, name: str) -> Panel | None:
    """The panel, for members alone."""
    if visit.member is None:
        return None
    tenant_id = visit.here.tenant_id
    in_force = await rules_in_force(visit.db, tenant_id=tenant_id)
    version, days = in_force.get(name), in_force.get(REVIEW_DAYS.name)
    threshold = in_force.get(CONTEST_THRESHOLD.name)
    standing = None
    if version and threshold:
        standing = await contested(
            visit.db, tenant_id=tenant_id, version_id=version.id, percent=threshold.value
        )
    found = await proposals(visit.db, actor=visit.actor, rule=name, limit=SHOWN)
    facts = Decided(
        name=name,
        circle=await circle_for(visit.db, tenant_id, f"rule:{name}"),
        proposals=[one for one in found if one.proposal.state not in OVER],
        review_on=(local(version.since) + timedelta(days=days.value)).date()
        if version and days and days.value
        else None,
        contested=standing,
        mine=standing is not None and any(one.who == visit.actor.member for one in standing.contests),
        form=visit.sent_to(f"/{visit.slug}/rules/{name}/contest", visit.blank_form(ContestForm)),
        states=STATE_TITLES,
        tones=STATE_TONES,
        phases=PHASE_TITLES,
    )
    return Panel("governance/rule_panel.html", facts)


declare_rule_panel(rule_panel)


@post(CONTEST, include_in_schema=False)
async def contest(visit: NamedDependency[Visit], name: FromPath[str]) -> Response[Any]:
    """Contest a rule."""
    form = await visit.form(ContestForm)

    async def work() -> Done:
        found = await contest_rule(visit.db, actor=visit.actor, rule=name, reason=form.data.reason)
        notice = _("Votre contestation est notée.")
        if found.causes:
            notice = _("Votre contestation est notée, et la règle est rouverte.")
        return Done(f"/{visit.slug}/rules/{name}", notice)

    return await visit.submit(form, work, otherwise=lambda: show_rule(visit, name))


@post(CONTEST + "/withdraw", include_in_schema=False)
async def uncontest(visit: NamedDependency[Visit], name: FromPath[str]) -> Response[Any]:
    """Take one's contest back."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await uncontest_rule(visit.db, actor=visit.actor, rule=name)
        return Done(f"/{visit.slug}/rules/{name}", _("Votre contestation est retirée."))

    return await visit.submit(form, work, otherwise=lambda: show_rule(visit, name))


PAGES: Final = [contest, uncontest]
