"""The page of one mission, put together: what it says, what comes next, and a form for each step.

Every step's form comes back to this same page when something is wrong with it. This file must never call a
verb.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response

from marketplace.bids import BidState, BidTerms
from marketplace.cancellations import CancellationTerms
from marketplace.deliveries import DeliveryTerms
from marketplace.disputes import DecisionTerms, DisputeTerms, StatementTerms
from marketplace.dossiers import Reader, mission_dossier
from marketplace.mission_details import BidDetail, MissionDetail
from marketplace.mission_states import STATE_NAMES
from marketplace.mission_terms import LARGEST_MINUTES, PLACE_TITLES
from marketplace.ownership import CLAUSES
from marketplace.team_words import ENDING_TONES, ENDINGS, change_sentence, remainder_sentence
from marketplace.teams import PartState
from marketplace.timelines import happenings, stages
from tenants.actors import Role
from tenants.platform.forms import Form
from tenants.platform.words import duration
from tenants.visit import Visit

STATE_TONES = {
    "open": "accent",
    "settled": "good",
    "mediated": "good",
    "disputed": "bad",
    "delivered": "warn",
}


class ConfirmationForm(msgspec.Struct, frozen=True, kw_only=True):
    """The payer's confirmation: the tick consents to exactly the number that the page showed."""

    accept_extra: bool = False
    extra_minutes: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_MINUTES)] = 0


FORMS: dict[str, type[msgspec.Struct]] = {
    "bid": BidTerms,
    "deliver": DeliveryTerms,
    "confirm": ConfirmationForm,
    "dispute": DisputeTerms,
    "statement": StatementTerms,
    "decision": DecisionTerms,
    "stop": CancellationTerms,
}


def reader_of(visit: Visit) -> Reader:
    """Return who looks at a page."""
    if visit.member is None:
        return Reader()
    return Reader(membership_id=visit.member.id, is_mediator=visit.holds(Role.MEDIATOR))


def path_of(visit: Visit, mission_id: UUID) -> str:
    """Return the address of a mission's page."""
    return f"/{visit.slug}/missions/{mission_id}"


async def mission_sheet(
    visit: Visit, mission_id: UUID, sent: Form[Any] | None = None, step: str = ""
) -> Response[str]:
    """Show the mission; ``sent`` is the form of ``step`` that came back with something to correct."""
    shown = await mission_dossier(
        visit.db, tenant_id=visit.here.tenant_id, reader=reader_of(visit), mission_id=mission_id
    )
    forms = {name: visit.blank_form(kind, **_proposed(visit, name, shown)) for name, kind in FORMS.items()}
    if sent is not None and step in forms:
        forms[step] = sent
    return visit.page(
        "marketplace/mission.html",
        mission=shown,
        path=path_of(visit, mission_id),
        stages=stages(shown),
        happenings=happenings(shown),
        own_bid=_own_bid(visit, shown),
        asked_bid=_asked_bid(visit, shown),
        remainders=_remainders(shown),
        changes={
            one.id: {part.member.id: change_sentence(part) for part in one.parts} for one in shown.amendments
        },
        endings=ENDINGS,
        ending_tones=ENDING_TONES,
        live_bids=[bid for bid in shown.bids if bid.state is BidState.LIVE],
        sent=forms,
        form=sent or visit.click,
        failed=step if sent is not None else "",
        state_name=STATE_NAMES[shown.state],
        state_tone=STATE_TONES.get(shown.state.value, ""),
        places=PLACE_TITLES,
        clauses=CLAUSES,
    )


def _own_bid(visit: Visit, shown: MissionDetail) -> BidDetail | None:
    if visit.member is None:
        return None
    mine = [bid for bid in shown.bids if bid.bidder.id == visit.member.id]
    return next((bid for bid in mine if bid.state in {BidState.LIVE, BidState.ACCEPTED}), None)


def _asked_bid(visit: Visit, shown: MissionDetail) -> BidDetail | None:
    """The live bid whose team the reader is asked to join."""
    if visit.member is None:
        return None
    asked = ((bid, bid.part_of(visit.member.id)) for bid in shown.bids if bid.state is BidState.LIVE)
    return next((bid for bid, part in asked if part and part.state is PartState.INVITED), None)


def _remainders(shown: MissionDetail) -> dict[UUID, str]:
    """Where the left-over minutes go, by bid and agreement."""
    said = {bid.id: remainder_sentence(bid.team) for bid in shown.bids if bid.team}
    if shown.agreement:
        said[shown.agreement.id] = remainder_sentence(shown.agreement.team)
    return said


def _proposed(visit: Visit, step: str, shown: MissionDetail) -> dict[str, str]:
    """What a form that nobody has typed in yet already says."""
    match step:
        case "bid":
            own = _own_bid(visit, shown)
            if own is None:
                return {"minutes": duration(shown.estimated_minutes)}
            return {
                "minutes": duration(own.minutes),
                "message": own.message,
                "delivery_on": own.delivery_on.isoformat() if own.delivery_on else "",
            }
        case "deliver" if shown.agreement:
            return {"spent_minutes": duration(shown.agreement.agreed_minutes)}
        case "decision" if shown.delivery:
            return {"posted_minutes": duration(shown.delivery.due_minutes)}
        case _:
            return {}
