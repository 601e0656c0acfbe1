"""Answering as a team, accepting one's part, and changing what was agreed: forms that each call one verb.

What is wrong is said beside its field. This file must never decide who may: the verbs do.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace import amending, amendment_answers, bids, team_answers
from marketplace.amending import AmendmentTerms
from marketplace.amendments import AMENDABLE, REASON_LENGTH
from marketplace.bids import MESSAGE_LENGTH, BidState, BidTerms
from marketplace.dossiers import mission_dossier
from marketplace.mission_details import AgreementDetail, MissionDetail
from marketplace.mission_states import MissionState, must_be_in
from marketplace.mission_terms import MissionKind
from marketplace.pages.mission_sheet import mission_sheet, path_of, reader_of
from marketplace.pages.team_rows import ROWS, TeamRows, named_team, offered_names, rows_of
from marketplace.team_terms import TeamOnRequest
from tenants.platform.errors import NotFound
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import PROSE_PATTERN, MinutesInput
from tenants.platform.words import _, duration
from tenants.visit import Visit

MISSION: Final = "/{cooperative:str}/missions/{mission_id:uuid}"


class TeamBidForm(TeamRows, frozen=True, kw_only=True):
    """A bid made with a team."""

    message: Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_LENGTH, pattern=PROSE_PATTERN)]
    minutes: MinutesInput
    delivery_on: date | None = None


class AmendmentForm(TeamRows, frozen=True, kw_only=True):
    """What the agreement would say."""

    agreed_minutes: MinutesInput
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=PROSE_PATTERN)]


# --- A bid with a team ---------------------------------------------------------------------------------------


@get(MISSION + "/team", include_in_schema=False)
async def team_bid_page(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[str]:
    """Show the form, with what one's own bid says already."""
    shown = await _shown(visit, mission_id)
    must_be_in(shown.state, MissionState.OPEN)
    if shown.kind is not MissionKind.REQUEST:
        raise TeamOnRequest
    if shown.author and shown.author.id == visit.actor.member:
        raise NotFound
    offered = await offered_names(visit, without=shown.author.id if shown.author else None)
    own = next(
        (bid for bid in shown.bids if bid.bidder.id == visit.actor.member and bid.state is BidState.LIVE),
        None,
    )
    form: Form[TeamBidForm] = Form(
        TeamBidForm,
        {
            "message": own.message if own else "",
            "minutes": duration(own.minutes if own else shown.estimated_minutes),
            "delivery_on": own.delivery_on.isoformat() if own and own.delivery_on else "",
        }
        | rows_of(own.team if own else (), visit.actor.member, offered),
    )
    return await _team_bid(visit, mission_id, form)


@post(MISSION + "/team", include_in_schema=False)
async def team_bid(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Make the bid: everybody named is asked to accept their part."""
    form = await visit.form(TeamBidForm)

    async def work() -> Done:
        typed = form.data
        terms = BidTerms(
            message=typed.message,
            minutes=typed.minutes,
            delivery_on=typed.delivery_on,
            team=await named_team(visit, typed, visit.actor.member),
        )
        placed = await bids.place_bid(visit.db, actor=visit.actor, mission_id=mission_id, terms=terms)
        notice = (
            _("Votre proposition est envoyée. Chaque personne de l'équipe est invitée à accepter sa part.")
            if placed.is_team
            else _("Votre proposition est envoyée.")
        )
        return Done(path_of(visit, mission_id), notice)

    return await visit.submit(form, work, otherwise=lambda: _team_bid(visit, mission_id, form))


async def _team_bid(visit: Visit, mission_id: UUID, form: Form[Any]) -> Response[str]:
    shown = await _shown(visit, mission_id)
    return visit.page(
        "marketplace/team_bid.html",
        form=form,
        mission=shown,
        path=path_of(visit, mission_id),
        rows=ROWS,
        offered=await offered_names(visit, without=shown.author.id if shown.author else None),
    )


@post(MISSION + "/bids/{bid_id:uuid}/part/accept", include_in_schema=False)
async def accept_part(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[Any]:
    """Accept one's part."""
    return await _act(
        visit,
        mission_id,
        lambda: team_answers.accept_part(visit.db, actor=visit.actor, mission_id=mission_id, bid_id=bid_id),
        _("Vous êtes de l'équipe."),
    )


@post(MISSION + "/bids/{bid_id:uuid}/part/decline", include_in_schema=False)
async def decline_part(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[Any]:
    """Decline one's part, or leave the team."""
    return await _act(
        visit,
        mission_id,
        lambda: team_answers.decline_part(visit.db, actor=visit.actor, mission_id=mission_id, bid_id=bid_id),
        _("C'est noté : vous n'êtes pas de cette équipe."),
    )


# --- Changing what was agreed ----------------------------------------------------------------------------------


@get(MISSION + "/amendment", include_in_schema=False)
async def amendment_page(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[str]:
    """Show the form, with what is agreed now."""
    shown, agreement = await _agreed(visit, mission_id)
    must_be_in(shown.state, *AMENDABLE)
    offered = await offered_names(visit, without=agreement.payer.id)
    form: Form[AmendmentForm] = Form(
        AmendmentForm,
        {"agreed_minutes": duration(agreement.agreed_minutes)}
        | rows_of(agreement.team, agreement.provider.id, offered),
    )
    return await _amendment(visit, mission_id, form)


@post(MISSION + "/amendments", include_in_schema=False)
async def propose_amendment(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Propose it to everybody whom it concerns."""
    form = await visit.form(AmendmentForm)

    async def work() -> Done:
        typed = form.data
        _mission, agreement = await _agreed(visit, mission_id)
        terms = AmendmentTerms(
            agreed_minutes=typed.agreed_minutes,
            reason=typed.reason,
            team=await named_team(visit, typed, agreement.provider.id),
        )
        await amending.propose_amendment(visit.db, actor=visit.actor, mission_id=mission_id, terms=terms)
        return Done(
            path_of(visit, mission_id),
            _("Votre proposition est transmise ; rien ne change tant que tous ne l'ont pas acceptée."),
        )

    return await visit.submit(form, work, otherwise=lambda: _amendment(visit, mission_id, form))


async def _amendment(visit: Visit, mission_id: UUID, form: Form[Any]) -> Response[str]:
    shown, agreement = await _agreed(visit, mission_id)
    return visit.page(
        "marketplace/amendment.html",
        form=form,
        mission=shown,
        agreement=agreement,
        path=path_of(visit, mission_id),
        rows=ROWS,
        offered=await offered_names(visit, without=agreement.payer.id),
    )


@post(MISSION + "/amendments/{amendment_id:uuid}/accept", include_in_schema=False)
async def accept_amendment(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], amendment_id: FromPath[UUID]
) -> Response[Any]:
    """Accept what it means for oneself."""
    return await _act(
        visit,
        mission_id,
        lambda: amendment_answers.accept_amendment(
            visit.db, actor=visit.actor, mission_id=mission_id, amendment_id=amendment_id
        ),
        _("Votre accord est noté."),
    )


@post(MISSION + "/amendments/{amendment_id:uuid}/refuse", include_in_schema=False)
async def refuse_amendment(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], amendment_id: FromPath[UUID]
) -> Response[Any]:
    """Refuse it."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await amendment_answers.refuse_amendment(
            visit.db, actor=visit.actor, mission_id=mission_id, amendment_id=amendment_id
        )
        return Done(
            path_of(visit, mission_id), _("La modification est refusée : l'accord reste ce qu'il est.")
        )

    return await visit.submit(form, work, otherwise=lambda: mission_sheet(visit, mission_id, form))


@post(MISSION + "/amendments/{amendment_id:uuid}/withdraw", include_in_schema=False)
async def withdraw_amendment(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], amendment_id: FromPath[UUID]
) -> Response[Any]:
    """Take it back."""
    return await _act(
        visit,
        mission_id,
        lambda: amendment_answers.withdraw_amendment(
            visit.db, actor=visit.actor, mission_id=mission_id, amendment_id=amendment_id
        ),
        _("La modification est retirée."),
    )


# --- Steps ---------------------------------------------------------------------------------------------------


async def _act(
    visit: Visit, mission_id: UUID, verb: Callable[[], Awaitable[object]], notice: str
) -> Response[Any]:
    """Do what a button says, once, and lead back to the mission."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await verb()
        return Done(path_of(visit, mission_id), notice)

    return await visit.submit(form, work, otherwise=lambda: mission_sheet(visit, mission_id, form))


async def _shown(visit: Visit, mission_id: UUID) -> MissionDetail:
    return await mission_dossier(
        visit.db, tenant_id=visit.actor.tenant_id, reader=reader_of(visit), mission_id=mission_id
    )


async def _agreed(visit: Visit, mission_id: UUID) -> tuple[MissionDetail, AgreementDetail]:
    """Return the mission and its agreement to somebody who takes part in it; to anybody else it has no form."""
    shown = await _shown(visit, mission_id)
    agreement = shown.agreement
    if agreement is None:
        raise NotFound
    if visit.actor.member not in {agreement.payer.id, agreement.provider.id} and not agreement.part_of(
        visit.actor.member
    ):
        raise NotFound
    return shown, agreement


PAGES: Final = (
    team_bid_page,
    team_bid,
    accept_part,
    decline_part,
    amendment_page,
    propose_amendment,
    accept_amendment,
    refuse_amendment,
    withdraw_amendment,
)
