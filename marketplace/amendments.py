"""Amendments: what would change in a running agreement (team, split, hours), and who has accepted it.

An amendment writes down both what was and what would be, so that its page can be read years later. Nothing of
the agreement changes before all concerned have accepted: ``amending`` and ``amendment_answers`` see to that. This
file must never move hours.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    and_,
    exists,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.agreements import Agreement
from marketplace.events import AmendmentEnded
from marketplace.mission_states import MissionState
from marketplace.mission_terms import LARGEST_MINUTES
from marketplace.missions import Mission, today
from marketplace.teams import SHARES_AT_MOST
from tenants.actors import Actor
from tenants.audit import record
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from timebank.ledger.statements import standing
from timebank.ledger.transfers import NotEnoughHours

REASON_LENGTH: Final = 2_000
AMENDABLE: Final = (MissionState.AGREED, MissionState.UNDER_WAY, MissionState.DELIVERED)
ANSWERED_WITHIN: Final = timedelta(days=7)


class AmendmentState(StrEnum):
    """Pending until all have accepted; else refused, taken back, out of time, or dropped with its agreement."""

    PENDING = "pending"
    APPLIED = "applied"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DROPPED = "dropped"


class Amendment(Base):
    """One proposed change. ``payer_accepted_at`` is the payer's consent; the others' are with their parts."""

    __tablename__ = "amendments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "agreement_id"], ["agreements.tenant_id", "agreements.id"]),
        ForeignKeyConstraint(["tenant_id", "proposed_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "ended_by"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(
            "state IN ('pending', 'applied', 'refused', 'withdrawn', 'expired', 'dropped')", name="state"
        ),
        CheckConstraint(f"before_minutes BETWEEN 1 AND {LARGEST_MINUTES}", name="before_minutes"),
        CheckConstraint(f"after_minutes BETWEEN 1 AND {LARGEST_MINUTES}", name="after_minutes"),
        CheckConstraint(f"char_length(reason) BETWEEN 1 AND {REASON_LENGTH}", name="reason_length"),
        CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("state <> 'applied' OR payer_accepted_at IS NOT NULL", name="payer_agrees"),
        Index(
            "uq_amendments_pending",
            "tenant_id",
            "agreement_id",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_amendments_tenant_id_expires_at",
            "tenant_id",
            "expires_at",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_amendments_tenant_id_agreement_id", "tenant_id", "agreement_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    mission_id: Mapped[UUID]
    agreement_id: Mapped[UUID]
    proposed_by: Mapped[UUID]
    reason: Mapped[str]
    before_minutes: Mapped[int]
    after_minutes: Mapped[int]
    state: Mapped[AmendmentState] = mapped_column(server_default=text("'pending'"))
    proposed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    payer_accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]


class AmendmentPart(Base):
    """What an amendment means for one member of the team. ``asked``: it waits for their consent."""

    __tablename__ = "amendment_parts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "amendment_id"], ["amendments.tenant_id", "amendments.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(
            f"before_shares BETWEEN 0 AND {SHARES_AT_MOST} AND after_shares BETWEEN 0 AND {SHARES_AT_MOST}",
            name="shares",
        ),
        CheckConstraint("before_minutes >= 0 AND after_minutes >= 0", name="minutes"),
        Index("ix_amendment_parts_tenant_id_member_id", "tenant_id", "member_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    amendment_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    before_shares: Mapped[int] = mapped_column(SmallInteger)
    after_shares: Mapped[int] = mapped_column(SmallInteger)
    before_minutes: Mapped[int]
    after_minutes: Mapped[int]
    asked: Mapped[bool]
    accepted_at: Mapped[datetime | None]


class AmendmentPending(Refusal):
    """Hours do not move while it is open what was agreed."""

    status = 409
    code = "amendment_pending"
    message = N_(
        "Une modification de l'accord attend encore des réponses : acceptez-la, refusez-la ou retirez-la d'abord."
    )


def live_amendment(agreement: Any, now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether the agreement of the row (``agreement`` is its class) has an amendment that can still be accepted."""
    return exists().where(
        Amendment.tenant_id == agreement.tenant_id,
        Amendment.agreement_id == agreement.id,
        Amendment.state == AmendmentState.PENDING,
        Amendment.expires_at > now,
    )


def asked_of(agreement: Any, member_id: UUID) -> ColumnElement[bool]:
    """Whether a live amendment of the agreement of the row waits for this member's consent."""
    own = exists().where(
        AmendmentPart.tenant_id == Amendment.tenant_id,
        AmendmentPart.amendment_id == Amendment.id,
        AmendmentPart.member_id == member_id,
        AmendmentPart.asked,
        AmendmentPart.accepted_at.is_(None),
    )
    return exists().where(
        Amendment.tenant_id == agreement.tenant_id,
        Amendment.agreement_id == agreement.id,
        Amendment.state == AmendmentState.PENDING,
        Amendment.expires_at > func.now(),
        or_(and_(agreement.payer_id == member_id, Amendment.payer_accepted_at.is_(None)), own),
    )


def may_join(agreement: Any, member_id: UUID) -> ColumnElement[bool]:
    """Whether a live amendment of the agreement of the row would take this member into the team."""
    return exists().where(
        Amendment.tenant_id == agreement.tenant_id,
        Amendment.agreement_id == agreement.id,
        Amendment.state == AmendmentState.PENDING,
        Amendment.expires_at > func.now(),
        AmendmentPart.tenant_id == Amendment.tenant_id,
        AmendmentPart.amendment_id == Amendment.id,
        AmendmentPart.member_id == member_id,
        AmendmentPart.after_shares > 0,
    )


async def must_not_be_amended(db: AsyncSession, *, agreement: Agreement) -> None:
    """Refuse while an amendment may still be accepted; end one whose time is over. Under the mission's lock."""
    live = await db.scalar(
        select(Amendment.expires_at > func.clock_timestamp()).where(
            Amendment.tenant_id == agreement.tenant_id,
            Amendment.agreement_id == agreement.id,
            Amendment.state == AmendmentState.PENDING,
        )
    )
    if live:
        raise AmendmentPending
    if live is not None:
        await end_amendments(db, agreement_ids=[agreement.id])


async def end_amendments(db: AsyncSession, *, agreement_ids: Sequence[UUID]) -> None:
    """Drop what would have changed these agreements, which go another way. Under the missions' locks."""
    if agreement_ids:
        await db.execute(_END, {"tenant": db.info["tenant"], "agreements": list(agreement_ids)})


_END: Final = text(
    "UPDATE amendments SET ended_at = clock_timestamp(),"
    " state = CASE WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'dropped' END"
    " WHERE tenant_id = :tenant AND agreement_id = ANY (:agreements) AND state = 'pending'"
)


def still_asked(amendment: Amendment, agreement: Agreement, parts: Sequence[AmendmentPart]) -> set[UUID]:
    """Whose consent is still missing."""
    asked = {part.member_id for part in parts if part.asked and part.accepted_at is None}
    return asked if amendment.payer_accepted_at else asked | {agreement.payer_id}


async def parts_of(db: AsyncSession, amendment: Amendment) -> Sequence[AmendmentPart]:
    """What an amendment means for each member."""
    query = select(AmendmentPart).where(
        AmendmentPart.tenant_id == amendment.tenant_id, AmendmentPart.amendment_id == amendment.id
    )
    return (await db.scalars(query.execution_options(populate_existing=True))).all()


async def must_afford(db: AsyncSession, actor: Actor, agreement: Agreement, minutes: int) -> None:
    """Tell a payer now that they lack the hours, rather than whoever accepts last."""
    more = minutes - agreement.agreed_minutes
    if more <= 0:
        return
    stands = await standing(db, actor=actor, account_id=agreement.payer_id)
    left = stands.left or 0
    if more > left:
        raise NotEnoughHours("agreed_minutes", short_minutes=more - left, left_minutes=left)


async def end_amendment(
    db: AsyncSession,
    actor: Actor,
    mission: Mission,
    agreement: Agreement,
    amendment: Amendment,
    parts: Sequence[AmendmentPart],
    state: AmendmentState,
) -> Amendment:
    """End it without a change."""
    clock = await today(db, tenant_id=actor.tenant_id)
    amendment.state = state
    amendment.ended_at = mission.changed_at = clock.now
    amendment.ended_by = actor.membership_id
    await db.flush()
    await emit(
        db,
        AmendmentEnded(
            tenant_id=actor.tenant_id,
            mission_id=mission.id,
            agreement_id=agreement.id,
            amendment_id=amendment.id,
            by=actor.membership_id,
            how=state.value,
            told=everybody_told(agreement, parts, actor),
        ),
    )
    await record(db, actor=actor, action=f"marketplace:amendment:{state.value}", subject_id=amendment.id)
    return amendment


def everybody_told(agreement: Agreement, parts: Sequence[AmendmentPart], actor: Actor) -> tuple[UUID, ...]:
    """Everybody concerned but whoever did it, in id order."""
    everybody = {agreement.payer_id, agreement.provider_id, *(part.member_id for part in parts)}
    return tuple(sorted(everybody - {actor.membership_id}))
