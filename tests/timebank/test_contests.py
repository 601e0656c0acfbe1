"""What a third person entered is contested by either side, held meanwhile, and decided by others."""

import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Role
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tests.conftest import OpenAs
from tests.factories import Member, api_token, give_mandate, join_member
from tests.marketplace.stories import balance
from tests.tenants.conftest import Browser, Client
from tests.timebank.acting import HOUR, Acting, acting, entered
from timebank.contest_lists import contests, place_of
from timebank.contest_refusals import (
    ContestDecided,
    ContestedAlready,
    ContestTooLate,
    PartyMayNotSettle,
    SlipFromItsMaker,
)
from timebank.contests import (
    Contest,
    ContestOutcome,
    contest_entry,
    contest_from_slip,
    decide_contest,
)
from timebank.gifts import give
from timebank.ledger.refusals import NotAllowedToDebit
from timebank.ledger.transfers import NotEnoughHours, find_transfer, reverse_transfer
from timebank.third_party_entries import enter_paper_exchange


async def by_slip(database: Database, scene: Acting, entry_id: Any, manager: Member | None = None) -> Contest:
    async with database.begin(tenant=scene.tenant) as db:
        return await contest_from_slip(
            db,
            actor=(manager or scene.home.manager).actor,
            entry_id=entry_id,
            contested_by=scene.renee.id,
            words="Je n'ai rien demandé.",
        )


async def decide(
    database: Database, member: Member, entry_id: object, outcome: ContestOutcome = ContestOutcome.ANNULLED
) -> Contest:
    async with database.begin(tenant=member.tenant_id) as db:
        return await decide_contest(
            db,
            actor=member.actor,
            entry_id=entry_id,  # type: ignore[arg-type]
            outcome=outcome,
            decision="Rien n'avait été demandé.",
        )


async def test_a_slip_holds_the_hours_and_the_decision_brings_them_back(database: Database) -> None:
    scene = await acting(database)
    entry = await entered(database, scene, 2 * HOUR)
    assert await balance(database, scene.hugo) == (2 * HOUR, 0)
    made = await by_slip(database, scene, entry)
    assert made.entered_by == scene.home.manager.id
    assert await balance(database, scene.hugo) == (2 * HOUR, 2 * HOUR)
    decided = await decide(database, scene.mediator, entry)
    assert await balance(database, scene.hugo) == (0, 0)
    async with database.begin(tenant=scene.tenant) as db:
        assert decided.reversal_id is not None
        counter = await find_transfer(db, tenant_id=scene.tenant, transfer_id=decided.reversal_id)
        assert counter.reverses == entry
        assert counter.actor == scene.mediator.id


async def test_what_is_upheld_gives_the_held_hours_free_again(database: Database) -> None:
    scene = await acting(database)
    entry = await entered(database, scene)
    await by_slip(database, scene, entry)
    decided = await decide(database, scene.treasurer, entry, ContestOutcome.UPHELD)
    assert decided.reversal_id is None
    assert await balance(database, scene.hugo) == (HOUR, 0)
    with pytest.raises(ContestDecided):
        await decide(database, scene.mediator, entry)


async def test_a_side_contests_once_and_a_stranger_never(database: Database) -> None:
    scene = await acting(database)
    entry = await entered(database, scene)
    outsider = await join_member(database, scene.home)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotFound):
            await contest_entry(db, actor=outsider.actor, entry_id=entry, words="")
        with pytest.raises(NotAllowed):
            await contest_entry(db, actor=scene.denis.actor, entry_id=entry, words="")
        await contest_entry(db, actor=scene.hugo.actor, entry_id=entry, words="Je n'y étais pas.")
        with pytest.raises(ContestedAlready):
            await contest_entry(db, actor=scene.hugo.actor, entry_id=entry, words="Encore")
    async with database.begin(tenant=scene.tenant) as db:
        [(contest, _entry, name)] = await contests(db, actor=scene.treasurer.actor)
        assert (contest.entry_id, name) == (entry, "Hugo Aidant")


async def test_what_is_to_be_decided_comes_first_and_a_long_list_is_read_to_its_end(
    database: Database, browser: Browser, bearer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await acting(database)
    entries = [await entered(database, scene, minutes=10 + number) for number in range(5)]
    for entry in entries:
        async with database.begin(tenant=scene.tenant) as db:
            await contest_entry(db, actor=scene.hugo.actor, entry_id=entry, words="Je n'y étais pas.")
    # The newest are decided: the older ones still wait, and stand before them.
    for entry in entries[3:]:
        await decide(database, scene.mediator, entry)
    expected = [*reversed(entries[:3]), *reversed(entries[3:])]
    async with database.begin(tenant=scene.tenant) as db:
        read: list[UUID] = []
        place: tuple[int, UUID] | None = None
        while page := await contests(db, actor=scene.treasurer.actor, after=place, limit=2):
            read += [contest.entry_id for contest, _entry, _name in page]
            place = place_of(page[-1][0])
        assert read == expected
        waiting = await contests(db, actor=scene.treasurer.actor, undecided=True)
        assert [contest.entry_id for contest, _entry, _name in waiting] == expected[:3]
    api = bearer(await api_token(database, scene.mediator, "hours:read"))
    listed: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        answer = (await api.get(f"{scene.home.slug}/contests", params=query)).json()
        listed += [one["entry_id"] for one in answer["items"]]
        if answer["next"] is None:
            break
        query["after"] = answer["next"]
    assert listed == [str(one) for one in expected]
    monkeypatch.setattr("timebank.pages.entries.PAGE_LENGTH", 2)
    client, path = browser(scene.treasurer), f"/{scene.home.slug}/entries"
    first = (await client.get(path)).text
    assert first.count("conteste une saisie") == 2
    [more] = re.findall(r'href="(\?contested=[^"]+)"', first)
    second = (await client.get(path + more)).text
    assert second.count("conteste une saisie") == 1
    assert f"{path}/{entries[0]}" in second
    assert "Suite des contestations" not in second


async def test_after_thirty_days_it_is_too_late_but_a_letter_counts_from_its_posting(
    database: Database, db_as: OpenAs
) -> None:
    scene = await acting(database)
    entry = await entered(database, scene)
    async with db_as("postgres", tenant=scene.tenant) as db:
        await db.execute(
            text("UPDATE third_party_entries SET entered_at = now() - interval '31 days' WHERE id = :id"),
            {"id": entry},
        )
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(ContestTooLate):
            await contest_entry(db, actor=scene.hugo.actor, entry_id=entry, words="")
    # Renée's letter has not left: her days have not begun.
    await by_slip(database, scene, entry)


async def test_who_made_the_entry_brings_in_no_slip_and_decides_nothing(database: Database) -> None:
    scene = await acting(database)
    manager = scene.home.manager
    second = await give_mandate(database, scene.home, await join_member(database, scene.home), Role.MANAGER)
    async with database.begin(tenant=scene.tenant) as db:
        paper = await enter_paper_exchange(
            db,
            actor=manager.actor,
            giver_id=scene.renee.id,
            to=scene.hugo.id,
            happened_on=(await db.scalar(text("SELECT current_date - 3"))),
            amount_minutes=HOUR,
            reason="Papier signé",
        )
    with pytest.raises(SlipFromItsMaker):
        await by_slip(database, scene, paper, manager)
    await by_slip(database, scene, paper, second)
    for maker in (manager, second):
        judge = await give_mandate(database, scene.home, maker, Role.MEDIATOR)
        judge = await give_mandate(database, scene.home, judge, Role.TREASURER)
        with pytest.raises(PartyMayNotSettle):
            await decide(database, judge, paper)
    hugo = await give_mandate(database, scene.home, scene.hugo, Role.TREASURER)
    with pytest.raises(PartyMayNotSettle):
        await decide(database, hugo, paper)
    with pytest.raises(NotAllowed):
        await decide(database, scene.denis, paper)
    await decide(database, scene.mediator, paper)
    assert await balance(database, scene.hugo) == (0, 0)


async def test_the_delegate_who_is_treasurer_cannot_correct_their_own_entry(database: Database) -> None:
    """Not through the contest, not through the treasurer's ordinary correction, not by a direct call."""
    scene = await acting(database)
    entry = await entered(database, scene)
    denis = await give_mandate(database, scene.home, scene.denis, Role.TREASURER)
    denis = await give_mandate(database, scene.home, denis, Role.MEDIATOR)
    await by_slip(database, scene, entry)
    with pytest.raises(PartyMayNotSettle):
        await decide(database, denis, entry)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotAllowedToDebit):
            await reverse_transfer(db, actor=denis.actor, transfer_id=entry, reason="Je corrige")


async def test_a_mediator_corrects_only_what_is_contested(database: Database) -> None:
    scene = await acting(database)
    entry = await entered(database, scene)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotAllowedToDebit):
            await reverse_transfer(db, actor=scene.mediator.actor, transfer_id=entry, reason="Je corrige")
    with pytest.raises(NotFound):
        await decide(database, scene.mediator, entry)


async def test_hours_spent_before_the_contest_cannot_be_held_and_the_contest_stands(
    database: Database,
) -> None:
    scene = await acting(database, rules={"timebank.credit_limit_low": HOUR})
    entry = await entered(database, scene)
    async with database.begin(tenant=scene.tenant) as db:
        await give(db, actor=scene.hugo.actor, to=None, amount_minutes=2 * HOUR)
    made = await by_slip(database, scene, entry)
    assert made.hold_id is None
    with pytest.raises(NotEnoughHours):
        await decide(database, scene.mediator, entry)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO third_party_entries SELECT * FROM third_party_entries",
        "UPDATE third_party_entries SET entered_by = receiver_id",
        "DELETE FROM third_party_entries",
        "DELETE FROM contests",
        "UPDATE contests SET contested_by = entered_by",
        "UPDATE contests SET (decided_by, decided_at, outcome, decision) = (SELECT delegate_id, now(), 'upheld', 'x' FROM delegations)",
        "UPDATE delegations SET month_minutes_max = 60000",
        "UPDATE delegations SET term = tstzrange(now(), now() + interval '300 days')",
        "UPDATE delegations SET first_approver = proposed_by",
        "DELETE FROM delegations",
        "UPDATE tellings SET facts = '{}'",
        "DELETE FROM paper_letters",
    ],
)
async def test_the_database_holds_the_guards_against_the_application_itself(
    database: Database, statement: str
) -> None:
    scene = await acting(database)
    entry = await entered(database, scene)
    await by_slip(database, scene, entry)

    async def try_it() -> None:
        async with database.begin(tenant=scene.tenant) as db:
            await db.execute(text(statement))

    with pytest.raises(DBAPIError):
        await try_it()
