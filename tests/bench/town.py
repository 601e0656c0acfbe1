"""A town of three cooperatives with as many missions and members as asked, kept between runs: what is searched stands here.

Rows are made by the database, as superuser and past the triggers, out of pools of texts whose words were indexed once, for
indexing 600,000 texts one by one takes a quarter of an hour; ``check`` compares some with what the triggers would have written.
This file must never measure anything.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from marketplace.schema import MIGRATIONS
from tenants.platform.embedded import Servers
from tests.bench.sides import Untrue
from tests.bench.stand import FIRST, SLUG

COOKIE: Final = "archipel_banc_recherche"
READER: Final = f"00000000-0000-7000-8000-{FIRST}"
SMALLER: Final = "voisine-1"
SMALLER_READER: Final = f"00000001-0000-7000-8000-{FIRST}"
BATCH: Final = 20_000
CHECKED: Final = 60
WORDS: Final = ("mission_words", "member_words")


@dataclass(frozen=True)
class Size:
    """How many of each: missions of each cooperative, members of the first, and of its neighbour."""

    missions: int
    members: int
    neighbours: int


# Two neighbours with the same words; the reader is a member of the first of them as well.
COOPERATIVES: Final = """
INSERT INTO cooperatives (slug, name, legal_profile, territory)
SELECT 'voisine-' || i, 'Voisine ' || i, 'association', '29' FROM generate_series(1, 2) i;
CREATE UNLOGGED TABLE town AS
SELECT tenant_id, CASE WHEN slug = '{slug}' THEN 0 ELSE right(slug, 1)::int END AS number FROM cooperatives;
INSERT INTO memberships (tenant_id, id, person_id, state, display_name, contact_email, joined_at)
SELECT tenant_id, ('0000000' || number || '-0000-7000-8000-{first}')::uuid, ('00000000-0000-7000-9000-{first}')::uuid,
       'active', 'Lectrice du banc', 'lectrice@banc.example', now()
FROM town WHERE number > 0;
INSERT INTO sign_ins (person_id, token_hash, method)
VALUES ('00000000-0000-7000-9000-{first}', sha256('{cookie}'::bytea), 'mail_link');
CREATE UNLOGGED TABLE lexicon AS
SELECT (row_number() OVER (ORDER BY md5(a || b || c)))::int AS place, a || b || c AS word
FROM unnest('{{ba,ri,to,mu,le,cha,pon,gra,fi,sol,ver,cou,dan,pli,qui,tres,mar,jou}}'::text[]) a,
     unnest('{{li,ma,ro,te,nu,sa,vi,go,pe,ra,do,lan,che,min,teur,bou}}'::text[]) b,
     unnest('{{ge,tion,ment,re,te,le,sse,ne,que,ture,ble,rie,tage,ver,lo,dis,fa,ton}}'::text[]) c;
CREATE UNIQUE INDEX lexicon_place ON lexicon (place);
INSERT INTO skills (tenant_id, id, name, key)
SELECT tenant_id, uuidv7(), initcap(word), word FROM town, lexicon WHERE place <= 60;
CREATE UNLOGGED TABLE known_skills AS
SELECT s.tenant_id, l.place - 1 AS n, s.id, s.name, searched_words(s.name, 'B') AS words
FROM skills s JOIN lexicon l ON l.word = s.key;
CREATE UNIQUE INDEX known_skills_n ON known_skills (tenant_id, n);
"""

# Common words are drawn far more often than rare ones, as in any language.
POOLS: Final = """
CREATE UNLOGGED TABLE texts AS
SELECT n, title.words AS title, body.words AS body, searched_words(title.words, 'A') AS title_words,
       searched_words(body.words, 'C') AS body_words
FROM generate_series(0, 3999) n
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
CREATE UNIQUE INDEX texts_n ON texts (n);
INSERT INTO mission_vocabulary (tenant_id, word)
SELECT tenant_id, word
FROM town, (SELECT word FROM lexicon UNION VALUES ('jardin'), ('clavecin'), ('plomberie')) words
ON CONFLICT DO NOTHING;
INSERT INTO member_vocabulary (tenant_id, of_name, word)
SELECT tenant_id, of_name, word
FROM town, unnest('{true,false}'::boolean[]) of_name, (
    SELECT word FROM lexicon UNION SELECT unnest('{jardin,plomberie,anne,bruno,marie,elise,karim}'::text[])
) words
WHERE length(word) >= 4
ON CONFLICT DO NOTHING;
ANALYZE;
"""

# Three years of missions: one word in three titles, one in fifty descriptions, one in five thousand titles.
MISSIONS: Final = """
WITH made AS MATERIALIZED (
    SELECT t.tenant_id, uuidv7(moment.at - now()) AS id,
           ('0000000' || t.number || '-0000-7000-8000-' || ({first} + CASE WHEN i <= 5 OR t.number > 0 THEN 0 ELSE 1 + i % 1000 END))::uuid
               AS author_id,
           CASE WHEN i <= 5 OR random() < .6 THEN 'request' ELSE 'offer' END AS kind,
           a.title || CASE WHEN i % 3 = 0 THEN ' jardin' ELSE '' END || CASE WHEN i % 5000 = 7 THEN ' clavecin' ELSE '' END AS title,
           b.body || CASE WHEN i % 50 = 0 THEN ' plomberie' ELSE '' END AS description,
           ('{{29,22,35,56,44,75,69,13,2A,971}}'::text[])[1 + floor(random() * 10)::int] AS territory,
           ('{{remote,on_site,either}}'::text[])[1 + floor(random() * 3)::int] AS place,
           30 + floor(random() * 600)::int AS estimated_minutes, moment.at, s.id AS skill_id,
           a.title_words || CASE WHEN i % 3 = 0 THEN searched_words('jardin', 'A') ELSE '' END
               || CASE WHEN i % 5000 = 7 THEN searched_words('clavecin', 'A') ELSE '' END || s.words || b.body_words
               || CASE WHEN i % 50 = 0 THEN searched_words('plomberie', 'C') ELSE '' END AS words
    FROM town t
    CROSS JOIN generate_series({start}, {end}) i
    CROSS JOIN LATERAL (SELECT now() - interval '3 years' * (1 - i::float / {missions}) AS at) moment
    JOIN texts a ON a.n = (i * 7919) % 4000
    JOIN texts b ON b.n = (i * 4801 + i / 4000) % 4000
    JOIN known_skills s ON s.tenant_id = t.tenant_id AND s.n = (i * 31) % 60
    WHERE t.number = {number}
), posted AS (
    INSERT INTO missions (tenant_id, id, author_id, kind, title, description, territory, place, estimated_minutes, expires_on,
                          visibility, ownership, state, created_at, published_at)
    SELECT tenant_id, id, author_id, kind, title, description, territory, place, estimated_minutes, current_date + 30,
           'cooperative', 'payer', 'open', at, at
    FROM made
), skilled AS (
    INSERT INTO mission_skills (tenant_id, mission_id, skill_id) SELECT tenant_id, id, skill_id FROM made
)
INSERT INTO mission_words (tenant_id, mission_id, listed_at, published, edition, facets, words)
SELECT m.tenant_id, m.id, m.at, true, mission_words_edition(), keys.facets,
       m.words || array_to_tsvector(array(SELECT '§' || key FROM unnest(keys.facets || keys.shelves) key))
FROM made m
CROSS JOIN LATERAL (
    SELECT ARRAY[
               'k' || m.kind, 'p' || m.place, 't' || m.territory, 'zopen', 'vcooperative',
               CASE WHEN m.estimated_minutes <= 60 THEN 'h1' WHEN m.estimated_minutes <= 180 THEN 'h2'
                    WHEN m.estimated_minutes <= 420 THEN 'h3' ELSE 'h4' END, 's' || m.skill_id
           ] AS facets,
           array(
               SELECT shelf_of(shelf, m.tenant_id, week_of(m.at), span)
               FROM unnest(shelf_spans()) span, unnest('{{w,o}}'::"char"[]) shelf
           ) AS shelves
) keys
"""

# Given names are as common as they are; half of the members say when they are free. Everybody speaks of a garden.
MEMBERS: Final = """
WITH made AS MATERIALIZED (
    SELECT t.tenant_id, uuidv7(interval '-3 years' * random()) AS id, i, lower(unaccent(given)) AS given, w.word AS surname,
           given || ' ' || initcap(w.word) AS display_name, ('{{29,22,35,56,44,75,69,13,2A,971}}'::text[])
               [1 + floor(random() * 10)::int] AS territory,
           b.body || ' jardin' || CASE WHEN i % 50 = 0 THEN ' plomberie' ELSE '' END AS presentation,
           ARRAY[x.id, y.id, z.id] AS skills, x.words || y.words || z.words AS skill_words,
           x.words || y.words || z.words || b.body_words || searched_words('jardin', 'C')
               || CASE WHEN i % 50 = 0 THEN searched_words('plomberie', 'C') ELSE '' END AS words
    FROM town t
    CROSS JOIN generate_series({start}, {end}) i
    CROSS JOIN LATERAL (
        SELECT ('{{Anne,Bruno,Chloé,Driss,Élise,Fanny,Gaël,Hélène,Inès,Jean,Karim,Léa,Marie,Nadia,Omar,Paul,Quentin,Rose,Samir,Zoé}}'
            ::text[])[1 + floor(20 * power(random(), 2) + i * 0)::int] AS given
    ) person
    JOIN lexicon w ON w.place = 1 + (i * 7919) % 5184
    JOIN texts b ON b.n = (i * 4801 + i / 4000) % 4000
    JOIN known_skills x ON x.tenant_id = t.tenant_id AND x.n = (i * 31) % 20
    JOIN known_skills y ON y.tenant_id = t.tenant_id AND y.n = 20 + (i * 17) % 20
    JOIN known_skills z ON z.tenant_id = t.tenant_id AND z.n = 40 + (i * 7) % 20
    WHERE t.number = {number}
), joined AS (
    INSERT INTO memberships (tenant_id, id, state, display_name, sort_name, contact_email, territory, presentation, joined_at,
                             free_days, weekly_minutes, awaits_claim)
    SELECT tenant_id, id, 'active', display_name, given || ' ' || surname, '', territory, presentation, now(),
           CASE WHEN i % 2 = 0 THEN ARRAY['mon', 'fri'] ELSE '{{}}' END, CASE WHEN i % 2 = 0 THEN 120 END, true
    FROM made
), able AS (
    INSERT INTO member_skills (tenant_id, membership_id, skill_id, level)
    SELECT tenant_id, id, skill, 'able' FROM made, unnest(skills) skill
)
INSERT INTO member_words (tenant_id, membership_id, state, sort_name, edition, facets, words)
SELECT m.tenant_id, m.id, 'active', m.given || ' ' || m.surname, member_words_edition(), keys.facets,
       (quote_literal(name_key(m.tenant_id, m.given)) || ':1 ' || quote_literal(name_key(m.tenant_id, m.surname)) || ':2')::tsvector
           || m.words || array_to_tsvector(array(SELECT '§k' || lexeme FROM unnest(tsvector_to_array(m.skill_words)) lexeme)
               || array(SELECT '§' || key FROM unnest(keys.facets) key) || array(
               SELECT '§' || share_of(m.tenant_id, 'active', parts, hashtext(m.id::text) & (parts - 1)) FROM unnest(share_parts()) parts
           ))
FROM made m
CROSS JOIN LATERAL (
    SELECT ARRAY['t' || m.territory] || CASE WHEN m.i % 2 = 0 THEN '{{remote,free,dmon,dfri}}'::text[] ELSE '{{}}' END
               || array(SELECT 's' || skill FROM unnest(m.skills) skill) AS facets
) keys
"""

# What the triggers write of some rows, beside what stands there.
CHECK: Final = """
CREATE TEMPORARY TABLE chosen AS SELECT tenant_id, {id} AS id FROM {table}_words WHERE random() < {share} LIMIT {few};
CREATE TEMPORARY TABLE before AS SELECT w.* FROM {table}_words w JOIN chosen c ON c.tenant_id = w.tenant_id AND c.id = w.{id};
SELECT {index} FROM chosen;
SELECT count(*) AS n FROM before b JOIN {table}_words w USING (tenant_id, {id})
WHERE array(SELECT unnest(b.facets) ORDER BY 1) IS DISTINCT FROM array(SELECT unnest(w.facets) ORDER BY 1)
   OR array(SELECT (lexeme, weights) FROM unnest(b.words)) IS DISTINCT FROM array(SELECT (lexeme, weights) FROM unnest(w.words));
"""


def fingerprint(size: Size) -> str:
    """What the kept rows depend on: this file, the tables, the size."""
    digest = hashlib.sha256(repr(size).encode())
    for path in (Path(__file__), *sorted((MIGRATIONS / "versions").glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


async def build(servers: Servers, size: Size, report: Callable[[str], None]) -> None:
    """Fill an empty installation that holds the benchmark's own cooperative. Raises Untrue."""
    began = time.monotonic()
    db = await asyncpg.connect(servers.url("postgres"))

    async def run(script: str, **given: object) -> None:
        await db.execute(script.format(**given) if given else script, timeout=None)

    try:
        await run("SET session_replication_role = replica; SET synchronous_commit = off")
        await run("SET maintenance_work_mem = '512MB'")
        await run(COOPERATIVES, slug=SLUG, first=FIRST, cookie=COOKIE)
        await run(POOLS)
        for table in WORDS:
            await run("DROP INDEX ix_{table}_words", table=table)
        for number in range(3):
            for start, end in _batches(size.missions):
                given = {"first": FIRST, "missions": size.missions, "number": number}
                await run(MISSIONS, start=start, end=end, **given)
        report(f"  {3 * size.missions:,} missions: {time.monotonic() - began:.0f} s")
        for number, members in enumerate((size.members, size.neighbours)):
            for start, end in _batches(members):
                await run(MEMBERS, start=start, end=end, number=number)
        report(f"  {size.members + size.neighbours:,} members: {time.monotonic() - began:.0f} s by now")
        for table in WORDS:
            await run(
                "CREATE INDEX ix_{table}_words ON {table} USING gin (words) WITH (fastupdate = off)",
                table=table,
            )
        await run("DROP TABLE town, lexicon, known_skills, texts")
        await run("VACUUM ANALYZE")
        report(f"  indexed: {time.monotonic() - began:.0f} s by now")
        await _check(db, "mission", "mission_id", "index_mission(tenant_id, id)", size.missions)
        await _check(db, "member", "membership_id", "index_members(tenant_id, ARRAY[id])", size.members)
    finally:
        await db.close()


def _batches(count: int) -> Iterator[tuple[int, int]]:
    for start in range(1, count + 1, BATCH):
        yield start, min(start + BATCH - 1, count)


async def _check(
    db: "asyncpg.Connection[asyncpg.Record]", table: str, id_: str, index: str, rows: int
) -> None:
    """Index some rows as their triggers do: the words that stood there must be the same."""
    given = {"table": table, "id": id_, "index": index, "share": 20 * CHECKED / rows, "few": CHECKED}
    *steps, compare = [one for one in CHECK.format(**given).split(";") if one.strip()]
    async with db.transaction():
        for step in steps:
            await db.execute(step)
        different = await db.fetchval(compare)
        await db.execute("DROP TABLE chosen, before")
    if different:
        raise Untrue(f"{different} of {CHECKED} {table}s are indexed otherwise than by their triggers")
