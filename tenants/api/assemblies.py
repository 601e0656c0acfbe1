"""Assemblies in the JSON API: what they decided for anyone; recording, signing, withdrawing for mandates."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from tenants import assemblies as verbs
from tenants import assembly_records, assembly_signatures
from tenants.actors import Role
from tenants.assemblies import (
    MINUTES_LENGTH,
    MOST_MEMBERS,
    Assembly,
    AssemblyState,
    Held,
    Majority,
    Recorded,
    Resolution,
)
from tenants.platform.inputs import PROSE_PATTERN, Line
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    api_post,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit

ASSEMBLIES = "/{cooperative:str}/assemblies"
ASSEMBLY = ASSEMBLIES + "/{assembly_id:uuid}"
RESOLUTIONS_MAX = 50

Count = Annotated[int, Meta(ge=0, le=MOST_MEMBERS)]
"""How many members, or votes."""

Version = Annotated[int, Meta(ge=1, le=2**31 - 1)]
"""The version of the minutes that was read: whoever changes or signs, does so to that one."""


class ResolutionTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, its new value (in the rule's unit), the votes, and the first day of the new value."""

    rule: Line
    value: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
    votes_for: Count
    votes_against: Count
    votes_abstain: Count
    effective_on: date
    majority: Majority = Majority.MORE_THAN_HALF


class AssemblyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The minutes (Markdown) and the counts of members."""

    held_on: date
    place: Line
    minutes: Annotated[str, Meta(min_length=1, max_length=MINUTES_LENGTH, pattern=PROSE_PATTERN)]
    members_count: Annotated[int, Meta(ge=1, le=MOST_MEMBERS)]
    present_count: Count
    represented_count: Count
    quorum_required_count: Count


class AssemblyTerms(AssemblyFacts, frozen=True, kw_only=True):
    """The minutes, and what was decided."""

    resolutions: Annotated[list[ResolutionTerms], Meta(max_length=RESOLUTIONS_MAX)]


class SigningTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The version that was read, and the mandate under which to sign (by default one that has not signed)."""

    version: Version
    role: Role | None = None


class WithdrawalTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The version that was read."""

    version: Version


class SignatureShown(msgspec.Struct, frozen=True, kw_only=True):
    """One signature; ``membership_id`` is null for who is not a member."""

    role: Role
    signed_at: datetime
    membership_id: UUID | None


class AssemblyShown(msgspec.Struct, frozen=True, kw_only=True):
    """An assembly. ``place``, ``minutes`` and who recorded and signed are null for who is not a member."""

    id: UUID
    state: AssemblyState
    version: int
    held_on: date
    members_count: int
    present_count: int
    represented_count: int
    quorum_required_count: int
    in_force_at: datetime | None
    register_seq: int | None
    place: str | None
    minutes: str | None
    recorded_by: UUID | None
    resolutions: list[dict[str, Any]]
    signatures: list[SignatureShown]


class AssemblySummary(msgspec.Struct, frozen=True, kw_only=True):
    """An assembly in the list."""

    id: UUID
    state: AssemblyState
    held_on: date
    votes_count: int
    in_force_at: datetime | None


def summary(one: Assembly) -> AssemblySummary:
    """An assembly as the list shows it, to anyone."""
    return AssemblySummary(
        id=one.id,
        state=one.state,
        held_on=one.held_on,
        votes_count=one.votes_count,
        in_force_at=one.in_force_at,
    )


def shown(visit: Visit, recorded: Recorded) -> AssemblyShown:
    """An assembly as this reader may see it."""
    found, member = recorded.assembly, visit.member is not None
    return AssemblyShown(
        id=found.id,
        state=found.state,
        version=found.version,
        held_on=found.held_on,
        members_count=found.members_count,
        present_count=found.present_count,
        represented_count=found.represented_count,
        quorum_required_count=found.quorum_required_count,
        in_force_at=found.in_force_at,
        register_seq=found.register_seq,
        place=found.place if member else None,
        minutes=found.minutes if member else None,
        recorded_by=found.recorded_by if member else None,
        resolutions=[
            msgspec.to_builtins(assembly_records.as_resolution(row)) for row in recorded.resolutions
        ],
        signatures=[
            SignatureShown(
                role=signature.role,
                signed_at=signature.signed_at,
                membership_id=signature.membership_id if member else None,
            )
            for signature in recorded.signatures
        ],
    )


@api_get(ASSEMBLIES, operation_id="assemblies", summary="List assemblies", public=True)
async def assemblies(
    visit: NamedDependency[Visit],
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[AssemblySummary]:
    """List assemblies, the last recorded first: those in force, and drafts for those who sign."""
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.assemblies(
        visit.db,
        tenant_id=visit.here.tenant_id,
        actor=visit.member_with("governance:read") if visit.member else None,
        before=cursor[0] if cursor else None,
        limit=limit + 1,
    )
    items = [summary(one) for one in found[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].id) if len(found) > limit else None)


@api_get(ASSEMBLIES + "/to-sign", operation_id="assemblies_to_sign", summary="List what one may sign")
async def assemblies_to_sign(visit: NamedDependency[Visit]) -> Page[AssemblySummary]:
    """List the minutes that wait for one's own signature (at most 20), the oldest first."""
    actor = visit.member_with("governance:read")
    return Page(
        items=[summary(one) for one in await assembly_signatures.assemblies_to_sign(visit.db, actor=actor)]
    )


@api_get(ASSEMBLY, operation_id="assembly", summary="Read an assembly", public=True)
async def assembly(visit: NamedDependency[Visit], assembly_id: FromPath[UUID]) -> AssemblyShown:
    """Read one assembly with its resolutions and signatures; minutes and names for members only."""
    actor = visit.member_with("governance:read") if visit.member else None
    recorded = await verbs.assembly(
        visit.db, tenant_id=visit.here.tenant_id, actor=actor, assembly_id=assembly_id
    )
    return shown(visit, recorded)


@api_post(ASSEMBLIES, operation_id="record_assembly", summary="Record an assembly")
async def record_assembly(
    visit: NamedDependency[Visit], data: JSONBody[AssemblyTerms]
) -> Response[AssemblyShown]:
    """Record an assembly that was held, with what it decided, to be signed by two mandates."""
    actor = visit.member_with("governance:write")

    async def work() -> AssemblyShown:
        facts = msgspec.structs.asdict(data)
        resolutions = [Resolution(**msgspec.structs.asdict(one)) for one in facts.pop("resolutions")]
        recorded = await assembly_records.record_assembly(
            visit.db, actor=actor, held=Held(**facts), resolutions=resolutions
        )
        return shown(visit, recorded)

    return await visit.once(work)


@api_post(ASSEMBLY + "/sign", operation_id="sign_assembly", summary="Sign minutes", status=200)
async def sign_assembly(
    visit: NamedDependency[Visit], assembly_id: FromPath[UUID], data: JSONBody[SigningTerms]
) -> Response[AssemblyShown]:
    """Sign one version of the minutes; the second mandate that signs changes the rules."""
    actor = visit.member_with("governance:write")

    async def work() -> AssemblyShown:
        recorded = await assembly_signatures.sign_assembly(
            visit.db, actor=actor, assembly_id=assembly_id, version=data.version, role=data.role
        )
        return shown(visit, recorded)

    return await visit.once(work, status=200)


@api_post(ASSEMBLY + "/withdraw", operation_id="withdraw_assembly", summary="Withdraw minutes", status=200)
async def withdraw_assembly(
    visit: NamedDependency[Visit], assembly_id: FromPath[UUID], data: JSONBody[WithdrawalTerms]
) -> Response[AssemblyShown]:
    """Withdraw minutes that are not in force."""
    actor = visit.member_with("governance:write")

    async def work() -> AssemblyShown:
        recorded = await assembly_records.withdraw_assembly(
            visit.db, actor=actor, assembly_id=assembly_id, version=data.version
        )
        return shown(visit, recorded)

    return await visit.once(work, status=200)
