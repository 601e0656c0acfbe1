"""The missions that are not over in which a member may have a part, each found by an index of its own.

A list that joined everything and looked for the member in each row would read the whole cooperative. This file must never
decide what somebody may do in a mission.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, and_, select, union

from marketplace.agreements import Agreement, AgreementState
from marketplace.amendments import Amendment, AmendmentPart
from marketplace.bids import Bid, BidState
from marketplace.mission_states import FINAL
from marketplace.missions import Mission
from marketplace.teams import AgreementPart, BidPart


def missions_of(tenant_id: UUID, me: UUID) -> CompoundSelect[Any]:
    """The missions in which the member may have a part, each found by an index: the rest of a cooperative is not read."""
    active = and_(Agreement.tenant_id == tenant_id, Agreement.state == AgreementState.ACTIVE)
    live = and_(Bid.tenant_id == tenant_id, Bid.state == BidState.LIVE)
    return union(
        select(Mission.id).where(
            Mission.tenant_id == tenant_id, Mission.author_id == me, Mission.state.not_in(FINAL)
        ),
        select(Agreement.mission_id).where(active, Agreement.payer_id == me),
        select(Agreement.mission_id).where(active, Agreement.provider_id == me),
        select(Agreement.mission_id)
        .join(
            AgreementPart,
            and_(AgreementPart.tenant_id == Agreement.tenant_id, AgreementPart.agreement_id == Agreement.id),
        )
        .where(active, AgreementPart.member_id == me),
        select(Agreement.mission_id)
        .join(
            Amendment,
            and_(Amendment.tenant_id == Agreement.tenant_id, Amendment.agreement_id == Agreement.id),
        )
        .join(
            AmendmentPart,
            and_(AmendmentPart.tenant_id == Amendment.tenant_id, AmendmentPart.amendment_id == Amendment.id),
        )
        .where(active, AmendmentPart.member_id == me),
        select(Bid.mission_id).where(live, Bid.bidder_id == me),
        select(Bid.mission_id)
        .join(BidPart, and_(BidPart.tenant_id == Bid.tenant_id, BidPart.bid_id == Bid.id))
        .where(live, BidPart.member_id == me),
    )
