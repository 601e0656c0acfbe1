"""Delegations: one member may do certain things in another's name, for a term, once two mandate holders agree.

For somebody without a computer or under protection. Why is nobody's business: there is no field for it, here or
anywhere. What was agreed never changes (the database grants no such update): a delegation is ended, and another
proposed. This file must never let a delegation reach ballots, objections, leaving or a person's data.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    and_,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from tenants.actors import Actor, Role
from tenants.memberships import Membership
from tenants.platform.database import Base
from tenants.platform.errors import NotFound
from tenants.platform.ids import MembershipId
from tenants.platform.words import N_

DAYS_MAX: Final = 366
MINUTES_MAX: Final = 60_000
APPROVERS: Final = (Role.MANAGER, Role.TREASURER, Role.MEDIATOR, Role.STEWARD)


class Act(StrEnum):
    """What a delegate may do. Nothing is ever added here for votes, objections, leaving or data rights."""

    HOURS = "hours"


ACT_TITLES: Final = {
    Act.HOURS: N_("Saisir des échanges d'heures"),
}


class EndReason(StrEnum):
    """How a delegation ended; never why."""

    TERM = "term"
    ENDED = "ended"


class Delegation(Base):
    """One member's word for another's: which acts, from when to when, and how many minutes at most.

    It is live when two have approved it, its term holds now and it was not ended. ``month`` is a calendar month
    of the cooperative. The database refuses approvals by the parties, twice by one, or without a mandate.
    """

    __tablename__ = "delegations"
    __table_args__ = (
        *(
            ForeignKeyConstraint(["tenant_id", who], ["memberships.tenant_id", "memberships.id"])
            for who in ("represented_id", "delegate_id", "proposed_by", "first_approver", "second_approver")
        ),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("represented_id", "="),
            ("delegate_id", "="),
            ("term", "&&"),
            name="ex_delegations_same_pair_twice",
            using="gist",
            where=text("ended_at IS NULL"),
        ),
        Index("ix_delegations_represented", "tenant_id", "represented_id"),
        Index("ix_delegations_delegate", "tenant_id", "delegate_id"),
        CheckConstraint("delegate_id <> represented_id", name="two_persons"),
        CheckConstraint(
            "first_approver NOT IN (delegate_id, represented_id)"
            " AND second_approver NOT IN (delegate_id, represented_id, first_approver)",
            name="approvers_are_others",
        ),
        CheckConstraint("second_approver IS NULL OR first_approver IS NOT NULL", name="approvals_in_order"),
        CheckConstraint(
            "(first_approver IS NULL) = (first_approved_at IS NULL)"
            " AND (second_approver IS NULL) = (second_approved_at IS NULL)",
            name="approvals_have_a_moment",
        ),
        CheckConstraint(
            "cardinality(acts) > 0 AND acts <@ ARRAY[{}]::text[]".format(", ".join(f"'{a}'" for a in Act)),
            name="acts",
        ),
        CheckConstraint(
            "NOT isempty(term) AND lower(term) IS NOT NULL AND upper(term) IS NOT NULL"
            f" AND upper(term) - lower(term) <= interval '{DAYS_MAX + 1} days'",
            name="term",
        ),
        CheckConstraint(
            f"entry_minutes_max BETWEEN 0 AND {MINUTES_MAX} AND month_minutes_max BETWEEN 0 AND {MINUTES_MAX}",
            name="maxima",
        ),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="end_has_a_reason"),
        CheckConstraint("ended_reason IN ('term', 'ended')", name="ended_reason"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    represented_id: Mapped[MembershipId]
    delegate_id: Mapped[MembershipId]
    acts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    term: Mapped[Range[datetime]] = mapped_column(TSTZRANGE())
    entry_minutes_max: Mapped[int]
    month_minutes_max: Mapped[int]
    proposed_by: Mapped[MembershipId]
    proposed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    first_approver: Mapped[MembershipId | None]
    first_approved_at: Mapped[datetime | None]
    second_approver: Mapped[MembershipId | None]
    second_approved_at: Mapped[datetime | None]
    ending_noticed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[EndReason | None]

    @property
    def last_moment(self) -> datetime:
        """The last moment of the term, whose day people read as its end."""
        assert self.term.upper is not None, "every term ends"
        return self.term.upper - timedelta(microseconds=1)


async def delegations(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int | None = 20
) -> Sequence[tuple[Delegation, str, str]]:
    """List delegations with both names, newest first: one's own two sides, and all for who may approve them."""
    _ = actor.member
    represented, delegate = aliased(Membership), aliased(Membership)
    query = (
        select(Delegation, represented.display_name, delegate.display_name)
        .join(
            represented,
            and_(represented.tenant_id == Delegation.tenant_id, represented.id == Delegation.represented_id),
        )
        .join(
            delegate, and_(delegate.tenant_id == Delegation.tenant_id, delegate.id == Delegation.delegate_id)
        )
        .where(Delegation.tenant_id == actor.tenant_id)
        .order_by(Delegation.id.desc())
        .limit(limit)
    )
    if not actor.holds(*APPROVERS):
        query = query.where(
            or_(Delegation.represented_id == actor.member, Delegation.delegate_id == actor.member)
        )
    if before is not None:
        query = query.where(Delegation.id < before)
    return [(found, first, second) for found, first, second in await db.execute(query)]


async def delegation(db: AsyncSession, *, actor: Actor, delegation_id: UUID) -> Delegation:
    """One delegation, for its two sides and those who may approve it. Raises NotFound."""
    query = select(Delegation).where(Delegation.tenant_id == actor.tenant_id, Delegation.id == delegation_id)
    found = (await db.scalars(query)).one_or_none()
    may = found is not None and (
        actor.is_system
        or actor.member in {found.represented_id, found.delegate_id}
        or actor.holds(*APPROVERS)
    )
    if found is None or not may:
        raise NotFound
    return found
