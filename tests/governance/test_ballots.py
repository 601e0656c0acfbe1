"""Casting ballots: from the frozen roll, until the closing time by the database's clock, the last one counting."""

import asyncio

import pytest
from sqlalchemy import func, select

from governance.ballots import (
    Ballot,
    BallotEmpty,
    BallotUnreadable,
    Marks,
    OptionUnknown,
    ballots_of,
    cast_ballot,
    my_ballot,
    receipt_of,
)
from governance.opening import (
    OptionTwice,
    TooFewOptions,
)
from governance.option_withdrawals import OptionStays, withdraw_option
from governance.rolls import Elector, NotOnTheRoll
from governance.vote_policies import ClosesTooLate, ClosesTooSoon
from governance.votes import Vote, VoteMethod, VoteOver, VoteShown
from tenants.memberships import leave_cooperative
from tenants.notices import notices
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tests.conftest import OpenAs
from tests.factories import join_member
from tests.governance.polling import (
    ABSTAIN,
    AGAINST,
    FOR,
    ballot,
    let_close,
    opened,
    polling_place,
)

RANKED = VoteMethod.SCHULZE
JUDGED = VoteMethod.JUDGMENT


async def stored(db_as: OpenAs, vote: VoteShown) -> list[Ballot]:
    async with db_as("owner", tenant=vote.vote.tenant_id) as db:
        return list(await db.scalars(select(Ballot).where(Ballot.vote_id == vote.vote.id)))


async def test_the_roll_is_those_in_the_circle_at_opening_and_stays_so(
    database: Database, db_as: OpenAs
) -> None:
    coop, [anna, *_others] = await polling_place(database)
    vote = await opened(database, coop)
    late = await join_member(database, coop)
    with pytest.raises(NotOnTheRoll):
        await ballot(database, vote, late, FOR)
    await ballot(database, vote, anna, FOR)
    async with database.begin(tenant=coop.tenant_id) as db:
        await leave_cooperative(db, actor=anna.actor)
    async with db_as("owner", tenant=coop.tenant_id) as db:
        roll = await db.scalar(
            select(func.count()).select_from(Elector).where(Elector.vote_id == vote.vote.id)
        )
        kept = await ballots_of(db, vote.vote)
    assert roll == vote.vote.electors_count == 4
    assert [one.marks for one in kept] == [FOR], "who left keeps the ballot that they cast"


async def test_the_last_ballot_replaces_the_first_and_its_receipt(database: Database, db_as: OpenAs) -> None:
    coop, [anna, *_] = await polling_place(database)
    vote = await opened(database, coop)
    first = (await ballot(database, vote, anna, FOR)).receipt
    second = await ballot(database, vote, anna, AGAINST)
    assert second.receipt == receipt_of(vote.vote.id, second.nonce, {"choice": 2}) != first
    [kept] = await stored(db_as, vote)
    assert (kept.receipt, kept.marked, kept.times) == (second.receipt, AGAINST, 2)
    async with database.begin(tenant=coop.tenant_id) as db:
        mine = await my_ballot(db, actor=anna.actor, vote_id=vote.vote.id)
        assert mine is not None
        assert mine.receipt == second.receipt
        assert await my_ballot(db, actor=coop.manager.actor, vote_id=vote.vote.id) is None


async def test_ballots_sent_at_once_by_one_person_are_one_ballot_and_the_last_counts(
    database: Database, db_as: OpenAs
) -> None:
    coop, [anna, *_] = await polling_place(database)
    vote = await opened(database, coop)
    sent = [FOR, AGAINST, ABSTAIN, FOR, AGAINST, FOR]
    cast = await asyncio.gather(*(ballot(database, vote, anna, marks) for marks in sent))
    [kept] = await stored(db_as, vote)
    assert kept.times == len(sent)
    last = max(cast, key=lambda one: one.cast_at)
    assert (kept.receipt, kept.cast_at) == (last.receipt, last.cast_at)


async def test_the_closing_time_is_one_for_all_by_the_clock_of_the_database(
    database: Database, db_as: OpenAs
) -> None:
    """Ballots arrive all through the closing second; each is in before it, or refused after it."""
    coop, members = await polling_place(database, members=5)
    vote = await opened(database, coop)
    await let_close(db_as, vote, seconds_ago=-0.3)
    async with db_as("owner", tenant=coop.tenant_id) as db:
        closes_at = (await db.execute(select(Vote.closes_at).where(Vote.id == vote.vote.id))).scalar_one()

    async def keep_voting(number: int) -> int:
        refused = 0
        for _ in range(12):
            try:
                cast = await ballot(database, vote, members[number], FOR)
            except VoteOver:
                refused += 1
            else:
                assert not refused, "nobody votes after having been told that it is over"
                assert cast.cast_at < closes_at
            await asyncio.sleep(0.05)
        return refused

    refused = await asyncio.gather(*(keep_voting(number) for number in range(5)))
    assert all(refused), "the last of each came too late"


async def test_a_closed_vote_takes_no_ballot_and_withdraws_no_option(
    database: Database, db_as: OpenAs
) -> None:
    coop, [anna, *_] = await polling_place(database)
    vote = await opened(database, coop, method=RANKED, options=["Lundi", "Mardi"])
    await let_close(db_as, vote)
    with pytest.raises(VoteOver):
        await ballot(database, vote, anna, Marks(ranks={1: 1}))
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(VoteOver):
            await withdraw_option(db, actor=coop.manager.actor, vote_id=vote.vote.id, number=1)


@pytest.mark.parametrize(
    ("method", "marks", "refusal"),
    [
        (VoteMethod.MAJORITY, Marks(), BallotEmpty),
        (VoteMethod.MAJORITY, Marks(choice=3), OptionUnknown),
        (VoteMethod.MAJORITY, Marks(choice=1, ranks={1: 1}), BallotUnreadable),
        (JUDGED, Marks(grades={1: 8}), BallotUnreadable),
        (JUDGED, Marks(grades={1: 0}), BallotUnreadable),
        (JUDGED, Marks(grades={9: 1}), OptionUnknown),
        (JUDGED, Marks(choice=1), BallotUnreadable),
        (RANKED, Marks(ranks={1: 4}), BallotUnreadable),
        (RANKED, Marks(ranks={4: 1}), OptionUnknown),
        (RANKED, Marks(grades={1: 1}), BallotUnreadable),
    ],
)
async def test_what_is_no_ballot_of_the_method_is_refused(
    database: Database, method: VoteMethod, marks: Marks, refusal: type[Exception]
) -> None:
    coop, [anna, *_] = await polling_place(database, members=1)
    options = [] if method is VoteMethod.MAJORITY else ["Lundi", "Mardi"]
    vote = await opened(database, coop, method=method, options=options)
    with pytest.raises(refusal):
        await ballot(database, vote, anna, marks)


async def test_equal_and_gapped_ranks_and_blank_ballots_are_ballots(database: Database) -> None:
    coop, [anna, *_] = await polling_place(database, members=1)
    ranked = await opened(database, coop, method=RANKED, options=["Lundi", "Mardi"])
    for marks in (Marks(ranks={1: 1, 2: 1}), Marks(ranks={1: 3}), Marks()):
        assert (await ballot(database, ranked, anna, marks)).marked == marks
    judged = await opened(database, coop, method=JUDGED, options=["Lundi", "Mardi"])
    for marks in (Marks(grades={1: 1, 2: 7}), Marks(grades={2: 4}), Marks()):
        assert (await ballot(database, judged, anna, marks)).marked == marks


async def test_an_option_is_withdrawn_by_whoever_opens_votes_and_its_column_stays(
    database: Database,
) -> None:
    coop, [anna, *_] = await polling_place(database)
    vote = await opened(database, coop, method=RANKED, options=["Lundi", "Mardi", "Jeudi"])
    await ballot(database, vote, anna, Marks(ranks={2: 1, 1: 2}))
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await withdraw_option(db, actor=anna.actor, vote_id=vote.vote.id, number=2)
    for _ in range(2):
        async with database.begin(tenant=coop.tenant_id) as db:
            after = await withdraw_option(db, actor=coop.manager.actor, vote_id=vote.vote.id, number=2)
            standing = [(one.number, one.withdrawn_at is None) for one in after.options]
        assert standing == [(1, True), (2, False), (3, True), (4, True)]
    # Whoever had the page open before may still send what it showed.
    assert (await ballot(database, vote, anna, Marks(ranks={2: 1, 3: 2}))).times == 2
    async with database.begin(tenant=coop.tenant_id) as db:
        told = [one.kind for one in await notices(db, actor=anna.actor)]
        assert told.count("vote_option_withdrawn") == 1
        with pytest.raises(OptionStays):
            await withdraw_option(db, actor=coop.manager.actor, vote_id=vote.vote.id, number=4)


async def test_for_and_against_are_not_withdrawn(database: Database) -> None:
    coop, _ = await polling_place(database, members=1)
    vote = await opened(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(OptionStays):
            await withdraw_option(db, actor=coop.manager.actor, vote_id=vote.vote.id, number=1)


async def test_who_opens_a_vote_and_with_what(database: Database) -> None:
    coop, [anna, *_] = await polling_place(database, vote_days_min=3)
    with pytest.raises(NotAllowed):
        await opened(database, coop, by=anna)
    with pytest.raises(NotFound):
        await opened(database, coop, circle_id=anna.id)
    with pytest.raises(ClosesTooSoon):
        await opened(database, coop, days=2)
    with pytest.raises(ClosesTooLate):
        await opened(database, coop, days=400)
    with pytest.raises(TooFewOptions):
        await opened(database, coop, method=JUDGED, options=["Lundi", " "])
    with pytest.raises(OptionTwice):
        await opened(database, coop, method=JUDGED, options=["Lundi", " lundi "])
    vote = await opened(database, coop)
    assert [one.label for one in vote.options] == ["Pour", "Contre"]
    async with database.begin(tenant=coop.tenant_id) as db:
        told = [one.kind for one in await notices(db, actor=anna.actor)]
    assert told.count("vote_opened") == 1


async def test_a_vote_of_another_cooperative_is_not_found(database: Database) -> None:
    coop, _ = await polling_place(database, members=0)
    vote = await opened(database, coop)
    _, [stranger] = await polling_place(database, members=1)
    async with database.begin(tenant=stranger.tenant_id) as db:
        with pytest.raises(NotFound):
            await cast_ballot(db, actor=stranger.actor, vote_id=vote.vote.id, marks=FOR)
