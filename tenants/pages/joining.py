"""Joining: the page that a mailed invitation opens, and its button."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.joining import Joined, accept_invitation, look_at_invitation
from tenants.pages.members import Name
from tenants.pages.sign_in import client_address, client_browser, keep_signed_in
from tenants.platform.forms import Done
from tenants.platform.words import _
from tenants.visit import Visit


class JoinForm(msgspec.Struct, frozen=True):
    """How one wants to be called here, and for somebody new perhaps a password."""

    display_name: Name
    password: str = ""


@get("/join/{token:str}", include_in_schema=False)
async def join_page(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[str]:
    """Show who invites. Opening the link accepts nothing."""
    seen = await look_at_invitation(visit.db, token=token)
    form = visit.blank_form(JoinForm, display_name=seen.display_name)
    return visit.page("tenants/join.html", invitation=seen, token=token, form=form)


@post("/join/{token:str}", include_in_schema=False)
async def join(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[Any]:
    """Become a member: as the signed-in person, or as the person of the mailbox."""
    seen = await look_at_invitation(visit.db, token=token)
    form = await visit.form(JoinForm)
    became: list[Joined] = []

    async def work() -> Done:
        joined = await accept_invitation(
            visit.db,
            token=token,
            person_id=visit.person.id if visit.person else None,
            display_name=form.data.display_name,
            password=form.data.password or None,
            locale=visit.locale,
            user_agent=client_browser(visit),
            address=client_address(visit),
        )
        became.append(joined)
        return Done(f"/{joined.slug}", _("Bienvenue dans {cooperative} !", cooperative=seen.name))

    answer = await visit.submit(
        form,
        work,
        otherwise=lambda: visit.page("tenants/join.html", invitation=seen, token=token, form=form),
    )
    if became and became[0].opened is not None:
        return keep_signed_in(visit, answer, became[0].opened)
    return answer
