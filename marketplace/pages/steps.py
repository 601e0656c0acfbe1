"""The steps of a mission as forms: each calls one verb and leads back to the mission's page.

What is wrong is said on that page, beside the field, with what was typed. This file must never decide who
may: the verbs do.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace import agreements, bids, cancellations, deliveries, disputes, missions
from marketplace.bids import BidTerms
from marketplace.cancellations import CancellationTerms
from marketplace.deliveries import DeliveryTerms
from marketplace.disputes import DecisionTerms, DisputeTerms, StatementTerms
from marketplace.pages.mission_sheet import ConfirmationForm, mission_sheet, path_of
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.words import _
from tenants.visit import Visit

MISSION: Final = "/{cooperative:str}/missions/{mission_id:uuid}"


async def _step(
    visit: Visit,
    mission_id: UUID,
    kind: type[msgspec.Struct],
    verb: Callable[[Form[Any]], Awaitable[object]],
    notice: str,
    step: str = "",
) -> Response[Any]:
    """Read the form, call the verb once, lead back to the mission; or show its page with what is wrong."""
    form: Form[Any] = await visit.form(kind)

    async def work() -> Done:
        await verb(form)
        return Done(path_of(visit, mission_id), notice)

    return await visit.submit(form, work, otherwise=lambda: mission_sheet(visit, mission_id, form, step))


@post(MISSION + "/publish", include_in_schema=False)
async def publish(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Publish a draft or an expired mission."""
    return await _step(
        visit,
        mission_id,
        Nothing,
        lambda _form: missions.publish_mission(visit.db, actor=visit.actor, mission_id=mission_id),
        _("Votre mission est publiée."),
    )


@post(MISSION + "/withdraw", include_in_schema=False)
async def withdraw(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Take one's mission back."""
    return await _step(
        visit,
        mission_id,
        Nothing,
        lambda _form: missions.withdraw_mission(visit.db, actor=visit.actor, mission_id=mission_id),
        _("Votre mission est retirée."),
    )


@post(MISSION + "/bids", include_in_schema=False)
async def bid(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Make or change one's bid."""
    return await _step(
        visit,
        mission_id,
        BidTerms,
        lambda form: bids.place_bid(visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data),
        _("Votre proposition est envoyée."),
        "bid",
    )


@post(MISSION + "/bids/{bid_id:uuid}/withdraw", include_in_schema=False)
async def withdraw_bid(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[Any]:
    """Take one's bid back."""
    return await _step(
        visit,
        mission_id,
        Nothing,
        lambda _form: bids.withdraw_bid(visit.db, actor=visit.actor, mission_id=mission_id, bid_id=bid_id),
        _("Votre proposition est retirée."),
    )


@post(MISSION + "/bids/{bid_id:uuid}/accept", include_in_schema=False)
async def accept(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], bid_id: FromPath[UUID]
) -> Response[Any]:
    """Accept a bid."""
    return await _step(
        visit,
        mission_id,
        Nothing,
        lambda _form: agreements.accept_bid(
            visit.db, actor=visit.actor, mission_id=mission_id, bid_id=bid_id
        ),
        _("L'accord est conclu et les heures sont réservées."),
    )


@post(MISSION + "/start", include_in_schema=False)
async def start(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Begin the work."""
    return await _step(
        visit,
        mission_id,
        Nothing,
        lambda _form: agreements.start_mission(visit.db, actor=visit.actor, mission_id=mission_id),
        _("C'est noté : la mission est en cours."),
    )


@post(MISSION + "/deliver", include_in_schema=False)
async def deliver(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Deliver."""
    return await _step(
        visit,
        mission_id,
        DeliveryTerms,
        lambda form: deliveries.deliver(visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data),
        _("Votre livraison est annoncée."),
        "deliver",
    )


@post(MISSION + "/confirm", include_in_schema=False)
async def confirm(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Confirm a delivery, with or without the extra time."""
    return await _step(
        visit,
        mission_id,
        ConfirmationForm,
        lambda form: deliveries.confirm_delivery(
            visit.db,
            actor=visit.actor,
            mission_id=mission_id,
            extra_minutes=form.data.extra_minutes if form.data.accept_extra else 0,
        ),
        _("La mission est réglée. Merci à vous deux !"),
        "confirm",
    )


@post(MISSION + "/dispute", include_in_schema=False)
async def dispute(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Contest a delivery."""
    return await _step(
        visit,
        mission_id,
        DisputeTerms,
        lambda form: disputes.dispute_delivery(
            visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data
        ),
        _("La médiation est prévenue. Les heures restent réservées jusqu'à sa décision."),
        "dispute",
    )


@post(MISSION + "/statements", include_in_schema=False)
async def state(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Tell the mediator one's side."""
    return await _step(
        visit,
        mission_id,
        StatementTerms,
        lambda form: disputes.add_statement(
            visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data
        ),
        _("Votre point de vue est transmis à la médiation."),
        "statement",
    )


@post(MISSION + "/decide", include_in_schema=False)
async def decide(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Decide a dispute."""
    return await _step(
        visit,
        mission_id,
        DecisionTerms,
        lambda form: disputes.decide_dispute(
            visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data
        ),
        _("Votre décision est appliquée et annoncée aux deux personnes."),
        "decision",
    )


@post(MISSION + "/stop", include_in_schema=False)
async def propose_stop(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Propose to stop."""
    return await _step(
        visit,
        mission_id,
        CancellationTerms,
        lambda form: cancellations.propose_cancellation(
            visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data
        ),
        _("Votre proposition d'arrêt est transmise ; rien ne change tant qu'elle n'est pas acceptée."),
        "stop",
    )


@post(MISSION + "/stop/accept", include_in_schema=False)
async def accept_stop(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Accept to stop."""
    return await _step(
        visit,
        mission_id,
        Nothing,
        lambda _form: cancellations.accept_cancellation(visit.db, actor=visit.actor, mission_id=mission_id),
        _("L'accord a pris fin et les heures réservées sont rendues."),
    )


@post(MISSION + "/stop/refuse", include_in_schema=False)
async def refuse_stop(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Go on."""
    return await _step(
        visit,
        mission_id,
        Nothing,
        lambda _form: cancellations.refuse_cancellation(visit.db, actor=visit.actor, mission_id=mission_id),
        _("La mission continue."),
    )
