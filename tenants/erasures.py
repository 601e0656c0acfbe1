"""Erasures: who has left asks that their name goes, waits a while in which they may change their mind, and is forgotten.

At the end a pseudonym stands where the name stood, and what ``tenants.personal`` declares is deleted or blanked;
ledger, register and agreements stay whole. This file must never erase somebody who is still a member, nor
do anything before its time.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor
from tenants.events import ErasureAsked, PersonErasureAsked
from tenants.house_rules import ERASURE_WAIT
from tenants.mail_links import NO_COOPERATIVE
from tenants.people import MyMembership, my_memberships
from tenants.personal import By, Fate, Holding, holds
from tenants.platform.database import Base, work_for
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from tenants.rulebook import value_in_force

# Where no cooperative's rule says it: a person who is in none any more.
WAIT_DAYS: Final = 30


class AskedBy(StrEnum):
    """Who set an erasure going: the person, or the rule on former members."""

    PERSON = "person"
    RULE = "rule"


class Erasure(Base):
    """One membership that is to be forgotten, or was (``done_at``)."""

    __tablename__ = "erasures"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("asked_by IN ('person', 'rule')", name="asked_by"),
        CheckConstraint("(done_at IS NULL) = (pseudonym IS NULL)", name="done"),
        Index("ix_erasures_due", "tenant_id", "due_at", postgresql_where=text("done_at IS NULL")),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    asked_by: Mapped[AskedBy]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    pseudonym: Mapped[str | None]


class PersonErasure(Base):
    """One person who is to be forgotten altogether: every membership, then the sign-in itself."""

    __tablename__ = "person_erasures"
    __table_args__ = (Index("ix_person_erasures_due_at", "due_at"),)

    person_id: Mapped[PersonId] = mapped_column(
        ForeignKey("people.person_id", ondelete="CASCADE"), primary_key=True
    )
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]


holds(
    Holding(
        table="erasures",
        title=N_("Mes demandes d'effacement"),
        mine=("membership_id",),
        exported={"asked_at": N_("Date"), "due_at": N_("Prévu le"), "done_at": N_("Fait le")},
        fate=Fate.KEPT,
        stays=("pseudonym",),
        why=N_("La date de l'effacement et le pseudonyme restent un an, pour prouver qu'il a été fait."),
    ),
    Holding(
        table="person_erasures",
        title=N_("Ma demande d'effacement complet"),
        mine=("person_id",),
        by=By.PERSON,
        exported={"asked_at": N_("Date"), "due_at": N_("Prévu le")},
        fate=Fate.DELETED,
    ),
)


class StillAMember(Refusal):
    """Leaving comes first."""

    code = "still_a_member"
    message = N_("Vous êtes encore membre de {cooperative} : quittez-la d'abord, puis demandez l'effacement.")


@dataclass(frozen=True, slots=True)
class Standing:
    """One of the person's own memberships, and when it will be forgotten, if that was asked."""

    membership: MyMembership
    due_at: datetime | None


# --- Asking, and changing one's mind -----------------------------------------------------------------


async def ask_membership_erasure(db: AsyncSession, *, person_id: PersonId, membership_id: UUID) -> datetime:
    """Ask that one cooperative forgets oneself; return when it will. Asked again, it is the same request.

    Raises NotFound, StillAMember. The transaction works for that cooperative from here on.
    """
    own = await own_membership(db, membership_id)
    if own.state != "left":
        raise StillAMember(cooperative=own.name)
    await work_for(db, tenant=own.tenant_id, person=person_id)
    days = await value_in_force(db, rule=ERASURE_WAIT, tenant_id=own.tenant_id)
    return await schedule_erasure(
        db, tenant_id=CooperativeId(own.tenant_id), membership_id=membership_id, days=days
    )


async def schedule_erasure(
    db: AsyncSession,
    *,
    tenant_id: CooperativeId,
    membership_id: UUID,
    days: int,
    asked_by: AskedBy = AskedBy.PERSON,
) -> datetime:
    """Write down that a membership is to be forgotten in so many days, and have its person told."""
    statement = insert(Erasure).values(
        tenant_id=tenant_id,
        membership_id=membership_id,
        asked_by=asked_by,
        due_at=func.now() + func.make_interval(0, 0, 0, days),
    )
    written: datetime | None = await db.scalar(statement.on_conflict_do_nothing().returning(Erasure.due_at))
    if written is None:
        query = select(Erasure.due_at).where(
            Erasure.tenant_id == tenant_id, Erasure.membership_id == membership_id
        )
        return (await db.execute(query)).scalar_one()
    await audit.record(
        db, actor=Actor.system(tenant_id), action="tenants:erasure:asked", subject_id=membership_id
    )
    await emit(db, ErasureAsked(tenant_id=tenant_id, membership_id=MembershipId(membership_id)))
    return written


async def keep_membership(db: AsyncSession, *, person_id: PersonId, membership_id: UUID) -> None:
    """Change one's mind before the time is over: nothing is erased. Raises NotFound if nothing was asked."""
    own = await own_membership(db, membership_id)
    await work_for(db, tenant=own.tenant_id, person=person_id)
    query = select(Erasure).where(
        Erasure.tenant_id == own.tenant_id,
        Erasure.membership_id == membership_id,
        Erasure.done_at.is_(None),
    )
    found = (await db.scalars(query.with_for_update())).one_or_none()
    if found is None:
        raise NotFound
    await db.delete(found)
    await audit.record(
        db,
        actor=Actor.system(own.tenant_id),
        action="tenants:erasure:withdrawn",
        subject_id=membership_id,
    )


async def ask_erasure(db: AsyncSession, *, person_id: PersonId) -> datetime:
    """Ask to be forgotten altogether, once one has left every cooperative; return when that will be.

    Waits as long as the slowest of these cooperatives asks. Raises StillAMember.
    """
    days = []
    mine = await my_memberships(db)
    for own in mine:
        if own.state != "left":
            raise StillAMember(cooperative=own.name)
        await work_for(db, tenant=own.tenant_id, person=person_id)
        days.append(await value_in_force(db, rule=ERASURE_WAIT, tenant_id=own.tenant_id))
    await work_for(db, tenant=NO_COOPERATIVE, person=person_id)
    before = await db.scalar(select(PersonErasure).where(PersonErasure.person_id == person_id))
    if before is not None and came_back(mine, before.asked_at):
        await db.delete(before)
        await db.flush()
    wait = func.make_interval(0, 0, 0, max(days, default=WAIT_DAYS))
    statement = insert(PersonErasure).values(person_id=person_id, due_at=func.now() + wait)
    written: datetime | None = await db.scalar(
        statement.on_conflict_do_nothing().returning(PersonErasure.due_at)
    )
    if written is None:
        return (await db.execute(select(PersonErasure.due_at))).scalar_one()
    await emit(db, PersonErasureAsked(tenant_id=NO_COOPERATIVE, person_id=person_id))
    return written


def came_back(mine: Sequence[MyMembership], asked_at: datetime) -> bool:
    """Whether somebody joined, here or elsewhere, after they had asked to be forgotten: they changed their mind."""
    return any(own.joined_at is not None and own.joined_at > asked_at for own in mine)


async def withdraw_erasure(db: AsyncSession, *, person_id: PersonId) -> None:
    """Stay known after all. Raises NotFound if nothing was asked."""
    query = select(PersonErasure).where(PersonErasure.person_id == person_id)
    found = (await db.scalars(query.with_for_update())).one_or_none()
    if found is None:
        raise NotFound
    await db.delete(found)
    await db.flush()


async def my_erasures(db: AsyncSession, *, person_id: PersonId) -> tuple[datetime | None, Sequence[Standing]]:
    """When the person will be forgotten altogether, and each of their memberships with its own date, if asked."""
    asked = await db.scalar(select(PersonErasure).where(PersonErasure.person_id == person_id))
    mine = await my_memberships(db)
    whole = asked.due_at if asked is not None and not came_back(mine, asked.asked_at) else None
    return whole, [Standing(own, own.erasure_due_at) for own in mine]


async def own_membership(db: AsyncSession, membership_id: UUID) -> MyMembership:
    """One of the memberships of the person for whom the transaction was opened. Raises NotFound."""
    for own in await my_memberships(db):
        if own.membership_id == membership_id:
            return own
    raise NotFound


async def new_pseudonym(db: AsyncSession, *, tenant_id: UUID, words: str) -> str:
    """A name that nobody bears in this cooperative: ``words`` and four signs drawn by lot ("Membre parti 4F2A")."""
    for length in (2, 2, 2, 2, 4, 8):
        proposed = f"{words} {secrets.token_hex(length).upper()}"
        taken = await db.scalar(
            text("SELECT EXISTS (SELECT FROM memberships WHERE tenant_id = :t AND display_name = :name)"),
            {"t": tenant_id, "name": proposed},
        )
        if not taken:
            return proposed
    raise AssertionError("sixteen random signs are never taken twice")
