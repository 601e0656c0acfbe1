"""The pot's statement: where its hours came from and what they did, for every member, and never who was helped.

It stops at the end of a month behind which enough people stand (``pot_lines``), and says so. The moves themselves,
with names, and what the pot has at this moment are for those who keep it: whoever could watch the balance would read
the amount of each single help. This is the one gate before both: page, file and API ask here, and the
ledger shows the pot's account to nobody but the treasurer and to this file.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import Date, String, and_, case, cast, column, func, or_, select, table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from tenants.actors import Actor, Role
from tenants.platform.words import N_
from tenants.rulebook import rules_in_force
from timebank.gift_causes import GIFT, POT_REQUEST
from timebank.ledger.accounts import Account, pot_of
from timebank.ledger.statements import PAGE, Move, Statement, statement
from timebank.ledger.transfers import Transfer
from timebank.pot_lines import Outflow, OutflowLine, outflows_shown
from timebank.pot_purposes import purpose_of
from timebank.pot_requests import PotRequest
from timebank.rules import GIFTS_SHOWN

MEMBERS: Final = "members"
OTHERWISE: Final = "otherwise"
ORIGIN_TITLES: Final = {
    MEMBERS: N_("Dons des membres et heures laissées au départ"),
    OTHERWISE: N_("Autres décisions"),
}
_COOPERATIVES: Final = table("cooperatives", column("tenant_id"), column("time_zone"))


@dataclass(frozen=True, slots=True)
class InflowLine:
    """What came into the pot in a month, by origin. ``minutes`` is None where only the count is shown."""

    month: date
    origin: str
    count: int
    minutes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PotStatement:
    """The pot from its beginning to the end of ``until`` (the first day of a month; None: nothing can be shown yet).

    ``received`` - ``given`` = ``closing``, in minutes; the lines add up to them. ``pending`` says whether something
    moved since.
    """

    until: date | None
    inflows: Sequence[InflowLine]
    outflows: Sequence[OutflowLine]
    received: int
    given: int
    closing: int
    pending: bool


@dataclass(frozen=True, slots=True)
class _PotMove:
    """One transfer of the pot: ``minutes`` above zero when they came in."""

    month: date
    is_over: bool
    minutes: int
    cause: str | None
    purpose: str | None
    is_reversal: bool
    other: UUID


async def gifts_are_counted_only(db: AsyncSession, *, tenant_id: UUID) -> bool:
    """Whether the cooperative shows gifts without their amounts."""
    rule = (await rules_in_force(db, tenant_id=tenant_id)).get(GIFTS_SHOWN.name)
    return rule is not None and rule.value == 1


async def pot_statement(db: AsyncSession, *, actor: Actor) -> PotStatement:
    """Where the pot's hours came from and what they did, merged until nobody can be told: for every member."""
    _ = actor.member
    moves = await _moves(db, actor.tenant_id)
    counted = await gifts_are_counted_only(db, tenant_id=actor.tenant_id)
    over = sorted({move.month for move in moves if move.is_over})
    out = [move for move in moves if (move.minutes < 0) != move.is_reversal]
    shown = outflows_shown(
        [
            Outflow(move.month, purpose_of(move.cause, move.purpose), move.other, -move.minutes)
            for move in out
            if move.is_over
        ],
        months=over,
    )
    covered = [] if shown.until is None else [move for move in moves if move.month <= shown.until]
    came = [move for move in covered if move not in out]
    received, given = sum(move.minutes for move in came), sum(line.minutes for line in shown.lines)
    return PotStatement(
        until=shown.until,
        inflows=_inflow_lines(came, counted=counted),
        outflows=shown.lines,
        received=received,
        given=given,
        closing=received - given,
        pending=len(covered) < len(moves),
    )


def _inflow_lines(came: Sequence[_PotMove], *, counted: bool) -> list[InflowLine]:
    minutes: dict[tuple[date, str], int] = defaultdict(int)
    count: dict[tuple[date, str], int] = defaultdict(int)
    for move in came:
        kind = (move.cause or "").partition(":")[0]
        origin = MEMBERS if kind in {GIFT, "leaving", "exchange"} else OTHERWISE
        minutes[move.month, origin] += move.minutes
        count[move.month, origin] += 0 if move.is_reversal else 1
    return [
        InflowLine(month, origin, count[month, origin], None if counted and origin == MEMBERS else total)
        for (month, origin), total in sorted(minutes.items())
    ]


@dataclass(frozen=True, slots=True)
class PotBalance:
    """What the pot has: now (``until`` is None), or had at the end of that month; no minutes where none can be shown."""

    minutes: int | None
    until: date | None


async def pot_balance(db: AsyncSession, *, actor: Actor) -> PotBalance:
    """What the pot has, to the minute for those who keep it, and as of its statement for every other member."""
    if keeps_pot(actor):
        return PotBalance(await live_pot_balance(db, actor=actor), None)
    found = await pot_statement(db, actor=actor)
    return PotBalance(None if found.until is None else found.closing, found.until)


async def _moves(db: AsyncSession, tenant_id: UUID) -> Sequence[_PotMove]:
    """Every transfer of the pot, the oldest first. A reversal bears the cause of what it takes back."""
    pot, original = pot_of(tenant_id), aliased(Transfer)
    zone = func.timezone(_COOPERATIVES.c.time_zone, Transfer.posted_at)
    here = func.timezone(_COOPERATIVES.c.time_zone, func.now())
    month = cast(func.date_trunc("month", zone), Date)
    cause = case((Transfer.reverses.is_(None), Transfer.cause), else_=original.cause)
    came = Transfer.credit_account == pot
    rows = await db.execute(
        select(
            month.label("month"),
            (month < cast(func.date_trunc("month", here), Date)).label("is_over"),
            case((came, Transfer.amount), else_=-Transfer.amount).label("minutes"),
            cause.label("cause"),
            cast(PotRequest.purpose, String).label("purpose"),
            Transfer.reverses.is_not(None).label("is_reversal"),
            case((came, Transfer.debit_account), else_=Transfer.credit_account).label("other"),
        )
        .join(_COOPERATIVES, _COOPERATIVES.c.tenant_id == Transfer.tenant_id)
        .outerjoin(
            original,
            and_(original.tenant_id == Transfer.tenant_id, original.id == Transfer.reverses),
        )
        .outerjoin(
            PotRequest,
            and_(
                PotRequest.tenant_id == Transfer.tenant_id,
                cause == func.concat(f"{POT_REQUEST}:", cast(PotRequest.id, String)),
            ),
        )
        .where(
            Transfer.tenant_id == tenant_id,
            or_(Transfer.credit_account == pot, Transfer.debit_account == pot),
        )
        .order_by(Transfer.posted_at, Transfer.id)
    )
    return [_PotMove(*row) for row in rows]


# --- For those who keep it -------------------------------------------------------------------------------


def keeps_pot(actor: Actor) -> bool:
    """Whether the actor answers for the pot, and so sees each of its moves."""
    return actor.holds(Role.STEWARD, Role.TREASURER)


async def live_pot_balance(db: AsyncSession, *, actor: Actor) -> int:
    """What the pot has at this moment, in minutes: for its stewards and the treasurer."""
    actor.must_hold(Role.STEWARD, Role.TREASURER)
    query = select(Account.balance).where(
        Account.tenant_id == actor.tenant_id, Account.id == pot_of(actor.tenant_id)
    )
    return (await db.execute(query)).scalar_one()


@dataclass(frozen=True, slots=True)
class PotMoves:
    """The pot's own moves, with names. ``veiled`` where gifts are shown without amounts: then no balance either."""

    moves: Sequence[Move]
    veiled: bool
    next_cursor: int | None


def is_gift(move: Move) -> bool:
    """Whether a move is a member's gift to the pot, or one that is taken back."""
    given = move.amount >= 0 and move.counterparty_membership is not None and move.reverses is None
    return given or (move.amount <= 0 and move.reverses is not None)


async def pot_moves(
    db: AsyncSession, *, actor: Actor, before: int | None = None, limit: int | None = PAGE
) -> PotMoves:
    """Every move of the pot with names, newest first: for its stewards and the treasurer.

    Where gifts are shown as counts, a steward sees them with an amount of zero, and no balance; the treasurer, who
    answers for the accounts, sees all. ``before`` is the ``next_cursor`` of the page before.
    """
    actor.must_hold(Role.STEWARD, Role.TREASURER)
    whole: Statement = await statement(
        db,
        actor=Actor.system(actor.tenant_id),
        account_id=pot_of(actor.tenant_id),
        before=before,
        limit=limit,
    )
    veiled = not actor.holds(Role.TREASURER) and await gifts_are_counted_only(db, tenant_id=actor.tenant_id)
    moves = [_veil(move) if veiled else move for move in whole.moves]
    return PotMoves(moves, veiled, whole.next_cursor)


def _veil(move: Move) -> Move:
    return replace(move, balance=0, amount=0 if is_gift(move) else move.amount)
