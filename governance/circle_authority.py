"""Who may arrange circles: the facilitator of the circle of all or, as long as there is none, the managers.

What only concerns one circle (its members, its stewards and delegates) its own facilitator may do too. The software does
what an adopted proposal says. This file must never give a right by itself.
"""

from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_mandates import CircleMandate, CircleRole, holds_in_circle, in_force
from governance.circles import root_of, sits_in
from tenants.actors import Actor, Role
from tenants.memberships import Membership
from tenants.platform.errors import NotAllowed
from tenants.platform.words import N_


class CirclesNotYours(NotAllowed):
    """Somebody else arranges the circles of this cooperative."""

    code = "circles_not_yours"
    message = N_(
        "C'est à la facilitation du cercle de tous de le faire ou, tant que personne ne la tient, à la gestion ; "
        "pour ses membres et ses mandats, la facilitation du cercle le peut aussi."
    )


async def root_facilitators(db: AsyncSession, tenant_id: UUID) -> dict[UUID, str]:
    """Who facilitates the circle of all now, with their names; nobody where that mandate is given to none."""
    query = (
        select(Membership.id, Membership.display_name)
        .join(
            CircleMandate,
            and_(
                CircleMandate.tenant_id == Membership.tenant_id, CircleMandate.membership_id == Membership.id
            ),
        )
        .where(
            Membership.tenant_id == tenant_id,
            CircleMandate.circle_id == root_of(tenant_id),
            CircleMandate.role == CircleRole.FACILITATOR,
            in_force(),
            sits_in(root_of(tenant_id)),
        )
        .order_by(Membership.sort_name, Membership.id)
    )
    return {row.id: row.display_name for row in await db.execute(query)}


async def may_arrange(db: AsyncSession, actor: Actor) -> bool:
    """Whether the actor may make, change and close circles, and place members in colleges."""
    if actor.is_system:
        return True
    holders = await root_facilitators(db, actor.tenant_id)
    return actor.membership_id in holders if holders else actor.holds(Role.MANAGER)


async def may_keep(db: AsyncSession, actor: Actor, circle_id: UUID) -> bool:
    """Whether the actor may say who is in this circle, and who is its steward or delegate."""
    if await may_arrange(db, actor):
        return True
    return await holds_in_circle(db, actor.tenant_id, circle_id, actor.member, CircleRole.FACILITATOR)


async def must_arrange(db: AsyncSession, actor: Actor) -> None:
    """Refuse (CirclesNotYours) whoever may not arrange circles."""
    if await may_arrange(db, actor):
        return
    if Role.MANAGER in actor.withheld and not await root_facilitators(db, actor.tenant_id):
        # Says which: the mandate is there, and waits for a second factor.
        actor.must_hold(Role.MANAGER)
    raise CirclesNotYours


async def must_keep(db: AsyncSession, actor: Actor, circle_id: UUID) -> None:
    """Refuse (CirclesNotYours) whoever may not keep this circle's members and mandates."""
    if not await may_keep(db, actor, circle_id):
        await must_arrange(db, actor)
