"""Matching: how well a member and a mission fit, in whole numbers, with the reasons in words.

Pure: it takes what may be known of both and the weights of the rulebook. Each of four parts is 0 to 100, each weight 0
to 100, the score their sum of products: no fraction, and the same for everybody who reads it. What is not said about
a member neither helps nor gives itself away. This file must never read the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from marketplace.member_skills import SkillLevel
from marketplace.mission_terms import MissionPlace
from tenants.platform.territories import TERRITORIES, territory_name
from tenants.platform.words import _, listing
from tenants.profiles import WEEKDAY_NAMES, Reach, Weekday

WHOLE: Final = 100
FULL_WORK_MINUTES: Final = 20 * 60
"""Who has given as many hours as this in three months has had their share."""
LITTLE_WORK_MINUTES: Final = 4 * 60
_LEVELS: Final[Mapping[SkillLevel, int]] = {
    SkillLevel.LEARNING: 50,
    SkillLevel.ABLE: WHOLE,
    SkillLevel.TEACHING: WHOLE,
}


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What counts for how much, as the rules say: each 0 to 100."""

    skills: int
    territory: int
    availability: int
    fairness: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a mission asks for. ``skills`` are names by id; ``day`` is today there."""

    skills: Mapping[UUID, str]
    territory: str
    place: MissionPlace
    wanted_by: date | None
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What may be known of a member: None, or empty, is what they do not say to this reader."""

    skills: Mapping[UUID, SkillLevel]
    territory: str | None
    availability_known: bool
    weekly_minutes: int | None = None
    free_days: Sequence[str] = ()
    available_from: date | None = None
    available_until: date | None = None
    works_remotely: bool = True
    reach: Reach = Reach.REGION
    worked_minutes: int = 0


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How well they fit: the score, its parts before weighing, and why in words."""

    score: int
    skills: int
    territory: int
    availability: int
    fairness: int
    reasons: list[str]


def fit(wanted: Wanted, candidate: Candidate, weights: Weights) -> Fit | None:
    """Return how well they fit, or None where they do not: no skill in common, out of reach, or not free."""
    skills, reasons = _skills(wanted, candidate)
    territory, where = _territory(wanted, candidate)
    availability, when = _availability(wanted, candidate)
    if skills == 0 or territory is None or availability is None:
        return None
    worked = min(candidate.worked_minutes, FULL_WORK_MINUTES)
    # In steps of five hours: an author reads the score, and must not read from it how long somebody worked.
    fairness = WHOLE - WHOLE // 4 * (4 * worked // FULL_WORK_MINUTES)
    reasons += where + when
    if candidate.worked_minutes < LITTLE_WORK_MINUTES:
        reasons.append(_("Peu de travail ces trois derniers mois"))
    return Fit(
        score=skills * weights.skills
        + territory * weights.territory
        + availability * weights.availability
        + fairness * weights.fairness,
        skills=skills,
        territory=territory,
        availability=availability,
        fairness=fairness,
        reasons=reasons,
    )


def _skills(wanted: Wanted, candidate: Candidate) -> tuple[int, list[str]]:
    """The share of the wanted skills that are there; somebody who learns counts half."""
    common = [one for one in wanted.skills if one in candidate.skills]
    if not wanted.skills:
        return 0, []
    part = sum(_LEVELS[candidate.skills[one]] for one in common) // len(wanted.skills)
    learning = [one for one in common if candidate.skills[one] is SkillLevel.LEARNING]
    able = [one for one in common if candidate.skills[one] is not SkillLevel.LEARNING]
    reasons = []
    if able:
        reasons.append(_("Savoir-faire : {skills}", skills=listing([wanted.skills[one] for one in able])))
    if learning:
        reasons.append(
            _("En apprentissage : {skills}", skills=listing([wanted.skills[one] for one in learning]))
        )
    return part, reasons


def _territory(wanted: Wanted, candidate: Candidate) -> tuple[int | None, list[str]]:
    """How near: at a distance and the same département count whole, the région 60, France 30; None is out of reach."""
    remotely = wanted.place is not MissionPlace.ON_SITE and candidate.works_remotely
    here, there = TERRITORIES.get(wanted.territory), TERRITORIES.get(candidate.territory or "")
    if here and there and here.code == there.code:
        return WHOLE, [_("Même département : {place}", place=territory_name(there.code))]
    if remotely:
        return WHOLE, [_("À distance")]
    if wanted.place is MissionPlace.REMOTE:
        return None, []
    if there is None:
        return 0, []
    if here and here.region == there.region and candidate.reach is not Reach.DEPARTMENT:
        return 60, [_("Même région : {place}", place=territory_name(there.code))]
    return (30, [_("Déplacement dans toute la France")]) if candidate.reach is Reach.COUNTRY else (None, [])


def _availability(wanted: Wanted, candidate: Candidate) -> tuple[int | None, list[str]]:
    """Whether there is time before the mission is wanted; half where nothing is said, None where there is none."""
    if not candidate.availability_known:
        return WHOLE // 2, []
    if candidate.weekly_minutes == 0:
        return None, []
    if candidate.available_until and candidate.available_until < wanted.day:
        return None, []
    if candidate.available_from and wanted.wanted_by and candidate.available_from > wanted.wanted_by:
        return None, []
    days = [_(WEEKDAY_NAMES[day]) for day in Weekday if day in candidate.free_days]
    if days:
        return WHOLE, [_("Libre : {days}", days=listing(days))]
    if candidate.weekly_minutes:
        return WHOLE, [_("Libre {weekly_minutes} par semaine", weekly_minutes=candidate.weekly_minutes)]
    return WHOLE // 2, []
