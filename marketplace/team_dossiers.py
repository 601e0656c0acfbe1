"""The changes of one agreement, as whoever takes part in it may read them. This file must never write."""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from marketplace.agreements import Agreement
from marketplace.amendments import Amendment, AmendmentPart
from marketplace.listings import Named
from marketplace.team_details import AmendmentDetail, amendment_detail
from tenants.memberships import Membership

SHOWN: Final = 20


def amended(agreement: Any) -> ColumnElement[bool]:
    """Whether anybody ever proposed to change the agreement of the row."""
    return exists().where(Amendment.tenant_id == agreement.tenant_id, Amendment.agreement_id == agreement.id)


async def amendment_details(db: AsyncSession, agreement: Agreement, payer: Named) -> list[AmendmentDetail]:
    """Return the latest ``SHOWN`` amendments, the newest first, each with its parts, in one statement."""
    proposer, ender = aliased(Membership), aliased(Membership)
    columns = ("before_shares", "after_shares", "before_minutes", "after_minutes", "asked", "accepted_at")
    pairs = [piece for name in columns for piece in (text(f"'{name}'"), getattr(AmendmentPart, name))]
    part = func.jsonb_build_object(
        text("'id'"), AmendmentPart.member_id, text("'name'"), Membership.display_name, *pairs, type_=JSONB
    )
    parts = (
        select(func.jsonb_agg(part))
        .select_from(AmendmentPart)
        .join(
            Membership,
            and_(Membership.tenant_id == AmendmentPart.tenant_id, Membership.id == AmendmentPart.member_id),
        )
        .where(AmendmentPart.tenant_id == Amendment.tenant_id, AmendmentPart.amendment_id == Amendment.id)
        .scalar_subquery()
    )
    rows = await db.execute(
        select(
            Amendment,
            proposer.display_name.label("proposed_by"),
            ender.display_name.label("ended_by"),
            parts.label("parts"),
        )
        .join(proposer, and_(proposer.tenant_id == Amendment.tenant_id, proposer.id == Amendment.proposed_by))
        .outerjoin(ender, and_(ender.tenant_id == Amendment.tenant_id, ender.id == Amendment.ended_by))
        .where(Amendment.tenant_id == agreement.tenant_id, Amendment.agreement_id == agreement.id)
        .order_by(Amendment.id.desc())
        .limit(SHOWN)
        .execution_options(populate_existing=True)
    )
    return [
        amendment_detail(
            row.Amendment,
            payer,
            {"proposed_by": row.proposed_by, "ended_by": row.ended_by},
            row.parts or (),
        )
        for row in rows
    ]
