"""Who is in which college: members are placed, moved and taken out, one college at a time.

Whoever arranges circles does it. This file must never weigh anything, nor place somebody who is not an active member.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_authority import must_arrange
from governance.circle_seats import NobodyChosen
from governance.colleges import College, CollegePlace, colleges_of
from tenants import audit
from tenants.actors import Actor
from tenants.memberships import Membership, MembershipState, StateUnfit
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify_members
from tenants.platform.errors import NotFound
from tenants.platform.ids import MembershipId
from tenants.platform.words import N_

declare_notices(
    NoticeKind(
        "college_changed",
        N_("Votre collège a changé : c'est avec lui que votre voix compte dans un vote par collèges."),
        "/colleges",
        topic=Topic.DECISIONS,
    ),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """One member, and since when they are in their college; null for who is in none."""

    id: UUID
    name: str
    sort_name: str
    joined_at: datetime | None


async def place_in_college(
    db: AsyncSession, *, actor: Actor, college_id: UUID, membership_ids: Collection[UUID]
) -> int:
    """Place active members in a college, out of the one they were in. Returns how many changed.

    Holds the members, in the order of their ids. Raises CirclesNotYours, NobodyChosen, StateUnfit, NotFound.
    """
    await must_arrange(db, actor)
    if await db.get(College, (actor.tenant_id, college_id)) is None:
        raise NotFound
    if not membership_ids:
        raise NobodyChosen
    wanted = await _hold(db, actor, membership_ids)
    before = await colleges_of(db, actor.tenant_id, wanted)
    moving = [one for one in wanted if before.get(one) != college_id]
    if not moving:
        return 0
    await _end(db, actor, moving)
    rows = [{"tenant_id": actor.tenant_id, "college_id": college_id, "membership_id": one} for one in moving]
    await db.execute(insert(CollegePlace).values(rows))
    for one in moving:
        facts = {"college_id": str(college_id), "membership_id": str(one)}
        await audit.record(
            db, actor=actor, action="governance:college_member:placed", subject_id=college_id, facts=facts
        )
    await _tell(db, actor, moving)
    return len(moving)


async def remove_from_college(
    db: AsyncSession, *, actor: Actor, college_id: UUID, membership_ids: Collection[UUID]
) -> int:
    """Take members out of a college: they vote in none until they are placed again. Returns how many left it.

    Raises CirclesNotYours, NobodyChosen, NotFound.
    """
    await must_arrange(db, actor)
    if await db.get(College, (actor.tenant_id, college_id)) is None:
        raise NotFound
    if not membership_ids:
        raise NobodyChosen
    wanted = await _hold(db, actor, membership_ids, active_only=False)
    before = await colleges_of(db, actor.tenant_id, wanted)
    leaving = [one for one in wanted if before.get(one) == college_id]
    if not leaving:
        return 0
    await _end(db, actor, leaving)
    for one in leaving:
        facts = {"college_id": str(college_id), "membership_id": str(one)}
        await audit.record(
            db, actor=actor, action="governance:college_member:left", subject_id=college_id, facts=facts
        )
    await _tell(db, actor, leaving)
    return len(leaving)


async def members_of_college(
    db: AsyncSession,
    *,
    actor: Actor,
    college_id: UUID | None,
    after: tuple[str, UUID] | None = None,
    limit: int | None = 20,
) -> Sequence[Placed]:
    """List the active members of a college by name, or (None) those who are in none.

    ``after`` is the ``sort_name`` and id of the last one read. Any member may read it. Raises NotFound.
    """
    _ = actor.member
    if college_id is not None and await db.get(College, (actor.tenant_id, college_id)) is None:
        raise NotFound
    place = and_(
        CollegePlace.tenant_id == Membership.tenant_id,
        CollegePlace.membership_id == Membership.id,
        CollegePlace.left_at.is_(None),
    )
    query = select(
        Membership.id, Membership.display_name, Membership.sort_name, CollegePlace.joined_at
    ).where(Membership.tenant_id == actor.tenant_id, Membership.state == MembershipState.ACTIVE)
    if college_id is None:
        query = query.outerjoin(CollegePlace, place).where(CollegePlace.id.is_(None))
    else:
        query = query.join(CollegePlace, place).where(CollegePlace.college_id == college_id)
    if after is not None:
        query = query.where(tuple_(Membership.sort_name, Membership.id) > tuple_(*after))
    rows = await db.execute(query.order_by(Membership.sort_name, Membership.id).limit(limit))
    return [Placed(*row) for row in rows]


async def college_counts(db: AsyncSession, tenant_id: UUID) -> dict[UUID | None, int]:
    """How many active members each college has now; under None, how many are in none."""
    place = and_(
        CollegePlace.tenant_id == Membership.tenant_id,
        CollegePlace.membership_id == Membership.id,
        CollegePlace.left_at.is_(None),
    )
    query = (
        select(CollegePlace.college_id, func.count())
        .select_from(Membership)
        .outerjoin(CollegePlace, place)
        .where(Membership.tenant_id == tenant_id, Membership.state == MembershipState.ACTIVE)
        .group_by(CollegePlace.college_id)
    )
    return {row[0]: row[1] for row in await db.execute(query)}


async def _hold(
    db: AsyncSession, actor: Actor, membership_ids: Collection[UUID], *, active_only: bool = True
) -> list[MembershipId]:
    """Hold these members, so that nobody places them elsewhere meanwhile. Raises NotFound, StateUnfit."""
    wanted = set(membership_ids)
    query = (
        select(Membership.id, Membership.state)
        .where(Membership.tenant_id == actor.tenant_id, Membership.id.in_(wanted))
        .order_by(Membership.id)
        .with_for_update(key_share=True)
    )
    states = {row.id: row.state for row in await db.execute(query)}
    if wanted - set(states):
        raise NotFound
    if active_only and any(state != MembershipState.ACTIVE for state in states.values()):
        raise StateUnfit("membership_ids")
    return list(states)


async def _end(db: AsyncSession, actor: Actor, membership_ids: Collection[UUID]) -> None:
    await db.execute(
        update(CollegePlace)
        .where(
            CollegePlace.tenant_id == actor.tenant_id,
            CollegePlace.membership_id.in_(membership_ids),
            CollegePlace.left_at.is_(None),
        )
        .values(left_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def _tell(db: AsyncSession, actor: Actor, membership_ids: Collection[UUID]) -> None:
    told = [one for one in membership_ids if one != actor.membership_id]
    if told:
        await notify_members(
            db, tenant_id=actor.tenant_id, membership_ids=told, kind="college_changed", facts={}
        )
