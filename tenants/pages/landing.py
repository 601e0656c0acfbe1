"""The front door: what Archipel is, and which cooperatives are here."""

from litestar import Response, get
from litestar.di import NamedDependency

from tenants.cooperatives import cooperatives_to_visit
from tenants.visit import Visit


@get("/", include_in_schema=False)
async def landing(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the front door, to anybody."""
    return visit.page("landing.html", cooperatives=await cooperatives_to_visit(visit.db))
