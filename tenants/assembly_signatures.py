"""Signing the minutes of an assembly: two persons, two mandates, one text; then the rules change.

The second signature writes the new versions, a line of the register, the audit trail and the event, in one
transaction. This file must never let a person sign for another, or the same person or mandate sign twice.
"""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, column, exists, false, func, or_, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit, register
from tenants.actors import Actor, Role
from tenants.assemblies import (
    SIGNING_ROLES,
    Assembly,
    AssemblyResolution,
    AssemblySignature,
    AssemblyState,
    Recorded,
    locked,
    whole,
)
from tenants.assembly_checks import check_resolution, here
from tenants.assembly_records import as_resolution
from tenants.events import AssemblySigned
from tenants.mandates import Mandate
from tenants.notices import notify_members
from tenants.platform.errors import NotAllowed, Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_
from tenants.rulebook import Change, Source, lock_rulebook, write_versions

SIGNATURES_NEEDED: Final = 2
TO_SIGN_AT_MOST: Final = 20


class NothingToSign(Refusal):
    """The minutes hold no resolution, so signing them would change nothing."""

    status = 409
    code = "nothing_to_sign"
    message = N_("Ajoutez au moins une décision avant de signer.")


class AlreadySigned(Refusal):
    """One person signs once."""

    status = 409
    code = "already_signed"
    message = N_("Vous avez déjà signé : il faut maintenant une autre personne.")


class MandateAlreadySigned(Refusal):
    """The two signatures come from two different mandates."""

    status = 409
    code = "mandate_already_signed"
    message = N_("Ce mandat a déjà signé : il faut une personne qui en porte un autre.")
    default_field = "role"


async def sign_assembly(
    db: AsyncSession, *, actor: Actor, assembly_id: UUID, version: int, role: Role | None = None
) -> Recorded:
    """Sign one version of the minutes under one of the actor's mandates (by default one that has not signed).

    The second signature puts the resolutions into the rulebook, each from its day on, or from now if that day has
    come. Locks the assembly, then the rulebook, then (last) the register's head.
    """
    actor.must_hold(*SIGNING_ROLES)
    recorded = await locked(db, actor=actor, assembly_id=assembly_id, version=version)
    found = recorded.assembly
    if not recorded.resolutions:
        raise NothingToSign
    chosen = _mandate(actor, role, recorded.signatures)
    db.add(
        AssemblySignature(
            tenant_id=found.tenant_id,
            assembly_id=found.id,
            membership_id=actor.member,
            role=chosen,
            version=version,
        )
    )
    await db.flush()
    await audit.record(
        db,
        actor=actor,
        action="tenants:assembly:signed",
        subject_id=found.id,
        facts={"role": chosen, "version": version},
    )
    if len(recorded.signatures) + 1 < SIGNATURES_NEEDED:
        found.state = AssemblyState.SIGNED_ONCE
        await _tell_signers(db, actor=actor, found=found, signed=chosen)
    else:
        await _put_in_force(db, actor=actor, recorded=await whole(db, found))
    return await whole(db, found)


async def assemblies_to_sign(db: AsyncSession, *, actor: Actor) -> Sequence[Assembly]:
    """List the minutes that the actor may sign now, the oldest first: complete, and not signed by them.

    Empty for whoever holds no mandate that signs, or only one that has signed already.
    """
    mine = [role for role in SIGNING_ROLES if actor.holds(role)]
    if not mine:
        return []

    def belonging(kind: type[AssemblyResolution | AssemblySignature]) -> ColumnElement[bool]:
        return and_(kind.tenant_id == Assembly.tenant_id, kind.assembly_id == Assembly.id)

    signed = exists().where(
        belonging(AssemblySignature),
        # A member who holds several mandates still signs once; a mandate that has signed signs no more.
        or_(
            AssemblySignature.membership_id == actor.member,
            AssemblySignature.role == mine[0] if len(mine) == 1 else false(),
        ),
    )
    query = (
        select(Assembly)
        .where(
            Assembly.tenant_id == actor.tenant_id,
            Assembly.state.in_((AssemblyState.DRAFT, AssemblyState.SIGNED_ONCE)),
            exists().where(belonging(AssemblyResolution)),
            ~signed,
        )
        .order_by(Assembly.id)
        .limit(TO_SIGN_AT_MOST)
    )
    return (await db.scalars(query)).all()


def _mandate(actor: Actor, role: Role | None, signatures: Sequence[AssemblySignature]) -> Role:
    """The mandate under which the actor signs."""
    if actor.member in {signature.membership_id for signature in signatures}:
        raise AlreadySigned
    if role is not None and not (role in SIGNING_ROLES and actor.holds(role)):
        raise NotAllowed
    used = {signature.role for signature in signatures}
    for mine in SIGNING_ROLES if role is None else (role,):
        if actor.holds(mine) and mine not in used:
            return mine
    raise MandateAlreadySigned


async def _tell_signers(db: AsyncSession, *, actor: Actor, found: Assembly, signed: Role) -> None:
    """Tell everyone who may give the second signature that it is awaited."""
    query = (
        select(Mandate.membership_id)
        .where(
            Mandate.tenant_id == found.tenant_id,
            Mandate.role.in_(set(SIGNING_ROLES) - {signed}),
            Mandate.term.contains(func.now()),
            Mandate.ended_at.is_(None),
            Mandate.membership_id != actor.member,
        )
        .distinct()
    )
    await notify_members(
        db,
        tenant_id=found.tenant_id,
        membership_ids=(await db.scalars(query)).all(),
        kind="assembly_to_sign",
        facts={"held_on": found.held_on, "assembly_id": found.id},
    )


async def _put_in_force(db: AsyncSession, *, actor: Actor, recorded: Recorded) -> None:
    """Write what was decided. After the register's line nothing here may wait for another transaction."""
    found = recorded.assembly
    await lock_rulebook(db, tenant_id=found.tenant_id)
    place = await here(db, tenant_id=found.tenant_id)
    changes = []
    for row in recorded.resolutions:
        # Once more: bounds and the legal form may have changed since this was recorded.
        check_resolution(as_resolution(row), place, votes_count=found.votes_count)
        starts = _midnight(row, place.time_zone)
        changes.append(Change(rule=row.rule, value=row.value, starts_at=starts))
    facts = await _public_facts(db, recorded)
    await audit.record(
        db,
        actor=actor,
        action="tenants:assembly:put_in_force",
        subject_id=found.id,
        facts={"rules": [change.rule for change in changes]},
    )
    line = await register.append(db, tenant_id=found.tenant_id, kind="assembly_signed", facts=facts)
    await write_versions(
        db,
        tenant_id=found.tenant_id,
        changes=changes,
        source=Source.ASSEMBLY,
        source_id=found.id,
        register_seq=line.seq,
    )
    found.state, found.register_seq, found.in_force_at = AssemblyState.IN_FORCE, line.seq, line.at
    await db.flush()
    await emit(db, AssemblySigned(tenant_id=found.tenant_id, assembly_id=found.id))


def _midnight(row: AssemblyResolution, time_zone: str) -> datetime:
    """The moment at which the day of a resolution begins where the cooperative is."""
    return datetime.combine(row.effective_on, time(), ZoneInfo(time_zone))


_MEMBERS = table("memberships", column("tenant_id"), column("id"), column("display_name"))


async def _public_facts(db: AsyncSession, recorded: Recorded) -> dict[str, Any]:
    """What the register says of an assembly: counts, decisions, and commitments instead of names and minutes."""
    found = recorded.assembly
    signers = {signature.membership_id: signature.role for signature in recorded.signatures}
    query = select(_MEMBERS.c.id, _MEMBERS.c.display_name).where(
        _MEMBERS.c.tenant_id == found.tenant_id, _MEMBERS.c.id.in_(signers)
    )
    signed_by = [
        {
            "role": str(signers[member]),
            "name": await register.commit_to(db, tenant_id=found.tenant_id, value=name, membership_id=member),
        }
        for member, name in await db.execute(query)
    ]
    return {
        "assembly": str(found.id),
        "held_on": found.held_on.isoformat(),
        "members": found.members_count,
        "present": found.present_count,
        "represented": found.represented_count,
        "quorum_required": found.quorum_required_count,
        "minutes": await register.commit_to(db, tenant_id=found.tenant_id, value=found.minutes),
        "count": len(recorded.resolutions),
        "rules": [
            {
                "rule": row.rule,
                "value": row.value,
                "votes_for": row.votes_for,
                "votes_against": row.votes_against,
                "votes_abstain": row.votes_abstain,
                "majority": str(row.majority),
                "effective_on": row.effective_on.isoformat(),
            }
            for row in recorded.resolutions
        ],
        "signed_by": sorted(signed_by, key=lambda signed: signed["role"]),
    }


async def notify_rules_changed(db: AsyncSession, event: AssemblySigned) -> None:
    """Tell every active member that an assembly changed rules: hears AssemblySigned."""
    query = select(Assembly).where(Assembly.tenant_id == event.tenant_id, Assembly.id == event.assembly_id)
    recorded = await whole(db, (await db.scalars(query)).one())
    await notify_members(
        db,
        tenant_id=event.tenant_id,
        membership_ids=None,
        kind="rules_changed",
        facts={
            "assembly_id": recorded.assembly.id,
            "held_on": recorded.assembly.held_on,
            "count": len(recorded.resolutions),
        },
    )
