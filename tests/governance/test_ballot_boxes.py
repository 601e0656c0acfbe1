"""Ballots go from the database into the boxes of the count as they were marked, by college and without voters."""

import pytest

from governance.ballot_boxes import boxes_in
from governance.ballots import Marks
from governance.counting.contest import Boxes
from governance.votes import VoteMethod, VoteShown
from tenants.platform.database import Database
from tests.governance.polling import ABSTAIN, AGAINST, FOR, ballot, opened, polling_place


async def boxed(database: Database, vote: VoteShown) -> Boxes:
    async with database.begin(tenant=vote.vote.tenant_id, read_only=True) as db:
        return await boxes_in(db, vote.vote, vote.options)


@pytest.mark.parametrize(
    ("method", "marked", "box"),
    [
        (VoteMethod.MAJORITY, [FOR, FOR, AGAINST, ABSTAIN], {b"\1\0": 2, b"\0\1": 1, b"\0\0": 1}),
        (
            VoteMethod.JUDGMENT,
            [Marks(grades={1: 7, 3: 2}), Marks(grades={3: 2, 1: 7}), Marks(grades={2: 1})],
            {b"\7\0\2": 2, b"\0\1\0": 1},
        ),
        (
            VoteMethod.SCHULZE,
            [Marks(ranks={1: 1, 2: 3, 3: 2}), Marks(ranks={2: 1}), Marks(ranks={2: 1})],
            {b"\1\3\2": 1, b"\0\1\0": 2},
        ),
    ],
)
async def test_equal_ballots_are_together_with_their_number(
    database: Database, method: VoteMethod, marked: list[Marks], box: dict[bytes, int]
) -> None:
    coop, members = await polling_place(database, members=len(marked))
    options = () if method is VoteMethod.MAJORITY else ("Lac", "Forêt", "Rien")
    vote = await opened(database, coop, method=method, options=options)
    for member, marks in zip(members, marked, strict=True):
        await ballot(database, vote, member, marks)
    missing = len(vote.options) - len(next(iter(box)))
    assert await boxed(database, vote) == {"": {marks + bytes(missing): n for marks, n in box.items()}}


async def test_a_vote_without_a_ballot_has_no_box(database: Database) -> None:
    coop, _ = await polling_place(database, members=1)
    assert await boxed(database, await opened(database, coop)) == {}
