"""The rulebook: a value in force at every moment, that nothing changes backwards."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from marketplace.rules import HOLD_EXPIRY_DAYS, SILENCE_DAYS
from tenants import register
from tenants.cooperatives import LegalProfile
from tenants.legal_profiles import Certainty, Finding, Severity
from tenants.platform.database import Database
from tenants.platform.errors import NotFound
from tenants.platform.outbox import OutboxRow
from tenants.platform.words import use_locale
from tenants.rule_completion import RulebookDue, complete_rulebook
from tenants.rulebook import (
    Change,
    NoRuleInForce,
    RuleAlreadyScheduled,
    RuleVersion,
    Source,
    at,
    lock_rulebook,
    rule_history,
    rules_in_force,
    scheduled_rules,
    value_in_force,
    write_versions,
)
from tenants.rules import (
    RULES,
    Rule,
    RuleAgainstTheLaw,
    RuleNotAmongChoices,
    RuleOutOfBounds,
    Unit,
    declare,
    rule_named,
)
from tests import factories

NAME = HOLD_EXPIRY_DAYS.name


def example(**changes: Any) -> Rule:
    facts: dict[str, Any] = {
        "name": "essais.exemple",
        "unit": Unit.MINUTES,
        "default": 60,
        "minimum": 0,
        "maximum": 600,
        "title": "Exemple",
        "explanation": "Au plus {value}.",
    }
    return Rule(**{**facts, **changes})


async def decide(
    database: Database, tenant_id: UUID, value: int, *, starts_at: datetime | None = None, rule: str = NAME
) -> RuleVersion:
    """What an assembly does, without the assembly."""
    async with database.begin(tenant=tenant_id) as db:
        await lock_rulebook(db, tenant_id=tenant_id)
        line = await register.append(db, tenant_id=tenant_id, kind="assembly_signed", facts={"count": 1})
        (version,) = await write_versions(
            db,
            tenant_id=tenant_id,
            changes=[Change(rule=rule, value=value, starts_at=starts_at)],
            source=Source.ASSEMBLY,
            source_id=uuid4(),
            register_seq=line.seq,
        )
    return version


async def history(database: Database, tenant_id: UUID) -> Sequence[RuleVersion]:
    async with database.begin(tenant=tenant_id, read_only=True) as db:
        return list(reversed(await rule_history(db, tenant_id=tenant_id, rule=NAME)))


# --- Rules -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1, 601, 1.0, "60", None, True, [60]])
def test_a_value_out_of_bounds_or_of_another_type_is_refused_with_the_bounds_in_words(value: Any) -> None:
    with pytest.raises(RuleOutOfBounds) as refused:
        example().check(value)
    with use_locale("fr"):
        assert refused.value.facts == {"minimum": "0\u00a0h", "maximum": "10\u00a0h"}
        assert "10" in refused.value.detail()


@pytest.mark.parametrize("value", [0, 600])
def test_bounds_are_included(value: int) -> None:
    assert example().check(value) == value


@pytest.mark.parametrize(
    ("unit", "typed", "value", "said"),
    [
        (Unit.MINUTES, "2h30", 150, "2\u00a0h\u00a030"),
        (Unit.DAYS, " 14 ", 14, "14 jours"),
        (Unit.DAYS, "1", 1, "1 jour"),
        (Unit.PERCENT, "5", 5, "5"),
        (Unit.COUNT, "12", 12, "12"),
    ],
)
def test_a_rule_reads_what_is_typed_and_says_it_in_words(
    unit: Unit, typed: str, value: int, said: str
) -> None:
    rule = example(unit=unit)
    assert rule.read(typed) == value
    with use_locale("fr"):
        assert rule.say(value).startswith(said)
        assert said in rule.explain(value)


@pytest.mark.parametrize("typed", ["", "beaucoup", "-3", "1,5", "٣" * 4])
def test_what_cannot_be_read_is_refused_beside_its_field(typed: str) -> None:
    with pytest.raises(RuleOutOfBounds) as refused:
        example(unit=Unit.DAYS).read(typed, field="value_3")
    assert refused.value.field == "value_3"


YES_NO = {
    "unit": Unit.CHOICE,
    "options": ("Montants cachés", "Montants visibles"),
    "minimum": 0,
    "maximum": 0,
    "default": 1,
}


def test_a_choice_reads_its_words_however_they_are_typed() -> None:
    rule = example(**YES_NO)
    assert (rule.read("montants CACHES "), rule.read("Montants visibles")) == (0, 1)
    assert (rule.say(0), rule.explain(1)) == ("Montants cachés", "Au plus Montants visibles.")
    assert (rule.minimum, rule.maximum) == (0, 1)


@pytest.mark.parametrize("typed", ["", "1", "peut-être"])
def test_what_is_none_of_the_choices_is_refused_with_the_choices(typed: str) -> None:
    with pytest.raises(RuleNotAmongChoices) as refused:
        example(**YES_NO).read(typed, field="value_3")
    assert refused.value.field == "value_3"
    assert "Montants cachés et Montants visibles" in refused.value.detail()
    with pytest.raises(RuleNotAmongChoices):
        example(**YES_NO).check(2)


def law(profile: str, value: Any) -> Sequence[Finding]:
    severity = Severity.REFUSAL if profile == LegalProfile.SCIC and value > 100 else Severity.WARNING
    return (Finding(severity=severity, article="art. 16", sentence="Non.", certainty=Certainty.READ),)


def test_the_law_refuses_by_legal_form_and_cites_its_article() -> None:
    rule = example(legal=law)
    with pytest.raises(RuleAgainstTheLaw) as refused:
        rule.check_law(120, LegalProfile.SCIC)
    assert "art. 16" in refused.value.detail()
    (warning,) = rule.check_law(120, LegalProfile.ASSOCIATION)
    assert warning.severity is Severity.WARNING


def test_the_law_on_silence_is_a_warning_that_says_how_sure_it_is() -> None:
    (short,) = SILENCE_DAYS.check_law(3, LegalProfile.OTHER)
    (long,) = SILENCE_DAYS.check_law(45, LegalProfile.SCOP)
    assert "1120" in short.article
    assert (long.article, long.certainty) == ("Code de commerce, art. L441-10", Certainty.TO_CONFIRM)
    assert not SILENCE_DAYS.check_law(SILENCE_DAYS.default, LegalProfile.OTHER)


def test_every_declared_rule_has_a_default_within_its_bounds_and_words_that_can_be_filled() -> None:
    for rule in RULES.values():
        assert rule.check(rule.default) == rule.default
        for locale in ("fr", "en"):
            with use_locale(locale):
                assert "{" not in rule.explain(rule.default)


def test_a_rule_is_declared_once() -> None:
    declare(HOLD_EXPIRY_DAYS)
    with pytest.raises(AssertionError):
        declare(example(name=NAME))
    with pytest.raises(NotFound):
        rule_named("essais.inconnue")


# --- The founding act --------------------------------------------------------------------------------


async def test_the_founding_act_fixes_every_rule_and_the_register_says_so(database: Database) -> None:
    coop = await factories.found_cooperative(database, rules={NAME: 45})
    async with database.begin(tenant=coop.tenant_id) as db:
        found = await rules_in_force(db, tenant_id=coop.tenant_id)
        assert set(found) == set(RULES)
        assert found[NAME].value == 45
        assert found[SILENCE_DAYS.name].value == SILENCE_DAYS.default
        assert {version.source for version in found.values()} == {Source.FOUNDING_ACT}
        (seq,) = {version.register_seq for version in found.values()}
        lines = await register.register_lines(db, tenant_id=coop.tenant_id, limit=None)
        (line,) = [line for line in lines if line.seq == seq]
    assert (line.kind, line.facts["rules"][NAME], line.facts["count"]) == ("founding_act", 45, len(RULES))


async def test_a_founding_act_out_of_bounds_or_against_the_law_founds_nothing(database: Database) -> None:
    with pytest.raises(RuleOutOfBounds) as refused:
        await factories.found_cooperative(database, rules={NAME: 10_000})
    assert refused.value.field == NAME


async def test_a_rule_that_the_software_brings_later_gets_its_first_version_and_the_others_keep_theirs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    coop = await factories.found_cooperative(database, rules={NAME: 45})
    monkeypatch.setitem(RULES, "essais.exemple", example())
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NoRuleInForce):
            await at(db, rule="essais.exemple")
    due = RulebookDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC))
    for _ in range(2):
        async with database.begin(tenant=coop.tenant_id) as db:
            await complete_rulebook(db, due)
    async with database.begin(tenant=coop.tenant_id) as db:
        (version,) = await rule_history(db, tenant_id=coop.tenant_id, rule="essais.exemple")
        assert (version.rule, version.value) == ("essais.exemple", 60)
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await value_in_force(db, rule=NAME) == 45
        (line,) = await register.register_lines(db, tenant_id=coop.tenant_id, limit=1)
    assert (line.kind, line.facts["rules"]) == ("rules_completed", {"essais.exemple": 60})


# --- What is in force --------------------------------------------------------------------------------


async def test_without_a_rule_in_force_nothing_goes_on(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NoRuleInForce) as refused:
            await at(db, rule=HOLD_EXPIRY_DAYS, moment=long_ago)
        with pytest.raises(NoRuleInForce):
            await at(db, rule="essais.inconnue")
        in_sql = await db.scalar(
            text("SELECT rule_in_force(:tenant, :rule, :at)"),
            {"tenant": coop.tenant_id, "rule": NAME, "at": long_ago},
        )
    with use_locale("fr"):
        assert "Fin de réservation" in refused.value.detail()
    assert in_sql is None
    async with database.begin() as db:
        with pytest.raises(NoRuleInForce):
            await at(db, rule=HOLD_EXPIRY_DAYS)


async def test_a_change_takes_over_now_and_the_past_keeps_its_value(database: Database) -> None:
    coop = await factories.found_cooperative(database, rules={NAME: 45})
    changed = await decide(database, coop.tenant_id, 30)
    first, second = await history(database, coop.tenant_id)
    assert (first.value, first.until) == (45, second.since)
    assert (second.id, second.value, second.until) == (changed.id, 30, None)
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await value_in_force(db, rule=NAME) == 30
        before = second.since - timedelta(microseconds=1)
        assert await value_in_force(db, rule=NAME, moment=before) == 45
        for moment, value in ((before, 45), (second.since, 30)):
            found = await db.scalar(
                text("SELECT rule_in_force(:tenant, :rule, :at)"),
                {"tenant": coop.tenant_id, "rule": NAME, "at": moment},
            )
            assert found == value
        events = (
            await db.scalars(
                select(OutboxRow.facts).where(
                    OutboxRow.tenant_id == coop.tenant_id, OutboxRow.kind == "RuleChanged"
                )
            )
        ).all()
    assert [(event["rule"], event["version_id"]) for event in events] == [(NAME, str(changed.id))]


async def test_changes_for_later_wait_and_one_decided_in_between_does_not_undo_them(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database, rules={NAME: 45})
    now = datetime.now(UTC)
    march, january, summer = (now + timedelta(days=days) for days in (90, 30, 200))
    await decide(database, coop.tenant_id, 10, starts_at=march)
    await decide(database, coop.tenant_id, 20, starts_at=january)
    await decide(database, coop.tenant_id, 5, starts_at=summer)
    found = await history(database, coop.tenant_id)
    assert [(version.value, version.until) for version in found] == [
        (45, january),
        (20, march),
        (10, summer),
        (5, None),
    ]
    async with database.begin(tenant=coop.tenant_id) as db:
        assert (await scheduled_rules(db, tenant_id=coop.tenant_id))[NAME].value == 20
        assert await value_in_force(db, rule=NAME) == 45
    with pytest.raises(RuleAlreadyScheduled):
        await decide(database, coop.tenant_id, 11, starts_at=march)


async def test_a_day_that_has_passed_becomes_now(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    version = await decide(database, coop.tenant_id, 7, starts_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert abs(version.since - datetime.now(UTC)) < timedelta(minutes=1)


async def test_decisions_taken_at_once_follow_each_other(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    await asyncio.gather(*(decide(database, coop.tenant_id, value) for value in range(1, 9)))
    found = await history(database, coop.tenant_id)
    assert len(found) == 9
    assert {version.value for version in found[1:]} == set(range(1, 9))
    for before, after in pairwise(found):
        assert before.until == after.since
    assert found[-1].until is None


# --- What SQL refuses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rule_versions SET value = '99' WHERE rule = :rule",
        "UPDATE rule_versions SET rule = 'essais.autre' WHERE rule = :rule",
        "UPDATE rule_versions SET source = 'proposal', source_id = uuidv7() WHERE rule = :rule",
        # The end of what is over.
        """UPDATE rule_versions SET in_force = tstzrange(lower(in_force), upper(in_force) - interval '1 microsecond')
           WHERE rule = :rule AND upper(in_force) < now()""",
        # The beginning.
        """UPDATE rule_versions SET in_force = tstzrange(lower(in_force) - interval '1 day', upper(in_force))
           WHERE rule = :rule AND upper(in_force) < now()""",
        # An end without a successor: a gap.
        """UPDATE rule_versions SET in_force = tstzrange(lower(in_force), now() + interval '1 day')
           WHERE rule = :rule AND upper_inf(in_force)""",
        # An end in the past.
        """UPDATE rule_versions SET in_force = tstzrange(lower(in_force), now() - interval '1 microsecond')
           WHERE rule = :rule AND upper_inf(in_force)""",
        "DELETE FROM rule_versions WHERE rule = :rule AND upper_inf(in_force)",
        "DELETE FROM rule_versions WHERE rule = :rule",
        "TRUNCATE rule_versions",
        # A beginning in the past, for a rule that has no version yet.
        """INSERT INTO rule_versions (tenant_id, rule, value, in_force, source, register_seq)
           SELECT tenant_id, 'essais.neuve', '1', tstzrange(now() - interval '1 second', NULL), source, register_seq
           FROM rule_versions WHERE rule = :rule AND source = 'founding_act'""",
        # Two at a time.
        """INSERT INTO rule_versions (tenant_id, rule, value, in_force, source, register_seq)
           SELECT tenant_id, rule, '1', tstzrange(now(), NULL), source, register_seq
           FROM rule_versions WHERE rule = :rule AND source = 'founding_act'""",
        # Without a line of the register.
        """INSERT INTO rule_versions (tenant_id, rule, value, in_force, source, register_seq)
           SELECT tenant_id, 'essais.neuve', '1', tstzrange(now(), NULL), source, 99999
           FROM rule_versions WHERE rule = :rule AND source = 'founding_act'""",
    ],
)
async def test_what_was_in_force_cannot_be_changed_even_in_sql(database: Database, statement: str) -> None:
    coop = await factories.found_cooperative(database, rules={NAME: 45})
    await decide(database, coop.tenant_id, 30)
    before = [
        (version.id, version.value, version.in_force) for version in await history(database, coop.tenant_id)
    ]
    with pytest.raises(DBAPIError) as refused:
        async with database.begin(tenant=coop.tenant_id) as db:
            await db.execute(text(statement), {"rule": NAME})
    assert getattr(refused.value.orig, "sqlstate", "") in {"23000", "23503", "23P01", "42501"}, refused.value
    assert before == [
        (version.id, version.value, version.in_force) for version in await history(database, coop.tenant_id)
    ]


async def test_only_the_decision_that_wrote_a_coming_version_may_take_it_back(database: Database) -> None:
    coop = await factories.found_cooperative(database, rules={NAME: 45})
    coming = await decide(database, coop.tenant_id, 30, starts_at=datetime.now(UTC) + timedelta(days=9))

    async def take_back(source_id: UUID | None) -> None:
        async with database.begin(tenant=coop.tenant_id) as db:
            named = text("SELECT set_config('archipel.rule_source', :source, true)")
            await db.execute(named, {"source": str(source_id or "")})
            await db.execute(text("DELETE FROM rule_versions WHERE id = :id"), {"id": coming.id})
            await db.execute(
                text(
                    "UPDATE rule_versions SET in_force = tstzrange(lower(in_force), NULL) WHERE rule = :rule"
                ),
                {"rule": NAME},
            )

    for stranger in (None, uuid4()):
        with pytest.raises(DBAPIError, match="by the decision that wrote it"):
            await take_back(stranger)
    await take_back(coming.source_id)
    (left,) = await history(database, coop.tenant_id)
    assert (left.value, left.until) == (45, None)


async def test_another_cooperative_reads_and_changes_nothing(database: Database) -> None:
    mine = await factories.found_cooperative(database, rules={NAME: 45})
    other = await factories.found_cooperative(database, rules={NAME: 50})
    async with database.begin(tenant=other.tenant_id) as db:
        assert not await rules_in_force(db, tenant_id=mine.tenant_id)
        assert await value_in_force(db, rule=NAME) == 50
        with pytest.raises(NoRuleInForce):
            await at(db, rule=NAME, tenant_id=mine.tenant_id)
