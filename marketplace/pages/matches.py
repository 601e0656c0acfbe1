"""Who fits my mission, with a button to ask them; and the missions that fit me."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.api.matches import Invited
from marketplace.matches import matching_members, matching_missions
from marketplace.mission_invitations import invite_to_bid
from tenants.platform.forms import Done, Form
from tenants.platform.web import csv_response
from tenants.platform.words import _
from tenants.visit import Visit

MATCHES: Final = "/{cooperative:str}/missions/{mission_id:uuid}/matches"
MINE: Final = "/{cooperative:str}/matches"


@get(MATCHES, include_in_schema=False)
async def members_page(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[str]:
    """Show who fits my mission, and why."""
    return await _members(visit, mission_id, visit.click)


async def _members(visit: Visit, mission_id: UUID, form: Form[Any]) -> Response[str]:
    found = await matching_members(visit.db, actor=visit.actor, mission_id=mission_id)
    return visit.page("marketplace/matches.html", form=form, found=found, mission_id=mission_id)


@get(MATCHES + ".csv", include_in_schema=False)
async def members_csv(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[bytes]:
    """Download them."""
    found = await matching_members(visit.db, actor=visit.actor, mission_id=mission_id)
    rows = [(one.member.name, one.fit.score, ", ".join(one.fit.reasons)) for one in found.members]
    return csv_response(f"{visit.slug}-matches.csv", [_("Nom"), _("Points"), _("Pourquoi")], rows)


@post("/{cooperative:str}/missions/{mission_id:uuid}/invite", include_in_schema=False)
async def invite(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Ask a member to bid."""
    form = await visit.form(Invited)

    async def work() -> Done:
        await invite_to_bid(visit.db, actor=visit.actor, mission_id=mission_id, member_id=form.data.member_id)
        return Done(
            f"/{visit.slug}/missions/{mission_id}/matches",
            _("L'invitation est envoyée. La réponse reste libre."),
        )

    return await visit.submit(form, work, otherwise=lambda: _members(visit, mission_id, form))


@get(MINE, include_in_schema=False)
async def missions_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the missions that fit me, and why."""
    found = await matching_missions(visit.db, actor=visit.actor)
    return visit.page("marketplace/own_matches.html", found=found)


@get(MINE + ".csv", include_in_schema=False)
async def missions_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download them."""
    found = await matching_missions(visit.db, actor=visit.actor)
    rows = [
        (one.title, one.author.name, one.estimated_minutes, one.fit.score, ", ".join(one.fit.reasons))
        for one in found
    ]
    header = [_("Titre"), _("Par"), _("Minutes estimées"), _("Points"), _("Pourquoi")]
    return csv_response(f"{visit.slug}-matches.csv", header, rows)


PAGES: Final = (members_page, members_csv, invite, missions_page, missions_csv)
