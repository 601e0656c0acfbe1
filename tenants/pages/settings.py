"""The cooperative's settings, for its manager."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from tenants.actors import Role
from tenants.cooperatives import (
    LEGAL_PROFILE_TITLES,
    NAME_LENGTH,
    TIME_ZONES,
    LegalProfile,
    change_settings,
    cooperative_of,
)
from tenants.platform.accents import ACCENT_TITLES, Accent
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import LINE_PATTERN, OptionalProse
from tenants.platform.words import _
from tenants.visit import Visit


class Settings(msgspec.Struct, frozen=True):
    """What a cooperative says of itself."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH, pattern=LINE_PATTERN)]
    legal_profile: LegalProfile
    territory: Annotated[str, msgspec.Meta(min_length=2, max_length=3)]
    locale: Literal["fr", "en"]
    time_zone: Annotated[str, msgspec.Meta(max_length=40)]
    accent: Accent
    presentation: OptionalProse = ""


@get("/{cooperative:str}/settings", include_in_schema=False)
async def settings_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the settings as they are."""
    visit.actor.must_hold(Role.MANAGER)
    found = await cooperative_of(visit.db, tenant_id=visit.here.tenant_id)
    values = {name: str(getattr(found, name)) for name in Settings.__struct_fields__}
    return show(visit, visit.blank_form(Settings, **values))


def show(visit: Visit, form: Form[Settings]) -> Response[str]:
    """The page, with the form that was sent, if one was."""
    return visit.page(
        "tenants/settings.html",
        form=form,
        profiles=[(str(one), _(title)) for one, title in LEGAL_PROFILE_TITLES.items()],
        accents=[(str(one), _(title), "") for one, title in ACCENT_TITLES.items()],
        time_zones=[(zone, zone.partition("/")[2].replace("_", " ")) for zone in TIME_ZONES],
        languages=[("fr", "Français"), ("en", "English")],
    )


@post("/{cooperative:str}/settings", include_in_schema=False)
async def change(visit: NamedDependency[Visit]) -> Response[Any]:
    """Change the settings."""
    visit.actor.must_hold(Role.MANAGER)
    form = await visit.form(Settings)

    async def work() -> Done:
        await change_settings(visit.db, actor=visit.actor, **form.fields())
        return Done(f"/{visit.slug}/settings", _("Les paramètres sont enregistrés."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))
