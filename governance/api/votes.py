"""Votes in the JSON API: opening, voting, counting, and what anyone may read once a vote is counted."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from governance import ballots as urn
from governance import closing, counts, opening, option_withdrawals, proposal_votes, rolls
from governance import votes as verbs
from governance.api.vote_answers import (
    BallotAnswer,
    BallotLine,
    BallotMarks,
    OptionWithdrawal,
    ProposalVoting,
    VoteAnswer,
    VoteOpening,
    VoteSummary,
    VoteWaiting,
    own_ballot,
    shown_to,
    summary,
)
from governance.pages.votes import Standing
from governance.votes import VotePhase
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    api_post,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit

VOTES: Final = "/{cooperative:str}/votes"
VOTE: Final = VOTES + "/{vote_id:uuid}"
PROPOSAL: Final = "/{cooperative:str}/proposals/{proposal_id:uuid}"
READ: Final = "governance:read"
WRITE: Final = "governance:write"


@api_get(VOTES, operation_id="votes", summary="List votes", public=True)
async def votes(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[VoteSummary]:
    """List votes, those not yet counted first, then the newest; a stranger sees those counted."""
    cursor = decode_cursor(after, (Standing, UUID))
    found = await verbs.votes(
        visit.db,
        tenant_id=visit.here.tenant_id,
        actor=visit.member_with(READ) if visit.member else None,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=limit + 1,
    )
    items = [VoteSummary(**summary(one)) for one in found[:limit]]
    more = len(found) > limit
    standing = 0 if more and items[-1].phase is VotePhase.COUNTED else 1
    return Page(items=items, next=encode_cursor(standing, items[-1].id) if more else None)


@api_get(VOTES + "/to-cast", operation_id="votes_to_cast", summary="List the votes that wait for one")
async def votes_to_cast(visit: NamedDependency[Visit]) -> Page[VoteWaiting]:
    """List the open votes that wait for one's own ballot (at most 20), the first to close first."""
    found = await rolls.votes_to_cast(visit.db, actor=visit.member_with(READ))
    return Page(
        items=[VoteWaiting(id=one.vote_id, question=one.question, closes_at=one.closes_at) for one in found]
    )


@api_get(VOTE, operation_id="vote", summary="Read a vote", public=True)
async def vote(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> VoteAnswer:
    """Read one vote; a stranger reads those counted."""
    actor = visit.member_with(READ) if visit.member else None
    found = await verbs.vote(visit.db, tenant_id=visit.here.tenant_id, actor=actor, vote_id=vote_id)
    return shown_to(found, member=actor is not None)


@api_post(VOTES, operation_id="open_vote", summary="Open a vote")
async def open_vote(visit: NamedDependency[Visit], data: JSONBody[VoteOpening]) -> Response[VoteAnswer]:
    """Open a vote in a circle: for its facilitator or, as long as there is none, a manager."""
    actor = visit.member_with(WRITE)

    async def work() -> VoteAnswer:
        return shown_to(await opening.open_vote(visit.db, actor=actor, **msgspec.structs.asdict(data)))

    return await visit.once(work)


@api_post(PROPOSAL + "/vote", operation_id="vote_on_proposal", summary="Put a proposal to the vote")
async def vote_on_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID], data: JSONBody[ProposalVoting]
) -> Response[VoteAnswer]:
    """Have a vote, for or against, decide on a discussed proposal, whose effect then follows by itself."""
    actor = visit.member_with(WRITE)

    async def work() -> VoteAnswer:
        return shown_to(
            await proposal_votes.vote_on_proposal(
                visit.db, actor=actor, proposal_id=proposal_id, closes_at=data.closes_at
            )
        )

    return await visit.once(work)


@api_get(VOTE + "/ballot", operation_id="my_ballot", summary="Read one's own ballot")
async def my_ballot(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> BallotAnswer | None:
    """Read one's own ballot; null before one has voted."""
    actor = visit.member_with(READ)
    await verbs.vote(visit.db, tenant_id=actor.tenant_id, actor=actor, vote_id=vote_id)
    mine = await urn.my_ballot(visit.db, actor=actor, vote_id=vote_id)
    return own_ballot(mine) if mine else None


@api_post(VOTE + "/ballot", operation_id="cast_ballot", summary="Vote", status=200)
async def cast_ballot(
    visit: NamedDependency[Visit], vote_id: FromPath[UUID], data: JSONBody[BallotMarks]
) -> Response[BallotAnswer]:
    """Vote, or vote again: the last ballot before closing counts."""
    actor = visit.member_with(WRITE)

    async def work() -> BallotAnswer:
        return own_ballot(await urn.cast_ballot(visit.db, actor=actor, vote_id=vote_id, marks=_marks(data)))

    return await visit.once(work, status=200)


def _marks(data: BallotMarks) -> urn.Marks:
    try:
        return urn.Marks(
            choice=data.choice,
            grades={int(number): grade for number, grade in data.grades.items()},
            ranks={int(number): rank for number, rank in data.ranks.items()},
        )
    except ValueError as error:
        raise urn.BallotUnreadable from error


@api_post(
    VOTE + "/options/withdraw", operation_id="withdraw_option", summary="Withdraw an option", status=200
)
async def withdraw_option(
    visit: NamedDependency[Visit], vote_id: FromPath[UUID], data: JSONBody[OptionWithdrawal]
) -> Response[VoteAnswer]:
    """Withdraw an option while the vote is open: it is void on every ballot and keeps its column."""
    actor = visit.member_with(WRITE)

    async def work() -> VoteAnswer:
        return shown_to(
            await option_withdrawals.withdraw_option(
                visit.db, actor=actor, vote_id=vote_id, number=data.number
            )
        )

    return await visit.once(work, status=200)


@api_post(VOTE + "/count", operation_id="count_vote", summary="Count a closed vote", status=200)
async def count_vote(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> Response[VoteAnswer]:
    """Count a vote whose time is over, if the clock has not done so yet."""
    actor = visit.member_with(WRITE)

    async def work() -> VoteAnswer:
        return shown_to(await closing.count_vote(visit.db, actor=actor, vote_id=vote_id))

    return await visit.once(work, status=200)


@api_get(VOTE + "/ballots", operation_id="published_ballots", summary="List counted ballots", public=True)
async def published_ballots(
    visit: NamedDependency[Visit],
    vote_id: FromPath[UUID],
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[BallotLine]:
    """List the ballots of a counted vote by their receipts, without voters."""
    cursor = decode_cursor(after, (str,))
    _file, found = await counts.published_ballots(visit.db, tenant_id=visit.here.tenant_id, vote_id=vote_id)
    left = [one for one in found if cursor is None or one.receipt > cursor[0]]
    items = [
        BallotLine(receipt=one.receipt, college=one.college, marks=list(one.marks)) for one in left[:limit]
    ]
    return Page(items=items, next=encode_cursor(items[-1].receipt) if len(left) > limit else None)


@api_get(VOTE + "/file", operation_id="vote_file", summary="The public file of a vote", public=True)
async def vote_file(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> dict[str, Any]:
    """The file of a counted vote, which ``archipel recount`` checks."""
    text = await counts.vote_file(visit.db, tenant_id=visit.here.tenant_id, vote_id=vote_id)
    read: dict[str, Any] = msgspec.json.decode(text)
    return read


API: Final = [
    votes,
    votes_to_cast,
    vote,
    open_vote,
    my_ballot,
    vote_on_proposal,
    cast_ballot,
    withdraw_option,
    count_vote,
    published_ballots,
    vote_file,
]
