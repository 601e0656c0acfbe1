"""Invitations: a manager asks somebody in by mail.

The manager learns nothing about the address: a known and an unknown one are answered alike. The token is
made when the mail is written and only its SHA-256 is kept. How the invited person answers is in
``tenants.joining``. This file must never sign anybody in.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor, Role
from tenants.audit import AuditEntry
from tenants.events import MemberInvited
from tenants.memberships import Membership, MembershipState
from tenants.people import plain_email
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from tenants.sign_ins import new_token

GOOD_FOR: Final = timedelta(days=14)
PAUSE: Final = timedelta(minutes=10)
DAY: Final = timedelta(days=1)
MOST_A_DAY: Final = 200
MESSAGE_LENGTH: Final = 2000


class Invitation(Base):
    """One invitation to one (unclaimed) membership; good for 14 days from its last mailing."""

    __tablename__ = "invitations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "invited_by"], ["memberships.tenant_id", "memberships.id"]),
        Index("ix_invitations_token_hash", "token_hash", postgresql_where=text("token_hash IS NOT NULL")),
        Index(
            "ix_invitations_previous_token_hash",
            "previous_token_hash",
            postgresql_where=text("previous_token_hash IS NOT NULL"),
        ),
        Index("ix_invitations_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("token_hash IS NULL OR octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint(f"char_length(message) <= {MESSAGE_LENGTH}", name="message_length"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    invited_by: Mapped[MembershipId | None]
    message: Mapped[str] = mapped_column(server_default="")
    token_hash: Mapped[bytes | None]
    # The link made before, which goes on working: the operator may hand one over while another is mailed, and
    # a mail may leave twice.
    previous_token_hash: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Of many that are sent at once, each has its day, so that no cooperative sends thousands of mails in an hour.
    leaves_on: Mapped[date | None]
    sent_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '14 days'"))
    consumed_at: Mapped[datetime | None]


class AlreadyInvited(Refusal):
    """Somebody with this address is a member, or has been invited and has not answered yet."""

    code = "already_invited"
    message = N_("Une personne de la coopérative a déjà cette adresse, ou y a déjà été invitée.")
    default_field = "email"


class JustMailed(Refusal):
    """The mail left a moment ago."""

    code = "invitation_just_mailed"
    message = N_("Ce courriel vient de partir. Attendez {wait_minutes} avant de le renvoyer.")


class TooManyInvitations(Refusal):
    """So many mails in the cooperative's name, and in a day, nobody sends by hand."""

    status = 429
    code = "too_many_invitations"
    message = N_("Vous avez envoyé {limit} invitations en 24 heures, c'est la limite. Continuez demain.")


async def invite_member(
    db: AsyncSession, *, actor: Actor, email: str, display_name: str, message: str = ""
) -> Invitation:
    """Invite somebody by mail: a manager's doing. Raises AlreadyInvited, TooManyInvitations.

    Whether anybody can already sign in with this address makes no difference to the answer.
    """
    actor.must_hold(Role.MANAGER)
    await must_be_within_a_day(db, actor)
    invitation = await write_invitation(
        db,
        tenant_id=actor.tenant_id,
        by=actor.membership_id,
        email=email,
        display_name=display_name,
        message=message,
    )
    await audit.record(db, actor=actor, action="tenants:invitation:sent", subject_id=invitation.id)
    await emit(db, MemberInvited(tenant_id=actor.tenant_id, invitation_id=invitation.id))
    return invitation


async def write_invitation(
    db: AsyncSession,
    *,
    tenant_id: CooperativeId,
    by: MembershipId | None,
    email: str,
    display_name: str,
    message: str = "",
) -> Invitation:
    """Write an unclaimed membership and its invitation; the caller authorises, audits and emits.

    Raises AlreadyInvited if the address belongs to somebody of this cooperative who has not left.
    """
    email = plain_email(email)
    taken = select(Membership.id).where(
        Membership.tenant_id == tenant_id,
        Membership.contact_email == email,
        Membership.state != MembershipState.LEFT,
    )
    # Two managers may type the same address at once: the unique index lets one of them through.
    statement = (
        insert(Membership)
        .values(tenant_id=tenant_id, display_name=display_name, contact_email=email)
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "contact_email"],
            index_where=text("state = 'invited' AND contact_email <> ''"),
        )
        .returning(Membership.id)
    )
    if await db.scalar(taken) is not None or (membership_id := await db.scalar(statement)) is None:
        raise AlreadyInvited
    invitation = Invitation(tenant_id=tenant_id, membership_id=membership_id, invited_by=by, message=message)
    db.add(invitation)
    await db.flush()
    return invitation


async def pending_invitations(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int | None = 20
) -> Sequence[tuple[Invitation, Membership]]:
    """List unanswered invitations, newest first; ``before`` is the last id read. A manager's list."""
    actor.must_hold(Role.MANAGER)
    query = (
        select(Invitation, Membership)
        .join(
            Membership,
            and_(Membership.tenant_id == Invitation.tenant_id, Membership.id == Invitation.membership_id),
        )
        .where(Invitation.tenant_id == actor.tenant_id, Invitation.consumed_at.is_(None))
    )
    if before is not None:
        query = query.where(Invitation.id < before)
    rows = await db.execute(query.order_by(Invitation.id.desc()).limit(limit))
    return [(invitation, invited) for invitation, invited in rows]


async def resend_invitation(db: AsyncSession, *, actor: Actor, invitation_id: UUID) -> Invitation:
    """Mail an invitation once more, good for 14 days again; the links made before stop working.

    Raises JustMailed within 10 minutes of the last time, TooManyInvitations, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    await must_be_within_a_day(db, actor)
    invitation = await lock_pending(db, actor.tenant_id, invitation_id)
    now = (await db.execute(select(func.now()))).scalar_one()
    if invitation.sent_at is not None and now - invitation.sent_at < PAUSE:
        raise JustMailed(wait_minutes=int(PAUSE.total_seconds()) // 60)
    invitation.expires_at = now + GOOD_FOR
    invitation.token_hash = invitation.previous_token_hash = None
    await audit.record(db, actor=actor, action="tenants:invitation:sent_again", subject_id=invitation.id)
    await emit(db, MemberInvited(tenant_id=actor.tenant_id, invitation_id=invitation.id))
    return invitation


async def must_be_within_a_day(db: AsyncSession, actor: Actor) -> None:
    """Count what this manager mailed: by the audit trail, which keeps what was taken back since.

    Raises TooManyInvitations.
    """
    query = select(func.count()).where(
        AuditEntry.tenant_id == actor.tenant_id,
        AuditEntry.actor_id == actor.membership_id,
        AuditEntry.action.in_(("tenants:invitation:sent", "tenants:invitation:sent_again")),
        AuditEntry.at > func.now() - DAY,
    )
    if (await db.execute(query)).scalar_one() >= MOST_A_DAY:
        raise TooManyInvitations(limit=MOST_A_DAY)


async def withdraw_invitation(db: AsyncSession, *, actor: Actor, invitation_id: UUID) -> None:
    """Take an invitation back: nothing of somebody who never came is kept. Raises NotFound."""
    actor.must_hold(Role.MANAGER)
    invitation = await lock_pending(db, actor.tenant_id, invitation_id)
    where = {"tenant_id": invitation.tenant_id, "membership_id": invitation.membership_id}
    await db.delete(invitation)
    await db.flush()
    await db.execute(DELETE_UNCLAIMED, where)
    await db.execute(_FORGET_MAILBOX, where)
    await audit.record(db, actor=actor, action="tenants:invitation:withdrawn", subject_id=invitation_id)


async def lock_pending(db: AsyncSession, tenant_id: CooperativeId, invitation_id: UUID) -> Invitation:
    """Hold an invitation nobody has answered yet. Raises NotFound."""
    query = select(Invitation).where(
        Invitation.tenant_id == tenant_id, Invitation.id == invitation_id, Invitation.consumed_at.is_(None)
    )
    locked = query.with_for_update().execution_options(populate_existing=True)
    invitation = (await db.scalars(locked)).one_or_none()
    if invitation is None:
        raise NotFound
    return invitation


# Somebody who was imported stays: their history hangs on the membership, whoever is invited to claim it.
DELETE_UNCLAIMED = text("""
    DELETE FROM memberships
    WHERE tenant_id = :tenant_id AND id = :membership_id AND state = 'invited' AND person_id IS NULL
      AND NOT EXISTS (
          SELECT FROM imported_members i
          WHERE i.tenant_id = memberships.tenant_id AND i.membership_id = memberships.id
      )
""")


# A member without a computer stays one: only the mailbox that they were invited at is forgotten.
_FORGET_MAILBOX = text("""
    UPDATE memberships SET contact_email = ''
    WHERE tenant_id = :tenant_id AND id = :membership_id AND state = 'active' AND person_id IS NULL
""")


async def stamp_invitation(db: AsyncSession, *, tenant_id: CooperativeId, invitation_id: UUID) -> str | None:
    """Give an invitation its token because it is being mailed; None if it was answered or taken back."""
    token, hashed = new_token()
    statement = (
        update(Invitation)
        .where(
            Invitation.tenant_id == tenant_id,
            Invitation.id == invitation_id,
            Invitation.consumed_at.is_(None),
        )
        .values(token_hash=hashed, previous_token_hash=Invitation.token_hash, sent_at=func.now())
    )
    stamped = (await db.execute(statement.returning(Invitation.id))).one_or_none()
    return token if stamped else None
