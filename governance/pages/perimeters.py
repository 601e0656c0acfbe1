"""What a circle decides, on one form: everything that may be decided, with what is this circle's ticked."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from governance.circle_authority import must_arrange
from governance.circle_changes import perimeters, set_perimeter
from governance.circles import Circle, circle, circles
from governance.pages.circles import CIRCLE, path_of
from tenants.platform.forms import Done, Form
from tenants.platform.words import _
from tenants.scopes import scopes, title_of
from tenants.visit import Visit

Scopes = Annotated[list[Annotated[str, msgspec.Meta(max_length=100)]], msgspec.Meta(max_length=500)]
"""Rules and funds, by their names."""


class PerimeterForm(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a circle decides."""

    scopes: Scopes = []


@get(CIRCLE + "/perimeter", include_in_schema=False)
async def perimeter_page(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[str]:
    """Show everything that may be decided, with what this circle decides ticked."""
    await must_arrange(visit.db, visit.actor)
    held = await perimeters(visit.db, visit.here.tenant_id, circle_id)
    form: Form[PerimeterForm] = Form(PerimeterForm, lists={"scopes": [one.scope for one in held]})
    return await _perimeter(visit, circle_id, form)


async def _perimeter(visit: Visit, circle_id: UUID, form: Form[PerimeterForm]) -> Response[str]:
    shown = await circle(visit.db, actor=visit.actor, circle_id=circle_id)
    names = {one.id: one for one in await circles(visit.db, actor=visit.actor)}
    above = set()
    parent = names.get(shown.parent_id) if shown.parent_id else None
    while parent:
        above.add(parent.id)
        parent = names.get(parent.parent_id) if parent.parent_id else None
    deciding = {
        one.scope: names[one.circle_id]
        for one in await perimeters(visit.db, visit.here.tenant_id)
        if one.circle_id != shown.id and one.circle_id in names
    }
    return visit.page(
        "governance/perimeter.html",
        form=form,
        shown=shown,
        offered=[
            (one, _offer(one, deciding.get(one)))
            for one in scopes()
            if one not in deciding or deciding[one].id in above
        ],
        elsewhere=[
            (title_of(one), decider) for one, decider in sorted(deciding.items()) if decider.id not in above
        ],
    )


def _offer(scope: str, decider: Circle | None) -> str:
    if decider is None:
        return title_of(scope)
    return _("{scope} (aujourd'hui : {circle})", scope=title_of(scope), circle=decider.name)


@post(CIRCLE + "/perimeter", include_in_schema=False)
async def say_perimeter(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[Any]:
    """Say everything that a circle decides."""
    form = await visit.form(PerimeterForm)

    async def work() -> Done:
        await set_perimeter(visit.db, actor=visit.actor, circle_id=circle_id, **form.fields())
        return Done(path_of(visit, circle_id), _("Ce que le cercle décide est inscrit au registre."))

    return await visit.submit(form, work, otherwise=lambda: _perimeter(visit, circle_id, form))


PAGES: Final = (perimeter_page, say_perimeter)
