"""Teams: the members who share a mission, each with a part in whole shares.

A bid without parts is one member's, and so is an agreement: a team of one has no row here. Who leads the team
made the bid, begins, delivers and speaks for it; every other member accepts their own part before the bid can be
accepted. This file must never move hours, nor lock anything: its callers hold the mission's lock.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    and_,
    exists,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.memberships import Membership, MembershipState
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.words import N_

SHARES_AT_MOST: Final = 1_000


class PartState(StrEnum):
    """Invited until the member accepts or declines; who had accepted may leave before the bid is accepted."""

    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LEFT = "left"


class BidPart(Base):
    """One member's part in a bid made with a team, the bidder's own included."""

    __tablename__ = "bid_parts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "bid_id"], ["bids.tenant_id", "bids.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(f"shares BETWEEN 1 AND {SHARES_AT_MOST}", name="shares"),
        CheckConstraint("state IN ('invited', 'accepted', 'declined', 'left')", name="state"),
        CheckConstraint("(state = 'invited') = (answered_at IS NULL)", name="answered"),
        Index("ix_bid_parts_tenant_id_member_id", "tenant_id", "member_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    bid_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    shares: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[PartState] = mapped_column(server_default=text("'invited'"))
    answered_at: Mapped[datetime | None]


class AgreementPart(Base):
    """One member's part in an agreement; no shares once an amendment took it away.

    ``posted_minutes`` is what the member got in the end, and ``transfer_id`` the transfer that brought it.
    """

    __tablename__ = "agreement_parts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "agreement_id"], ["agreements.tenant_id", "agreements.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "transfer_id"], ["transfers.tenant_id", "transfers.id"]),
        CheckConstraint(f"shares BETWEEN 0 AND {SHARES_AT_MOST}", name="shares"),
        CheckConstraint("posted_minutes >= 0", name="posted_minutes"),
        CheckConstraint("(coalesce(posted_minutes, 0) > 0) = (transfer_id IS NOT NULL)", name="posted"),
        Index("ix_agreement_parts_tenant_id_member_id", "tenant_id", "member_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    agreement_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    shares: Mapped[int] = mapped_column(SmallInteger)
    posted_minutes: Mapped[int | None]
    transfer_id: Mapped[UUID | None]


class TeamNotComplete(Refusal):
    """Somebody has not accepted their part, or cannot work here any more."""

    status = 409
    code = "team_not_complete"
    message = N_(
        "L'équipe n'est pas complète : chaque personne doit d'abord accepter sa part. Sans réponse : {open_parts}."
    )


async def write_bid_parts(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    bid_id: UUID,
    shares: Mapping[UUID, int],
    agreed: Collection[UUID],
    now: datetime,
) -> None:
    """Invite the team, but those who have ``agreed`` already: the bidder, and who had accepted just this."""
    await db.execute(
        insert(BidPart),
        [
            {
                "tenant_id": tenant_id,
                "bid_id": bid_id,
                "member_id": one,
                "shares": mine,
                "state": PartState.ACCEPTED if one in agreed else PartState.INVITED,
                "answered_at": now if one in agreed else None,
            }
            for one, mine in shares.items()
        ],
    )


async def bid_parts(db: AsyncSession, *, tenant_id: UUID, bid_id: UUID) -> Sequence[BidPart]:
    """Return the parts of a bid, in no order that matters."""
    query = select(BidPart).where(BidPart.tenant_id == tenant_id, BidPart.bid_id == bid_id)
    return (await db.scalars(query.execution_options(populate_existing=True))).all()


def standing_mates(parts: Sequence[BidPart], lead_id: UUID) -> tuple[UUID, ...]:
    """Return those beside the lead who have not said no, in id order."""
    gone = {PartState.DECLINED, PartState.LEFT}
    return tuple(
        sorted(part.member_id for part in parts if part.state not in gone and part.member_id != lead_id)
    )


async def complete_team(db: AsyncSession, *, tenant_id: UUID, bid_id: UUID) -> dict[UUID, int]:
    """Return the shares of a bid's team once everybody has accepted theirs and is active. Raises TeamNotComplete."""
    rows = (
        await db.execute(
            select(BidPart.member_id, BidPart.shares, BidPart.state, Membership.state.label("membership"))
            .join(
                Membership,
                and_(Membership.tenant_id == BidPart.tenant_id, Membership.id == BidPart.member_id),
            )
            .where(BidPart.tenant_id == tenant_id, BidPart.bid_id == bid_id)
            # Whoever is leaving just now has left, or is held back by what is agreed here.
            .order_by(Membership.id)
            .with_for_update(read=True, of=Membership)
        )
    ).all()
    open_parts = [
        row
        for row in rows
        if row.state is not PartState.ACCEPTED or row.membership is not MembershipState.ACTIVE
    ]
    if open_parts:
        raise TeamNotComplete(open_parts=len(open_parts))
    return {row.member_id: row.shares for row in rows}


async def write_agreement_parts(
    db: AsyncSession, *, tenant_id: UUID, agreement_id: UUID, shares: Mapping[UUID, int]
) -> None:
    """Write the parts of an agreement, over what they were; no shares for who has left."""
    rows = [
        {"tenant_id": tenant_id, "agreement_id": agreement_id, "member_id": one, "shares": mine}
        for one, mine in sorted(shares.items())
    ]
    write = postgresql_insert(AgreementPart)
    keys = (AgreementPart.tenant_id, AgreementPart.agreement_id, AgreementPart.member_id)
    await db.execute(
        write.on_conflict_do_update(index_elements=list(keys), set_={"shares": write.excluded.shares}), rows
    )


async def agreement_shares(
    db: AsyncSession, *, tenant_id: UUID, agreement_ids: Sequence[UUID]
) -> dict[UUID, dict[UUID, int]]:
    """Return the shares by agreement and member, without those who have left."""
    rows = await db.execute(
        select(AgreementPart.agreement_id, AgreementPart.member_id, AgreementPart.shares).where(
            AgreementPart.tenant_id == tenant_id,
            AgreementPart.agreement_id.in_(agreement_ids),
            AgreementPart.shares > 0,
        )
    )
    found: dict[UUID, dict[UUID, int]] = {one: {} for one in agreement_ids}
    for row in rows:
        found[row.agreement_id][row.member_id] = row.shares
    return found


def in_team(agreement: Any, member_id: UUID) -> ColumnElement[bool]:
    """Whether a member has a part in the agreement of the row (``agreement`` is its class)."""
    return exists().where(
        AgreementPart.tenant_id == agreement.tenant_id,
        AgreementPart.agreement_id == agreement.id,
        AgreementPart.member_id == member_id,
        AgreementPart.shares > 0,
    )


def part_in_bid(bid: Any, *wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the bid of the row has such a part."""
    return exists().where(BidPart.tenant_id == bid.tenant_id, BidPart.bid_id == bid.id, *wanted)


def _gathered(part: Any, owner: ColumnElement[bool], **columns: Any) -> ColumnElement[Any]:
    """Gather the parts that belong to a row into one JSON value on it, each with the member's name."""
    pairs = [piece for name, column in columns.items() for piece in (text(f"'{name}'"), column)]
    named = func.jsonb_build_object(
        text("'id'"), part.member_id, text("'name'"), Membership.display_name, *pairs, type_=JSONB
    )
    return (
        select(func.jsonb_agg(named))
        .select_from(part)
        .join(Membership, and_(Membership.tenant_id == part.tenant_id, Membership.id == part.member_id))
        .where(owner)
        .scalar_subquery()
    )


def bid_team_column(bid: Any) -> ColumnElement[Any]:
    """The parts of the bid of a row as JSON, null for a bid of one."""
    owner = and_(BidPart.tenant_id == bid.tenant_id, BidPart.bid_id == bid.id)
    return _gathered(BidPart, owner, shares=BidPart.shares, state=BidPart.state).label("team")


def agreement_team_column(agreement: Any) -> ColumnElement[Any]:
    """The parts of the agreement of a row as JSON, null for a team of one."""
    owner = and_(AgreementPart.tenant_id == agreement.tenant_id, AgreementPart.agreement_id == agreement.id)
    posted = AgreementPart.posted_minutes
    return _gathered(AgreementPart, owner, shares=AgreementPart.shares, posted=posted).label("team")
