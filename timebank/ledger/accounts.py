"""Accounts: where hours and euros stand.

An account is read here and never written: balances move only through ``post_transfers``, and
accounts are opened and closed by the database itself when a cooperative is founded and when a
membership becomes active or ends. This file must never hold an INSERT or an UPDATE.
"""

from datetime import datetime
from enum import StrEnum
from hashlib import md5
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, UniqueConstraint, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import AccountId, CooperativeId, MembershipId
from timebank.ledger.refusals import UnknownAccount


class Unit(StrEnum):
    """What is counted. One hour is sixty minutes, whoever gives it; one euro is a hundred cents."""

    MINUTES = "minutes"
    CENTS = "cents"


class AccountKind(StrEnum):
    """Whose account it is, and by that, how low it may go and who may debit it."""

    MEMBER = "member"
    POT = "pot"
    FUND = "fund"
    RESERVE = "reserve"
    ESCROW = "escrow"
    CLEARING = "clearing"
    EXTERNAL = "external"
    OPENING = "opening"


class Account(Base):
    """One account in one unit. ``balance`` and ``held`` are in that unit; ``version`` counts its entries.

    ``fixed_floor`` is the least that ``balance - held`` may be; a member's hours have none, because
    theirs is the rule ``timebank.credit_limit_low``, and neither have clearing and external accounts.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        UniqueConstraint("tenant_id", "membership_id", "unit"),
        # Each posting weighs every CHECK of the two rows it rewrites, so they are few: what never changes
        # after opening is one, what moves is the other.
        CheckConstraint(
            "unit IN ('minutes', 'cents') AND CASE kind"
            " WHEN 'member' THEN membership_id IS NOT NULL AND (unit = 'minutes') = (fixed_floor IS NULL)"
            " AND (unit = 'cents' OR id = membership_id)"
            " WHEN 'clearing' THEN membership_id IS NULL AND fixed_floor IS NULL"
            " WHEN 'external' THEN membership_id IS NULL AND fixed_floor IS NULL"
            " WHEN 'opening' THEN membership_id IS NULL AND fixed_floor IS NULL AND unit = 'minutes'"
            " ELSE membership_id IS NULL AND fixed_floor = 0 AND kind IN ('pot', 'fund', 'reserve', 'escrow') END",
            name="kind",
        ),
        CheckConstraint(
            "held >= 0 AND version >= 0 AND (fixed_floor IS NULL OR balance - held >= fixed_floor)",
            name="floor",
        ),
        # Every posting rewrites two rows of this table: room on the page keeps the update in place.
        {"postgresql_with": {"fillfactor": "60"}},
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[AccountId] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId | None]
    balance: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    fixed_floor: Mapped[int | None] = mapped_column(BigInteger)
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    unit: Mapped[Unit]
    kind: Mapped[AccountKind]

    @property
    def available(self) -> int:
        """What is not promised: the balance less what is held. It may be below zero, down to the floor."""
        return self.balance - self.held


def system_account_id(tenant_id: UUID, kind: AccountKind, unit: Unit) -> AccountId:
    """The id of the cooperative's own account of a kind: always the same, and the same in SQL."""
    name = f"{tenant_id}:{kind.value}:{unit.value}"
    return AccountId(UUID(bytes=md5(name.encode(), usedforsecurity=False).digest()))


def pot_of(tenant_id: UUID) -> AccountId:
    """The solidarity pot, in hours, which every cooperative has from its founding."""
    return system_account_id(tenant_id, AccountKind.POT, Unit.MINUTES)


def hours_account_of(membership_id: UUID) -> AccountId:
    """A member's hours account: it bears the id of the membership."""
    return AccountId(membership_id)


async def find_account(db: AsyncSession, *, tenant_id: UUID, account_id: UUID) -> Account:
    """One account as it stands. Raises UnknownAccount."""
    query = select(Account).where(Account.tenant_id == tenant_id, Account.id == account_id)
    account = (await db.scalars(query.execution_options(populate_existing=True))).one_or_none()
    if account is None:
        raise UnknownAccount
    return account
