"""The solidarity pot in the JSON API: its statement for every member, and its moves for those who keep it."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar.di import NamedDependency

from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit
from timebank import pot_statements
from timebank.ledger.statements import Move

POT: Final = "/{cooperative:str}/pot"
READ: Final = "hours:read"


class Inflow(msgspec.Struct, frozen=True, kw_only=True):
    """What came in during a month (its first day). ``minutes`` is null where gifts are shown as counts."""

    month: date
    origin: str
    count: int
    minutes: int | None


class OutflowShown(msgspec.Struct, frozen=True, kw_only=True):
    """What was given from one month to another (first days, both included), to at least 11 people."""

    since: date
    until: date
    purposes: list[str]
    people: int
    minutes: int


class PotStatementShown(msgspec.Struct, frozen=True, kw_only=True):
    """The pot up to the end of a month (its first day; null: nothing can be shown yet), merged."""

    until: date | None
    inflows: list[Inflow]
    outflows: list[OutflowShown]
    received_minutes: int
    given_minutes: int
    closing_minutes: int
    pending: bool


class PotMoveShown(msgspec.Struct, frozen=True, kw_only=True):
    """One move of the pot. Where gifts are shown as counts, a steward sees null for theirs, and for balances."""

    transfer_id: UUID
    at: datetime
    amount_minutes: int | None
    balance_minutes: int | None
    counterparty: str | None
    cause: str | None
    reason: str | None


@api_get(f"{POT}/statement", operation_id="pot_statement", summary="Where the pot's hours came from and went")
async def pot_statement(visit: NamedDependency[Visit]) -> PotStatementShown:
    """The pot's statement for every member: never who was helped."""
    found = await pot_statements.pot_statement(visit.db, actor=visit.member_with(READ))
    return PotStatementShown(
        until=found.until,
        inflows=[
            Inflow(month=one.month, origin=one.origin, count=one.count, minutes=one.minutes)
            for one in found.inflows
        ],
        outflows=[
            OutflowShown(
                since=one.since,
                until=one.until,
                purposes=list(one.purposes),
                people=one.people,
                minutes=one.minutes,
            )
            for one in found.outflows
        ],
        received_minutes=found.received,
        given_minutes=found.given,
        closing_minutes=found.closing,
        pending=found.pending,
    )


@api_get(f"{POT}/moves", operation_id="pot_moves", summary="Read every move of the pot, newest first")
async def pot_moves(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[PotMoveShown]:
    """Every move with names, for the pot's stewards and the treasurer."""
    cursor = decode_cursor(after, (int,))
    found = await pot_statements.pot_moves(
        visit.db, actor=visit.member_with(READ), before=cursor[0] if cursor else None, limit=limit
    )
    return Page(
        items=[_move(move, veiled=found.veiled) for move in found.moves],
        next=encode_cursor(found.next_cursor) if found.next_cursor else None,
    )


def _move(move: Move, *, veiled: bool) -> PotMoveShown:
    return PotMoveShown(
        transfer_id=move.transfer_id,
        at=move.posted_at,
        amount_minutes=None if veiled and pot_statements.is_gift(move) else move.amount,
        balance_minutes=None if veiled else move.balance,
        counterparty=move.counterparty_name,
        cause=move.cause,
        reason=move.reason,
    )


API: Final = [pot_statement, pot_moves]
