"""Finding members: words in French or English, filters with counts, slips forgiven; one statement per page.

Words are looked for in names, presentations and skills. A cooperative has some thousands of members: the statement
reads them all under isolation, and needs neither an index nor a door. This file must never match, count, order by nor
filter on what ``profiles`` hides from the reader, for an answer would betray it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.member_skills import PARTNERS
from tenants.actors import Actor, Role
from tenants.memberships import MembershipState
from tenants.platform.errors import Unreadable
from tenants.platform.markdown import excerpt
from tenants.platform.search_words import terms_of
from tenants.platform.territories import TERRITORIES
from tenants.platform.web import decode_cursor, encode_cursor
from tenants.profiles import Standing, VisibleProfile, Weekday, seen_sql, visible_profile

FEW: Final = 5  # Under so many answers, words spelt alike are looked for as well.
NEAR_AT_MOST: Final = 10
_NO_MORE: Final = 1_000_000


class MemberSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for: words, and what a list is narrowed to. Other states than active are a manager's to see."""

    q: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    skill: UUID | None = None
    territory: Annotated[str, msgspec.Meta(max_length=3)] | None = None
    region: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    remote: bool = False
    available: bool = False
    day: Weekday | None = None
    state: MembershipState | None = None

    def territories(self) -> list[str] | None:
        """The départements in which somebody may live; None is anywhere or nowhere."""
        if self.territory:
            return [self.territory]
        if self.region:
            return [one.code for one in TERRITORIES.values() if one.region == self.region]
        return None


class MemberHit(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as the reader may see it; ``excerpt`` has the words that were found between marks."""

    id: UUID
    display_name: str
    state: MembershipState
    joined_at: datetime | None
    profile: VisibleProfile
    skills: list[str] | None
    excerpt: str


class FoundMembers(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search.

    ``near`` say a part of what was asked, or words spelt alike (``near_words``), where little says it all.
    ``counts`` are by key: ``t29`` (territory), ``s`` and a skill's id, ``remote``, ``now``, ``dmon`` (day).
    ``idle`` tells that every word was too common to look for; ``members`` is how many there are without any search.
    """

    hits: list[MemberHit]
    near: list[MemberHit]
    near_words: list[str]
    total: int
    members: int
    counts: Mapping[str, int]
    skills: Mapping[str, str]
    idle: bool
    next: str | None


async def search_members(
    db: AsyncSession, *, actor: Actor, asked: MemberSearch, limit: int | None, after: str | None = None
) -> FoundMembers:
    """Find members, in one statement: the best answers first, without words by name.

    A manager alone reads other states than active, and all at once (``limit`` None). Raises Unreadable for an
    ``after`` not made here.
    """
    reader = actor.member
    state = asked.state or MembershipState.ACTIVE
    if state is not MembershipState.ACTIVE or limit is None:
        actor.must_hold(Role.MANAGER)
    offset = _whence(after)
    terms = terms_of(asked.q)
    given = {
        "tenant": actor.tenant_id,
        "me": reader,
        "state": state.value,
        "terms": [term.text for term in terms],
        "kinds": [term.kind for term in terms],
        "skill": asked.skill,
        "territories": asked.territories(),
        "remote": asked.remote,
        "available": asked.available,
        "day": asked.day.value if asked.day else None,
        "offset": offset,
        "limit": None if limit is None else limit + 1,
    }
    rows = (await db.execute(_FIND, given)).all()
    first = rows[0]
    manages = actor.holds(Role.MANAGER)
    hits = [_hit(row, manages=manages) for row in rows if row.id and not row.near]
    more = limit is not None and len(hits) > limit
    return FoundMembers(
        hits=hits[:limit],
        near=[_hit(row, manages=manages) for row in rows if row.id and row.near],
        near_words=first.near_words,
        total=first.total,
        members=first.members,
        counts=first.counts or {},
        skills=first.skill_names or {},
        idle=bool(terms) and first.needed == 0 and all(term.kind != "not" for term in terms),
        next=encode_cursor(offset + limit) if more and limit is not None else None,
    )


def _whence(after: str | None) -> int:
    cursor = decode_cursor(after, (int,))
    if cursor is not None and not 0 <= cursor[0] <= _NO_MORE:
        raise Unreadable("after")
    return cursor[0] if cursor else 0


def _hit(row: Any, *, manages: bool) -> MemberHit:
    seen = visible_profile(row, Standing(row.standing), manages=manages)
    said = (
        (row.marked if row.marked and "\x02" in row.marked else seen.presentation)
        if seen.presentation
        else ""
    )
    return MemberHit(
        id=row.id,
        display_name=row.display_name,
        state=MembershipState(row.state),
        joined_at=row.joined_at,
        profile=seen,
        skills=row.skills or None,
        excerpt=excerpt(said),
    )


# --- The statement ---------------------------------------------------------------------------------------

# Whether somebody said when they are free, to this reader: as ``visible_profile`` has it.
_TOLD: Final = f"""
    {seen_sql("availability", "near.standing")} AND (m.free_days <> '{{}}' OR m.weekly_minutes IS NOT NULL
        OR m.available_from IS NOT NULL OR m.available_until IS NOT NULL)
"""
# A word a slip or two away, as in words_spelt_like() of search.sql.
_ALIKE: Final = """
    w.word <> t.spelt AND length(w.word) BETWEEN 4 AND 30 AND similarity(w.word, t.spelt) >= 0.2
    AND levenshtein(w.word, t.spelt) <= CASE WHEN length(t.spelt) < 5 THEN 1 WHEN length(t.spelt) < 9 THEN 2 ELSE 3 END
"""
_MARKS: Final = """'MaxWords=32, MinWords=20, StartSel="\x02", StopSel="\x03"'"""

# Each member is read once and weighed by themselves: nothing large is joined, so a wrong guess of the planner is cheap.
_FIND: Final = text(f"""
    WITH terms AS MATERIALIZED (
        SELECT t.n, t.kind, f.folded, q.query, numnode(q.query) > 0 AS says,
            CASE WHEN t.kind IN ('word', 'last') AND f.folded ~ '^[a-z]{{4,30}}$' THEN f.folded END AS spelt,
            -- No stem changes how a word begins: what begins otherwise need not be read into words.
            (SELECT left(w, 3) FROM string_to_table(f.folded, ' ') w
             WHERE numnode(searched_term(w)) > 0 ORDER BY length(w) DESC, w LIMIT 1) AS opening,
            array(SELECT id FROM skills WHERE tenant_id = :tenant AND searched_words(name, 'B') @@ q.query) AS skills
        FROM unnest(CAST(:terms AS text[]), CAST(:kinds AS text[])) WITH ORDINALITY t (term, kind, n)
        CROSS JOIN LATERAL (SELECT lower(unaccent(t.term)) AS folded) f
        CROSS JOIN LATERAL (
            SELECT CASE t.kind WHEN 'last' THEN searched_beginning(t.term) ELSE searched_term(t.term) END AS query
        ) q
    ),
    partners AS MATERIALIZED ({PARTNERS}),
    calendar AS MATERIALIZED (
        SELECT (now() AT TIME ZONE time_zone)::date AS today FROM cooperatives WHERE tenant_id = :tenant
    ),
    -- Everybody, with what this reader may see of them: nothing below looks at anything else.
    shown AS MATERIALIZED (
        SELECT m.id, m.sort_name, ' ' || translate(m.sort_name, '-/.''’', '     ') AS name, near.standing,
            coalesce(known.skills, '{{}}') AS skills,
            CASE WHEN {seen_sql("territory", "near.standing")} THEN m.territory END AS territory,
            CASE WHEN cardinality(CAST(:terms AS text[])) > 0 THEN lower(unaccent(concat_ws(', ', known.notes,
                CASE WHEN {seen_sql("presentation", "near.standing")} THEN m.presentation END))) END AS plain,
            free.told AND m.works_remotely AS remote,
            free.told AND coalesce(m.weekly_minutes, 1) > 0 AND coalesce(m.available_from <= c.today, true)
                AND coalesce(m.available_until >= c.today, true) AS available,
            CASE WHEN free.told THEN m.free_days ELSE '{{}}' END AS days
        FROM memberships m
        CROSS JOIN calendar c
        CROSS JOIN LATERAL (SELECT CASE WHEN m.id = :me THEN {Standing.SELF:d}
            WHEN m.id IN (SELECT id FROM partners) THEN {Standing.PARTNER:d} ELSE {Standing.MEMBER:d} END AS standing) near
        CROSS JOIN LATERAL (SELECT {_TOLD} AS told) free
        CROSS JOIN LATERAL (
            SELECT array_agg(k.skill_id) AS skills, string_agg(NULLIF(k.note, ''), ', ') AS notes FROM member_skills k
            WHERE k.tenant_id = :tenant AND k.membership_id = m.id AND {seen_sql("skills", "near.standing")}
        ) known
        WHERE m.tenant_id = :tenant AND m.state = :state
    ),
    -- Words of every sentence need not be there, unless nothing else was typed and somebody is called so.
    wanted AS MATERIALIZED (
        SELECT t.*, kind <> 'not' AND CASE WHEN (SELECT bool_or(says) FROM terms) THEN says
            ELSE EXISTS (SELECT FROM shown s WHERE strpos(s.name, ' ' || t.folded) > 0) END AS needed
        FROM terms t
    ),
    asked AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE needed) AS needed,
            string_agg(query::text, ' | ') FILTER (WHERE says AND kind <> 'not')::tsquery AS query
        FROM wanted
    ),
    narrowed AS MATERIALIZED (
        SELECT s.*, found.score, found.got, found.terms
        FROM shown s
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(weight) FILTER (WHERE kind <> 'not'), 0) AS score, count(*) FILTER (WHERE needed) AS got,
                bool_or(kind = 'not') AS unwanted, array_agg(n) FILTER (WHERE needed) AS terms
            FROM (
                SELECT t.n, t.kind, t.needed, CASE WHEN strpos(s.name, ' ' || t.folded) > 0 THEN 8
                    WHEN s.skills && t.skills THEN 4
                    WHEN strpos(s.plain, t.opening) > 0 AND searched_words(CASE WHEN t.folded LIKE '% %' THEN s.plain
                        ELSE (SELECT string_agg(w[1], ' ') FROM regexp_matches(s.plain, '\\m' || t.opening || '\\w*', 'g') w)
                        END, 'C') @@ t.query THEN 2 END AS weight
                FROM wanted t
            ) weighed
            WHERE weight > 0
        ) found
        WHERE found.unwanted IS NOT TRUE
          AND (CAST(:territories AS text[]) IS NULL OR s.territory = ANY(CAST(:territories AS text[])))
          AND (NOT CAST(:remote AS boolean) OR s.remote)
          AND (NOT CAST(:available AS boolean) OR s.available)
          AND (CAST(:day AS text) IS NULL OR CAST(:day AS text) = ANY(s.days))
          AND (CAST(:skill AS uuid) IS NULL OR CAST(:skill AS uuid) = ANY(s.skills))
    ),
    hits AS MATERIALIZED (SELECT n.* FROM asked, narrowed n WHERE n.got = asked.needed),
    little AS MATERIALIZED (SELECT (SELECT count(*) FROM hits) < {FEW} AND needed > 0 AS little FROM asked),
    alike AS MATERIALIZED (
        SELECT t.n, x.id AS skill_id, w.word
        FROM wanted t CROSS JOIN skills x CROSS JOIN LATERAL spelt_words(x.name) w (word)
        WHERE (SELECT little FROM little) AND x.tenant_id = :tenant AND {_ALIKE}
    ),
    near AS MATERIALIZED (
        SELECT s.*, also.parts, also.words
        FROM asked CROSS JOIN narrowed s CROSS JOIN LATERAL (
            SELECT count(DISTINCT n) AS parts, array_agg(DISTINCT word) FILTER (WHERE word IS NOT NULL) AS words
            FROM (
                SELECT unnest(s.terms) AS n, NULL AS word
                UNION ALL
                SELECT n, word FROM alike WHERE skill_id = ANY(s.skills)
                UNION ALL
                SELECT t.n, w.word FROM wanted t CROSS JOIN string_to_table(s.name, ' ') w (word) WHERE {_ALIKE}
            ) part
        ) also
        WHERE (SELECT little FROM little) AND s.got < asked.needed AND also.parts > 0
    ),
    listed AS MATERIALIZED (
        (SELECT id, standing, skills, false AS near, NULL::text[] AS words,
            row_number() OVER (ORDER BY score DESC, sort_name, id) AS place
         FROM hits ORDER BY place OFFSET :offset LIMIT CAST(:limit AS integer))
        UNION ALL
        (SELECT id, standing, skills, true, words, row_number() OVER (ORDER BY parts DESC, score DESC, sort_name, id) AS place
         FROM near WHERE CAST(:offset AS integer) = 0 ORDER BY place LIMIT {NEAR_AT_MOST})
    ),
    counted (key, n) AS (
        SELECT 't' || territory, count(*) FROM hits WHERE territory IS NOT NULL GROUP BY territory
        UNION ALL
        SELECT 's' || skill, count(*) FROM hits, unnest(skills) skill GROUP BY skill
        UNION ALL
        SELECT 'd' || day, count(*) FROM hits, unnest(days) day GROUP BY day
        UNION ALL
        SELECT 'remote', count(*) FROM hits WHERE remote
        UNION ALL
        SELECT 'now', count(*) FROM hits WHERE available
    )
    SELECT (SELECT count(*) FROM hits) AS total, (SELECT count(*) FROM shown) AS members, asked.needed,
        array(SELECT DISTINCT word FROM listed, unnest(words) word ORDER BY word) AS near_words,
        (SELECT jsonb_object_agg(key, n) FROM counted WHERE n > 0) AS counts,
        (SELECT jsonb_object_agg(x.id, x.name) FROM skills x WHERE x.tenant_id = :tenant) AS skill_names,
        l.near, l.standing, m.id, m.display_name, m.state, m.joined_at, m.territory, m.presentation, m.contact_email,
        m.contact_phone, m.languages, m.weekly_minutes, m.free_days, m.available_from, m.available_until,
        m.works_remotely, m.reach, m.shares_contact, m.email_audience, m.phone_audience, m.territory_audience,
        m.presentation_audience, m.skills_audience, m.availability_audience, m.languages_audience,
        array(SELECT x.name FROM skills x WHERE x.tenant_id = :tenant AND x.id = ANY(l.skills) ORDER BY x.key) AS skills,
        CASE WHEN numnode(asked.query) > 0 THEN ts_headline('searched_fr', left(m.presentation, 2000), asked.query,
            {_MARKS}) END AS marked
    FROM asked
    LEFT JOIN listed l ON true
    LEFT JOIN memberships m ON m.tenant_id = :tenant AND m.id = l.id
    ORDER BY l.near, l.place
""")  # noqa: S608 (our own words)
