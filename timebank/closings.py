"""Closing an hours account: what becomes of the balance of a member who leaves, as the rule says.

The account is settled to zero by one transfer through the ledger's door, whose cause names the version of the rule.
This file must never end a membership: the database closes the account when that happens.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import N_
from tenants.rulebook import at
from timebank.ledger.accounts import Account, AccountKind, Unit, hours_account_of, pot_of, system_account_id
from timebank.ledger.refusals import NotEnoughHours
from timebank.ledger.transfers import Order, post, post_transfers
from timebank.rules import LEAVING_CREDIT, LEAVING_DEBT
from timebank.write_offs import end_write_offs, granted_minutes

CAUSE: Final = "leaving"


class Treatment(StrEnum):
    """What becomes of a balance. The first three are what may happen to hours, the others to a debt."""

    NOTHING = "nothing"
    TO_POT = "to_pot"
    TO_CHOICE = "to_choice"
    SPEND_FIRST = "spend_first"
    COVERED = "covered"
    REPAY_FIRST = "repay_first"
    WRITTEN_OFF = "written_off"


_CREDIT: Final = (Treatment.TO_POT, Treatment.TO_CHOICE, Treatment.SPEND_FIRST)
_DEBT: Final = (Treatment.COVERED, Treatment.REPAY_FIRST, Treatment.WRITTEN_OFF)
# What a suspended member cannot do never keeps them: their hours go to the pot, and a treasurer decides on a debt.
_SUSPENDED: Final = {
    Treatment.TO_CHOICE: Treatment.TO_POT,
    Treatment.SPEND_FIRST: Treatment.TO_POT,
    Treatment.REPAY_FIRST: Treatment.WRITTEN_OFF,
}


class SpendFirst(Refusal):
    """The rule lets nobody leave with hours."""

    code = "spend_first"
    message = N_("Il reste {balance_minutes} sur ce compte : la règle demande de partir à zéro.")


class RepayFirst(Refusal):
    """The rule lets nobody leave owing hours."""

    code = "repay_first"
    message = N_("Ce compte doit {owed_minutes} : la règle demande de les rendre avant de partir.")


class PotCannotCover(Refusal):
    """The pot has less than what is owed, and no treasurer has written it off."""

    code = "pot_cannot_cover"
    message = N_(
        "Ce compte doit {owed_minutes}, et la caisse solidaire n'a pas autant. Rendez des heures, ou "
        "demandez à la trésorerie d'effacer la dette."
    )


class WriteOffMissing(Refusal):
    """The rule asks for a treasurer's decision on what is owed, which is not there or covers less."""

    code = "write_off_missing"
    message = N_("Ce compte doit {owed_minutes} : un trésorier doit d'abord décider de les effacer.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How an account would be closed: what it holds (below zero: owes), in minutes, and what the rule says.

    ``granted`` is what a treasurer has agreed to write off, ``pot`` what the pot has, which is never told to who leaves.
    """

    balance: int
    held: int
    treatment: Treatment
    granted: int
    pot: int
    version_id: UUID

    @property
    def may_ask(self) -> bool:
        """Whether only a treasurer's decision opens the way."""
        if self.treatment is Treatment.WRITTEN_OFF:
            return self.granted < -self.balance
        return self.treatment is Treatment.COVERED and max(self.pot, self.granted) < -self.balance

    @property
    def refusal(self) -> Refusal | None:
        """Why it cannot be closed as it stands, if so."""
        owed = -self.balance
        match self.treatment:
            case Treatment.SPEND_FIRST:
                return SpendFirst(balance_minutes=self.balance)
            case Treatment.REPAY_FIRST:
                return RepayFirst(owed_minutes=owed)
            case Treatment.COVERED if max(self.pot, self.granted) < owed:
                return PotCannotCover(owed_minutes=owed)
            case Treatment.WRITTEN_OFF if self.granted < owed:
                return WriteOffMissing(owed_minutes=owed)
            case _:
                return None


async def how_it_closes(
    db: AsyncSession, *, tenant_id: UUID, membership_id: UUID, suspended: bool = False
) -> Closing:
    """What would become of this member's balance, as it stands now. Raises NotFound for who has no account.

    A ``suspended`` member can neither spend, repay nor choose: see ``_SUSPENDED``.
    """
    query = select(Account.id, Account.balance, Account.held).where(
        Account.tenant_id == tenant_id, Account.id.in_([hours_account_of(membership_id), pot_of(tenant_id)])
    )
    stand = {row.id: (row.balance, row.held) for row in await db.execute(query)}
    if hours_account_of(membership_id) not in stand:
        raise NotFound
    return await _closing(db, tenant_id, membership_id, stand, suspended=suspended)


async def _closing(
    db: AsyncSession,
    tenant_id: UUID,
    membership_id: UUID,
    stand: dict[UUID, tuple[int, int]],
    *,
    suspended: bool,
) -> Closing:
    balance, held = stand[hours_account_of(membership_id)]
    version = await at(db, rule=LEAVING_CREDIT if balance >= 0 else LEAVING_DEBT, tenant_id=tenant_id)
    treatment = (_CREDIT if balance > 0 else _DEBT)[version.value] if balance else Treatment.NOTHING
    if suspended:
        treatment = _SUSPENDED.get(treatment, treatment)
    return Closing(
        balance=balance,
        held=held,
        treatment=treatment,
        granted=await granted_minutes(db, tenant_id=tenant_id, membership_id=membership_id),
        pot=stand[pot_of(tenant_id)][0],
        version_id=version.id,
    )


_LOCK: Final = text("SELECT * FROM lock_accounts(:tenant_id, :ids)").bindparams(
    bindparam("ids", type_=ARRAY(Uuid()))
)


async def lock_for_closing(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    membership_id: UUID,
    heir_id: UUID | None = None,
    suspended: bool = False,
) -> Closing:
    """Hold every account that closing may touch until the transaction ends; return how it closes."""
    pot = pot_of(tenant_id)
    outside = system_account_id(tenant_id, AccountKind.EXTERNAL, Unit.MINUTES)
    ids = {hours_account_of(membership_id), pot, outside} | (
        {hours_account_of(heir_id)} if heir_id else set()
    )
    rows = await db.execute(_LOCK, {"tenant_id": tenant_id, "ids": sorted(ids)})
    stand = {row[0]: (row[1], row[2]) for row in rows}
    return await _closing(db, tenant_id, membership_id, stand, suspended=suspended)


async def close_account(
    db: AsyncSession, *, actor: Actor, membership_id: UUID, closing: Closing, heir_id: UUID | None = None
) -> None:
    """Bring the account to zero as the rule says; the caller holds ``lock_for_closing`` and ends the membership.

    ``heir_id`` is the member to whom the hours go where the rule leaves the choice, None for the pot. Raises
    SpendFirst, RepayFirst, PotCannotCover, WriteOffMissing, and what the ledger refuses (OverTheCeiling,
    AccountClosed, SameAccount).
    """
    if closing.refusal:
        raise closing.refusal
    if closing.treatment is not Treatment.NOTHING:
        order = await _order(db, actor, membership_id, closing, heir_id)
        try:
            [outcome] = await post_transfers(db, [order])
            outcome.granted()
        except NotEnoughHours as refused:
            raise PotCannotCover(owed_minutes=-closing.balance) from refused
    await end_write_offs(db, tenant_id=actor.tenant_id, membership_id=membership_id)
    await audit.record(
        db,
        actor=actor,
        action="timebank:account:closed",
        subject_id=membership_id,
        facts={
            "balance_minutes": closing.balance,
            "treatment": closing.treatment.value,
            "rule_version": str(closing.version_id),
        },
    )


async def _order(
    db: AsyncSession, actor: Actor, membership_id: UUID, closing: Closing, heir_id: UUID | None
) -> Order:
    """The one transfer that settles the account. The software moves what is not the member's own act."""
    own, pot = hours_account_of(membership_id), pot_of(actor.tenant_id)
    cause = f"{CAUSE}:{closing.version_id}"
    if closing.balance > 0:
        chosen = heir_id if closing.treatment is Treatment.TO_CHOICE else None
        return post(
            debit=own,
            credit=hours_account_of(chosen) if chosen else pot,
            amount=closing.balance,
            actor=actor.membership_id if actor.membership_id == membership_id else None,
            cause=cause,
        )
    source = pot
    if closing.granted >= -closing.balance:
        # What a treasurer wrote off leaves the circulation: neither the pot nor a member bears it.
        source = (
            await db.execute(
                text("SELECT open_system_account(:tenant_id, 'external', 'minutes')"),
                {"tenant_id": actor.tenant_id},
            )
        ).scalar_one()
    return post(debit=source, credit=own, amount=-closing.balance, actor=None, cause=cause)
