"""Management: somebody always keeps the cooperative's doors.

Whatever takes a manager away (an ended mandate, a suspension, a departure) asks here first, under one lock. This
file must never give or end a mandate.
"""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_


class LastManager(Refusal):
    """Somebody has to keep the cooperative's doors."""

    code = "last_manager"
    message = N_(
        "La coopérative n'aurait plus personne à sa gestion : donnez d'abord ce mandat à quelqu'un d'autre."
    )


_OTHER_MANAGER = text("""
    SELECT EXISTS (
        SELECT FROM mandates g
        JOIN memberships m ON m.tenant_id = g.tenant_id AND m.id = g.membership_id
        WHERE g.tenant_id = :tenant_id AND g.role = 'manager' AND g.ended_at IS NULL AND g.term @> now()
          AND m.state = 'active' AND NOT m.awaits_claim AND m.id IS DISTINCT FROM :without_member
          AND g.id IS DISTINCT FROM :without_mandate
    )
""").bindparams(bindparam("without_member", type_=Uuid()), bindparam("without_mandate", type_=Uuid()))


async def lock_managers(db: AsyncSession, tenant_id: CooperativeId) -> None:
    """Hold the management of a cooperative, so that two managers cannot send each other away at once."""
    await db.execute(
        text("SELECT FROM cooperatives WHERE tenant_id = :t FOR NO KEY UPDATE"), {"t": tenant_id}
    )


async def is_managed(
    db: AsyncSession,
    tenant_id: CooperativeId,
    *,
    without_member: UUID | None = None,
    without_mandate: UUID | None = None,
) -> bool:
    """Whether an active member manages the cooperative now; the caller holds ``lock_managers``."""
    facts = {"tenant_id": tenant_id, "without_member": without_member, "without_mandate": without_mandate}
    return bool((await db.execute(_OTHER_MANAGER, facts)).scalar_one())


async def must_leave_a_manager(
    db: AsyncSession,
    tenant_id: CooperativeId,
    *,
    without_member: UUID | None = None,
    without_mandate: UUID | None = None,
) -> None:
    """Refuse (LastManager) if nobody would manage any more; the caller holds ``lock_managers``."""
    if not await is_managed(db, tenant_id, without_member=without_member, without_mandate=without_mandate):
        raise LastManager
