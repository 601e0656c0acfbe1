"""The circle of all in cooperatives that are older than circles: each gets it when the software is upgraded.

A new cooperative has it from its founding (``governance.sql``). This file must never open a second one.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.rule_completion import RulebookDue

_OPEN = text("SELECT open_root_circle(tenant_id, locale) FROM cooperatives WHERE tenant_id = :tenant_id")


async def open_root_circle(db: AsyncSession, *, tenant_id: UUID) -> None:
    """Open the circle of all, where there is none; done again it changes nothing."""
    await db.execute(_OPEN, {"tenant_id": tenant_id})


async def complete_circles(db: AsyncSession, event: RulebookDue) -> None:
    """Hear that it is time to see whether the cooperative lacks what a newer version brings."""
    await open_root_circle(db, tenant_id=event.tenant_id)
