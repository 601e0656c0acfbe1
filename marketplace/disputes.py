"""Disputes: the payer contests a delivery, both tell a mediator their side, the mediator decides.

The decision posts a part of the held hours (none, some or all) and gives the rest back. A mediator who is a
party may not decide. This file must never move more than what was held, nor show a dispute to anyone but the
two parties and the mediators.

Locks: the mission first, then the accounts inside the ledger.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.agreements import AgreementState, lock_agreement, must_be_party, teammates
from marketplace.amendments import end_amendments
from marketplace.deliveries import delivery_of
from marketplace.events import DisputeDecided, MissionDisputed, StatementAdded
from marketplace.mission_states import MissionState, must_be_in
from marketplace.mission_terms import LARGEST_MINUTES
from marketplace.missions import Mission, today
from marketplace.settlements import Settling, settle
from tenants.actors import Actor, Role
from tenants.audit import record
from tenants.platform.database import Base
from tenants.platform.errors import Invalid, NotFound, Refusal
from tenants.platform.inputs import PROSE_PATTERN
from tenants.platform.outbox import emit
from tenants.platform.words import N_, _

TEXT_LENGTH: Final = 4_000
STATEMENTS_AT_MOST: Final = 5


class DisputeState(StrEnum):
    """Open until a mediator decides, or dropped because the payer confirmed after all."""

    OPEN = "open"
    DECIDED = "decided"
    DROPPED = "dropped"


class Dispute(Base):
    """One contested delivery. ``posted_minutes`` and ``decision`` are the mediator's."""

    __tablename__ = "disputes"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "agreement_id"], ["agreements.tenant_id", "agreements.id"]),
        ForeignKeyConstraint(["tenant_id", "opened_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "mediator_id"], ["memberships.tenant_id", "memberships.id"]),
        UniqueConstraint("tenant_id", "agreement_id"),
        CheckConstraint("state IN ('open', 'decided', 'dropped')", name="state"),
        CheckConstraint(f"char_length(reason) BETWEEN 1 AND {TEXT_LENGTH}", name="reason_length"),
        CheckConstraint(f"char_length(decision) BETWEEN 1 AND {TEXT_LENGTH}", name="decision_length"),
        CheckConstraint(f"posted_minutes BETWEEN 0 AND {LARGEST_MINUTES}", name="posted_minutes"),
        CheckConstraint(
            "(state = 'decided') = (mediator_id IS NOT NULL AND decision IS NOT NULL"
            " AND posted_minutes IS NOT NULL)",
            name="decided",
        ),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended"),
        Index("ix_disputes_tenant_id_mission_id", "tenant_id", "mission_id"),
        Index("ix_disputes_tenant_id_state", "tenant_id", "state", "opened_at"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    mission_id: Mapped[UUID]
    agreement_id: Mapped[UUID]
    opened_by: Mapped[UUID]
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    state: Mapped[DisputeState] = mapped_column(server_default="open")
    mediator_id: Mapped[UUID | None]
    decision: Mapped[str | None]
    posted_minutes: Mapped[int | None]
    ended_at: Mapped[datetime | None]


class DisputeStatement(Base):
    """What a party says to the mediator, read by the two parties and the mediators."""

    __tablename__ = "dispute_statements"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "dispute_id"], ["disputes.tenant_id", "disputes.id"]),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(f"char_length(statement) BETWEEN 1 AND {TEXT_LENGTH}", name="length"),
        Index("ix_dispute_statements_tenant_id_dispute_id", "tenant_id", "dispute_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    dispute_id: Mapped[UUID]
    author_id: Mapped[UUID]
    statement: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LENGTH, pattern=PROSE_PATTERN)]


class DisputeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Why the payer contests the delivery."""

    reason: _Words


class StatementTerms(msgspec.Struct, frozen=True, kw_only=True):
    """One party's side."""

    statement: _Words


class DecisionTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the mediator decides: how many of the held minutes are posted, and why."""

    posted_minutes: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_MINUTES, extra={"entry": "minutes"})]
    decision: _Words


class PartyMayNotDecide(Refusal):
    """The mediator is one of the two, or of the team."""

    status = 403
    code = "party_may_not_decide"
    message = N_("Vous prenez part à cette mission : une autre médiation doit décider.")


class MoreThanHeld(Refusal):
    """The decision would post more than what was held."""

    status = 422
    code = "more_than_held"
    message = N_("Au plus {held_minutes} : ce sont les heures réservées.")
    default_field = "posted_minutes"


class EnoughSaid(Refusal):
    """The party has used up their statements."""

    status = 409
    code = "enough_said"
    message = N_("Vous avez déjà écrit {most} fois : c'est maintenant à la médiation de décider.")
    default_field = "statement"


async def dispute_delivery(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: DisputeTerms
) -> Dispute:
    """Contest a delivery: the hours stay held until a mediator decides. The payer alone."""
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    actor.must_be(agreement.payer_id)
    must_be_in(mission.state, MissionState.DELIVERED)
    reason = _said(terms.reason, "reason")
    clock = await today(db, tenant_id=actor.tenant_id)
    dispute = Dispute(
        tenant_id=actor.tenant_id,
        mission_id=mission.id,
        agreement_id=agreement.id,
        opened_by=agreement.payer_id,
        reason=reason,
        opened_at=clock.now,
        state=DisputeState.OPEN,
    )
    db.add(dispute)
    mission.state = MissionState.DISPUTED
    mission.changed_at = clock.now
    await db.flush()
    await end_amendments(db, agreement_ids=[agreement.id])
    await emit(
        db,
        MissionDisputed(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            dispute_id=dispute.id,
            payer_id=agreement.payer_id,
            provider_id=agreement.provider_id,
            team=await teammates(db, agreement),
        ),
    )
    await record(db, actor=actor, action="marketplace:delivery:disputed", subject_id=mission.id)
    return dispute


async def add_statement(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: StatementTerms
) -> DisputeStatement:
    """Tell the mediator one's side, up to ``STATEMENTS_AT_MOST`` times. Either party, and who worked in the team."""
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    team = await teammates(db, agreement)
    by = actor.member if actor.membership_id in team else must_be_party(actor, agreement)
    must_be_in(mission.state, MissionState.DISPUTED)
    dispute = await open_dispute(db, mission=mission)
    said = await db.scalar(
        select(func.count())
        .select_from(DisputeStatement)
        .where(
            DisputeStatement.tenant_id == actor.tenant_id,
            DisputeStatement.dispute_id == dispute.id,
            DisputeStatement.author_id == by,
        )
    )
    if (said or 0) >= STATEMENTS_AT_MOST:
        raise EnoughSaid(most=STATEMENTS_AT_MOST)
    statement = DisputeStatement(
        tenant_id=actor.tenant_id,
        dispute_id=dispute.id,
        author_id=by,
        statement=_said(terms.statement, "statement"),
    )
    db.add(statement)
    await db.flush()
    await emit(
        db,
        StatementAdded(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            dispute_id=dispute.id,
            by=by,
            to=agreement.payer_id if by in team else agreement.other_party(by),
            team=tuple(one for one in team if one != by),
        ),
    )
    await record(db, actor=actor, action="marketplace:statement:added", subject_id=dispute.id)
    return statement


async def decide_dispute(
    db: AsyncSession, *, actor: Actor, mission_id: UUID, terms: DecisionTerms
) -> Dispute:
    """Decide: post a part (0 to all) of the held minutes, give the rest back. A mediator who is no party.

    A team shares what is posted, each their part.
    """
    actor.must_hold(Role.MEDIATOR)
    mission, agreement = await lock_agreement(db, actor=actor, mission_id=mission_id)
    if actor.member in {agreement.payer_id, agreement.provider_id, *await teammates(db, agreement)}:
        raise PartyMayNotDecide
    must_be_in(mission.state, MissionState.DISPUTED)
    if terms.posted_minutes > agreement.agreed_minutes:
        raise MoreThanHeld(held_minutes=agreement.agreed_minutes)
    decision = _said(terms.decision, "decision")
    dispute = await open_dispute(db, mission=mission)
    [posted] = await settle(
        db, [Settling(agreement=agreement, minutes=terms.posted_minutes, actor_id=actor.member)]
    )
    clock = await today(db, tenant_id=actor.tenant_id)
    delivery = await delivery_of(db, agreement=agreement)
    delivery.posted_minutes = terms.posted_minutes
    dispute.state = DisputeState.DECIDED
    dispute.mediator_id = actor.member
    dispute.decision = decision
    dispute.posted_minutes = terms.posted_minutes
    agreement.state = AgreementState.DONE
    mission.state = MissionState.MEDIATED
    dispute.ended_at = agreement.ended_at = mission.ended_at = mission.changed_at = clock.now
    await db.flush()
    await emit(
        db,
        DisputeDecided(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            dispute_id=dispute.id,
            payer_id=agreement.payer_id,
            provider_id=agreement.provider_id,
            posted_minutes=terms.posted_minutes,
            settled_on=clock.day,
            posted=posted,
        ),
    )
    await record(
        db,
        actor=actor,
        action="marketplace:dispute:decided",
        subject_id=dispute.id,
        facts={"posted_minutes": terms.posted_minutes, "held_minutes": agreement.agreed_minutes},
    )
    return dispute


async def open_dispute(db: AsyncSession, *, mission: Mission) -> Dispute:
    """Return the open dispute of a mission. The caller holds the mission's lock."""
    dispute = await db.scalar(
        select(Dispute)
        .where(
            Dispute.tenant_id == mission.tenant_id,
            Dispute.mission_id == mission.id,
            Dispute.state == DisputeState.OPEN,
        )
        .execution_options(populate_existing=True)
    )
    if dispute is None:
        raise NotFound
    return dispute


def _said(typed: str, field: str) -> str:
    if not (said := typed.strip()):
        raise Invalid({field: _("Ce champ est nécessaire.")})
    return said
