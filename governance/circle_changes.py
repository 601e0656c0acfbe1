"""How circles change: one opens, is renamed or closes, and what it decides is given to it or goes back.

Each verb is one decision: audited, and a line of the register. They take turns by one lock per cooperative, before the
register's head. This file must never take a scope from a circle that is not above the one it gives it to.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_authority import must_arrange
from governance.circle_ends import empty_circle
from governance.circles import Circle, CirclePerimeter, circle_members, find_circle
from tenants import audit, register
from tenants.actors import Actor
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.platform.errors import Refusal
from tenants.platform.ids import CircleId
from tenants.platform.words import N_
from tenants.scopes import check_scope, title_of

declare_notices(
    NoticeKind(
        "circle_closed",
        N_("Un cercle dont vous étiez membre est fermé."),
        "/circles/{circle_id}",
        topic=Topic.DECISIONS,
    ),
)
register.declare_kinds(
    {
        "circle_opened": N_("Un cercle a été créé. Cercles ouverts à ce jour : {circles}."),
        "circle_closed": N_("Un cercle a été fermé. Cercles ouverts à ce jour : {circles}."),
        "circle_perimeter": N_("Ce qu'un cercle décide a changé. Règles et fonds qu'il décide : {count}."),
    }
)

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('circles:' || :tenant_id, 0))")


class CircleNameTaken(Refusal):
    """Another open circle has this name."""

    code = "circle_name_taken"
    message = N_("Un autre cercle porte déjà le nom « {name} ».")
    default_field = "name"


class ScopeTaken(Refusal):
    """Another circle decides this, and only a circle above could hand it down."""

    code = "scope_taken"
    message = N_(
        "« {scope} » est décidé par le cercle « {name} » : il faut d'abord le lui retirer, ou passer par lui."
    )
    default_field = "scopes"


class CircleHasChildren(Refusal):
    """Circles below this one are open: they close first."""

    code = "circle_has_children"
    message = N_("Ce cercle a encore des cercles ouverts sous lui : fermez-les d'abord.")


class RootCircle(Refusal):
    """The circle of all stays open, and decides whatever no other circle does."""

    code = "root_circle"
    message = N_("Le cercle de tous reste ouvert, et décide de tout ce qu'aucun autre cercle ne décide.")


async def open_circle(
    db: AsyncSession,
    *,
    actor: Actor,
    name: str,
    purpose: str,
    parent_id: UUID,
    scopes: Collection[str] = (),
) -> Circle:
    """Open a circle under another, to decide these scopes. Holds the circles' lock, then the register's head.

    Raises CirclesNotYours, CircleNameTaken, CircleClosed (the parent), UnknownDecision, ScopeTaken, NotFound.
    """
    await must_arrange(db, actor)
    await db.execute(_LOCK, {"tenant_id": str(actor.tenant_id)})
    parent = await find_circle(db, actor.tenant_id, parent_id, open_only=True)
    await _must_be_free(db, actor, name)
    made = Circle(tenant_id=actor.tenant_id, name=name, purpose=purpose, parent_id=parent.id)
    db.add(made)
    await db.flush()
    await _give(db, made, await _takeable(db, made, scopes))
    facts = {"name": name, "parent_id": str(parent.id), "scopes": sorted(set(scopes))}
    await audit.record(db, actor=actor, action="governance:circle:opened", subject_id=made.id, facts=facts)
    await _register(db, made, "circle_opened")
    return made


async def change_circle(
    db: AsyncSession, *, actor: Actor, circle_id: UUID, name: str, purpose: str
) -> Circle:
    """Say a circle's name and purpose anew. Raises CirclesNotYours, CircleNameTaken, CircleClosed, NotFound."""
    await must_arrange(db, actor)
    await db.execute(_LOCK, {"tenant_id": str(actor.tenant_id)})
    found = await find_circle(db, actor.tenant_id, circle_id, open_only=True)
    await _must_be_free(db, actor, name, but=found.id)
    found.name, found.purpose = name, purpose
    await audit.record(
        db, actor=actor, action="governance:circle:changed", subject_id=found.id, facts={"name": name}
    )
    return found


async def set_perimeter(
    db: AsyncSession, *, actor: Actor, circle_id: UUID, scopes: Collection[str]
) -> Sequence[str]:
    """Say everything that a circle decides: what is new comes from above, what is left out goes back to its parent.

    Holds the circles' lock, then the register's head. Raises CirclesNotYours, RootCircle, CircleClosed, UnknownDecision, ScopeTaken, NotFound.
    """
    await must_arrange(db, actor)
    await db.execute(_LOCK, {"tenant_id": str(actor.tenant_id)})
    found = await find_circle(db, actor.tenant_id, circle_id, open_only=True)
    if found.is_root:
        raise RootCircle
    held = {one.scope for one in await perimeters(db, actor.tenant_id, circle_id)}
    wanted = set(scopes)
    if held == wanted:
        return sorted(held)
    await _give(db, found, await _takeable(db, found, wanted - held))
    await _hand_back(db, found, held - wanted)
    facts = {"given": sorted(wanted - held), "taken_back": sorted(held - wanted)}
    await audit.record(
        db, actor=actor, action="governance:perimeter:changed", subject_id=found.id, facts=facts
    )
    line = {"circle": str(found.id), "count": len(wanted), "scopes": sorted(wanted)}
    await register.append(db, tenant_id=actor.tenant_id, kind="circle_perimeter", facts=line)
    return sorted(wanted)


async def close_circle(db: AsyncSession, *, actor: Actor, circle_id: UUID) -> Circle:
    """Close a circle: what it decided goes back to its parent, its members leave it, its mandates end.

    Holds the circles' lock, then the register's head. Raises CirclesNotYours, RootCircle, CircleHasChildren, CircleClosed, NotFound.
    """
    await must_arrange(db, actor)
    await db.execute(_LOCK, {"tenant_id": str(actor.tenant_id)})
    found = await find_circle(db, actor.tenant_id, circle_id, open_only=True)
    if found.is_root:
        raise RootCircle
    below = select(Circle.id).where(
        Circle.tenant_id == actor.tenant_id, Circle.parent_id == found.id, Circle.closed_at.is_(None)
    )
    if await db.scalar(below.limit(1)) is not None:
        raise CircleHasChildren
    told = await circle_members(db, actor.tenant_id, found.id)
    scopes = [one.scope for one in await perimeters(db, actor.tenant_id, found.id)]
    await _hand_back(db, found, scopes)
    found.closed_at = await db.scalar(select(func.now()))
    await audit.record(
        db, actor=actor, action="governance:circle:closed", subject_id=found.id, facts={"scopes": scopes}
    )
    await notify_members(
        db,
        tenant_id=actor.tenant_id,
        membership_ids=[one for one in told if one != actor.membership_id],
        kind="circle_closed",
        facts={"circle_id": found.id},
    )
    await empty_circle(db, actor, found)
    await _register(db, found, "circle_closed")
    return found


async def perimeters(
    db: AsyncSession, tenant_id: UUID, circle_id: UUID | None = None
) -> Sequence[CirclePerimeter]:
    """What circles (or one of them) decide now, by scope."""
    query = select(CirclePerimeter).where(
        CirclePerimeter.tenant_id == tenant_id, CirclePerimeter.ended_at.is_(None)
    )
    if circle_id is not None:
        query = query.where(CirclePerimeter.circle_id == circle_id)
    return (await db.scalars(query.order_by(CirclePerimeter.scope))).all()


async def _must_be_free(db: AsyncSession, actor: Actor, name: str, but: UUID | None = None) -> None:
    same = select(Circle.id).where(
        Circle.tenant_id == actor.tenant_id,
        Circle.closed_at.is_(None),
        func.lower(Circle.name) == func.lower(name),
        Circle.id.is_distinct_from(but),
    )
    if await db.scalar(same) is not None:
        raise CircleNameTaken(name=name)


async def _takeable(
    db: AsyncSession, taker: Circle, scopes: Collection[str]
) -> Mapping[str, CirclePerimeter | None]:
    """The scopes that this circle may be given, each with the row of the circle above that has it now, if any."""
    above: set[CircleId] = set()
    next_id = taker.parent_id
    while next_id is not None:
        above.add(next_id)
        next_id = (await find_circle(db, taker.tenant_id, next_id)).parent_id
    now_with = {one.scope: one for one in await perimeters(db, taker.tenant_id)}
    for scope in map(check_scope, scopes):
        held = now_with.get(scope)
        if held is not None and held.circle_id not in above:
            holder = await find_circle(db, taker.tenant_id, held.circle_id)
            raise ScopeTaken(scope=title_of(scope), name=holder.name)
    return {scope: now_with.get(scope) for scope in sorted(set(scopes))}


async def _give(db: AsyncSession, taker: Circle, scopes: Mapping[str, CirclePerimeter | None]) -> None:
    now = await db.scalar(select(func.now()))
    for held in scopes.values():
        if held is not None:
            held.ended_at = now
    await db.flush()
    db.add_all(CirclePerimeter(tenant_id=taker.tenant_id, circle_id=taker.id, scope=one) for one in scopes)
    await db.flush()


async def _hand_back(db: AsyncSession, giver: Circle, scopes: Collection[str]) -> None:
    """End the circle's hold on these; its parent has them from now on (the root without a row)."""
    await db.execute(
        update(CirclePerimeter)
        .where(
            CirclePerimeter.tenant_id == giver.tenant_id,
            CirclePerimeter.circle_id == giver.id,
            CirclePerimeter.ended_at.is_(None),
            CirclePerimeter.scope.in_(scopes),
        )
        .values(ended_at=func.now())
        .execution_options(synchronize_session=False)
    )
    parent = await find_circle(db, giver.tenant_id, giver.parent_id or giver.tenant_id)
    if not parent.is_root:
        await _give(db, parent, dict.fromkeys(scopes))


async def _register(db: AsyncSession, subject: Circle, kind: str) -> None:
    """Write the line; circles are named by their number, since somebody wrote their name."""
    await db.flush()
    count = select(func.count()).where(Circle.tenant_id == subject.tenant_id, Circle.closed_at.is_(None))
    facts = {"circle": str(subject.id), "circles": (await db.execute(count)).scalar_one()}
    await register.append(db, tenant_id=subject.tenant_id, kind=kind, facts=facts)
