"""Entries that a third person made: an exchange entered by a delegate, or by a manager from a signed paper.

The ledger itself decides who may, and writes the row with the transfer (``judge_entry`` in ledger.sql): an entry
exists if and only if its hours moved, and the role ``app`` can neither add nor change one. This file tells the
people whom it concerns. It must never say why somebody acts for another.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor, Role
from tenants.delegation_refusals import NotDelegated
from tenants.delegations import Act, delegation
from tenants.notices import NoticeKind, declare_notices
from tenants.paper_letters import PaperLetter
from tenants.platform.database import Base
from tenants.platform.errors import NotFound
from tenants.platform.ids import MembershipId, TransferId
from tenants.platform.words import N_
from tenants.tellings import Telling, tell
from timebank.contest_refusals import PartyEntersPaper, TheirHoursShort
from timebank.exchanges import EXCHANGE, checked_reason
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.refusals import DelegateOnBothSides
from timebank.ledger.transfers import Once, Transfer, post, post_transfers

CONTESTABLE_FOR: Final = timedelta(days=30)
PAPER: Final = "paper"
TOLD: Final = "entry_for_you"

declare_notices(
    NoticeKind(
        TOLD,
        N_("Une personne a saisi {amount_minutes} sur votre compte. Vous avez 30 jours pour le contester."),
        "/entries/{entry_id}",
        required=True,
    ),
)


class EntryKind(StrEnum):
    """By whose hand: a delegate's, or a manager's who held the signed paper."""

    DELEGATE = "delegate"
    PAPER = "paper"


class ThirdPartyEntry(Base):
    """One exchange between two members that a third person entered; it bears the id of its transfer."""

    __tablename__ = "third_party_entries"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "id"], ["transfers.tenant_id", "transfers.id"]),
        ForeignKeyConstraint(["tenant_id", "delegation_id"], ["delegations.tenant_id", "delegations.id"]),
        *(
            ForeignKeyConstraint(["tenant_id", who], ["memberships.tenant_id", "memberships.id"])
            for who in ("entered_by", "giver_id", "receiver_id")
        ),
        Index("ix_third_party_entries_giver", "tenant_id", "giver_id", "entered_by", "entered_at"),
        Index("ix_third_party_entries_receiver", "tenant_id", "receiver_id"),
        Index("ix_third_party_entries_entered_by", "tenant_id", "entered_by"),
        CheckConstraint(
            "kind IN ('delegate', 'paper') AND (kind = 'delegate') = (delegation_id IS NOT NULL)"
            " AND (kind = 'paper') = (happened_on IS NOT NULL)",
            name="kind",
        ),
        CheckConstraint(
            "entered_by NOT IN (giver_id, receiver_id) AND giver_id <> receiver_id", name="three_persons"
        ),
        CheckConstraint("minutes > 0", name="minutes"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[TransferId] = mapped_column(primary_key=True)
    kind: Mapped[EntryKind]
    delegation_id: Mapped[UUID | None]
    entered_by: Mapped[MembershipId]
    giver_id: Mapped[MembershipId]
    receiver_id: Mapped[MembershipId]
    minutes: Mapped[int] = mapped_column(BigInteger)
    happened_on: Mapped[date | None]
    entered_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def parties(self) -> tuple[MembershipId, MembershipId]:
        """Who gave, and who received."""
        return (self.giver_id, self.receiver_id)


async def enter_for_represented(
    db: AsyncSession,
    *,
    actor: Actor,
    delegation_id: UUID,
    to: UUID,
    amount_minutes: int,
    reason: str,
    idempotency: Once | None = None,
) -> TransferId:
    """Give hours of the person whom the actor represents to the member ``to``, who helped them.

    The ledger judges the delegation under its locks: its acts, its term, its maxima, and that the actor is on
    neither side. Both sides are told. Raises NotDelegated, DelegateOnBothSides, OverDelegationEntry,
    OverDelegationMonth, TheirHoursShort (without a figure), and what else an exchange raises.
    """
    found = await delegation(db, actor=actor, delegation_id=delegation_id)
    if found.delegate_id != actor.member or Act.HOURS not in found.acts:
        raise NotDelegated
    if to == actor.member:
        raise DelegateOnBothSides
    return await _enter(
        db,
        actor=actor,
        giver=found.represented_id,
        to=to,
        amount_minutes=amount_minutes,
        reason=reason,
        cause=EXCHANGE,
        idempotency=idempotency,
    )


async def enter_paper_exchange(
    db: AsyncSession,
    *,
    actor: Actor,
    giver_id: UUID,
    to: UUID,
    happened_on: date,
    amount_minutes: int,
    reason: str,
    idempotency: Once | None = None,
) -> TransferId:
    """Enter an exchange that two members have signed on paper: a manager's act, never about themself.

    ``happened_on`` is a past day, no older than the rule ``timebank.paper_days_max``. Both sides are told. Raises
    PartyEntersPaper, PaperTooOld, PaperInTheFuture, DelegateOnBothSides, TheirHoursShort, and what else an exchange
    raises.
    """
    actor.must_hold(Role.MANAGER)
    if actor.member in {giver_id, to}:
        raise PartyEntersPaper
    return await _enter(
        db,
        actor=actor,
        giver=giver_id,
        to=to,
        amount_minutes=amount_minutes,
        reason=reason,
        cause=f"{PAPER}:{happened_on.isoformat()}",
        idempotency=idempotency,
    )


async def _enter(
    db: AsyncSession,
    *,
    actor: Actor,
    giver: UUID,
    to: UUID,
    amount_minutes: int,
    reason: str,
    cause: str,
    idempotency: Once | None,
) -> TransferId:
    order = post(
        debit=hours_account_of(giver),
        credit=hours_account_of(to),
        amount=amount_minutes,
        actor=actor.member,
        reason=checked_reason(reason),
        cause=cause,
        once=idempotency,
    )
    [outcome] = await post_transfers(db, [order])
    if outcome.refusal == TheirHoursShort.code:
        raise TheirHoursShort
    entry_id = TransferId(outcome.granted())
    if outcome.outcome == "posted":
        await audit.record(
            db,
            actor=actor,
            action=f"timebank:entry:by_{'paper' if cause != EXCHANGE else 'delegate'}",
            subject_id=entry_id,
            facts={"giver": str(giver), "receiver": str(to), "amount_minutes": amount_minutes},
        )
        await tell(
            db,
            tenant_id=actor.tenant_id,
            membership_ids=[giver, to],
            kind=TOLD,
            subject_id=entry_id,
            facts={"entry_id": str(entry_id), "amount_minutes": amount_minutes},
        )
    return entry_id


# --- Reading -----------------------------------------------------------------------------------------


def may_read(actor: Actor, entry: ThirdPartyEntry) -> bool:
    """The two sides, who entered it, and those who may have to decide."""
    return (
        actor.is_system
        or actor.member in {*entry.parties, entry.entered_by}
        or actor.holds(Role.TREASURER, Role.MEDIATOR)
    )


async def third_party_entry(db: AsyncSession, *, actor: Actor, entry_id: UUID) -> ThirdPartyEntry:
    """One entry, for its two sides, who entered it, and those who decide about it. Raises NotFound."""
    query = select(ThirdPartyEntry).where(
        ThirdPartyEntry.tenant_id == actor.tenant_id, ThirdPartyEntry.id == entry_id
    )
    found = (await db.scalars(query)).one_or_none()
    if found is None or not may_read(actor, found):
        raise NotFound
    return found


async def third_party_entries(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int | None = 20
) -> Sequence[tuple[ThirdPartyEntry, str | None]]:
    """List the entries that concern the actor, or that they made, newest first, with what each was for.

    The treasurer and mediators, who decide about them, see all.
    """
    query = (
        select(ThirdPartyEntry, Transfer.reason)
        .join(
            Transfer,
            and_(Transfer.tenant_id == ThirdPartyEntry.tenant_id, Transfer.id == ThirdPartyEntry.id),
        )
        .where(ThirdPartyEntry.tenant_id == actor.tenant_id)
        .order_by(ThirdPartyEntry.id.desc())
        .limit(limit)
    )
    if not actor.holds(Role.TREASURER, Role.MEDIATOR):
        query = query.where(
            or_(
                ThirdPartyEntry.giver_id == actor.member,
                ThirdPartyEntry.receiver_id == actor.member,
                ThirdPartyEntry.entered_by == actor.member,
            )
        )
    if before is not None:
        query = query.where(ThirdPartyEntry.id < before)
    return [(entry, reason) for entry, reason in await db.execute(query)]


async def contestable_until(db: AsyncSession, entry: ThirdPartyEntry, party: UUID) -> datetime | None:
    """Until when this side may contest: 30 days, which begin for a letter when it is posted (None: not yet)."""
    query = (
        select(Telling.id, PaperLetter.sent_at)
        .outerjoin(
            PaperLetter,
            and_(PaperLetter.tenant_id == Telling.tenant_id, PaperLetter.id == Telling.letter_id),
        )
        .where(
            Telling.tenant_id == entry.tenant_id,
            Telling.membership_id == party,
            Telling.kind == TOLD,
            Telling.subject_id == entry.id,
        )
    )
    on_paper = (await db.execute(query)).one_or_none()
    if on_paper is None:
        return entry.entered_at + CONTESTABLE_FOR
    return None if on_paper.sent_at is None else on_paper.sent_at + CONTESTABLE_FOR


async def month_used(db: AsyncSession, *, tenant_id: UUID, delegation_id: UUID) -> int:
    """The minutes entered in this calendar month for the person of a delegation, by its delegate."""
    used = await db.scalar(_MONTH_USED, {"tenant": tenant_id, "delegation": delegation_id})
    return int(used or 0)


_MONTH_USED: Final = text("""
    SELECT sum(e.minutes) FROM delegations d
    JOIN cooperatives c ON c.tenant_id = d.tenant_id
    JOIN third_party_entries e ON e.tenant_id = d.tenant_id AND e.giver_id = d.represented_id
         AND e.entered_by = d.delegate_id AND e.kind = 'delegate'
         AND e.entered_at >= date_trunc('month', now(), c.time_zone)
    WHERE d.tenant_id = :tenant AND d.id = :delegation
""")
