"""Who is told what about teams and about changes of what was agreed.

Nobody is told what they did themselves. This file must never decide anything, nor put a text that somebody wrote
into a notice.
"""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.events import (
    AmendmentAccepted,
    AmendmentApplied,
    AmendmentEnded,
    AmendmentProposed,
    PartAccepted,
    PartDeclined,
)
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.words import N_

_MISSION: Final = "/missions/{mission_id}"

declare_notices(
    NoticeKind(
        "part_asked",
        N_("On vous propose de faire une mission en équipe : acceptez votre part, ou déclinez-la."),
        _MISSION,
        waits=True,
    ),
    NoticeKind("part_accepted", N_("Un membre accepte sa part de votre équipe."), _MISSION, mailed=False),
    NoticeKind(
        "team_complete", N_("Votre équipe est complète : la proposition peut être choisie."), _MISSION
    ),
    NoticeKind(
        "team_ready",
        N_("L'équipe qui a répondu à votre mission est complète : vous pouvez la choisir."),
        _MISSION,
        waits=True,
    ),
    NoticeKind(
        "part_declined",
        N_("Un membre n'est pas de l'équipe que vous proposiez : changez votre proposition."),
        _MISSION,
        waits=True,
    ),
    NoticeKind(
        "team_gone",
        N_("La proposition de l'équipe dont vous deviez être a été retirée."),
        _MISSION,
        mailed=False,
    ),
    NoticeKind(
        "dispute_decided_for_team",
        N_("La médiation a décidé : votre part est de {posted_minutes}."),
        _MISSION,
    ),
    NoticeKind(
        "amendment_proposed",
        N_("On vous propose de changer ce qui est convenu. Répondez avant le {expires_at}."),
        _MISSION,
        waits=True,
        required=True,
    ),
    NoticeKind(
        "amendment_accepted",
        N_("Une personne accepte la modification que vous proposez ; d'autres ont encore à répondre."),
        _MISSION,
        mailed=False,
    ),
    NoticeKind(
        "amendment_applied",
        N_("L'accord a changé, avec l'accord de tous : {agreed_minutes} sont réservées."),
        _MISSION,
    ),
    NoticeKind(
        "amendment_refused", N_("La modification de l'accord est refusée : rien ne change."), _MISSION
    ),
    NoticeKind(
        "amendment_withdrawn",
        N_("La modification de l'accord est retirée : rien ne change."),
        _MISSION,
        mailed=False,
    ),
    NoticeKind(
        "amendment_expired",
        N_("La modification de l'accord n'a pas été acceptée à temps : rien ne change."),
        _MISSION,
    ),
)


async def tell_of_accepted_part(db: AsyncSession, event: PartAccepted) -> None:
    """Tell the bidder; once nobody is missing, the author too."""
    if event.open_parts:
        await _tell(db, event, {event.bidder_id}, "part_accepted")
        return
    await _tell(db, event, {event.bidder_id}, "team_complete")
    await _tell(db, event, {event.author_id}, "team_ready")


async def tell_of_declined_part(db: AsyncSession, event: PartDeclined) -> None:
    """Tell the bidder."""
    await _tell(db, event, {event.bidder_id}, "part_declined")


async def tell_of_amendment(db: AsyncSession, event: AmendmentProposed) -> None:
    """Ask those whose consent it needs."""
    await _tell(db, event, event.asked, "amendment_proposed", expires_at=event.expires_at)


async def tell_of_consent(db: AsyncSession, event: AmendmentAccepted) -> None:
    """Tell whoever proposed it."""
    await _tell(db, event, {event.to}, "amendment_accepted")


async def tell_of_change(db: AsyncSession, event: AmendmentApplied) -> None:
    """Tell everybody in it."""
    await _tell(db, event, event.told, "amendment_applied", agreed_minutes=event.agreed_minutes)


async def tell_of_no_change(db: AsyncSession, event: AmendmentEnded) -> None:
    """Tell everybody who had heard of it."""
    await _tell(db, event, event.told, f"amendment_{event.how}")


async def _tell(db: AsyncSession, event: Any, whom: Collection[UUID], kind: str, **facts: object) -> None:
    if whom:
        await notify_members(
            db,
            tenant_id=event.tenant_id,
            membership_ids=sorted(whom),
            kind=kind,
            facts={"mission_id": event.mission_id, **facts},
        )
