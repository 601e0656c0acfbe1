"""What pages and the JSON API share: problems, operations, paging, downloads.

An operation of the API is declared with ``api_get`` or ``api_post``, which document its refusals.
This file must never know a domain noun.
"""

import base64
import binascii
import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import SecurityRequirement
from litestar.params import QueryParameter

from tenants.platform.errors import Refusal, Unreadable
from tenants.platform.words import current_locale

T = TypeVar("T")

PROBLEM_JSON: Final = "application/problem+json"
PAGE_LENGTH: Final = 20

Limit = Annotated[int, QueryParameter(ge=1, le=100)]
"""How many items a page of a list holds."""
After = Annotated[str | None, QueryParameter(max_length=400, pattern=r"^[A-Za-z0-9_-]*$")]
"""The ``next`` of the page before."""


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An RFC 9457 problem. ``code`` is stable; ``detail`` is for people, in the language they asked for."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    errors: dict[str, str] = {}
    facts: dict[str, Any] = {}


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list; ``next`` is the ``after`` of the page that follows, null on the last."""

    items: list[T]
    next: str | None = None


def problem(refusal: Refusal) -> Problem:
    """Say a refusal as a problem."""
    return Problem(
        type=f"/problems/{refusal.code}",
        title=HTTPStatus(refusal.status).phrase,
        status=refusal.status,
        code=refusal.code,
        detail=refusal.detail(),
        field=refusal.field,
        errors=dict(refusal.field_errors()),
        facts=dict(refusal.facts),
    )


def problem_response(refusal: Refusal) -> Response[bytes]:
    """Answer a refusal of the API."""
    headers = {}
    if retry := refusal.facts.get("retry_after_seconds"):
        headers["retry-after"] = str(retry)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="archipel"'
    return Response(
        msgspec.json.encode(problem(refusal)),
        status_code=refusal.status,
        media_type=PROBLEM_JSON,
        headers=headers,
    )


# --- Operations of the API -------------------------------------------------------------------------

_REFUSED: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "No valid bearer token or sign-in.",
    403: "Not a member, no mandate, or the token lacks the scope.",
    404: "No such thing in this cooperative.",
    409: "Refused by a rule or by the present state; `code` says which.",
    413: "The body is too large.",
    422: "A field is not acceptable; `errors` says which and why.",
    429: "Too many attempts; see `Retry-After`.",
    503: "A server is away for a moment; nothing was done.",
}


def _responses(statuses: Iterable[int]) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=_REFUSED[status], media_type=PROBLEM_JSON
        )
        for status in statuses
    }


Declared = Callable[[Callable[..., Any]], HTTPRouteHandler]
"""What makes an operation of the function below it."""

_SIGNED: Final[Sequence[SecurityRequirement]] = [{"bearer": []}, {"cookie": []}]


def api_get(path: str, *, operation_id: str, summary: str, public: bool = False, **options: Any) -> Declared:
    """Declare a reading operation; ``public`` ones need no token."""
    return get(
        path,
        operation_id=operation_id,
        summary=summary,
        responses=_responses([400, 401, 403, 404, 422, 429, 503]),
        security=[] if public else _SIGNED,
        tags=[path.strip("/").split("/")[1] if path.count("/") > 1 else "cooperative"],
        **options,
    )


def api_post(path: str, *, operation_id: str, summary: str, status: int = 201, **options: Any) -> Declared:
    """Declare a writing operation: 201 with what was made, or the status given."""
    return post(
        path,
        operation_id=operation_id,
        summary=summary,
        status_code=status,
        responses=_responses(_REFUSED),
        security=_SIGNED,
        tags=[path.strip("/").split("/")[1] if path.count("/") > 1 else "cooperative"],
        **options,
    )


Handler = HTTPRouteHandler


# --- Paging ----------------------------------------------------------------------------------------


def encode_cursor(*keys: str | int | UUID) -> str:
    """Make the opaque ``next`` of a page from the sort keys of its last item."""
    raw = msgspec.json.encode([str(key) if isinstance(key, UUID) else key for key in keys])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_cursor(after: str | None, kinds: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Read an ``after`` made here into its sort keys, of the given types; None when there is none.

    Raises Unreadable for anything that was not made here.
    """
    if not after:
        return None
    try:
        raw = msgspec.json.decode(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if not isinstance(raw, list) or len(raw) != len(kinds):
            raise Unreadable("after")
        return tuple(msgspec.convert(key, kind) for key, kind in zip(raw, kinds, strict=True))
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise Unreadable("after") from error


# --- Downloads -------------------------------------------------------------------------------------

_FORMULA_STARTS: Final = (
    *("=", "+", "-", "@", "\t", "\r", "\n"),
    # Some spreadsheets take these for the plain ones.
    *("\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}"),
    *("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}"),
)


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A list as CSV that a spreadsheet opens well: UTF-8 with its mark, semicolons in French.

    A text that a spreadsheet would run as a formula is quoted with an apostrophe; numbers stay numbers.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if current_locale() == "fr" else ",")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response[bytes]:
    """Answer a list as CSV (see ``csv_bytes``), to be kept under this name."""
    return Response(
        csv_bytes(header, rows),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value
