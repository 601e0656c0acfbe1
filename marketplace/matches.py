"""Matches: the members who fit a mission, for its author, and the missions that fit a member, for themselves.

An author sees what each member shows to members: hidden skills, places and times neither count nor show. A member's own
list counts all they have said. At most ``CONSIDERED`` are weighed, whatever the size of the cooperative: those near before
those far, and of many alike some others for each mission. This file must never choose anybody.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.listings import Named
from marketplace.matching import Candidate, Fit, Wanted, Weights, fit
from marketplace.member_skills import SkillLevel
from marketplace.mission_invitations import INVITATIONS_AT_MOST
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionKind, MissionPlace
from marketplace.rules import MATCH_WEIGHTS
from tenants import rulebook
from tenants.actors import Actor
from tenants.platform.errors import NotAllowed, NotFound
from tenants.platform.territories import TERRITORIES
from tenants.profiles import Reach

CONSIDERED: Final = 400
SHOWN: Final = 20


class MemberMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A member who fits a mission."""

    member: Named
    fit: Fit
    invited: bool
    may_invite: bool


class MissionMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A mission that fits the reader."""

    mission_id: UUID
    title: str
    estimated_minutes: int
    author: Named
    fit: Fit


class MatchedMembers(msgspec.Struct, frozen=True, kw_only=True):
    """Who fits a mission, the best first, and how many more of them may be invited."""

    members: list[MemberMatch]
    invitations_left: int


_WORKED: Final = """
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN a.is_team THEN p.posted_minutes ELSE d.posted_minutes END), 0)::integer AS minutes
        FROM (
            SELECT a.id, a.is_team FROM agreements a WHERE a.tenant_id = m.tenant_id AND a.provider_id = m.id
            UNION
            SELECT p.agreement_id, true FROM agreement_parts p WHERE p.tenant_id = m.tenant_id AND p.member_id = m.id
        ) a
        JOIN deliveries d ON d.tenant_id = m.tenant_id AND d.agreement_id = a.id
        LEFT JOIN agreement_parts p ON p.tenant_id = m.tenant_id AND p.agreement_id = a.id AND p.member_id = m.id
        WHERE d.confirmed_at > now() - interval '90 days'
    ) w ON true
"""

_MISSION: Final = text("""
    SELECT n.author_id, n.state, n.kind, n.territory, n.place, n.wanted_by,
        (now() AT TIME ZONE c.time_zone)::date AS day,
        array(SELECT i.invited_id FROM mission_invitations i WHERE i.tenant_id = n.tenant_id AND i.mission_id = n.id) AS invited,
        array(
            SELECT k.id FROM mission_skills x JOIN skills k ON k.tenant_id = x.tenant_id AND k.id = x.skill_id
            WHERE x.tenant_id = n.tenant_id AND x.mission_id = n.id ORDER BY k.key
        ) AS skill_ids,
        array(
            SELECT k.name FROM mission_skills x JOIN skills k ON k.tenant_id = x.tenant_id AND k.id = x.skill_id
            WHERE x.tenant_id = n.tenant_id AND x.mission_id = n.id ORDER BY k.key
        ) AS skill_names
    FROM missions n
    JOIN cooperatives c ON c.tenant_id = n.tenant_id
    WHERE n.tenant_id = :tenant AND n.id = :mission AND n.published_at IS NOT NULL
""")

# Hidden fields are taken out here already, and once more by whom members_who_can() finds.
_MEMBERS: Final = text(f"""
    SELECT m.id, m.display_name, m.open_to_invitations,
        CASE WHEN m.territory_audience IN ('members', 'public') THEN m.territory END AS territory,
        m.availability_audience IN ('members', 'public') AS availability_known,
        m.weekly_minutes, m.free_days, m.available_from, m.available_until, m.works_remotely, m.reach,
        coalesce(w.minutes, 0) AS worked_minutes,
        (SELECT jsonb_object_agg(s.skill_id, s.level) FROM member_skills s
         WHERE s.tenant_id = m.tenant_id AND s.membership_id = m.id AND s.skill_id = ANY(:skills)) AS skills
    FROM unnest(members_who_can(:mission, :skills, :here, :region, {CONSIDERED})) near (id)
    JOIN memberships m ON m.tenant_id = :tenant AND m.id = near.id
    {_WORKED}
    WHERE m.state = 'active' AND m.id <> :author AND m.skills_audience IN ('members', 'public')
      AND NOT EXISTS (SELECT FROM bids b WHERE b.tenant_id = m.tenant_id AND b.mission_id = :mission
                      AND b.bidder_id = m.id AND b.state = 'live')
    ORDER BY m.id
""")  # noqa: S608 (our own words)

_MISSIONS: Final = text(f"""
    SELECT n.id, n.title, n.estimated_minutes, n.author_id, author.display_name, n.territory, n.place, n.wanted_by,
        coalesce(w.minutes, 0) AS worked_minutes, (now() AT TIME ZONE c.time_zone)::date AS day,
        m.territory AS home, m.weekly_minutes, m.free_days, m.available_from, m.available_until, m.works_remotely,
        m.reach,
        (SELECT jsonb_object_agg(k.id, k.name) FROM mission_skills x
         JOIN skills k ON k.tenant_id = x.tenant_id AND k.id = x.skill_id
         WHERE x.tenant_id = n.tenant_id AND x.mission_id = n.id) AS wanted,
        (SELECT jsonb_object_agg(s.skill_id, s.level) FROM member_skills s
         WHERE s.tenant_id = m.tenant_id AND s.membership_id = m.id) AS skills
    FROM memberships m
    JOIN cooperatives c ON c.tenant_id = m.tenant_id
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (n.listed_at, n.id) n.*
        FROM member_skills s
        CROSS JOIN LATERAL (
            SELECT n.*, coalesce(n.published_at, n.created_at) AS listed_at
            FROM mission_skills x
            JOIN missions n ON n.tenant_id = x.tenant_id AND n.id = x.mission_id
            WHERE x.tenant_id = s.tenant_id AND x.skill_id = s.skill_id
              AND n.state = 'open' AND n.kind = 'request' AND n.author_id <> s.membership_id
              AND NOT EXISTS (SELECT FROM bids b WHERE b.tenant_id = n.tenant_id AND b.mission_id = n.id
                              AND b.bidder_id = s.membership_id AND b.state = 'live')
            ORDER BY x.mission_id DESC
            LIMIT {CONSIDERED}
        ) n
        WHERE s.tenant_id = m.tenant_id AND s.membership_id = m.id
        ORDER BY n.listed_at DESC, n.id DESC
        LIMIT {CONSIDERED}
    ) n
    JOIN memberships author ON author.tenant_id = n.tenant_id AND author.id = n.author_id
    {_WORKED}
    WHERE m.tenant_id = :tenant AND m.id = :me
    ORDER BY n.listed_at DESC, n.id DESC
""")  # noqa: S608 (our own words)


async def matching_members(db: AsyncSession, *, actor: Actor, mission_id: UUID) -> MatchedMembers:
    """List the members who fit one's open mission, the best first. Its author alone (NotFound, NotAllowed).

    Of equals the one who has had less work comes first, then the one who came first.
    """
    given = {"tenant": actor.tenant_id, "mission": mission_id}
    found = (await db.execute(_MISSION, given)).one_or_none()
    if found is None:
        raise NotFound
    if found.author_id != actor.member:
        raise NotAllowed
    invited = set(found.invited)
    left = max(0, INVITATIONS_AT_MOST - len(invited))
    if (found.state, found.kind) != (MissionState.OPEN, MissionKind.REQUEST) or not found.skill_ids:
        return MatchedMembers(members=[], invitations_left=left)
    wanted = Wanted(
        skills=dict(zip(found.skill_ids, found.skill_names, strict=True)),
        territory=found.territory,
        place=MissionPlace(found.place),
        wanted_by=found.wanted_by,
        day=found.day,
    )
    here = TERRITORIES.get(found.territory)
    region = [one.code for one in TERRITORIES.values() if here and one.region == here.region]
    asked = {"author": found.author_id, "skills": found.skill_ids, "here": found.territory, "region": region}
    rows = await db.execute(_MEMBERS, {**given, **asked})
    weights = await match_weights(db, tenant_id=actor.tenant_id)
    weighed = [(row, fit(wanted, _candidate(row), weights)) for row in rows]
    fitting = [(row, one) for row, one in weighed if one is not None]
    fitting.sort(key=lambda pair: (-pair[1].score, pair[0].worked_minutes, pair[0].id))
    return MatchedMembers(
        members=[
            MemberMatch(
                member=Named(row.id, row.display_name),
                fit=one,
                invited=row.id in invited,
                may_invite=row.open_to_invitations and row.id not in invited and left > 0,
            )
            for row, one in fitting[:SHOWN]
        ],
        invitations_left=left,
    )


async def matching_missions(db: AsyncSession, *, actor: Actor, limit: int = SHOWN) -> list[MissionMatch]:
    """List the open requests that fit the actor, the best first, of equals the newest."""
    weights = await match_weights(db, tenant_id=actor.tenant_id)
    found = []
    for row in await db.execute(_MISSIONS, {"tenant": actor.tenant_id, "me": actor.member}):
        wanted = Wanted(
            skills={
                UUID(key): name for key, name in sorted(row.wanted.items(), key=lambda pair: str(pair[1]))
            },
            territory=row.territory,
            place=MissionPlace(row.place),
            wanted_by=row.wanted_by,
            day=row.day,
        )
        candidate = _candidate(row, own=True)
        if one := fit(wanted, candidate, weights):
            found.append(
                MissionMatch(
                    mission_id=row.id,
                    title=row.title,
                    estimated_minutes=row.estimated_minutes,
                    author=Named(row.author_id, row.display_name),
                    fit=one,
                )
            )
    # The statement lists the newest first, and sorting keeps that order among equals.
    return sorted(found, key=lambda one: -one.fit.score)[:limit]


async def match_weights(db: AsyncSession, *, tenant_id: Any) -> Weights:
    """What counts for how much here: the rules in force."""
    found = await rulebook.rules_in_force(db, tenant_id=tenant_id)
    values: Mapping[str, int] = {
        rule.name.removeprefix("marketplace.match_"): (
            found[rule.name].value if rule.name in found else rule.default
        )
        for rule in MATCH_WEIGHTS
    }
    return Weights(**values)


def _candidate(row: Any, *, own: bool = False) -> Candidate:
    known = own or row.availability_known
    said: dict[str, Any] = {
        "weekly_minutes": row.weekly_minutes,
        "free_days": row.free_days,
        "available_from": row.available_from,
        "available_until": row.available_until,
        "works_remotely": row.works_remotely,
        "reach": Reach(row.reach),
    }
    levels: Sequence[tuple[str, str]] = list((row.skills or {}).items())
    return Candidate(
        skills={UUID(key): SkillLevel(level) for key, level in levels},
        territory=row.home if own else row.territory,
        availability_known=known,
        worked_minutes=row.worked_minutes,
        **(said if known else {}),
    )
