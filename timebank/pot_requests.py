"""Requests for help from the solidarity pot: a member asks for themself, its stewards decide.

The purpose comes from a short list and is what statements show; the words are for the deciding stewards alone, and
for whoever wrote them. Nobody decides on their own request. This file must never tell anyone else who asked: no
entry of the audit trail and no notice names the member.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Select,
    and_,
    func,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.mandates import Mandate
from tenants.memberships import Membership
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId, TransferId
from tenants.platform.words import N_
from timebank.pot_purposes import PotPurpose

WORDS_LENGTH: Final = 2_000
MINUTES_MAX: Final = 1_000 * 60


declare_notices(
    NoticeKind(
        "pot_request_waits",
        N_("Une demande d'aide attend la réponse de ceux qui ont la charge de la caisse."),
        "/pot/requests/{request_id}",
        waits=True,
    ),
    NoticeKind(
        "pot_has_no_steward",
        N_(
            "Une demande d'aide à la caisse attend, et personne d'autre n'en a la charge : ce mandat est à donner."
        ),
        "/mandates",
        topic=Topic.POT,
        waits=True,
    ),
)


class PotRequestState(StrEnum):
    """Where a request stands; only an open one can be decided or withdrawn."""

    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class PotRequest(Base):
    """One member's request. ``answer`` is what the steward wrote to them; ``transfer_id`` what was posted."""

    __tablename__ = "pot_requests"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "decided_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "transfer_id"], ["transfers.tenant_id", "transfers.id"]),
        Index(
            "uq_pot_requests_open",
            "tenant_id",
            "membership_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_pot_requests_member", "tenant_id", "membership_id", "id"),
        Index("ix_pot_requests_state", "tenant_id", "state", "id"),
        CheckConstraint("state IN ('open', 'granted', 'refused', 'withdrawn')", name="state"),
        CheckConstraint(
            "purpose IN ('living', 'health', 'family', 'home', 'digital', 'work', 'other')", name="purpose"
        ),
        CheckConstraint(f"asked_minutes BETWEEN 1 AND {MINUTES_MAX}", name="asked"),
        CheckConstraint(f"char_length(words) <= {WORDS_LENGTH}", name="words_length"),
        CheckConstraint("(state IN ('granted', 'refused')) = (decided_by IS NOT NULL)", name="decided"),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended"),
        CheckConstraint(
            "(state = 'granted') = (transfer_id IS NOT NULL) AND (state = 'granted') = (granted_minutes IS NOT NULL)",
            name="granted",
        ),
        CheckConstraint("decided_by <> membership_id", name="never_ones_own"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    purpose: Mapped[PotPurpose]
    words: Mapped[str]
    asked_minutes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[PotRequestState] = mapped_column(server_default="open")
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    decided_by: Mapped[MembershipId | None]
    answer: Mapped[str] = mapped_column(server_default="")
    granted_minutes: Mapped[int | None] = mapped_column(BigInteger)
    transfer_id: Mapped[TransferId | None]


class PotRequestOpen(Refusal):
    """One request at a time."""

    code = "pot_request_open"
    message = N_("Vous avez déjà une demande en attente : retirez-la, ou attendez la réponse.")


class PotRequestOver(Refusal):
    """It was decided or withdrawn."""

    code = "pot_request_over"
    message = N_("Cette demande a déjà reçu une réponse, ou a été retirée.")


@dataclass(frozen=True, slots=True)
class PotRequestShown:
    """A request with the name of whoever asked, as the stewards and its own author see it."""

    request: PotRequest
    name: str


# --- Asking ----------------------------------------------------------------------------------------------


async def ask_pot(
    db: AsyncSession, *, actor: Actor, purpose: PotPurpose, words: str, asked_minutes: int
) -> PotRequest:
    """Ask the pot for hours, for oneself; after an answer one may ask again. Raises PotRequestOpen.

    The stewards are told that a request waits; where there is none but the member themself, the managers are told
    that the mandate is missing.
    """
    request = PotRequest(
        tenant_id=actor.tenant_id,
        membership_id=actor.member,
        purpose=purpose,
        words=words.strip(),
        asked_minutes=asked_minutes,
    )
    try:
        async with db.begin_nested():
            db.add(request)
            await db.flush()
    except IntegrityError as error:
        raise PotRequestOpen from error
    await db.refresh(request)
    stewards = await _holders(db, actor.tenant_id, Role.STEWARD) - {actor.member}
    if stewards:
        await notify_members(
            db,
            tenant_id=actor.tenant_id,
            membership_ids=sorted(stewards),
            kind="pot_request_waits",
            facts={"request_id": request.id},
        )
    else:
        await notify_members(
            db,
            tenant_id=actor.tenant_id,
            membership_ids=sorted(await _holders(db, actor.tenant_id, Role.MANAGER)),
            kind="pot_has_no_steward",
            facts={},
        )
    return request


async def withdraw_pot_request(db: AsyncSession, *, actor: Actor, request_id: UUID) -> PotRequest:
    """Take one's own request back. Raises NotFound, PotRequestOver."""
    request = await open_request(db, actor=actor, request_id=request_id)
    if request.membership_id != actor.member:
        raise NotFound
    request.state = PotRequestState.WITHDRAWN
    await end_request(db, request)
    return request


async def open_request(db: AsyncSession, *, actor: Actor, request_id: UUID) -> PotRequest:
    """The open request, held until the transaction ends. What one may not see is not found."""
    query = _visible(actor).where(PotRequest.id == request_id).with_for_update(of=PotRequest)
    row = (await db.execute(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFound
    request: PotRequest = row.PotRequest
    if request.state is not PotRequestState.OPEN:
        raise PotRequestOver
    return request


async def end_request(db: AsyncSession, request: PotRequest) -> None:
    """Write when a request came to its end; its state was set by the caller, who holds its row."""
    request.ended_at = await db.scalar(select(func.now()))
    await db.flush()


async def _holders(db: AsyncSession, tenant_id: UUID, role: Role) -> set[MembershipId]:
    found = await db.scalars(
        select(Mandate.membership_id).where(
            Mandate.tenant_id == tenant_id,
            Mandate.role == role,
            Mandate.ended_at.is_(None),
            Mandate.term.contains(func.now()),
        )
    )
    return set(found)


# --- Reading ---------------------------------------------------------------------------------------------


def _visible(actor: Actor) -> Select[PotRequest, str]:
    """The requests that the actor may read: a steward all of them, another member their own."""
    query = (
        select(PotRequest, Membership.display_name)
        .join(
            Membership,
            and_(Membership.tenant_id == PotRequest.tenant_id, Membership.id == PotRequest.membership_id),
        )
        .where(PotRequest.tenant_id == actor.tenant_id)
    )
    if not actor.holds(Role.STEWARD):
        query = query.where(PotRequest.membership_id == actor.member)
    return query


async def pot_request(db: AsyncSession, *, actor: Actor, request_id: UUID) -> PotRequestShown:
    """One request, for its author and the stewards. Raises NotFound for anybody else."""
    row = (await db.execute(_visible(actor).where(PotRequest.id == request_id))).one_or_none()
    if row is None:
        raise NotFound
    return PotRequestShown(row.PotRequest, row.display_name)


async def my_pot_requests(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int | None = 20
) -> Sequence[PotRequest]:
    """One's own requests, newest first; ``before`` is the last id read."""
    query = select(PotRequest).where(
        PotRequest.tenant_id == actor.tenant_id, PotRequest.membership_id == actor.member
    )
    if before:
        query = query.where(PotRequest.id < before)
    return (await db.scalars(query.order_by(PotRequest.id.desc()).limit(limit))).all()


async def pot_requests(
    db: AsyncSession,
    *,
    actor: Actor,
    state: PotRequestState | None = None,
    before: UUID | None = None,
    limit: int | None = 20,
) -> Sequence[PotRequestShown]:
    """The requests of all members, newest first: for a steward. ``before`` is the last id read."""
    actor.must_hold(Role.STEWARD)
    query = _visible(actor)
    if state:
        query = query.where(PotRequest.state == state)
    if before:
        query = query.where(PotRequest.id < before)
    rows = await db.execute(query.order_by(PotRequest.id.desc()).limit(limit))
    return [PotRequestShown(row.PotRequest, row.display_name) for row in rows]
