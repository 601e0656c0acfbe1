"""Circles: the tree of who decides what, one circle, and the forms that open, describe and close them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from governance.circle_appointing import circle_mandates
from governance.circle_authority import may_arrange, may_keep, must_arrange, root_facilitators
from governance.circle_changes import change_circle, close_circle, open_circle, perimeters
from governance.circle_mandates import CIRCLE_ROLE_TITLES, CIRCLE_ROLE_WORDS, CircleMandate, CircleRole
from governance.circle_seats import head_counts, members_of_circle
from governance.circles import NAME_LENGTH, PURPOSE_LENGTH, Circle, circle, circles
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import LINE_PATTERN, PROSE_PATTERN
from tenants.platform.web import csv_response
from tenants.platform.words import _, local
from tenants.scopes import FUND, RULE, title_of
from tenants.visit import Visit

CIRCLES: Final = "/{cooperative:str}/circles"
CIRCLE: Final = CIRCLES + "/{circle_id:uuid}"
SHOWN_MEMBERS: Final = 12

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH, pattern=LINE_PATTERN)]
"""What a circle is called."""
Purpose = Annotated[str, msgspec.Meta(max_length=PURPOSE_LENGTH, pattern=PROSE_PATTERN)]
"""What a circle is for, Markdown."""


class CircleForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a circle says of itself."""

    name: Name
    purpose: Purpose = ""


class NewCircle(CircleForm, frozen=True, kw_only=True):
    """A circle to open, under another."""

    parent_id: UUID


@dataclass
class Node:
    """A circle in the tree, with the circles below it."""

    circle: Circle
    below: list["Node"] = field(default_factory=list)


def tree_of(found: Sequence[Circle]) -> list[Node]:
    """The circles under one another, those without a parent among them first."""
    nodes = {one.id: Node(one) for one in found}
    tops: list[Node] = []
    for one in found:
        parent = nodes.get(one.parent_id) if one.parent_id else None
        (parent.below if parent else tops).append(nodes[one.id])
    return tops


@get(CIRCLES, include_in_schema=False)
async def circles_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the circles as a tree, with who facilitates each and how much it decides."""
    found = await circles(visit.db, actor=visit.actor)
    held: dict[UUID, int] = {}
    for one in await perimeters(visit.db, visit.here.tenant_id):
        held[one.circle_id] = held.get(one.circle_id, 0) + 1
    running = await circle_mandates(visit.db, actor=visit.actor)
    return visit.page(
        "governance/circles.html",
        tree=tree_of(found),
        counts=await head_counts(visit.db, visit.here.tenant_id),
        held=held,
        facilitators=_names_by_circle(running),
        closed=await circles(visit.db, actor=visit.actor, closed=True),
        root_facilitators=list((await root_facilitators(visit.db, visit.here.tenant_id)).values()),
        may_arrange=await may_arrange(visit.db, visit.actor),
    )


def _names_by_circle(running: Sequence[tuple[CircleMandate, str]]) -> Mapping[UUID, Sequence[str]]:
    names: dict[UUID, list[str]] = {}
    for mandate, name in running:
        if mandate.role is CircleRole.FACILITATOR:
            names.setdefault(mandate.circle_id, []).append(name)
    return names


@get(CIRCLES + ".csv", include_in_schema=False)
async def circles_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the circles, open and closed, with what each decides."""
    found = [*await circles(visit.db, actor=visit.actor)]
    names = {one.id: one.name for one in found}
    found += await circles(visit.db, actor=visit.actor, closed=True)
    counts = await head_counts(visit.db, visit.here.tenant_id)
    decided: dict[UUID, list[str]] = {}
    for one in await perimeters(visit.db, visit.here.tenant_id):
        decided.setdefault(one.circle_id, []).append(title_of(one.scope))
    header = [
        _("Cercle"), _("Raison d'être"), _("Cercle parent"), _("Membres"), _("Décide de"), _("Créé le"), _("Fermé le"),
        _("Identifiant"),
    ]  # fmt: skip
    rows = [
        (
            one.name,
            one.purpose,
            names.get(one.parent_id, "") if one.parent_id else "",
            counts.get(one.id, 0),
            ", ".join(decided.get(one.id, [])),
            local(one.created_at).date().isoformat(),
            local(one.closed_at).date().isoformat() if one.closed_at else "",
            str(one.id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-cercles.csv", header, rows)


@get(CIRCLES + "/new", include_in_schema=False)
async def new_circle(visit: NamedDependency[Visit], parent: FromQuery[str] = "") -> Response[str]:
    """Show the form that opens a circle, under ``parent`` if the link says so."""
    await must_arrange(visit.db, visit.actor)
    return await _form(visit, visit.blank_form(NewCircle, parent_id=parent[:36] or str(visit.here.tenant_id)))


async def _form(visit: Visit, form: Form[Any], shown: Circle | None = None) -> Response[str]:
    found = [] if shown else await circles(visit.db, actor=visit.actor)
    return visit.page(
        "governance/circle_form.html", form=form, shown=shown, parents=[(one.id, one.name) for one in found]
    )


@post(CIRCLES, include_in_schema=False)
async def open_(visit: NamedDependency[Visit]) -> Response[Any]:
    """Open a circle; its members and what it decides follow on its own page."""
    form = await visit.form(NewCircle)

    async def work() -> Done:
        made = await open_circle(visit.db, actor=visit.actor, **form.fields())
        return Done(
            path_of(visit, made.id),
            _("Le cercle est créé. Dites maintenant de quoi il décide, et qui en est."),
        )

    return await visit.submit(form, work, otherwise=lambda: _form(visit, form))


@get(CIRCLE, include_in_schema=False)
async def circle_page(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[str]:
    """Show a circle: what it is for, what it decides, who is in it and who holds which mandate."""
    return await show_circle(visit, circle_id)


async def show_circle(visit: Visit, circle_id: UUID) -> Response[str]:
    """The page of a circle, also after something on it was refused."""
    actor = visit.actor
    shown = await circle(visit.db, actor=actor, circle_id=circle_id)
    around = await circles(visit.db, actor=actor)
    running = await circle_mandates(visit.db, actor=actor, circle_id=circle_id)
    seated = await members_of_circle(visit.db, actor=actor, circle_id=circle_id, limit=SHOWN_MEMBERS + 1)
    return visit.page(
        "governance/circle.html",
        shown=shown,
        parent=next((one for one in around if one.id == shown.parent_id), None),
        below=[one for one in around if one.parent_id == shown.id],
        decides=[
            (title_of(one.scope), _page_of(visit, one.scope))
            for one in await perimeters(visit.db, visit.here.tenant_id, circle_id)
        ],
        members=seated[:SHOWN_MEMBERS],
        more=len(seated) > SHOWN_MEMBERS,
        by_role={role: [pair for pair in running if pair[0].role is role] for role in CircleRole},
        role_titles=CIRCLE_ROLE_TITLES,
        role_words=CIRCLE_ROLE_WORDS,
        inside=any(one.id == actor.membership_id and one.joined_at for one in seated),
        may_arrange=shown.closed_at is None and await may_arrange(visit.db, actor),
        may_keep=shown.closed_at is None and await may_keep(visit.db, actor, circle_id),
    )


def _page_of(visit: Visit, scope: str) -> str:
    """Where what is decided is shown."""
    if scope.startswith(RULE):
        return f"/{visit.slug}/rules/{scope.removeprefix(RULE)}"
    return f"/{visit.slug}/{scope.removeprefix(FUND)}"


@get(CIRCLE + "/edit", include_in_schema=False)
async def edit_circle(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[str]:
    """Show the form that says a circle's name and purpose anew."""
    await must_arrange(visit.db, visit.actor)
    shown = await circle(visit.db, actor=visit.actor, circle_id=circle_id)
    return await _form(visit, visit.blank_form(CircleForm, name=shown.name, purpose=shown.purpose), shown)


@post(CIRCLE + "/edit", include_in_schema=False)
async def change(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[Any]:
    """Say a circle's name and purpose anew."""
    form = await visit.form(CircleForm)

    async def work() -> Done:
        await change_circle(visit.db, actor=visit.actor, circle_id=circle_id, **form.fields())
        return Done(path_of(visit, circle_id), _("Le cercle est à jour."))

    async def again() -> Response[str]:
        return await _form(visit, form, await circle(visit.db, actor=visit.actor, circle_id=circle_id))

    return await visit.submit(form, work, otherwise=again)


@post(CIRCLE + "/close", include_in_schema=False)
async def close(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[Any]:
    """Close a circle."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await close_circle(visit.db, actor=visit.actor, circle_id=circle_id)
        return Done(
            f"/{visit.slug}/circles",
            _("Le cercle est fermé ; ce qu'il décidait revient à son cercle parent."),
        )

    return await visit.submit(form, work, otherwise=lambda: show_circle(visit, circle_id))


def path_of(visit: Visit, circle_id: UUID) -> str:
    """Where a circle is shown."""
    return f"/{visit.slug}/circles/{circle_id}"


PAGES: Final = (
    circles_page,
    circles_csv,
    new_circle,
    open_,
    circle_page,
    edit_circle,
    change,
    close,
)
