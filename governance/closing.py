"""Closing: a vote whose time is over is counted, once, by the clock or by whoever looks first.

The count, the published file and the line of the register are written together under the vote's row. This file must
never count a vote before its closing time, nor a second time.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.ballot_boxes import boxes_in
from governance.ballots import Ballot, ballots_of
from governance.counting.tally import count
from governance.counts import publish, stored
from governance.proposal_votes import let_follow
from governance.rolls import Elector
from governance.tallies import contest_of
from governance.votes import Vote, VoteShown, VoteState, options_of, vote
from tenants import audit, register
from tenants.actors import Actor
from tenants.audit_words import declare_actions
from tenants.memberships import Membership, MembershipState
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.clock import Tick
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import MembershipId
from tenants.platform.words import N_

FOLLOWS: Final = ("vote", "electors", "ballots", "verdict", "trace")
"""What the register's line of a decision on a proposal says of its vote."""

declare_notices(
    NoticeKind(
        "vote_reminder",
        N_("Vous n'avez pas encore voté : le vote se clôt le {closes_at}."),
        "/votes/{vote_id}",
        waits=True,
    ),
    NoticeKind("vote_counted", N_("Un vote auquel vous étiez appelé est dépouillé."), "/votes/{vote_id}"),
)
declare_actions({"governance:vote:counted": N_("Vote dépouillé")})
register.declare_kinds(
    {"vote_counted": N_("Vote dépouillé. Bulletins : {ballots}, pour une liste électorale de {electors}.")}
)


class VotesDue(Tick, frozen=True, kw_only=True):
    """It is time to look for votes to remind of, and for votes to count."""


class VoteStillOpen(Refusal):
    """Nobody counts before the closing time."""

    code = "vote_still_open"
    message = N_("Ce vote est encore ouvert : il sera dépouillé après le {closes_at}.")


async def count_vote(db: AsyncSession, *, actor: Actor, vote_id: UUID) -> VoteShown:
    """Count a vote whose time is over, if the clock has not done so yet: any member may ask, and it is done once.

    Holds the vote's row, then the proposal it decides on and what that changes, then the register's head. Raises NotFound, VoteStillOpen.
    """
    _ = actor.is_system or actor.member
    query = select(Vote).where(Vote.tenant_id == actor.tenant_id, Vote.id == vote_id)
    held = (await db.scalars(query.with_for_update().execution_options(populate_existing=True))).one_or_none()
    if held is None:
        raise NotFound
    now = (await db.execute(select(func.clock_timestamp()))).scalar_one()
    if now < held.closes_at:
        raise VoteStillOpen(closes_at=held.closes_at)
    if held.state is VoteState.OPEN:
        await _count(db, actor, held, now)
    return await vote(db, tenant_id=actor.tenant_id, actor=actor, vote_id=vote_id)


async def count_due_votes(db: AsyncSession, event: VotesDue) -> None:
    """Count every vote whose time is over: hears VotesDue."""
    due = select(Vote.id).where(
        Vote.tenant_id == event.tenant_id, Vote.state == VoteState.OPEN, Vote.closes_at <= func.now()
    )
    for vote_id in (await db.scalars(due.order_by(Vote.closes_at, Vote.id))).all():
        await count_vote(db, actor=Actor.system(event.tenant_id), vote_id=vote_id)


async def remind_of_votes(db: AsyncSession, event: VotesDue) -> None:
    """Remind, once per vote, those on the roll who have not voted: hears VotesDue."""
    query = select(Vote).where(
        Vote.tenant_id == event.tenant_id,
        Vote.state == VoteState.OPEN,
        Vote.remind_at <= func.now(),
        Vote.reminded_at.is_(None),
        Vote.closes_at > func.now(),
    )
    for one in (await db.scalars(query.order_by(Vote.id).with_for_update(skip_locked=True))).all():
        one.reminded_at = (await db.execute(select(func.now()))).scalar_one()
        await notify_members(
            db,
            tenant_id=one.tenant_id,
            membership_ids=await active_electors(db, one, silent=True),
            kind="vote_reminder",
            facts={"vote_id": one.id, "closes_at": one.closes_at},
        )


async def active_electors(db: AsyncSession, vote: Vote, *, silent: bool = False) -> Sequence[MembershipId]:
    """The electors who are still members; ``silent``: only those who have not voted."""
    query = (
        select(Elector.membership_id)
        .join(
            Membership,
            and_(Membership.tenant_id == Elector.tenant_id, Membership.id == Elector.membership_id),
        )
        .where(
            Elector.tenant_id == vote.tenant_id,
            Elector.vote_id == vote.id,
            Membership.state == MembershipState.ACTIVE,
        )
    )
    if silent:
        voted = select(Ballot.membership_id).where(
            Ballot.tenant_id == vote.tenant_id, Ballot.vote_id == vote.id
        )
        query = query.where(Elector.membership_id.not_in(voted))
    return (await db.scalars(query.order_by(Elector.membership_id))).all()


async def _count(db: AsyncSession, actor: Actor, held: Vote, now: datetime) -> None:
    options = await options_of(db, held)
    ballots = await ballots_of(db, held)
    contest = contest_of(held, options, [one.receipt for one in ballots])
    outcome = count(contest, await boxes_in(db, held, options))
    await audit.record(
        db,
        actor=actor,
        action="governance:vote:counted",
        subject_id=held.id,
        facts={"ballots": len(ballots), "trace": outcome.trace},
    )
    await notify_members(
        db,
        tenant_id=held.tenant_id,
        membership_ids=await active_electors(db, held),
        kind="vote_counted",
        facts={"vote_id": held.id},
    )
    facts = {
        "vote": str(held.id),
        "method": held.method.value,
        "electors": held.electors_count,
        "ballots": len(ballots),
        "verdict": outcome.verdict.value,
        "winners": list(outcome.winners),
        "trace": outcome.trace,
    }
    await let_follow(db, held, outcome, contest.rule, {name: facts[name] for name in FOLLOWS})
    published = publish(held, options, ballots, contest, outcome)
    digest = hashlib.sha256(published.encode()).hexdigest()
    line = await register.append(
        db, tenant_id=held.tenant_id, kind="vote_counted", facts={**facts, "file": digest}
    )
    held.state = VoteState.COUNTED
    held.counted_at = now
    held.result = stored(outcome)
    held.published = published
    held.trace_hash = outcome.trace
    held.register_seq = line.seq
    await db.flush()
