"""Contests: a side of an entry that a third person made says it is wrong, and a mediator or the treasurer decides.

Contesting holds the hours where they went, if they are still there. The decision posts them back by a
counter-transfer, or leaves them. Nobody who entered it, brought in the slip or gains by it decides. The database
says the same (timebank/entries.sql and the ledger). This file must never change a transfer.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor, Role
from tenants.mandates import Mandate
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound
from tenants.platform.ids import HoldId, MembershipId, TransferId
from tenants.platform.words import N_
from tenants.tellings import tell
from timebank.contest_refusals import (
    ContestDecided,
    ContestedAlready,
    ContestTooLate,
    PartyMayNotSettle,
    SlipFromItsMaker,
    TheirHoursShort,
)
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.holds import Hold, HoldState
from timebank.ledger.refusals import NotEnoughHours
from timebank.ledger.transfers import Operation, Order, Transfer, post_linked, post_transfers
from timebank.third_party_entries import ThirdPartyEntry, contestable_until, third_party_entry

WORDS_LENGTH: Final = 2000
DECIDERS: Final = (Role.TREASURER, Role.MEDIATOR)

declare_notices(
    NoticeKind(
        "entry_contested",
        N_("Une saisie de {amount_minutes} faite par un tiers est contestée."),
        "/entries/{entry_id}",
    ),
    NoticeKind(
        "contest_to_decide",
        N_("Une saisie de {amount_minutes} est contestée : une décision est attendue."),
        "/entries/{entry_id}",
        waits=True,
        required=True,
    ),
    NoticeKind(
        "contest_annulled",
        N_("La saisie contestée de {amount_minutes} est annulée : les heures sont revenues."),
        "/entries/{entry_id}",
    ),
    NoticeKind(
        "contest_upheld",
        N_("La saisie contestée de {amount_minutes} est maintenue."),
        "/entries/{entry_id}",
    ),
)


class ContestOutcome(StrEnum):
    """What was decided: the hours come back, or the entry stands."""

    ANNULLED = "annulled"
    UPHELD = "upheld"


class Contest(Base):
    """An entry that one of its sides contests. ``entered_by`` is the manager who brought in their slip, if one did."""

    __tablename__ = "contests"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "entry_id"], ["third_party_entries.tenant_id", "third_party_entries.id"]
        ),
        *(
            ForeignKeyConstraint(["tenant_id", who], ["memberships.tenant_id", "memberships.id"])
            for who in ("contested_by", "entered_by", "decided_by")
        ),
        ForeignKeyConstraint(["tenant_id", "hold_id"], ["holds.tenant_id", "holds.id"]),
        ForeignKeyConstraint(["tenant_id", "reversal_id"], ["transfers.tenant_id", "transfers.id"]),
        Index("ix_contests_open", "tenant_id", "entry_id", postgresql_where=text("decided_at IS NULL")),
        CheckConstraint(
            f"char_length(words) <= {WORDS_LENGTH} AND char_length(decision) <= {WORDS_LENGTH}", name="length"
        ),
        CheckConstraint("entered_by <> contested_by", name="slip_is_another_s"),
        CheckConstraint("decided_by NOT IN (contested_by, entered_by)", name="decided_by_another"),
        CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (outcome IS NULL)"
            " AND (decided_at IS NULL) = (decision IS NULL)",
            name="decided_whole",
        ),
        CheckConstraint("outcome IN ('annulled', 'upheld')", name="outcome"),
        CheckConstraint("reversal_id IS NULL OR outcome = 'annulled'", name="reversal"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[TransferId] = mapped_column(primary_key=True)
    contested_by: Mapped[MembershipId]
    entered_by: Mapped[MembershipId | None]
    contested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    words: Mapped[str]
    hold_id: Mapped[HoldId | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[MembershipId | None]
    outcome: Mapped[ContestOutcome | None]
    decision: Mapped[str | None]
    reversal_id: Mapped[TransferId | None]


async def contest_entry(db: AsyncSession, *, actor: Actor, entry_id: UUID, words: str) -> Contest:
    """Contest what a third person entered on one's own account. What it moved is held until a decision.

    Raises ContestTooLate, ContestedAlready, NotAllowed, NotFound.
    """
    entry = await third_party_entry(db, actor=actor, entry_id=entry_id)
    if actor.member not in entry.parties:
        raise NotAllowed
    return await _contest(db, actor=actor, entry=entry, party=actor.member, by_slip=False, words=words)


async def contest_from_slip(
    db: AsyncSession, *, actor: Actor, entry_id: UUID, contested_by: UUID, words: str
) -> Contest:
    """Contest for a member who sent the slip of their letter back, or telephoned: a manager's, who made no part of it.

    Raises SlipFromItsMaker, ContestTooLate, ContestedAlready, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    entry = await third_party_entry(db, actor=Actor.system(actor.tenant_id), entry_id=entry_id)
    if contested_by not in entry.parties:
        raise NotFound
    if actor.member in {*entry.parties, entry.entered_by}:
        raise SlipFromItsMaker
    party = MembershipId(contested_by)
    return await _contest(db, actor=actor, entry=entry, party=party, by_slip=True, words=words)


async def _contest(
    db: AsyncSession, *, actor: Actor, entry: ThirdPartyEntry, party: MembershipId, by_slip: bool, words: str
) -> Contest:
    until = await contestable_until(db, entry, party)
    if until is not None and (await db.execute(select(func.now()))).scalar_one() > until:
        raise ContestTooLate
    # Two at once wait for each other here; the second finds the first one's contest.
    await db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:entry, 1))"), {"entry": str(entry.id)}
    )
    if await db.get(Contest, (actor.tenant_id, entry.id)) is not None:
        raise ContestedAlready
    made = Contest(
        tenant_id=actor.tenant_id,
        entry_id=entry.id,
        contested_by=party,
        entered_by=actor.member if by_slip else None,
        words=words.strip()[:WORDS_LENGTH],
    )
    db.add(made)
    await db.flush()
    made.hold_id = await _freeze(db, actor, entry)
    await audit.record(
        db,
        actor=actor,
        action="timebank:entry:contested",
        subject_id=entry.id,
        facts={"by": str(party), "held": made.hold_id is not None},
    )
    await _tell_of_contest(db, entry, party)
    return made


async def _freeze(db: AsyncSession, actor: Actor, entry: ThirdPartyEntry) -> HoldId | None:
    """Hold the hours where they went; what has been spent since cannot be held, and the contest goes on."""
    order = Order(
        operation=Operation.HOLD,
        actor=actor.member,
        debit=hours_account_of(entry.receiver_id),
        credit=hours_account_of(entry.giver_id),
        amount=entry.minutes,
        cause=f"contest:{entry.id}",
    )
    [outcome] = await post_transfers(db, [order])
    return HoldId(outcome.id) if outcome.outcome == "posted" and outcome.id else None


async def _tell_of_contest(db: AsyncSession, entry: ThirdPartyEntry, party: MembershipId) -> None:
    facts = {"entry_id": str(entry.id), "amount_minutes": entry.minutes}
    [other] = [one for one in entry.parties if one != party]
    await tell(
        db,
        tenant_id=entry.tenant_id,
        membership_ids=[other],
        kind="entry_contested",
        subject_id=entry.id,
        facts=facts,
    )
    await notify_members(
        db, tenant_id=entry.tenant_id, membership_ids=[entry.entered_by], kind="entry_contested", facts=facts
    )
    deciders = select(Mandate.membership_id).where(
        Mandate.tenant_id == entry.tenant_id,
        Mandate.role.in_(DECIDERS),
        Mandate.ended_at.is_(None),
        Mandate.term.contains(func.now()),
    )
    who = set(await db.scalars(deciders)) - {*entry.parties, entry.entered_by}
    await notify_members(
        db, tenant_id=entry.tenant_id, membership_ids=who, kind="contest_to_decide", facts=facts
    )


async def decide_contest(
    db: AsyncSession, *, actor: Actor, entry_id: UUID, outcome: ContestOutcome, decision: str
) -> Contest:
    """Annul a contested entry by a counter-transfer, or let it stand: a mediator's or the treasurer's act.

    Holds the contest, then the ledger's locks. Raises PartyMayNotSettle, ContestDecided, NotFound, and what the
    ledger refuses (the hours were spent meanwhile).
    """
    actor.must_hold(*DECIDERS)
    entry = await third_party_entry(db, actor=actor, entry_id=entry_id)
    query = select(Contest).where(Contest.tenant_id == actor.tenant_id, Contest.entry_id == entry.id)
    found = (
        await db.scalars(query.with_for_update().execution_options(populate_existing=True))
    ).one_or_none()
    if found is None:
        raise NotFound
    if actor.member in {*entry.parties, entry.entered_by, found.entered_by}:
        raise PartyMayNotSettle
    if found.decided_at is not None:
        raise ContestDecided
    reversal = await _settle(db, actor=actor, entry=entry, found=found, outcome=outcome)
    found.decided_at = (await db.execute(select(func.now()))).scalar_one()
    found.decided_by, found.outcome, found.reversal_id = actor.member, outcome, reversal
    found.decision = decision.strip()[:WORDS_LENGTH]
    await db.flush()
    facts = {"outcome": str(outcome), "reversal": reversal and str(reversal)}
    await audit.record(db, actor=actor, action="timebank:contest:decided", subject_id=entry.id, facts=facts)
    await tell(
        db,
        tenant_id=entry.tenant_id,
        membership_ids=entry.parties,
        kind=f"contest_{outcome}",
        subject_id=entry.id,
        facts={"entry_id": str(entry.id), "amount_minutes": entry.minutes},
    )
    return found


async def _settle(
    db: AsyncSession, *, actor: Actor, entry: ThirdPartyEntry, found: Contest, outcome: ContestOutcome
) -> TransferId | None:
    """Give back what is held and, if the entry falls, post it back; in one call."""
    orders = []
    held = await db.get(Hold, (actor.tenant_id, found.hold_id)) if found.hold_id else None
    if held is not None and held.state is HoldState.HELD:
        orders.append(Order(operation=Operation.RELEASE, actor=actor.member, about=held.id))
    given_back = select(Transfer.id).where(
        Transfer.tenant_id == actor.tenant_id, Transfer.reverses == entry.id
    )
    # Who received it may have given it back of themself.
    reversal = (await db.scalars(given_back)).one_or_none()
    reverses = outcome is ContestOutcome.ANNULLED and reversal is None
    if reverses:
        cause = f"contest:{entry.id}"
        orders.append(Order(operation=Operation.REVERSE, actor=actor.member, about=entry.id, cause=cause))
    try:
        made = await post_linked(db, actor=actor, orders=orders) if orders else []
    except NotEnoughHours:
        raise TheirHoursShort from None
    if reverses:
        return TransferId(made[-1])
    return reversal if outcome is ContestOutcome.ANNULLED else None
