"""One mission's page, and the form that writes one."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.dossiers import mission_dossier
from marketplace.mission_details import MissionDetail
from marketplace.mission_terms import (
    KIND_EXPLANATIONS,
    KIND_TITLES,
    PLACE_TITLES,
    VISIBILITY_EXPLANATIONS,
    VISIBILITY_TITLES,
    MissionTerms,
)
from marketplace.missions import edit_mission, post_mission
from marketplace.ownership import CLAUSES
from marketplace.pages.mission_sheet import mission_sheet, path_of, reader_of
from marketplace.skills import skills
from tenants.platform.errors import NotFound
from tenants.platform.forms import Done, Form
from tenants.platform.words import _, duration
from tenants.visit import Visit

MISSIONS: Final = "/{cooperative:str}/missions"
MISSION: Final = MISSIONS + "/{mission_id:uuid}"


class MissionForm(MissionTerms, frozen=True, kw_only=True):
    """A mission as the form sends it; ``draft`` is the second button."""

    draft: bool = False


# --- One mission -------------------------------------------------------------------------------------------


@get(MISSION, include_in_schema=False)
async def mission_page(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[str]:
    """Show a mission and its next step."""
    return await mission_sheet(visit, mission_id)


@get(MISSIONS + "/new", include_in_schema=False)
async def new_mission_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show an empty form, with the cooperative's territory."""
    _member = visit.actor
    form: Form[MissionForm] = Form(
        MissionForm,
        {
            "kind": "request",
            "territory": visit.here.territory,
            "place": "either",
            "visibility": "cooperative",
            "ownership": "payer",
        },
    )
    return await _editor(visit, form)


@post(MISSIONS, include_in_schema=False)
async def post_mission_form(visit: NamedDependency[Visit]) -> Response[Any]:
    """Publish what was written, or keep it as a draft."""
    form = await visit.form(MissionForm)

    async def work() -> Done:
        terms = form.data
        mission = await post_mission(visit.db, actor=visit.actor, terms=terms, publish=not terms.draft)
        notice = _("Votre brouillon est gardé.") if terms.draft else _("Votre mission est publiée.")
        return Done(path_of(visit, mission.id), notice)

    return await visit.submit(form, work, otherwise=lambda: _editor(visit, form))


@get(MISSION + "/edit", include_in_schema=False)
async def edit_mission_page(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[str]:
    """Show the form with what the mission says."""
    mission = await _own(visit, mission_id)
    form: Form[MissionForm] = Form(
        MissionForm,
        {
            "kind": mission.kind.value,
            "title": mission.title,
            "description": mission.description,
            "estimated_minutes": duration(mission.estimated_minutes),
            "tags": ", ".join(mission.tags),
            "territory": mission.territory,
            "place": mission.place.value,
            "wanted_by": mission.wanted_by.isoformat() if mission.wanted_by else "",
            "expires_on": mission.expires_on.isoformat(),
            "visibility": mission.visibility.value,
            "ownership": mission.ownership.value,
        },
        {"skills": [str(skill_id) for skill_id in mission.skill_ids]},
    )
    return await _editor(visit, form, mission)


@post(MISSION + "/edit", include_in_schema=False)
async def edit_mission_form(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Change one's mission."""
    form = await visit.form(MissionForm)

    async def work() -> Done:
        await edit_mission(visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data)
        return Done(path_of(visit, mission_id), _("Votre mission est modifiée."))

    async def again() -> Response[str]:
        return await _editor(visit, form, await _own(visit, mission_id))

    return await visit.submit(form, work, otherwise=again)


async def _own(visit: Visit, mission_id: UUID) -> MissionDetail:
    """Return the reader's own mission; anybody else's has no form."""
    actor = visit.actor
    mission = await mission_dossier(
        visit.db, tenant_id=actor.tenant_id, reader=reader_of(visit), mission_id=mission_id
    )
    if mission.author is None or mission.author.id != actor.member:
        raise NotFound
    return mission


async def _editor(
    visit: Visit, form: Form[MissionForm], mission: MissionDetail | None = None
) -> Response[str]:
    offered = {str(one.id): one.name for one in await skills(visit.db, tenant_id=visit.here.tenant_id)}
    if mission:
        offered |= {str(one): name for one, name in zip(mission.skill_ids, mission.skills, strict=True)}
    return visit.page(
        "marketplace/mission_form.html",
        form=form,
        mission=mission,
        skills=list(offered.items()),
        kinds=[(kind.value, _(title), _(KIND_EXPLANATIONS[kind])) for kind, title in KIND_TITLES.items()],
        places=[(place.value, _(title), "") for place, title in PLACE_TITLES.items()],
        visibilities=[
            (one.value, _(title), _(VISIBILITY_EXPLANATIONS[one])) for one, title in VISIBILITY_TITLES.items()
        ],
        clauses=[(one.value, _(clause.name), _(clause.sentence)) for one, clause in CLAUSES.items()],
    )
