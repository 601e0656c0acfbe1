"""Operations on hours: where they stand, gifts, the pot, reversals. Each calls one verb.

``post_transfer`` is in ``hot_transfers``, for it has a road of its own.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from tenants.platform.inputs import Line, MinutesInput
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    api_post,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit
from timebank import gifts as gift_verbs
from timebank import pot_statements
from timebank.ledger import transfers as transfer_verbs
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.statements import Move, standing, statement
from timebank.pages.giving import OptionalWords, Words
from timebank.pot_purposes import PotPurpose

COOPERATIVE: Final = "/{cooperative:str}"
READ: Final = "hours:read"
WRITE: Final = "hours:write"


class HoursStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stands, in minutes. ``left_minutes`` is what can still be given; null where nothing bounds it."""

    balance_minutes: int
    held_minutes: int
    available_minutes: int
    floor_minutes: int | None
    ceiling_minutes: int | None
    left_minutes: int | None
    near_limit: bool


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One move: above zero when received, below when given, with the balance after it."""

    transfer_id: UUID
    at: datetime
    amount_minutes: int
    balance_minutes: int
    counterparty: str | None
    counterparty_id: UUID
    cause: str | None
    reason: str | None
    reverses: UUID | None
    reversed_by: UUID | None


class Gift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours for nothing in return, to a membership or (null) to the solidarity pot."""

    to: UUID | None
    amount_minutes: MinutesInput
    message: OptionalWords = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the pot for a member, for a reason that is kept."""

    to: UUID
    amount_minutes: MinutesInput
    reason: Words
    purpose: PotPurpose = PotPurpose.OTHER


class Reversal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a transfer is posted back."""

    reason: Line


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """The transfer that was posted."""

    id: UUID


class Pot(msgspec.Struct, frozen=True, kw_only=True):
    """What the solidarity pot has: now where ``until`` is null, or had at the end of that month (its first day).

    Those who keep the pot see it as it is now; others as of its statement, and null while nothing can be shown.
    """

    balance_minutes: int | None
    until: date | None


# --- One's own hours -----------------------------------------------------------------------------------


@api_get(f"{COOPERATIVE}/hours", operation_id="hours", summary="Where one's hours stand")
async def hours(visit: NamedDependency[Visit], member: FromQuery[UUID | None] = None) -> HoursStanding:
    """The balance, what is held and the limits; of another ``member`` for the treasurer."""
    actor = visit.member_with(READ)
    stands = await standing(visit.db, actor=actor, account_id=hours_account_of(member or actor.member))
    return HoursStanding(
        balance_minutes=stands.balance,
        held_minutes=stands.held,
        available_minutes=stands.available,
        floor_minutes=stands.floor,
        ceiling_minutes=stands.ceiling,
        left_minutes=stands.left,
        near_limit=stands.near_limit,
    )


@api_get(f"{COOPERATIVE}/hours/statement", operation_id="statement", summary="Read a statement, newest first")
async def read_statement(
    visit: NamedDependency[Visit],
    member: FromQuery[UUID | None] = None,
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[StatementLine]:
    """Every move of one's own account; of another ``member`` for the treasurer."""
    actor = visit.member_with(READ)
    return await _statement(visit, hours_account_of(member or actor.member), limit, after)


async def _statement(visit: Visit, account_id: UUID, limit: int, after: str | None) -> Page[StatementLine]:
    cursor = decode_cursor(after, (int,))
    found = await statement(
        visit.db, actor=visit.actor, account_id=account_id, before=cursor[0] if cursor else None, limit=limit
    )
    return Page(
        items=[_line(move) for move in found.moves],
        next=encode_cursor(found.next_cursor) if found.next_cursor else None,
    )


def _line(move: Move) -> StatementLine:
    return StatementLine(
        transfer_id=move.transfer_id,
        at=move.posted_at,
        amount_minutes=move.amount,
        balance_minutes=move.balance,
        counterparty=move.counterparty_name,
        counterparty_id=move.counterparty_id,
        cause=move.cause,
        reason=move.reason,
        reverses=move.reverses,
        reversed_by=move.reversed_by,
    )


# --- Gifts, the pot, reversals -------------------------------------------------------------------------


@api_post(f"{COOPERATIVE}/gifts", operation_id="give", summary="Give hours to a member or to the pot")
async def give(visit: NamedDependency[Visit], data: JSONBody[Gift]) -> Response[Posted]:
    """Give hours of one's own for nothing in return."""
    actor = visit.member_with(WRITE)

    async def work() -> Posted:
        transfer = await gift_verbs.give(
            visit.db, actor=actor, to=data.to, amount_minutes=data.amount_minutes, message=data.message
        )
        return Posted(id=transfer)

    return await visit.once(work)


@api_get(f"{COOPERATIVE}/pot", operation_id="pot", summary="What the solidarity pot has")
async def pot(visit: NamedDependency[Visit]) -> Pot:
    """The balance of the pot: to the minute for those who keep it, as of the statement for every member."""
    found = await pot_statements.pot_balance(visit.db, actor=visit.member_with(READ))
    return Pot(balance_minutes=found.minutes, until=found.until)


@api_post(f"{COOPERATIVE}/pot/grants", operation_id="give_from_pot", summary="Grant hours of the pot")
async def give_from_pot(visit: NamedDependency[Visit], data: JSONBody[Grant]) -> Response[Posted]:
    """Give hours of the pot to a member: a steward's act."""
    actor = visit.member_with(WRITE)

    async def work() -> Posted:
        transfer = await gift_verbs.give_from_pot(
            visit.db,
            actor=actor,
            to=data.to,
            amount_minutes=data.amount_minutes,
            reason=data.reason,
            purpose=data.purpose,
        )
        return Posted(id=transfer)

    return await visit.once(work)


@api_post(
    f"{COOPERATIVE}/transfers/{{transfer_id:uuid}}/reverse",
    operation_id="reverse_transfer",
    summary="Post a transfer back, once",
)
async def reverse_transfer(
    visit: NamedDependency[Visit], transfer_id: FromPath[UUID], data: JSONBody[Reversal]
) -> Response[Posted]:
    """Give a received transfer back, whole: the receiver's act, or the treasurer's."""
    actor = visit.member_with(WRITE)

    async def work() -> Posted:
        reversal = await transfer_verbs.reverse_transfer(
            visit.db, actor=actor, transfer_id=transfer_id, reason=data.reason
        )
        return Posted(id=reversal)

    return await visit.once(work)


API: Final = [hours, read_statement, give, pot, give_from_pot, reverse_transfer]
