"""Minutes that are not in force yet, changed by a program: corrected, a resolution added or taken out.

Each change makes a new version and takes the signatures away. These operations must never hold a rule.
"""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from tenants import assembly_records as verbs
from tenants.api.assemblies import (
    ASSEMBLY,
    RESOLUTIONS_MAX,
    AssemblyFacts,
    AssemblyShown,
    ResolutionTerms,
    Version,
    shown,
)
from tenants.assemblies import Held, Resolution
from tenants.platform.web import api_post
from tenants.visit import Visit


class CorrectionTerms(AssemblyFacts, frozen=True, kw_only=True):
    """The minutes as they should read; ``resolutions`` null keeps those there are."""

    version: Version
    resolutions: Annotated[list[ResolutionTerms], Meta(max_length=RESOLUTIONS_MAX)] | None = None


class AdditionTerms(ResolutionTerms, frozen=True, kw_only=True):
    """One more resolution, and the version that was read."""

    version: Version


class RemovalTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The version that was read, and which of its resolutions goes (the first is 1)."""

    version: Version
    position: Annotated[int, Meta(ge=1, le=RESOLUTIONS_MAX)]


@api_post(ASSEMBLY + "/correct", operation_id="correct_assembly", summary="Correct minutes", status=200)
async def correct_assembly(
    visit: NamedDependency[Visit], assembly_id: FromPath[UUID], data: JSONBody[CorrectionTerms]
) -> Response[AssemblyShown]:
    """Correct minutes that are not in force; whoever has signed has to sign again."""
    actor = visit.member_with("governance:write")

    async def work() -> AssemblyShown:
        facts = msgspec.structs.asdict(data)
        version, resolutions = facts.pop("version"), facts.pop("resolutions")
        recorded = await verbs.correct_assembly(
            visit.db,
            actor=actor,
            assembly_id=assembly_id,
            version=version,
            held=Held(**facts),
            resolutions=None
            if resolutions is None
            else [Resolution(**msgspec.structs.asdict(one)) for one in resolutions],
        )
        return shown(visit, recorded)

    return await visit.once(work, status=200)


@api_post(ASSEMBLY + "/resolutions", operation_id="add_resolution", summary="Add a resolution")
async def add_resolution(
    visit: NamedDependency[Visit], assembly_id: FromPath[UUID], data: JSONBody[AdditionTerms]
) -> Response[AssemblyShown]:
    """Add a resolution to minutes that are not in force; whoever has signed has to sign again."""
    actor = visit.member_with("governance:write")

    async def work() -> AssemblyShown:
        facts = msgspec.structs.asdict(data)
        version = facts.pop("version")
        recorded = await verbs.add_resolution(
            visit.db,
            actor=actor,
            assembly_id=assembly_id,
            version=version,
            resolution=Resolution(**facts),
        )
        return shown(visit, recorded)

    return await visit.once(work)


@api_post(
    ASSEMBLY + "/resolutions/remove",
    operation_id="remove_resolution",
    summary="Take a resolution out",
    status=200,
)
async def remove_resolution(
    visit: NamedDependency[Visit], assembly_id: FromPath[UUID], data: JSONBody[RemovalTerms]
) -> Response[AssemblyShown]:
    """Take a resolution out of minutes that are not in force; whoever has signed has to sign again."""
    actor = visit.member_with("governance:write")

    async def work() -> AssemblyShown:
        recorded = await verbs.remove_resolution(
            visit.db, actor=actor, assembly_id=assembly_id, version=data.version, position=data.position
        )
        return shown(visit, recorded)

    return await visit.once(work, status=200)
