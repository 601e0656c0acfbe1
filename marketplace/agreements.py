"""Agreements: what author and bidder agreed, and the payer's hours held for it.

An agreement writes down the hours, the day, who owns the result and the rules of that day, so that a later
vote changes nothing between the two. This file must never post hours: it only holds them and gives them
back. Whose consent lies behind a hold is said at ``accept_bid``.

Locks: the mission first (see ``missions``); then, inside the ledger, the two accounts in id order.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.bids import Bid, BidGone, BidState, bid_of, decline_others
from marketplace.events import BidAccepted, MissionStarted
from marketplace.mission_states import MissionState, must_be_in
from marketplace.mission_terms import LARGEST_MINUTES, MissionKind
from marketplace.missions import Mission, Today, lock_mission, today
from marketplace.ownership import Ownership
from marketplace.rules import HOLD_EXPIRY_DAYS, SILENCE_DAYS
from marketplace.teams import agreement_shares, complete_team, write_agreement_parts
from tenants import rulebook
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from timebank.ledger.holds import hold_hours
from timebank.ledger.transfers import NotEnoughHours

REASON_LENGTH: Final = 2_000


class AgreementState(StrEnum):
    """Active while hours are held; done once they have moved; called off by both; lapsed with its hold."""

    ACTIVE = "active"
    DONE = "done"
    CALLED_OFF = "called_off"
    LAPSED = "lapsed"


class Agreement(Base):
    """What was agreed. ``silence_days`` and ``lapses_at`` follow the rules in force when it was made.

    ``is_team``: the provider leads a team, whose parts are in ``teams``. A mission that was reopened may have several, but only one that is active or done.
    """

    __tablename__ = "agreements"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "bid_id"], ["bids.tenant_id", "bids.id"]),
        ForeignKeyConstraint(["tenant_id", "payer_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "provider_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "cancellation_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "hold_id"], ["holds.tenant_id", "holds.id"]),
        CheckConstraint("state IN ('active', 'done', 'called_off', 'lapsed')", name="state"),
        CheckConstraint(
            "ownership IN ('payer', 'provider', 'shared', 'free_licence', 'nothing_to_own')",
            name="ownership",
        ),
        CheckConstraint(f"agreed_minutes BETWEEN 1 AND {LARGEST_MINUTES}", name="agreed_minutes"),
        CheckConstraint("payer_id <> provider_id", name="two_parties"),
        CheckConstraint("silence_days >= 0 AND hold_expiry_days >= 0", name="days"),
        CheckConstraint("(state = 'active') = (ended_at IS NULL)", name="ended"),
        CheckConstraint(
            "(cancellation_by IS NULL) = (cancellation_reason IS NULL)"
            " AND (cancellation_by IS NULL) = (cancellation_at IS NULL)",
            name="cancellation",
        ),
        CheckConstraint("cancellation_by IN (payer_id, provider_id)", name="cancellation_by_party"),
        CheckConstraint(
            f"char_length(cancellation_reason) BETWEEN 1 AND {REASON_LENGTH}", name="reason_length"
        ),
        Index(
            "uq_agreements_standing",
            "tenant_id",
            "mission_id",
            unique=True,
            postgresql_where=text("state IN ('active', 'done')"),
        ),
        Index("uq_agreements_tenant_id_bid_id", "tenant_id", "bid_id", unique=True),
        Index("uq_agreements_tenant_id_hold_id", "tenant_id", "hold_id", unique=True),
        Index("ix_agreements_tenant_id_payer_id", "tenant_id", "payer_id"),
        Index("ix_agreements_tenant_id_provider_id", "tenant_id", "provider_id"),
        Index(
            "ix_agreements_tenant_id_lapses_at",
            "tenant_id",
            "lapses_at",
            postgresql_where=text("state = 'active'"),
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    mission_id: Mapped[UUID]
    bid_id: Mapped[UUID]
    payer_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    hold_id: Mapped[UUID]
    agreed_minutes: Mapped[int]
    delivery_on: Mapped[date | None]
    ownership: Mapped[Ownership]
    hold_expiry_days: Mapped[int]
    silence_days: Mapped[int]
    state: Mapped[AgreementState] = mapped_column(server_default="active")
    agreed_at: Mapped[datetime]
    lapses_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    cancellation_by: Mapped[UUID | None]
    cancellation_at: Mapped[datetime | None]
    cancellation_reason: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    is_team: Mapped[bool] = mapped_column(server_default=text("false"))

    def other_party(self, membership_id: UUID) -> UUID:
        """The party that ``membership_id`` is not."""
        assert membership_id in {self.payer_id, self.provider_id}, "only a party has another party"
        return self.provider_id if membership_id == self.payer_id else self.payer_id


class PayerShort(Refusal):
    """The bidder of an offer has too few hours now. How many they have is not the author's business."""

    status = 409
    code = "not_enough_hours"
    message = N_(
        "La personne qui a répondu n'a pas assez d'heures disponibles en ce moment pour cette proposition. "
        "Elle peut en proposer moins, ou attendre d'en recevoir."
    )


async def accept_bid(db: AsyncSession, *, actor: Actor, mission_id: UUID, bid_id: UUID) -> Agreement:
    """Accept one live bid: the hours are held, the other bids are declined. The mission's author alone.

    The payer of a request is the author, who accepts. The payer of an offer is the bidder, whose bid,
    unchanged since they made it, is their consent to the hold: the ledger is told the bidder as the
    authorising member, and that is the only place where a verb acts on the word of another than its actor.

    Raises NotEnoughHours with its figures if the author is short, and PayerShort without any if the
    bidder is; TeamNotComplete while a member of the bidder's team has not accepted their part.
    """
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    actor.must_be(mission.author_id)
    must_be_in(mission.state, MissionState.OPEN)
    bid = await bid_of(db, mission=mission, bid_id=bid_id)
    if bid.state is not BidState.LIVE:
        raise BidGone
    team = await complete_team(db, tenant_id=bid.tenant_id, bid_id=bid.id) if bid.is_team else {}
    clock = await today(db, tenant_id=actor.tenant_id)
    agreement = await _draw_up(db, mission=mission, bid=bid, clock=clock)
    payer_is_author = agreement.payer_id == mission.author_id
    try:
        agreement.hold_id = await hold_hours(
            db,
            actor=actor,
            authorised_by=agreement.payer_id,
            payer_id=agreement.payer_id,
            provider_id=agreement.provider_id,
            minutes=agreement.agreed_minutes,
            reason=mission.title,
            cause=f"mission:{mission.id}",
        )
    except NotEnoughHours:
        if payer_is_author:
            raise
        raise PayerShort from None
    bid.state = BidState.ACCEPTED
    bid.changed_at = mission.changed_at = clock.now
    mission.state = MissionState.AGREED
    db.add(agreement)
    declined = await decline_others(db, mission=mission, chosen=bid)
    await db.flush()
    if team:
        await write_agreement_parts(db, tenant_id=agreement.tenant_id, agreement_id=agreement.id, shares=team)
    await emit(
        db,
        BidAccepted(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            bid_id=bid.id,
            agreement_id=agreement.id,
            author_id=mission.author_id,
            bidder_id=bid.bidder_id,
            payer_id=agreement.payer_id,
            provider_id=agreement.provider_id,
            minutes=agreement.agreed_minutes,
            declined=tuple(sorted(declined)),
            team=tuple(sorted(set(team) - {agreement.provider_id})),
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:bid:accepted",
        subject_id=agreement.id,
        facts={"bid_id": str(bid.id), "minutes": agreement.agreed_minutes},
    )
    return agreement


async def start_mission(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> Mission:
    """Say that the work has begun. The provider alone."""
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    actor.must_be(agreement.provider_id)
    must_be_in(mission.state, MissionState.AGREED)
    clock = await today(db, tenant_id=actor.tenant_id)
    mission.state = MissionState.UNDER_WAY
    mission.changed_at = agreement.started_at = clock.now
    await db.flush()
    await emit(
        db,
        MissionStarted(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            payer_id=agreement.payer_id,
            provider_id=agreement.provider_id,
        ),
    )
    await record(db, actor=actor, action="marketplace:mission:started", subject_id=mission.id)
    return mission


async def lock_agreement(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> tuple[Mission, Agreement]:
    """Lock the mission and return it with its active agreement.

    A member who is neither party nor mediator is refused by the verb; a mission without an active agreement
    refuses everyone with its state.
    """
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    agreement = await standing_agreement(db, mission=mission)
    if agreement is None:
        must_be_in(mission.state, MissionState.AGREED)
        raise NotFound
    return mission, agreement


async def standing_agreement(db: AsyncSession, *, mission: Mission) -> Agreement | None:
    """Return the agreement that is active or done, if any."""
    return await db.scalar(
        select(Agreement)
        .where(
            Agreement.tenant_id == mission.tenant_id,
            Agreement.mission_id == mission.id,
            Agreement.state.in_((AgreementState.ACTIVE, AgreementState.DONE)),
        )
        .execution_options(populate_existing=True)
    )


async def teammates(db: AsyncSession, agreement: Agreement) -> tuple[UUID, ...]:
    """Return who works with the provider, in id order; nobody, and no statement, for a team of one."""
    if not agreement.is_team:
        return ()
    shares = await agreement_shares(db, tenant_id=agreement.tenant_id, agreement_ids=[agreement.id])
    return tuple(sorted(set(shares[agreement.id]) - {agreement.provider_id}))


def must_be_party(actor: Actor, agreement: Agreement) -> UUID:
    """Refuse whoever is not one of the two; return which one it is."""
    member = actor.member
    if member not in {agreement.payer_id, agreement.provider_id}:
        raise NotAllowed
    return member


async def _draw_up(db: AsyncSession, *, mission: Mission, bid: Bid, clock: Today) -> Agreement:
    """Write down the terms: the bid's hours and day, the mission's clause, the rules in force."""
    hold_days = (await rulebook.at(db, rule=HOLD_EXPIRY_DAYS, tenant_id=mission.tenant_id)).value
    silence_days = (await rulebook.at(db, rule=SILENCE_DAYS, tenant_id=mission.tenant_id)).value
    author_pays = mission.kind is MissionKind.REQUEST
    return Agreement(
        tenant_id=mission.tenant_id,
        mission_id=mission.id,
        bid_id=bid.id,
        payer_id=mission.author_id if author_pays else bid.bidder_id,
        provider_id=bid.bidder_id if author_pays else mission.author_id,
        agreed_minutes=bid.minutes,
        delivery_on=bid.delivery_on or mission.wanted_by,
        ownership=mission.ownership,
        is_team=bid.is_team,
        hold_expiry_days=hold_days,
        silence_days=silence_days,
        state=AgreementState.ACTIVE,
        agreed_at=clock.now,
        lapses_at=clock.now + timedelta(days=hold_days),
    )
