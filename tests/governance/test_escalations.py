"""A proposal and its circle: who answers, where consent that was not found goes, and rules whose time has come."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from governance.circle_changes import open_circle
from governance.circle_seats import add_circle_members
from governance.contests import ReviewCause, RuleReviewsDue, contested, review_rules
from governance.discussion import comment_proposal
from governance.escalations import RoundsDue, close_rounds, put_to_vote, refer_to_parent
from governance.objections import ObjectionState
from governance.proposal_states import Phase, ProposalKind, ProposalState
from governance.proposal_terms import Subject, Words
from governance.proposals import ProposalNotThere
from governance.proposing import OutsidePerimeter, withdraw_proposal
from governance.rounds import NotOfTheCircle
from tenants.notices import notices
from tenants.platform.database import Database
from tenants.rulebook import at
from tests.conftest import OpenAs
from tests.governance.proposing import (
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


@pytest.fixture
async def circle(database: Database) -> Assembly:
    """Awa and the founder are the circle that decides on the credit limit; Bran is not in it."""
    found = await gather(database)
    manager = found.coop.manager
    async with database.begin(tenant=found.coop.tenant_id) as db:
        made = await open_circle(
            db,
            actor=manager.actor,
            name="Heures",
            purpose="Qu'elles circulent.",
            parent_id=found.coop.tenant_id,
            scopes=[f"rule:{LIMIT}"],
        )
        await add_circle_members(
            db, actor=manager.actor, circle_id=made.id, membership_ids=[manager.id, found.awa.id]
        )
    return found


async def test_only_the_circle_answers_and_everybody_may_speak(database: Database, circle: Assembly) -> None:
    proposal_id = await in_round(database, circle.bran)
    with pytest.raises(NotOfTheCircle):
        await consent(database, proposal_id, circle.bran)
    with pytest.raises(NotOfTheCircle):
        await objected(database, circle.bran, proposal_id)
    async with database.begin(tenant=circle.coop.tenant_id) as db:
        await comment_proposal(db, actor=circle.bran.actor, proposal_id=proposal_id, words="Deux heures !")
    await consent(database, proposal_id, circle.coop.manager, circle.awa)
    assert (await sheet(database, circle.bran, proposal_id)).state is ProposalState.IN_FORCE


async def test_a_proposal_goes_to_the_circle_that_decides_and_nowhere_else(
    database: Database, circle: Assembly
) -> None:
    with pytest.raises(OutsidePerimeter) as refused:
        await proposed(database, circle.bran, circle_id=circle.coop.tenant_id)
    assert refused.value.facts["circle"] == "Heures"


async def test_consent_that_is_not_found_goes_to_the_parent_circle_or_to_a_vote(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    tenant = circle.coop.tenant_id
    proposal_id = await in_round(database, circle.bran)
    async with db_as("postgres") as db:
        await db.execute(
            text("UPDATE proposals SET round_closes_at = now() WHERE id = :id"), {"id": proposal_id}
        )
    async with database.begin(tenant=tenant) as db:
        await close_rounds(db, RoundsDue(tenant_id=tenant, due_at=datetime.now(UTC)))
    async with database.begin(tenant=tenant) as db:
        await refer_to_parent(db, actor=circle.bran.actor, proposal_id=proposal_id)
    found = await sheet(database, circle.bran, proposal_id)
    assert (found.circle.id, found.phase, found.in_circle) == (tenant, Phase.OBJECTIONS, True)
    await objected(database, circle.bran, proposal_id)
    async with database.begin(tenant=tenant) as db:
        await put_to_vote(db, tenant, proposal_id)
    found = await sheet(database, circle.bran, proposal_id)
    assert (found.phase, found.objections[0].state) == (Phase.VOTING, ObjectionState.ESCALATED)
    for late in (
        consent(database, proposal_id, circle.awa),
        amended(database, circle.bran, proposal_id, limit_of(3)),
    ):
        with pytest.raises(ProposalNotThere):
            await late
    with pytest.raises(ProposalNotThere):
        async with database.begin(tenant=tenant) as db:
            await withdraw_proposal(db, actor=circle.bran.actor, proposal_id=proposal_id)


async def test_an_escalated_proposal_begins_anew_with_new_words(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    tenant = circle.coop.tenant_id
    motion = Subject(kind=ProposalKind.MOTION)
    proposal_id = await in_round(
        database, circle.bran, Words(title="Fêter l'été", reasons="Sur la plage."), subject=motion
    )
    async with db_as("postgres") as db:
        await db.execute(
            text("UPDATE proposals SET round_closes_at = now(), escalates_at = now() WHERE id = :id"),
            {"id": proposal_id},
        )
    async with database.begin(tenant=tenant) as db:
        await close_rounds(db, RoundsDue(tenant_id=tenant, due_at=datetime.now(UTC)))
    assert (await sheet(database, circle.bran, proposal_id)).phase is Phase.ESCALATED
    await amended(
        database, circle.bran, proposal_id, Words(title="Fêter l'été", reasons="Au jardin partagé.")
    )
    found = await sheet(database, circle.bran, proposal_id)
    assert found.escalates_at is not None
    assert found.escalates_at > datetime.now(UTC)
    await consent(database, proposal_id, *circle.everyone, version=2)
    assert (await sheet(database, circle.bran, proposal_id)).state is ProposalState.IN_FORCE


async def test_a_rule_that_has_stood_for_its_time_is_recalled_once_to_the_circle_that_decides_it(
    database: Database, circle: Assembly, db_as: OpenAs
) -> None:
    tenant = circle.coop.tenant_id
    async with db_as("postgres") as db:
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text(
                "UPDATE rule_versions SET in_force = tstzrange(now() - interval '366 days', NULL)"
                " WHERE tenant_id = :tenant AND rule = :rule"
            ),
            {"tenant": tenant, "rule": LIMIT},
        )
    for _day in range(2):
        async with database.begin(tenant=tenant) as db:
            await review_rules(db, RuleReviewsDue(tenant_id=tenant, due_at=datetime.now(UTC)))
    async with database.begin(tenant=tenant) as db:
        version = await at(db, rule=LIMIT, tenant_id=tenant)
        assert (await contested(db, tenant_id=tenant, version_id=version.id)).causes == {ReviewCause.DUE}
        told = [
            one.facts for one in await notices(db, actor=circle.awa.actor) if one.kind == "rules_to_review"
        ]
        assert told == [{"count": 1, "rule": LIMIT}]
        assert not [
            one for one in await notices(db, actor=circle.bran.actor) if one.kind == "rules_to_review"
        ]
