"""Terms of a team: who is named with how many shares, and whether they may work together.

This file must never write a row, nor lock anything: its callers hold the mission's lock.
"""

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.teams import SHARES_AT_MOST
from tenants.memberships import Membership, MembershipState
from tenants.platform.errors import Refusal
from tenants.platform.words import N_

TEAM_AT_MOST: Final = 7


class PartTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes how many shares."""

    member_id: UUID
    shares: Annotated[int, msgspec.Meta(ge=1, le=SHARES_AT_MOST)] = 1


TeamTerms = Annotated[list[PartTerms], msgspec.Meta(max_length=TEAM_AT_MOST)]


class TeamOnRequest(Refusal):
    """In an offer the bidder pays: they need no team."""

    status = 409
    code = "team_on_request"
    message = N_("On répond en équipe à une demande ; à une offre, c'est vous qui donnez les heures.")
    default_field = "team"


class LeadMissing(Refusal):
    """Whoever leads the team has a part in it."""

    status = 422
    code = "lead_missing"
    message = N_("La personne qui mène l'équipe en fait partie : donnez-lui au moins une part.")
    default_field = "team"


class TwiceInTeam(Refusal):
    """Somebody is named twice."""

    status = 422
    code = "twice_in_team"
    message = N_("Une même personne figure deux fois dans l'équipe : additionnez ses parts.")
    default_field = "team"


class PayerInTeam(Refusal):
    """The one who gives the hours cannot receive them."""

    status = 422
    code = "payer_in_team"
    message = N_("La personne qui donne les heures ne peut pas faire partie de l'équipe.")
    default_field = "team"


class NotActiveInTeam(Refusal):
    """Somebody is not an active member of this cooperative."""

    status = 422
    code = "not_active_in_team"
    message = N_("Toutes les personnes de l'équipe doivent être des membres actifs de la coopérative.")
    default_field = "team"


async def checked_team(
    db: AsyncSession, *, tenant_id: UUID, team: Sequence[PartTerms], lead_id: UUID, payer_id: UUID
) -> dict[UUID, int]:
    """Return the shares by member. Raises what is wrong with the team; one alone is a team of one."""
    shares = {one.member_id: one.shares for one in team}
    if len(shares) != len(team):
        raise TwiceInTeam
    if lead_id not in shares:
        raise LeadMissing
    if payer_id in shares:
        raise PayerInTeam
    if len(shares) > 1:
        active = await db.scalar(
            select(func.count())
            .select_from(Membership)
            .where(
                Membership.tenant_id == tenant_id,
                Membership.id.in_(shares),
                Membership.state == MembershipState.ACTIVE,
            )
        )
        if active != len(shares):
            raise NotActiveInTeam
    return shares
