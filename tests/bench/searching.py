"""What members ask for most over a large cooperative: search, list, home, members, matching, and how each grows.

Every page is measured over HTTP in a town of 1,000 and in one of 200,000 (``town.py``, kept between runs); what the database does
of a page is measured by pgbench with the statements that the page sends. This file must never turn off anything of what a page does
for its reader.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Final
from uuid import UUID

from sqlalchemy.dialects import postgresql

from marketplace.listings import MissionFilter, listed
from marketplace.search import _ASK, MissionSearch
from tenants.platform.search_words import terms_of
from tests.bench.measures import Effort, Figure
from tests.bench.pages import Asked, ask, by_pgbench, statements_of
from tests.bench.stand import SLUG, Kept, Stand, stand
from tests.bench.town import READER, SMALLER, SMALLER_READER, Size, build, fingerprint

SEARCH, LIST, HOME, MATCHING, MEMBERS = "search", "list", "home", "matching", "member_search"
PIECES: Final = (SEARCH, LIST, HOME, MATCHING, MEMBERS)
LIST_PATH: Final = f"/api/v1/{SLUG}/missions?limit=20"
CLIENTS: Final = 4
FEW: Final = 1_000
MANY: Final = 200_000
MATCHED: Final = 20_000
FASTEST_MS: Final = 20.0
"""What 99 of 100 search pages should take at most."""


@dataclass(frozen=True)
class Page:
    """A page of a piece, under a name. Where ``asked`` is given, pgbench sends the same search."""

    piece: str
    name: str
    path: str
    asked: MissionSearch | None = None
    at_most_ms: float | None = None
    many_only: bool = False


def searches() -> list[Page]:
    """The searches that are measured."""
    asked = {
        "rare_word": MissionSearch(q="clavecin"),
        "common_word": MissionSearch(q="jardin"),
        "facet": MissionSearch(q="jardin", territory="35"),
        "typo": MissionSearch(q="plonberie"),
        "two_words": MissionSearch(q="plomberie jardin"),
        "territory": MissionSearch(territory="29"),
    }
    return [
        Page(SEARCH, f"search_{name}", f"/{SLUG}/missions?{_query(one)}", one, FASTEST_MS)
        for name, one in asked.items()
    ]


def _query(asked: MissionSearch) -> str:
    given = {"q": asked.q.replace(" ", "+"), "territory": asked.territory or ""}
    return "&".join(f"{name}={value}" for name, value in given.items() if value)


def pages_of(standing: Stand, pieces: Sequence[str], size: Size) -> list[Page]:
    """The pages of the pieces asked for."""
    members = f"/{SLUG}/members"
    name = standing.run(
        f"SELECT split_part(sort_name, ' ', 2) AS word FROM memberships WHERE tenant_id = '{standing.tenant}'"
        " AND awaits_claim ORDER BY md5(sort_name) LIMIT 1"
    )[0]["word"]
    found = [
        *searches(),
        Page(LIST, "list", LIST_PATH),
        Page(HOME, "home", f"/{SLUG}"),
        Page(MEMBERS, "members", members),
        Page(MEMBERS, "member_search_name", f"{members}?q={name}"),
        Page(MEMBERS, "member_search_common_word", f"{members}?q=jardin"),
        Page(MEMBERS, "member_search_typo", f"{members}?q={name[:3]}{name[4:]}"),
        Page(MEMBERS, "member_search_territory", f"{members}?territory=29"),
        Page(MATCHING, "matching", f"/{SLUG}/missions/{_wanting(standing, SLUG, READER)}/matches"),
        Page(
            MATCHING,
            f"matching_{size.neighbours}",
            f"/{SMALLER}/missions/{_wanting(standing, SMALLER, SMALLER_READER)}/matches",
            many_only=True,
        ),
    ]
    return [page for page in found if page.piece in pieces]


def _wanting(standing: Stand, slug: str, author: str) -> UUID:
    """A request of this author, for which members are to be found."""
    rows = standing.run(
        f"SELECT m.id FROM missions m JOIN cooperatives c USING (tenant_id) WHERE c.slug = '{slug}'"
        f" AND m.author_id = '{author}' AND m.kind = 'request' ORDER BY m.id LIMIT 1"
    )
    return UUID(str(rows[0]["id"]))


def finding(
    pieces: Sequence[str], effort: Effort, many: int, web_workers: int, report: Callable[[str], None]
) -> Iterator[Figure]:
    """Measure the pieces in the small town and then in the large one; yield the figures of the large, and the growth."""
    before: dict[str, float] = {}
    for size in (Size(FEW, FEW, FEW), Size(many, many, min(many, MATCHED))):
        report(f"A town of three cooperatives with {size.missions:,} missions each:")
        with stand(slow=False, web_workers=web_workers, kept=_kept(size, report)) as standing:
            standing.run("UPDATE sign_ins SET expires_at = now() + interval '30 days'")
            for page in pages_of(standing, pieces, size):
                if page.many_only and size.missions == FEW:
                    continue
                alone = ask(standing, page.path, clients=1, seconds=effort.seconds)
                report(
                    f"  {page.name}: p50 {alone.p50_ms:.1f} ms, p99 {alone.p99_ms:.1f} ms, {alone.size:,} bytes"
                )
                if size.missions == FEW:
                    before[page.name] = alone.p50_ms
                    continue
                yield from _of_page(standing, page, alone, many, before.get(page.name))
            if size.missions != FEW:
                yield from _against_pgbench(standing, pieces, effort, report)


def _kept(size: Size, report: Callable[[str], None]) -> Kept:
    # Search begins with what was listed this week: a town is a week old at most.
    year, week, _day = datetime.now(UTC).isocalendar()
    return Kept(
        name=f"town-{size.missions}",
        mark=f"{fingerprint(size)} {year}-{week}",
        fill=lambda servers: asyncio.run(build(servers, size, report)),
    )


def _of_page(standing: Stand, page: Page, alone: Asked, many: int, before: float | None) -> Iterator[Figure]:
    piece = page.piece
    yield _figure(f"{page.name}_p50", round(alone.p50_ms, 2), "ms", piece)
    yield _figure(f"{page.name}_p99", round(alone.p99_ms, 2), "ms", piece, at_most=page.at_most_ms)
    yield _figure(f"{page.name}_statements", statements_of(standing, page.path), "statements", piece)
    yield _figure(f"{page.name}_bytes", alone.size, "bytes", piece)
    if before is not None:
        yield Figure(
            name=f"{page.name}_growth",
            value=round(alone.p50_ms / before, 2),
            unit=f"times from {FEW:,} to {many:,}",
            against=f"p50 among {FEW:,}",
            theirs=round(before, 2),
            command=_command(piece),
        )


def _against_pgbench(
    standing: Stand, pieces: Sequence[str], effort: Effort, report: Callable[[str], None]
) -> Iterator[Figure]:
    """HTTP and pgbench in turn, with as many clients at once on both sides."""
    ratios = []
    if SEARCH in pieces:
        for page in searches():
            assert page.asked is not None
            figure = _compared(standing, page, search_statement(standing, page.asked), effort, report)
            ratios.append(figure.ratio or 0.0)
            yield figure
        yield Figure(
            name="search_http_over_pgbench",
            value=min(ratios),
            unit="the lowest of these ratios",
            command=_command(SEARCH),
        )
    if LIST in pieces:
        page = Page(LIST, "list", LIST_PATH)
        yield _compared(standing, page, list_statement(standing), effort, report, at_least=0.35)


def _compared(
    standing: Stand,
    page: Page,
    statement: str,
    effort: Effort,
    report: Callable[[str], None],
    at_least: float | None = None,
) -> Figure:
    ours, theirs = [], []
    for _ in range(effort.pairs):
        theirs.append(by_pgbench(standing, statement, clients=CLIENTS, seconds=effort.seconds))
        ours.append(ask(standing, page.path, clients=CLIENTS, seconds=effort.seconds).per_second)
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    report(f"  {page.name}: {median(ours):.0f}/s against {median(theirs):.0f}/s by pgbench: {ratio:.2f}")
    return Figure(
        name=f"{page.name}_http_over_pgbench",
        value=round(median(ours), 1),
        unit=f"/s with {CLIENTS} clients",
        ratio=round(ratio, 3),
        against="pgbench sending the same statements",
        theirs=round(median(theirs), 1),
        at_least=at_least,
        command=_command(page.piece),
    )


def search_statement(standing: Stand, asked: MissionSearch) -> str:
    """The statement of the search page, with its parameters written out."""
    terms = terms_of(asked.q)
    given = {
        "before_at": "NULL::timestamptz", "before_id": "NULL::uuid", "filters": _array(asked.keys()),
        "kinds": _array([term.kind for term in terms]), "limit": "21", "mine": "false", "newest": "false",
        "offset": "0", "reader": f"'{READER}'::uuid", "state": "'open'", "tenant": f"'{standing.tenant}'::uuid",
        "terms": _array([term.text for term in terms]),
    }  # fmt: skip
    statement = str(_ASK)
    for name in sorted(given, key=len, reverse=True):
        statement = statement.replace(f":{name}", given[name])
    return statement


def _array(values: Sequence[str]) -> str:
    return f"'{{{','.join(values)}}}'::text[]"


def list_statement(standing: Stand) -> str:
    """The statement of the first page of the list of open missions."""
    query = listed(MissionFilter(), for_member=True).params(
        tenant=standing.tenant, reader=UUID(READER), limit=21
    )
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return str(compiled)


def _figure(name: str, value: float, unit: str, piece: str, at_most: float | None = None) -> Figure:
    return Figure(name=name, value=value, unit=unit, at_most=at_most, command=_command(piece))


def _command(piece: str) -> str:
    return f"python -m tests.bench --only {piece}"
