"""Consent, from a proposal to its effect: rounds, objections and their ends, quorum of reading, time, concurrency."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from governance.effects import EffectsDue, apply_effects
from governance.escalations import NoWiderCircle, RoundsDue, close_rounds, refer_to_parent
from governance.next_steps import NextStep
from governance.objecting import (
    ObjectedAlready,
    object_to_proposal,
    set_aside_objection,
    withdraw_objection,
)
from governance.objections import ObjectionState
from governance.proposal_states import Phase, ProposalKind, ProposalState
from governance.proposal_terms import DayPast, NothingChanges, Subject, Words
from governance.proposals import ProposalChanged, ProposalNotThere, ProposalOver
from governance.proposing import withdraw_proposal
from governance.rounds import RoundClosed, advance_proposal, answer_round
from tenants.actors import Role
from tenants.mandates import mandates_in_force
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.register import Verified, published, register_lines, verify_register
from tenants.rulebook import Source, rule_history, scheduled_rules
from tenants.rules import RuleOutOfBounds
from tests import factories
from tests.conftest import OpenAs
from tests.governance.proposing import (
    GROUNDS,
    HOUR,
    LIMIT,
    Assembly,
    amended,
    consent,
    gather,
    in_round,
    limit_of,
    objected,
    proposed,
    sheet,
)
from timebank.exchanges import post_transfer


@pytest.fixture
async def circle(database: Database) -> Assembly:
    return await gather(database)


async def _end_round(db_as: OpenAs, proposal_id: UUID, *, box: bool = False) -> None:
    """Move the end of the round (and of the time for consent) to a moment ago."""
    moved = "round_closes_at = round_closes_at - interval '60 days'"
    if box:
        moved += ", escalates_at = escalates_at - interval '400 days'"
    async with db_as("postgres") as db:
        await db.execute(text(f"UPDATE proposals SET {moved} WHERE id = :id"), {"id": proposal_id})


async def _tick(database: Database, circle: Assembly) -> None:
    tenant = circle.coop.tenant_id
    async with database.begin(tenant=tenant) as db:
        await close_rounds(db, RoundsDue(tenant_id=tenant, due_at=datetime.now(UTC)))


async def test_an_objection_integrated_in_version_two_lets_the_rule_change_and_a_transfer_is_refused(
    database: Database, circle: Assembly
) -> None:
    proposal_id = await in_round(database, circle.awa)
    objection = await objected(database, circle.bran, proposal_id)
    await amended(database, circle.awa, proposal_id, limit_of(5), objection)
    seen = await sheet(database, circle.bran, proposal_id)
    assert (seen.version, seen.phase, seen.round and seen.round.number) == (2, Phase.OBJECTIONS, 2)
    assert [(one.state, one.integrated_in) for one in seen.objections] == [(ObjectionState.INTEGRATED, 2)]
    assert seen.next is NextStep.ANSWER_ROUND
    await consent(database, proposal_id, *circle.everyone, version=2)

    done = await sheet(database, circle.awa, proposal_id)
    assert (done.state, done.next) == (ProposalState.IN_FORCE, NextStep.IN_FORCE)
    tenant = circle.coop.tenant_id
    async with database.begin(tenant=tenant) as db:
        newest = (await rule_history(db, tenant_id=tenant, rule=LIMIT))[0]
        assert (newest.value, newest.source, newest.source_id) == (5 * HOUR, Source.PROPOSAL, proposal_id)
        lines = await register_lines(db, tenant_id=tenant, limit=None)
    line = next(one for one in lines if one.seq == newest.register_seq)
    assert line.kind == "rule_amended"
    assert line.facts["objections"] == {"integrated": 1}
    assert (line.facts["members"], line.facts["consents"], line.facts["rounds"]) == (3, 3, 2)
    chain = [published(one) for one in reversed(lines)]
    assert verify_register(chain) == Verified(len(lines), chain[-1]["hash"])
    assert "Awa" not in str(line.facts)
    with pytest.raises(Refusal) as refused:
        async with database.begin(tenant=tenant) as db:
            await post_transfer(
                db, actor=circle.bran.actor, to=circle.awa.id, amount_minutes=6 * HOUR, reason="Toiture"
            )
    assert refused.value.code == "not_enough_hours"
    async with database.begin(tenant=tenant) as db:
        await post_transfer(
            db, actor=circle.bran.actor, to=circle.awa.id, amount_minutes=5 * HOUR, reason="Toiture"
        )


async def test_a_later_day_is_scheduled_and_noted_when_it_comes(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    tenant, later = circle.coop.tenant_id, (datetime.now(UTC) + timedelta(days=40)).date()
    proposal_id = await in_round(database, circle.awa, limit_of(4, on=later))
    await consent(database, proposal_id, *circle.everyone)
    assert (await sheet(database, circle.awa, proposal_id)).state is ProposalState.DECIDED
    async with database.begin(tenant=tenant) as db:
        coming = (await scheduled_rules(db, tenant_id=tenant))[LIMIT]
        assert (coming.value, coming.source_id) == (4 * HOUR, proposal_id)
        await apply_effects(db, EffectsDue(tenant_id=tenant, due_at=datetime.now(UTC)))
    assert (await sheet(database, circle.awa, proposal_id)).state is ProposalState.DECIDED
    async with db_as("postgres") as db:
        await db.execute(
            text("UPDATE proposals SET takes_effect_at = now() WHERE id = :id"), {"id": proposal_id}
        )
    async with database.begin(tenant=tenant) as db:
        await apply_effects(db, EffectsDue(tenant_id=tenant, due_at=datetime.now(UTC)))
    assert (await sheet(database, circle.awa, proposal_id)).state is ProposalState.IN_FORCE


@pytest.mark.parametrize(
    ("readers", "outcome"), [(1, Phase.ESCALATED), (2, None)], ids=["too few have read", "enough have read"]
)
async def test_silence_counts_only_past_the_quorum_of_reading(
    database: Database, circle: Assembly, db_as: OpenAs, readers: int, outcome: Phase | None
) -> None:
    proposal_id = await in_round(database, circle.awa)
    await consent(database, proposal_id, *circle.everyone[:readers])
    await _tick(database, circle)
    assert (await sheet(database, circle.awa, proposal_id)).phase is Phase.OBJECTIONS
    await _end_round(db_as, proposal_id)
    await _tick(database, circle)
    found = await sheet(database, circle.awa, proposal_id)
    assert found.phase is outcome
    assert found.state is (ProposalState.DISCUSSED if outcome else ProposalState.IN_FORCE)


async def test_an_open_objection_waits_for_integration_then_goes_further_with_the_proposal(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    proposal_id = await in_round(database, circle.awa)
    await objected(database, circle.bran, proposal_id)
    await _end_round(db_as, proposal_id)
    await _tick(database, circle)
    assert (await sheet(database, circle.awa, proposal_id)).next is NextStep.INTEGRATE
    assert (await sheet(database, circle.bran, proposal_id)).next is NextStep.AWAIT_INTEGRATION
    await _end_round(db_as, proposal_id, box=True)
    await _tick(database, circle)
    found = await sheet(database, circle.awa, proposal_id)
    assert (found.phase, found.objections[0].state) == (Phase.ESCALATED, ObjectionState.ESCALATED)
    with pytest.raises(NoWiderCircle):
        async with database.begin(tenant=circle.coop.tenant_id) as db:
            await refer_to_parent(db, actor=circle.awa.actor, proposal_id=proposal_id)


async def test_an_answer_after_the_end_is_refused_and_changes_nothing(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    proposal_id = await in_round(database, circle.awa)
    await _end_round(db_as, proposal_id)
    for late in (
        lambda db: object_to_proposal(
            db, actor=circle.bran.actor, proposal_id=proposal_id, version=1, grounds=GROUNDS
        ),
        lambda db: answer_round(db, actor=circle.bran.actor, proposal_id=proposal_id, version=1),
    ):
        with pytest.raises(RoundClosed):
            async with database.begin(tenant=circle.coop.tenant_id) as db:
                await late(db)
    assert (await sheet(database, circle.awa, proposal_id)).objections == []


async def test_two_objections_and_the_closing_at_one_instant_have_one_answer(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    """The round ends while both are on their way: each is in it or refused, and the proposal agrees with them."""
    proposal_id = await in_round(database, circle.awa)
    await consent(database, proposal_id, circle.coop.manager, circle.awa)
    async with db_as("postgres") as db:
        await db.execute(
            text(
                "UPDATE proposals SET round_closes_at = clock_timestamp() + interval '60 ms' WHERE id = :id"
            ),
            {"id": proposal_id},
        )

    async def attempt(work: Any) -> str:
        try:
            await work
        except Refusal as refusal:
            return refusal.code
        return "done"

    async def twice() -> str:
        await asyncio.sleep(0.05)
        return await attempt(objected(database, circle.bran, proposal_id))

    async def close() -> None:
        for _ in range(12):
            await _tick(database, circle)
            await asyncio.sleep(0.01)

    first, second, _closed = await asyncio.gather(twice(), twice(), close())
    found = await sheet(database, circle.awa, proposal_id)
    raised = [first, second].count("done")
    assert len(found.objections) == raised <= 1
    assert {first, second} <= {"done", "objected_already", "round_closed", "proposal_at_another_stage"}
    if raised:
        assert found.phase is Phase.INTEGRATE
    else:
        assert found.state is ProposalState.IN_FORCE


async def test_the_last_consent_and_an_objection_at_once_never_adopt_over_the_objection(
    database: Database, circle: Assembly
) -> None:
    proposal_id = await in_round(database, circle.awa)
    await consent(database, proposal_id, circle.coop.manager)
    results = await asyncio.gather(
        consent(database, proposal_id, circle.awa),
        consent(database, proposal_id, circle.bran),
        objected(database, circle.bran, proposal_id),
        return_exceptions=True,
    )
    found = await sheet(database, circle.awa, proposal_id)
    objects = any(one.state is ObjectionState.OPEN for one in found.objections)
    assert objects == (found.state is ProposalState.DISCUSSED)
    assert objects == (not isinstance(results[2], BaseException))


async def test_an_objection_is_withdrawn_by_its_author_or_set_aside_for_a_reason_by_a_facilitator(
    database: Database, circle: Assembly
) -> None:
    tenant = circle.coop.tenant_id
    guide = await factories.join_member(database, circle.coop, name="Gaëlle Guide")
    guide = await factories.give_mandate(database, circle.coop, guide, Role.FACILITATOR)
    proposal_id = await in_round(database, circle.awa)
    first = await objected(database, circle.bran, proposal_id)
    with pytest.raises(ObjectedAlready):
        await objected(database, circle.bran, proposal_id)
    with pytest.raises(NotAllowed):
        async with database.begin(tenant=tenant) as db:
            await set_aside_objection(db, actor=circle.awa.actor, objection_id=first, reason="Non")
    async with database.begin(tenant=tenant) as db:
        await set_aside_objection(
            db, actor=guide.actor, objection_id=first, reason="Aucune raison n'est donnée."
        )
    second = await objected(database, circle.bran, proposal_id)
    with pytest.raises(NotAllowed):
        async with database.begin(tenant=tenant) as db:
            await withdraw_objection(db, actor=circle.awa.actor, objection_id=second)
    async with database.begin(tenant=tenant) as db:
        await withdraw_objection(db, actor=circle.bran.actor, objection_id=second)
    found = await sheet(database, circle.bran, proposal_id)
    assert [one.state for one in found.objections] == [ObjectionState.INVALID, ObjectionState.WITHDRAWN]
    assert (found.objections[0].ended_by, found.objections[0].ended_reason) == (
        found.objections[0].ended_by and type(found.author)(guide.id, guide.name),
        "Aucune raison n'est donnée.",
    )
    await consent(database, proposal_id, circle.coop.manager, circle.awa, guide)
    assert (await sheet(database, circle.bran, proposal_id)).state is ProposalState.IN_FORCE


async def test_the_words_answered_are_the_words_read(database: Database, circle: Assembly) -> None:
    proposal_id = await in_round(database, circle.awa)
    await amended(database, circle.awa, proposal_id, limit_of(3))
    with pytest.raises(ProposalChanged):
        await consent(database, proposal_id, circle.bran, version=1)


async def test_what_could_never_take_effect_is_refused_when_it_is_written(
    database: Database, circle: Assembly
) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date()
    wrong = {
        RuleOutOfBounds: limit_of(5_000),
        NothingChanges: limit_of(20),
        DayPast: limit_of(3, on=yesterday),
    }
    for refusal, words in wrong.items():
        with pytest.raises(refusal):
            await proposed(database, circle.awa, words)
    with pytest.raises(NotFound):
        await proposed(
            database,
            circle.awa,
            subject=Subject(kind=ProposalKind.AMEND_RULE, rule="timebank.no_such_rule"),
        )


async def test_a_draft_is_its_author_s_alone_and_withdrawn_is_over(
    database: Database, circle: Assembly
) -> None:
    proposal_id = await proposed(database, circle.awa, publish=False)
    with pytest.raises(NotFound):
        await sheet(database, circle.bran, proposal_id)
    await amended(database, circle.awa, proposal_id, limit_of(6))
    assert (await sheet(database, circle.awa, proposal_id)).version == 1
    async with database.begin(tenant=circle.coop.tenant_id) as db:
        await withdraw_proposal(db, actor=circle.awa.actor, proposal_id=proposal_id)
    with pytest.raises(ProposalOver):
        await amended(database, circle.awa, proposal_id, limit_of(7))


async def test_withdrawing_abandons_open_objections(database: Database, circle: Assembly) -> None:
    proposal_id = await in_round(database, circle.awa)
    await objected(database, circle.bran, proposal_id)
    async with database.begin(tenant=circle.coop.tenant_id) as db:
        await withdraw_proposal(db, actor=circle.awa.actor, proposal_id=proposal_id)
    found = await sheet(database, circle.bran, proposal_id)
    assert (found.state, found.objections[0].state) == (ProposalState.WITHDRAWN, ObjectionState.ABANDONED)


async def test_a_decision_gives_and_ends_a_mandate_by_itself(database: Database, circle: Assembly) -> None:
    tenant = circle.coop.tenant_id
    until = (datetime.now(UTC) + timedelta(days=300)).date()
    given = await in_round(
        database,
        circle.awa,
        Words(title="Bran à la trésorerie", reasons="Il sait compter.", until_on=until),
        subject=Subject(kind=ProposalKind.GIVE_MANDATE, membership_id=circle.bran.id, role=Role.TREASURER),
    )
    await consent(database, given, *circle.everyone)
    async with database.begin(tenant=tenant) as db:
        held = await mandates_in_force(db, actor=circle.awa.actor, membership_id=circle.bran.id)
        assert [(one.role, one.decision_id) for one, _name in held] == [(Role.TREASURER, given)]
    ended = await in_round(
        database,
        circle.awa,
        Words(title="Fin du mandat", reasons="Bran part en voyage."),
        subject=Subject(kind=ProposalKind.END_MANDATE, mandate_id=held[0][0].id),
    )
    await consent(database, ended, *circle.everyone)
    async with database.begin(tenant=tenant) as db:
        assert not await mandates_in_force(db, actor=circle.awa.actor, membership_id=circle.bran.id)
    assert (await sheet(database, circle.awa, ended)).state is ProposalState.IN_FORCE


async def test_what_cannot_take_effect_says_why_and_is_tried_again(
    database: Database, circle: Assembly
) -> None:
    """Nobody else manages: the decision stands, and takes effect once somebody does."""
    tenant = circle.coop.tenant_id
    async with database.begin(tenant=tenant) as db:
        [(only, _name)] = await mandates_in_force(db, actor=circle.awa.actor)
    proposal_id = await in_round(
        database,
        circle.awa,
        Words(title="Changer la gestion", reasons="À tour de rôle."),
        subject=Subject(kind=ProposalKind.END_MANDATE, mandate_id=only.id),
    )
    await consent(database, proposal_id, *circle.everyone)
    stuck = await sheet(database, circle.awa, proposal_id)
    assert (stuck.state, stuck.next) == (ProposalState.DECIDED, NextStep.STUCK)
    assert stuck.stuck
    await factories.give_mandate(database, circle.coop, circle.bran, Role.MANAGER)
    async with database.begin(tenant=tenant) as db:
        await apply_effects(db, EffectsDue(tenant_id=tenant, due_at=datetime.now(UTC)))
    assert (await sheet(database, circle.awa, proposal_id)).state is ProposalState.IN_FORCE


async def test_the_database_refuses_to_undo_a_decision(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    proposal_id = await in_round(database, circle.awa)
    await consent(database, proposal_id, *circle.everyone)
    for change in (
        "state = 'discussed', phase = 'clarify'",
        "version = 1, author_id = circle_id",
        "kind = 'motion'",
    ):
        with pytest.raises(Exception, match=r"does not (become|change)"):
            async with db_as("app", tenant=circle.coop.tenant_id) as db:
                await db.execute(text(f"UPDATE proposals SET {change} WHERE id = :id"), {"id": proposal_id})
    with pytest.raises(Exception, match="was discussed"):
        async with db_as("app", tenant=circle.coop.tenant_id) as db:
            await db.execute(
                text("UPDATE proposal_versions SET reasons = 'x' WHERE proposal_id = :id"),
                {"id": proposal_id},
            )


async def test_only_those_who_lead_advance_and_only_a_round_is_answered(
    database: Database, circle: Assembly
) -> None:
    proposal_id = await proposed(database, circle.awa)
    with pytest.raises(NotAllowed):
        async with database.begin(tenant=circle.coop.tenant_id) as db:
            await advance_proposal(db, actor=circle.bran.actor, proposal_id=proposal_id, to=Phase.OBJECTIONS)
    with pytest.raises(ProposalNotThere):
        await consent(database, proposal_id, circle.bran)
