"""Who sits in a circle: members come in and go, and anyone may leave by themselves.

The root circle needs no seats: every active member is in it. A delegate of a child circle is there for as long as that
mandate runs, without a seat. This file must never put anybody into the root, nor take them out of it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_authority import must_keep
from governance.circle_changes import RootCircle
from governance.circle_ends import end_seats
from governance.circle_mandates import CircleEndReason
from governance.circles import Circle, CircleSeat, find_circle, sits_in
from tenants import audit
from tenants.actors import Actor
from tenants.memberships import Membership, MembershipState, StateUnfit, escape_like
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import N_

declare_notices(
    NoticeKind(
        "circle_joined",
        N_("Vous êtes maintenant membre d'un cercle."),
        "/circles/{circle_id}",
        topic=Topic.DECISIONS,
    ),
    NoticeKind(
        "circle_left",
        N_("Vous n'êtes plus membre d'un cercle."),
        "/circles/{circle_id}",
        topic=Topic.DECISIONS,
    ),
)


class NobodyChosen(Refusal):
    """The form was sent without choosing anybody."""

    status = 422
    code = "nobody_chosen"
    message = N_("Cochez au moins une personne.")
    default_field = "membership_ids"


@dataclass(frozen=True, slots=True)
class Seated:
    """One member of a circle; ``joined_at`` is null for the root, and for who speaks there for a child circle."""

    id: UUID
    name: str
    sort_name: str
    joined_at: datetime | None


async def add_circle_members(
    db: AsyncSession, *, actor: Actor, circle_id: UUID, membership_ids: Collection[UUID]
) -> int:
    """Let active members into a circle; who is in it already stays. Returns how many came in.

    Raises CirclesNotYours, RootCircle, CircleClosed, StateUnfit, NotFound.
    """
    await must_keep(db, actor, circle_id)
    found = await find_circle(db, actor.tenant_id, circle_id, open_only=True)
    if found.is_root:
        raise RootCircle
    wanted = set(membership_ids)
    known = select(Membership.id, Membership.state).where(
        Membership.tenant_id == actor.tenant_id, Membership.id.in_(wanted)
    )
    states = {row.id: row.state for row in await db.execute(known)}
    if wanted - set(states):
        raise NotFound
    if any(state != MembershipState.ACTIVE for state in states.values()):
        raise StateUnfit("membership_ids")
    if not wanted:
        raise NobodyChosen
    rows = [
        {"tenant_id": actor.tenant_id, "circle_id": circle_id, "membership_id": one} for one in sorted(wanted)
    ]
    statement = insert(CircleSeat).values(rows).on_conflict_do_nothing().returning(CircleSeat.membership_id)
    came = (await db.scalars(statement)).all()
    for one in came:
        facts = {"circle_id": str(circle_id), "membership_id": str(one)}
        await audit.record(
            db, actor=actor, action="governance:circle_member:added", subject_id=circle_id, facts=facts
        )
    told = [one for one in came if one != actor.membership_id]
    if told:
        await notify_members(
            db,
            tenant_id=actor.tenant_id,
            membership_ids=told,
            kind="circle_joined",
            facts={"circle_id": circle_id},
        )
    return len(came)


async def remove_circle_member(
    db: AsyncSession, *, actor: Actor, circle_id: UUID, membership_id: UUID
) -> None:
    """Take a member out of a circle, or leave it oneself; their mandates in it end. Holds the register's head.

    Raises CirclesNotYours, RootCircle, CircleClosed, NotFound (who has no seat in it).
    """
    own = membership_id == actor.membership_id
    if not own:
        await must_keep(db, actor, circle_id)
    found = await find_circle(db, actor.tenant_id, circle_id, open_only=True)
    if found.is_root:
        raise RootCircle
    seat = select(CircleSeat.id).where(
        CircleSeat.tenant_id == actor.tenant_id,
        CircleSeat.circle_id == circle_id,
        CircleSeat.membership_id == membership_id,
        CircleSeat.left_at.is_(None),
    )
    if await db.scalar(seat.with_for_update()) is None:
        raise NotFound
    facts = {"circle_id": str(circle_id), "membership_id": str(membership_id)}
    await audit.record(
        db, actor=actor, action="governance:circle_member:left", subject_id=circle_id, facts=facts
    )
    if not own:
        await notify_members(
            db,
            tenant_id=actor.tenant_id,
            membership_ids=[membership_id],
            kind="circle_left",
            facts={"circle_id": circle_id},
        )
    reason = CircleEndReason.GIVEN_UP if own else CircleEndReason.TAKEN_BACK
    await end_seats(db, actor, circle_id=circle_id, membership_id=membership_id, reason=reason)


async def members_of_circle(
    db: AsyncSession,
    *,
    actor: Actor,
    circle_id: UUID,
    search: str = "",
    after: tuple[str, UUID] | None = None,
    limit: int | None = 20,
) -> Sequence[Seated]:
    """List who is in a circle now, by name; ``after`` is the ``sort_name`` and id of the last one read.

    Any member may read it. Raises NotFound.
    """
    _ = actor.member
    await find_circle(db, actor.tenant_id, circle_id)
    query = (
        select(Membership.id, Membership.display_name, Membership.sort_name, CircleSeat.joined_at)
        .outerjoin(
            CircleSeat,
            and_(
                CircleSeat.tenant_id == Membership.tenant_id,
                CircleSeat.membership_id == Membership.id,
                CircleSeat.circle_id == circle_id,
                CircleSeat.left_at.is_(None),
            ),
        )
        .where(Membership.tenant_id == actor.tenant_id, sits_in(circle_id))
    )
    if search:
        folded = func.lower(func.unaccent(escape_like(search)))
        query = query.where(Membership.sort_name.like(func.concat("%", folded, "%"), escape="/"))
    if after is not None:
        query = query.where(tuple_(Membership.sort_name, Membership.id) > tuple_(*after))
    rows = await db.execute(query.order_by(Membership.sort_name, Membership.id).limit(limit))
    return [Seated(*row) for row in rows]


async def head_counts(db: AsyncSession, tenant_id: UUID) -> dict[UUID, int]:
    """How many members each open circle has now."""
    query = (
        select(Circle.id, func.count())
        .join(Membership, Membership.tenant_id == Circle.tenant_id)
        .where(Circle.tenant_id == tenant_id, Circle.closed_at.is_(None), sits_in(Circle.id))
        .group_by(Circle.id)
    )
    return {row[0]: row[1] for row in await db.execute(query)}
