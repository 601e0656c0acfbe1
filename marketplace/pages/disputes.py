"""The disputes that wait for a mediator."""

from litestar import Response, get
from litestar.di import NamedDependency

from marketplace.waiting import open_disputes
from tenants.visit import Visit


@get("/{cooperative:str}/disputes", include_in_schema=False)
async def disputes_page(visit: NamedDependency[Visit]) -> Response[str]:
    """List them, for a mediator."""
    disputes = await open_disputes(visit.db, actor=visit.actor)
    return visit.page("marketplace/disputes.html", disputes=disputes)
