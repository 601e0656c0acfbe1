"""Answers of the members who were asked into a team: each accepts or declines their own part.

What is answered is one bid as it stands: when the bidder changes it, a new bid takes its place. This file must
never change anybody's part but the actor's.

Locks: the mission, so that nobody's answer passes the client's acceptance unseen.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.bids import Bid, BidGone, BidState, bid_of
from marketplace.events import PartAccepted, PartDeclined
from marketplace.missions import Mission, lock_mission, today
from marketplace.teams import BidPart, PartState
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_


class PartAnswered(Refusal):
    """The member has said no before: only a changed bid asks them again."""

    status = 409
    code = "part_answered"
    message = N_(
        "Vous avez déjà décliné votre part : seule une nouvelle proposition peut vous la redemander."
    )


class LeadLeaves(Refusal):
    """The bidder withdraws the bid instead."""

    status = 409
    code = "lead_leaves"
    message = N_("Vous menez cette équipe : retirez la proposition, ou changez-la.")


async def accept_part(db: AsyncSession, *, actor: Actor, mission_id: UUID, bid_id: UUID) -> BidPart:
    """Accept one's own part in a live bid, once. A member of its team alone."""
    mission, bid, part = await _own_part(db, actor, mission_id, bid_id)
    if part.state in {PartState.DECLINED, PartState.LEFT}:
        raise PartAnswered
    if part.state is PartState.ACCEPTED:
        return part
    part.state = PartState.ACCEPTED
    part.answered_at = (await today(db, tenant_id=actor.tenant_id)).now
    await db.flush()
    open_parts = await db.scalar(
        select(func.count())
        .select_from(BidPart)
        .where(
            BidPart.tenant_id == actor.tenant_id,
            BidPart.bid_id == bid.id,
            BidPart.state != PartState.ACCEPTED,
        )
    )
    await emit(
        db,
        PartAccepted(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            bid_id=bid.id,
            bidder_id=bid.bidder_id,
            author_id=mission.author_id,
            member_id=part.member_id,
            open_parts=open_parts or 0,
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:part:accepted",
        subject_id=bid.id,
        facts={"shares": part.shares},
    )
    return part


async def decline_part(db: AsyncSession, *, actor: Actor, mission_id: UUID, bid_id: UUID) -> BidPart:
    """Decline one's part, or leave the team after having accepted it. A member of the team who is not its lead."""
    mission, bid, part = await _own_part(db, actor, mission_id, bid_id)
    if part.member_id == bid.bidder_id:
        raise LeadLeaves
    if part.state in {PartState.DECLINED, PartState.LEFT}:
        return part
    part.state = PartState.LEFT if part.state is PartState.ACCEPTED else PartState.DECLINED
    part.answered_at = (await today(db, tenant_id=actor.tenant_id)).now
    await db.flush()
    await emit(
        db,
        PartDeclined(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            bid_id=bid.id,
            bidder_id=bid.bidder_id,
            member_id=part.member_id,
        ),
    )
    await record(db, actor=actor, action=f"marketplace:part:{part.state.value}", subject_id=bid.id)
    return part


async def _own_part(
    db: AsyncSession, actor: Actor, mission_id: UUID, bid_id: UUID
) -> tuple[Mission, Bid, BidPart]:
    """Lock the mission; return the live bid with the actor's part, or NotFound."""
    member = actor.member
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    bid = await bid_of(db, mission=mission, bid_id=bid_id)
    part = await db.scalar(
        select(BidPart)
        .where(BidPart.tenant_id == actor.tenant_id, BidPart.bid_id == bid.id, BidPart.member_id == member)
        .execution_options(populate_existing=True)
    )
    if part is None:
        raise NotFound
    if bid.state is not BidState.LIVE:
        raise BidGone
    return mission, bid, part
