"""What an assembly could not have decided, refused before it is recorded and again before it takes effect.

No quorum, no majority, a value out of bounds, a day that is past. The checks take data and return data; this file
must never write anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Date, column, func, select, table, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.assemblies import Held, Resolution
from tenants.platform.errors import Refusal
from tenants.platform.words import N_
from tenants.rules import RULES, Rule


class NotYetHeld(Refusal):
    """An assembly is recorded after it was held."""

    status = 422
    code = "assembly_not_yet_held"
    message = N_("Cette assemblée n'a pas encore eu lieu.")
    default_field = "held_on"


class CountsDoNotAddUp(Refusal):
    """More members were there or represented than there are, or the quorum asks for more than there are."""

    status = 422
    code = "counts_do_not_add_up"
    message = N_(
        "Les présents et les représentés ({votes_count}), ou le quorum, dépassent le nombre de membres."
    )
    default_field = "members_count"


class QuorumNotReached(Refusal):
    """Too few members were there or represented: the assembly could not change a rule."""

    status = 422
    code = "quorum_not_reached"
    message = N_(
        "Le quorum n'est pas atteint : {votes_count} membres présents ou représentés, il en fallait {required_count}."
    )
    default_field = "present_count"


class UnknownRule(Refusal):
    """No rule has this name."""

    status = 422
    code = "unknown_rule"
    message = N_("Cette règle n'existe pas.")
    default_field = "rule"


class VotesExceedPresence(Refusal):
    """More votes were counted than members were there or represented."""

    status = 422
    code = "votes_exceed_presence"
    message = N_("Il y a plus de voix que de membres présents ou représentés ({votes_count}).")
    default_field = "votes_for"


class MajorityNotReached(Refusal):
    """The resolution was not adopted, so it changes nothing."""

    status = 422
    code = "majority_not_reached"
    message = N_("Cette décision n'a pas réuni la majorité demandée : elle ne peut pas changer la règle.")
    default_field = "votes_for"


class EffectiveInThePast(Refusal):
    """A rule does not change backwards in time."""

    status = 422
    code = "effective_in_the_past"
    message = N_("Une règle ne change pas pour le passé : choisissez aujourd'hui ou un jour à venir.")
    default_field = "effective_on"


class ResolutionTwice(Refusal):
    """Two resolutions change the same rule on the same day."""

    status = 422
    code = "resolution_twice"
    message = N_("Deux décisions changent la même règle le même jour.")
    default_field = "rule"


@dataclass(frozen=True, slots=True)
class Here:
    """The cooperative as recording needs it: its day, its clock and its legal form."""

    today: date
    time_zone: str
    legal_profile: str


_COOPERATIVES = table("cooperatives", column("tenant_id"), column("time_zone"), column("legal_profile"))


async def here(db: AsyncSession, *, tenant_id: UUID) -> Here:
    """Where and when the cooperative is."""
    now = func.timezone(_COOPERATIVES.c.time_zone, func.now())
    query = select(
        type_coerce(func.date(now), Date), _COOPERATIVES.c.time_zone, _COOPERATIVES.c.legal_profile
    ).where(_COOPERATIVES.c.tenant_id == tenant_id)
    return Here(*(await db.execute(query)).one())


def check_assembly(held: Held, resolutions: Sequence[Resolution], place: Here) -> None:
    """Refuse to record what this assembly could not have decided, or not yet."""
    if held.held_on > place.today:
        raise NotYetHeld
    if max(held.votes_count, held.quorum_required_count) > held.members_count:
        raise CountsDoNotAddUp(votes_count=held.votes_count)
    if held.votes_count < held.quorum_required_count:
        raise QuorumNotReached(votes_count=held.votes_count, required_count=held.quorum_required_count)
    seen: set[tuple[str, date]] = set()
    for resolution in resolutions:
        check_resolution(resolution, place, votes_count=held.votes_count)
        if resolution.effective_on < place.today:
            raise EffectiveInThePast
        if (resolution.rule, resolution.effective_on) in seen:
            raise ResolutionTwice
        seen.add((resolution.rule, resolution.effective_on))


def known_rule(name: str) -> Rule:
    """The rule of this name. Raises UnknownRule."""
    rule = RULES.get(name)
    if rule is None:
        raise UnknownRule
    return rule


def check_resolution(resolution: Resolution, place: Here, *, votes_count: int) -> Rule:
    """Refuse what the assembly could not decide, and return the rule it changes."""
    rule = known_rule(resolution.rule)
    rule.check(resolution.value)
    rule.check_law(resolution.value, place.legal_profile)
    votes = (resolution.votes_for, resolution.votes_against, resolution.votes_abstain)
    if min(votes) < 0 or sum(votes) > votes_count:
        raise VotesExceedPresence(votes_count=votes_count)
    if not resolution.majority.reached(resolution.votes_for, resolution.votes_against):
        raise MajorityNotReached
    return rule
