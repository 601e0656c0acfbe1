"""Requests to join: somebody who knows nobody asks in, from the cooperative's public page.

A request waits once its mailbox is known to be the asker's: because they are signed in, or by the link of
``tenants.join_links``. What managers decide is in ``tenants.admissions``. This file must never make anybody a member,
nor say to a stranger who is one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.house_rules import JOIN_REQUESTS
from tenants.mandates import Mandate
from tenants.memberships import DISPLAY_NAME_LENGTH, Membership, MembershipState, NoSuchTerritory
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.people import me
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.territories import TERRITORIES
from tenants.platform.words import N_
from tenants.rulebook import value_in_force

MESSAGE_LENGTH: Final = 2000
REASON_LENGTH: Final = 2000
WAITS_FOR: Final = timedelta(days=90)


declare_notices(
    NoticeKind(
        "join_request",
        N_("Quelqu'un demande à rejoindre la coopérative et attend une réponse."),
        "/join-requests",
        waits=True,
    )
)


class RequestState(StrEnum):
    """Where a request stands: ``asked`` until its link is pressed, then ``waiting`` for a manager."""

    ASKED = "asked"
    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"


class JoinRequest(Base):
    """One request of one mailbox. After ``expires_at`` the sweep forgets it, whatever its state.

    ``person_id`` is who asked while signed in; their mailbox had been shown to be theirs long before.
    """

    __tablename__ = "join_requests"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        ForeignKeyConstraint(["tenant_id", "decided_by"], ["memberships.tenant_id", "memberships.id"]),
        Index(
            "uq_join_requests_tenant_id_email_asked",
            "tenant_id",
            "email",
            unique=True,
            postgresql_where=text("state = 'asked'"),
        ),
        Index(
            "uq_join_requests_tenant_id_email_waiting",
            "tenant_id",
            "email",
            unique=True,
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_join_requests_person_id", "person_id"),
        Index("ix_join_requests_expires_at", "expires_at"),
        CheckConstraint("state IN ('asked', 'waiting', 'approved', 'declined')", name="state"),
        CheckConstraint("email = lower(email) AND char_length(email) BETWEEN 3 AND 254", name="email"),
        CheckConstraint(
            f"char_length(display_name) BETWEEN 1 AND {DISPLAY_NAME_LENGTH}", name="display_name_length"
        ),
        CheckConstraint(
            f"char_length(message) <= {MESSAGE_LENGTH} AND char_length(reason) <= {REASON_LENGTH}",
            name="lengths",
        ),
        CheckConstraint("territory IS NULL OR territory ~ '^([0-9]{2,3}|2A|2B)$'", name="territory"),
        CheckConstraint("token_hash IS NULL OR octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint("token_hash IS NULL OR state = 'asked'", name="token_until_pressed"),
        CheckConstraint("(state = 'asked') = (confirmed_at IS NULL)", name="confirmed_unless_asked"),
        CheckConstraint(
            "(state IN ('approved', 'declined')) = (decided_at IS NOT NULL)", name="decided_in_the_end"
        ),
        CheckConstraint("locale IN ('fr', 'en')", name="locale"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    state: Mapped[RequestState] = mapped_column(server_default="asked")
    email: Mapped[str]
    display_name: Mapped[str]
    message: Mapped[str] = mapped_column(server_default="")
    territory: Mapped[str | None]
    locale: Mapped[str] = mapped_column(server_default="fr")
    person_id: Mapped[PersonId | None] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    token_hash: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[MembershipId | None]
    reason: Mapped[str] = mapped_column(server_default="")
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '3 days'"))


class JoinRequestsClosed(Refusal):
    """A rule of the cooperative lets nobody ask."""

    code = "join_requests_closed"
    message = N_("Cette coopérative ne reçoit pas de demandes pour l'instant : on y entre sur invitation.")


class MemberHere(Refusal):
    """The signed-in person has a place in this cooperative already."""

    code = "member_here"
    message = N_("Vous avez déjà une place dans cette coopérative.")


async def may_ask(db: AsyncSession, *, tenant_id: CooperativeId) -> bool:
    """Whether the rule in force lets people ask to join."""
    return bool(await value_in_force(db, rule=JOIN_REQUESTS, tenant_id=tenant_id))


async def ask_to_join_signed_in(
    db: AsyncSession,
    *,
    tenant_id: CooperativeId,
    person_id: PersonId,
    display_name: str,
    message: str = "",
    territory: str | None = None,
) -> JoinRequest:
    """Ask as somebody whose mailbox is known to be theirs: the request waits at once. Twice is one request.

    Raises JoinRequestsClosed, NoSuchTerritory, MemberHere.
    """
    await must_be_open(db, tenant_id, territory)
    here = select(Membership.id).where(
        Membership.tenant_id == tenant_id,
        Membership.person_id == person_id,
        Membership.state.in_((MembershipState.ACTIVE, MembershipState.SUSPENDED)),
    )
    if await db.scalar(here) is not None:
        raise MemberHere
    person = await me(db, person_id=person_id)
    words = {"display_name": display_name, "message": message, "territory": territory or None}
    statement = (
        insert(JoinRequest)
        .values(
            tenant_id=tenant_id,
            email=person.email,
            person_id=person_id,
            state=RequestState.WAITING,
            locale=person.locale,
            confirmed_at=func.now(),
            expires_at=func.now() + WAITS_FOR,
            **words,
        )
        .on_conflict_do_update(
            index_elements=["tenant_id", "email"],
            index_where=text("state = 'waiting'"),
            set_={**words, "person_id": person_id},
        )
        .returning(JoinRequest, text("xmax = 0 AS is_new"))
    )
    row = (await db.execute(statement, execution_options={"populate_existing": True})).one()
    request: JoinRequest = row[0]
    if row[1]:
        await tell_managers(db, tenant_id)
    return request


async def join_requests(
    db: AsyncSession, *, actor: Actor, after: UUID | None = None, limit: int | None = 20
) -> Sequence[JoinRequest]:
    """List the requests that wait, the oldest first; ``after`` is the last id read. A manager's list."""
    actor.must_hold(Role.MANAGER)
    query = select(JoinRequest).where(
        JoinRequest.tenant_id == actor.tenant_id, JoinRequest.state == RequestState.WAITING
    )
    if after is not None:
        query = query.where(JoinRequest.id > after)
    return (await db.scalars(query.order_by(JoinRequest.id).limit(limit))).all()


async def lock_waiting(db: AsyncSession, tenant_id: CooperativeId, request_id: UUID) -> JoinRequest:
    """Hold a request that nobody has answered yet. Raises NotFound."""
    query = select(JoinRequest).where(
        JoinRequest.tenant_id == tenant_id,
        JoinRequest.id == request_id,
        JoinRequest.state == RequestState.WAITING,
    )
    locked = query.with_for_update().execution_options(populate_existing=True)
    request = (await db.scalars(locked)).one_or_none()
    if request is None:
        raise NotFound
    return request


async def must_be_open(db: AsyncSession, tenant_id: CooperativeId, territory: str | None) -> None:
    """Refuse where a rule lets nobody ask, and a territory that is none. Raises JoinRequestsClosed, NoSuchTerritory."""
    if not await may_ask(db, tenant_id=tenant_id):
        raise JoinRequestsClosed
    if territory and territory not in TERRITORIES:
        raise NoSuchTerritory


async def tell_managers(db: AsyncSession, tenant_id: CooperativeId) -> None:
    """Tell the managers that a request waits for them."""
    managers = await db.scalars(
        select(Mandate.membership_id).where(
            Mandate.tenant_id == tenant_id,
            Mandate.role == Role.MANAGER,
            Mandate.ended_at.is_(None),
            Mandate.term.contains(func.now()),
        )
    )
    await notify_members(db, tenant_id=tenant_id, membership_ids=set(managers), kind="join_request", facts={})
