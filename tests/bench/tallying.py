"""How long a large vote takes to count: from the ballots in PostgreSQL to the result of Schulze, against reading them.

The ballots are in the tables of the application and are read as it reads them, under row-level security. The other
side reads the same rows and does nothing with them. This file must never count fewer ballots than were cast.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from statistics import median
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from votelib.convert import RankedToCondorcetVotes
from votelib.evaluate.condorcet import Schulze

from governance.ballot_boxes import boxes_in
from governance.counting.contest import Abstention, Boxes, Contest, EmptyCollege, Operator, TieKind
from governance.counting.outcome import Outcome
from governance.counting.tally import count
from governance.tallies import contest_of
from governance.votes import Policy, Vote, options_of
from tenants.platform.database import Database
from tests.bench.measures import Effort, Figure
from tests.bench.sides import Untrue
from tests.bench.stand import Stand

TALLY: Final = "tally"
BALLOTS: Final = 100_000
OPTIONS: Final = 10
MOST: Final = 2.0
FASTER: Final = 20.0
COMMAND: Final = f"python -m tests.bench --only {TALLY}"
VOTE: Final = UUID("00000000-0000-7000-b000-000000000001")
POLICY: Final = Policy(
    threshold_numerator=1,
    threshold_denominator=2,
    operator=Operator.OVER,
    abstention=Abstention.EXCLUDED,
    quorum_percent=0,
    college_quorum_percent=0,
    ties=TieKind.REPORT,
    carry=None,
    college_threshold_percent=50,
    empty_college=EmptyCollege.FAIL,
)

# The roll and the ballots of a hundred thousand, without as many people behind them.
SEED: Final = """
SET session_replication_role = replica;
INSERT INTO votes (tenant_id, id, circle_id, method, question, explanation, policy, opened_by, opened_at, closes_at, electors_count)
VALUES ('{tenant}', '{vote}', '{tenant}', 'schulze', 'Banc', '', '{policy}', '{member}', now(), now() + interval '1 day', {ballots});
INSERT INTO vote_options (tenant_id, vote_id, number, label, is_default)
SELECT '{tenant}', '{vote}', n, 'Option ' || n, n = {options} FROM generate_series(1, {options}) n;
INSERT INTO electoral_rolls (tenant_id, vote_id, membership_id)
SELECT '{tenant}', '{vote}', ('00000000-0000-7000-b000-' || lpad(n::text, 12, '0'))::uuid FROM generate_series(1, {ballots}) n;
INSERT INTO ballots (tenant_id, vote_id, membership_id, marks, nonce, receipt, cast_at)
SELECT '{tenant}', '{vote}', ('00000000-0000-7000-b000-' || lpad(n::text, 12, '0'))::uuid,
       jsonb_build_object('ranks', (
           SELECT jsonb_object_agg(place, rank)
           FROM (SELECT place, row_number() OVER (ORDER BY random() + n * 0) AS rank
                 FROM generate_series(1, {options}) place) drawn)),
       md5(n::text), encode(sha256(n::text::bytea), 'hex'), now()
FROM generate_series(1, {ballots}) n;
RESET session_replication_role;
ANALYZE ballots, electoral_rolls;
"""
READ: Final = "SELECT marks FROM ballots WHERE tenant_id = $1 AND vote_id = $2"


def tallying(stand: Stand, effort: Effort, report: Callable[[str], None]) -> Iterator[Figure]:
    """Cast a hundred thousand different ballots, count them, and compare with reading them and with votelib."""
    stand.run_all(
        SEED.format(
            tenant=stand.tenant,
            vote=VOTE,
            policy=msgspec.json.encode(POLICY).decode(),
            member=stand.hot,
            ballots=BALLOTS,
            options=OPTIONS,
        )
    )
    ours, theirs, counted = asyncio.run(_compared(stand, effort.pairs))
    contest, boxes, outcome, seconds = counted
    if outcome.turnout[0].cast != BALLOTS:
        raise Untrue(f"{outcome.turnout[0].cast} of {BALLOTS} ballots were counted")
    ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
    report(f"  tally: {1000 * median(ours):.0f} ms, of which the count {1000 * seconds:.0f} ms")
    yield Figure(
        name="tally_over_read",
        value=round(ratio, 2),
        unit="times the bare read",
        at_most=MOST,
        command=COMMAND,
    )
    yield Figure(
        name="tally",
        value=round(1000 * median(ours), 1),
        unit="ms",
        against="reading the same rows",
        theirs=round(1000 * median(theirs), 1),
        command=COMMAND,
    )
    other = _votelib(contest, boxes)
    yield Figure(
        name="tally_count_over_votelib",
        value=round(1000 * seconds, 1),
        unit="ms",
        against="votelib's count alone",
        theirs=round(1000 * other, 1),
        ratio=round(other / seconds, 1),
        at_least=FASTER,
        command=COMMAND,
    )


Counted = tuple[Contest, Boxes, Outcome, float]


async def _compared(stand: Stand, pairs: int) -> tuple[list[float], list[float], Counted]:
    ours, theirs, counts = [], [], []
    database = Database(stand.settings.database_url)
    bare = await asyncpg.connect(stand.servers.url("app"))
    try:
        for _ in range(pairs + 1):
            began = time.perf_counter()
            found = await _tally(database, stand.tenant)
            ours.append(time.perf_counter() - began)
            counts.append(found)
            began = time.perf_counter()
            rows = await _read(bare, stand.tenant)
            theirs.append(time.perf_counter() - began)
            if rows != BALLOTS:
                raise Untrue(f"{rows} of {BALLOTS} ballots were read")
    finally:
        await bare.close()
        await database.close()
    # The first pair warms up.
    contest, boxes, outcome, _ = counts[-1]
    return ours[1:], theirs[1:], (contest, boxes, outcome, median(one[-1] for one in counts[1:]))


async def _tally(database: Database, tenant: UUID) -> Counted:
    async with database.begin(tenant=tenant, read_only=True) as db:
        vote = await db.get_one(Vote, (tenant, VOTE))
        options = await options_of(db, vote)
        boxes = await boxes_in(db, vote, options)
    contest = contest_of(vote, options, [])
    began = time.perf_counter()
    outcome = count(contest, boxes)
    return contest, boxes, outcome, time.perf_counter() - began


async def _read(bare: asyncpg.Connection, tenant: UUID) -> int:
    async with bare.transaction(readonly=True):
        await bare.execute("SELECT set_config('archipel.tenant', $1, true)", str(tenant))
        return len(await bare.fetch(READ, tenant, VOTE))


def _votelib(contest: Contest, boxes: Boxes) -> float:
    """Seconds that votelib takes for the same ballots, which it is given in its own form."""
    ballots: Counter[tuple[str, ...]] = Counter()
    for marks, number in boxes[""].items():
        order = sorted(range(len(marks)), key=marks.__getitem__)
        ballots[tuple(contest.options[place] for place in order)] += number
    given = dict(random.Random(1).sample(list(ballots.items()), len(ballots)))
    began = time.perf_counter()
    Schulze().evaluate(RankedToCondorcetVotes().convert(given), 1)
    return time.perf_counter() - began
