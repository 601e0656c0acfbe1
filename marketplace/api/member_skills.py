"""Operations on what members know how to do. Each calls one verb or one query."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace import member_skills as verbs
from marketplace.member_skills import NOTE_LENGTH, ShownSkill, SkillLevel
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.web import Page, api_get, api_post
from tenants.visit import Visit

MINE: Final = "/{cooperative:str}/profile/skills"


class OwnSkill(msgspec.Struct, frozen=True, kw_only=True):
    """What one knows how to do."""

    skill_id: UUID
    level: SkillLevel
    note: Annotated[str, msgspec.Meta(max_length=NOTE_LENGTH, pattern=LINE_PATTERN)] = ""


@api_get(
    "/{cooperative:str}/members/{membership_id:uuid}/skills",
    operation_id="member_skills",
    summary="List a member's skills",
)
async def member_skills(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Page[ShownSkill]:
    """List what a member knows how to do, as far as they show it to the reader; all on one page."""
    actor = visit.member_with("profile:read")
    return Page(items=await verbs.member_skills(visit.db, actor=actor, membership_id=membership_id))


@api_post(MINE, operation_id="set_member_skill", summary="Say what one knows how to do", status=200)
async def set_member_skill(
    visit: NamedDependency[Visit], data: JSONBody[OwnSkill]
) -> Response[Page[ShownSkill]]:
    """Add a skill to one's profile, or say it otherwise; answers all of one's skills."""
    actor = visit.member_with("profile:write")

    async def work() -> Page[ShownSkill]:
        await verbs.set_member_skill(
            visit.db, actor=actor, skill_id=data.skill_id, level=data.level, note=data.note
        )
        return Page(items=await verbs.member_skills(visit.db, actor=actor, membership_id=actor.member))

    return await visit.once(work, status=200)


@api_post(
    MINE + "/{skill_id:uuid}/remove",
    operation_id="remove_member_skill",
    summary="Take a skill off one's profile",
    status=200,
)
async def remove_member_skill(
    visit: NamedDependency[Visit], skill_id: FromPath[UUID]
) -> Response[Page[ShownSkill]]:
    """Say no longer that one knows this; answers all of one's skills."""
    actor = visit.member_with("profile:write")

    async def work() -> Page[ShownSkill]:
        await verbs.remove_member_skill(visit.db, actor=actor, skill_id=skill_id)
        return Page(items=await verbs.member_skills(visit.db, actor=actor, membership_id=actor.member))

    return await visit.once(work, status=200)
