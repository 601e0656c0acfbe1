"""My profile: what my cooperative sees of me, and the way out of it."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from tenants.memberships import change_profile, leave_cooperative, member
from tenants.pages.members import Name
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import Email, OptionalProse
from tenants.platform.words import _
from tenants.visit import Visit

Phone = Annotated[str, msgspec.Meta(max_length=30, pattern=r"^[0-9+(). -]*$")]


class Profile(msgspec.Struct, frozen=True):
    """What a member says of themselves here."""

    display_name: Name
    contact_email: Email
    contact_phone: Phone = ""
    territory: Annotated[str, msgspec.Meta(max_length=3)] = ""
    presentation: OptionalProse = ""
    shares_contact: bool = False


@get("/{cooperative:str}/profile", include_in_schema=False)
async def profile(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the form with what is known."""
    own = await member(visit.db, actor=visit.actor, membership_id=visit.actor.member)
    form = visit.blank_form(
        Profile,
        display_name=own.display_name,
        contact_email=own.contact_email,
        contact_phone=own.contact_phone or "",
        territory=own.territory or "",
        presentation=own.presentation,
        shares_contact="1" if own.shares_contact else "",
    )
    return show(visit, form)


def show(visit: Visit, form: Form[Profile]) -> Response[str]:
    """The page, with the form that was sent, if one was."""
    return visit.page("tenants/profile.html", form=form)


@post("/{cooperative:str}/profile", include_in_schema=False)
async def change(visit: NamedDependency[Visit]) -> Response[Any]:
    """Change my profile."""
    form = await visit.form(Profile)

    async def work() -> Done:
        await change_profile(visit.db, actor=visit.actor, **form.fields())
        return Done(f"/{visit.slug}/members/{visit.actor.member}", _("Votre profil est à jour."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


@get("/{cooperative:str}/profile/leave", include_in_schema=False)
async def leave_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Say what leaving means, before it is done."""
    _member = visit.actor.member
    return visit.page("tenants/leave.html", form=visit.click)


@post("/{cooperative:str}/profile/leave", include_in_schema=False)
async def leave(visit: NamedDependency[Visit]) -> Response[Any]:
    """Leave the cooperative."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await leave_cooperative(visit.db, actor=visit.actor)
        return Done("/me", _("Vous avez quitté {cooperative}.", cooperative=visit.here.name))

    return await visit.submit(form, work, otherwise=lambda: visit.page("tenants/leave.html", form=form))
