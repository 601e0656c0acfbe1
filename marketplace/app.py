"""The web application: how it is put together, and how every failure is answered.

``create_app`` is what the server calls in each of its processes. This file must never hold a page.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import quote

import asyncpg
import sqlalchemy.exc
import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme
from litestar.static_files import create_static_files_router

from marketplace import switchboard
from marketplace.operations import counting
from tenants.house import House
from tenants.platform.database import Database
from tenants.platform.errors import Invalid, NotFound, NotSignedIn, Refusal, TooLarge, Unavailable, Unreadable
from tenants.platform.forms import Typed
from tenants.platform.inputs import explain
from tenants.platform.logs import configure_logs
from tenants.platform.security import BODY_BYTES_MAX, SAFE_METHODS, SIGN_IN_COOKIE, security_headers
from tenants.platform.settings import NEEDED_TO_SERVE, Settings
from tenants.platform.templating import STATIC_DIRECTORY, render
from tenants.platform.throttle import Throttle
from tenants.platform.web import problem_response
from tenants.platform.words import N_, use_locale
from tenants.reception import open_visit, passing_visit

log = structlog.get_logger()

# PostgreSQL's words for "somebody else was faster, or I am away": the same request may simply be sent again.
TRANSIENT_STATES: Final = frozenset(
    {
        "40001",
        "40P01",
        "55P03",
        "57014",
        "57P01",
        "57P02",
        "57P03",
        "25P03",
        "53300",
        "08006",
        "08001",
        "08003",
    }
)


class Failure(Refusal):
    """A fault of ours. What it was is in the log, never in the answer."""

    status = 500
    code = "failure"
    message = N_(
        "Une erreur de notre côté a interrompu cette action. Rien n'a été fait à moitié ; réessayez."
    )


class MethodNotAllowed(Refusal):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    message = N_("Cette adresse ne s'utilise pas ainsi.")


class Conflict(Refusal):
    """A constraint of the database refused what no verb had foreseen."""

    code = "conflict"
    message = N_("Quelqu'un a changé ces données au même moment. Rouvrez la page et recommencez.")


def create_app(settings: Settings | None = None) -> Litestar:
    """Build the application from the settings (by default, those of the environment)."""
    settings = settings or Settings.from_environment(needed=NEEDED_TO_SERVE)
    configure_logs(settings.log_level)
    return Litestar(
        route_handlers=[
            create_static_files_router(
                "/static",
                [STATIC_DIRECTORY],
                name="static",
                cache_control=CacheControlHeader(max_age=31_536_000, public=True, immutable=True),
                before_request=_must_name_a_file,
            ),
            *switchboard.routes(),
        ],
        middleware=counting(settings),
        dependencies={"visit": Provide(open_visit)},
        exception_handlers={Exception: answer_failure},
        before_send=[security_headers(https=settings.base_url.startswith("https:"))],
        lifespan=[lambda app: _open_house(app, settings)],
        openapi_config=_openapi(),
        request_max_body_size=BODY_BYTES_MAX,
        # Litestar would set up logging anew, past configure_logs.
        logging_config=None,
        debug=False,
    )


def _must_name_a_file(request: Request[Any, Any, Any]) -> None:
    """No file has a control character in its name; looking for one is an error of the operating system."""
    if not request.scope["path"].isprintable():
        raise NotFound


@asynccontextmanager
async def _open_house(app: Litestar, settings: Settings) -> AsyncIterator[None]:
    """Open the connections that the application holds for its whole life, in the process that serves."""
    database = Database(settings.database_url)
    throttle = Throttle(settings.redis_url, secret=settings.secret_key)
    app.state.house = House(settings, database, throttle, switchboard.navigation)
    async with switchboard.hot_paths(app, settings):
        yield
    await throttle.close()
    await database.close()


def answer_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer anything that was raised: as problem+json under ``/api/``, else as a page that says what to do."""
    refusal = as_refusal(error)
    if isinstance(refusal, Failure):
        log.error("failure", method=request.method, route=_route(request), exc_info=error)
    visit = passing_visit(request)
    with use_locale(visit.locale, visit.cooperative.time_zone if visit.cooperative else None):
        if request.scope["path"].startswith("/api/"):
            return cast("Response[Any]", problem_response(refusal))
        typed = Typed.of(getattr(request.state, "typed", ()))
        if isinstance(refusal, NotSignedIn) and not typed.fields:
            back = visit.path if request.method in SAFE_METHODS else ""
            return visit.see_other(f"/sign-in?next={quote(back)}" if back else "/sign-in")
        return Response(
            render("error.html", visit=visit, refusal=refusal, typed=typed),
            status_code=refusal.status,
            media_type="text/html",
            headers={"cache-control": "no-store"},
        )


def as_refusal(error: Exception) -> Refusal:
    """What an exception means to whoever asked."""
    match error:
        case Refusal():
            return error
        case ValidationException():
            return _invalid(error)
        case HTTPException():
            return _http(error)
        case sqlalchemy.exc.DBAPIError():
            return Unavailable() if error.connection_invalidated else _database(error.orig)
        case asyncpg.PostgresError():
            return _database(error)
        case asyncpg.InterfaceError() | OSError() | sqlalchemy.exc.TimeoutError():
            # A refused connection, a socket that is not there, an answer that does not come.
            return Unavailable()
        case _:
            return Failure()


def _invalid(error: ValidationException) -> Refusal:
    errors: dict[str, str] = {}
    for item in error.extra if isinstance(error.extra, list) else ():
        message = str(item.get("message", "")) if isinstance(item, dict) else str(item)
        field, sentence = explain(message)
        named = str(item.get("key", "")) if isinstance(item, dict) else ""
        errors[named if field == "body" and named not in {"", "data"} else field] = sentence
    return Invalid(errors) if errors else Unreadable()


def _http(error: HTTPException) -> Refusal:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return NotFound()
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return TooLarge(limit_kilobytes=BODY_BYTES_MAX // 1024)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed()
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Failure()
        case _:
            return Unreadable()


def _database(error: BaseException | None) -> Refusal:
    state = getattr(error, "sqlstate", None) or ""
    if state in TRANSIENT_STATES or not state:
        return Unavailable()
    match state[:2]:
        case "23":
            log.warning("unforeseen constraint", constraint=str(error).split("\n", maxsplit=1)[0])
            return Conflict()
        case "22":
            # A text or a number that PostgreSQL cannot hold, and that no type had caught.
            log.warning("unforeseen value", state=state)
            return Unreadable()
        case _:
            return Failure()


def _route(request: Request[Any, Any, Any]) -> str:
    """The route's pattern: never the path itself, which may hold a mailed secret."""
    handler: HTTPRouteHandler | None = cast("dict[str, Any]", request.scope).get("route_handler")
    return " ".join(sorted(handler.paths)) if handler else "unknown"


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Archipel",
        version="1",
        description=(
            "The JSON API of Archipel. Refusals are problem+json with a stable `code`. Lists are paged by "
            "cursor (`limit`, `after`). POSTs that move hours take an `Idempotency-Key`."
        ),
        license=License(name="AGPL-3.0-or-later", identifier="AGPL-3.0-or-later"),
        path="/api/v1",
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", description="A token from your profile."
                ),
                "cookie": SecurityScheme(type="apiKey", name=SIGN_IN_COOKIE, security_scheme_in="cookie"),
            }
        ),
    )
