"""Contests as they are read: the one of an entry, and the lists of those who decide. This file must never write."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor
from tenants.memberships import Membership
from timebank.contests import DECIDERS, Contest
from timebank.third_party_entries import ThirdPartyEntry

Listed = tuple[Contest, ThirdPartyEntry, str]
"""A contest, the entry it is about, and the name of who contests."""


async def contest_of(db: AsyncSession, entry: ThirdPartyEntry) -> Contest | None:
    """What was contested about an entry that the caller may read."""
    return await db.get(Contest, (entry.tenant_id, entry.id))


def place_of(contest: Contest) -> tuple[int, UUID]:
    """Where a contest stands in the list: the ``after`` of the page that follows it."""
    return int(contest.decided_at is not None), contest.entry_id


async def contests(
    db: AsyncSession,
    *,
    actor: Actor,
    after: tuple[int, UUID] | None = None,
    undecided: bool = False,
    limit: int | None = 20,
) -> Sequence[Listed]:
    """List contests, those to be decided first, then the newest entries first. Mediators and the treasurer.

    ``after`` is the ``place_of`` the last one read; ``undecided`` leaves the decided ones out; ``limit`` None reads
    all.
    """
    actor.must_hold(*DECIDERS)
    decided = Contest.decided_at.is_not(None)
    query = (
        select(Contest, ThirdPartyEntry, Membership.display_name)
        .join(
            ThirdPartyEntry,
            and_(ThirdPartyEntry.tenant_id == Contest.tenant_id, ThirdPartyEntry.id == Contest.entry_id),
        )
        .join(
            Membership,
            and_(Membership.tenant_id == Contest.tenant_id, Membership.id == Contest.contested_by),
        )
        .where(Contest.tenant_id == actor.tenant_id)
        .order_by(decided, Contest.entry_id.desc())
        .limit(limit)
    )
    if undecided:
        query = query.where(~decided)
    if after is not None:
        was_decided, last = bool(after[0]), after[1]
        same = and_(decided if was_decided else ~decided, Contest.entry_id < last)
        query = query.where(same if was_decided else or_(same, decided))
    return [(contest, entry, name) for contest, entry, name in await db.execute(query)]
