"""Operations on matches and invitations to bid. Each calls one verb or one query."""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from marketplace import matches, mission_invitations
from marketplace.matches import MatchedMembers, MissionMatch
from tenants.platform.web import Page, api_get, api_post
from tenants.visit import Visit

MISSION: Final = "/{cooperative:str}/missions/{mission_id:uuid}"


class Invited(msgspec.Struct, frozen=True):
    """Whom to ask."""

    member_id: UUID


@api_get(MISSION + "/matches", operation_id="matching_members", summary="List who fits one's mission")
async def matching_members(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> MatchedMembers:
    """List the members who fit one's open mission, the best first (at most 20), with the reasons."""
    actor = visit.member_with("missions:read")
    return await matches.matching_members(visit.db, actor=actor, mission_id=mission_id)


@api_get("/{cooperative:str}/matches", operation_id="matching_missions", summary="List missions that fit")
async def matching_missions(visit: NamedDependency[Visit]) -> Page[MissionMatch]:
    """List the open requests that fit oneself, the best first (at most 20), with the reasons."""
    actor = visit.member_with("missions:read")
    return Page(items=await matches.matching_missions(visit.db, actor=actor))


@api_post(MISSION + "/invite", operation_id="invite_to_bid", summary="Ask a member to bid", status=200)
async def invite_to_bid(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[Invited]
) -> Response[MatchedMembers]:
    """Ask a member to bid on one's open mission; at most five are asked."""
    actor = visit.member_with("missions:write")

    async def work() -> MatchedMembers:
        await mission_invitations.invite_to_bid(
            visit.db, actor=actor, mission_id=mission_id, member_id=data.member_id
        )
        return await matches.matching_members(visit.db, actor=actor, mission_id=mission_id)

    return await visit.once(work, status=200)


API: Final = (matching_members, matching_missions, invite_to_bid)
