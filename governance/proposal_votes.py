"""Votes on proposals: for or against, in the circle that decides, and what follows from the count by itself.

What is public of such a vote is the rule that is at stake, never the words of the proposal. A vote that decides nothing
rejects it: rules change only by a decision. This file must never count.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.counting.contest import Majority
from governance.counting.outcome import Outcome as Count
from governance.counting.outcome import Verdict
from governance.effects import Outcome, decided
from governance.escalations import put_to_vote
from governance.opening import Asked, begin_vote, must_open_votes
from governance.proposals import Proposed, locked
from governance.vote_policies import THRESHOLDS
from governance.vote_rules import PROPOSAL_THRESHOLD
from governance.votes import QUESTION_LENGTH, Vote, VoteMethod, VoteShown, vote
from tenants.actors import Actor
from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.words import _
from tenants.rulebook import value_in_force
from tenants.rules import RULES


async def vote_on_proposal(
    db: AsyncSession, *, actor: Actor, proposal_id: UUID, closes_at: datetime
) -> VoteShown:
    """Have a vote decide on a discussed proposal: for or against, with the majority that the rules ask of proposals.

    For whoever may open votes in its circle. Locks the proposal. Raises NotFound, NotAllowed, CircleClosed,
    ProposalNotThere, ClosesTooSoon, ClosesTooLate, NobodyToVote, WithoutCollege, NoRuleInForce.
    """
    found = await locked(db, tenant_id=actor.tenant_id, proposal_id=proposal_id)
    await must_open_votes(db, actor, found.proposal.circle_id)
    found = await put_to_vote(db, actor.tenant_id, proposal_id)
    asked = await value_in_force(db, rule=PROPOSAL_THRESHOLD, tenant_id=actor.tenant_id)
    opened = await begin_vote(
        db,
        actor,
        circle_id=found.proposal.circle_id,
        asked=Asked(VoteMethod.MAJORITY, _question(found)),
        threshold=THRESHOLDS[asked],
        closes_at=closes_at,
        proposal_id=proposal_id,
    )
    return await vote(db, tenant_id=actor.tenant_id, actor=actor, vote_id=opened.id)


def _question(found: Proposed) -> str:
    rule = RULES.get(found.proposal.rule or "")
    if rule is None:
        return _("Adopter la proposition ?")
    # Both are short, and a structured value may not be.
    question = _("Changer « {rule} » : {value} ?", rule=_(rule.title), value=rule.say(found.version.value))
    return question if len(question) <= QUESTION_LENGTH else _("Changer « {rule} » ?", rule=_(rule.title))


async def vote_of_proposal(db: AsyncSession, tenant_id: CooperativeId, proposal_id: UUID) -> UUID | None:
    """The vote that decides or decided on a proposal, the last one; None if there was none."""
    query = select(Vote.id).where(Vote.tenant_id == tenant_id, Vote.proposal_id == proposal_id)
    return await db.scalar(query.order_by(Vote.id.desc()).limit(1))


async def let_follow(
    db: AsyncSession, one: Vote, count: Count, rule: object, facts: Mapping[str, Any]
) -> None:
    """Write how the proposal came out, and let its effect follow; before the register's line of the count.

    Locks the proposal, then what its effect changes. A proposal that is no longer there is left alone.
    """
    if one.proposal_id is None:
        return
    assert isinstance(rule, Majority), "a proposal is voted for or against"
    adopted = count.verdict is Verdict.DECIDED and count.elected not in {None, rule.default_option}
    try:
        async with db.begin_nested():
            await decided(
                db,
                one.tenant_id,
                one.proposal_id,
                outcome=Outcome.ADOPTED if adopted else Outcome.REJECTED,
                decision={"method": "vote", **facts},
            )
    except Refusal:
        # Withdrawn or decided otherwise: the vote is counted all the same.
        return
