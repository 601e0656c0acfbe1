"""What a vote is decided by: the rules in force when it opens, copied into its policy.

This file must never read a rule for a vote that is already open.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from governance import vote_rules as rules
from governance.colleges import College, college_weights, colleges_of
from governance.counting.contest import Abstention, Carry, EmptyCollege, Operator, TieKind
from governance.votes import Policy, PolicyCollege
from tenants.platform.errors import Refusal
from tenants.platform.ids import CollegeId, CooperativeId, MembershipId
from tenants.platform.words import N_, _
from tenants.rulebook import NoRuleInForce, RuleVersion
from tenants.rules import Rule

LONGEST: Final = timedelta(days=366)
# In the order of the options of the rules that choose among them.
ABSTENTIONS: Final = (Abstention.EXCLUDED, Abstention.COUNTED, Abstention.AS_CONSENT)
TIES: Final = (TieKind.REPORT, TieKind.SEEDED_LOT)
CARRIES: Final = (None, Carry.PROPORTIONAL, Carry.BLOCK)
EMPTY_COLLEGES: Final = (EmptyCollege.FAIL, EmptyCollege.RENORMALISE)
COPIED: Final = (
    rules.QUORUM,
    rules.COLLEGE_QUORUM,
    rules.ABSTENTION,
    rules.TIES,
    rules.CARRY,
    rules.COLLEGE_THRESHOLD,
    rules.EMPTY_COLLEGE,
)

Rulebook = Mapping[str, RuleVersion]


class Threshold(StrEnum):
    """How much a decision needs, with its operator; against a default option, the same as a ratio."""

    MORE_THAN_HALF = "more_than_half"
    TWO_THIRDS = "two_thirds"
    THREE_QUARTERS = "three_quarters"

    @property
    def terms(self) -> tuple[Operator, Fraction]:
        """More than one half; at least two thirds, or three quarters."""
        match self:
            case Threshold.MORE_THAN_HALF:
                return Operator.OVER, Fraction(1, 2)
            case Threshold.TWO_THIRDS:
                return Operator.AT_LEAST, Fraction(2, 3)
            case Threshold.THREE_QUARTERS:
                return Operator.AT_LEAST, Fraction(3, 4)


class ClosesTooSoon(Refusal):
    """The rules of the cooperative leave more time to vote."""

    status = 422
    code = "closes_too_soon"
    message = N_("Ce vote doit rester ouvert au moins jusqu'au {earliest_at}.")
    default_field = "closes_at"


class ClosesTooLate(Refusal):
    """More than a year ahead."""

    status = 422
    code = "closes_too_late"
    message = N_("Un vote dure un an au plus.")
    default_field = "closes_at"


THRESHOLDS: Final = (Threshold.MORE_THAN_HALF, Threshold.TWO_THIRDS, Threshold.THREE_QUARTERS)
"""In the order of the rule that chooses among them."""


class WithoutCollege(Refusal):
    """Votes are by college, and members of the circle have none."""

    code = "without_college"
    message = N_(
        "On vote ici par collèges, et des membres de ce cercle n'en ont pas ({count}). Placez-les d'abord dans un collège."
    )


class BlockNeedsMajority(Refusal):
    """Block voting is defined for yes or no alone."""

    status = 422
    code = "block_needs_majority"
    message = N_(
        "Vos règles font voter les collèges par bloc, ce qui n'a de sens que pour un vote pour ou contre. Choisissez la majorité."
    )
    default_field = "method"


def check_closing(rulebook: Rulebook, *, now: datetime, closes_at: datetime) -> None:
    """Raises ClosesTooSoon, ClosesTooLate, NoRuleInForce."""
    days = int(_value(rulebook, rules.VOTE_DAYS_MIN))
    earliest = now + timedelta(days=days)
    if closes_at < earliest or closes_at <= now:
        raise ClosesTooSoon(earliest_at=earliest)
    if closes_at > now + LONGEST:
        raise ClosesTooLate


def reminder_at(rulebook: Rulebook, *, now: datetime, closes_at: datetime) -> datetime | None:
    """When to remind those who have not voted, None if never."""
    days = int(_value(rulebook, rules.VOTE_REMINDER_DAYS))
    at = closes_at - timedelta(days=days)
    return at if days and at > now else None


async def freeze_policy(
    db: AsyncSession,
    *,
    tenant_id: CooperativeId,
    rulebook: Rulebook,
    yes_or_no: bool,
    threshold: Threshold,
    members: Sequence[MembershipId],
) -> tuple[Policy, Mapping[MembershipId, CollegeId]]:
    """The policy of a vote that opens now, and each member's college if it is weighed by colleges.

    Raises WithoutCollege, BlockNeedsMajority, NoRuleInForce.
    """
    operator, share = threshold.terms
    colleges, places = await _colleges(db, tenant_id, rulebook, members)
    carry = CARRIES[_value(rulebook, rules.CARRY)] if colleges else None
    if carry is Carry.BLOCK and not yes_or_no:
        raise BlockNeedsMajority
    policy = Policy(
        threshold_numerator=share.numerator,
        threshold_denominator=share.denominator,
        operator=operator,
        # Elsewhere an abstention has nothing to consent to.
        abstention=ABSTENTIONS[_value(rulebook, rules.ABSTENTION)] if yes_or_no else Abstention.EXCLUDED,
        quorum_percent=_value(rulebook, rules.QUORUM),
        college_quorum_percent=_value(rulebook, rules.COLLEGE_QUORUM) if colleges else 0,
        ties=TIES[_value(rulebook, rules.TIES)],
        carry=carry,
        college_threshold_percent=_value(rulebook, rules.COLLEGE_THRESHOLD),
        empty_college=EMPTY_COLLEGES[_value(rulebook, rules.EMPTY_COLLEGE)],
        colleges=colleges,
        rules={one.name: rulebook[one.name].id for one in COPIED},
    )
    return policy, places


async def _colleges(
    db: AsyncSession, tenant_id: CooperativeId, rulebook: Rulebook, members: Sequence[MembershipId]
) -> tuple[tuple[PolicyCollege, ...], Mapping[MembershipId, CollegeId]]:
    if CARRIES[_value(rulebook, rules.CARRY)] is None or not (
        weights := await college_weights(db, tenant_id)
    ):
        return (), {}
    found = await colleges_of(db, tenant_id, members)
    places = {member: college for member, college in found.items() if college in weights}
    if missing := len(members) - len(places):
        raise WithoutCollege(count=missing)
    named = select(College).where(College.tenant_id == tenant_id, College.id.in_(weights))
    frozen = tuple(
        PolicyCollege(
            id=one.id,
            name=one.name,
            weight_numerator=weights[one.id].numerator,
            weight_denominator=weights[one.id].denominator,
            members=sum(1 for college in places.values() if college == one.id),
        )
        for one in await db.scalars(named.order_by(College.name))
    )
    return frozen, places


def _value(rulebook: Rulebook, rule: Rule) -> Any:
    version = rulebook.get(rule.name)
    if version is None:
        raise NoRuleInForce(rule=_(rule.title))
    return version.value
