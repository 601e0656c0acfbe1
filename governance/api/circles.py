"""Circles in the JSON API: the tree, what each decides, opening, describing and closing."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from governance import circle_changes
from governance import circles as verbs
from governance.circles import Circle
from governance.pages.circles import CIRCLE, CIRCLES, CircleForm, NewCircle
from governance.pages.perimeters import PerimeterForm, Scopes
from tenants.platform.web import Page, api_get, api_post
from tenants.visit import Visit


class CircleShown(msgspec.Struct, frozen=True, kw_only=True):
    """A circle. The root has no parent; ``scopes`` are the rules and funds that it decides and no other does."""

    id: UUID
    name: str
    purpose: str
    parent_id: UUID | None
    scopes: list[str]
    created_at: datetime
    closed_at: datetime | None


class Opening(NewCircle, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A circle to open, and what it is to decide."""

    scopes: Scopes = msgspec.field(default_factory=list)


async def _shown(visit: Visit, found: Circle) -> CircleShown:
    held = await circle_changes.perimeters(visit.db, found.tenant_id, found.id)
    return as_shown(found, [one.scope for one in held])


def as_shown(found: Circle, scopes: list[str]) -> CircleShown:
    """The circle as any member sees it."""
    return CircleShown(
        id=found.id,
        name=found.name,
        purpose=found.purpose,
        parent_id=found.parent_id,
        scopes=scopes,
        created_at=found.created_at,
        closed_at=found.closed_at,
    )


@api_get(CIRCLES, operation_id="circles", summary="List circles, the root first")
async def circles(
    visit: NamedDependency[Visit],
    closed: FromQuery[bool] = False,  # noqa: FBT002 (a query parameter, named in every call)
    member: FromQuery[UUID | None] = None,
) -> Page[CircleShown]:
    """List the open circles or the closed ones, perhaps those of one member; all at once, for they are few."""
    actor = visit.member_with("governance:read")
    found = await verbs.circles(visit.db, actor=actor, closed=closed, membership_id=member)
    scopes: dict[UUID, list[str]] = {}
    for one in await circle_changes.perimeters(visit.db, actor.tenant_id):
        scopes.setdefault(one.circle_id, []).append(one.scope)
    return Page(items=[as_shown(one, scopes.get(one.id, [])) for one in found])


@api_get(CIRCLE, operation_id="circle", summary="Read a circle")
async def circle(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> CircleShown:
    """Read one circle, open or closed."""
    actor = visit.member_with("governance:read")
    return await _shown(visit, await verbs.circle(visit.db, actor=actor, circle_id=circle_id))


@api_post(CIRCLES, operation_id="open_circle", summary="Open a circle")
async def open_circle(visit: NamedDependency[Visit], data: JSONBody[Opening]) -> Response[CircleShown]:
    """Open a circle under another; written in the register. The root's facilitator, or a manager while there is none."""
    actor = visit.member_with("governance:write")

    async def work() -> CircleShown:
        made = await circle_changes.open_circle(
            visit.db,
            actor=actor,
            name=data.name,
            purpose=data.purpose,
            parent_id=data.parent_id,
            scopes=data.scopes,
        )
        return await _shown(visit, made)

    return await visit.once(work)


@api_post(CIRCLE, operation_id="change_circle", summary="Describe a circle anew", status=200)
async def change_circle(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], data: JSONBody[CircleForm]
) -> Response[CircleShown]:
    """Say a circle's name and purpose anew."""
    actor = visit.member_with("governance:write")

    async def work() -> CircleShown:
        changed = await circle_changes.change_circle(
            visit.db, actor=actor, circle_id=circle_id, name=data.name, purpose=data.purpose
        )
        return await _shown(visit, changed)

    return await visit.once(work, status=200)


@api_post(
    CIRCLE + "/perimeter", operation_id="set_perimeter", summary="Say what a circle decides", status=200
)
async def set_perimeter(
    visit: NamedDependency[Visit], circle_id: FromPath[UUID], data: JSONBody[PerimeterForm]
) -> Response[CircleShown]:
    """Say all that a circle decides: what is left out goes back to its parent. Written in the register."""
    actor = visit.member_with("governance:write")

    async def work() -> CircleShown:
        await circle_changes.set_perimeter(visit.db, actor=actor, circle_id=circle_id, scopes=data.scopes)
        return await _shown(visit, await verbs.circle(visit.db, actor=actor, circle_id=circle_id))

    return await visit.once(work, status=200)


@api_post(CIRCLE + "/close", operation_id="close_circle", summary="Close a circle", status=200)
async def close_circle(visit: NamedDependency[Visit], circle_id: FromPath[UUID]) -> Response[CircleShown]:
    """Close a circle without open circles below it; what it decided goes back to its parent."""
    actor = visit.member_with("governance:write")

    async def work() -> CircleShown:
        closed = await circle_changes.close_circle(visit.db, actor=actor, circle_id=circle_id)
        return await _shown(visit, closed)

    return await visit.once(work, status=200)


API: Final = (circles, circle, open_circle, change_circle, set_perimeter, close_circle)
