"""The cooperative's list of skills: read by members, kept by the manager."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.api.skills import SkillTerms
from marketplace.skills import SkillState, add_skill, retire_skill, skills
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.web import csv_response
from tenants.platform.words import _
from tenants.visit import Visit

SKILLS: Final = "/{cooperative:str}/skills"


@get(SKILLS, include_in_schema=False)
async def skills_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the list, to members."""
    return await _page(visit, visit.blank_form(SkillTerms))


@get(SKILLS + ".csv", include_in_schema=False)
async def skills_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the list, those that were taken out too."""
    rows = [
        (one.name, _("oui") if one.state is SkillState.OFFERED else _("non"), str(one.id))
        for one in await skills(visit.db, tenant_id=visit.actor.tenant_id, retired=True)
    ]
    return csv_response(
        f"{visit.slug}-competences.csv", [_("Compétence"), _("Proposée"), _("Identifiant")], rows
    )


@post(SKILLS, include_in_schema=False)
async def add_skill_form(visit: NamedDependency[Visit]) -> Response[Any]:
    """Add a skill."""
    form = await visit.form(SkillTerms)

    async def work() -> Done:
        skill = await add_skill(visit.db, actor=visit.actor, name=form.data.name)
        return Done(f"/{visit.slug}/skills", _("« {name} » est dans la liste.", name=skill.name))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


@post(SKILLS + "/{skill_id:uuid}/retire", include_in_schema=False)
async def retire_skill_form(visit: NamedDependency[Visit], skill_id: FromPath[UUID]) -> Response[Any]:
    """Take a skill out of the list."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        skill = await retire_skill(visit.db, actor=visit.actor, skill_id=skill_id)
        return Done(f"/{visit.slug}/skills", _("« {name} » n'est plus dans la liste.", name=skill.name))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


async def _page(visit: Visit, form: Form[Any]) -> Response[str]:
    listed = await skills(visit.db, tenant_id=visit.actor.tenant_id, retired=True)
    return visit.page(
        "marketplace/skills.html",
        form=form,
        offered=[skill for skill in listed if skill.state is SkillState.OFFERED],
        retired=[skill for skill in listed if skill.state is SkillState.RETIRED],
    )
