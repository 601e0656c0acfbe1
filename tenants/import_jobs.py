"""What the worker does with imports: looks at what was brought, carries out what was released, clears what lies about.

Each is one transaction: killed at any point, it leaves nothing behind and begins again. How far it is goes to Valkey,
for the page alone. This file must never decide what a row means.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor
from tenants.events import ImportPrepared, ImportReleased, ImportsDue
from tenants.import_kinds import Grounds, Preview, Tell, say_nothing
from tenants.imports import (
    KEEPERS,
    KEPT_DAYS,
    OPEN,
    Import,
    ImportState,
    end_import,
    lock_import,
)
from tenants.mandates import Mandate
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.cache import CACHE_AWAY, open_cache
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.settings import Settings
from tenants.platform.words import N_

PROGRESS_SECONDS: Final = 300

declare_notices(
    NoticeKind(
        "import_to_release",
        N_("Un fichier d'échanges passés attend votre accord : {count} nouvelles lignes, vérifiées."),
        "/imports/{import_id}",
        waits=True,
        required=True,
    ),
    NoticeKind(
        "import_done",
        N_("Un import est terminé : {count} nouvelles lignes ont été reprises d'un autre outil."),
        "/imports/{import_id}",
    ),
)


class Progress(msgspec.Struct, frozen=True):
    """How far the worker is with an import."""

    step: str
    done: int
    of: int


async def look_into(db: AsyncSession, event: ImportPrepared) -> None:
    """Look at a file that was brought, and say what importing it would do."""
    found = await lock_import(db, event.tenant_id, event.import_id)
    if found.state is not ImportState.RECEIVED:
        return
    async with _telling(db, found.id) as tell:
        content = await _content(db, found)
        preview = await found.about.look(db, tenant_id=event.tenant_id, content=content, tell=tell)
    found.preview = preview.stored()
    if preview.fault_count:
        found.state = ImportState.WRONG
    elif not preview.new:
        await end_import(db, found, ImportState.DONE)
    else:
        found.state = ImportState.READY
        if found.about.two_persons:
            await tell_keepers(db, found, "import_to_release", preview.new, but=found.prepared_by)
    await db.flush()


async def carry_out_released(db: AsyncSession, event: ImportReleased) -> None:
    """Carry out an import that was released; if it is no longer right, say so and do nothing."""
    found = await lock_import(db, event.tenant_id, event.import_id)
    if found.state is not ImportState.RELEASED:
        return
    async with _telling(db, found.id) as tell:
        await carry_out(db, found, tell=tell)


async def carry_out(db: AsyncSession, found: Import, *, tell: Tell = say_nothing) -> Preview:
    """Carry out a released import that the caller holds, whole or not at all; return what was done."""
    grounds = Grounds(found.tenant_id, found.id, found.released_by)
    content = await _content(db, found)
    preview = await found.about.carry_out(db, grounds=grounds, content=content, tell=tell)
    found.preview = preview.stored()
    if preview.fault_count:
        # What was right when it was looked at is not any more: back to who brought it.
        found.state, found.released_by, found.released_at = ImportState.WRONG, None, None
        await db.flush()
        return preview
    if not preview.new:
        found.released_by = found.released_at = None
    await end_import(db, found, ImportState.DONE)
    actor = Actor(found.tenant_id, grounds.released_by, None)
    facts = {"kind": found.kind, "new": preview.new, "present": preview.present, "sha256": found.digest.hex()}
    await audit.record(db, actor=actor, action="tenants:import:done", subject_id=found.id, facts=facts)
    await tell_keepers(db, found, "import_done", preview.new, but=grounds.released_by)
    return preview


async def clear_imports(db: AsyncSession, event: ImportsDue) -> None:
    """Drop the content of files that nobody decided on within a week."""
    old = select(Import).where(
        Import.tenant_id == event.tenant_id,
        Import.state.in_([state for state in OPEN if state is not ImportState.RELEASED]),
        Import.prepared_at < func.now() - func.make_interval(0, 0, 0, KEPT_DAYS),
    )
    for one in (await db.scalars(old.with_for_update())).all():
        await end_import(db, one, ImportState.DISCARDED)
        actor = Actor.system(event.tenant_id)
        await audit.record(db, actor=actor, action="tenants:import:discarded", subject_id=one.id)


async def tell_keepers(
    db: AsyncSession, found: Import, kind: str, count: int, *, but: MembershipId | None
) -> None:
    """Tell those who keep the cooperative and its accounts, but not who did it."""
    holders = await db.scalars(
        select(Mandate.membership_id).where(
            Mandate.tenant_id == found.tenant_id,
            Mandate.role.in_(KEEPERS),
            Mandate.ended_at.is_(None),
            Mandate.term.contains(func.now()),
        )
    )
    await notify_members(
        db,
        tenant_id=CooperativeId(found.tenant_id),
        membership_ids=set(holders) - {but},
        kind=kind,
        facts={"count": count, "import_id": str(found.id)},
    )


async def _content(db: AsyncSession, found: Import) -> bytes:
    query = select(Import.content).where(Import.tenant_id == found.tenant_id, Import.id == found.id)
    content = await db.scalar(query)
    assert content is not None, "an import that is not over has its content"
    return content


# --- How far it is -----------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _telling(db: AsyncSession, import_id: UUID) -> AsyncIterator[Tell]:
    settings = db.info.get("settings")
    if not isinstance(settings, Settings):
        yield say_nothing
        return
    cache = open_cache(settings.redis_url)

    async def tell(step: str, done: int, of: int) -> None:
        with contextlib.suppress(*CACHE_AWAY):
            await cache.set(
                _key(import_id), msgspec.json.encode(Progress(step, done, of)), ex=PROGRESS_SECONDS
            )

    try:
        yield tell
    finally:
        with contextlib.suppress(*CACHE_AWAY):
            await cache.delete(_key(import_id))
        await cache.aclose()


async def progress_of(cache: Redis, import_id: UUID) -> Progress | None:
    """How far the worker is with this import, as far as it has said."""
    with contextlib.suppress(*CACHE_AWAY, msgspec.MsgspecError):
        if said := await cache.get(_key(import_id)):
            return msgspec.json.decode(said, type=Progress)
    return None


def _key(import_id: UUID) -> str:
    return f"archipel:import:{import_id}"
