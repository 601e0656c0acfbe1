"""Putting a proposal to the vote: a form with the closing time, and the way from a proposal to its vote."""

from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from governance.opening import must_open_votes
from governance.pages.votes import ClosingTime, hour_and_minute
from governance.proposal_sheets import proposal_sheet
from governance.proposal_votes import vote_of_proposal, vote_on_proposal
from tenants.platform.forms import Done, Form
from tenants.platform.words import _, current_zone
from tenants.visit import Visit

PROPOSAL_VOTE: Final = "/{cooperative:str}/proposals/{proposal_id:uuid}/vote"


class ClosingForm(msgspec.Struct, frozen=True, kw_only=True):
    """When the vote closes."""

    closes_on: date
    closes_time: ClosingTime


@get(PROPOSAL_VOTE, include_in_schema=False)
async def proposal_vote(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Lead to the vote on a proposal; where there is none, show the form that opens it."""
    found = await vote_of_proposal(visit.db, visit.actor.tenant_id, proposal_id)
    if found is not None:
        return visit.see_other(f"/{visit.slug}/votes/{found}")
    return await _form_page(visit, proposal_id, visit.blank_form(ClosingForm, closes_time="18:00"))


async def _form_page(visit: Visit, proposal_id: UUID, form: Form[ClosingForm]) -> Response[str]:
    sheet = await proposal_sheet(visit.db, actor=visit.actor, proposal_id=proposal_id)
    await must_open_votes(visit.db, visit.actor, sheet.circle.id)
    return visit.page("governance/proposal_vote.html", form=form, sheet=sheet)


@post(PROPOSAL_VOTE, include_in_schema=False)
async def put_proposal_to_vote(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Open the vote."""
    form = await visit.form(ClosingForm)

    async def work() -> Done:
        draft = form.data
        closes_at = datetime.combine(
            draft.closes_on, time(*hour_and_minute(draft.closes_time)), current_zone()
        )
        shown = await vote_on_proposal(
            visit.db, actor=visit.actor, proposal_id=proposal_id, closes_at=closes_at
        )
        return Done(
            f"/{visit.slug}/votes/{shown.vote.id}", _("Le vote est ouvert, et les votants sont prévenus.")
        )

    return await visit.submit(form, work, otherwise=lambda: _form_page(visit, proposal_id, form))


PAGES: Final = [proposal_vote, put_proposal_to_vote]
