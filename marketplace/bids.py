"""Bids: members answer a mission with a message and their hours.

A bid never changes: changing it withdraws the old one and makes a new one in its place, so that an author
can only accept what they have read. This file must never accept a bid; that is an agreement.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.events import BidPlaced, BidWithdrawn
from marketplace.mission_states import MissionState, WrongState, must_be_in
from marketplace.mission_terms import LARGEST_MINUTES, MissionKind, PastDate
from marketplace.missions import Mission, Today, lock_mission, today
from marketplace.splits import split
from marketplace.team_terms import TeamOnRequest, TeamTerms, checked_team
from marketplace.teams import PartState, bid_parts, standing_mates, write_bid_parts
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.database import Base
from tenants.platform.errors import Invalid, NotFound, Refusal
from tenants.platform.inputs import PROSE_PATTERN, MinutesInput
from tenants.platform.outbox import emit
from tenants.platform.words import N_, _

MESSAGE_LENGTH = 4_000


class BidState(StrEnum):
    """Live until accepted, declined (another was chosen), withdrawn, replaced, or lapsed with its mission."""

    LIVE = "live"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    LAPSED = "lapsed"


class Bid(Base):
    """One answer of one member to one mission. ``delivery_on`` is the day by which they could deliver.

    ``is_team``: the bidder leads a team, whose parts are in ``teams``.
    """

    __tablename__ = "bids"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "bidder_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(
            "state IN ('live', 'accepted', 'declined', 'withdrawn', 'replaced', 'lapsed')", name="state"
        ),
        CheckConstraint(f"char_length(message) BETWEEN 1 AND {MESSAGE_LENGTH}", name="message_length"),
        CheckConstraint(f"minutes BETWEEN 1 AND {LARGEST_MINUTES}", name="minutes"),
        Index(
            "uq_bids_live",
            "tenant_id",
            "mission_id",
            "bidder_id",
            unique=True,
            postgresql_where=text("state = 'live'"),
        ),
        Index(
            "uq_bids_accepted",
            "tenant_id",
            "mission_id",
            unique=True,
            postgresql_where=text("state = 'accepted'"),
        ),
        Index("ix_bids_tenant_id_mission_id", "tenant_id", "mission_id"),
        Index("ix_bids_tenant_id_bidder_id", "tenant_id", "bidder_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    mission_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    message: Mapped[str]
    minutes: Mapped[int]
    delivery_on: Mapped[date | None]
    state: Mapped[BidState] = mapped_column(server_default="live")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    is_team: Mapped[bool] = mapped_column(server_default=text("false"))


class BidTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a bidder says: the body of the API and the fields of the form.

    ``team`` names everybody who would do the work, the bidder included; empty for a bidder alone.
    """

    message: Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_LENGTH, pattern=PROSE_PATTERN)]
    minutes: MinutesInput
    delivery_on: date | None = None
    team: TeamTerms = []


class OwnMission(Refusal):
    """An author does not bid on their own mission."""

    status = 409
    code = "own_mission"
    message = N_("C'est votre mission : attendez les réponses des autres membres.")


class BidGone(Refusal):
    """The bid was changed or taken back since the page was shown."""

    status = 409
    code = "bid_gone"
    message = N_("Cette proposition a été modifiée ou retirée entre-temps : relisez les propositions.")


async def place_bid(db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: BidTerms) -> Bid:
    """Answer an open mission; a member's earlier live bid on it is replaced. Any member but the author.

    With a team, each other member is asked to accept their part. Who had accepted the same minutes for the same
    day in the bid that this one replaces is not asked again. Raises the refusals of ``checked_team``.
    """
    bidder = actor.member
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    if mission.author_id == bidder:
        raise OwnMission
    must_be_in(mission.state, MissionState.OPEN)
    clock = await today(db, tenant_id=actor.tenant_id)
    if mission.expires_on < clock.day:
        raise WrongState(state=MissionState.EXPIRED.value)
    if terms.delivery_on is not None and terms.delivery_on < clock.day:
        raise PastDate("delivery_on")
    message = terms.message.strip()
    if not message:
        raise Invalid({"message": _("Ce champ est nécessaire.")})
    if terms.team and mission.kind is not MissionKind.REQUEST:
        raise TeamOnRequest
    team = (
        await checked_team(
            db, tenant_id=actor.tenant_id, team=terms.team, lead_id=bidder, payer_id=mission.author_id
        )
        if terms.team
        else {}
    )
    earlier = await live_bid(db, mission=mission, bidder_id=bidder)
    if earlier is not None:
        earlier.state = BidState.REPLACED
        earlier.changed_at = clock.now
        await db.flush()
    bid = Bid(
        tenant_id=actor.tenant_id,
        mission_id=mission.id,
        bidder_id=bidder,
        message=message,
        minutes=terms.minutes,
        delivery_on=terms.delivery_on,
        state=BidState.LIVE,
        is_team=len(team) > 1,
    )
    db.add(bid)
    await db.flush()
    asked = await _invite(db, mission, bid, team, earlier, clock) if bid.is_team else ()
    await emit(
        db,
        BidPlaced(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            bid_id=bid.id,
            bidder_id=bidder,
            author_id=mission.author_id,
            minutes=bid.minutes,
            replaces=earlier.id if earlier else None,
            asked=tuple(asked),
        ),
    )
    await record(
        db, actor=actor, action="marketplace:bid:placed", subject_id=bid.id, facts={"minutes": bid.minutes}
    )
    return bid


async def _invite(
    db: AsyncSession, mission: Mission, bid: Bid, team: Mapping[UUID, int], earlier: Bid | None, clock: Today
) -> list[UUID]:
    """Write the team's parts; return who is asked to accept theirs, in id order."""
    agreed = {bid.bidder_id}
    if earlier is not None and earlier.is_team and earlier.delivery_on == bid.delivery_on:
        before = await bid_parts(db, tenant_id=bid.tenant_id, bid_id=earlier.id)
        old = split(earlier.minutes, {part.member_id: part.shares for part in before}, seed=mission.id)
        new = split(bid.minutes, team, seed=mission.id)
        agreed |= {
            part.member_id
            for part in before
            if part.state is PartState.ACCEPTED
            and part.member_id in new
            and new[part.member_id].minutes == old[part.member_id].minutes
        }
    await write_bid_parts(
        db, tenant_id=bid.tenant_id, bid_id=bid.id, shares=team, agreed=agreed, now=clock.now
    )
    return sorted(set(team) - agreed)


async def withdraw_bid(db: AsyncSession, *, actor: Actor, mission_id: UUID, bid_id: UUID) -> Bid:
    """Take one's own live bid back. Another's bid does not exist for the actor."""
    bidder = actor.member
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    bid = await bid_of(db, mission=mission, bid_id=bid_id)
    if bid.bidder_id != bidder:
        raise NotFound
    if bid.state is not BidState.LIVE:
        raise BidGone
    bid.state = BidState.WITHDRAWN
    bid.changed_at = (await today(db, tenant_id=actor.tenant_id)).now
    await db.flush()
    team = await bid_parts(db, tenant_id=actor.tenant_id, bid_id=bid.id) if bid.is_team else ()
    await emit(
        db,
        BidWithdrawn(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            bid_id=bid.id,
            bidder_id=bidder,
            author_id=mission.author_id,
            team=standing_mates(team, bidder),
        ),
    )
    await record(db, actor=actor, action="marketplace:bid:withdrawn", subject_id=bid.id)
    return bid


async def live_bid(db: AsyncSession, *, mission: Mission, bidder_id: UUID) -> Bid | None:
    """Return a member's live bid on a mission. The caller holds the mission's lock."""
    return await db.scalar(
        select(Bid)
        .where(
            Bid.tenant_id == mission.tenant_id,
            Bid.mission_id == mission.id,
            Bid.bidder_id == bidder_id,
            Bid.state == BidState.LIVE,
        )
        .execution_options(populate_existing=True)
    )


async def bid_of(db: AsyncSession, *, mission: Mission, bid_id: UUID) -> Bid:
    """Return one bid of a mission, or NotFound. The caller holds the mission's lock."""
    bid = await db.scalar(
        select(Bid)
        .where(Bid.tenant_id == mission.tenant_id, Bid.mission_id == mission.id, Bid.id == bid_id)
        .execution_options(populate_existing=True)
    )
    if bid is None:
        raise NotFound
    return bid


async def decline_others(db: AsyncSession, *, mission: Mission, chosen: Bid) -> Sequence[UUID]:
    """Decline every other live bid and return their bidders. The caller holds the mission's lock."""
    return (
        await db.scalars(
            text(
                "UPDATE bids SET state = 'declined', changed_at = now() WHERE tenant_id = :tenant"
                " AND mission_id = :mission AND state = 'live' AND id <> :chosen RETURNING bidder_id"
            ),
            {"tenant": mission.tenant_id, "mission": mission.id, "chosen": chosen.id},
        )
    ).all()
