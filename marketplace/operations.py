"""What the operator's monitor asks of the web server: whether all is well, and how much of everything.

Requests are counted by the pattern of their route, never by their path, which may hold a mailed secret or a name.
This file must never show anything of a cooperative.
"""

import os
import tempfile
from collections.abc import Iterator
from hmac import compare_digest
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from litestar import Request, Response, get

from tenants.house import House
from tenants.platform.errors import NotFound
from tenants.platform.health import Health, health
from tenants.platform.settings import Settings

if TYPE_CHECKING:
    from litestar.types import Middleware
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily

NAME: Final = "archipel"
# Where the client library of Prometheus finds what each process counts; it reads that from the environment,
# once, when it is first imported.
SHARED_COUNTS: Final = "PROMETHEUS_MULTIPROC_DIR"
# In seconds: a transfer takes some milliseconds, a page some tens.
BUCKETS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@get("/health", include_in_schema=False)
async def answer_health(request: Request[Any, Any, Any]) -> Response[Health]:
    """Say whether the servers answer: 200, or 503 without the database. Without Valkey we go on."""
    house = cast("House", request.app.state.house)
    found = await health(house.database, house.throttle.cache)
    status = HTTPStatus.OK if found.database else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(found, status_code=status, headers={"cache-control": "no-store"})


@get("/metrics", include_in_schema=False)
async def answer_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Show the counts of all web processes to whoever holds METRICS_TOKEN; without that setting, 404."""
    house = cast("House", request.app.state.house)
    if not house.settings.metrics_token:
        raise NotFound
    expected = f"Bearer {house.settings.metrics_token}"
    if not compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        return Response(
            b"",
            status_code=HTTPStatus.UNAUTHORIZED,
            media_type="text/plain",
            headers={"www-authenticate": f'Bearer realm="{NAME}"', "cache-control": "no-store"},
        )
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415  # As below.

    found = await health(house.database, house.throttle.cache)
    content = generate_latest(_counts()) + generate_latest(_gauges(found))
    return Response(content, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"})


def counting(settings: Settings) -> "list[Middleware]":
    """What counts and times every request; nothing unless there is a METRICS_TOKEN to read it with."""
    if not settings.metrics_token:
        return []
    # Imported late: whoever is not measured does not pay for it, and ``share_counts`` must come before.
    from litestar.plugins.prometheus import PrometheusConfig  # noqa: PLC0415

    return [PrometheusConfig(app_name=NAME, prefix=NAME, group_path=True, buckets=[*BUCKETS]).middleware]


def share_counts(settings: Settings) -> "tempfile.TemporaryDirectory[str] | None":
    """Before the web processes begin: give them a folder in which each can read what the others count.

    The caller keeps the folder until the last of them ended.
    """
    if not settings.metrics_token:
        return None
    folder = tempfile.TemporaryDirectory(prefix=f"{NAME}-metrics-")
    os.environ[SHARED_COUNTS] = folder.name
    return folder


def _counts() -> "CollectorRegistry":
    """What this process counted, or, where there is a shared folder, what all of them did."""
    from prometheus_client import REGISTRY, CollectorRegistry  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    if SHARED_COUNTS not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class _Now:
    """Gauges that are asked at this moment, of the database and not of this process."""

    def __init__(self, found: Health) -> None:
        self.found = found

    def collect(self) -> "Iterator[GaugeMetricFamily]":
        """The gauges; those of the outbox are missing while the database is away."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        for name, words, value in (
            ("database_up", "Whether PostgreSQL answers", self.found.database),
            ("redis_up", "Whether Valkey answers", self.found.redis),
            (
                "outbox_backlog",
                "Events that somebody has still to hear, up to 10,000",
                self.found.outbox_backlog,
            ),
            ("outbox_oldest_seconds", "Age of the oldest of them", self.found.oldest_seconds),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"{NAME}_{name}", words, value=float(value))


def _gauges(found: Health) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    registry = CollectorRegistry()
    registry.register(_Now(found))
    return registry
