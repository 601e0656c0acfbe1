"""What is done on the page of a proposal: opening, advancing, answering, objecting, discussing, taking back."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from governance.discussion import comment_proposal, support_proposal, unsupport_proposal
from governance.escalations import refer_to_parent
from governance.objecting import Grounds, object_to_proposal, set_aside_objection, withdraw_objection
from governance.objections import objection_of
from governance.pages.proposal_fields import (
    AdvanceForm,
    AnswerForm,
    CommentForm,
    ObjectionForm,
    ReasonForm,
)
from governance.pages.proposals import PROPOSAL, show_proposal
from governance.proposal_states import Phase, ProposalState
from governance.proposing import open_proposal, withdraw_proposal
from governance.rounds import advance_proposal, answer_round
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.words import _
from tenants.visit import Visit

OBJECTION: Final = "/{cooperative:str}/objections/{objection_id:uuid}"


async def _act(
    visit: Visit, proposal_id: UUID, form: Form[Any], verb: Callable[[], Awaitable[str]], *, at: str = ""
) -> Response[Any]:
    """Do it once and come back to the proposal, at ``at``."""

    async def work() -> Done:
        notice = await verb()
        return Done(f"/{visit.slug}/proposals/{proposal_id}{at}", notice)

    return await visit.submit(form, work, otherwise=lambda: show_proposal(visit, proposal_id))


@post(PROPOSAL + "/open", include_in_schema=False)
async def open_draft(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Open a draft to discussion."""

    async def verb() -> str:
        await open_proposal(visit.db, actor=visit.actor, proposal_id=proposal_id)
        return _("Votre proposition est ouverte.")

    return await _act(visit, proposal_id, await visit.form(Nothing), verb)


@post(PROPOSAL + "/withdraw", include_in_schema=False)
async def withdraw(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Take a proposal back."""

    async def verb() -> str:
        await withdraw_proposal(visit.db, actor=visit.actor, proposal_id=proposal_id)
        return _("Vous avez retiré votre proposition.")

    return await _act(visit, proposal_id, await visit.form(Nothing), verb)


@post(PROPOSAL + "/advance", include_in_schema=False)
async def advance(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Go on to a later phase."""
    form = await visit.form(AdvanceForm)

    async def verb() -> str:
        await advance_proposal(visit.db, actor=visit.actor, proposal_id=proposal_id, to=form.data.to)
        if form.data.to is Phase.OBJECTIONS:
            return _("La ronde est ouverte, et le cercle prévenu.")
        return _("La discussion passe à l'étape suivante.")

    return await _act(visit, proposal_id, form, verb)


@post(PROPOSAL + "/answers", include_in_schema=False)
async def answer(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Say that one has read the version, and does not object."""
    form = await visit.form(AnswerForm)

    async def verb() -> str:
        found = await answer_round(visit.db, actor=visit.actor, proposal_id=proposal_id, **form.fields())
        if found.proposal.state is not ProposalState.DISCUSSED:
            return _("Tout le cercle a répondu : la proposition est adoptée.")
        return _("Votre réponse est notée.")

    return await _act(visit, proposal_id, form, verb)


@post(PROPOSAL + "/objections", include_in_schema=False)
async def raise_objection(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Object to the version."""
    form = await visit.form(ObjectionForm)

    async def verb() -> str:
        sent = form.data
        await object_to_proposal(
            visit.db,
            actor=visit.actor,
            proposal_id=proposal_id,
            version=sent.version,
            grounds=Grounds(harm=sent.harm, role_harmed=sent.role_harmed, reasons=sent.reasons),
        )
        return _("Votre objection est écrite : elle est à intégrer.")

    return await _act(visit, proposal_id, form, verb, at="#objections")


@post(OBJECTION + "/withdraw", include_in_schema=False)
async def take_back(visit: NamedDependency[Visit], objection_id: FromPath[UUID]) -> Response[Any]:
    """Take one's objection back."""
    proposal_id = (await objection_of(visit.db, visit.actor, objection_id)).proposal_id

    async def verb() -> str:
        await withdraw_objection(visit.db, actor=visit.actor, objection_id=objection_id)
        return _("Votre objection est retirée.")

    return await _act(visit, proposal_id, await visit.form(Nothing), verb, at="#objections")


@post(OBJECTION + "/set-aside", include_in_schema=False)
async def set_aside(visit: NamedDependency[Visit], objection_id: FromPath[UUID]) -> Response[Any]:
    """Set aside an objection without reasons: a facilitator's act."""
    proposal_id = (await objection_of(visit.db, visit.actor, objection_id)).proposal_id
    form = await visit.form(ReasonForm)

    async def verb() -> str:
        await set_aside_objection(
            visit.db, actor=visit.actor, objection_id=objection_id, reason=form.data.reason
        )
        return _("L'objection est écartée, et son auteur prévenu.")

    return await _act(visit, proposal_id, form, verb, at="#objections")


@post(PROPOSAL + "/comments", include_in_schema=False)
async def comment(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Comment, ask or answer."""
    form = await visit.form(CommentForm)

    async def verb() -> str:
        await comment_proposal(visit.db, actor=visit.actor, proposal_id=proposal_id, **form.fields())
        return _("C'est écrit.")

    return await _act(visit, proposal_id, form, verb, at="#discussion")


@post(PROPOSAL + "/support", include_in_schema=False)
async def support(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Support a proposal."""

    async def verb() -> str:
        await support_proposal(visit.db, actor=visit.actor, proposal_id=proposal_id)
        return _("Vous soutenez cette proposition.")

    return await _act(visit, proposal_id, await visit.form(Nothing), verb)


@post(PROPOSAL + "/unsupport", include_in_schema=False)
async def unsupport(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Take one's support back."""

    async def verb() -> str:
        await unsupport_proposal(visit.db, actor=visit.actor, proposal_id=proposal_id)
        return _("Vous ne soutenez plus cette proposition.")

    return await _act(visit, proposal_id, await visit.form(Nothing), verb)


@post(PROPOSAL + "/refer", include_in_schema=False)
async def refer(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Carry an escalated proposal to the parent circle."""

    async def verb() -> str:
        await refer_to_parent(visit.db, actor=visit.actor, proposal_id=proposal_id)
        return _("La ronde est ouverte dans le cercle parent.")

    return await _act(visit, proposal_id, await visit.form(Nothing), verb)


PAGES: Final = [
    open_draft,
    withdraw,
    advance,
    answer,
    raise_objection,
    take_back,
    set_aside,
    comment,
    support,
    unsupport,
    refer,
]
