"""Who is told what about missions: each event becomes notices to the people it concerns.

A notice says what happened and leads to the mission's page, where the next step is. Nobody is told what they
did themselves. This file must never decide anything, nor put a text that somebody wrote into a notice.
"""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.events import (
    AgreementCalledOff,
    AgreementLapsed,
    BidAccepted,
    BidPlaced,
    BidWithdrawn,
    CancellationProposed,
    CancellationRefused,
    DisputeDecided,
    HoldLapsing,
    MissionDelivered,
    MissionDisputed,
    MissionExpired,
    MissionSettled,
    MissionStarted,
    MissionWithdrawn,
    StatementAdded,
)
from tenants.actors import Role
from tenants.mandates import Mandate
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.words import N_

_MISSION: Final = "/missions/{mission_id}"

declare_notices(
    NoticeKind("bid_placed", N_("Un membre propose {bid_minutes} pour votre mission."), _MISSION, waits=True),
    NoticeKind(
        "bid_changed", N_("Un membre a modifié sa proposition : {bid_minutes}."), _MISSION, waits=True
    ),
    NoticeKind("bid_withdrawn", N_("Un membre a retiré sa proposition."), _MISSION, mailed=False),
    NoticeKind(
        "bid_accepted",
        N_("Votre proposition est acceptée : {agreed_minutes} sont réservées pour cette mission."),
        _MISSION,
    ),
    NoticeKind(
        "bid_declined",
        N_(
            "Une autre proposition a été choisie cette fois. Merci de la vôtre : elle reste connue de la "
            "personne qui a publié la mission."
        ),
        _MISSION,
    ),
    NoticeKind(
        "mission_withdrawn",
        N_("La mission à laquelle vous aviez répondu a été retirée. Rien n'était réservé."),
        _MISSION,
    ),
    NoticeKind(
        "mission_expired",
        N_("Votre mission a expiré. Donnez-lui de nouvelles dates pour la publier encore."),
        _MISSION,
        waits=True,
    ),
    NoticeKind(
        "mission_expired_for_bidder",
        N_("La mission à laquelle vous aviez répondu a expiré sans suite. Rien n'était réservé."),
        _MISSION,
        mailed=False,
    ),
    NoticeKind("mission_started", N_("Le travail convenu a commencé."), _MISSION, mailed=False),
    NoticeKind(
        "hold_lapsing",
        N_(
            "Sans livraison d'ici le {lapses_at}, les heures réservées seront rendues et l'accord prendra fin."
        ),
        _MISSION,
        waits=True,
    ),
    NoticeKind(
        "agreement_lapsed",
        N_("Rien n'a été livré à temps : les heures réservées sont rendues et l'accord a pris fin."),
        _MISSION,
    ),
    NoticeKind(
        "cancellation_proposed",
        N_("On vous propose d'arrêter une mission convenue."),
        _MISSION,
        waits=True,
        required=True,
    ),
    NoticeKind("cancellation_refused", N_("La mission continue : l'arrêt proposé est écarté."), _MISSION),
    NoticeKind(
        "agreement_called_off",
        N_("L'arrêt est accepté : les heures réservées sont rendues."),
        _MISSION,
    ),
    NoticeKind(
        "mission_delivered",
        N_(
            "Le travail est livré, en {spent_minutes}. Confirmez ou contestez : sans réponse, il sera réglé "
            "le {settles_at}."
        ),
        _MISSION,
        waits=True,
        required=True,
    ),
    NoticeKind(
        "mission_settled",
        N_("La livraison est confirmée : {posted_minutes} vous sont versées. Merci !"),
        _MISSION,
    ),
    NoticeKind(
        "mission_settled_by_silence",
        N_("Sans réponse dans le délai convenu, la mission est réglée : {posted_minutes}."),
        _MISSION,
    ),
    NoticeKind(
        "mission_disputed",
        N_("Votre livraison est contestée. Donnez votre point de vue : une médiation décidera."),
        _MISSION,
        waits=True,
        required=True,
    ),
    NoticeKind("dispute_to_decide", N_("Un désaccord attend une médiation."), _MISSION, waits=True),
    NoticeKind(
        "statement_added",
        N_("L'autre personne a donné son point de vue à la médiation."),
        _MISSION,
        waits=True,
    ),
    NoticeKind(
        "dispute_decided",
        N_("La médiation a décidé : {posted_minutes} sont versées, le reste est rendu."),
        _MISSION,
    ),
)


async def tell_of_bid(db: AsyncSession, event: BidPlaced) -> None:
    """Tell the author of a new or changed bid, and ask those whom the bidder would take into a team."""
    kind = "bid_changed" if event.replaces else "bid_placed"
    await _tell(db, event, {event.author_id}, kind, bid_minutes=event.minutes)
    await _tell(db, event, event.asked, "part_asked")


async def tell_of_withdrawn_bid(db: AsyncSession, event: BidWithdrawn) -> None:
    """Tell the author that a bid is gone, and those who would have worked on it."""
    await _tell(db, event, {event.author_id}, "bid_withdrawn")
    await _tell(db, event, event.team, "team_gone")


async def tell_of_accepted_bid(db: AsyncSession, event: BidAccepted) -> None:
    """Tell the chosen bidder with their team, and kindly the others."""
    await _tell(db, event, {event.bidder_id, *event.team}, "bid_accepted", agreed_minutes=event.minutes)
    await _tell(db, event, event.declined, "bid_declined")


async def tell_of_withdrawal(db: AsyncSession, event: MissionWithdrawn) -> None:
    """Tell those who had bid."""
    await _tell(db, event, event.bidders, "mission_withdrawn")


async def tell_of_expiry(db: AsyncSession, event: MissionExpired) -> None:
    """Tell the author and those who had bid."""
    await _tell(db, event, {event.author_id}, "mission_expired")
    await _tell(db, event, event.bidders, "mission_expired_for_bidder")


async def tell_of_start(db: AsyncSession, event: MissionStarted) -> None:
    """Tell the payer."""
    await _tell(db, event, {event.payer_id}, "mission_started")


async def tell_of_lapsing_hold(db: AsyncSession, event: HoldLapsing) -> None:
    """Remind both."""
    parties = {event.payer_id, event.provider_id}
    await _tell(db, event, parties, "hold_lapsing", lapses_at=event.lapses_at)


async def tell_of_lapse(db: AsyncSession, event: AgreementLapsed) -> None:
    """Tell everybody in it."""
    await _tell(db, event, {event.payer_id, event.provider_id, *event.team}, "agreement_lapsed")


async def tell_of_proposed_cancellation(db: AsyncSession, event: CancellationProposed) -> None:
    """Tell the other party."""
    await _tell(db, event, {event.to}, "cancellation_proposed")


async def tell_of_refused_cancellation(db: AsyncSession, event: CancellationRefused) -> None:
    """Tell the other party."""
    await _tell(db, event, {event.to}, "cancellation_refused")


async def tell_of_end(db: AsyncSession, event: AgreementCalledOff) -> None:
    """Tell whoever had proposed to stop, and the team."""
    await _tell(db, event, {event.to, *event.team}, "agreement_called_off")


async def tell_of_delivery(db: AsyncSession, event: MissionDelivered) -> None:
    """Tell the payer, and until when to answer."""
    await _tell(
        db,
        event,
        {event.payer_id},
        "mission_delivered",
        spent_minutes=event.spent_minutes,
        settles_at=event.settles_at,
    )


async def tell_of_settlement(db: AsyncSession, event: MissionSettled) -> None:
    """Tell each who worked what they got; after a silence, the payer too."""
    kind = "mission_settled_by_silence" if event.by_silence else "mission_settled"
    if event.by_silence:
        await _tell(db, event, {event.payer_id}, kind, posted_minutes=event.posted_minutes)
    for member_id, minutes in event.posted or ((event.provider_id, event.posted_minutes),):
        await _tell(db, event, {member_id}, kind, posted_minutes=minutes)


async def tell_of_dispute(db: AsyncSession, event: MissionDisputed) -> None:
    """Tell the provider, and the mediators who are not a party (or, where there is none, the managers)."""
    parties = {event.payer_id, event.provider_id}
    await _tell(db, event, {event.provider_id, *event.team}, "mission_disputed")
    parties |= set(event.team)
    mediators = await members_holding(db, event.tenant_id, Role.MEDIATOR) - parties
    deciding = mediators or await members_holding(db, event.tenant_id, Role.MANAGER) - parties
    await _tell(db, event, deciding, "dispute_to_decide")


async def tell_of_statement(db: AsyncSession, event: StatementAdded) -> None:
    """Tell the other party, and the team."""
    await _tell(db, event, {event.to, *event.team}, "statement_added")


async def tell_of_decision(db: AsyncSession, event: DisputeDecided) -> None:
    """Tell both, and the others of a team their own part."""
    parties = {event.payer_id, event.provider_id}
    await _tell(db, event, parties, "dispute_decided", posted_minutes=event.posted_minutes)
    for member_id, minutes in event.posted:
        if member_id not in parties:
            await _tell(db, event, {member_id}, "dispute_decided_for_team", posted_minutes=minutes)


async def _tell(db: AsyncSession, event: Any, whom: Collection[UUID], kind: str, **facts: object) -> None:
    if not whom:
        return
    await notify_members(
        db,
        tenant_id=event.tenant_id,
        membership_ids=sorted(whom),
        kind=kind,
        facts={"mission_id": event.mission_id, **facts},
    )


async def members_holding(db: AsyncSession, tenant_id: UUID, role: Role) -> set[UUID]:
    """Return the members whose mandate for this role is in force."""
    found = await db.scalars(
        select(Mandate.membership_id).where(
            Mandate.tenant_id == tenant_id,
            Mandate.role == role,
            Mandate.term.contains(func.now()),
            Mandate.ended_at.is_(None),
        )
    )
    return set(found)
