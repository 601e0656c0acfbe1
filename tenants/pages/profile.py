"""My profile: what my cooperative sees of me, who may read each field of it, and the way out."""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.contact_emails import change_contact_email, confirm_contact_email
from tenants.memberships import member
from tenants.own_profiles import change_profile
from tenants.pages.members import Name
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import Email, OptionalProse
from tenants.platform.words import _, duration
from tenants.profiles import (
    AUDIENCE_TITLES,
    FIELD_AUDIENCES,
    LANGUAGE_NAMES,
    REACH_TITLES,
    WEEK_MINUTES,
    WEEKDAY_NAMES,
    Audience,
    Availability,
    Reach,
    Weekday,
    audience_of,
)
from tenants.visit import Visit

Phone = Annotated[str, msgspec.Meta(max_length=30, pattern=r"^[0-9+(). -]*$")]


Language = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(LANGUAGE_NAMES)})$")]
WeeklyMinutes = Annotated[int, msgspec.Meta(ge=0, le=WEEK_MINUTES, extra={"entry": "minutes"})]


class Profile(msgspec.Struct, frozen=True):
    """What a member says of themselves here, and who may read each field; an audience left out stays as it is."""

    display_name: Name
    contact_email: Email
    contact_phone: Phone = ""
    territory: Annotated[str, msgspec.Meta(max_length=3)] = ""
    presentation: OptionalProse = ""
    languages: list[Language] = []
    weekly_minutes: WeeklyMinutes | None = None
    free_days: list[Weekday] = []
    available_from: date | None = None
    available_until: date | None = None
    works_remotely: bool = True
    reach: Reach = Reach.REGION
    open_to_invitations: bool = True
    email_audience: Audience | None = None
    phone_audience: Audience | None = None
    territory_audience: Audience | None = None
    presentation_audience: Audience | None = None
    skills_audience: Audience | None = None
    availability_audience: Audience | None = None
    languages_audience: Audience | None = None


def told(data: Profile) -> dict[str, Any]:
    """The same as ``change_profile`` takes it."""
    chosen = {field: getattr(data, f"{field}_audience") for field in FIELD_AUDIENCES}
    return {
        "display_name": data.display_name,
        "contact_phone": data.contact_phone,
        "territory": data.territory,
        "presentation": data.presentation,
        "languages": data.languages,
        "open_to_invitations": data.open_to_invitations,
        "availability": Availability(
            **{name: getattr(data, name) for name in Availability.__struct_fields__}
        ),
        "audiences": {field: audience for field, audience in chosen.items() if audience},
    }


@get("/{cooperative:str}/profile", include_in_schema=False)
async def profile(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the form with what is known."""
    own = await member(visit.db, actor=visit.actor, membership_id=visit.actor.member)
    form: Form[Profile] = Form(
        Profile,
        {
            "display_name": own.display_name,
            "contact_email": own.new_contact_email or own.contact_email,
            "contact_phone": own.contact_phone or "",
            "territory": own.territory or "",
            "presentation": own.presentation,
            "weekly_minutes": "" if own.weekly_minutes is None else duration(own.weekly_minutes),
            "available_from": own.available_from.isoformat() if own.available_from else "",
            "available_until": own.available_until.isoformat() if own.available_until else "",
            "works_remotely": "1" if own.works_remotely else "",
            "reach": own.reach.value,
            "open_to_invitations": "1" if own.open_to_invitations else "",
            **{f"{field}_audience": audience_of(own, field).value for field in FIELD_AUDIENCES},
        },
        {"languages": own.languages, "free_days": own.free_days},
    )
    return show(visit, form, waiting=own.new_contact_email or "")


def show(visit: Visit, form: Form[Profile], waiting: str = "") -> Response[str]:
    """The page, with the form that was sent, if one was; ``waiting`` is an address still to be confirmed."""
    audiences = [(one.value, _(title)) for one, title in AUDIENCE_TITLES.items()]
    return visit.page(
        "tenants/profile.html",
        form=form,
        waiting=waiting,
        audiences=audiences,
        contact_audiences=[one for one in audiences if one[0] != Audience.PUBLIC],
        languages=[(code, _(name)) for code, name in LANGUAGE_NAMES.items()],
        days=[(day.value, _(name)) for day, name in WEEKDAY_NAMES.items()],
        reaches=[(reach.value, _(title), "") for reach, title in REACH_TITLES.items()],
    )


@post("/{cooperative:str}/profile", include_in_schema=False)
async def change(visit: NamedDependency[Visit]) -> Response[Any]:
    """Change my profile."""
    form = await visit.form(Profile)

    async def work() -> Done:
        await change_profile(visit.db, actor=visit.actor, **told(form.data))
        own = await change_contact_email(
            visit.db, visit.house.throttle, actor=visit.actor, email=form.data.contact_email
        )
        notice = _("Votre profil est à jour.")
        if own.new_contact_email:
            notice = _(
                "Votre profil est à jour. Ouvrez le lien envoyé à {email} pour que cette adresse soit la vôtre ici.",
                email=own.new_contact_email,
            )
        return Done(f"/{visit.slug}/members/{visit.actor.member}", notice)

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


@get("/{cooperative:str}/profile/email/{token:str}", include_in_schema=False)
async def email_page(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[str]:
    """Show the button that a mailed link leads to; opening the page does nothing."""
    own = await member(visit.db, actor=visit.actor, membership_id=visit.actor.member)
    return visit.page("tenants/contact_email.html", form=visit.click, token=token, own=own)


@post("/{cooperative:str}/profile/email/{token:str}", include_in_schema=False)
async def confirm_email(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[Any]:
    """Confirm the address to which the link was sent."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        own = await confirm_contact_email(visit.db, actor=visit.actor, token=token)
        return Done(
            f"/{visit.slug}/profile", _("Vos notifications iront à {email}.", email=own.contact_email)
        )

    async def again() -> Response[str]:
        own = await member(visit.db, actor=visit.actor, membership_id=visit.actor.member)
        return visit.page("tenants/contact_email.html", form=form, token=token, own=own)

    return await visit.submit(form, work, otherwise=again)
