"""Deliveries: the provider says it is done and how long it took; the payer confirms; the hours move.

Delivering is the provider's confirmation, so the payer's makes both. What is posted is the time really
spent, at most the time agreed; more only with the payer's explicit consent to that very number. A payer who
says nothing for the agreed days is taken to agree, to the agreed hours at most. This file decides no dispute.

Locks: the mission first, then the accounts inside the ledger, in one call.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, and_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.agreements import Agreement, AgreementState, lock_agreement
from marketplace.amendments import end_amendments, live_amendment, must_not_be_amended
from marketplace.events import MissionDelivered, MissionSettled
from marketplace.mission_states import MissionState, must_be_in
from marketplace.mission_terms import LARGEST_MINUTES
from marketplace.missions import Mission, Today, today
from marketplace.settlements import Posted, Settling, settle
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.inputs import PROSE_PATTERN, MinutesInput
from tenants.platform.outbox import emit
from tenants.platform.words import N_

NOTE_LENGTH: Final = 4_000
SETTLED_AT_ONCE: Final = 200


class ConfirmedBy(StrEnum):
    """How a delivery came to be settled without a mediator."""

    PAYER = "payer"
    SILENCE = "silence"


class Delivery(Base):
    """What was delivered under one agreement. ``posted_minutes`` is what moved in the end, extra included."""

    __tablename__ = "deliveries"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "agreement_id"], ["agreements.tenant_id", "agreements.id"]),
        UniqueConstraint("tenant_id", "agreement_id"),
        CheckConstraint(f"spent_minutes BETWEEN 1 AND {LARGEST_MINUTES}", name="spent_minutes"),
        CheckConstraint(f"char_length(note) <= {NOTE_LENGTH}", name="note_length"),
        CheckConstraint("confirmed_by IN ('payer', 'silence')", name="confirmed_by"),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed"),
        CheckConstraint("confirmed_by IS NULL OR posted_minutes IS NOT NULL", name="confirmed_is_posted"),
        CheckConstraint(
            "extra_minutes >= 0 AND posted_minutes BETWEEN 0 AND spent_minutes", name="posted_minutes"
        ),
        Index("ix_deliveries_tenant_id_mission_id", "tenant_id", "mission_id"),
        Index(
            "ix_deliveries_tenant_id_settles_at",
            "tenant_id",
            "settles_at",
            postgresql_where=text("posted_minutes IS NULL"),
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    mission_id: Mapped[UUID]
    agreement_id: Mapped[UUID]
    spent_minutes: Mapped[int]
    note: Mapped[str]
    delivered_at: Mapped[datetime]
    settles_at: Mapped[datetime]
    confirmed_by: Mapped[ConfirmedBy | None]
    confirmed_at: Mapped[datetime | None]
    extra_minutes: Mapped[int] = mapped_column(server_default=text("0"))
    posted_minutes: Mapped[int | None]

    def due_minutes(self, agreement: Agreement) -> int:
        """What is due without any further consent: the time spent, at most the time agreed."""
        return min(self.spent_minutes, agreement.agreed_minutes)


class DeliveryTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider says on delivering."""

    spent_minutes: MinutesInput
    note: Annotated[str, msgspec.Meta(max_length=NOTE_LENGTH, pattern=PROSE_PATTERN)] = ""


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What the payer confirms. ``extra_minutes``: how much beyond the agreed hours they consent to."""

    extra_minutes: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_MINUTES)] = 0


class ExtraNotSpent(Refusal):
    """The payer would give more than the provider says to have spent."""

    status = 422
    code = "extra_not_spent"
    message = N_("Au plus {most_minutes} au-delà de ce qui était convenu : c'est le temps déclaré.")
    default_field = "extra_minutes"


async def deliver(db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: DeliveryTerms) -> Delivery:
    """Deliver, with the minutes really spent. The provider alone; a proposal to stop falls with it."""
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    actor.must_be(agreement.provider_id)
    must_be_in(mission.state, MissionState.AGREED, MissionState.UNDER_WAY)
    clock = await today(db, tenant_id=actor.tenant_id)
    delivery = Delivery(
        tenant_id=actor.tenant_id,
        mission_id=mission.id,
        agreement_id=agreement.id,
        spent_minutes=terms.spent_minutes,
        note=terms.note.strip(),
        delivered_at=clock.now,
        settles_at=clock.now + timedelta(days=agreement.silence_days),
    )
    db.add(delivery)
    mission.state = MissionState.DELIVERED
    mission.changed_at = clock.now
    agreement.cancellation_by = agreement.cancellation_at = agreement.cancellation_reason = None
    await db.flush()
    await emit(
        db,
        MissionDelivered(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            delivery_id=delivery.id,
            payer_id=agreement.payer_id,
            provider_id=agreement.provider_id,
            agreed_minutes=agreement.agreed_minutes,
            spent_minutes=delivery.spent_minutes,
            settles_at=delivery.settles_at,
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:mission:delivered",
        subject_id=mission.id,
        facts={"spent_minutes": delivery.spent_minutes},
    )
    return delivery


async def confirm_delivery(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, extra_minutes: int = 0
) -> Delivery:
    """Confirm: min(spent, agreed) is posted, the rest given back, and ``extra_minutes`` on top if consented.

    The payer alone; also while a dispute is open, which it ends. The extra is a second transfer, linked with
    the first: if the payer lacks those hours nothing is posted, and NotEnoughHours says so. A team is paid in
    the same way, each their part. Raises AmendmentPending while a change of the agreement is to be answered.
    """
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    actor.must_be(agreement.payer_id)
    must_be_in(mission.state, MissionState.DELIVERED, MissionState.DISPUTED)
    delivery = await delivery_of(db, agreement=agreement)
    await must_not_be_amended(db, agreement=agreement)
    due = delivery.due_minutes(agreement)
    if not 0 <= extra_minutes <= delivery.spent_minutes - due:
        raise ExtraNotSpent(most_minutes=delivery.spent_minutes - due)
    [posted] = await settle(
        db,
        [
            Settling(
                agreement=agreement,
                minutes=due + extra_minutes,
                extra=extra_minutes,
                actor_id=agreement.payer_id,
                title=mission.title,
            )
        ],
    )
    clock = await today(db, tenant_id=actor.tenant_id)
    if mission.state is MissionState.DISPUTED:
        await _drop_dispute(db, mission, clock)
    await _settle(
        db,
        actor,
        mission,
        agreement,
        delivery,
        clock=clock,
        by=ConfirmedBy.PAYER,
        extra_minutes=extra_minutes,
        posted=posted,
    )
    return delivery


async def settle_silent_deliveries(db: AsyncSession, *, actor: Actor) -> int:
    """Settle the deliveries on which the payer has said nothing in time; return how many. For the clock.

    One call to the ledger; at most ``SETTLED_AT_ONCE``, and none that somebody works on at this moment, nor one
    whose agreement is about to change.
    """
    assert actor.is_system, "silence is heard by the clock, not by a member"
    clock = await today(db, tenant_id=actor.tenant_id)
    found = await db.execute(
        select(Mission, Agreement, Delivery)
        .join(
            Delivery,
            and_(Delivery.tenant_id == Mission.tenant_id, Delivery.mission_id == Mission.id),
        )
        .join(
            Agreement,
            and_(Agreement.tenant_id == Delivery.tenant_id, Agreement.id == Delivery.agreement_id),
        )
        .where(
            Mission.tenant_id == actor.tenant_id,
            Mission.state == MissionState.DELIVERED,
            Agreement.state == AgreementState.ACTIVE,
            Delivery.posted_minutes.is_(None),
            Delivery.settles_at <= clock.now,
            ~live_amendment(Agreement, clock.now),
        )
        .order_by(Mission.id)
        .limit(SETTLED_AT_ONCE)
        .with_for_update(of=Mission, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    silent = [(mission, agreement, delivery) for mission, agreement, delivery in found]
    await end_amendments(db, agreement_ids=[agreement.id for _, agreement, _ in silent])
    posted = await settle(
        db,
        [
            Settling(agreement=agreement, minutes=delivery.due_minutes(agreement), actor_id=None)
            for _, agreement, delivery in silent
        ],
    )
    for (mission, agreement, delivery), got in zip(silent, posted, strict=True):
        await _settle(
            db, actor, mission, agreement, delivery, clock=clock, by=ConfirmedBy.SILENCE, posted=got
        )
    return len(silent)


async def delivery_of(db: AsyncSession, *, agreement: Agreement) -> Delivery:
    """Return the delivery made under an agreement. The caller holds the mission's lock."""
    delivery = await db.scalar(
        select(Delivery)
        .where(Delivery.tenant_id == agreement.tenant_id, Delivery.agreement_id == agreement.id)
        .execution_options(populate_existing=True)
    )
    if delivery is None:
        raise NotFound
    return delivery


async def _settle(
    db: AsyncSession,
    actor: Actor,
    mission: Mission,
    agreement: Agreement,
    delivery: Delivery,
    *,
    clock: Today,
    by: ConfirmedBy,
    posted: Posted,
    extra_minutes: int = 0,
) -> None:
    """Write that the hours have moved. The ledger has been called."""
    delivery.confirmed_by = by
    delivery.confirmed_at = agreement.ended_at = mission.ended_at = mission.changed_at = clock.now
    delivery.extra_minutes = extra_minutes
    delivery.posted_minutes = delivery.due_minutes(agreement) + extra_minutes
    agreement.state = AgreementState.DONE
    mission.state = MissionState.SETTLED
    await db.flush()
    await emit(
        db,
        MissionSettled(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            payer_id=agreement.payer_id,
            provider_id=agreement.provider_id,
            posted_minutes=delivery.posted_minutes,
            settled_on=clock.day,
            by_silence=by is ConfirmedBy.SILENCE,
            posted=posted,
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:mission:settled",
        subject_id=mission.id,
        facts={"posted_minutes": delivery.posted_minutes, "by": by.value},
    )


async def _drop_dispute(db: AsyncSession, mission: Mission, clock: Today) -> None:
    """End the open dispute of a mission that the payer confirms after all."""
    await db.execute(_DROP, {"tenant": mission.tenant_id, "mission": mission.id, "now": clock.now})


_DROP: Final = text(
    "UPDATE disputes SET state = 'dropped', ended_at = :now"
    " WHERE tenant_id = :tenant AND mission_id = :mission AND state = 'open'"
)
