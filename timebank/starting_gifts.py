"""Starting gifts: what the pot gives to whoever joins, as the rule says, once for each membership, ever.

When the pot has too little, the gift waits, the stewards are told, and the clock tries again. Its amount is that of
the rule on the day of joining. This file must never give a second one to somebody who comes back.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Role
from tenants.events import MemberJoined
from tenants.mandates import Mandate
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify, notify_members
from tenants.personal import Fate, Holding, holds
from tenants.platform.clock import Tick
from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, MembershipId, TransferId
from tenants.platform.words import N_
from tenants.rulebook import rules_in_force
from timebank.gift_causes import STARTING_GIFT
from timebank.ledger.accounts import hours_account_of, pot_of
from timebank.ledger.refusals import NotEnoughHours
from timebank.ledger.transfers import post, post_transfers
from timebank.rules import STARTING_GIFT_MINUTES

GIVEN_AT_ONCE: Final = 50


declare_notices(
    NoticeKind(
        "starting_gift_received",
        N_("Bienvenue ! La caisse solidaire vous offre {amount_minutes} pour commencer."),
        "/hours",
        topic=Topic.POT,
    ),
    NoticeKind(
        "starting_gift_waits",
        N_(
            "La caisse n'a pas de quoi accueillir les nouveaux membres : il manque {lacking_minutes} de dons."
        ),
        "/pot",
        waits=True,
    ),
)


class StartingGiftState(StrEnum):
    """Where it stands. ``lapsed``: the ledger would not have it any more, for the member has left."""

    WAITING = "waiting"
    GIVEN = "given"
    LAPSED = "lapsed"


class StartingGift(Base):
    """The one gift of one membership, in minutes."""

    __tablename__ = "starting_gifts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "transfer_id"], ["transfers.tenant_id", "transfers.id"]),
        CheckConstraint("state IN ('waiting', 'given', 'lapsed')", name="state"),
        CheckConstraint("(state = 'given') = (transfer_id IS NOT NULL)", name="given"),
        CheckConstraint("minutes > 0", name="minutes"),
        Index(
            "ix_starting_gifts_waiting",
            "tenant_id",
            "joined_at",
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    minutes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[StartingGiftState] = mapped_column(server_default="waiting")
    transfer_id: Mapped[TransferId | None]
    joined_at: Mapped[datetime] = mapped_column(server_default=func.now())
    told_at: Mapped[datetime | None]


holds(
    Holding(
        table="starting_gifts",
        title=N_("Don de bienvenue"),
        mine=("membership_id",),
        exported={"minutes": N_("Minutes"), "state": N_("État"), "joined_at": N_("Date")},
        fate=Fate.KEPT,
        why=N_("Le don de bienvenue ne se fait qu'une fois : la coopérative garde qu'il a été fait."),
    )
)


class StartingGiftsDue(Tick, frozen=True, kw_only=True):
    """It is time to see whether the pot can give the starting gifts that wait."""


async def welcome_newcomer(db: AsyncSession, event: MemberJoined) -> None:
    """Give a newcomer what the rule says, or have it wait: hears MemberJoined."""
    rule = (await rules_in_force(db, tenant_id=event.tenant_id)).get(STARTING_GIFT_MINUTES.name)
    if rule is None or not rule.value:
        return
    gift = upsert(StartingGift).values(
        tenant_id=event.tenant_id, membership_id=event.membership_id, minutes=rule.value
    )
    once = gift.on_conflict_do_nothing(index_elements=["tenant_id", "membership_id"])
    if (await db.execute(once.returning(StartingGift.membership_id))).one_or_none():
        await _give_waiting(db, event.tenant_id)


async def give_starting_gifts(db: AsyncSession, event: StartingGiftsDue) -> None:
    """Give those that wait, as far as the pot reaches: hears StartingGiftsDue."""
    await _give_waiting(db, event.tenant_id)


async def _give_waiting(db: AsyncSession, tenant_id: CooperativeId) -> None:
    """Give in the order of joining; holds the gifts, then the ledger's accounts."""
    query = (
        select(StartingGift)
        .where(StartingGift.tenant_id == tenant_id, StartingGift.state == StartingGiftState.WAITING)
        .order_by(StartingGift.joined_at, StartingGift.membership_id)
        .limit(GIVEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    gifts = (await db.scalars(query, execution_options={"populate_existing": True})).all()
    orders = [
        post(
            debit=pot_of(tenant_id),
            credit=hours_account_of(gift.membership_id),
            amount=gift.minutes,
            actor=None,
            cause=STARTING_GIFT,
        )
        for gift in gifts
    ]
    lacking = 0
    for gift, outcome in zip(gifts, await post_transfers(db, orders), strict=True):
        if outcome.refusal is None:
            gift.state, gift.transfer_id = StartingGiftState.GIVEN, TransferId(outcome.granted())
            await notify(
                db,
                tenant_id=tenant_id,
                membership_id=gift.membership_id,
                kind="starting_gift_received",
                facts={"amount_minutes": gift.minutes},
            )
        elif outcome.refusal == NotEnoughHours.code:
            if gift.told_at is None:
                lacking += gift.minutes
                gift.told_at = await db.scalar(select(func.now()))
        else:
            gift.state = StartingGiftState.LAPSED
    await db.flush()
    if lacking:
        await _tell_stewards(db, tenant_id, lacking)


async def _tell_stewards(db: AsyncSession, tenant_id: UUID, lacking_minutes: int) -> None:
    """Tell the pot's stewards, or where there is none the managers, that welcomes wait; once for each."""
    for role in (Role.STEWARD, Role.MANAGER):
        holders = await db.scalars(
            select(Mandate.membership_id).where(
                Mandate.tenant_id == tenant_id,
                Mandate.role == role,
                Mandate.ended_at.is_(None),
                Mandate.term.contains(func.now()),
            )
        )
        if told := sorted(set(holders)):
            await notify_members(
                db,
                tenant_id=tenant_id,
                membership_ids=told,
                kind="starting_gift_waits",
                facts={"lacking_minutes": lacking_minutes},
            )
            return
