"""Who takes part in an agreement: the payer, the provider, and the team's other members.

This file must never write, nor say anything of an agreement but who is in it.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.agreements import Agreement
from marketplace.teams import AgreementPart, in_team


def takes_part(member_id: UUID) -> ColumnElement[bool]:
    """Whether a member takes part in the agreement of the row."""
    return or_(
        Agreement.payer_id == member_id, Agreement.provider_id == member_id, in_team(Agreement, member_id)
    )


async def team_of(db: AsyncSession, agreement: Agreement) -> set[UUID]:
    """Everybody who provides under this agreement: its lead and the members who have a part."""
    mates = await db.scalars(
        select(AgreementPart.member_id).where(
            AgreementPart.tenant_id == agreement.tenant_id,
            AgreementPart.agreement_id == agreement.id,
            AgreementPart.shares > 0,
        )
    )
    return {agreement.provider_id, *mates}


async def participants(db: AsyncSession, agreements: Sequence[Agreement]) -> Mapping[UUID, Collection[UUID]]:
    """Everybody who takes part in each of these agreements, by its id; in one statement."""
    found = {one.id: {one.payer_id, one.provider_id} for one in agreements}
    if found:
        mates = await db.execute(
            select(AgreementPart.agreement_id, AgreementPart.member_id).where(
                AgreementPart.tenant_id == agreements[0].tenant_id,
                AgreementPart.agreement_id.in_(found),
                AgreementPart.shares > 0,
            )
        )
        for row in mates:
            found[row.agreement_id].add(row.member_id)
    return found
