"""How far a mission has come, and what happened so far, told from its dossier.

Pure: it takes what the reader may already see and puts it into order and words. This file must never read
the database, nor tell anything that is not in the dossier.
"""

from collections.abc import Sequence
from datetime import datetime

from marketplace.amendments import AmendmentState
from marketplace.bids import BidState
from marketplace.deliveries import ConfirmedBy
from marketplace.disputes import DisputeState
from marketplace.mission_details import AgreementDetail, DeliveryDetail, DisputeDetail, MissionDetail
from marketplace.mission_states import STATE_NAMES, MissionState
from marketplace.team_details import AmendmentDetail
from marketplace.team_words import amendments_told
from tenants.platform.words import _

Stage = tuple[str, str, str]
Happening = tuple[datetime, str]

_ROAD = (
    MissionState.DRAFT,
    MissionState.OPEN,
    MissionState.AGREED,
    MissionState.UNDER_WAY,
    MissionState.DELIVERED,
    MissionState.SETTLED,
)
_DISPUTED_ROAD = (*_ROAD[1:5], MissionState.DISPUTED, MissionState.MEDIATED)
_STOPS = (MissionState.WITHDRAWN, MissionState.EXPIRED)


def stages(detail: MissionDetail) -> list[Stage]:
    """Return the stages as (name, "done" | "current" | "todo" | "stopped", nothing more to say)."""
    if detail.state in _STOPS:
        before = _ROAD[:2] if detail.published_at else _ROAD[:1]
        return [*((_name(state), "done", "") for state in before), (_name(detail.state), "stopped", "")]
    road: tuple[MissionState, ...] = _DISPUTED_ROAD if detail.state in _DISPUTED_ROAD[4:] else _ROAD
    if detail.state is not MissionState.DRAFT:
        road = tuple(state for state in road if state is not MissionState.DRAFT)
    here = road.index(detail.state)
    over = here == len(road) - 1
    return [
        (_name(state), "done" if place < here or over else "current" if place == here else "todo", "")
        for place, state in enumerate(road)
    ]


def happenings(detail: MissionDetail) -> list[Happening]:
    """Return what happened, the newest first, as (moment, sentence)."""
    author = detail.author.name if detail.author else None
    told: list[Happening] = []
    if detail.published_at:
        told.append(
            (
                detail.published_at,
                _("{name} a publié la mission.", name=author) if author else _("La mission a été publiée."),
            )
        )
    for bid in detail.bids:
        told.append(
            (
                bid.created_at,
                _("{name} a proposé {bid_minutes}.", name=bid.bidder.name, bid_minutes=bid.minutes),
            )
        )
        if bid.state is BidState.WITHDRAWN:
            told.append((bid.changed_at, _("{name} a retiré sa proposition.", name=bid.bidder.name)))
    if detail.agreement:
        told += _of_agreement(detail.agreement, detail.amendments)
        told += amendments_told(detail.amendments)
    if detail.delivery and detail.agreement:
        told += _of_delivery(detail.delivery, detail.agreement)
    if detail.dispute:
        told += _of_dispute(detail.dispute)
    if detail.ended_at and detail.state in _STOPS:
        ended = {
            MissionState.WITHDRAWN: _("La mission a été retirée."),
            MissionState.EXPIRED: _("La mission a expiré."),
        }
        told.append((detail.ended_at, ended[detail.state]))
    return sorted(told, key=lambda pair: pair[0], reverse=True)


def _name(state: MissionState) -> str:
    name = _(STATE_NAMES[state])
    return name[:1].upper() + name[1:]


def _of_agreement(agreement: AgreementDetail, amendments: Sequence[AmendmentDetail]) -> list[Happening]:
    applied = [one.before_minutes for one in amendments if one.state is AmendmentState.APPLIED]
    told = [
        (
            agreement.agreed_at,
            _(
                "Accord conclu : {payer} réserve {agreed_minutes} pour {provider}.",
                payer=agreement.payer.name,
                agreed_minutes=applied[-1] if applied else agreement.agreed_minutes,
                provider=agreement.provider.name,
            ),
        )
    ]
    if agreement.started_at:
        told.append((agreement.started_at, _("{name} a commencé.", name=agreement.provider.name)))
    if agreement.cancellation_by and agreement.cancellation_at:
        told.append(
            (
                agreement.cancellation_at,
                _("{name} propose d'arrêter.", name=agreement.cancellation_by.name),
            )
        )
    return told


def _of_delivery(delivery: DeliveryDetail, agreement: AgreementDetail) -> list[Happening]:
    told = [
        (
            delivery.delivered_at,
            _(
                "{name} a livré, en {spent_minutes}.",
                name=agreement.provider.name,
                spent_minutes=delivery.spent_minutes,
            ),
        )
    ]
    if delivery.confirmed_at and delivery.posted_minutes is not None:
        sentence = (
            _(
                "{payer} a confirmé : {posted_minutes} pour {provider}.",
                payer=agreement.payer.name,
                posted_minutes=delivery.posted_minutes,
                provider=agreement.provider.name,
            )
            if delivery.confirmed_by is ConfirmedBy.PAYER
            else _(
                "Réglée sans réponse dans le délai : {posted_minutes} pour {provider}.",
                posted_minutes=delivery.posted_minutes,
                provider=agreement.provider.name,
            )
        )
        told.append((delivery.confirmed_at, sentence))
    return told


def _of_dispute(dispute: DisputeDetail) -> list[Happening]:
    told = [(dispute.opened_at, _("{name} a contesté la livraison.", name=dispute.opened_by.name))]
    told += [
        (
            statement.added_at,
            _("{name} a donné son point de vue à la médiation.", name=statement.author.name),
        )
        for statement in dispute.statements
    ]
    if dispute.state is DisputeState.DECIDED and dispute.ended_at and dispute.mediator:
        told.append(
            (
                dispute.ended_at,
                _(
                    "{name} a décidé en médiation : {posted_minutes} versées.",
                    name=dispute.mediator.name,
                    posted_minutes=dispute.posted_minutes,
                ),
            )
        )
    return told
