"""Statements: what an account gave and received, and where it stands.

Opening + moves = closing, on every page: the balances are those the ledger wrote with each entry. A statement
is shown to the account's member and to the treasurer; what a steward sees of the pot, ``pot_statements`` says. This file
must never compute a balance that the ledger did not post, nor write anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Select, Text, Uuid, and_, column, func, or_, select, table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from tenants.actors import Actor, Role
from tenants.memberships import Membership
from tenants.platform.ids import TransferId
from timebank.ledger.accounts import Account, AccountKind, Unit, find_account
from timebank.ledger.holds import Hold, open_holds
from timebank.ledger.refusals import UnknownAccount
from timebank.ledger.transfers import Transfer
from timebank.rules import CREDIT_LIMIT_HIGH, CREDIT_LIMIT_LOW, SOFT_LIMIT

PAGE: Final = 50
# The limits of a member's hours as they are in force, in the statement that reads the account; null without a rule.
_LIMITS: Final = tuple(
    func.rule_in_force(Account.tenant_id, rule.name, func.now(), type_=JSONB)
    for rule in (CREDIT_LIMIT_LOW, CREDIT_LIMIT_HIGH, SOFT_LIMIT)
)

# The view over both sides of every transfer; ledger.sql defines it.
ENTRIES: Final = table(
    "entries",
    column("tenant_id", Uuid()),
    column("account_id", Uuid()),
    column("version", BigInteger()),
    column("amount", BigInteger()),
    column("balance", BigInteger()),
    column("counterparty_id", Uuid()),
    column("transfer_id", Uuid()),
    column("posted_at", DateTime(timezone=True)),
    column("actor", Uuid()),
    column("reverses", Uuid()),
    column("reason", Text()),
    column("cause", Text()),
)


@dataclass(frozen=True, slots=True)
class Move:
    """One line of a statement. ``amount`` is above zero when received and below when given.

    ``counterparty_name`` is None when the other side is not a member's account. ``cause`` says what kind of
    move it was: exchange, gift, pot_grant, or ``mission:<id>``.
    """

    version: int
    posted_at: datetime
    amount: int
    balance: int
    transfer_id: TransferId
    counterparty_id: UUID
    counterparty_kind: AccountKind
    counterparty_membership: UUID | None
    counterparty_name: str | None
    reason: str | None
    cause: str | None
    reverses: TransferId | None
    reversed_by: TransferId | None
    by_third_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A stretch of an account, newest move first; ``opening`` + the moves = ``closing``, in the account's unit.

    ``next_cursor`` is what to give as ``before`` to read on, None at the end.
    """

    account: Account
    opening: int
    closing: int
    moves: Sequence[Move]
    next_cursor: int | None

    @property
    def received(self) -> int:
        """The sum of what came in on this page."""
        return sum(move.amount for move in self.moves if move.amount > 0)

    @property
    def given(self) -> int:
        """The sum of what went out on this page, above zero."""
        return -sum(move.amount for move in self.moves if move.amount < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands now, in its unit.

    ``floor`` is the least that ``available`` may become and ``left`` what can still be given; both are None
    where nothing bounds the account. ``ceiling`` bounds what transfers and gifts may bring a member. ``near_limit``
    is the warning before a refusal.
    """

    account: Account
    balance: int
    held: int
    available: int
    floor: int | None
    ceiling: int | None
    left: int | None
    near_limit: bool
    holds: Sequence[Hold]


async def statement(
    db: AsyncSession,
    *,
    actor: Actor,
    account_id: UUID,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int | None = PAGE,
) -> Statement:
    """The account's moves from ``since`` (included) to ``until`` (not included), newest first.

    ``before`` is the ``next_cursor`` of the page before; ``limit`` None reads all, for exports. Raises
    UnknownAccount, also for an account that the actor may not read.
    """
    account = await _readable(db, actor=actor, account_id=account_id)
    entries = ENTRIES.c
    query = _moves(account)
    if since is not None:
        query = query.where(entries.posted_at >= since)
    if until is not None:
        query = query.where(entries.posted_at < until)
    if before is not None:
        query = query.where(entries.version < before)
    if limit is not None:
        query = query.limit(limit + 1)
    rows = (await db.execute(query)).all()
    moves = [Move(*row) for row in rows[:limit]]
    if not moves:
        balance = await _balance_before(db, account=account, moment=until, version=before)
        return Statement(account=account, opening=balance, closing=balance, moves=(), next_cursor=None)
    return Statement(
        account=account,
        opening=moves[-1].balance - moves[-1].amount,
        closing=moves[0].balance,
        moves=moves,
        next_cursor=moves[-1].version if len(rows) > len(moves) else None,
    )


async def standing(db: AsyncSession, *, actor: Actor, account_id: UUID) -> Standing:
    """Balance, holds, limits and the warning near them. Raises UnknownAccount, as ``statement`` does."""
    query = select(Account, *_LIMITS).where(Account.tenant_id == actor.tenant_id, Account.id == account_id)
    found = (await db.execute(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise UnknownAccount
    account, low, high, soft = found
    _must_read(actor, account)
    floor, ceiling, warn_below = account.fixed_floor, None, 0
    if account.kind is AccountKind.MEMBER and account.unit is Unit.MINUTES:
        # Without a rule in force the ledger refuses to debit: nothing can be given.
        floor = account.available if low is None else -low
        ceiling, warn_below = high, soft or 0
    left = None if floor is None else max(0, account.available - floor)
    return Standing(
        account=account,
        balance=account.balance,
        held=account.held,
        available=account.available,
        floor=floor,
        ceiling=ceiling,
        left=left,
        near_limit=left is not None and left < warn_below,
        holds=await open_holds(db, tenant_id=actor.tenant_id, account_id=account.id) if account.held else (),
    )


def _moves(account: Account) -> Select[Any]:
    entries, counterparty, reversal = ENTRIES.c, aliased(Account), aliased(Transfer)
    return (
        select(
            entries.version,
            entries.posted_at,
            entries.amount,
            entries.balance,
            entries.transfer_id,
            entries.counterparty_id,
            counterparty.kind,
            counterparty.membership_id,
            Membership.display_name,
            entries.reason,
            entries.cause,
            entries.reverses,
            reversal.id,
            # A delegate, or a manager with a paper: others learn no more than that.
            and_(
                entries.reverses.is_(None),
                entries.actor.not_in([entries.account_id, entries.counterparty_id]),
                or_(entries.cause == "exchange", entries.cause.startswith("paper:")),
            ),
        )
        .select_from(ENTRIES)
        .join(
            counterparty,
            and_(counterparty.tenant_id == entries.tenant_id, counterparty.id == entries.counterparty_id),
        )
        .outerjoin(
            Membership,
            and_(Membership.tenant_id == counterparty.tenant_id, Membership.id == counterparty.membership_id),
        )
        .outerjoin(
            reversal,
            and_(reversal.tenant_id == entries.tenant_id, reversal.reverses == entries.transfer_id),
        )
        .where(entries.tenant_id == account.tenant_id, entries.account_id == account.id)
        .order_by(entries.version.desc())
    )


async def _readable(db: AsyncSession, *, actor: Actor, account_id: UUID) -> Account:
    account = await find_account(db, tenant_id=actor.tenant_id, account_id=account_id)
    _must_read(actor, account)
    return account


def _must_read(actor: Actor, account: Account) -> None:
    own = account.membership_id is not None and account.membership_id == actor.membership_id
    if not (own or actor.holds(Role.TREASURER) or actor.is_system):
        raise UnknownAccount


async def _balance_before(
    db: AsyncSession, *, account: Account, moment: datetime | None, version: int | None
) -> int:
    """The balance that the last entry before a moment and a version left; zero before the first one."""
    entries = ENTRIES.c
    query = select(entries.balance).where(
        entries.tenant_id == account.tenant_id,
        entries.account_id == account.id,
    )
    if moment is not None:
        query = query.where(entries.posted_at < moment)
    if version is not None:
        query = query.where(entries.version < version)
    return (await db.execute(query.order_by(entries.version.desc()).limit(1))).scalar_one_or_none() or 0
