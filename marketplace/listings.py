"""Lists of missions: what is open, by state, skill, territory, kind and place, and what is mine.

One statement per page of a list. A reader who is not a member sees the open missions that are public, and
no name. This file must never show a draft to anyone but its author.
"""

from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.bids import Bid, BidState
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionKind, MissionPlace, MissionVisibility
from marketplace.missions import Mission
from marketplace.skills import MissionSkill, Skill
from marketplace.teams import BidPart, PartState, part_in_bid
from tenants.memberships import Membership
from tenants.platform.markdown import excerpt
from tenants.platform.web import Page, decode_cursor, encode_cursor

EXCERPT_READ = 600
CSV_AT_MOST = 10_000

LISTED_AT = func.coalesce(Mission.published_at, Mission.created_at)


class MissionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to. Without ``state`` it shows what is open; ``mine`` shows every state."""

    state: MissionState | None = None
    kind: MissionKind | None = None
    place: MissionPlace | None = None
    skill: UUID | None = None
    territory: Annotated[str, msgspec.Meta(max_length=3)] | None = None
    mine: bool = False


class Named(msgspec.Struct, frozen=True):
    """A member, as other members of the same cooperative see them."""

    id: UUID
    name: str


class MissionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list. ``author`` is null for a reader who is not a member."""

    id: UUID
    kind: MissionKind
    title: str
    excerpt: str
    state: MissionState
    skills: list[str]
    tags: list[str]
    territory: str
    place: MissionPlace
    estimated_minutes: int
    wanted_by: date | None
    expires_on: date
    visibility: MissionVisibility
    published_at: datetime | None
    author: Named | None


def _of_its_skills(column: Any, kind: Any) -> ColumnElement[Any]:
    """Gather one column of a mission's skills, in the order of their names, into an array on its row."""
    return func.array(
        select(column)
        .select_from(MissionSkill)
        .join(Skill, and_(Skill.tenant_id == MissionSkill.tenant_id, Skill.id == MissionSkill.skill_id))
        .where(MissionSkill.tenant_id == Mission.tenant_id, MissionSkill.mission_id == Mission.id)
        .order_by(Skill.key)
        .correlate(Mission)
        .scalar_subquery(),
        type_=ARRAY(kind),
    )


SKILL_NAMES: Final = _of_its_skills(Skill.name, Text())
"""The names of a mission's skills, as a column of its row."""
SKILL_IDS: Final = _of_its_skills(Skill.id, Uuid())
"""Their ids, in the same order."""


async def open_missions(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    reader_id: UUID | None,
    narrow: MissionFilter,
    limit: int,
    after: str | None = None,
    others_only: bool = False,
) -> Page[MissionSummary]:
    """List missions, the newest first, in one statement. ``reader_id`` is null for whoever is no member.

    ``others_only`` leaves out those that the reader posted or answered.
    ``after`` is the ``next`` of the page before; Unreadable if it was not made here.
    """
    query = listed(narrow, for_member=reader_id is not None, others_only=others_only)
    if cursor := decode_cursor(after, (datetime, UUID)):
        query = query.where(tuple_(LISTED_AT, Mission.id) < tuple_(*cursor))
    given = {"tenant": tenant_id, "reader": reader_id, "limit": limit + 1}
    rows = (await db.execute(query, given)).all()
    shown = rows[:limit]
    items = [_summary(row, names=reader_id is not None) for row in shown]
    last = shown[-1] if len(rows) > limit else None
    return Page(items=items, next=encode_cursor(last.listed_at.isoformat(), last.id) if last else None)


async def count_settled(db: AsyncSession, *, tenant_id: UUID) -> int:
    """How many missions were carried through and settled."""
    query = select(func.count()).where(Mission.tenant_id == tenant_id, Mission.state == MissionState.SETTLED)
    return (await db.execute(query)).scalar_one()


_TENANT: Final = bindparam("tenant", type_=Uuid())
_READER: Final = bindparam("reader", type_=Uuid())


@lru_cache(maxsize=256)
def listed(narrow: MissionFilter, *, for_member: bool, others_only: bool = False) -> Select[Any]:
    """The statement of a list, with ``tenant``, ``reader`` and ``limit`` to be given; building it takes longer than asking."""
    query = (
        select(
            Mission.id,
            Mission.kind,
            Mission.title,
            func.left(Mission.description, EXCERPT_READ).label("opening"),
            Mission.state,
            SKILL_NAMES.label("skills"),
            Mission.tags,
            Mission.territory,
            Mission.place,
            Mission.estimated_minutes,
            Mission.wanted_by,
            Mission.expires_on,
            Mission.visibility,
            Mission.published_at,
            Mission.author_id,
            Membership.display_name,
            LISTED_AT.label("listed_at"),
        )
        .join(
            Membership,
            and_(Membership.tenant_id == Mission.tenant_id, Membership.id == Mission.author_id),
        )
        .where(Mission.tenant_id == _TENANT, *_seen_by(narrow, for_member=for_member))
        .order_by(LISTED_AT.desc(), Mission.id.desc())
        .limit(bindparam("limit", type_=Integer()))
    )
    if others_only and for_member:
        query = query.where(Mission.author_id != _READER, ~_bid_by())
    if narrow.kind:
        query = query.where(Mission.kind == narrow.kind)
    if narrow.place:
        # Work that can be done either way answers both wishes.
        query = query.where(Mission.place.in_({narrow.place, MissionPlace.EITHER}))
    if narrow.territory:
        query = query.where(Mission.territory == narrow.territory)
    if narrow.skill:
        query = query.where(
            exists().where(
                MissionSkill.tenant_id == Mission.tenant_id,
                MissionSkill.mission_id == Mission.id,
                MissionSkill.skill_id == narrow.skill,
            )
        )
    return query


def _seen_by(narrow: MissionFilter, *, for_member: bool) -> list[ColumnElement[bool]]:
    """Return which missions this reader may list, and in which state they asked for them."""
    if not for_member:
        return [Mission.state == MissionState.OPEN, Mission.visibility == MissionVisibility.PUBLIC]
    seen: list[ColumnElement[bool]] = [or_(Mission.published_at.is_not(None), Mission.author_id == _READER)]
    if narrow.mine:
        seen.append(or_(Mission.author_id == _READER, _bid_by()))
        if narrow.state:
            seen.append(Mission.state == narrow.state)
    else:
        seen.append(Mission.state == (narrow.state or MissionState.OPEN))
    return seen


def _bid_by() -> ColumnElement[bool]:
    return exists().where(
        Bid.tenant_id == Mission.tenant_id,
        Bid.mission_id == Mission.id,
        or_(
            Bid.bidder_id == _READER,
            part_in_bid(
                Bid,
                BidPart.member_id == _READER,
                BidPart.state.in_((PartState.INVITED, PartState.ACCEPTED)),
            ),
        ),
        Bid.state.in_((BidState.LIVE, BidState.ACCEPTED)),
    )


def _summary(row: Any, *, names: bool) -> MissionSummary:
    return MissionSummary(
        id=row.id,
        kind=row.kind,
        title=row.title,
        excerpt=excerpt(row.opening),
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
    )
