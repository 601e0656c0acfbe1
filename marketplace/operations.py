"""What the operator's monitor asks of the web server. It must never show anything of a cooperative."""

from http import HTTPStatus
from typing import Any, cast

from litestar import Request, Response, get

from tenants.platform.health import Health, health
from tenants.visit import House


@get("/health", include_in_schema=False)
async def answer_health(request: Request[Any, Any, Any]) -> Response[Health]:
    """Say whether the servers answer: 200, or 503 without the database. Without Valkey we go on."""
    house = cast("House", request.app.state.house)
    found = await health(house.database, house.throttle.cache)
    status = HTTPStatus.OK if found.database else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(found, status_code=status, headers={"cache-control": "no-store"})
