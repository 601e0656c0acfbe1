"""Gifts: hours given for nothing in return, to a member or to the solidarity pot, and given out of the pot.

This file must never decide whether hours may move: the ledger does, under its locks.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor, Role
from tenants.platform.errors import Refusal
from tenants.platform.ids import AccountId, TransferId
from tenants.platform.words import N_
from timebank.exchanges import REASON_LENGTH, ReasonTooLong, checked_reason
from timebank.gift_causes import GIFT, POT_GRANT
from timebank.ledger.accounts import hours_account_of, pot_of
from timebank.ledger.transfers import Once, post, post_transfers
from timebank.pot_purposes import PotPurpose

__all__ = ["GIFT", "POT_GRANT", "GrantToOneself", "give", "give_from_pot"]


class GrantToOneself(Refusal):
    """Who keeps the pot decides nothing from it in their own favour."""

    status = 403
    code = "grant_to_oneself"
    message = N_(
        "Vous ne pouvez pas vous accorder vous-même des heures de la caisse : une autre personne qui en a la "
        "charge doit le faire."
    )
    default_field = "to"


async def give(
    db: AsyncSession,
    *,
    actor: Actor,
    to: UUID | None,
    amount_minutes: int,
    message: str = "",
    idempotency: Once | None = None,
) -> TransferId:
    """Give ``amount_minutes`` of the actor's own hours to the member ``to``, or to the pot if it is None.

    A gift needs no reason; ``message`` is for the one who receives. Raises ReasonTooLong, and what the ledger
    refuses (see ``post_transfer``). The pot has no ceiling.
    """
    if len(message.strip()) > REASON_LENGTH:
        raise ReasonTooLong("message", most=REASON_LENGTH)
    order = post(
        debit=hours_account_of(actor.member),
        credit=_pot(actor) if to is None else hours_account_of(to),
        amount=amount_minutes,
        actor=actor.member,
        reason=message.strip() or None,
        cause=GIFT,
        once=idempotency,
    )
    [outcome] = await post_transfers(db, [order])
    return TransferId(outcome.granted())


async def give_from_pot(
    db: AsyncSession,
    *,
    actor: Actor,
    to: UUID,
    amount_minutes: int,
    reason: str,
    purpose: PotPurpose = PotPurpose.OTHER,
) -> TransferId:
    """Give hours of the solidarity pot to the member ``to``, for a reason that is kept. The steward's act.

    ``purpose`` is what statements show. Never to themself. Raises NotAllowed, GrantToOneself, ReasonMissing, ReasonTooLong, NotEnoughHours (the pot
    never owes), OverTheCeiling.
    """
    actor.must_hold(Role.STEWARD)
    if to == actor.member:
        raise GrantToOneself
    order = post(
        debit=_pot(actor),
        credit=hours_account_of(to),
        amount=amount_minutes,
        actor=actor.member,
        reason=checked_reason(reason),
        cause=f"{POT_GRANT}:{purpose.value}",
    )
    [outcome] = await post_transfers(db, [order])
    transfer_id = TransferId(outcome.granted())
    await audit.record(
        db,
        actor=actor,
        action="timebank:pot:granted",
        subject_id=transfer_id,
        # Whom it helped, and with how much, is in the ledger, for those who may read it there.
    )
    return transfer_id


def _pot(actor: Actor) -> AccountId:
    return pot_of(actor.tenant_id)
