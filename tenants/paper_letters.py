"""Letters on paper: the list of what is to be printed and posted to those who are told things that way.

Writing the letters takes up every untold thing once, one letter a person; a letter is printed as often as paper
jams, and posted once. This file must never know what an entry is: who prints a letter says its lines in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, and_, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor, Role
from tenants.memberships import Membership
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import MembershipId
from tenants.platform.words import N_
from tenants.tellings import Telling

LETTERS_AT_ONCE: Final = 100


class PaperLetter(Base):
    """One letter to one member. ``reference`` is what its slip bears when it comes back."""

    __tablename__ = "paper_letters"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "written_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "printed_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "sent_by"], ["memberships.tenant_id", "memberships.id"]),
        Index("ix_paper_letters_member", "tenant_id", "membership_id", "id"),
        Index("ix_paper_letters_unsent", "tenant_id", "id", postgresql_where=text("sent_at IS NULL")),
        CheckConstraint(
            "(printed_at IS NULL) = (printed_by IS NULL) AND (sent_at IS NULL) = (sent_by IS NULL)"
            " AND (sent_at IS NULL OR printed_at IS NOT NULL)",
            name="printed_then_sent",
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    written_at: Mapped[datetime] = mapped_column(server_default=func.now())
    written_by: Mapped[MembershipId]
    printed_at: Mapped[datetime | None]
    printed_by: Mapped[MembershipId | None]
    sent_at: Mapped[datetime | None]
    sent_by: Mapped[MembershipId | None]

    @property
    def reference(self) -> str:
        """Eight signs by which a person finds the letter again."""
        return self.id.hex[-8:].upper()


class NothingToWrite(Refusal):
    """Nobody has to be told anything on paper."""

    code = "no_letters_to_write"
    message = N_("Il n'y a aucune lettre à écrire : tout ce qui devait être dit sur papier l'a été.")


class LetterSentAlready(Refusal):
    """The letter was posted; it is not posted twice."""

    code = "letter_sent_already"
    message = N_("Cette lettre est déjà partie : elle n'est pas envoyée deux fois.")


class NotPrintedYet(Refusal):
    """A letter is printed before it is posted."""

    code = "letter_not_printed"
    message = N_("Cette lettre n'est pas encore imprimée.")


@dataclass(frozen=True, slots=True)
class Untold:
    """Somebody who waits for a letter, how many things it will say, and since when."""

    membership_id: UUID
    name: str
    things: int
    since: datetime


@dataclass(frozen=True, slots=True)
class LetterToPrint:
    """A letter, whom it goes to, and what it says, oldest first."""

    letter: PaperLetter
    addressee: Membership
    tellings: Sequence[Telling]


async def letters_to_write(
    db: AsyncSession, *, actor: Actor, limit: int | None = LETTERS_AT_ONCE
) -> Sequence[Untold]:
    """List who is to be told something on paper and has no letter yet, who waits longest first. Managers."""
    actor.must_hold(Role.MANAGER)
    since = func.min(Telling.created_at)
    query = (
        select(Membership.id, Membership.display_name, func.count(), since)
        .join(
            Telling, and_(Telling.tenant_id == Membership.tenant_id, Telling.membership_id == Membership.id)
        )
        .where(Telling.tenant_id == actor.tenant_id, Telling.letter_id.is_(None))
        .group_by(Membership.id, Membership.display_name)
        .order_by(since, Membership.id)
        .limit(limit)
    )
    return [Untold(*row) for row in await db.execute(query)]


async def write_letters(db: AsyncSession, *, actor: Actor) -> Sequence[PaperLetter]:
    """Write one letter to each person who is to be told something on paper: each thing goes into one letter.

    A manager's act, for at most 100 persons at once. Two at once write each thing once: the second waits for the
    rows of the first. Raises NothingToWrite.
    """
    actor.must_hold(Role.MANAGER)
    waiting = {one.membership_id for one in await letters_to_write(db, actor=actor)}
    untold = (
        select(Telling)
        .where(
            Telling.tenant_id == actor.tenant_id,
            Telling.membership_id.in_(waiting),
            Telling.letter_id.is_(None),
        )
        .order_by(Telling.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    by_member: dict[MembershipId, list[UUID]] = {}
    for one in await db.scalars(untold):
        by_member.setdefault(one.membership_id, []).append(one.id)
    if not by_member:
        raise NothingToWrite
    written = []
    for membership_id, told in sorted(by_member.items()):
        letter = PaperLetter(tenant_id=actor.tenant_id, membership_id=membership_id, written_by=actor.member)
        db.add(letter)
        await db.flush()
        await db.execute(
            update(Telling)
            .where(Telling.tenant_id == actor.tenant_id, Telling.id.in_(told))
            .values(letter_id=letter.id),
            execution_options={"synchronize_session": False},
        )
        written.append(letter)
    await audit.record(
        db, actor=actor, action="tenants:letters:written", facts={"letters": [str(one.id) for one in written]}
    )
    return written


async def paper_letters(
    db: AsyncSession,
    *,
    actor: Actor,
    sent: bool = False,
    before: UUID | None = None,
    limit: int | None = 20,
) -> Sequence[tuple[PaperLetter, str]]:
    """List letters that have (or have not) been posted, newest first, with the addressees' names. Managers."""
    actor.must_hold(Role.MANAGER)
    posted = PaperLetter.sent_at.is_not(None) if sent else PaperLetter.sent_at.is_(None)
    query = (
        select(PaperLetter, Membership.display_name)
        .join(
            Membership,
            and_(Membership.tenant_id == PaperLetter.tenant_id, Membership.id == PaperLetter.membership_id),
        )
        .where(PaperLetter.tenant_id == actor.tenant_id, posted)
        .order_by(PaperLetter.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(PaperLetter.id < before)
    return [(letter, name) for letter, name in await db.execute(query)]


async def letters_to_print(
    db: AsyncSession, *, actor: Actor, letter_id: UUID | None = None
) -> Sequence[LetterToPrint]:
    """What the letters say that were not posted yet, or one letter, posted or not. Managers. Raises NotFound."""
    actor.must_hold(Role.MANAGER)
    query = (
        select(PaperLetter, Membership)
        .join(
            Membership,
            and_(Membership.tenant_id == PaperLetter.tenant_id, Membership.id == PaperLetter.membership_id),
        )
        .where(PaperLetter.tenant_id == actor.tenant_id)
        .order_by(PaperLetter.id)
        .limit(LETTERS_AT_ONCE)
    )
    query = query.where(PaperLetter.sent_at.is_(None) if letter_id is None else PaperLetter.id == letter_id)
    rows = (await db.execute(query)).all()
    if letter_id is not None and not rows:
        raise NotFound
    said: dict[UUID, list[Telling]] = {}
    tellings = select(Telling).where(
        Telling.tenant_id == actor.tenant_id, Telling.letter_id.in_([letter.id for letter, _ in rows])
    )
    for one in await db.scalars(tellings.order_by(Telling.id)):
        assert one.letter_id, "it was found by its letter"
        said.setdefault(one.letter_id, []).append(one)
    return [LetterToPrint(letter, addressee, said.get(letter.id, [])) for letter, addressee in rows]


async def mark_letter_printed(db: AsyncSession, *, actor: Actor, letter_id: UUID) -> PaperLetter:
    """Note that a letter is on paper. Once more after a jam changes nothing. Raises LetterSentAlready, NotFound."""
    letter = await _lock(db, actor, letter_id)
    if letter.sent_at is not None:
        raise LetterSentAlready
    if letter.printed_at is None:
        letter.printed_at, letter.printed_by = await _now(db), actor.member
        await db.flush()
    return letter


async def mark_letter_sent(db: AsyncSession, *, actor: Actor, letter_id: UUID) -> PaperLetter:
    """Note that a letter was posted, once; the thirty days to contest what it says begin. Managers.

    Raises NotPrintedYet, LetterSentAlready, NotFound.
    """
    letter = await _lock(db, actor, letter_id)
    if letter.sent_at is not None:
        raise LetterSentAlready
    if letter.printed_at is None:
        raise NotPrintedYet
    letter.sent_at, letter.sent_by = await _now(db), actor.member
    await db.flush()
    await audit.record(db, actor=actor, action="tenants:letter:sent", subject_id=letter.id)
    return letter


async def _now(db: AsyncSession) -> datetime:
    return (await db.execute(select(func.now()))).scalar_one()


async def _lock(db: AsyncSession, actor: Actor, letter_id: UUID) -> PaperLetter:
    actor.must_hold(Role.MANAGER)
    query = select(PaperLetter).where(PaperLetter.tenant_id == actor.tenant_id, PaperLetter.id == letter_id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    letter = (await db.scalars(locked)).one_or_none()
    if letter is None:
        raise NotFound
    return letter
