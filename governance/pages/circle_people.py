"""The people of a circle: its members, who may come in, and the mandates it gives."""

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from markupsafe import Markup

from governance.circle_appointing import circle_mandates, end_circle_mandate, give_circle_mandate
from governance.circle_authority import may_arrange, may_keep, must_keep
from governance.circle_mandates import CIRCLE_ROLE_TITLES, CIRCLE_ROLE_WORDS, CircleRole
from governance.circle_seats import add_circle_members, members_of_circle, remove_circle_member
from governance.circles import circle, circle_members, circles
from governance.pages.circles import CIRCLE, CIRCLES, path_of, show_circle
from tenants.memberships import Membership, members
from tenants.names import display_names
from tenants.pages.members import declare_part
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.templating import render
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, local, ngettext
from tenants.profiles import Standing
from tenants.visit import Visit

Chosen = Annotated[list[UUID], msgspec.Meta(max_length=200)]
"""Members, ticked on a form."""


class ChosenMembers(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to come in."""

    membership_ids: Chosen = []


class OneMember(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a button concerns."""

    membership_id: UUID


class NewCircleMandate(msgspec.Struct, frozen=True, kw_only=True):
    """A role in a circle, who is to hold it, and its last day."""

    membership_id: UUID
    role: CircleRole
    until: date
    since: date | None = None


@get(CIRCLE + "/members", include_in_schema=False)
async def circle_members_page(
    visit: NamedDependency[Visit],
    circle_id: FromPath[UUID],
    search: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[str]:
    """List who is in a circle, by name."""
    return await _members(visit, circle_id, search=search[:80], after=after)


async def _members(visit: Visit, circle_id: UUID, *, search: str = "", after: str = "") -> Response[str]:
    cursor = decode_cursor(after, (str, UUID))
    found = await members_of_circle(
        visit.db,
        actor=visit.actor,
        circle_id=circle_id,
        search=search,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=PAGE_LENGTH + 1,
    )
    seated = found[:PAGE_LENGTH]
    shown = await circle(visit.db, actor=visit.actor, circle_id=circle_id)
    last = seated[-1] if len(found) > PAGE_LENGTH else None
    return visit.page(
        "governance/circle_members.html",
        shown=shown,
        members=seated,
        search=search,
        after=encode_cursor(last.sort_name, last.id) if last else "",
        may_keep=shown.closed_at is None and await may_keep(visit.db, visit.actor, circle_id),
    )


@get(CIRCLE + "/members.csv", include_in_schema=False)
async def circle_members_csv(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[bytes]:
    """Download who is in a circle."""
    found = await members_of_circle(visit.db, actor=visit.actor, circle_id=circle_id, limit=None)
    header = [_("Nom"), _("Membre du cercle depuis"), _("Identifiant")]
    rows = [
        (one.name, local(one.joined_at).date().isoformat() if one.joined_at else "", str(one.id))
        for one in found
    ]
    return csv_response(f"{visit.slug}-cercle-membres.csv", header, rows)


@get(CIRCLE + "/members/new", include_in_schema=False)
async def newcomers_page(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], search: FromQuery[str] = ""
) -> Response[str]:
    """Show the members who may come into a circle, found by a part of their name."""
    return await _newcomers(visit, circle_id, visit.blank_form(ChosenMembers), search[:80])


async def _newcomers(
    visit: Visit, circle_id: UUID, form: Form[ChosenMembers], search: str = ""
) -> Response[str]:
    await must_keep(visit.db, visit.actor, circle_id)
    shown = await circle(visit.db, actor=visit.actor, circle_id=circle_id)
    inside = set(await circle_members(visit.db, visit.here.tenant_id, circle_id))
    found = await members(visit.db, actor=visit.actor, search=search, limit=PAGE_LENGTH + len(inside))
    offered = [(str(one.id), one.display_name) for one in found if one.id not in inside][:PAGE_LENGTH]
    return visit.page("governance/newcomers.html", form=form, shown=shown, offered=offered, search=search)


@post(CIRCLE + "/members", include_in_schema=False)
async def let_in(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[Any]:
    """Let members into a circle."""
    form = await visit.form(ChosenMembers)

    async def work() -> Done:
        came = await add_circle_members(visit.db, actor=visit.actor, circle_id=circle_id, **form.fields())
        if not came:
            return Done(path_of(visit, circle_id), _("Rien n'a changé : ces personnes y étaient déjà."))
        return Done(
            path_of(visit, circle_id),
            ngettext(
                "Une personne est entrée dans le cercle.", "{n} personnes sont entrées dans le cercle.", came
            ),
        )

    return await visit.submit(form, work, otherwise=lambda: _newcomers(visit, circle_id, form))


@post(CIRCLE + "/members/remove", include_in_schema=False)
async def take_out(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[Any]:
    """Take a member out of a circle, or leave it oneself."""
    form = await visit.form(OneMember)

    async def work() -> Done:
        await remove_circle_member(visit.db, actor=visit.actor, circle_id=circle_id, **form.fields())
        own = form.data.membership_id == visit.actor.membership_id
        return Done(
            path_of(visit, circle_id),
            _("Vous avez quitté ce cercle.") if own else _("Cette personne n'est plus du cercle."),
        )

    return await visit.submit(form, work, otherwise=lambda: _members(visit, circle_id))


# --- Mandates ----------------------------------------------------------------------------------------


@get(CIRCLES + "/mandates.csv", include_in_schema=False)
async def circle_mandates_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the mandates of all circles that hold now or begin later."""
    found = await circle_mandates(visit.db, actor=visit.actor)
    names = {one.id: one.name for one in await circles(visit.db, actor=visit.actor)}
    header = [_("Cercle"), _("Mandat"), _("Nom"), _("À partir du"), _("Jusqu'au"), _("Identifiant")]
    rows = [
        (
            names.get(mandate.circle_id, ""),
            _(CIRCLE_ROLE_TITLES[mandate.role]),
            name,
            local(mandate.term.lower).date().isoformat() if mandate.term.lower else "",
            local(mandate.last_moment).date().isoformat(),
            str(mandate.id),
        )
        for mandate, name in found
    ]
    return csv_response(f"{visit.slug}-cercles-mandats.csv", header, rows)


@get(CIRCLE + "/mandates/new", include_in_schema=False)
async def new_mandate(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], member: FromQuery[str] = ""
) -> Response[str]:
    """Show the form that gives a mandate of a circle, to ``member`` if the link says so."""
    return await _mandate(visit, circle_id, visit.blank_form(NewCircleMandate, membership_id=member[:36]))


async def _mandate(visit: Visit, circle_id: UUID, form: Form[NewCircleMandate]) -> Response[str]:
    await must_keep(visit.db, visit.actor, circle_id)
    shown = await circle(visit.db, actor=visit.actor, circle_id=circle_id)
    inside = await members_of_circle(visit.db, actor=visit.actor, circle_id=circle_id, limit=PAGE_LENGTH)
    offered = {str(one.id): one.name for one in inside}
    typed = form.values.get("membership_id", "")
    if typed and typed not in offered:
        asked = [
            one
            for one in await circle_members(visit.db, visit.here.tenant_id, circle_id)
            if str(one) == typed
        ]
        names = await display_names(visit.db, tenant_id=visit.here.tenant_id, membership_ids=asked)
        offered |= {str(one): name for one, name in names.items()}
    arranges = await may_arrange(visit.db, visit.actor)
    roles = [
        (str(role), _(title), _(CIRCLE_ROLE_WORDS[role]))
        for role, title in CIRCLE_ROLE_TITLES.items()
        if (role is not CircleRole.DELEGATE or not shown.is_root)
        and (role is not CircleRole.FACILITATOR or arranges)
    ]
    return visit.page(
        "governance/circle_mandate_form.html",
        form=form,
        shown=shown,
        offered=list(offered.items()),
        many=len(inside) == PAGE_LENGTH,
        roles=roles,
    )


@post(CIRCLE + "/mandates", include_in_schema=False)
async def give(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[Any]:
    """Give a mandate of a circle."""
    form = await visit.form(NewCircleMandate)

    async def work() -> Done:
        await give_circle_mandate(visit.db, actor=visit.actor, circle_id=circle_id, **form.fields())
        return Done(path_of(visit, circle_id), _("Le mandat est donné et inscrit au registre."))

    return await visit.submit(form, work, otherwise=lambda: _mandate(visit, circle_id, form))


@post(CIRCLES + "/mandates/{circle_mandate_id:uuid}/end", include_in_schema=False)
async def end(visit: NamedDependency[Visit], circle_mandate_id: FromPath[UUID]) -> Response[Any]:
    """Take a mandate of a circle back, or give up one's own."""
    form = await visit.form(Nothing)
    running = {one.id: one for one, _name in await circle_mandates(visit.db, actor=visit.actor)}
    known = running.get(circle_mandate_id)
    circle_id = known.circle_id if known else visit.here.tenant_id

    async def work() -> Done:
        await end_circle_mandate(visit.db, actor=visit.actor, circle_mandate_id=circle_mandate_id)
        return Done(path_of(visit, circle_id), _("Ce mandat a pris fin ; le registre le dit."))

    return await visit.submit(form, work, otherwise=lambda: show_circle(visit, circle_id))


async def circles_part(visit: Visit, shown: Membership, standing: Standing) -> str:
    """The circles of a member, on their page: for other members."""
    if standing is Standing.STRANGER:
        return ""
    found = await circles(visit.db, actor=visit.actor, membership_id=shown.id)
    mine = [one for one in found if not one.is_root]
    held = await circle_mandates(visit.db, actor=visit.actor, membership_id=shown.id)
    if not mine and not held:
        return ""
    return Markup(  # noqa: S704 (a template of ours, which escapes what it is given)
        render(
            "governance/member_circles.html",
            visit=visit,
            circles=[
                (one, [mandate for mandate, _name in held if mandate.circle_id == one.id])
                for one in found
                if not one.is_root or any(mandate.circle_id == one.id for mandate, _name in held)
            ],
            role_titles=CIRCLE_ROLE_TITLES,
        )
    )


declare_part(circles_part)

PAGES: Final = (
    circle_members_page,
    circle_members_csv,
    newcomers_page,
    let_in,
    take_out,
    circle_mandates_csv,
    new_mandate,
    give,
    end,
)
