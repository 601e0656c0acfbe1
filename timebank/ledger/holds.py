"""Holds: hours promised and not yet given.

Accepting a mission holds its hours; they are then captured (given, wholly or in part, the rest back), released
or, past their time, expired. Each ends once. This file must never write a table: holds change only through
``post_transfers``, under the locks of both accounts.

A hold is captured on the word of the payer, a mediator who is not a party, or the software; and released on
that of the payee, to whom it is a promise, of such a mediator, or of the software.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.errors import NotFound
from tenants.platform.ids import AccountId, CooperativeId, HoldId, MembershipId, TransferId
from tenants.platform.outbox import emit
from timebank.events import HoldsExpired
from timebank.ledger.transfers import Operation, Order, capture, post_transfers

EXPIRED_AT_ONCE: Final = 200


class HoldState(StrEnum):
    """Held until captured (given, wholly or in part), released (given back) or expired (given back by time)."""

    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class Hold(Base):
    """An amount promised by the debit account to the credit account. ``actor`` is on whose word."""

    __tablename__ = "holds"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "debit_account"], ["accounts.tenant_id", "accounts.id"]),
        ForeignKeyConstraint(["tenant_id", "credit_account"], ["accounts.tenant_id", "accounts.id"]),
        ForeignKeyConstraint(["tenant_id", "transfer_id"], ["transfers.tenant_id", "transfers.id"]),
        CheckConstraint("state IN ('held', 'captured', 'released', 'expired')", name="state"),
        CheckConstraint("amount > 0 AND debit_account <> credit_account", name="promises"),
        CheckConstraint("(state = 'held') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("(state = 'captured') = (transfer_id IS NOT NULL)", name="captured"),
        Index(
            "ix_holds_tenant_id_debit_account_held",
            "tenant_id",
            "debit_account",
            postgresql_where=text("state = 'held'"),
        ),
        Index(
            "ix_holds_tenant_id_expires_at_held",
            "tenant_id",
            "expires_at",
            postgresql_where=text("state = 'held'"),
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[HoldId] = mapped_column(primary_key=True)
    debit_account: Mapped[AccountId]
    credit_account: Mapped[AccountId]
    amount: Mapped[int] = mapped_column(BigInteger)
    placed_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    transfer_id: Mapped[TransferId | None]
    actor: Mapped[MembershipId | None]
    state: Mapped[HoldState] = mapped_column(server_default=text("'held'"))
    reason: Mapped[str | None]
    cause: Mapped[str | None]


async def hold_hours(
    db: AsyncSession,
    *,
    actor: Actor,
    payer_id: UUID,
    provider_id: UUID,
    minutes: int,
    reason: str | None = None,
    cause: str | None = None,
    expires_at: datetime | None = None,
    authorised_by: UUID | None = None,
) -> HoldId:
    """Keep ``minutes`` of the payer's account for the provider's; return the hold.

    It happens on the word of ``authorised_by`` (default: the actor), who must be allowed to debit the payer:
    the caller vouches that this member agreed to exactly this. Raises NotEnoughHours, AccountClosed,
    UnknownAccount, NotAllowedToDebit, SameAccount, AmountOutOfRange, NoRuleInForce.
    """
    order = Order(
        operation=Operation.HOLD,
        actor=authorised_by or actor.membership_id,
        debit=payer_id,
        credit=provider_id,
        amount=minutes,
        reason=reason,
        cause=cause,
        expires_at=expires_at,
    )
    [outcome] = await post_transfers(db, [order])
    return HoldId(outcome.granted())


async def capture_hold(
    db: AsyncSession, *, actor: Actor, hold_id: UUID, minutes: int, authorised_by: UUID | None = None
) -> TransferId:
    """Give ``minutes`` (at most what is held) to the provider and the rest back; return the transfer.

    No ceiling applies: work that was agreed is paid. Raises UnknownHold, HoldEnded, MoreThanHeld,
    NotAllowedToDebit.
    """
    word = authorised_by or actor.membership_id
    [outcome] = await post_transfers(db, [capture(hold_id=hold_id, amount=minutes, actor=word)])
    return TransferId(outcome.granted())


async def release_hold(
    db: AsyncSession, *, actor: Actor, hold_id: UUID, authorised_by: UUID | None = None
) -> None:
    """Give what is held back to the payer. Raises UnknownHold, HoldEnded, NotAllowedToDebit."""
    word = authorised_by or actor.membership_id
    [outcome] = await post_transfers(db, [Order(operation=Operation.RELEASE, actor=word, about=hold_id)])
    outcome.granted()


async def release_holds(db: AsyncSession, *, actor: Actor, hold_ids: Sequence[UUID]) -> None:
    """Release several holds in one call. The first refusal undoes all by its exception."""
    orders = [
        Order(operation=Operation.RELEASE, actor=actor.membership_id, about=hold_id) for hold_id in hold_ids
    ]
    for outcome in await post_transfers(db, orders):
        outcome.granted()


async def expire_holds(db: AsyncSession, *, actor: Actor) -> list[HoldId]:
    """Give back the holds whose time is over, at most ``EXPIRED_AT_ONCE``; return them. For the clock.

    One that somebody ends in the same moment is left to them. Emits HoldsExpired.
    """
    assert actor.is_system, "holds expire by the clock, not by a member"
    query = (
        select(Hold.id)
        .where(Hold.tenant_id == actor.tenant_id, Hold.state == HoldState.HELD, Hold.expires_at <= func.now())
        .order_by(Hold.expires_at)
        .limit(EXPIRED_AT_ONCE)
    )
    due = (await db.scalars(query)).all()
    orders = [Order(operation=Operation.EXPIRE, actor=None, about=hold_id) for hold_id in due]
    outcomes = await post_transfers(db, orders)
    expired = [HoldId(outcome.id) for outcome in outcomes if outcome.id]
    if expired:
        await emit(db, HoldsExpired(tenant_id=actor.tenant_id, holds=tuple(expired)))
    return expired


async def find_hold(db: AsyncSession, *, tenant_id: UUID, hold_id: UUID) -> Hold:
    """One hold as it stands. Raises NotFound."""
    query = select(Hold).where(Hold.tenant_id == tenant_id, Hold.id == hold_id)
    hold = (await db.scalars(query.execution_options(populate_existing=True))).one_or_none()
    if hold is None:
        raise NotFound
    return hold


async def open_holds(db: AsyncSession, *, tenant_id: UUID, account_id: UUID) -> Sequence[Hold]:
    """What an account has promised and not yet given, the oldest first."""
    query = select(Hold).where(
        Hold.tenant_id == tenant_id, Hold.debit_account == account_id, Hold.state == HoldState.HELD
    )
    return (await db.scalars(query.order_by(Hold.placed_at))).all()
