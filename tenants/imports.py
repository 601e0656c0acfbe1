"""Imports: files from another tool, looked at first and carried out when somebody says so, whole or not at all.

A manager (or, for exchanges, a treasurer) brings a file; the worker looks at it and says what it would do; nothing
happens before a release. What a row is known by when its file comes again is remembered by a hash, so that nothing is
imported twice and nobody who was erased comes back. This file must never sign anybody in, nor write to anybody.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor, Role
from tenants.events import ImportPrepared, ImportReleased
from tenants.import_kinds import IMPORT_KINDS, ImportKind, Preview
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.outbox import emit
from tenants.platform.sheets import must_be_a_table, must_be_short, shorten
from tenants.platform.words import N_

KEPT_DAYS: Final = 7
KEEPERS: Final = (Role.MANAGER, Role.TREASURER)
FILE_NAME_LENGTH: Final = 120


class ImportState(StrEnum):
    """Where an import stands. ``wrong`` and ``ready`` were looked at; only a ``ready`` one can be released."""

    RECEIVED = "received"
    WRONG = "wrong"
    READY = "ready"
    RELEASED = "released"
    DONE = "done"
    DISCARDED = "discarded"


OPEN: Final = (ImportState.RECEIVED, ImportState.WRONG, ImportState.READY, ImportState.RELEASED)


class Import(Base):
    """One file that was brought. Its content is dropped when it is over; counts and digest stay.

    ``prepared_by`` and ``released_by`` are null for the operator's command.
    """

    __tablename__ = "imports"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "prepared_by"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "released_by"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("kind ~ '^[a-z]+$'", name="kind"),
        CheckConstraint(
            "state IN ('received', 'wrong', 'ready', 'released', 'done', 'discarded')", name="state"
        ),
        CheckConstraint("octet_length(digest) = 32", name="digest_is_sha256"),
        CheckConstraint(
            "(content IS NULL) = (state IN ('done', 'discarded'))", name="content_until_it_is_over"
        ),
        CheckConstraint(
            "(released_at IS NOT NULL) = (state = 'released' OR state = 'done' AND preview ->> 'new' <> '0')",
            name="released_before_done",
        ),
        CheckConstraint(f"char_length(file_name) BETWEEN 1 AND {FILE_NAME_LENGTH}", name="file_name_length"),
        Index("ix_imports_tenant_id_state", "tenant_id", "state"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    kind: Mapped[str]
    file_name: Mapped[str]
    digest: Mapped[bytes]
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    state: Mapped[ImportState] = mapped_column(server_default="received")
    preview: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    prepared_by: Mapped[MembershipId | None]
    prepared_at: Mapped[datetime] = mapped_column(server_default=func.now())
    released_by: Mapped[MembershipId | None]
    released_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    @property
    def shown(self) -> Preview | None:
        """What the import would do or did, once it was looked at."""
        return msgspec.convert(self.preview, Preview) if self.preview else None

    @property
    def about(self) -> ImportKind:
        """The kind of the import."""
        return IMPORT_KINDS[self.kind]


class ImportedMember(Base):
    """By what a member of an imported file is known when it comes again: a SHA-256, never the number or the address."""

    __tablename__ = "imported_members"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "import_id"], ["imports.tenant_id", "imports.id"]),
        Index("ix_imported_members_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("octet_length(key_hash) = 32", name="key_hash_is_sha256"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId]
    import_id: Mapped[UUID]
    # The day on which they joined, as the other tool had it.
    since: Mapped[date | None]


class ImportMoved(Refusal):
    """It was released, finished or set aside meanwhile, or there is nothing in it to carry out."""

    code = "import_moved"
    message = N_("Cet import n'attend plus cette décision. Relisez-le avant de continuer.")


class SecondPersonNeeded(Refusal):
    """Hours move only when a second person says so."""

    code = "second_person_needed"
    message = N_(
        "Des heures vont bouger : une autre personne que celle qui a apporté le fichier, à la gestion ou à la "
        "trésorerie, doit le confirmer."
    )


def key_hash(tenant_id: UUID, key: str) -> bytes:
    """What is kept of a key: it differs from one cooperative to the next."""
    return hashlib.sha256(f"{tenant_id}:{key}".encode()).digest()


async def prepare_import(
    db: AsyncSession, *, actor: Actor, kind: str, file_name: str, content: bytes
) -> Import:
    """Take a file in, to be looked at; nothing of it is carried out. The same file again is the same import.

    A manager's doing, for exchanges also a treasurer's. Raises EmptyFile, NotATable, FileTooLarge, FileTooLong,
    NotFound.
    """
    if kind not in IMPORT_KINDS:
        raise NotFound
    actor.must_hold(*IMPORT_KINDS[kind].roles)
    must_be_a_table(content)
    must_be_short(content)
    digest = hashlib.sha256(content).digest()
    waiting = select(Import).where(
        Import.tenant_id == actor.tenant_id,
        Import.kind == kind,
        Import.digest == digest,
        Import.state.in_((ImportState.RECEIVED, ImportState.READY, ImportState.RELEASED)),
    )
    await db.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": digest.hex()})
    if (known := (await db.scalars(waiting.limit(1))).one_or_none()) is not None:
        return known
    # What was wrong in the same file may be right now; the earlier look at it is of no more use.
    brought = Import(
        tenant_id=actor.tenant_id,
        kind=kind,
        file_name=shorten(file_name.strip())[:FILE_NAME_LENGTH] or "fichier.csv",
        digest=digest,
        content=content,
        prepared_by=actor.membership_id,
    )
    db.add(brought)
    await db.flush()
    facts = {"kind": kind, "sha256": digest.hex()}
    await audit.record(db, actor=actor, action="tenants:import:prepared", subject_id=brought.id, facts=facts)
    await emit(db, ImportPrepared(tenant_id=actor.tenant_id, import_id=brought.id))
    return brought


async def release_import(db: AsyncSession, *, actor: Actor, import_id: UUID) -> Import:
    """Say yes to what the preview shows; the worker carries it out. Raises ImportMoved, SecondPersonNeeded, NotFound.

    Where hours move, by somebody else than who prepared it.
    """
    actor.must_hold(*KEEPERS)
    found = await lock_import(db, actor.tenant_id, import_id)
    actor.must_hold(*found.about.roles)
    if found.state is not ImportState.READY:
        raise ImportMoved
    if found.about.two_persons and found.prepared_by == actor.membership_id:
        raise SecondPersonNeeded
    found.state, found.released_by = ImportState.RELEASED, actor.membership_id
    found.released_at = await db.scalar(select(func.now()))
    await db.flush()
    await audit.record(db, actor=actor, action="tenants:import:released", subject_id=found.id)
    await emit(db, ImportReleased(tenant_id=actor.tenant_id, import_id=found.id))
    return found


async def discard_import(db: AsyncSession, *, actor: Actor, import_id: UUID) -> Import:
    """Set a file aside before it is released; its content is dropped at once. Raises ImportMoved, NotFound."""
    actor.must_hold(*KEEPERS)
    found = await lock_import(db, actor.tenant_id, import_id)
    actor.must_hold(*found.about.roles)
    if found.state not in OPEN or found.state is ImportState.RELEASED:
        raise ImportMoved
    await end_import(db, found, ImportState.DISCARDED)
    await audit.record(db, actor=actor, action="tenants:import:discarded", subject_id=found.id)
    return found


async def imports(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int | None = 20
) -> Sequence[Import]:
    """List the imports, newest first, for managers and treasurers; ``before`` is the last id read."""
    actor.must_hold(*KEEPERS)
    query = select(Import).where(Import.tenant_id == actor.tenant_id)
    if before is not None:
        query = query.where(Import.id < before)
    return (await db.scalars(query.order_by(Import.id.desc()).limit(limit))).all()


async def one_import(db: AsyncSession, *, actor: Actor, import_id: UUID) -> Import:
    """One import, as those who may decide on it see it. Raises NotFound."""
    actor.must_hold(*KEEPERS)
    query = select(Import).where(Import.tenant_id == actor.tenant_id, Import.id == import_id)
    found = (await db.scalars(query)).one_or_none()
    if found is None:
        raise NotFound
    if not actor.holds(*found.about.roles):
        raise NotAllowed
    return found


async def lock_import(db: AsyncSession, tenant_id: CooperativeId, import_id: UUID) -> Import:
    """Hold one import until the transaction ends. Raises NotFound."""
    query = select(Import).where(Import.tenant_id == tenant_id, Import.id == import_id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    found = (await db.scalars(locked)).one_or_none()
    if found is None:
        raise NotFound
    return found


async def end_import(db: AsyncSession, found: Import, state: ImportState) -> None:
    """Finish an import that the caller holds: its content goes, its counts stay."""
    found.state, found.content = state, None
    found.ended_at = await db.scalar(select(func.now()))
    if (shown := found.shown) is not None:
        found.preview = shown.without_content().stored()
    await db.flush()
