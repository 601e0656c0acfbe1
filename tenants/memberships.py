"""Memberships: a person's place in one cooperative, with the name and contacts they gave there.

A membership begins as an invitation nobody has claimed (``person_id`` null) and becomes active when
somebody accepts it from their mailbox. Leaving keeps the row, for what was done stays attributed. This file
must never touch ``people``, nor show a contact to anyone but members of the same cooperative.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit, register
from tenants.actors import Actor, Role
from tenants.events import MemberLeft
from tenants.management import lock_managers, must_leave_a_manager
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from tenants.profiles import PROFILE_CHECKS, ProfileColumns

DISPLAY_NAME_LENGTH: Final = 80


class MembershipState(StrEnum):
    """Where the membership stands; only an active one may act."""

    INVITED = "invited"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class Membership(ProfileColumns, Base):
    """One member of one cooperative."""

    __tablename__ = "memberships"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        # Null persons are distinct: many invitations may be unclaimed at once.
        UniqueConstraint("tenant_id", "person_id"),
        Index(
            "uq_memberships_tenant_id_contact_email_invited",
            "tenant_id",
            "contact_email",
            unique=True,
            # Of those who were imported without one, many have no address.
            postgresql_where=text("state = 'invited' AND contact_email <> ''"),
        ),
        Index("ix_memberships_tenant_id_sort_name_id", "tenant_id", "sort_name", "id"),
        Index("ix_memberships_person_id", "person_id"),
        CheckConstraint("state IN ('invited', 'active', 'suspended', 'left')", name="state"),
        CheckConstraint("(state = 'invited') = (joined_at IS NULL)", name="joined_unless_invited"),
        # Somebody without a computer is a member whom nobody has claimed yet: paper reaches them.
        CheckConstraint(
            "state IN ('invited', 'left') OR person_id IS NOT NULL OR wants_letters OR awaits_claim",
            name="claimed_when_active",
        ),
        # Who came with their cooperative from another installation has still to claim what is theirs.
        CheckConstraint("NOT awaits_claim OR person_id IS NULL", name="claimed_once"),
        CheckConstraint("NOT wants_letters OR postal_address <> ''", name="letters_need_an_address"),
        CheckConstraint("char_length(postal_address) <= 400", name="postal_address_length"),
        CheckConstraint(
            f"char_length(display_name) BETWEEN 1 AND {DISPLAY_NAME_LENGTH}", name="display_name_length"
        ),
        CheckConstraint("contact_email = lower(contact_email)", name="contact_email_is_lower_case"),
        CheckConstraint(
            "new_contact_email = lower(new_contact_email)", name="new_contact_email_is_lower_case"
        ),
        CheckConstraint("octet_length(new_contact_email_hash) = 32", name="new_contact_email_hash_is_sha256"),
        CheckConstraint(
            "(new_contact_email IS NULL) = (new_contact_email_until IS NULL)",
            name="new_contact_email_expires",
        ),
        *PROFILE_CHECKS,
        CheckConstraint("char_length(presentation) <= 10000", name="presentation_length"),
        CheckConstraint("territory IS NULL OR territory ~ '^([0-9]{2,3}|2A|2B)$'", name="territory"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[MembershipId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    person_id: Mapped[PersonId | None] = mapped_column(ForeignKey("people.person_id"))
    state: Mapped[MembershipState] = mapped_column(server_default="invited")
    display_name: Mapped[str]
    # The name without case and accents, by which lists are sorted and searched; a trigger keeps it.
    sort_name: Mapped[str] = mapped_column(server_default="")
    contact_email: Mapped[str]
    contact_phone: Mapped[str | None]
    # As it stands on an envelope; managers alone see it. Whether what is done in one's name is also told on paper.
    postal_address: Mapped[str] = mapped_column(server_default="")
    wants_letters: Mapped[bool] = mapped_column(server_default=text("false"))
    awaits_claim: Mapped[bool] = mapped_column(server_default=text("false"))
    territory: Mapped[str | None]
    presentation: Mapped[str] = mapped_column(server_default="")
    # An address that waits for its owner to open the link sent there (see contact_emails).
    new_contact_email: Mapped[str | None]
    new_contact_email_hash: Mapped[bytes | None]
    new_contact_email_until: Mapped[datetime | None]
    # What was chosen for e-mail and telephone together, before each had its own audience.
    shares_contact: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    joined_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class NoSuchTerritory(Refusal):
    """Not the code of a French département."""

    status = 422
    code = "no_such_territory"
    message = N_("Ce département n'existe pas.")
    default_field = "territory"


class StateUnfit(Refusal):
    """The membership is not in a state where this makes sense."""

    code = "membership_state_unfit"
    message = N_("Cette personne n'est pas dans un état où cela soit possible.")


async def members(
    db: AsyncSession,
    *,
    actor: Actor,
    state: MembershipState = MembershipState.ACTIVE,
    search: str = "",
    after: tuple[str, UUID] | None = None,
    limit: int | None = 20,
) -> Sequence[Membership]:
    """List members by name, without regard to case and accents; ``limit`` None is all.

    ``after`` is the ``sort_name`` and id of the last one read; ``search`` is a part of a name.

    Members see the active ones; only a manager sees other states, and reads all at once.
    """
    _ = actor.member
    if state != MembershipState.ACTIVE or limit is None:
        actor.must_hold(Role.MANAGER)
    query = select(Membership).where(Membership.tenant_id == actor.tenant_id, Membership.state == state)
    if search:
        folded = func.lower(func.unaccent(escape_like(search)))
        query = query.where(Membership.sort_name.like(func.concat("%", folded, "%"), escape="/"))
    if after is not None:
        query = query.where(tuple_(Membership.sort_name, Membership.id) > tuple_(*after))
    return (await db.scalars(query.order_by(Membership.sort_name, Membership.id).limit(limit))).all()


def escape_like(text: str) -> str:
    """What was typed, as a LIKE pattern that matches just that (escape character: a slash)."""
    return re.sub(r"([/%_])", r"/\1", text)


async def count_members(db: AsyncSession, *, tenant_id: CooperativeId) -> int:
    """How many members are active."""
    query = select(func.count()).where(
        Membership.tenant_id == tenant_id, Membership.state == MembershipState.ACTIVE
    )
    return (await db.execute(query)).scalar_one()


async def member(db: AsyncSession, *, actor: Actor, membership_id: UUID) -> Membership:
    """One member, as another member may see them. Raises NotFound."""
    _ = actor.member
    found = await _find(db, actor.tenant_id, membership_id)
    hidden = found.state in (MembershipState.INVITED, MembershipState.SUSPENDED)
    if hidden and found.id != actor.membership_id and not actor.holds(Role.MANAGER):
        raise NotFound
    return found


async def public_member(db: AsyncSession, tenant_id: CooperativeId, membership_id: UUID) -> Membership | None:
    """An active member, for the gate of ``profiles`` alone: strangers see of them what is for everybody."""
    query = select(Membership).where(
        Membership.tenant_id == tenant_id,
        Membership.id == membership_id,
        Membership.state == MembershipState.ACTIVE,
    )
    return (await db.scalars(query)).one_or_none()


async def suspend_member(db: AsyncSession, *, actor: Actor, membership_id: UUID) -> Membership:
    """Stop a member from acting, for now; their hours stay. A manager's doing, never to the last manager.

    Holds the cooperative's management (``lock_managers``). Raises LastManager, StateUnfit, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    await lock_managers(db, actor.tenant_id)
    found = await lock_member(db, actor.tenant_id, membership_id)
    if found.state != MembershipState.ACTIVE:
        raise StateUnfit
    await must_leave_a_manager(db, actor.tenant_id, without_member=found.id)
    found.state = MembershipState.SUSPENDED
    await audit.record(db, actor=actor, action="tenants:membership:suspended", subject_id=found.id)
    return found


async def reinstate_member(db: AsyncSession, *, actor: Actor, membership_id: UUID) -> Membership:
    """Let a suspended member act again. Raises StateUnfit, NotFound."""
    actor.must_hold(Role.MANAGER)
    found = await lock_member(db, actor.tenant_id, membership_id)
    if found.state != MembershipState.SUSPENDED:
        raise StateUnfit
    found.state = MembershipState.ACTIVE
    await audit.record(db, actor=actor, action="tenants:membership:reinstated", subject_id=found.id)
    return found


async def leave_cooperative(db: AsyncSession, *, actor: Actor, membership_id: UUID | None = None) -> None:
    """End one's membership (or, for a manager, another's): mandates end, tokens stop, what was done stays.

    What runs, and what the account holds, is settled before (``marketplace.leaving``). A person's own act: a token
    cannot do it for them (NotAllowed). Raises LastManager. Holds the cooperative's management
    (``lock_managers``), then the register's head.
    """
    if actor.scopes is not None:
        raise NotAllowed
    if membership_id not in (None, actor.membership_id):
        actor.must_hold(Role.MANAGER)
    await lock_managers(db, actor.tenant_id)
    found = await lock_member(db, actor.tenant_id, membership_id or actor.member)
    await must_leave_a_manager(db, actor.tenant_id, without_member=found.id)
    found.state, found.ended_at = MembershipState.LEFT, await db.scalar(select(func.now()))
    await db.flush()
    for statement in (_END_MANDATES, _REVOKE_TOKENS):
        await db.execute(statement, {"tenant_id": actor.tenant_id, "membership_id": found.id})
    await audit.record(db, actor=actor, action="tenants:membership:left", subject_id=found.id)
    await emit(db, MemberLeft(tenant_id=actor.tenant_id, membership_id=found.id))
    count = await count_members(db, tenant_id=actor.tenant_id)
    await register.append(db, tenant_id=actor.tenant_id, kind="member_left", facts={"members": count})


# Spelled here rather than imported: mandates and tokens stand on memberships, not the other way round.
_END_MANDATES = text("""
    UPDATE mandates SET ended_at = now(), ended_reason = 'left'
    WHERE tenant_id = :tenant_id AND membership_id = :membership_id AND ended_at IS NULL
""")
_REVOKE_TOKENS = text("""
    UPDATE api_tokens SET revoked_at = now()
    WHERE tenant_id = :tenant_id AND membership_id = :membership_id AND revoked_at IS NULL
""")


async def lock_member(db: AsyncSession, tenant_id: CooperativeId, membership_id: UUID) -> Membership:
    """Read one member and hold their row until the transaction ends. Raises NotFound."""
    return await _find(db, tenant_id, membership_id, lock=True)


async def _find(
    db: AsyncSession, tenant_id: CooperativeId, membership_id: UUID, *, lock: bool = False
) -> Membership:
    query = select(Membership).where(Membership.tenant_id == tenant_id, Membership.id == membership_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = (await db.scalars(query)).one_or_none()
    if found is None:
        raise NotFound
    return found
