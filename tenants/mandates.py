"""Mandates: what a member may do for the cooperative, for a term, by a decision.

A mandate is in force when its term holds now and it was not ended; roles come from nothing else. The last
manager cannot be taken away. This file must never change a term once given: it is ended, and another given.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, and_, func, select, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit, register
from tenants.actors import Actor, Role
from tenants.events import MandateEnded, MandateGiven
from tenants.management import lock_managers, must_leave_a_manager
from tenants.memberships import (
    Membership,
    MembershipState,
    StateUnfit,
    lock_member,
)
from tenants.notices import NoticeKind, declare_notices, notify
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MandateId, MembershipId
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from tenants.terms import term_between

declare_notices(
    NoticeKind(
        "mandate_given", N_("Un mandat vous est confié jusqu'au {until_on}."), "/mandates", required=True
    ),
    NoticeKind("mandate_ended", N_("L'un de vos mandats a pris fin."), "/mandates"),
)


class EndReason(StrEnum):
    """Why a mandate ended."""

    TERM = "term"
    GIVEN_UP = "given_up"
    TAKEN_BACK = "taken_back"
    LEFT = "left"


END_REASON_TITLES: Final = {
    EndReason.TERM: N_("arrivé à son terme"),
    EndReason.GIVEN_UP: N_("rendu par son titulaire"),
    EndReason.TAKEN_BACK: N_("retiré"),
    EndReason.LEFT: N_("départ de la coopérative"),
}


class Mandate(Base):
    """One role of one member for one term.

    ``decision_id`` is the assembly or proposal that gave it, if any; ``register_seq`` its line in the register.
    """

    __tablename__ = "mandates"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "given_by"], ["memberships.tenant_id", "memberships.id"]),
        # A member holds a role once at a time; a mandate that was ended leaves room for another.
        ExcludeConstraint(
            ("tenant_id", "="),
            ("membership_id", "="),
            ("role", "="),
            ("term", "&&"),
            name="ex_mandates_same_role_twice",
            using="gist",
            where=text("ended_at IS NULL"),
        ),
        Index("ix_mandates_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("role IN ({})".format(", ".join(f"'{role}'" for role in Role)), name="role"),
        CheckConstraint(
            "NOT isempty(term) AND lower(term) IS NOT NULL AND upper(term) IS NOT NULL", name="term"
        ),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="end_has_a_reason"),
        CheckConstraint("ended_reason IN ('term', 'given_up', 'taken_back', 'left')", name="ended_reason"),
        ForeignKeyConstraint(
            ["tenant_id", "register_seq"], ["register_lines.tenant_id", "register_lines.seq"]
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[MandateId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    role: Mapped[Role]
    term: Mapped[Range[datetime]] = mapped_column(TSTZRANGE())
    decision_id: Mapped[UUID | None]
    register_seq: Mapped[int | None] = mapped_column(BigInteger)
    given_by: Mapped[MembershipId | None]
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ending_noticed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[EndReason | None]

    @property
    def last_moment(self) -> datetime:
        """The last moment of the term, whose day people read as its end."""
        assert self.term.upper is not None, "every term ends"
        return self.term.upper - timedelta(microseconds=1)


class MandateOverlaps(Refusal):
    """The member holds this role already at some time of the term."""

    code = "mandate_overlaps"
    message = N_("Cette personne a déjà ce mandat pendant une partie de cette période.")
    default_field = "role"


class MandateEndedAlready(Refusal):
    """The mandate is over."""

    code = "mandate_ended_already"
    message = N_("Ce mandat a déjà pris fin.")


async def give_mandate(
    db: AsyncSession,
    *,
    actor: Actor,
    membership_id: UUID,
    role: Role,
    until: date,
    since: date | None = None,
    decision_id: UUID | None = None,
) -> Mandate:
    """Give an active member a role until the end of the day ``until``, from now or the day ``since``.

    A manager's doing, or the software's on a decision. Days are those of the cooperative's time zone. Holds
    the member, then the register's head. Raises TermUnfit, MandateOverlaps, StateUnfit, NotFound.
    """
    if not actor.is_system:
        actor.must_hold(Role.MANAGER)
    holder = await lock_member(db, actor.tenant_id, membership_id)
    if holder.state != MembershipState.ACTIVE:
        raise StateUnfit("membership_id")
    term = await term_between(db, actor.tenant_id, since, until)
    mandate = await write_mandate(
        db, actor=actor, membership_id=holder.id, role=role, term=term, decision_id=decision_id
    )
    await notify(
        db,
        tenant_id=actor.tenant_id,
        membership_id=holder.id,
        kind="mandate_given",
        facts={"until_on": until},
    )
    count = await count_holders(db, actor.tenant_id, role)
    line = await register.append(
        db, tenant_id=actor.tenant_id, kind="mandate_given", facts={"role": str(role), "holders": count}
    )
    mandate.register_seq = line.seq
    await db.flush()
    return mandate


async def write_mandate(
    db: AsyncSession,
    *,
    actor: Actor,
    membership_id: MembershipId,
    role: Role,
    term: Range[datetime],
    decision_id: UUID | None = None,
) -> Mandate:
    """Write, audit and announce a mandate; the caller authorises, locks the member and writes the register."""
    overlapping = select(Mandate.id).where(
        Mandate.tenant_id == actor.tenant_id,
        Mandate.membership_id == membership_id,
        Mandate.role == role,
        Mandate.ended_at.is_(None),
        Mandate.term.overlaps(term),
    )
    if await db.scalar(overlapping) is not None:
        raise MandateOverlaps
    mandate = Mandate(
        tenant_id=actor.tenant_id,
        membership_id=membership_id,
        role=role,
        term=term,
        decision_id=decision_id,
        given_by=actor.membership_id,
    )
    db.add(mandate)
    await db.flush()
    facts = {"role": str(role), "membership_id": str(membership_id)}
    await audit.record(db, actor=actor, action="tenants:mandate:given", subject_id=mandate.id, facts=facts)
    await emit(
        db,
        MandateGiven(
            tenant_id=actor.tenant_id, mandate_id=mandate.id, membership_id=membership_id, role=str(role)
        ),
    )
    return mandate


async def end_mandate(
    db: AsyncSession, *, actor: Actor, mandate_id: UUID, reason: EndReason | None = None
) -> Mandate:
    """Take a mandate back (a manager), or give up one's own. Nobody sends the last manager away.

    Holds the cooperative's management (``lock_managers``), the mandate, then the register's head. Raises
    LastManager, MandateEndedAlready, NotAllowed, NotFound.
    """
    await lock_managers(db, actor.tenant_id)
    mandate = await _lock(db, actor.tenant_id, mandate_id)
    own = mandate.membership_id == actor.membership_id
    if not own and not actor.is_system:
        actor.must_hold(Role.MANAGER)
    if mandate.ended_at is not None:
        raise MandateEndedAlready
    if mandate.role == Role.MANAGER:
        await must_leave_a_manager(db, actor.tenant_id, without_mandate=mandate.id)
    await write_end(db, actor, mandate, reason or (EndReason.GIVEN_UP if own else EndReason.TAKEN_BACK))
    return mandate


async def write_end(db: AsyncSession, actor: Actor, mandate: Mandate, reason: EndReason) -> None:
    """Write that a mandate ended, everywhere it is to be read; the caller authorises and holds the mandate."""
    now = (await db.execute(select(func.now()))).scalar_one()
    mandate.ended_at, mandate.ended_reason = now, reason
    facts = {"role": str(mandate.role), "membership_id": str(mandate.membership_id), "reason": str(reason)}
    await audit.record(db, actor=actor, action="tenants:mandate:ended", subject_id=mandate.id, facts=facts)
    await emit(
        db,
        MandateEnded(
            tenant_id=actor.tenant_id,
            mandate_id=mandate.id,
            membership_id=mandate.membership_id,
            role=str(mandate.role),
        ),
    )
    if mandate.membership_id != actor.membership_id:
        await notify(
            db, tenant_id=actor.tenant_id, membership_id=mandate.membership_id, kind="mandate_ended", facts={}
        )
    count = await count_holders(db, actor.tenant_id, mandate.role)
    await register.append(
        db,
        tenant_id=actor.tenant_id,
        kind="mandate_ended",
        facts={"role": str(mandate.role), "holders": count},
    )


async def mandates_in_force(
    db: AsyncSession, *, actor: Actor, membership_id: UUID | None = None
) -> Sequence[tuple[Mandate, str]]:
    """List the mandates of active members that hold now or begin later, with the holders' names, by role.

    Any member may read it; there are as many as a cooperative has roles to give, so it is not paged.
    """
    _ = actor.member
    query = (
        select(Mandate, Membership.display_name)
        .join(
            Membership,
            and_(Membership.tenant_id == Mandate.tenant_id, Membership.id == Mandate.membership_id),
        )
        .where(
            Mandate.tenant_id == actor.tenant_id,
            Mandate.ended_at.is_(None),
            func.upper(Mandate.term) > func.now(),
        )
    )
    if membership_id is not None:
        query = query.where(Mandate.membership_id == membership_id)
    rows = await db.execute(query.order_by(Mandate.role, Membership.sort_name, Mandate.id))
    return [(mandate, name) for mandate, name in rows]


async def count_holders(db: AsyncSession, tenant_id: CooperativeId, role: Role) -> int:
    """How many mandates of a role hold now."""
    query = select(func.count()).where(
        Mandate.tenant_id == tenant_id,
        Mandate.role == role,
        Mandate.ended_at.is_(None),
        Mandate.term.contains(func.now()),
    )
    return (await db.execute(query)).scalar_one()


async def _lock(db: AsyncSession, tenant_id: CooperativeId, mandate_id: UUID) -> Mandate:
    query = select(Mandate).where(Mandate.tenant_id == tenant_id, Mandate.id == mandate_id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    mandate = (await db.scalars(locked)).one_or_none()
    if mandate is None:
        raise NotFound
    return mandate
