"""Who is told about messages, reviews, reports and invitations to bid: that there is something to read, and where.

A notice never holds what somebody wrote, nor whether a review is good. This file must never decide anything.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.correspondence import members_holding
from marketplace.events import (
    MemberInvitedToBid,
    MessageWritten,
    ReportDecided,
    ReportMade,
    ReviewsRevealed,
)
from marketplace.reviews import reveal_due_reviews
from marketplace.rounds import MissionDayBegan
from tenants.actors import Role
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.words import N_

_THREAD: Final = "/missions/{mission_id}/messages/{thread_id}"

declare_notices(
    NoticeKind("message_received", N_("Un message vous attend à propos d'une mission."), _THREAD, waits=True),
    NoticeKind(
        "reviews_revealed",
        N_("Un avis sur une mission que vous avez faite ensemble peut être lu."),
        "/missions/{mission_id}/reviews",
    ),
    NoticeKind("report_to_read", N_("Un signalement attend une médiation."), "/reports", waits=True),
    NoticeKind("report_left", N_("La médiation a lu votre signalement et n'a rien masqué."), "/notices"),
    NoticeKind("report_hid", N_("La médiation a masqué ce que vous aviez signalé."), "/notices"),
    NoticeKind(
        "own_words_hidden",
        N_(
            "La médiation a masqué quelque chose que vous aviez écrit. Demandez-lui la raison : elle l'a écrite."
        ),
        "/notices",
    ),
    NoticeKind(
        "invited_to_bid",
        N_("On vous invite à proposer vos services pour une mission."),
        "/missions/{mission_id}",
        waits=True,
    ),
)


async def tell_of_message(db: AsyncSession, event: MessageWritten) -> None:
    """Tell those who had read all until then."""
    await notify_members(
        db,
        tenant_id=event.tenant_id,
        membership_ids=sorted(event.to),
        kind="message_received",
        facts={"mission_id": event.mission_id, "thread_id": event.thread_id},
    )


async def tell_of_reviews(db: AsyncSession, event: ReviewsRevealed) -> None:
    """Tell those who were reviewed."""
    await notify_members(
        db,
        tenant_id=event.tenant_id,
        membership_ids=sorted(event.to),
        kind="reviews_revealed",
        facts={"mission_id": event.mission_id},
    )


async def tell_of_report(db: AsyncSession, event: ReportMade) -> None:
    """Tell the mediators who have no part in it."""
    deciding = await members_holding(db, event.tenant_id, Role.MEDIATOR) - {event.by, event.against}
    if deciding:
        await notify_members(
            db, tenant_id=event.tenant_id, membership_ids=sorted(deciding), kind="report_to_read", facts={}
        )


async def tell_of_report_decided(db: AsyncSession, event: ReportDecided) -> None:
    """Tell who reported, and who wrote what is now hidden."""
    kinds = {event.by: "report_hid" if event.hidden else "report_left"}
    if event.hidden:
        kinds[event.author_id] = "own_words_hidden"
    for member_id, kind in kinds.items():
        await notify_members(db, tenant_id=event.tenant_id, membership_ids=[member_id], kind=kind, facts={})


async def tell_of_invitation(db: AsyncSession, event: MemberInvitedToBid) -> None:
    """Tell the member who is asked."""
    await notify_members(
        db,
        tenant_id=event.tenant_id,
        membership_ids=[event.invited_id],
        kind="invited_to_bid",
        facts={"mission_id": event.mission_id},
    )


async def reveal_reviews(db: AsyncSession, event: MissionDayBegan) -> None:
    """Reveal the reviews whose days are over: hears MissionDayBegan."""
    await reveal_due_reviews(db, tenant_id=event.tenant_id)
