"""Closing and counting votes: once, after the closing time, hidden until then, and by a file that anyone recounts."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text

from governance.ballots import Marks, my_ballot
from governance.closing import (
    VotesDue,
    VoteStillOpen,
    count_due_votes,
    count_vote,
    remind_of_votes,
)
from governance.counting.contest import Carry, TieKind
from governance.counting.outcome import Outcome, Verdict
from governance.counting.published import differences, read, recounted
from governance.counting.workings import MajorityWorking
from governance.counts import outcome_of, vote_file
from governance.option_withdrawals import withdraw_option
from governance.vote_policies import ABSTENTIONS, TIES, Threshold
from governance.votes import VoteMethod, VoteShown, vote
from tenants.notices import notices
from tenants.platform.database import Database
from tenants.platform.errors import NotFound
from tenants.platform.web import encode_cursor
from tenants.register import RegisterLine
from tests.conftest import OpenAs
from tests.factories import Member, api_token
from tests.governance.polling import (
    ABSTAIN,
    AGAINST,
    FOR,
    ballot,
    counted,
    into_colleges,
    let_close,
    opened,
    polling_place,
    weights,
)
from tests.tenants.conftest import Browser, Client


def outcome(shown: VoteShown) -> Outcome:
    found = outcome_of(shown.vote)
    assert found is not None
    return found


async def told(database: Database, member: Member, kind: str) -> int:
    async with database.begin(tenant=member.tenant_id) as db:
        return sum(one.kind == kind for one in await notices(db, actor=member.actor))


async def public_file(database: Database, shown: VoteShown) -> str:
    async with database.begin(tenant=shown.vote.tenant_id) as db:
        return await vote_file(db, tenant_id=shown.vote.tenant_id, vote_id=shown.vote.id)


async def test_a_vote_is_counted_once_whoever_asks_and_however_many_at_once(
    database: Database, db_as: OpenAs
) -> None:
    coop, [anna, badis, _] = await polling_place(database)
    shown = await opened(database, coop)
    await ballot(database, shown, anna, FOR)
    await ballot(database, shown, badis, AGAINST)
    await ballot(database, shown, coop.manager, FOR)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(VoteStillOpen):
            await count_vote(db, actor=anna.actor, vote_id=shown.vote.id)
    await let_close(db_as, shown)
    due = VotesDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC))

    async def by_tick() -> None:
        async with database.begin(tenant=coop.tenant_id) as db:
            await count_due_votes(db, due)

    async def by_member(member: Member) -> None:
        async with database.begin(tenant=coop.tenant_id) as db:
            await count_vote(db, actor=member.actor, vote_id=shown.vote.id)

    await asyncio.gather(by_tick(), by_member(anna), by_member(badis), by_tick())
    async with database.begin(tenant=coop.tenant_id) as db:
        lines = (await db.scalars(select(RegisterLine).where(RegisterLine.kind == "vote_counted"))).all()
        after = await vote(db, tenant_id=coop.tenant_id, actor=None, vote_id=shown.vote.id)
    [line] = lines
    assert outcome(after).verdict is Verdict.DECIDED
    assert outcome(after).winners == ("1",)
    text = await public_file(database, after)
    assert line.facts["trace"] == after.vote.trace_hash == outcome(after).trace
    assert line.facts["file"] == hashlib.sha256(text.encode()).hexdigest()
    assert await told(database, anna, "vote_counted") == 1


async def test_the_public_file_recounts_to_the_same_and_holds_each_receipt_and_nobody(
    database: Database, db_as: OpenAs
) -> None:
    coop, [anna, badis, chloe] = await polling_place(database)
    shown = await opened(
        database, coop, method=VoteMethod.SCHULZE, options=["Lundi", "Mardi", "Jeudi"], question="Quel jour ?"
    )
    receipts = [
        (await ballot(database, shown, member, Marks(ranks=ranks))).receipt
        for member, ranks in ((anna, {1: 1, 2: 2}), (badis, {2: 1, 3: 1}), (chloe, {1: 1, 4: 2}))
    ]
    after = await counted(database, db_as, shown)
    text = await public_file(database, after)
    file = read(text.encode())
    assert differences(file.result, recounted(file)) == []
    assert file.result.trace == after.vote.trace_hash
    assert sorted(receipts) == [one.receipt for one in file.ballots or ()]
    assert file.labels["1"] == "Lundi"
    for member in (anna, badis, chloe, coop.manager):
        assert str(member.id) not in text
        assert member.name not in text


async def test_an_option_withdrawn_in_between_is_void_and_keeps_its_column(
    database: Database, db_as: OpenAs
) -> None:
    coop, [anna, badis, chloe] = await polling_place(database)
    shown = await opened(database, coop, method=VoteMethod.JUDGMENT, options=["Lundi", "Mardi", "Jeudi"])
    for member in (anna, badis, chloe):
        await ballot(database, shown, member, Marks(grades={1: 1, 2: 2, 3: 6}))
    async with database.begin(tenant=coop.tenant_id) as db:
        await withdraw_option(db, actor=coop.manager.actor, vote_id=shown.vote.id, number=1)
    after = await counted(database, db_as, shown)
    file = read((await public_file(database, after)).encode())
    assert outcome(after).winners == ("2",)
    assert file.contest.void == ("1",)
    assert [one.marks for one in file.ballots or ()] == [(1, 2, 6)] * 3


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (VoteMethod.MAJORITY, []),
        (VoteMethod.MAJORITY, ["Lundi", "Mardi"]),
        (VoteMethod.JUDGMENT, ["Lundi", "Mardi"]),
        (VoteMethod.SCHULZE, ["Lundi"]),
    ],
)
async def test_a_vote_without_ballots_decides_nothing_and_recounts(
    database: Database, db_as: OpenAs, method: VoteMethod, options: list[str]
) -> None:
    coop, _ = await polling_place(database, members=1)
    after = await counted(database, db_as, await opened(database, coop, method=method, options=options))
    assert outcome(after).verdict is Verdict.NO_BALLOTS
    file = read((await public_file(database, after)).encode())
    assert differences(file.result, recounted(file)) == []


async def test_the_operator_of_a_threshold_is_kept(database: Database, db_as: OpenAs) -> None:
    coop, [anna, badis, chloe] = await polling_place(database)
    found = {}
    for threshold in (Threshold.MORE_THAN_HALF, Threshold.TWO_THIRDS, Threshold.THREE_QUARTERS):
        shown = await opened(database, coop, threshold=threshold)
        for member, marks in ((anna, FOR), (badis, FOR), (chloe, AGAINST)):
            await ballot(database, shown, member, marks)
        found[threshold] = outcome(await counted(database, db_as, shown)).winners
    assert found == {
        Threshold.MORE_THAN_HALF: ("1",),
        Threshold.TWO_THIRDS: ("1",),
        Threshold.THREE_QUARTERS: ("2",),
    }


async def test_quorum_counts_abstentions_as_votes_and_the_roll_as_it_was(
    database: Database, db_as: OpenAs
) -> None:
    coop, [anna, badis, _] = await polling_place(database, quorum_percent=50)
    shown = await opened(database, coop)
    await ballot(database, shown, anna, FOR)
    assert outcome(await counted(database, db_as, shown)).verdict is Verdict.NO_QUORUM
    again = await opened(database, coop)
    await ballot(database, again, anna, FOR)
    await ballot(database, again, badis, ABSTAIN)
    assert outcome(await counted(database, db_as, again)).winners == ("1",)


async def test_a_tie_is_reported_and_broken_only_where_the_rule_says_so(
    database: Database, db_as: OpenAs
) -> None:
    for kind in TIES:
        coop, [anna, badis] = await polling_place(database, members=2, ties=TIES.index(kind))
        shown = await opened(database, coop, method=VoteMethod.JUDGMENT, options=["Lundi", "Mardi"])
        await ballot(database, shown, anna, Marks(grades={1: 1, 2: 3}))
        await ballot(database, shown, badis, Marks(grades={1: 3, 2: 1}))
        found = outcome(await counted(database, db_as, shown))
        [tie] = found.ties
        assert set(tie.options) == {"1", "2"}
        if kind is TieKind.REPORT:
            assert (found.verdict, found.winners) == (Verdict.TIED, ("1", "2"))
        else:
            assert found.winners == tie.order[:1]


async def test_colleges_by_block_as_the_statutes_of_a_scic_have_it(database: Database, db_as: OpenAs) -> None:
    """Ten for, five against, five abstain of twenty: with abstention as consent, 75 % of the college, above 60 %."""
    as_consent = [one.value for one in ABSTENTIONS].index("as_consent")
    coop, members = await polling_place(
        database,
        members=11,
        abstention=as_consent,
        college_carry=2,
        college_threshold_percent=60,
        college_weights=weights(Salariés=25, Usagers=25, Soutiens=25, Communes=25),
    )
    everybody = [coop.manager, *members]
    places = {
        "Salariés": everybody[:8],
        "Usagers": everybody[8:9],
        "Soutiens": everybody[9:10],
        "Communes": everybody[10:],
    }
    await into_colleges(database, coop, places)
    shown = await opened(database, coop)
    assert shown.vote.frozen_policy.carry is Carry.BLOCK
    for member, marks in zip(everybody, [FOR] * 4 + [AGAINST] * 2 + [ABSTAIN] * 2, strict=False):
        await ballot(database, shown, member, marks)
    await ballot(database, shown, everybody[8], FOR)
    await ballot(database, shown, everybody[9], AGAINST)
    await ballot(database, shown, everybody[10], FOR)
    found = outcome(await counted(database, db_as, shown))
    assert found.winners == ("1",)
    assert isinstance(found.working, MajorityWorking)
    names = {str(one.id): one.name for one in shown.vote.frozen_policy.colleges}
    by_name = {names[one.college]: one for one in found.working.colleges}
    assert by_name["Salariés"].shares["1"] == Fraction(3, 4)
    assert {name: one.carried for name, one in by_name.items()} == {
        "Salariés": "1",
        "Usagers": "1",
        "Soutiens": "2",
        "Communes": "1",
    }
    assert found.working.scores == {"1": Fraction(3, 4), "2": Fraction(1, 4)}
    turnout = {names.get(one.college, ""): (one.members, one.cast) for one in found.turnout}
    assert turnout == {
        "": (12, 11),
        "Salariés": (8, 8),
        "Usagers": (1, 1),
        "Soutiens": (1, 1),
        "Communes": (2, 1),
    }


async def test_those_who_have_not_voted_are_reminded_once(database: Database, db_as: OpenAs) -> None:
    coop, [anna, badis, _] = await polling_place(database, vote_reminder_days=3)
    shown = await opened(database, coop, days=4)
    await ballot(database, shown, anna, FOR)
    due = VotesDue(tenant_id=coop.tenant_id, due_at=datetime.now(UTC))

    async def tick() -> tuple[int, int]:
        async with database.begin(tenant=coop.tenant_id) as db:
            await remind_of_votes(db, due)
        return await told(database, anna, "vote_reminder"), await told(database, badis, "vote_reminder")

    assert await tick() == (0, 0), "it is too early"
    async with db_as("owner", tenant=coop.tenant_id) as db:
        await db.execute(text("UPDATE votes SET remind_at = now() - interval '1 minute'"))
    assert await tick() == (0, 1)
    assert await tick() == (0, 1), "once"


async def test_nothing_of_the_ballots_is_told_before_the_count_anywhere(
    database: Database, db_as: OpenAs, browser: Browser, bearer: Client
) -> None:
    """The page, the list, its CSV, the API and the public file, for who voted and who did not, open and closed."""
    coop, [anna, badis, _] = await polling_place(database)
    shown = await opened(database, coop, method=VoteMethod.JUDGMENT, options=["Lundi", "Mardi"])
    receipt = (await ballot(database, shown, anna, Marks(grades={1: 1}))).receipt
    base, api = f"/{coop.slug}/votes", f"/{coop.slug}/votes"
    token = await api_token(database, badis, "governance:read")

    async def look() -> list[httpx.Response]:
        page, program = browser(badis), bearer(token)
        return [
            await page.get(base),
            await page.get(f"{base}.csv"),
            await page.get(f"{base}/{shown.vote.id}"),
            await page.get(f"{base}/{shown.vote.id}/ballots"),
            await page.get(f"{base}/{shown.vote.id}/ballots.csv"),
            await page.get(f"{base}/{shown.vote.id}/file"),
            await program.get(api),
            await program.get(f"{api}/{shown.vote.id}"),
            await program.get(f"{api}/{shown.vote.id}/ballots"),
            await program.get(f"{api}/{shown.vote.id}/file"),
            await program.get(f"{api}/{shown.vote.id}/ballot"),
        ]

    for _closed in (False, True):
        answers = await look()
        assert [one.status_code for one in answers] == [200] * 3 + [404] * 3 + [200] * 2 + [404] * 2 + [200]
        for answer in answers:
            assert receipt not in answer.text
            assert "Participation" not in answer.text
        assert answers[7].json()["result"] is None
        assert answers[10].json() is None
        await let_close(db_as, shown)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NotFound):
            await vote(db, tenant_id=coop.tenant_id, actor=None, vote_id=shown.vote.id)
        assert await my_ballot(db, actor=badis.actor, vote_id=shown.vote.id) is None
    await counted(database, db_as, shown)
    after = await look()
    assert {one.status_code for one in after} == {200}
    assert sum(receipt in one.text for one in after) == 5
    stranger = await browser().get(f"{base}/{shown.vote.id}/ballots?receipt={receipt[:12]}")
    assert receipt in stranger.text
    assert anna.name not in stranger.text


async def test_a_vote_opens_runs_and_is_counted_on_its_pages(
    database: Database, db_as: OpenAs, browser: Browser
) -> None:
    coop, [anna, *_] = await polling_place(database)
    base = f"/{coop.slug}/votes"
    sent = {
        "circle_id": str(coop.tenant_id),
        "question": "Quel jour ?",
        "method": "schulze",
        "options": "Lundi\r\nMardi\r\n",
        "threshold": "more_than_half",
        "closes_on": "2026-01-01",
        "closes_time": "18:00",
    }
    manager = browser(coop.manager)
    refused = await manager.post(base, data=sent)
    assert refused.status_code == 422
    assert "Lundi\r\nMardi" in refused.text or "Lundi\nMardi" in refused.text
    assert "doit rester ouvert" in refused.text
    later = {**sent, "closes_on": f"{datetime.now(UTC).year + 1}-01-01"}
    done = await manager.post(base, data=later)
    assert done.status_code == 303
    path = done.headers["location"]
    voter = browser(anna)
    assert (await voter.get(f"{base}/new")).status_code == 403
    page = await voter.get(path)
    assert "Voter" in page.text
    assert "deux à deux" in page.text
    cast = await voter.post(f"{path}/ballot", data={"mark_1": "1", "mark_2": "2"})
    assert (cast.status_code, cast.headers["location"]) == (303, path)
    assert "Vous avez voté" in (await voter.get(path)).text
    withdrawn = await manager.post(f"{path}/options/withdraw", data={"number": "2"})
    assert withdrawn.status_code == 303
    assert (await voter.post(f"{path}/count")).status_code == 409
    async with database.begin(tenant=coop.tenant_id) as db:
        shown = await vote(
            db, tenant_id=coop.tenant_id, actor=anna.actor, vote_id=UUID(path.rsplit("/", 1)[1])
        )
    await let_close(db_as, shown)
    late = await voter.post(f"{path}/ballot", data={"mark_1": "1"})
    assert late.status_code == 409
    assert "clos depuis" in late.text
    assert (await voter.post(f"{path}/count")).status_code == 303
    result = await voter.get(path)
    assert "L'emporte" in result.text or "L’emporte" in result.text
    assert "Comparaisons deux à deux" in result.text
    assert "Mardi, retirée le" in result.text


async def test_the_api_opens_votes_and_tells_which_wait_for_one(
    database: Database, db_as: OpenAs, bearer: Client
) -> None:
    coop, [anna, *_] = await polling_place(database)
    scopes = ("governance:read", "governance:write")
    manager = bearer(await api_token(database, coop.manager, *scopes))
    program = bearer(await api_token(database, anna, *scopes))
    votes = f"/{coop.slug}/votes"
    terms = {
        "circle_id": str(coop.tenant_id),
        "question": "Quel jour ?",
        "method": "majority_judgment",
        "threshold": "more_than_half",
        "options": ["Lundi", "Mardi"],
        "closes_at": (datetime.now(UTC) + timedelta(days=4)).isoformat(),
    }
    naive = await manager.post(votes, json={**terms, "closes_at": "2030-01-01T00:00:00"})
    assert naive.status_code == 422
    assert (await program.post(votes, json=terms)).status_code == 403
    made = await manager.post(votes, json=terms)
    assert made.status_code == 201
    one = f"{votes}/{made.json()['id']}"
    waiting = await program.get(f"{votes}/to-cast")
    assert [each["id"] for each in waiting.json()["items"]] == [made.json()["id"]]
    for marks in ({"grades": {"9" * 30: 1}}, {"grades": {"3": 1}}, {"grades": {"1": 8}}, {"choice": 1}):
        assert (await program.post(f"{one}/ballot", json=marks)).status_code == 422, marks
    cast = await program.post(f"{one}/ballot", json={"grades": {"1": 2, "2": 5}})
    assert cast.status_code == 200
    assert (await program.get(f"{one}/ballot")).json()["receipt"] == cast.json()["receipt"]
    assert (await program.get(f"{votes}/to-cast")).json()["items"] == []
    assert (await program.post(f"{one}/count")).json()["code"] == "vote_still_open"
    far = encode_cursor(10**12, UUID(made.json()["id"]))
    assert (await program.get(votes, params={"after": far})).status_code == 400
    async with database.begin(tenant=coop.tenant_id) as db:
        shown = await vote(db, tenant_id=coop.tenant_id, actor=anna.actor, vote_id=UUID(made.json()["id"]))
    await let_close(db_as, shown)
    counted_now = await program.post(f"{one}/count")
    assert counted_now.json()["result"]["winners"] == ["1"]
    stranger = await bearer("").get(one)
    assert stranger.json()["explanation"] is None
    listed = await bearer("").get(f"{one}/ballots")
    assert [each["marks"] for each in listed.json()["items"]] == [[2, 5]]
    assert (await bearer("").get(f"{one}/file")).json()["result"]["trace"] == counted_now.json()["trace_hash"]
