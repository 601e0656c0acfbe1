"""Proposals at every stage, for a walk over pages and operations. Everything is made through the verbs."""

from datetime import date, timedelta

from governance.contests import contest_rule
from governance.discussion import comment_proposal, support_proposal
from governance.effects import Outcome, decided
from governance.proposal_states import ProposalKind
from governance.proposal_terms import Subject, Words
from governance.proposing import withdraw_proposal
from tenants.actors import Role
from tenants.platform.database import Database
from tests.factories import Member
from tests.governance.proposing import LIMIT, amended, in_round, limit_of, objected, proposed


async def propose_things(database: Database, simone: Member, other: Member) -> None:
    """A draft, a discussion with a question, a round with an objection, decisions of each outcome, a contested rule."""
    await proposed(database, simone, limit_of(9, title="En brouillon"), publish=False)
    discussed = await proposed(database, other, limit_of(8, title="En discussion"))
    async with database.begin(tenant=simone.tenant_id) as db:
        asked = await comment_proposal(
            db, actor=simone.actor, proposal_id=discussed, words="Pourquoi huit ?", question=True
        )
        await comment_proposal(
            db, actor=other.actor, proposal_id=discussed, words="Pour débuter.", answers=asked.id
        )
        await support_proposal(db, actor=simone.actor, proposal_id=discussed)
        await contest_rule(db, actor=simone.actor, rule=LIMIT, reason="Trop large pour nous.")
    running = await in_round(database, simone, limit_of(7, title="En ronde"))
    first = await objected(database, other, running)
    await amended(database, simone, running, limit_of(6, title="En ronde"), first)
    await objected(database, other, running, version=2)
    days = Subject(kind=ProposalKind.AMEND_RULE, rule="governance.review_days")
    soon = date.today() + timedelta(days=20)  # noqa: DTZ011 (any later day)
    kept = {
        Outcome.ADOPTED: Words(title="Relire plus tôt", reasons="Tous les six mois.", value=180),
        Outcome.REJECTED: Words(title="Relire plus tard", reasons="Tous les trois ans.", value=1_000),
    }
    for outcome, words in kept.items():
        one = await proposed(database, simone, words, subject=days)
        async with database.begin(tenant=simone.tenant_id) as db:
            await decided(
                db, simone.tenant_id, one, outcome=outcome, decision={"method": "vote", "votes_for": 3}
            )
    given = Words(title="Une médiation de plus", reasons="Il en faut deux.", until_on=soon)
    to_other = Subject(kind=ProposalKind.GIVE_MANDATE, membership_id=other.id, role=Role.MEDIATOR)
    await proposed(database, simone, given, subject=to_other)
    gone = await proposed(
        database,
        other,
        Words(title="Fêter l'été", reasons="Sur la plage."),
        subject=Subject(kind=ProposalKind.MOTION),
    )
    async with database.begin(tenant=other.tenant_id) as db:
        await withdraw_proposal(db, actor=other.actor, proposal_id=gone)
