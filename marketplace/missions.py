"""Missions: what members ask of each other and offer each other, in hours.

In a request the author pays and the bidder provides; in an offer the author provides and the bidder pays.
This module holds the mission and what its author does with it; bids, agreements, deliveries and disputes
have their own. It must never move hours.

Locks: every verb on a mission, or on anything that belongs to it, first takes the mission's row FOR UPDATE
(``lock_mission``). Nothing else of the marketplace is locked after it but in that mission's own rows, then
come the accounts (inside the ledger), then the outbox and the audit trail, which only insert.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.events import MissionPosted, MissionWithdrawn
from marketplace.mission_states import MissionState, must_be_in, must_move
from marketplace.mission_terms import (
    DESCRIPTION_LENGTH,
    LARGEST_MINUTES,
    TAGS_AT_MOST,
    TITLE_LENGTH,
    MissionKind,
    MissionPlace,
    MissionTerms,
    MissionVisibility,
    PastDate,
    checked,
)
from marketplace.ownership import Ownership
from marketplace.skills import set_mission_skills
from tenants.actors import Actor
from tenants.audit import record
from tenants.cooperatives import Cooperative
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_

BID_ON: Final = ("kind", "place", "territory", "ownership")
"""The terms on which members bid: they do not change under a live bid."""

OFFERED: Final = ("title", "description")
"""In an offer the bid is also the bidder's consent to pay: what is offered does not change under it."""


class Mission(Base):
    """One mission. ``estimated_minutes`` is the author's guess; what binds is the agreement.

    ``wanted_by`` and ``expires_on`` are days on the cooperative's calendar; the last day counts.
    """

    __tablename__ = "missions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("kind IN ('request', 'offer')", name="kind"),
        CheckConstraint("place IN ('remote', 'on_site', 'either')", name="place"),
        CheckConstraint("visibility IN ('cooperative', 'ecosystem', 'public')", name="visibility"),
        CheckConstraint(
            "state IN ('draft', 'open', 'agreed', 'under_way', 'delivered', 'settled',"
            " 'withdrawn', 'expired', 'disputed', 'mediated')",
            name="state",
        ),
        CheckConstraint(
            "ownership IN ('payer', 'provider', 'shared', 'free_licence', 'nothing_to_own')",
            name="ownership",
        ),
        CheckConstraint(f"char_length(title) BETWEEN 1 AND {TITLE_LENGTH}", name="title_length"),
        CheckConstraint(
            f"char_length(description) BETWEEN 1 AND {DESCRIPTION_LENGTH}", name="description_length"
        ),
        CheckConstraint(f"estimated_minutes BETWEEN 1 AND {LARGEST_MINUTES}", name="estimated_minutes"),
        CheckConstraint(f"cardinality(tags) <= {TAGS_AT_MOST}", name="tags"),
        CheckConstraint("published_at IS NOT NULL OR state IN ('draft', 'withdrawn')", name="published"),
        Index(
            "ix_missions_list",
            "tenant_id",
            "state",
            text("COALESCE(published_at, created_at) DESC"),
            text("id DESC"),
        ),
        Index("ix_missions_tenant_id_author_id", "tenant_id", "author_id"),
        Index(
            "ix_missions_tenant_id_expires_on",
            "tenant_id",
            "expires_on",
            postgresql_where=text("state = 'open'"),
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    author_id: Mapped[UUID]
    kind: Mapped[MissionKind]
    title: Mapped[str]
    description: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    territory: Mapped[str]
    place: Mapped[MissionPlace]
    estimated_minutes: Mapped[int]
    wanted_by: Mapped[date | None]
    expires_on: Mapped[date]
    visibility: Mapped[MissionVisibility]
    ownership: Mapped[Ownership]
    state: Mapped[MissionState]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class BidsAlready(Refusal):
    """A term on which members have bid may not change under them."""

    status = 409
    code = "bids_already"
    message = N_(
        "Des membres ont déjà répondu à ces conditions : le sens, le lieu, la propriété du résultat et les "
        "mots d'une offre ne changent plus. Retirez la mission et publiez-en une nouvelle."
    )


class Today(NamedTuple):
    """The database's clock on the cooperative's calendar, and where the cooperative is."""

    now: datetime
    day: date
    territory: str


async def today(db: AsyncSession, *, tenant_id: UUID) -> Today:
    """Read the clock. Called after a lock is held, it tells the time at which the lock was granted."""
    row = (
        await db.execute(
            select(
                func.clock_timestamp(),
                text("(clock_timestamp() AT TIME ZONE cooperatives.time_zone)::date"),
                Cooperative.territory,
            ).where(Cooperative.tenant_id == tenant_id)
        )
    ).one()
    return Today(row[0], row[1], row[2])


async def lock_mission(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> Mission:
    """Take the mission's row FOR UPDATE. A draft exists for its author alone."""
    mission = await db.scalar(
        select(Mission)
        .where(Mission.tenant_id == actor.tenant_id, Mission.id == mission_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if mission is None:
        raise NotFound
    if mission.published_at is None and not actor.is_system and mission.author_id != actor.member:
        raise NotFound
    return mission


async def post_mission(
    db: AsyncSession, *, actor: Actor, terms: MissionTerms, publish: bool = True
) -> Mission:
    """Write a mission and, unless it is to stay a draft, publish it. Any member may."""
    author = actor.member
    clock = await today(db, tenant_id=actor.tenant_id)
    mission = Mission(
        tenant_id=actor.tenant_id,
        author_id=author,
        state=MissionState.OPEN if publish else MissionState.DRAFT,
        published_at=clock.now if publish else None,
        **checked(terms, day=clock.day, territory=clock.territory),
    )
    db.add(mission)
    await db.flush()
    await set_mission_skills(db, tenant_id=actor.tenant_id, mission_id=mission.id, skill_ids=terms.skills)
    if publish:
        await _tell_posted(db, actor, mission)
    return mission


async def edit_mission(db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: MissionTerms) -> Mission:
    """Change a mission that is a draft, open or expired. The author alone.

    Once members have bid, what they bid on stays: direction, place, territory and ownership, and of an offer
    also its words.
    """
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    actor.must_be(mission.author_id)
    must_be_in(mission.state, MissionState.DRAFT, MissionState.OPEN, MissionState.EXPIRED)
    clock = await today(db, tenant_id=actor.tenant_id)
    columns = checked(terms, day=clock.day, territory=clock.territory)
    bid_on = BID_ON + OFFERED if mission.kind is MissionKind.OFFER else BID_ON
    moved = any(getattr(mission, term) != columns[term] for term in bid_on)
    if moved and await live_bidders(db, mission=mission):
        raise BidsAlready
    for column, value in columns.items():
        setattr(mission, column, value)
    mission.changed_at = clock.now
    await db.flush()
    await set_mission_skills(db, tenant_id=actor.tenant_id, mission_id=mission.id, skill_ids=terms.skills)
    await record(db, actor=actor, action="marketplace:mission:edited", subject_id=mission.id)
    return mission


async def publish_mission(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> Mission:
    """Publish a draft, or publish again a mission that expired once its dates are good. The author alone."""
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    actor.must_be(mission.author_id)
    must_be_in(mission.state, MissionState.DRAFT, MissionState.EXPIRED)
    clock = await today(db, tenant_id=actor.tenant_id)
    if mission.expires_on < clock.day:
        raise PastDate("expires_on")
    mission.state = MissionState.OPEN
    mission.published_at = mission.changed_at = clock.now
    mission.ended_at = None
    await db.flush()
    await _tell_posted(db, actor, mission)
    return mission


async def withdraw_mission(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> Mission:
    """Take a mission back before anything is agreed. The author alone; live bids end with it."""
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    actor.must_be(mission.author_id)
    must_move(mission.state, MissionState.WITHDRAWN)
    bidders = await live_bidders(db, mission=mission)
    await end_mission(db, mission=mission, state=MissionState.WITHDRAWN)
    await emit(
        db,
        MissionWithdrawn(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            author_id=mission.author_id,
            bidders=tuple(bidders),
        ),
    )
    await record(db, actor=actor, action="marketplace:mission:withdrawn", subject_id=mission.id)
    return mission


async def live_bidders(db: AsyncSession, *, mission: Mission) -> Sequence[UUID]:
    """The members who have a live bid on it, in id order. The caller holds the mission's lock."""
    return (
        await db.scalars(
            text(
                "SELECT bidder_id FROM bids WHERE tenant_id = :tenant AND mission_id = :mission"
                " AND state = 'live' ORDER BY bidder_id"
            ),
            {"tenant": mission.tenant_id, "mission": mission.id},
        )
    ).all()


async def end_mission(db: AsyncSession, *, mission: Mission, state: MissionState) -> None:
    """Move an open mission (or a draft) to its end, and its live bids with it. The caller holds its lock."""
    must_move(mission.state, state)
    mission.state = state
    mission.ended_at = mission.changed_at = (await today(db, tenant_id=mission.tenant_id)).now
    await db.flush()
    await db.execute(
        text(
            "UPDATE bids SET state = 'lapsed', changed_at = now()"
            " WHERE tenant_id = :tenant AND mission_id = :mission AND state = 'live'"
        ),
        {"tenant": mission.tenant_id, "mission": mission.id},
    )


async def _tell_posted(db: AsyncSession, actor: Actor, mission: Mission) -> None:
    await emit(
        db,
        MissionPosted(tenant_id=actor.tenant_id, mission_id=mission.id, author_id=mission.author_id),
    )
    await record(db, actor=actor, action="marketplace:mission:published", subject_id=mission.id)
