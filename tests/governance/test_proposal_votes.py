"""Votes on proposals: what is adopted takes effect by itself, what is not changes nothing, and no word leaks."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from governance.ballots import Marks
from governance.counts import vote_file
from governance.proposal_states import Phase, ProposalState
from governance.proposal_votes import vote_on_proposal
from governance.proposals import ProposalNotThere
from governance.proposing import withdraw_proposal
from governance.votes import VoteShown, vote
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tenants.register import RegisterLine
from tenants.rulebook import Source, at
from tests.conftest import OpenAs
from tests.factories import Member
from tests.governance.polling import AGAINST, FOR, ballot, counted, polling_place
from tests.governance.proposing import HOUR, LIMIT, proposed, sheet
from tests.tenants.conftest import Browser


async def put(database: Database, manager: Member, proposal_id: UUID) -> VoteShown:
    async with database.begin(tenant=manager.tenant_id) as db:
        return await vote_on_proposal(
            db,
            actor=manager.actor,
            proposal_id=proposal_id,
            closes_at=datetime.now(UTC) + timedelta(days=4),
        )


@pytest.mark.parametrize(
    ("marks", "state", "hours"),
    [
        ((FOR, FOR, AGAINST), ProposalState.IN_FORCE, 2),
        ((FOR, AGAINST, AGAINST), ProposalState.REJECTED, 20),
        ((FOR, AGAINST), ProposalState.REJECTED, 20),
        ((), ProposalState.REJECTED, 20),
    ],
)
async def test_the_count_decides_and_the_rulebook_follows_by_itself(
    database: Database, db_as: OpenAs, marks: tuple[Marks, ...], state: ProposalState, hours: int
) -> None:
    coop, members = await polling_place(database)
    proposal_id = await proposed(database, members[0])
    shown = await put(database, coop.manager, proposal_id)
    assert (await sheet(database, members[0], proposal_id)).phase is Phase.VOTING
    for member, mark in zip(members, marks, strict=False):
        await ballot(database, shown, member, mark)
    after = await counted(database, db_as, shown)
    found = await sheet(database, members[0], proposal_id)
    assert (found.state, str(found.method)) == (state, "vote")
    async with database.begin(tenant=coop.tenant_id) as db:
        version = await at(db, rule=LIMIT)
        lines = (await db.scalars(select(RegisterLine).order_by(RegisterLine.seq.desc()).limit(2))).all()
        text = await vote_file(db, tenant_id=coop.tenant_id, vote_id=shown.vote.id)
    assert version.value == hours * HOUR
    assert (version.source is Source.PROPOSAL) == (state is ProposalState.IN_FORCE)
    decision = next(one for one in lines if one.kind != "vote_counted")
    assert decision.facts["vote"] == str(shown.vote.id)
    assert decision.facts["trace"] == after.vote.trace_hash
    assert "Baisser le découvert" not in text, "what members wrote stays among them"


async def test_who_opens_votes_puts_to_the_vote_once_and_nothing_is_withdrawn_meanwhile(
    database: Database,
) -> None:
    coop, [anna, *_] = await polling_place(database)
    proposal_id = await proposed(database, anna)
    with pytest.raises(NotAllowed):
        await put(database, anna, proposal_id)
    await put(database, coop.manager, proposal_id)
    with pytest.raises(ProposalNotThere):
        await put(database, coop.manager, proposal_id)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(ProposalNotThere):
            await withdraw_proposal(db, actor=anna.actor, proposal_id=proposal_id)


async def test_from_the_page_of_a_proposal_to_its_vote_and_back(database: Database, browser: Browser) -> None:
    coop, [anna, *_] = await polling_place(database)
    proposal_id = await proposed(database, anna)
    path = f"/{coop.slug}/proposals/{proposal_id}"
    manager, author = browser(coop.manager), browser(anna)
    assert f'href="{path}/vote"' in (await manager.get(path)).text
    assert f'href="{path}/vote"' not in (await author.get(path)).text
    assert (await author.get(f"{path}/vote")).status_code == 403
    assert "Mettre au vote" in (await manager.get(f"{path}/vote")).text
    closes = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    sent = await manager.post(f"{path}/vote", data={"closes_on": closes, "closes_time": "18h00"})
    assert sent.status_code == 303
    to_vote = await author.get(f"{path}/vote")
    assert (to_vote.status_code, to_vote.headers["location"]) == (303, sent.headers["location"])
    page = (await author.get(sent.headers["location"])).text
    assert path in page
    async with database.begin(tenant=coop.tenant_id) as db:
        vote_id = UUID(sent.headers["location"].rsplit("/", 1)[1])
        shown = await vote(db, tenant_id=coop.tenant_id, actor=anna.actor, vote_id=vote_id)
    assert "Découvert d'heures" in shown.vote.question or "Découvert d’heures" in shown.vote.question
    assert f'href="{path}/vote"' in (await author.get(path)).text
