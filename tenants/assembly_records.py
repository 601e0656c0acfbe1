"""Recording assemblies: minutes, counts and resolutions, until two persons have signed them.

Whatever could not be decided is refused here already: no quorum, no majority, a value out of bounds, a day that is
past. Every change makes a new version and takes away what was signed before. This file must never write a rule.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor
from tenants.assemblies import (
    RECORDING_ROLES,
    Assembly,
    AssemblyResolution,
    AssemblySignature,
    AssemblyState,
    Held,
    Recorded,
    Resolution,
    locked,
    whole,
)
from tenants.assembly_checks import check_assembly, here
from tenants.notices import notify_members
from tenants.platform.errors import NotFound


async def record_assembly(
    db: AsyncSession,
    *,
    actor: Actor,
    held: Held,
    resolutions: Sequence[Resolution] = (),
) -> Recorded:
    """Record an assembly that was held, as a draft to be signed.

    For a manager or a facilitator. ``minutes`` are Markdown. Resolutions may follow one by one.
    """
    actor.must_hold(*RECORDING_ROLES)
    check_assembly(held, resolutions, await here(db, tenant_id=actor.tenant_id))
    found = Assembly(tenant_id=actor.tenant_id, recorded_by=actor.member, **asdict(held))
    db.add(found)
    await db.flush()
    await _write(db, found, resolutions)
    await audit.record(
        db,
        actor=actor,
        action="tenants:assembly:recorded",
        subject_id=found.id,
        facts={"held_on": str(held.held_on)},
    )
    return await whole(db, found)


async def correct_assembly(
    db: AsyncSession,
    *,
    actor: Actor,
    assembly_id: UUID,
    version: int,
    held: Held,
    resolutions: Sequence[Resolution] | None = None,
) -> Recorded:
    """Correct minutes that are not in force (``resolutions`` None keeps them); signatures are taken away.

    Locks the assembly. Raises AssemblyChanged when ``version`` is not the newest.
    """
    actor.must_hold(*RECORDING_ROLES)
    recorded = await locked(db, actor=actor, assembly_id=assembly_id, version=version)
    kept = [as_resolution(row) for row in recorded.resolutions] if resolutions is None else resolutions
    return await _rewrite(db, actor=actor, found=recorded.assembly, held=held, resolutions=kept)


async def add_resolution(
    db: AsyncSession, *, actor: Actor, assembly_id: UUID, version: int, resolution: Resolution
) -> Recorded:
    """Add a resolution to minutes that are not in force; signatures are taken away. Locks the assembly."""
    actor.must_hold(*RECORDING_ROLES)
    recorded = await locked(db, actor=actor, assembly_id=assembly_id, version=version)
    kept = [*(as_resolution(row) for row in recorded.resolutions), resolution]
    found = recorded.assembly
    return await _rewrite(db, actor=actor, found=found, held=as_held(found), resolutions=kept)


async def remove_resolution(
    db: AsyncSession, *, actor: Actor, assembly_id: UUID, version: int, position: int
) -> Recorded:
    """Take a resolution out of minutes that are not in force; signatures are taken away. Locks the assembly.

    Raises NotFound when there is none at that position.
    """
    actor.must_hold(*RECORDING_ROLES)
    recorded = await locked(db, actor=actor, assembly_id=assembly_id, version=version)
    kept = [as_resolution(row) for row in recorded.resolutions if row.position != position]
    if len(kept) == len(recorded.resolutions):
        raise NotFound
    found = recorded.assembly
    return await _rewrite(db, actor=actor, found=found, held=as_held(found), resolutions=kept)


async def withdraw_assembly(db: AsyncSession, *, actor: Actor, assembly_id: UUID, version: int) -> Recorded:
    """Withdraw minutes that are not in force: nothing of them ever takes effect. Locks the assembly."""
    actor.must_hold(*RECORDING_ROLES)
    recorded = await locked(db, actor=actor, assembly_id=assembly_id, version=version)
    found = recorded.assembly
    found.state, found.withdrawn_by = AssemblyState.WITHDRAWN, actor.member
    found.withdrawn_at = await _now(db)
    await audit.record(db, actor=actor, action="tenants:assembly:withdrawn", subject_id=found.id)
    return await whole(db, found)


def as_held(found: Assembly) -> Held:
    """What stored minutes say of the assembly itself."""
    return Held(**{field.name: getattr(found, field.name) for field in fields(Held)})


def as_resolution(row: AssemblyResolution) -> Resolution:
    """A stored resolution as it was recorded."""
    return Resolution(
        rule=row.rule,
        value=row.value,
        votes_for=row.votes_for,
        votes_against=row.votes_against,
        votes_abstain=row.votes_abstain,
        effective_on=row.effective_on,
        majority=row.majority,
    )


# --- Writing ----------------------------------------------------------------------------


async def _rewrite(
    db: AsyncSession, *, actor: Actor, found: Assembly, held: Held, resolutions: Sequence[Resolution]
) -> Recorded:
    """Make a new version: what was signed before is not what is written now."""
    # Before anything is touched: a refusal must leave nothing behind to be written.
    check_assembly(held, resolutions, await here(db, tenant_id=found.tenant_id))
    for name, value in asdict(held).items():
        setattr(found, name, value)
    found.version += 1
    found.state = AssemblyState.DRAFT
    await db.flush()
    await _tell_signatories(db, actor=actor, found=found)
    for belonging in (AssemblyResolution, AssemblySignature):
        mine = (belonging.tenant_id == found.tenant_id, belonging.assembly_id == found.id)
        await db.execute(delete(belonging).where(*mine))
    await _write(db, found, resolutions)
    await audit.record(
        db,
        actor=actor,
        action="tenants:assembly:corrected",
        subject_id=found.id,
        facts={"version": found.version},
    )
    return await whole(db, found)


async def _write(db: AsyncSession, found: Assembly, resolutions: Sequence[Resolution]) -> None:
    db.add_all(
        AssemblyResolution(
            tenant_id=found.tenant_id, assembly_id=found.id, position=position, **asdict(resolution)
        )
        for position, resolution in enumerate(resolutions, start=1)
    )
    await db.flush()


async def _tell_signatories(db: AsyncSession, *, actor: Actor, found: Assembly) -> None:
    """Tell those whose signature goes away, but the one who takes it away."""
    query = select(AssemblySignature.membership_id).where(
        AssemblySignature.tenant_id == found.tenant_id,
        AssemblySignature.assembly_id == found.id,
        AssemblySignature.membership_id != actor.member,
    )
    if signatories := (await db.scalars(query)).all():
        await notify_members(
            db,
            tenant_id=found.tenant_id,
            membership_ids=signatories,
            kind="assembly_corrected",
            facts={"held_on": found.held_on, "assembly_id": found.id},
        )


async def _now(db: AsyncSession) -> datetime:
    return (await db.execute(select(func.now()))).scalar_one()
