"""What waits, for a program: a member's own missions with their next action, and a mediator's disputes."""

from litestar.di import NamedDependency

from marketplace import waiting
from marketplace.waiting import OpenDispute, Waiting
from tenants.platform.web import Page, api_get
from tenants.visit import Visit


@api_get("/{cooperative:str}/waiting", operation_id="waiting_missions", summary="List one's missions")
async def waiting_missions(visit: NamedDependency[Visit]) -> Page[Waiting]:
    """List the missions in which one has a part and that are not over (at most 100), one's own moves first."""
    actor = visit.member_with("missions:read")
    return Page(items=await waiting.waiting_missions(visit.db, actor=actor))


@api_get("/{cooperative:str}/disputes", operation_id="open_disputes", summary="List open disputes")
async def open_disputes(visit: NamedDependency[Visit]) -> Page[OpenDispute]:
    """List the disputes that wait for a mediator (at most 100), the oldest first. Mediators only."""
    actor = visit.member_with("missions:read")
    return Page(items=list(await waiting.open_disputes(visit.db, actor=actor)))
