"""Finding missions: words in French or English, filters with counts, slips forgiven; one statement per page.

Behind it stands the door ``search_missions`` of ``search.sql``, which answers ids and counts; what is shown of each mission
is read under isolation, in the same statement. This file must never show a draft to anyone but its author, nor
compose a query out of what somebody typed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.listings import CSV_AT_MOST, MissionFilter, MissionSummary, Named
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionPlace
from tenants.platform.errors import Unreadable
from tenants.platform.markdown import excerpt
from tenants.platform.search_words import terms_of, unmarked
from tenants.platform.territories import TERRITORIES
from tenants.platform.web import decode_cursor, encode_cursor

COUNTED: Final = 500
"""Beyond so many answers, counts say "more than": as in ``missions_counted()``."""
REGIONS: Final = tuple(sorted({one.region for one in TERRITORIES.values()}))
_LAST_ID: Final = UUID(int=2**128 - 1)


class HoursRange(StrEnum):
    """How long a mission is thought to take: ``index_mission()`` draws the same lines."""

    HOUR = "h1"
    THREE_HOURS = "h2"
    DAY = "h3"
    MORE = "h4"


class Order(StrEnum):
    """In which order answers come."""

    BEST = "best"
    NEWEST = "newest"


class MissionSearch(MissionFilter, frozen=True, kw_only=True):
    """What is looked for: words, and what a list is narrowed to."""

    q: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    region: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    hours: HoursRange | None = None
    order: Order | None = None

    def keys(self) -> list[str]:
        """The keys that an answer must bear, but for its state; ``a|b`` is either."""
        keys = []
        if self.kind:
            keys.append(f"k{self.kind.value}")
        if self.place:
            # Work that can be done either way answers both wishes.
            keys.append("|".join(f"p{one.value}" for one in {self.place: 0, MissionPlace.EITHER: 0}))
        if self.skill:
            keys.append(f"s{self.skill}")
        if self.territory:
            keys.append(f"t{self.territory}")
        elif self.region:
            here = [one.code for one in TERRITORIES.values() if one.region == self.region]
            keys.append("|".join(f"t{code}" for code in here) or "tnowhere")
        if self.hours:
            keys.append(self.hours.value)
        return keys


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, with the words that were found between the marks of ``search_words``."""

    mission: MissionSummary
    title: str
    excerpt: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search.

    ``near`` say a part of what was asked, or words spelt alike (``near_words``), where little says it all.
    ``counts`` of the keys are at most COUNTED in sum; ``idle`` tells that every word was too common to look for.
    """

    hits: list[Hit]
    near: list[Hit]
    near_words: list[str]
    total: int
    counts: Mapping[str, int]
    states: Mapping[str, int]
    skills: Mapping[str, str]
    idle: bool
    next: str | None


async def search_missions(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    reader_id: UUID | None,
    asked: MissionSearch,
    limit: int,
    after: str | None = None,
) -> Found:
    """Find missions, in one statement. ``reader_id`` is null for whoever is no member: the public ones.

    The best answers come first, without words the newest. Raises Unreadable for an ``after`` not made here.
    """
    terms = terms_of(asked.q)
    at = _whence(after)
    rows = await _ask(db, tenant_id, reader_id, asked, limit=limit + 1, at=at)
    first = rows[0]
    by_date = asked.order is Order.NEWEST or first.idle or all(term.kind == "not" for term in terms)
    hits = [row for row in rows if row.id and not row.near]
    more = len(hits) > limit
    shown = [_hit(row, names=reader_id is not None) for row in hits[:limit]]
    following = None
    if more and by_date:
        last = hits[limit - 1]
        following = encode_cursor("date", last.listed_at.isoformat(), str(last.id))
    elif more:
        following = encode_cursor("place", str(at.offset + limit), "")
    return Found(
        hits=shown,
        near=[_hit(row, names=reader_id is not None) for row in rows if row.id and row.near][:limit],
        near_words=list(dict.fromkeys(first.near_words or ())),
        total=first.total,
        counts=first.facets or {},
        states={key[1:]: n for key, n in (first.states or {}).items()},
        skills=first.skill_names or {},
        idle=bool(first.idle),
        next=following,
    )


async def found_missions(
    db: AsyncSession, *, tenant_id: UUID, reader_id: UUID, asked: MissionSearch
) -> list[MissionSummary]:
    """At most ``CSV_AT_MOST`` answers at once, the newest first, for a download by a member."""
    end = _Whence(datetime.now(UTC) + timedelta(days=1), _LAST_ID, 0)
    newest = msgspec.structs.replace(asked, order=Order.NEWEST)
    rows = await _ask(db, tenant_id, reader_id, newest, limit=CSV_AT_MOST, at=end)
    return [_hit(row, names=True).mission for row in rows if row.id and not row.near]


class _Whence(msgspec.Struct, frozen=True):
    """Where a page begins: before a mission, or at a place."""

    at: datetime | None
    id: UUID | None
    offset: int


def _whence(after: str | None) -> _Whence:
    cursor = decode_cursor(after, (str, str, str))
    try:
        match cursor:
            case None:
                return _Whence(None, None, 0)
            case ("date", at, last):
                return _Whence(msgspec.convert(at, datetime, strict=False), UUID(last), 0)
            case ("place", place, ""):
                return _Whence(None, None, min(max(int(place), 0), COUNTED))
            case _:
                raise Unreadable("after")
    except ValueError as error:
        raise Unreadable("after") from error


_ASK: Final = text("""
    SELECT a.total, a.near_words, a.facets, a.states, a.idle, h.near, m.id, m.kind, m.title, m.state, m.tags, m.territory,
           m.place, m.estimated_minutes, m.wanted_by, m.expires_on, m.visibility, m.published_at, m.author_id,
           p.display_name, COALESCE(m.published_at, m.created_at) AS listed_at,
           array(
               SELECT s.name FROM mission_skills l JOIN skills s ON s.tenant_id = l.tenant_id AND s.id = l.skill_id
               WHERE l.tenant_id = m.tenant_id AND l.mission_id = m.id ORDER BY s.key
           ) AS skills,
           left(m.description, 600) AS opening,
           CASE WHEN words THEN ts_headline('searched_en', ts_headline('searched_fr', m.title, a.marked,
               'HighlightAll=true, StartSel="\x02", StopSel="\x03"'), a.marked,
               'HighlightAll=true, StartSel="\x02", StopSel="\x03"') ELSE m.title END AS marked_title,
           CASE WHEN words THEN ts_headline('searched_en', CASE WHEN said.fr LIKE '%\x02%' THEN said.fr ELSE
               ts_headline('searched_en', left(m.description, 2000), a.marked,
                   'MaxWords=32, MinWords=20, StartSel="\x02", StopSel="\x03"') END, a.marked,
               'HighlightAll=true, StartSel="\x02", StopSel="\x03"') END AS marked_opening,
           (SELECT jsonb_object_agg(s.id, s.name) FROM skills s WHERE s.tenant_id = :tenant) AS skill_names
    FROM search_missions(
        :terms, :kinds, :filters, :state, :reader, :mine, :newest, :before_at, :before_id, :offset, :limit
    ) a
    LEFT JOIN LATERAL (
        SELECT id, place, false AS near FROM unnest(a.ids) WITH ORDINALITY best (id, place)
        UNION ALL
        SELECT id, place, true FROM unnest(a.near_ids) WITH ORDINALITY also (id, place)
    ) h ON true
    LEFT JOIN missions m ON m.tenant_id = :tenant AND m.id = h.id
    LEFT JOIN memberships p ON p.tenant_id = m.tenant_id AND p.id = m.author_id
    CROSS JOIN LATERAL (SELECT COALESCE(numnode(a.marked), 0) > 0) asked (words)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN words THEN ts_headline('searched_fr', left(m.description, 2000), a.marked,
            'MaxWords=32, MinWords=20, StartSel="\x02", StopSel="\x03"') END
    ) said (fr)
    ORDER BY h.near, h.place
""")


async def _ask(
    db: AsyncSession,
    tenant_id: UUID,
    reader_id: UUID | None,
    asked: MissionSearch,
    *,
    limit: int,
    at: _Whence,
) -> list[Any]:
    terms = terms_of(asked.q)
    state = asked.state.value if asked.state else "" if asked.mine else MissionState.OPEN.value
    given = {
        "tenant": tenant_id,
        "terms": [term.text for term in terms],
        "kinds": [term.kind for term in terms],
        "filters": asked.keys(),
        "state": state,
        "reader": reader_id,
        "mine": asked.mine and reader_id is not None,
        "newest": asked.order is Order.NEWEST,
        "before_at": at.at,
        "before_id": at.id,
        "offset": at.offset,
        "limit": limit,
    }
    return list((await db.execute(_ASK, given)).all())


def _hit(row: Any, *, names: bool) -> Hit:
    opening = row.marked_opening if row.marked_opening and "\x02" in row.marked_opening else row.opening
    return Hit(
        mission=MissionSummary(
            id=row.id,
            kind=row.kind,
            title=row.title,
            excerpt=unmarked(excerpt(opening)),
            state=row.state,
            skills=list(row.skills),
            tags=list(row.tags),
            territory=row.territory,
            place=row.place,
            estimated_minutes=row.estimated_minutes,
            wanted_by=row.wanted_by,
            expires_on=row.expires_on,
            visibility=row.visibility,
            published_at=row.published_at,
            author=Named(row.author_id, row.display_name) if names else None,
        ),
        title=row.marked_title,
        excerpt=excerpt(opening),
    )
