"""My skills, and the skills of a member on their page."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup

from marketplace.api.member_skills import OwnSkill
from marketplace.member_skills import (
    LEVEL_NAMES,
    LEVEL_TITLES,
    SkillLevel,
    member_skills,
    remove_member_skill,
    set_member_skill,
    skills_seen,
)
from marketplace.skills import skills
from tenants.memberships import Membership
from tenants.pages.members import declare_part
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.templating import render
from tenants.platform.words import _
from tenants.profiles import Standing
from tenants.visit import Visit

MINE: Final = "/{cooperative:str}/profile/skills"


@get(MINE, include_in_schema=False)
async def own_skills_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show my skills and the form that adds one."""
    return await _page(visit, visit.blank_form(OwnSkill, level=SkillLevel.ABLE.value))


@post(MINE, include_in_schema=False)
async def set_own_skill(visit: NamedDependency[Visit]) -> Response[Any]:
    """Add a skill, or say it otherwise."""
    form = await visit.form(OwnSkill)

    async def work() -> Done:
        said = await set_member_skill(visit.db, actor=visit.actor, **form.fields())
        return Done(f"/{visit.slug}/profile/skills", _("« {name} » est sur votre profil.", name=said.name))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


@post(MINE + "/{skill_id:uuid}/remove", include_in_schema=False)
async def remove_own_skill(visit: NamedDependency[Visit], skill_id: FromPath[UUID]) -> Response[Any]:
    """Take a skill off my profile."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await remove_member_skill(visit.db, actor=visit.actor, skill_id=skill_id)
        return Done(f"/{visit.slug}/profile/skills", _("Votre profil est à jour."))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


async def _page(visit: Visit, form: Form[Any]) -> Response[str]:
    actor = visit.actor
    mine = await member_skills(visit.db, actor=actor, membership_id=actor.member)
    offered = await skills(visit.db, tenant_id=actor.tenant_id)
    return visit.page(
        "marketplace/own_skills.html",
        form=form,
        mine=mine,
        offered=[(str(one.id), one.name) for one in offered],
        levels=[(level.value, _(title), "") for level, title in LEVEL_TITLES.items()],
        level_titles=LEVEL_TITLES,
    )


async def skills_part(visit: Visit, shown: Membership, standing: Standing) -> str:
    """The skills on a member's page, as far as this reader may see them."""
    seen = await skills_seen(visit.db, shown=shown, standing=standing)
    if not seen and standing is not Standing.SELF:
        return ""
    own = standing is Standing.SELF
    return Markup(  # noqa: S704 (a template of ours, which escapes what it is given)
        render(
            "marketplace/member_skills.html",
            visit=visit,
            skills=seen,
            levels=LEVEL_TITLES if own else LEVEL_NAMES,
            own=own,
        )
    )


declare_part(skills_part)
