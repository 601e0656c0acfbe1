"""Finding members: words in French or English, filters with counts, slips forgiven; one statement per page.

Words are looked for in names, presentations and skills, by the door ``search_members`` of ``member_search.sql``, which answers
ids and counts; what is shown of each member is read under isolation, in the same statement. This file must never match,
count, order by nor filter on what ``profiles`` hides from the reader, for an answer would betray it.
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

COUNTED: Final = 500
"""Beyond so many answers, counts say "more than": as in ``members_counted()``."""
MEMBERS_COUNTED: Final = 10_000
"""Beyond so many members, their number says "more than"."""


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

    def keys(self) -> list[str]:
        """The keys that an answer must bear, but for being free; ``a|b`` is either."""
        keys = []
        if self.territory:
            keys.append(f"t{self.territory}")
        elif self.region:
            here = [one.code for one in TERRITORIES.values() if one.region == self.region]
            keys.append("|".join(f"t{code}" for code in here) or "tnowhere")
        if self.skill:
            keys.append(f"s{self.skill}")
        if self.remote:
            keys.append("remote")
        if self.day:
            keys.append(f"d{self.day.value}")
        return keys


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
    ``total`` of a search is at most COUNTED, and ``counts`` are of as many at most, by key: ``t29`` (territory), ``s`` and a skill's id,
    ``remote``, ``now``, ``dmon`` (day). ``idle`` tells that every word was too common to look for; ``members`` is how
    many there are without any search, at most one more than MEMBERS_COUNTED.
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
    at = _whence(after)
    terms = terms_of(asked.q)
    given = {
        "tenant": actor.tenant_id,
        "me": reader,
        "state": state.value,
        "terms": [term.text for term in terms],
        "kinds": [term.kind for term in terms],
        "filters": asked.keys(),
        "available": asked.available,
        "after_name": at.name,
        "after_id": at.id,
        "offset": at.offset,
        "limit": None if limit is None else limit + 1,
    }
    rows = (await db.execute(_FIND, given)).all()
    first = rows[0]
    manages = actor.holds(Role.MANAGER)
    hits = [_hit(row, manages=manages) for row in rows if row.id and not row.near]
    following = None
    if limit is not None and len(hits) > limit:
        last = hits[limit - 1]
        following = _after(first.needed, at, limit, rows[limit - 1].sort_name, last.id)
    return FoundMembers(
        hits=hits[:limit],
        near=[_hit(row, manages=manages) for row in rows if row.id and row.near],
        near_words=first.near_words,
        total=first.total,
        members=first.members,
        counts=first.counts or {},
        skills=first.skill_names or {},
        idle=bool(terms) and first.needed == 0 and all(term.kind != "not" for term in terms),
        next=following,
    )


class _Whence(msgspec.Struct, frozen=True):
    """Where a page begins: after a name, or at a place among the best answers."""

    name: str = ""
    id: UUID = UUID(int=0)
    offset: int = 0


def _whence(after: str | None) -> _Whence:
    match decode_cursor(after, (str, str, str)):
        case None:
            return _Whence()
        case ("name", name, id_):
            try:
                return _Whence(name, UUID(id_))
            except ValueError as error:
                raise Unreadable("after") from error
        case ("place", place, "") if place.isascii() and place.isdigit() and int(place) <= COUNTED:
            return _Whence(offset=int(place))
        case _:
            raise Unreadable("after")


def _after(words: int, at: _Whence, limit: int, name: str, id_: UUID) -> str | None:
    """The cursor of the following page: by name without words; with words as far as answers are counted."""
    if not words:
        return encode_cursor("name", name, str(id_))
    following = at.offset + limit
    return encode_cursor("place", str(following), "") if following < COUNTED else None


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

_MARKS: Final = """'MaxWords=32, MinWords=20, StartSel="\x02", StopSel="\x03"'"""
_FIND: Final = text(f"""
    SELECT f.total, f.members, f.needed, f.near_words, f.counts,
        (SELECT jsonb_object_agg(x.id, x.name) FROM skills x WHERE x.tenant_id = :tenant) AS skill_names,
        l.near, near.standing, m.id, m.display_name, m.sort_name, m.state, m.joined_at, m.territory, m.presentation,
        m.contact_email, m.contact_phone, m.languages, m.weekly_minutes, m.free_days, m.available_from, m.available_until,
        m.works_remotely, m.reach, m.shares_contact, m.email_audience, m.phone_audience, m.territory_audience,
        m.presentation_audience, m.skills_audience, m.availability_audience, m.languages_audience,
        array(
            SELECT x.name FROM member_skills k JOIN skills x ON x.tenant_id = k.tenant_id AND x.id = k.skill_id
            WHERE k.tenant_id = :tenant AND k.membership_id = m.id AND {seen_sql("skills", "near.standing")}
            ORDER BY x.key
        ) AS skills,
        CASE WHEN numnode(f.marked) > 0 THEN ts_headline('searched_fr', left(m.presentation, 2000), f.marked,
            {_MARKS}) END AS marked
    FROM search_members(
        :terms, :kinds, :filters, :available, :state, :me, :after_name, :after_id, :offset, :limit
    ) f
    LEFT JOIN LATERAL (
        SELECT id, place, false AS near FROM unnest(f.ids) WITH ORDINALITY best (id, place)
        UNION ALL
        SELECT id, place, true FROM unnest(f.near_ids) WITH ORDINALITY also (id, place)
    ) l ON true
    LEFT JOIN memberships m ON m.tenant_id = :tenant AND m.id = l.id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN m.id = :me THEN {Standing.SELF:d}
            WHEN m.id IN (SELECT id FROM ({PARTNERS}) partner) THEN {Standing.PARTNER:d} ELSE {Standing.MEMBER:d} END AS standing
    ) near
    ORDER BY l.near, l.place
""")  # noqa: S608 (our own words)
