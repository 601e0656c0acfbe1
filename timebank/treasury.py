"""The treasury: how the hours of the whole cooperative stand, for those who answer for them.

This file must never move an hour, nor show a member's balance to anyone without a mandate. All sums stay zero, so
that what members own less what they owe tells what the pot has: whoever may not see the one sees neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor, Role
from tenants.memberships import Membership
from timebank.ledger.accounts import Account, AccountKind, Unit

ACCOUNTS_ON_A_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class MemberBalance:
    """One member's hours account, in minutes."""

    membership_id: UUID
    name: str
    balance: int
    held: int
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Circulation:
    """How the cooperative's hours are spread, in minutes. ``owned`` less ``owed`` is what members have together."""

    members: int
    owned: int
    owed: int
    held: int
    pot: int


async def circulation(db: AsyncSession, *, actor: Actor) -> Circulation:
    """Add the hours accounts up, for the treasurer: what some own, what others owe, what is held, what the pot has."""
    actor.must_hold(Role.TREASURER)
    of_member = Account.kind == AccountKind.MEMBER
    row = (
        await db.execute(
            select(
                func.count().filter(of_member, Account.closed_at.is_(None)),
                func.coalesce(func.sum(Account.balance).filter(of_member, Account.balance > 0), 0),
                func.coalesce(-func.sum(Account.balance).filter(of_member, Account.balance < 0), 0),
                func.coalesce(func.sum(Account.held).filter(of_member), 0),
                func.coalesce(func.sum(Account.balance).filter(Account.kind == AccountKind.POT), 0),
            ).where(Account.tenant_id == actor.tenant_id, Account.unit == Unit.MINUTES)
        )
    ).one()
    return Circulation(members=row[0], owned=int(row[1]), owed=int(row[2]), held=int(row[3]), pot=int(row[4]))


async def member_balances(
    db: AsyncSession,
    *,
    actor: Actor,
    after: tuple[str, UUID] | None = None,
    limit: int | None = ACCOUNTS_ON_A_PAGE,
) -> Sequence[MemberBalance]:
    """Every member's hours, by name, for the treasurer; ``limit`` None reads all, for the download."""
    actor.must_hold(Role.TREASURER)
    query = (
        select(
            Membership.id, Membership.display_name, Account.balance, Account.held, Account.closed_at.is_(None)
        )
        .join(Account, and_(Account.tenant_id == Membership.tenant_id, Account.id == Membership.id))
        .where(Membership.tenant_id == actor.tenant_id)
        .order_by(Membership.display_name, Membership.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Membership.display_name, Membership.id) > tuple_(*after))
    return [MemberBalance(*row) for row in await db.execute(query)]
