"""Mandates: who does what for the cooperative, until when; a manager gives and takes back."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.actors import Role
from tenants.mandates import end_mandate, give_mandate, mandates_in_force
from tenants.memberships import members
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.web import csv_response
from tenants.platform.words import _
from tenants.roles import ROLE_TITLES, ROLE_WORDS
from tenants.visit import Visit


class NewMandate(msgspec.Struct, frozen=True):
    """A role, who is to hold it, and its last day."""

    membership_id: UUID
    role: Role
    until: date
    since: date | None = None


@get("/{cooperative:str}/mandates", include_in_schema=False)
async def mandates_page(visit: NamedDependency[Visit], member: FromQuery[str] = "") -> Response[str]:
    """List the mandates by role; a manager may give one, to ``member`` if the link says so."""
    return await show(visit, visit.blank_form(NewMandate, membership_id=member[:36]))


async def show(visit: Visit, form: Form[Any]) -> Response[str]:
    """The page, with the form that was sent, if one was."""
    found = await mandates_in_force(visit.db, actor=visit.actor)
    choices = await members(visit.db, actor=visit.actor, limit=None) if visit.holds(Role.MANAGER) else []
    return visit.page(
        "tenants/mandates.html",
        form=form,
        giving=form if form.kind is NewMandate else visit.blank_form(NewMandate),
        by_role={role: [pair for pair in found if pair[0].role is role] for role in Role},
        role_titles=ROLE_TITLES,
        role_words=ROLE_WORDS,
        roles=[(str(role), _(title)) for role, title in ROLE_TITLES.items()],
        choices=[(one.id, one.display_name) for one in choices],
    )


@get("/{cooperative:str}/mandates.csv", include_in_schema=False)
async def mandates_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the mandates that hold now or begin later."""
    found = await mandates_in_force(visit.db, actor=visit.actor)
    header = [_("Mandat"), _("Nom"), _("À partir du"), _("Jusqu'au"), _("Identifiant")]
    rows = [
        (
            _(ROLE_TITLES[mandate.role]),
            name,
            mandate.term.lower.date().isoformat() if mandate.term.lower else "",
            mandate.last_moment.date().isoformat(),
            str(mandate.id),
        )
        for mandate, name in found
    ]
    return csv_response(f"{visit.slug}-mandates.csv", header, rows)


@post("/{cooperative:str}/mandates", include_in_schema=False)
async def give(visit: NamedDependency[Visit]) -> Response[Any]:
    """Give a mandate."""
    form = await visit.form(NewMandate)

    async def work() -> Done:
        await give_mandate(visit.db, actor=visit.actor, **form.fields())
        return Done(f"/{visit.slug}/mandates", _("Le mandat est donné et inscrit au registre."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


@post("/{cooperative:str}/mandates/{mandate_id:uuid}/end", include_in_schema=False)
async def end(visit: NamedDependency[Visit], mandate_id: FromPath[UUID]) -> Response[Any]:
    """Take a mandate back, or give up one's own."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await end_mandate(visit.db, actor=visit.actor, mandate_id=mandate_id)
        return Done(f"/{visit.slug}/mandates", _("Ce mandat a pris fin ; le registre le dit."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))
