"""Search and lists over many missions: the page over HTTP against pgbench running the same statement, and how both grow.

Measured only when asked for (``--only search``), for seeding takes minutes. Two thirds of the missions belong to other
cooperatives, with the same words. This file must never turn off anything of what a search does for a reader.
"""

import http.client
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote
from uuid import UUID

from sqlalchemy.dialects import postgresql

from marketplace.listings import MissionFilter, _listed
from marketplace.search import _ASK
from tests.bench.measures import Effort, Figure
from tests.bench.sides import TPS, Untrue, pgbench_program
from tests.bench.stand import FIRST, FOLDER, SLUG, Stand

SEARCH: Final = "search"
CLIENTS: Final = 4
READER: Final = f"00000000-0000-7000-8000-{FIRST}"
COOKIE: Final = "archipel_banc_recherche"
QUERIES: Final = {
    "rare": ("clavecin", ""),
    "common": ("jardin", ""),
    "facet": ("jardin", "t35"),
    "typo": ("plonberie", ""),
}

NEIGHBOURS: Final = """
INSERT INTO cooperatives (slug, name, legal_profile, territory)
SELECT 'voisine-' || i, 'Voisine ' || i, 'association', '29' FROM generate_series(1, 2) i;
INSERT INTO people (person_id, email)
SELECT ('00000000-0000-7000-9000-00000000000' || i)::uuid, 'v' || i || '@banc.example' FROM generate_series(1, 2) i;
INSERT INTO memberships (tenant_id, id, person_id, state, display_name, contact_email, joined_at)
SELECT tenant_id, ('00000000-0000-7000-8000-00000000000' || right(slug, 1))::uuid,
       ('00000000-0000-7000-9000-00000000000' || right(slug, 1))::uuid, 'active', 'Voisine', 'v@banc.example', now()
FROM cooperatives WHERE slug LIKE 'voisine-%';
INSERT INTO sign_ins (person_id, token_hash, method)
VALUES ('00000000-0000-7000-9000-{first}', sha256('{cookie}'::bytea), 'mail_link');
CREATE UNLOGGED TABLE lexicon AS
SELECT row_number() OVER (ORDER BY md5(a || b || c))::int AS place, a || b || c AS word
FROM unnest('{{ba,ri,to,mu,le,cha,pon,gra,fi,sol,ver,cou,dan,pli,qui,tres,mar,jou}}'::text[]) a,
     unnest('{{li,ma,ro,te,nu,sa,vi,go,pe,ra,do,lan,che,min,teur,bou}}'::text[]) b,
     unnest('{{ge,tion,ment,re,te,le,sse,ne,que,ture,ble,rie,tage,ver,lo,dis,fa,ton}}'::text[]) c;
CREATE UNIQUE INDEX lexicon_place ON lexicon (place);
ANALYZE lexicon;
INSERT INTO mission_vocabulary (tenant_id, word)
SELECT tenant_id, word
FROM cooperatives, (SELECT word FROM lexicon UNION VALUES ('jardin'), ('clavecin'), ('plomberie')) words
ON CONFLICT DO NOTHING;
"""

# Three years of missions; one word in three titles, one in fifty descriptions, one in five thousand titles.
MISSIONS: Final = """
SET session_replication_role = replica;
INSERT INTO missions (tenant_id, author_id, kind, title, description, territory, place, estimated_minutes, expires_on,
                      visibility, ownership, state, created_at, published_at)
SELECT c.tenant_id, CASE WHEN c.slug = '{slug}' THEN '{reader}'::uuid
                    ELSE ('00000000-0000-7000-8000-00000000000' || right(c.slug, 1))::uuid END,
       CASE WHEN random() < .6 THEN 'request' ELSE 'offer' END,
       title.words || CASE WHEN n % 3 = 0 THEN ' jardin' ELSE '' END || CASE WHEN n % 5000 = 7 THEN ' clavecin' ELSE '' END,
       body.words || CASE WHEN n % 50 = 0 THEN ' plomberie' ELSE '' END,
       ('{{29,22,35,56,44,75,69,13,2A,971}}'::text[])[1 + floor(random() * 10)::int],
       ('{{remote,on_site,either}}'::text[])[1 + floor(random() * 3)::int], 30 + floor(random() * 600)::int,
       current_date + 30, 'cooperative', 'payer', 'open', at, at
FROM cooperatives c, generate_series({first}, {last}) n
CROSS JOIN LATERAL (SELECT now() - interval '3 years' * (1 - n::float / {all_of_them}) AS at) moment
CROSS JOIN LATERAL (
    SELECT initcap(string_agg(l.word, ' ')) AS words
    FROM (SELECT 1 + floor(5183 * power(random(), 3))::int AS place FROM generate_series(1, 5 + n * 0) OFFSET 0) drawn
    JOIN lexicon l USING (place)
) title
CROSS JOIN LATERAL (
    SELECT string_agg(l.word, ' ') AS words
    FROM (SELECT 1 + floor(5183 * power(random(), 3))::int AS place FROM generate_series(1, 40 + n * 0) OFFSET 0) drawn
    JOIN lexicon l USING (place)
) body;
"""
INDEX: Final = """
SELECT count(index_mission(m.tenant_id, m.id)) FROM missions m
WHERE NOT EXISTS (SELECT FROM mission_words w WHERE w.tenant_id = m.tenant_id AND w.mission_id = m.id)
"""


def searching(stand: Stand, effort: Effort, missions: int, report: Callable[[str], None]) -> Iterator[Figure]:
    """Seed in two steps, measure after each, and say how much longer everything takes after the second."""
    stand.run_all(NEIGHBOURS.format(first=FIRST, cookie=COOKIE))
    before: dict[str, float] = {}
    few = min(1_000, missions // 2)
    for first, last in ((1, few), (few + 1, missions)):
        began = time.monotonic()
        _seed(stand, first, last, missions)
        report(
            f"  {last} missions in each of three cooperatives, {time.monotonic() - began:.0f} s of seeding"
        )
        for figure in _figures(stand, effort, last):
            if last == missions:
                yield figure
            if figure.unit == "ms" and figure.name.endswith("_p50"):
                if last == missions:
                    yield Figure(
                        name=f"{figure.name}_growth",
                        value=round(figure.value / before[figure.name], 2),
                        unit="times",
                        against=f"{few} missions ({before[figure.name]} ms)",
                        command=_command(missions),
                    )
                before[figure.name] = figure.value


def _seed(stand: Stand, first: int, last: int, missions: int) -> None:
    stand.run_all("DROP INDEX ix_mission_words_words")
    for start in range(first, last + 1, 5_000):
        end = min(start + 4_999, last)
        stand.run_all(MISSIONS.format(slug=SLUG, reader=READER, first=start, last=end, all_of_them=missions))
        stand.run_all(INDEX)
    stand.run_all(
        "CREATE INDEX ix_mission_words_words ON mission_words USING gin (words) WITH (fastupdate = off)"
    )
    stand.run_all("VACUUM ANALYZE missions")
    stand.run_all("VACUUM ANALYZE mission_words")
    stand.run_all("VACUUM ANALYZE mission_vocabulary")


def _figures(stand: Stand, effort: Effort, missions: int) -> Iterator[Figure]:
    ratios = []
    for name, (word, key) in QUERIES.items():
        path = f"/{SLUG}/missions?q={word}" + (f"&territory={key[1:]}" if key else "")
        per_second, p50, p99, _size = over_http(stand, path, effort.seconds)
        theirs = by_pgbench(stand, search_statement(stand, word, key), effort.seconds)
        ratios.append(per_second / theirs)
        yield _figure(f"search_{name}_p50", p50, "ms", missions)
        yield _figure(f"search_{name}_p99", p99, "ms", missions)
        yield Figure(
            name=f"search_{name}_http_over_pgbench",
            value=round(per_second, 1),
            unit="pages/s",
            ratio=round(per_second / theirs, 3),
            against="pgbench running the same statement",
            theirs=round(theirs, 1),
            command=_command(missions),
        )
    yield _figure("search_http_over_pgbench", round(min(ratios), 3), "lowest of the four ratios", missions)
    per_second, p50, p99, _size = over_http(stand, f"/api/v1/{SLUG}/missions?limit=20", effort.seconds)
    theirs = by_pgbench(stand, list_statement(stand), effort.seconds)
    yield _figure("list_p50", p50, "ms", missions)
    yield _figure("list_p99", p99, "ms", missions)
    yield Figure(
        name="list_http_over_pgbench",
        value=round(per_second, 1),
        unit="lists/s",
        ratio=round(per_second / theirs, 3),
        against="pgbench running the same statement",
        theirs=round(theirs, 1),
        command=_command(missions),
    )
    _per_second, p50, p99, size = over_http(stand, f"/{SLUG}", effort.seconds)
    yield _figure("home_p50", p50, "ms", missions)
    yield _figure("home_p99", p99, "ms", missions)
    yield _figure("home_bytes", size, "bytes", missions)


def over_http(stand: Stand, path: str, seconds: float) -> tuple[float, float, float, int]:
    """Ask for a page from a few browsers at once: answers per second, p50 and p99 in ms, bytes of the answer."""
    until = time.monotonic() + seconds + 1

    def browse(_number: int) -> tuple[list[float], int]:
        line = http.client.HTTPConnection("127.0.0.1", stand.settings.port, timeout=30)
        took: list[float] = []
        size = 0
        while time.monotonic() < until:
            began = time.perf_counter()
            line.request("GET", quote(path, safe="/?=&"), headers={"cookie": f"archipel_sign_in={COOKIE}"})
            answer = line.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise Untrue(f"{path} answered {answer.status}: {body[:300]!r}")
            size = len(body)
            # The first second warms up.
            if time.monotonic() > until - seconds:
                took.append(time.perf_counter() - began)
        return took, size

    with ThreadPoolExecutor(CLIENTS) as browsers:
        runs = list(browsers.map(browse, range(CLIENTS)))
    times = sorted(moment for took, _ in runs for moment in took)
    if len(times) < 20:
        raise Untrue(f"{path}: only {len(times)} answers")
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    return len(times) / seconds, round(p50 * 1000, 2), round(p99 * 1000, 2), runs[0][1]


def by_pgbench(stand: Stand, statement: str, seconds: float) -> float:
    """The same statement per second, in a transaction that names the cooperative as the application does."""
    script = FOLDER / "search.pgbench"
    script.write_text(
        f"BEGIN READ ONLY;\nSELECT set_config('archipel.tenant', '{stand.tenant}', true);\n"
        f"{' '.join(statement.split())};\nEND;\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [
            *(pgbench_program(), "--no-vacuum", "--protocol=prepared", f"--file={script}"),
            *(f"--client={CLIENTS}", f"--jobs={CLIENTS}", f"--time={max(1, round(seconds))}"),
            stand.servers.url("app"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    tps = TPS.search(ended.stdout)
    if ended.returncode or not tps:
        raise Untrue(f"pgbench failed ({ended.returncode}): {ended.stderr[-2000:]}")
    return float(tps[1])


def search_statement(stand: Stand, word: str, key: str) -> str:
    """The statement of the search page, with its parameters written out."""
    given = {
        "before_at": "NULL::timestamptz", "before_id": "NULL::uuid", "filters": f"'{{{key}}}'::text[]",
        "kinds": "'{last}'::text[]", "limit": "21", "mine": "false", "newest": "false", "offset": "0",
        "reader": f"'{READER}'::uuid", "state": "'open'", "tenant": f"'{stand.tenant}'::uuid",
        "terms": f"'{{{word}}}'::text[]",
    }  # fmt: skip
    statement = str(_ASK)
    for name in sorted(given, key=len, reverse=True):
        statement = statement.replace(f":{name}", given[name])
    return statement


def list_statement(stand: Stand) -> str:
    """The statement of the first page of the list of open missions."""
    query = _listed(stand.tenant, UUID(READER), MissionFilter()).limit(21)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return str(compiled)


def _figure(name: str, value: float, unit: str, missions: int) -> Figure:
    return Figure(name=name, value=value, unit=unit, command=_command(missions))


def _command(missions: int) -> str:
    return f"python -m tests.bench --only {SEARCH} --missions {missions}"
