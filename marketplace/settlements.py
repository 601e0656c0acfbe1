"""How agreed hours move in the end: one call to the ledger that pays everybody their minutes, or nobody.

One who worked alone is paid by capturing the hold. A team is paid by sharing the same hold, each member their
part by ``splits``, and nothing in between. This file must never decide how many minutes are due.

Locks: the caller holds the mission's; the accounts are the ledger's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.agreements import Agreement
from marketplace.splits import split
from marketplace.teams import AgreementPart, agreement_shares
from timebank.ledger.refusals import LinkedRefused
from timebank.ledger.transfers import Operation, Order, capture, post, post_transfers, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """One agreement to settle: ``minutes`` in all, of which ``extra`` are beyond what is held.

    ``actor_id`` is on whose word it happens: the payer, a mediator, or (None) the software.
    """

    agreement: Agreement
    minutes: int
    actor_id: UUID | None
    extra: int = 0
    title: str = ""


Posted = tuple[tuple[UUID, int], ...]
"""Who got how many minutes, in id order."""


async def settle(db: AsyncSession, settlings: Sequence[Settling]) -> list[Posted]:
    """Move the hours of these agreements in one call; return who got what, in order. Raises the first refusal."""
    teams = [one.agreement.id for one in settlings if one.agreement.is_team]
    shares = await agreement_shares(db, tenant_id=db.info["tenant"], agreement_ids=teams) if teams else {}
    orders: list[Order] = []
    posted: list[Posted] = []
    holds: list[UUID] = []
    for group, one in enumerate(settlings, start=1):
        gets = _parts(one, shares.get(one.agreement.id))
        hold_id, made = (
            await _shared(db, one, gets) if one.agreement.is_team else (one.agreement.hold_id, _alone(one))
        )
        holds.append(hold_id)
        orders += [replace(order, group=group if len(made) > 1 else None) for order in made]
        posted.append(tuple(sorted(gets.items())))
    outcomes = await post_transfers(db, orders)
    for outcome in outcomes:
        if outcome.refusal and outcome.refusal != LinkedRefused.code:
            outcome.granted()
    for one, hold_id in zip(settlings, holds, strict=True):
        one.agreement.hold_id = hold_id
    made_ids = {
        (order.about, order.credit): outcome.granted()
        for order, outcome in zip(orders, outcomes, strict=True)
    }
    await _note(db, [(one, gets) for one, gets in zip(settlings, posted, strict=True)], made_ids)
    return posted


def _parts(one: Settling, shares: Mapping[UUID, int] | None) -> dict[UUID, int]:
    """Who gets how many minutes: the provider alone, or each of the team their part."""
    if not shares:
        return {one.agreement.provider_id: one.minutes}
    parts = split(one.minutes, shares, seed=one.agreement.mission_id)
    return {member: part.minutes for member, part in parts.items()}


def _alone(one: Settling) -> list[Order]:
    """Capture what is held, and post what the payer consents to beyond it."""
    agreement = one.agreement
    held = one.minutes - one.extra
    orders = [
        capture(hold_id=agreement.hold_id, amount=held, actor=one.actor_id)
        if held
        else Order(operation=Operation.RELEASE, about=agreement.hold_id, actor=one.actor_id)
    ]
    if one.extra:
        orders.append(
            post(
                debit=agreement.payer_id,
                credit=agreement.provider_id,
                amount=one.extra,
                actor=one.actor_id,
                reason=one.title,
                cause=f"mission:{agreement.mission_id}",
            )
        )
    return orders


async def _shared(db: AsyncSession, one: Settling, gets: Mapping[UUID, int]) -> tuple[UUID, list[Order]]:
    """Share what is held among the team; what the payer consents to beyond it is held first, in the same group.

    Returns the hold that is shared, which is another one if more had to be held.
    """
    agreement = one.agreement
    if not one.minutes:
        given_back = Order(operation=Operation.RELEASE, about=agreement.hold_id, actor=one.actor_id)
        return agreement.hold_id, [given_back]
    hold_id, before = agreement.hold_id, list[Order]()
    if one.extra:
        hold_id, before = await rehold(db, agreement=agreement, minutes=one.minutes, reason=one.title)
    return hold_id, before + [
        share(hold_id=hold_id, credit=member, amount=minutes, actor=one.actor_id)
        for member, minutes in sorted(gets.items())
        if minutes
    ]


async def rehold(
    db: AsyncSession, *, agreement: Agreement, minutes: int, reason: str
) -> tuple[UUID, list[Order]]:
    """Give the agreement's hold back and hold ``minutes`` instead, on the payer's word; to be put as one group.

    Returns the new hold, for the agreement to name once it stands. The caller vouches that the payer agreed to exactly this.
    """
    given_back = Order(operation=Operation.RELEASE, about=agreement.hold_id, actor=None)
    hold_id: UUID = (await db.execute(select(func.uuidv7()))).scalar_one()
    held = Order(
        operation=Operation.HOLD,
        id=hold_id,
        actor=agreement.payer_id,
        debit=agreement.payer_id,
        credit=agreement.provider_id,
        amount=minutes,
        reason=reason,
        cause=f"mission:{agreement.mission_id}",
    )
    return hold_id, [given_back, held]


async def _note(
    db: AsyncSession,
    settled: Sequence[tuple[Settling, Posted]],
    made: Mapping[tuple[UUID | None, UUID | None], UUID],
) -> None:
    """Write beside each part of a team what it got, and by which transfer."""
    rows = [
        {
            "agreement": one.agreement.id,
            "member": member,
            "minutes": minutes,
            "transfer": made[one.agreement.hold_id, member] if minutes else None,
        }
        for one, gets in settled
        if one.agreement.is_team
        for member, minutes in gets
    ]
    if rows:
        await db.execute(_NOTE, [row | {"tenant": db.info["tenant"]} for row in rows])


_NOTE = (
    update(AgreementPart.__table__)  # type: ignore[arg-type]
    .where(
        AgreementPart.tenant_id == bindparam("tenant"),
        AgreementPart.agreement_id == bindparam("agreement"),
        AgreementPart.member_id == bindparam("member"),
    )
    .values(posted_minutes=bindparam("minutes"), transfer_id=bindparam("transfer"))
)
