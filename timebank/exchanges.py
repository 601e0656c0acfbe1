"""Exchanges: a member gives hours to another for something done, outside of any mission.

This file must never decide whether hours may move: the ledger does, under its locks.
"""

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor
from tenants.platform.errors import Refusal
from tenants.platform.ids import TransferId
from tenants.platform.words import N_
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.transfers import Once, post, post_transfers

REASON_LENGTH: Final = 500
EXCHANGE: Final = "exchange"


class ReasonMissing(Refusal):
    """Hours never move without a word on what for."""

    status = 422
    code = "reason_missing"
    message = N_("Dites en quelques mots ce que ces heures remercient.")
    default_field = "reason"


class ReasonTooLong(Refusal):
    """The statement is not a letter."""

    status = 422
    code = "reason_too_long"
    message = N_("Ce texte est trop long : au plus {most} caractères.")
    default_field = "reason"


async def post_transfer(
    db: AsyncSession,
    *,
    actor: Actor,
    to: UUID,
    amount_minutes: int,
    reason: str,
    idempotency: Once | None = None,
) -> TransferId:
    """Give ``amount_minutes`` of the actor's own hours to the member ``to``, for ``reason``; return the transfer.

    With ``idempotency`` the answer is kept under that key, posted and refused alike, if the transaction commits: a
    caller that wants a refusal kept catches it inside. Raises ReasonMissing, ReasonTooLong, and what the
    ledger refuses: NotEnoughHours, OverTheCeiling, AccountClosed, UnknownAccount, SameAccount,
    AmountOutOfRange, NoRuleInForce, IdempotencyKeyReused.
    """
    order = post(
        debit=hours_account_of(actor.member),
        credit=hours_account_of(to),
        amount=amount_minutes,
        actor=actor.member,
        reason=checked_reason(reason),
        cause=EXCHANGE,
        once=idempotency,
    )
    [outcome] = await post_transfers(db, [order])
    return TransferId(outcome.granted())


def checked_reason(reason: str) -> str:
    """The reason without the space around it. Raises ReasonMissing, ReasonTooLong."""
    stripped = reason.strip()
    if not stripped:
        raise ReasonMissing
    if len(stripped) > REASON_LENGTH:
        raise ReasonTooLong(most=REASON_LENGTH)
    return stripped
