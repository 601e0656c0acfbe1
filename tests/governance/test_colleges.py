"""Colleges: weights are a rule with versions, what the law says of them, and each member in one at most."""

import itertools
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from governance.circle_authority import CirclesNotYours
from governance.college_places import (
    college_counts,
    members_of_college,
    place_in_college,
    remove_from_college,
)
from governance.college_weights import COLLEGE_WEIGHTS, WeightsUnfit, college_findings, shares_of
from governance.colleges import CollegePlace, college_weights, colleges, colleges_of
from tenants.actors import Role
from tenants.cooperatives import LegalProfile
from tenants.legal_profiles import Certainty, Severity
from tenants.memberships import StateUnfit, suspend_member
from tenants.platform.database import Database
from tenants.rules import RuleAgainstTheLaw
from tests import factories
from tests.factories import Founded
from tests.lived_circles import WEIGHTS, weigh_colleges


def weights(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "weight": weight} for name, weight in pairs]


THREE = weights(("Salariés", 40), ("Usagers", 35), ("Soutiens", 25))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Salariés 40, Usagers 35, Soutiens 25", THREE),
        ("Salariés : 40 %; Usagers=35 ; Soutiens 25%", THREE),
        ("Collège 1 du nord 1, Collège du sud 2", weights(("Collège 1 du nord", 1), ("Collège du sud", 2))),
        ("aucun", []),
        ("None", []),
        ("  ", []),
    ],
)
def test_weights_are_read_as_people_write_them(typed: str, expected: Any) -> None:
    assert COLLEGE_WEIGHTS.read(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "Salariés",
        "Salariés 40",
        "Salariés 0, Usagers 1",
        "A 1, a 2",
        "A 1001, B 1",
        "40, 60",
        "A -1, B 1",
        "A 1,, ,5",
    ],
)
def test_what_is_no_list_of_weights_is_refused(typed: str) -> None:
    with pytest.raises(WeightsUnfit):
        COLLEGE_WEIGHTS.read(typed)


def test_what_is_typed_is_read_at_once_whatever_it_is() -> None:
    began = perf_counter()
    with pytest.raises(WeightsUnfit):
        COLLEGE_WEIGHTS.read("a" + " " * 10_000 + "x, b 1")
    assert perf_counter() - began < 1


@pytest.mark.parametrize(
    "value",
    [None, {}, 3, "A 1", [1, 2], weights(("A", 1)), weights(("A", 1), ("A ", 1)), weights(("A", True), ("B", 1)),
     [{"name": "A", "weight": 1, "more": 1}, {"name": "B", "weight": 1}], weights(("A\u202e", 1), ("B", 1)),
     weights(*((f"Collège {'x' * n}", 1) for n in range(1, 22)))],
)  # fmt: skip
def test_what_is_no_weight_is_refused_by_whatever_way_it_comes(value: object) -> None:
    with pytest.raises(WeightsUnfit):
        COLLEGE_WEIGHTS.check(value)


def test_whatever_is_accepted_reads_back_as_it_was_said() -> None:
    names = ("Salariés", "Usagers & amis", "L'association « La Base »", "Collège 2 du port")
    for some in itertools.permutations(names, 3):
        value = COLLEGE_WEIGHTS.check(weights(*((name, 3 + n) for n, name in enumerate(some))))
        assert COLLEGE_WEIGHTS.read(", ".join(f"{one['name']} {one['weight']}" for one in value)) == value


def test_shares_are_exact_and_make_a_whole() -> None:
    shares = shares_of(weights(("A", 1), ("B", 1), ("C", 1)))
    assert set(shares.values()) == {Fraction(1, 3)}
    assert sum(shares.values()) == 1
    assert COLLEGE_WEIGHTS.say(THREE) == "Salariés 40 %, Usagers 35 % et Soutiens 25 %".replace(" %", "\xa0%")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], []),
        (THREE, []),
        (weights(("A", 50), ("B", 25), ("C", 25)), []),
        (weights(("A", 51), ("B", 25), ("C", 24)), ["refusal"]),
        (weights(("A", 50), ("B", 50)), ["refusal"]),
        (weights(("A", 99), ("B", 1)), ["refusal", "refusal", "warning"]),
        (weights(("A", 30), ("B", 30), ("C", 30), ("D", 10)), []),
        (weights(("A", 30), ("B", 30), ("C", 15), ("D", 15), ("E", 5), ("F", 5)), ["warning"]),
    ],
)
def test_the_law_of_a_scic_bounds_its_colleges(value: Any, expected: list[str]) -> None:
    found = college_findings("scic", value)
    assert [one.severity.value for one in found] == expected
    assert all("47-1775" in one.article for one in found)
    # Nobody of us has read the ten per cent in the law: it warns, and says so.
    assert all((one.severity is Severity.WARNING) == (one.certainty is Certainty.TO_CONFIRM) for one in found)
    assert not college_findings("association", value)


async def test_a_founding_act_against_the_law_is_refused(database: Database) -> None:
    two = {"governance.college_weights": weights(("A", 1), ("B", 1))}
    with pytest.raises(RuleAgainstTheLaw):
        await factories.found_cooperative(database, rules=two)
    await factories.found_cooperative(database, rules=two, legal_profile=LegalProfile.ASSOCIATION)


async def _weighed(database: Database) -> Founded:
    return await factories.found_cooperative(database, rules={"governance.college_weights": [*WEIGHTS]})


async def test_an_assembly_changes_the_weights_and_the_past_keeps_its_own(database: Database) -> None:
    coop = await _weighed(database)
    treasurer = await factories.join_member(database, coop)
    treasurer = await factories.give_mandate(database, coop, treasurer, Role.TREASURER)
    async with database.begin(tenant=coop.tenant_id) as db:
        founding = await db.scalar(text("SELECT clock_timestamp()"))
    changed = weights(("Salariés", 1), ("Usagers", 1), ("Communes", 1))
    await weigh_colleges(database, coop, treasurer, changed)
    async with database.begin(tenant=coop.tenant_id) as db:
        names = {one.id: one.name for one in await colleges(db, actor=coop.manager.actor)}
        assert sorted(names.values()) == ["Communes", "Salariés", "Soutiens", "Usagers"]
        now = {names[one]: share for one, share in (await college_weights(db, coop.tenant_id)).items()}
        assert now == dict.fromkeys(["Communes", "Salariés", "Usagers"], Fraction(1, 3))
        before = await college_weights(db, coop.tenant_id, founding)
        assert {names[one]: share for one, share in before.items()} == shares_of(WEIGHTS)
        # What was in force does not change: the rulebook's own table sees to it.
        with pytest.raises(IntegrityError, match="cannot begin in the past"):
            await db.execute(
                text("""
                    INSERT INTO rule_versions (tenant_id, rule, value, in_force, source, register_seq)
                    SELECT tenant_id, rule, value, tstzrange(now() - interval '1 day', NULL), source, register_seq
                    FROM rule_versions WHERE rule = 'governance.college_weights' AND source = 'founding_act'
                """)
            )
        await db.rollback()
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(DBAPIError, match="keeps its name"):
            await db.execute(text("UPDATE colleges SET name = 'Autre' WHERE name = 'Usagers'"))
        await db.rollback()


async def test_without_colleges_there_are_no_weights(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await college_weights(db, coop.tenant_id) == {}
        assert not await colleges(db, actor=coop.manager.actor)
        assert await colleges_of(db, coop.tenant_id, [coop.manager.id]) == {}


async def test_a_member_is_in_one_college_at_most(database: Database) -> None:
    coop = await _weighed(database)
    anna = await factories.join_member(database, coop, name="Anna")
    boss = coop.manager.actor
    async with database.begin(tenant=coop.tenant_id) as db:
        first, second, _third = await colleges(db, actor=boss)
        both = [anna.id, coop.manager.id]
        assert await place_in_college(db, actor=boss, college_id=first.id, membership_ids=both) == 2
        assert await place_in_college(db, actor=boss, college_id=second.id, membership_ids=both[:1]) == 1
        assert await place_in_college(db, actor=boss, college_id=second.id, membership_ids=both[:1]) == 0
        places = await colleges_of(db, coop.tenant_id, both)
        assert places == {anna.id: second.id, coop.manager.id: first.id}
        assert await college_counts(db, coop.tenant_id) == {first.id: 1, second.id: 1}
        shown = await members_of_college(db, actor=anna.actor, college_id=second.id)
        assert [one.name for one in shown] == ["Anna"]
    row = {"tenant_id": coop.tenant_id, "college_id": first.id, "membership_id": anna.id}
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(IntegrityError, match="one_at_a_time"):
            await db.execute(insert(CollegePlace).values(row))
        await db.rollback()
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await remove_from_college(db, actor=boss, college_id=second.id, membership_ids=both) == 1
        none = await members_of_college(db, actor=boss, college_id=None)
        assert [one.name for one in none] == ["Anna"]


async def test_only_who_arranges_circles_places_members_and_only_active_ones(database: Database) -> None:
    coop = await _weighed(database)
    anna = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        first, *_others = await colleges(db, actor=anna.actor)
        with pytest.raises(CirclesNotYours):
            await place_in_college(db, actor=anna.actor, college_id=first.id, membership_ids=[anna.id])
        await suspend_member(db, actor=coop.manager.actor, membership_id=anna.id)
        with pytest.raises(StateUnfit):
            await place_in_college(
                db, actor=coop.manager.actor, college_id=first.id, membership_ids=[anna.id]
            )


async def test_weights_of_a_moment_before_the_rule_are_not_guessed(database: Database) -> None:
    coop = await _weighed(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(Exception, match="no_rule_in_force"):
            await college_weights(db, coop.tenant_id, datetime.now(UTC) - timedelta(days=9))
