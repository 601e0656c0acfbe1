"""The register: what the cooperative decided, for anyone to read, download and check by themselves."""

from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, local
from tenants.register import FORMAT, RegisterLine, published, register_lines, sentence_of
from tenants.roles import ROLE_TITLES
from tenants.visit import Visit

# Needs nothing but Python: whoever does not trust us may read it in a minute. A test runs it.
CHECK_PROGRAM: Final = """\
import hashlib, json, sys

previous, seq = "0" * 64, 0
for line in json.load(open(sys.argv[1], encoding="utf-8"))["lines"]:
    told = line.pop("hash")
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == told, line["seq"]
    assert (line["previous"], line["seq"]) == (previous, seq + 1), line["seq"]
    previous, seq = told, line["seq"]
print(seq, previous)
"""


class RegisterFile(msgspec.Struct, frozen=True, kw_only=True):
    """A whole register as it is downloaded, oldest line first."""

    format: str
    cooperative: str
    name: str
    lines: list[dict[str, Any]]


@get("/{cooperative:str}/register", include_in_schema=False)
async def register_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """Show the newest decisions and how to check them."""
    tenant_id = visit.here.tenant_id
    cursor = decode_cursor(after, (int,))
    lines = await register_lines(
        visit.db, tenant_id=tenant_id, before=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    head = lines if not cursor else await register_lines(visit.db, tenant_id=tenant_id, limit=1)
    shown = lines[:PAGE_LENGTH]
    return visit.page(
        "tenants/register.html",
        lines=[(line, sentence_of(line)) for line in shown],
        head=head[0] if head else None,
        role_titles=ROLE_TITLES,
        program=CHECK_PROGRAM,
        after=encode_cursor(shown[-1].seq) if len(lines) > PAGE_LENGTH else "",
    )


@get("/{cooperative:str}/register.json", include_in_schema=False)
async def register_file(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the whole register in the documented format."""
    lines = await register_lines(visit.db, tenant_id=visit.here.tenant_id, limit=None)
    return Response(
        msgspec.json.format(msgspec.json.encode(file_of(visit, lines)), indent=1),
        media_type="application/json",
        headers={"content-disposition": f'attachment; filename="{visit.slug}-register.json"'},
    )


@get("/{cooperative:str}/register.csv", include_in_schema=False)
async def register_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the register as a table to read, newest line first; what can be checked is the JSON."""
    lines = await register_lines(visit.db, tenant_id=visit.here.tenant_id, limit=None)
    header = [_("Ligne"), _("Date"), _("Décision"), _("Mandat"), _("Empreinte")]
    rows = [
        (
            line.seq,
            local(line.at).isoformat(timespec="seconds"),
            sentence_of(line),
            _(ROLE_TITLES[role]) if (role := line.facts.get("role")) in ROLE_TITLES else "",
            line.hash.hex(),
        )
        for line in lines
    ]
    return csv_response(f"{visit.slug}-registre.csv", header, rows)


def file_of(visit: Visit, newest_first: Any) -> RegisterFile:
    """The register of the cooperative that is visited, as a file."""
    lines: list[RegisterLine] = list(newest_first)
    return RegisterFile(
        format=FORMAT,
        cooperative=str(visit.here.tenant_id),
        name=visit.here.name,
        lines=[published(line) for line in reversed(lines)],
    )
