"""Recorded assemblies: nothing changes but by two persons, two mandates and one text."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from marketplace.rules import HOLD_EXPIRY_DAYS, SILENCE_DAYS
from tenants.actors import Role
from tenants.assemblies import (
    Assembly,
    AssemblyChanged,
    AssemblyClosed,
    AssemblyState,
    Held,
    Majority,
    Recorded,
    Resolution,
    assemblies,
    assembly,
)
from tenants.assembly_checks import (
    CountsDoNotAddUp,
    EffectiveInThePast,
    MajorityNotReached,
    NotYetHeld,
    QuorumNotReached,
    ResolutionTwice,
    UnknownRule,
    VotesExceedPresence,
)
from tenants.assembly_records import (
    add_resolution,
    correct_assembly,
    record_assembly,
    remove_resolution,
    withdraw_assembly,
)
from tenants.assembly_signatures import (
    AlreadySigned,
    MandateAlreadySigned,
    NothingToSign,
    notify_rules_changed,
    sign_assembly,
)
from tenants.audit import audit_entries
from tenants.events import AssemblySigned
from tenants.notices import notices
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.outbox import OutboxRow
from tenants.register import RegisterLine, Verified, published, register_lines, verify_register
from tenants.rulebook import Source, at, rule_history
from tenants.rules import RuleOutOfBounds
from tests import factories

TODAY = datetime.now(ZoneInfo("Europe/Paris")).date()
HELD = Held(
    held_on=TODAY - timedelta(days=2),
    place="Salle des fêtes, Morlaix",
    minutes="# Assemblée\n\nLes membres ont débattu, puis voté.",
    members_count=40,
    present_count=18,
    represented_count=7,
    quorum_required_count=20,
)
RESOLUTION = Resolution(
    rule=HOLD_EXPIRY_DAYS.name,
    value=30,
    votes_for=20,
    votes_against=3,
    votes_abstain=2,
    effective_on=TODAY + timedelta(days=1),
)


class Cast:
    """A cooperative with one person for each mandate that signs, and a member without any."""

    coop: factories.Founded
    manager: factories.Member
    treasurer: factories.Member
    facilitator: factories.Member
    member: factories.Member


async def cast(database: Database) -> Cast:
    people = Cast()
    people.coop = await factories.found_cooperative(database, rules={HOLD_EXPIRY_DAYS.name: 60})
    people.manager = people.coop.manager
    people.member = await factories.join_member(database, people.coop)
    for role in (Role.TREASURER, Role.FACILITATOR):
        holder = await factories.join_member(database, people.coop)
        setattr(people, role, await factories.give_mandate(database, people.coop, holder, role))
    return people


async def recorded(database: Database, people: Cast, *resolutions: Resolution) -> Recorded:
    async with database.begin(tenant=people.coop.tenant_id) as db:
        return await record_assembly(
            db, actor=people.manager.actor, held=HELD, resolutions=resolutions or (RESOLUTION,)
        )


async def sign(
    database: Database,
    who: factories.Member,
    assembly_id: UUID,
    *,
    version: int = 1,
    role: Role | None = None,
) -> Recorded:
    async with database.begin(tenant=who.tenant_id) as db:
        return await sign_assembly(db, actor=who.actor, assembly_id=assembly_id, version=version, role=role)


# --- Recording ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("majority", "votes_for", "votes_against", "reached"),
    [
        (Majority.MORE_THAN_HALF, 1, 0, True),
        (Majority.MORE_THAN_HALF, 10, 10, False),
        (Majority.MORE_THAN_HALF, 0, 0, False),
        (Majority.TWO_THIRDS, 2, 1, True),
        (Majority.TWO_THIRDS, 66, 34, False),
        (Majority.TWO_THIRDS, 0, 0, False),
        (Majority.THREE_QUARTERS, 3, 1, True),
        (Majority.THREE_QUARTERS, 74, 26, False),
    ],
)
def test_a_majority_is_counted_exactly(
    majority: Majority, votes_for: int, votes_against: int, *, reached: bool
) -> None:
    assert majority.reached(votes_for, votes_against) is reached


@pytest.mark.parametrize(
    ("held", "resolution", "refusal", "field"),
    [
        ({"held_on": TODAY + timedelta(days=2)}, {}, NotYetHeld, "held_on"),
        ({"present_count": 12}, {}, QuorumNotReached, "present_count"),
        ({"members_count": 24}, {}, CountsDoNotAddUp, "members_count"),
        ({"quorum_required_count": 41}, {}, CountsDoNotAddUp, "members_count"),
        ({}, {"rule": "essais.inconnue"}, UnknownRule, "rule"),
        ({}, {"value": 100_000}, RuleOutOfBounds, "value"),
        ({}, {"value": "30"}, RuleOutOfBounds, "value"),
        ({}, {"votes_for": 24}, VotesExceedPresence, "votes_for"),
        ({}, {"votes_against": -1}, VotesExceedPresence, "votes_for"),
        ({}, {"votes_for": 3}, MajorityNotReached, "votes_for"),
        (
            {},
            {"votes_for": 12, "votes_against": 7, "majority": Majority.TWO_THIRDS},
            MajorityNotReached,
            "votes_for",
        ),
        ({}, {"effective_on": TODAY - timedelta(days=2)}, EffectiveInThePast, "effective_on"),
    ],
)
async def test_what_an_assembly_could_not_decide_is_refused_beside_its_field(
    database: Database, held: dict[str, Any], resolution: dict[str, Any], refusal: type[Refusal], field: str
) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(refusal) as refused:
            await record_assembly(
                db,
                actor=coop.manager.actor,
                held=replace(HELD, **held),
                resolutions=[replace(RESOLUTION, **resolution)],
            )
        assert not await assemblies(db, tenant_id=coop.tenant_id, actor=coop.manager.actor)
    assert refused.value.field == field
    assert "{" not in refused.value.detail()


async def test_the_same_rule_twice_for_one_day_is_refused_and_for_two_days_is_not(database: Database) -> None:
    people = await cast(database)
    later = replace(RESOLUTION, value=20, effective_on=TODAY + timedelta(days=60))
    with pytest.raises(ResolutionTwice):
        await recorded(database, people, RESOLUTION, replace(RESOLUTION, value=20))
    assert len((await recorded(database, people, RESOLUTION, later)).resolutions) == 2


async def test_only_a_manager_or_a_facilitator_records(database: Database) -> None:
    people = await cast(database)
    async with database.begin(tenant=people.coop.tenant_id) as db:
        for nobody in (people.member.actor, people.treasurer.actor, people.coop.system):
            with pytest.raises(NotAllowed):
                await record_assembly(db, actor=nobody, held=HELD)
        assert (await record_assembly(db, actor=people.facilitator.actor, held=HELD)).assembly.version == 1


async def told(database: Database, who: factories.Member, kind: str) -> int:
    async with database.begin(tenant=who.tenant_id) as db:
        return [notice.kind for notice in await notices(db, actor=who.actor)].count(kind)


async def test_the_first_signature_tells_who_may_give_the_second_and_a_correction_who_had_signed(
    database: Database,
) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.treasurer, draft.id)
    for who, times in (
        (people.manager, 1),
        (people.facilitator, 1),
        (people.treasurer, 0),
        (people.member, 0),
    ):
        assert await told(database, who, "assembly_to_sign") == times
    async with database.begin(tenant=draft.tenant_id) as db:
        await correct_assembly(db, actor=people.manager.actor, assembly_id=draft.id, version=1, held=HELD)
    assert await told(database, people.treasurer, "assembly_corrected") == 1
    assert await told(database, people.facilitator, "assembly_corrected") == 0


# --- Signing -----------------------------------------------------------------------------------------


async def test_two_mandates_put_a_resolution_in_force_on_its_day(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    once = await sign(database, people.treasurer, draft.id)
    assert once.assembly.state is AssemblyState.SIGNED_ONCE
    async with database.begin(tenant=draft.tenant_id) as db:
        assert len(await rule_history(db, tenant_id=draft.tenant_id, rule=RESOLUTION.rule)) == 1
    twice = await sign(database, people.manager, draft.id)
    assert twice.assembly.state is AssemblyState.IN_FORCE
    async with database.begin(tenant=draft.tenant_id) as db:
        coming, current = await rule_history(db, tenant_id=draft.tenant_id, rule=RESOLUTION.rule)
        assert (coming.value, coming.source, coming.source_id) == (30, Source.ASSEMBLY, draft.id)
        assert coming.register_seq == twice.assembly.register_seq
        assert current.until == coming.since
        # Midnight where the cooperative is.
        local = await db.scalar(
            text("SELECT :since AT TIME ZONE 'Europe/Paris'").bindparams(since=coming.since)
        )
        assert local == datetime.combine(RESOLUTION.effective_on, datetime.min.time())
        assert (await at(db, rule=HOLD_EXPIRY_DAYS)).value == 60
        assert (await at(db, rule=HOLD_EXPIRY_DAYS, moment=coming.since)).value == 30
        events = await db.scalars(select(OutboxRow.kind).where(OutboxRow.tenant_id == draft.tenant_id))
        assert {"AssemblySigned", "RuleChanged"} <= set(events)
        done = [
            entry.action for entry in await audit_entries(db, actor=people.manager.actor, subject=draft.id)
        ]
    assert done == [
        "tenants:assembly:put_in_force",
        "tenants:assembly:signed",
        "tenants:assembly:signed",
        "tenants:assembly:recorded",
    ]


async def test_the_register_tells_the_decision_and_neither_names_nor_minutes(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.manager, draft.id)
    await sign(database, people.treasurer, draft.id)
    async with database.begin(tenant=draft.tenant_id) as db:
        lines = await register_lines(db, tenant_id=draft.tenant_id, limit=None)
    line: RegisterLine = lines[0]
    assert line.kind == "assembly_signed"
    assert line.facts["rules"] == [
        {
            "rule": RESOLUTION.rule,
            "value": 30,
            "votes_for": 20,
            "votes_against": 3,
            "votes_abstain": 2,
            "majority": "more_than_half",
            "effective_on": RESOLUTION.effective_on.isoformat(),
        }
    ]
    assert [signed["role"] for signed in line.facts["signed_by"]] == ["manager", "treasurer"]
    assert verify_register([published(found) for found in reversed(lines)]) == Verified(
        line.seq, line.hash.hex()
    )
    told = str(line.facts)
    for secret in (people.manager.name, people.treasurer.name, str(people.manager.id), "débattu", HELD.place):
        assert secret not in told


async def test_a_day_that_came_before_the_second_signature_takes_effect_at_the_signature(
    database: Database,
) -> None:
    people = await cast(database)
    draft = (
        await recorded(database, people, replace(RESOLUTION, effective_on=TODAY + timedelta(days=0)))
    ).assembly
    await sign(database, people.manager, draft.id)
    before = datetime.now(UTC) - timedelta(seconds=30)
    await sign(database, people.treasurer, draft.id)
    async with database.begin(tenant=draft.tenant_id) as db:
        version = await at(db, rule=HOLD_EXPIRY_DAYS)
    assert version.value == 30
    assert version.since > before, "never backwards, to midnight"


async def test_one_person_signs_once_whatever_mandates_they_hold(database: Database) -> None:
    people = await cast(database)
    both = await factories.give_mandate(database, people.coop, people.manager, Role.TREASURER)
    draft = (await recorded(database, people)).assembly
    await sign(database, both, draft.id, role=Role.TREASURER)
    with pytest.raises(AlreadySigned):
        await sign(database, both, draft.id, role=Role.MANAGER)
    with pytest.raises(MandateAlreadySigned):
        await sign(database, people.treasurer, draft.id)
    signed = await sign(database, people.facilitator, draft.id)
    assert [signature.role for signature in signed.signatures] == [Role.TREASURER, Role.FACILITATOR]


async def test_who_holds_no_mandate_that_signs_does_not_sign(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    with pytest.raises(NotAllowed):
        await sign(database, people.member, draft.id)
    with pytest.raises(NotAllowed):
        await sign(database, people.treasurer, draft.id, role=Role.MANAGER)
    mediator = await factories.give_mandate(database, people.coop, people.treasurer, Role.MEDIATOR)
    with pytest.raises(NotAllowed):
        await sign(database, mediator, draft.id, role=Role.MEDIATOR)


async def test_minutes_without_a_resolution_are_not_signed(database: Database) -> None:
    people = await cast(database)
    async with database.begin(tenant=people.coop.tenant_id) as db:
        draft = (await record_assembly(db, actor=people.manager.actor, held=HELD)).assembly
    with pytest.raises(NothingToSign):
        await sign(database, people.manager, draft.id)


async def test_two_who_sign_at_the_same_moment_put_it_in_force_once(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    three = (people.manager, people.treasurer, people.facilitator)
    answers = await asyncio.gather(*(sign(database, who, draft.id) for who in three), return_exceptions=True)
    assert [type(answer) for answer in answers if isinstance(answer, BaseException)] == [AssemblyClosed]
    async with database.begin(tenant=draft.tenant_id) as db:
        assert len(await rule_history(db, tenant_id=draft.tenant_id, rule=RESOLUTION.rule)) == 2
        lines = await register_lines(db, tenant_id=draft.tenant_id)
    assert [line.kind for line in lines].count("assembly_signed") == 1


async def test_two_assemblies_signed_at_the_same_moment_follow_each_other(database: Database) -> None:
    people = await cast(database)
    drafts = [
        (
            await recorded(
                database,
                people,
                replace(RESOLUTION, value=value, effective_on=TODAY + timedelta(days=value)),
                replace(
                    RESOLUTION,
                    rule=SILENCE_DAYS.name,
                    value=value,
                    effective_on=TODAY + timedelta(days=40 - value),
                ),
            )
        ).assembly
        for value in (10, 20, 30)
    ]
    for draft in drafts:
        await sign(database, people.manager, draft.id)
    await asyncio.gather(*(sign(database, people.treasurer, draft.id) for draft in drafts))
    async with database.begin(tenant=people.coop.tenant_id) as db:
        found = await rule_history(db, tenant_id=people.coop.tenant_id, rule=RESOLUTION.rule)
        silence = await rule_history(db, tenant_id=people.coop.tenant_id, rule=SILENCE_DAYS.name)
    assert [version.value for version in found] == [30, 20, 10, 60]
    assert [version.value for version in silence] == [10, 20, 30, SILENCE_DAYS.default]


# --- Correcting and withdrawing ----------------------------------------------------------------------


async def test_a_correction_takes_away_what_was_signed_before_it(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.treasurer, draft.id)
    async with database.begin(tenant=draft.tenant_id) as db:
        corrected = await correct_assembly(
            db,
            actor=people.facilitator.actor,
            assembly_id=draft.id,
            version=1,
            held=replace(HELD, place="Mairie"),
        )
    assert (corrected.assembly.version, corrected.assembly.state) == (2, AssemblyState.DRAFT)
    assert (len(corrected.resolutions), corrected.signatures) == (1, [])
    with pytest.raises(AssemblyChanged):
        await sign(database, people.manager, draft.id, version=1)
    await sign(database, people.manager, draft.id, version=2)
    done = await sign(database, people.treasurer, draft.id, version=2)
    assert (done.assembly.state, done.assembly.place) == (AssemblyState.IN_FORCE, "Mairie")


async def test_resolutions_are_added_and_removed_one_by_one(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    other = replace(RESOLUTION, rule=SILENCE_DAYS.name, value=10)
    actor = people.manager.actor
    async with database.begin(tenant=draft.tenant_id) as db:
        added = await add_resolution(db, actor=actor, assembly_id=draft.id, version=1, resolution=other)
        assert [row.rule for row in added.resolutions] == [RESOLUTION.rule, SILENCE_DAYS.name]
        with pytest.raises(MajorityNotReached):
            await add_resolution(
                db, actor=actor, assembly_id=draft.id, version=2, resolution=replace(other, votes_for=0)
            )
        left = await remove_resolution(db, actor=actor, assembly_id=draft.id, version=2, position=1)
        assert [(row.position, row.rule) for row in left.resolutions] == [(1, SILENCE_DAYS.name)]
        assert left.assembly.version == 3


async def test_a_refused_correction_leaves_the_minutes_as_they_were(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    async with database.begin(tenant=draft.tenant_id) as db:
        with pytest.raises(QuorumNotReached):
            await correct_assembly(
                db,
                actor=people.manager.actor,
                assembly_id=draft.id,
                version=1,
                held=replace(HELD, place="Ailleurs", present_count=1),
            )
        # The transaction goes on to its commit, as a page that shows the form again does.
    async with database.begin(tenant=draft.tenant_id) as db:
        kept = await assembly(db, tenant_id=draft.tenant_id, actor=people.manager.actor, assembly_id=draft.id)
    assert (kept.assembly.place, kept.assembly.version) == (HELD.place, 1)


async def test_withdrawn_minutes_never_take_effect(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.treasurer, draft.id)
    async with database.begin(tenant=draft.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await withdraw_assembly(db, actor=people.treasurer.actor, assembly_id=draft.id, version=1)
        gone = await withdraw_assembly(db, actor=people.facilitator.actor, assembly_id=draft.id, version=1)
        assert gone.assembly.state is AssemblyState.WITHDRAWN
    with pytest.raises(AssemblyClosed):
        await sign(database, people.manager, draft.id)


async def test_what_is_in_force_is_not_withdrawn_nor_corrected(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.manager, draft.id)
    await sign(database, people.treasurer, draft.id)
    async with database.begin(tenant=draft.tenant_id) as db:
        with pytest.raises(AssemblyClosed):
            await withdraw_assembly(db, actor=people.manager.actor, assembly_id=draft.id, version=1)
        with pytest.raises(AssemblyClosed):
            await correct_assembly(db, actor=people.manager.actor, assembly_id=draft.id, version=1, held=HELD)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE assemblies SET minutes = 'Autre chose' WHERE id = :id",
        "UPDATE assemblies SET state = 'draft', register_seq = NULL, in_force_at = NULL WHERE id = :id",
        "DELETE FROM assemblies WHERE id = :id",
        "UPDATE assembly_resolutions SET value = '99' WHERE assembly_id = :id",
        "DELETE FROM assembly_resolutions WHERE assembly_id = :id",
        "DELETE FROM assembly_signatures WHERE assembly_id = :id",
        """INSERT INTO assembly_resolutions SELECT tenant_id, assembly_id, 9, 'essais.x', value, votes_for,
           votes_against, votes_abstain, majority, effective_on FROM assembly_resolutions WHERE assembly_id = :id""",
    ],
)
async def test_what_was_signed_cannot_be_changed_even_in_sql(database: Database, statement: str) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.manager, draft.id)
    await sign(database, people.treasurer, draft.id)
    with pytest.raises(DBAPIError) as refused:
        async with database.begin(tenant=draft.tenant_id) as db:
            await db.execute(text(statement), {"id": draft.id})
    assert getattr(refused.value.orig, "sqlstate", "") in {"23000", "42501"}


async def test_minutes_signed_by_one_cannot_be_put_in_force_in_sql(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.manager, draft.id)
    with pytest.raises(DBAPIError, match="two mandates"):
        async with database.begin(tenant=draft.tenant_id) as db:
            await db.execute(
                text(
                    "UPDATE assemblies SET state = 'in_force', register_seq = 1, in_force_at = now() WHERE id = :id"
                ),
                {"id": draft.id},
            )


# --- Reading -----------------------------------------------------------------------------------------


async def test_drafts_are_seen_by_signers_only_and_decisions_by_anyone(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    tenant_id = draft.tenant_id

    async def seen(who: factories.Member | None) -> bool:
        actor = who.actor if who else None
        async with database.begin(tenant=tenant_id) as db:
            listed = {found.id for found in await assemblies(db, tenant_id=tenant_id, actor=actor)}
            try:
                await assembly(db, tenant_id=tenant_id, actor=actor, assembly_id=draft.id)
            except NotFound:
                assert draft.id not in listed
                return False
        assert draft.id in listed
        return True

    assert await seen(people.treasurer)
    assert not await seen(people.member)
    assert not await seen(None)
    await sign(database, people.manager, draft.id)
    await sign(database, people.treasurer, draft.id)
    assert await seen(people.member)
    assert await seen(None)


async def test_another_cooperative_neither_sees_nor_signs(database: Database) -> None:
    people = await cast(database)
    other = await cast(database)
    draft = (await recorded(database, people)).assembly
    with pytest.raises(NotFound):
        await sign(database, other.treasurer, draft.id)
    async with database.begin(tenant=other.coop.tenant_id) as db:
        assert not (await db.scalars(select(Assembly))).all()


async def test_every_active_member_is_told_once_it_is_signed(database: Database) -> None:
    people = await cast(database)
    draft = (await recorded(database, people)).assembly
    await sign(database, people.manager, draft.id)
    await sign(database, people.treasurer, draft.id)
    async with database.begin(tenant=draft.tenant_id) as db:
        await notify_rules_changed(db, AssemblySigned(tenant_id=draft.tenant_id, assembly_id=draft.id))
    async with database.begin(tenant=draft.tenant_id) as db:
        for who in (people.member, people.manager, people.treasurer, people.facilitator):
            (told,) = [
                notice for notice in await notices(db, actor=who.actor) if notice.kind == "rules_changed"
            ]
            assert told.facts == {"assembly_id": str(draft.id), "held_on": str(HELD.held_on), "count": 1}
