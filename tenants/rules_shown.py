"""The rules as anyone may read them, on the page and in the API: words, value, since when and by whose decision.

This file must never hold anything that only members may know.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.legal_profiles import CERTAINTY_TITLES, Certainty, Severity
from tenants.platform.words import FLOORS, _
from tenants.rulebook import RuleVersion, Source, rule_history, rules_in_force, scheduled_rules
from tenants.rules import RULES, Rule, Unit, rule_named


class VersionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One version. ``said`` is the value in words; ``source_id`` the assembly or proposal, if it is one."""

    id: UUID
    value: Any
    said: str
    since: datetime
    until: datetime | None
    source: Source
    source_id: UUID | None
    register_seq: int


class FindingShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the law says about the value in force."""

    severity: Severity
    article: str
    sentence: str
    certainty: Certainty
    certainty_said: str


class RuleShown(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. ``in_force`` is null when the cooperative has not fixed it; ``coming`` is its next version.

    ``options`` are the words of a choice, whose value is a place among them; none for a number.
    """

    name: str
    title: str
    explanation: str
    unit: Unit
    minimum: int
    maximum: int
    options: list[str]
    in_force: VersionShown | None
    coming: VersionShown | None
    findings: list[FindingShown]


class RuleHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with all its versions, the newest (or farthest ahead) first."""

    rule: RuleShown
    versions: list[VersionShown]


async def shown_rules(db: AsyncSession, *, tenant_id: UUID, profile: str) -> Sequence[RuleShown]:
    """Every declared rule, from the ground floor up. Two queries."""
    current = await rules_in_force(db, tenant_id=tenant_id)
    coming = await scheduled_rules(db, tenant_id=tenant_id)
    # Stable: within a floor, the order in which it declares them.
    ordered = sorted(RULES.items(), key=lambda item: FLOORS.index(item[0].partition(".")[0]))
    return [_shown(rule, current.get(name), coming.get(name), profile) for name, rule in ordered]


async def shown_history(db: AsyncSession, *, tenant_id: UUID, profile: str, name: str) -> RuleHistory:
    """One rule and every version of it. Raises NotFound for a rule that does not exist."""
    rule = rule_named(name)
    current = await rules_in_force(db, tenant_id=tenant_id)
    coming = await scheduled_rules(db, tenant_id=tenant_id)
    versions = await rule_history(db, tenant_id=tenant_id, rule=name)
    return RuleHistory(
        rule=_shown(rule, current.get(name), coming.get(name), profile),
        versions=[_version(rule, version) for version in versions],
    )


def _shown(rule: Rule, current: RuleVersion | None, coming: RuleVersion | None, profile: str) -> RuleShown:
    value = rule.default if current is None else current.value
    return RuleShown(
        name=rule.name,
        title=_(rule.title),
        explanation=rule.explain(value),
        unit=rule.unit,
        minimum=rule.minimum,
        maximum=rule.maximum,
        options=[_(option) for option in rule.options],
        in_force=_version(rule, current) if current else None,
        coming=_version(rule, coming) if coming else None,
        findings=[
            FindingShown(
                severity=finding.severity,
                article=finding.article,
                sentence=_(finding.sentence),
                certainty=finding.certainty,
                certainty_said=_(CERTAINTY_TITLES[finding.certainty]),
            )
            for finding in (rule.legal(profile, current.value) if current else ())
        ],
    )


def _version(rule: Rule, version: RuleVersion) -> VersionShown:
    return VersionShown(
        id=version.id,
        value=version.value,
        said=rule.say(version.value),
        since=version.since,
        until=version.until,
        source=version.source,
        source_id=version.source_id,
        register_seq=version.register_seq,
    )
