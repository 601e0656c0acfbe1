"""Leaving in the JSON API: what stands in the way, and the two ways out. Only a browser may go, never a token."""

from typing import Final
from uuid import UUID

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace import leaving as verbs
from tenants.leavers import leaver
from tenants.memberships import MembershipState
from tenants.platform.web import api_get, api_post
from tenants.visit import Visit

HERE: Final = "/{cooperative:str}"


class LeaveTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets the hours that are left, where the rule leaves the choice; null is the pot."""

    heir_id: UUID | None = None


class Parted(msgspec.Struct, frozen=True, kw_only=True):
    """The membership that has ended."""

    membership_id: UUID
    state: MembershipState


@api_get(HERE + "/leaving", operation_id="leaving", summary="What leaving would meet")
async def leaving(visit: NamedDependency[Visit], member: FromQuery[UUID | None] = None) -> verbs.Leaving:
    """Say what stands in the way and what becomes of the hours; about another, for a manager."""
    actor = leaver(visit, "profile:read")
    return await verbs.leaving(visit.db, actor=actor, membership_id=member)


@api_post(
    HERE + "/leave",
    operation_id="leave",
    summary="Leave the cooperative",
    status=200,
    open_to_suspended=True,
)
async def leave(visit: NamedDependency[Visit], data: JSONBody[LeaveTerms]) -> Parted:
    """Leave: mandates end and tokens stop at once, the account is settled as the rule says."""
    actor = leaver(visit, "profile:write")
    await verbs.leave(visit.db, actor=actor, heir_id=data.heir_id)
    return Parted(membership_id=actor.member, state=MembershipState.LEFT)


@api_post(
    HERE + "/members/{membership_id:uuid}/end",
    operation_id="end_membership",
    summary="End a membership",
    status=200,
)
async def end_membership(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Parted:
    """End another's membership; a manager's act."""
    actor = visit.member_with("governance:write")
    ended = await verbs.end_membership(visit.db, actor=actor, membership_id=membership_id)
    return Parted(membership_id=membership_id, state=ended.state)


API = [leaving, leave, end_membership]
