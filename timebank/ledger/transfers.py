"""Transfers: what moved, for ever, and the one call by which anything moves.

``post_transfers`` is the Python face of the SQL function of the same name, which decides everything under
its own locks. This file must never write a table: the role ``app`` could not.

Locks: the call takes idempotency keys, then accounts, in a fixed order. A verb takes its own rows' locks
before, calls once per transaction (several orders are one call), and appends to the register after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    Uuid,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import AccountId, CooperativeId, MembershipId, TransferId
from timebank.ledger.refusals import LinkedRefused, NotEnoughHours, refusal_of

__all__ = [
    "NotEnoughHours",
    "Once",
    "Operation",
    "Order",
    "Outcome",
    "Transfer",
    "capture",
    "find_transfer",
    "post",
    "post_linked",
    "post_transfers",
    "reverse_transfer",
    "share",
]


class Transfer(Base):
    """An amount moved from the account that gives (debit) to the one that receives (credit), for ever.

    Each side carries its account's version and balance just after, so that a statement needs no sum and a
    missing or altered line shows. ``actor`` is the membership on whose word it moved, null for the software.
    Columns are ordered by width, and each index earns its place: fewer bytes on disk for each transfer.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        UniqueConstraint("tenant_id", "debit_account", "debit_version"),
        UniqueConstraint("tenant_id", "credit_account", "credit_version"),
        ForeignKeyConstraint(["tenant_id", "debit_account"], ["accounts.tenant_id", "accounts.id"]),
        ForeignKeyConstraint(["tenant_id", "credit_account"], ["accounts.tenant_id", "accounts.id"]),
        ForeignKeyConstraint(["tenant_id", "reverses"], ["transfers.tenant_id", "transfers.id"]),
        Index(
            "uq_transfers_tenant_id_reverses",
            "tenant_id",
            "reverses",
            unique=True,
            postgresql_where=text("reverses IS NOT NULL"),
        ),
        CheckConstraint("amount > 0 AND debit_account <> credit_account", name="moves"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[TransferId] = mapped_column(primary_key=True)
    debit_account: Mapped[AccountId]
    credit_account: Mapped[AccountId]
    amount: Mapped[int] = mapped_column(BigInteger)
    debit_version: Mapped[int] = mapped_column(BigInteger)
    credit_version: Mapped[int] = mapped_column(BigInteger)
    debit_balance: Mapped[int] = mapped_column(BigInteger)
    credit_balance: Mapped[int] = mapped_column(BigInteger)
    posted_at: Mapped[datetime]
    actor: Mapped[MembershipId | None]
    reverses: Mapped[TransferId | None]
    reason: Mapped[str | None]
    cause: Mapped[str | None]


# --- Orders and outcomes -----------------------------------------------------------------------------------


class Operation(StrEnum):
    """What an order asks for; ``ledger.sql`` says what each does."""

    POST = "post"
    HOLD = "hold"
    CAPTURE = "capture"
    SHARE = "share"
    RELEASE = "release"
    EXPIRE = "expire"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """An idempotency key: whose it is, for which endpoint, and the SHA-256 of the request."""

    person_id: UUID
    endpoint: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing asked of the ledger. ``amount`` is in the accounts' unit (minutes or cents).

    ``about`` is the hold to capture, release or expire, or the transfer to reverse. ``actor`` is the
    membership on whose word it happens, None for the software. Orders that share a ``group`` number must
    follow each other; they are granted together or not at all.
    """

    operation: Operation
    actor: UUID | None
    debit: UUID | None = None
    credit: UUID | None = None
    amount: int | None = None
    about: UUID | None = None
    reason: str | None = None
    cause: str | None = None
    expires_at: datetime | None = None
    id: UUID | None = None
    group: int | None = None
    once: Once | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order: ``outcome`` is posted, replayed or refused.

    ``id`` is the transfer, or the hold that was placed or given back. ``answer`` holds facts: for what was
    posted the moment, the amount, and what the giving account has left; for a refusal its code and figures.
    """

    outcome: str
    refusal: str | None
    id: UUID | None
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def error(self) -> Refusal | None:
        """The refusal as an exception that can be raised or shown, if it is one."""
        return refusal_of(self.refusal, self.answer) if self.refusal else None

    def granted(self) -> UUID:
        """The id of what was made. Raises the typed refusal."""
        if error := self.error:
            raise error
        assert self.id, "what is granted has an id"
        return self.id


def post(
    *,
    debit: UUID,
    credit: UUID,
    amount: int,
    actor: UUID | None,
    reason: str | None = None,
    cause: str | None = None,
    once: Once | None = None,
) -> Order:
    """Ask that ``debit`` gives ``amount`` to ``credit``."""
    return Order(
        operation=Operation.POST,
        actor=actor,
        debit=debit,
        credit=credit,
        amount=amount,
        reason=reason,
        cause=cause,
        once=once,
    )


def capture(
    *, hold_id: UUID, amount: int, actor: UUID | None, reason: str | None = None, cause: str | None = None
) -> Order:
    """Ask that ``amount`` of a hold is posted and the rest given back. Reason and cause default to the hold's."""
    return Order(
        operation=Operation.CAPTURE, actor=actor, about=hold_id, amount=amount, reason=reason, cause=cause
    )


def share(*, hold_id: UUID, credit: UUID, amount: int, actor: UUID | None) -> Order:
    """Ask that ``amount`` of a hold is posted to this member; what the shares of one call leave is given back."""
    return Order(operation=Operation.SHARE, actor=actor, about=hold_id, credit=credit, amount=amount)


# --- The call ----------------------------------------------------------------------------------------------

_CALL: Final = text(
    "SELECT outcome, refusal, transfer_id, answer FROM post_transfers("
    ":tenant, :operation, :id, :group, :actor, :debit, :credit, :amount, :about, :reason, :cause, :expires_at,"
    " :person, :endpoint, :key, :request_hash)"
).columns(transfer_id=Uuid(), answer=JSONB())

_COLUMNS: Final = (
    "id",
    "group",
    "actor",
    "debit",
    "credit",
    "amount",
    "about",
    "reason",
    "cause",
    "expires_at",
)


async def post_transfers(db: AsyncSession, orders: Sequence[Order]) -> list[Outcome]:
    """Put the orders to the ledger, in one round trip; the outcomes come back in order.

    Works in the cooperative for which the transaction was opened. A refusal is an outcome, not an exception:
    the other orders stand. The callers of one transaction do this once.
    """
    tenant = db.info.get("tenant")
    assert tenant, "the ledger works for one cooperative: open the transaction with tenant="
    if not orders:
        return []
    # What the session holds unwritten may be what the ledger looks for: a membership made just now.
    await db.flush()
    arrays: dict[str, Any] = {name: [getattr(order, name) for order in orders] for name in _COLUMNS}
    keys = [order.once for order in orders]
    arrays["person"] = [once and once.person_id for once in keys]
    arrays["endpoint"] = [once and once.endpoint for once in keys]
    arrays["key"] = [once and once.key for once in keys]
    arrays["request_hash"] = [once and once.request_hash for once in keys]
    # An array of nulls is said by a null, which the function passes over without looking.
    given = {name: None if all(one is None for one in values) else values for name, values in arrays.items()}
    rows = await db.execute(
        _CALL, {"tenant": tenant, "operation": [order.operation.value for order in orders], **given}
    )
    db.info["emitted"] = True
    return [Outcome(*row) for row in rows]


async def post_linked(db: AsyncSession, *, actor: Actor, orders: Sequence[Order]) -> list[UUID]:
    """Put orders that stand or fall together; return what each made. Raises the refusal that felled them.

    ``actor`` is who asks; on whose word each order happens, the order says itself.
    """
    assert actor.tenant_id == db.info.get("tenant"), "the actor belongs to another cooperative"
    outcomes = await post_transfers(db, [replace(order, group=1) for order in orders])
    for outcome in outcomes:
        if outcome.refusal and outcome.refusal != LinkedRefused.code:
            outcome.granted()
    return [outcome.granted() for outcome in outcomes]


# --- Verbs and queries -------------------------------------------------------------------------------------


async def find_transfer(db: AsyncSession, *, tenant_id: UUID, transfer_id: UUID) -> Transfer:
    """One transfer. Raises NotFound."""
    query = select(Transfer).where(Transfer.tenant_id == tenant_id, Transfer.id == transfer_id)
    transfer = (await db.scalars(query)).one_or_none()
    if transfer is None:
        raise NotFound
    return transfer


async def reverse_transfer(db: AsyncSession, *, actor: Actor, transfer_id: UUID, reason: str) -> TransferId:
    """Post a transfer back, whole and once; the original stays and the counter-transfer names it.

    The receiver may, who gives back what they got, and a treasurer who is not a party. Raises
    UnknownTransfer, AlreadyReversed, NotAllowedToDebit, and NotEnoughHours if the receiver has spent it.
    """
    order = Order(operation=Operation.REVERSE, actor=actor.membership_id, about=transfer_id, reason=reason)
    [outcome] = await post_transfers(db, [order])
    reversal = TransferId(outcome.granted())
    await audit.record(
        db,
        actor=actor,
        action="timebank:transfer:reversed",
        subject_id=transfer_id,
        facts={"by": str(reversal)},
    )
    return reversal
