"""Operations on the cooperative's list of skills. Each calls one verb or one query."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace import skills as verbs
from marketplace.skills import SKILL_NAME_LENGTH, Skill, SkillState
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.web import Page, api_get, api_post
from tenants.visit import Visit

SKILLS: Final = "/{cooperative:str}/skills"


class SkillTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A skill to offer."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=SKILL_NAME_LENGTH, pattern=LINE_PATTERN)]


class SkillDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One skill of the list."""

    id: UUID
    name: str
    state: SkillState


def _shown(skill: Skill) -> SkillDetail:
    return SkillDetail(id=skill.id, name=skill.name, state=skill.state)


@api_get(SKILLS, operation_id="skills", summary="List the skills")
async def skills(visit: NamedDependency[Visit]) -> Page[SkillDetail]:
    """List the skills that new missions may ask for, by name; all on one page."""
    actor = visit.member_with("missions:read")
    listed = await verbs.skills(visit.db, tenant_id=actor.tenant_id)
    return Page(items=[_shown(skill) for skill in listed])


@api_post(SKILLS, operation_id="add_skill", summary="Add a skill")
async def add_skill(visit: NamedDependency[Visit], data: JSONBody[SkillTerms]) -> Response[SkillDetail]:
    """Add a skill to the list, as the manager."""
    actor = visit.member_with("governance:write")

    async def work() -> SkillDetail:
        return _shown(await verbs.add_skill(visit.db, actor=actor, name=data.name))

    return await visit.once(work)


@api_post(
    SKILLS + "/{skill_id:uuid}/retire", operation_id="retire_skill", summary="Retire a skill", status=200
)
async def retire_skill(visit: NamedDependency[Visit], skill_id: FromPath[UUID]) -> Response[SkillDetail]:
    """Take a skill out of the list for new missions, as the manager."""
    actor = visit.member_with("governance:write")

    async def work() -> SkillDetail:
        return _shown(await verbs.retire_skill(visit.db, actor=actor, skill_id=skill_id))

    return await visit.once(work, status=200)
