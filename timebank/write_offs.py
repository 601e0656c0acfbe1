"""Write-offs: a member who wants to leave owes hours, and a treasurer decides whether they are forgiven.

A decision moves nothing: the hours are settled when the member leaves, up to what was granted. This file must
never let anybody decide about their own debt.
"""

from collections.abc import Sequence
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
from tenants.memberships import Membership
from tenants.notices import NoticeKind, declare_notices, notify, notify_members
from tenants.personal import Fate, Holding, holds
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.words import N_
from timebank.exchanges import REASON_LENGTH, checked_reason
from timebank.ledger.accounts import Account, Unit, hours_account_of

declare_notices(
    NoticeKind(
        "write_off_asked",
        N_("Un membre qui veut partir doit {owed_minutes} : c'est à la trésorerie de décider."),
        "/treasury/write-offs",
    ),
    NoticeKind(
        "write_off_granted",
        N_("Votre dette de {owed_minutes} sera effacée à votre départ."),
        "/profile/leave",
    ),
    NoticeKind("write_off_refused", N_("La trésorerie n'efface pas votre dette d'heures."), "/profile/leave"),
)


class WriteOffState(StrEnum):
    """Asked, then granted or refused; ended once the member has left, with it or without."""

    ASKED = "asked"
    GRANTED = "granted"
    REFUSED = "refused"
    ENDED = "ended"


class WriteOff(Base):
    """One request; ``minutes`` is what was owed when it was asked, the most that may be forgiven."""

    __tablename__ = "write_offs"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "decided_by"], ["memberships.tenant_id", "memberships.id"]),
        Index(
            "uq_write_offs_live",
            "tenant_id",
            "membership_id",
            unique=True,
            postgresql_where=text("state IN ('asked', 'granted')"),
        ),
        CheckConstraint("state IN ('asked', 'granted', 'refused', 'ended')", name="state"),
        CheckConstraint("state NOT IN ('granted', 'refused') OR decided_at IS NOT NULL", name="decided"),
        CheckConstraint("minutes > 0", name="minutes"),
        CheckConstraint(f"char_length(reason) BETWEEN 1 AND {REASON_LENGTH}", name="reason_length"),
        CheckConstraint("decided_by <> membership_id", name="not_by_oneself"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[UUID]
    minutes: Mapped[int]
    state: Mapped[WriteOffState] = mapped_column(server_default="asked")
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]


holds(
    Holding(
        table="write_offs",
        title=N_("Mes demandes d'effacement d'une dette"),
        mine=("membership_id",),
        exported={
            "asked_at": N_("Date"),
            "minutes": N_("Minutes"),
            "state": N_("État"),
            "decided_at": N_("Décidé le"),
            "reason": N_("Motif"),
        },
        fate=Fate.KEPT,
        stays=("reason",),
        why=N_("Les décisions de la trésorerie restent, sous le pseudonyme."),
    ),
)


class NothingOwed(Refusal):
    """The account owes nothing."""

    code = "nothing_owed"
    message = N_("Ce compte ne doit rien : il n'y a rien à effacer.")


class WriteOffDecided(Refusal):
    """Somebody has decided already."""

    code = "write_off_decided"
    message = N_("Cette demande a déjà reçu sa réponse.")


LISTED: Final = 50


async def ask_write_off(db: AsyncSession, *, actor: Actor) -> WriteOff:
    """Ask that what one owes is forgiven, so that one may leave; asked again, it is the same request.

    A person's own act (a token cannot). Raises NothingOwed.
    """
    if actor.scopes is not None:
        raise NotAllowed
    owed = -(await _balance(db, actor.tenant_id, actor.member))
    if owed <= 0:
        raise NothingOwed
    live = await _live(db, actor.tenant_id, actor.member)
    if live is not None and live.minutes >= owed:
        return live
    if live is not None:
        await db.delete(live)
        await db.flush()
    asked = WriteOff(tenant_id=actor.tenant_id, membership_id=actor.member, minutes=owed)
    db.add(asked)
    await db.flush()
    await db.refresh(asked)
    await audit.record(db, actor=actor, action="timebank:write_off:asked", subject_id=asked.id)
    treasurers = await db.scalars(
        select(Mandate.membership_id).where(
            Mandate.tenant_id == actor.tenant_id,
            Mandate.role == Role.TREASURER,
            Mandate.ended_at.is_(None),
            Mandate.term.contains(func.now()),
            Mandate.membership_id != actor.member,
        )
    )
    await notify_members(
        db,
        tenant_id=actor.tenant_id,
        membership_ids=set(treasurers),
        kind="write_off_asked",
        facts={"owed_minutes": owed},
    )
    return asked


async def write_offs(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int | None = LISTED
) -> Sequence[tuple[WriteOff, str]]:
    """List the requests with the names of those who ask, the newest first. For a treasurer."""
    actor.must_hold(Role.TREASURER)
    query = (
        select(WriteOff, Membership.display_name)
        .join(
            Membership,
            (Membership.tenant_id == WriteOff.tenant_id) & (Membership.id == WriteOff.membership_id),
        )
        .where(WriteOff.tenant_id == actor.tenant_id)
        .order_by(WriteOff.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(WriteOff.id < before)
    return [(asked, name) for asked, name in await db.execute(query)]


async def decide_write_off(
    db: AsyncSession, *, actor: Actor, write_off_id: UUID, granted: bool, reason: str
) -> WriteOff:
    """Forgive what is owed, or not. A treasurer's act, never for themself. Raises WriteOffDecided, ReasonMissing."""
    actor.must_hold(Role.TREASURER)
    query = select(WriteOff).where(WriteOff.tenant_id == actor.tenant_id, WriteOff.id == write_off_id)
    found = (await db.scalars(query.with_for_update())).one_or_none()
    if found is None:
        raise NotFound
    if found.membership_id == actor.member:
        raise NotAllowed
    if found.state is not WriteOffState.ASKED:
        raise WriteOffDecided
    found.reason = checked_reason(reason)
    found.state = WriteOffState.GRANTED if granted else WriteOffState.REFUSED
    found.decided_by = actor.member
    found.decided_at = (await db.execute(select(func.now()))).scalar_one()
    await audit.record(
        db,
        actor=actor,
        action=f"timebank:write_off:{found.state.value}",
        subject_id=found.id,
        facts={"owed_minutes": found.minutes},
    )
    kind = "write_off_granted" if granted else "write_off_refused"
    await notify(
        db,
        tenant_id=actor.tenant_id,
        membership_id=found.membership_id,
        kind=kind,
        facts={"owed_minutes": found.minutes},
    )
    return found


async def granted_minutes(db: AsyncSession, *, tenant_id: UUID, membership_id: UUID) -> int:
    """What a treasurer has agreed to forgive this member."""
    live = await _live(db, tenant_id, membership_id)
    return live.minutes if live is not None and live.state is WriteOffState.GRANTED else 0


async def end_write_offs(db: AsyncSession, *, tenant_id: UUID, membership_id: UUID) -> None:
    """The member leaves: no request of theirs stands any more."""
    live = await _live(db, tenant_id, membership_id)
    if live is not None:
        live.state = WriteOffState.ENDED
        await db.flush()


async def live_write_off(db: AsyncSession, *, tenant_id: UUID, membership_id: UUID) -> WriteOff | None:
    """The request that is open or granted, if there is one."""
    return await _live(db, tenant_id, membership_id)


async def _live(db: AsyncSession, tenant_id: UUID, membership_id: UUID) -> WriteOff | None:
    query = select(WriteOff).where(
        WriteOff.tenant_id == tenant_id,
        WriteOff.membership_id == membership_id,
        WriteOff.state.in_((WriteOffState.ASKED, WriteOffState.GRANTED)),
    )
    return (await db.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def _balance(db: AsyncSession, tenant_id: UUID, membership_id: UUID) -> int:
    query = select(Account.balance).where(
        Account.tenant_id == tenant_id,
        Account.id == hours_account_of(membership_id),
        Account.unit == Unit.MINUTES,
    )
    return (await db.execute(query)).scalar_one()
