"""The names of members, for those who may see them: signatories to members, actors of the trail to its readers.

This file must never be asked on behalf of a stranger.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.memberships import Membership


async def display_names(
    db: AsyncSession, *, tenant_id: UUID, membership_ids: Collection[UUID]
) -> dict[UUID, str]:
    """The name of each of these members, by id. One query, none for nobody."""
    if not membership_ids:
        return {}
    query = select(Membership.id, Membership.display_name).where(
        Membership.tenant_id == tenant_id, Membership.id.in_(membership_ids)
    )
    return {row.id: row.display_name for row in await db.execute(query)}
