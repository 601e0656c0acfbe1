"""Leaving: what runs ends first, hours are settled to zero as the rule says, and nobody's minute is lost on the way."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from marketplace.cancellations import CancellationTerms, accept_cancellation, propose_cancellation
from marketplace.leaving import SomethingInTheWay, end_membership, leave, leaving
from marketplace.teams import TeamNotComplete
from tenants.actors import Role
from tenants.audit import AuditEntry
from tenants.management import LastManager
from tenants.memberships import Membership, MembershipState, StateUnfit, suspend_member
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tenants.platform.ids import MembershipId
from tenants.register import published, register_lines, verify_register
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Founded, Member
from tests.marketplace import stories, team_stories
from tests.marketplace.stories import HOUR, balance, village
from tests.tenants.conftest import Browser
from timebank.closings import PotCannotCover, RepayFirst, SpendFirst, Treatment, WriteOffMissing
from timebank.exchanges import post_transfer
from timebank.gifts import give
from timebank.ledger.accounts import Account, hours_account_of, pot_of
from timebank.ledger.proof import prove_ledger
from timebank.ledger.refusals import AccountClosed, OverTheCeiling, SameAccount, UnknownAccount
from timebank.ledger.transfers import Transfer
from timebank.write_offs import NothingOwed, WriteOffDecided, ask_write_off, decide_write_off, write_offs

CREDIT, DEBT = "timebank.leaving_credit", "timebank.leaving_debt"


async def coop_of_two(database: Database, **rules: int) -> tuple[Founded, Member, Member]:
    """A cooperative with two members besides its manager."""
    named = {f"timebank.{name}": value for name, value in rules.items()}
    coop = await factories.found_cooperative(database, rules=named)
    return coop, await factories.join_member(database, coop), await factories.join_member(database, coop)


async def pay(database: Database, giver: Member, to: Member, minutes: int) -> None:
    async with database.begin(tenant=giver.tenant_id) as db:
        await post_transfer(db, actor=giver.actor, to=to.id, amount_minutes=minutes, reason="Un coup de main")


async def go(database: Database, member: Member, heir: Member | None = None) -> None:
    async with database.begin(tenant=member.tenant_id, person=member.person_id) as db:
        await leave(db, actor=member.actor, heir_id=heir.id if heir else None)


async def account(database: Database, member: Member) -> Account:
    async with database.begin(tenant=member.tenant_id) as db:
        return await db.get_one(Account, (member.tenant_id, hours_account_of(member.id)))


async def in_pot(database: Database, coop: Founded) -> int:
    async with database.begin(tenant=coop.tenant_id) as db:
        return (await db.get_one(Account, (coop.tenant_id, pot_of(coop.tenant_id)))).balance


async def proved(database: Database, coop: Founded) -> bool:
    """Whether every balance of the cooperative still follows from its entries."""
    async with database.begin(tenant=coop.tenant_id) as db:
        return (await prove_ledger(db, actor=coop.system)).differences == 0


@pytest.mark.parametrize("choice", [0, 1])
async def test_hours_left_go_to_the_pot_by_the_rule_or_for_want_of_a_choice(
    database: Database, choice: int
) -> None:
    coop, ana, bo = await coop_of_two(database, leaving_credit=choice)
    await pay(database, bo, ana, 90)
    await go(database, ana, None if choice else bo)
    closed = await account(database, ana)
    assert (closed.balance, closed.closed_at is not None) == (0, True)
    assert await in_pot(database, coop) == 90
    assert await balance(database, bo) == (-90, 0)
    async with database.begin(tenant=coop.tenant_id) as db:
        last = (await db.scalars(select(Transfer).order_by(Transfer.id.desc()).limit(1))).one()
        version = (
            await db.execute(
                text("SELECT id FROM rule_versions WHERE rule = :rule AND tenant_id = :t"),
                {"rule": CREDIT, "t": coop.tenant_id},
            )
        ).scalar_one()
        entry = (
            await db.scalars(select(AuditEntry).where(AuditEntry.action == "timebank:account:closed"))
        ).one()
    assert (last.cause, last.actor) == (f"leaving:{version}", ana.id)
    assert entry.facts == {
        "balance_minutes": 90,
        "treatment": "to_choice" if choice else "to_pot",
        "rule_version": str(version),
    }
    assert await proved(database, coop)


async def test_hours_left_go_to_the_member_one_names(database: Database) -> None:
    coop, ana, bo = await coop_of_two(database, leaving_credit=1, credit_limit_high=100)
    await pay(database, bo, ana, 90)
    nobody = replace(bo, id=MembershipId(coop.tenant_id))
    for heir, refusal in ((ana, SameAccount), (nobody, UnknownAccount)):
        with pytest.raises(refusal):
            await go(database, ana, heir)
    await go(database, ana, bo)
    assert await balance(database, bo) == (0, 0)
    assert await in_pot(database, coop) == 0


async def test_an_heir_keeps_within_the_ceiling(database: Database) -> None:
    coop, ana, bo = await coop_of_two(database, leaving_credit=1, credit_limit_high=100)
    await pay(database, coop.manager, ana, 90)
    await pay(database, coop.manager, bo, 90)
    with pytest.raises(OverTheCeiling):
        await go(database, ana, bo)
    assert (await account(database, ana)).closed_at is None
    await go(database, ana)
    assert await in_pot(database, coop) == 90


async def test_the_rule_may_ask_to_leave_at_zero(database: Database) -> None:
    _coop, ana, bo = await coop_of_two(database, leaving_credit=2, leaving_debt=1)
    await pay(database, bo, ana, 90)
    for member, refusal in ((ana, SpendFirst), (bo, RepayFirst)):
        with pytest.raises(refusal):
            await go(database, member)
    await pay(database, ana, bo, 90)
    await go(database, ana)
    assert (await account(database, ana)).closed_at is not None


async def test_the_pot_covers_a_debt_as_far_as_it_goes(database: Database) -> None:
    coop, ana, bo = await coop_of_two(database, leaving_debt=0)
    await pay(database, ana, bo, 90)
    with pytest.raises(PotCannotCover):
        await go(database, ana)
    async with database.begin(tenant=coop.tenant_id) as db:
        await give(db, actor=bo.actor, to=None, amount_minutes=90)
    await go(database, ana)
    assert ((await account(database, ana)).balance, await in_pot(database, coop)) == (0, 0)
    assert await proved(database, coop)


async def test_a_treasurer_forgives_a_debt_and_never_their_own(database: Database) -> None:
    coop, ana, bo = await coop_of_two(database, leaving_debt=2)
    treasurer = await factories.give_mandate(database, coop, bo, Role.TREASURER)
    await pay(database, ana, bo, 90)
    with pytest.raises(WriteOffMissing):
        await go(database, ana)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NothingOwed):
            await ask_write_off(db, actor=treasurer.actor)
        asked = await ask_write_off(db, actor=ana.actor)
        assert (await ask_write_off(db, actor=ana.actor)).id == asked.id
        with pytest.raises(NotAllowed):
            await write_offs(db, actor=ana.actor)
        assert [(one.minutes, name) for one, name in await write_offs(db, actor=treasurer.actor)] == [
            (90, ana.name)
        ]
        for actor in (ana.actor, replace(ana.actor, roles=frozenset({Role.TREASURER}))):
            with pytest.raises(NotAllowed):
                await decide_write_off(db, actor=actor, write_off_id=asked.id, granted=True, reason="Moi")
        await decide_write_off(
            db, actor=treasurer.actor, write_off_id=asked.id, granted=True, reason="Malade depuis mai"
        )
        with pytest.raises(WriteOffDecided):
            await decide_write_off(
                db, actor=treasurer.actor, write_off_id=asked.id, granted=False, reason="Non"
            )
    assert await balance(database, ana) == (-90, 0), "a decision moves nothing before the departure"
    await pay(database, ana, bo, 10)
    with pytest.raises(WriteOffMissing):
        await go(database, ana)
    await pay(database, bo, ana, 10)
    await go(database, ana)
    assert (await account(database, ana)).balance == 0
    assert await in_pot(database, coop) == 0
    assert await proved(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        assert [one.state for one, _name in await write_offs(db, actor=treasurer.actor)] == ["ended"]


async def test_what_runs_is_listed_and_must_end_first(database: Database) -> None:
    scene = await village(database)
    mission = await stories.agreed(database, scene)
    for member, other in ((scene.author, scene.bidder), (scene.bidder, scene.author)):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            [obstacle] = (await leaving(db, actor=member.actor)).obstacles
        assert (obstacle.path, obstacle.other, obstacle.state) == (
            f"/missions/{mission}",
            other.name,
            "agreed",
        )
        with pytest.raises(SomethingInTheWay):
            await go(database, member)
    await stories.deliver(database, scene.bidder, mission)
    await stories.confirm(database, scene.author, mission)
    await go(database, scene.bidder)
    assert await in_pot(database, scene.coop) == 2 * HOUR


async def test_a_manager_ends_a_membership_and_its_hours_go_to_the_pot(database: Database) -> None:
    coop, ana, bo = await coop_of_two(database)
    await pay(database, bo, ana, 90)
    manager = coop.manager.actor
    async with database.begin(tenant=coop.tenant_id) as db:
        for actor, whom in ((bo.actor, ana), (manager, coop.manager)):
            with pytest.raises(NotAllowed):
                await end_membership(db, actor=actor, membership_id=whom.id)
        with pytest.raises(NotAllowed):
            await leaving(db, actor=bo.actor, membership_id=ana.id)
        assert (await leaving(db, actor=manager, membership_id=ana.id)).treatment is Treatment.TO_CHOICE
        await suspend_member(db, actor=manager, membership_id=ana.id)
    async with database.begin(tenant=coop.tenant_id) as db:
        await end_membership(db, actor=manager, membership_id=ana.id)
        with pytest.raises(StateUnfit):
            await end_membership(db, actor=manager, membership_id=ana.id)
    assert (await account(database, ana)).balance == 0
    assert await in_pot(database, coop) == 90
    assert await proved(database, coop)


async def suspend(database: Database, coop: Founded, member: Member) -> None:
    async with database.begin(tenant=coop.tenant_id) as db:
        await suspend_member(db, actor=coop.manager.actor, membership_id=member.id)


@pytest.mark.parametrize("credit", [0, 1, 2])
async def test_a_suspended_member_leaves_takes_their_data_and_is_forgotten(
    database: Database, browser: Browser, credit: int
) -> None:
    coop, ana, bo = await coop_of_two(database, leaving_credit=credit)
    await pay(database, bo, ana, 90)
    await suspend(database, coop, ana)
    client = browser(ana)
    home = f"/{coop.slug}"
    assert f"{home}/profile/leave" in (await client.get(home)).text
    assert f"{home}/profile/leave" in (await client.get("/me/data")).text
    page = await client.get(f"{home}/profile/leave")
    assert page.status_code == 200
    assert "est suspendue" in page.text
    assert bo.name not in page.text, "a suspended member reads no list of members"
    # Nothing else opens.
    for path in ("/members", "/hours", "/profile", "/notices", "/pot", f"/members/{bo.id}", "/hours/give"):
        assert (await client.get(home + path)).status_code == 403, path
    assert (await client.post(f"{home}/pot/give", data={"amount_minutes": "1h"})).status_code == 403
    asked = (await client.get(f"/api/v1/{coop.slug}/leaving")).json()
    assert (asked["suspended"], asked["treatment"]) == (True, "to_pot")
    gone = await client.post(f"{home}/profile/leave", data={"heir": str(bo.id)})
    assert (gone.status_code, gone.headers["location"]) == (303, "/me/data")
    assert await in_pot(database, coop) == 90
    closed = await account(database, ana)
    assert (closed.balance, closed.closed_at is not None) == (0, True)
    assert await proved(database, coop)
    archive = await client.get(f"/me/data/{ana.id}/archive.zip")
    assert archive.headers["content-type"] == "application/zip"
    assert (await client.post(f"/me/data/{ana.id}/erase")).status_code == 303
    assert "Effacement le" in (await client.get("/me/data")).text
    assert (await client.get(f"{home}/profile/leave")).status_code == 403


async def test_a_suspended_member_who_owes_asks_the_treasury_where_nobody_else_may_leave(
    database: Database, browser: Browser
) -> None:
    coop, ana, bo = await coop_of_two(database, leaving_debt=1)
    treasurer = await factories.give_mandate(database, coop, bo, Role.TREASURER)
    await pay(database, ana, bo, 90)
    with pytest.raises(RepayFirst):
        await go(database, ana)
    await suspend(database, coop, ana)
    client = browser(ana)
    path = f"/{coop.slug}/profile/leave"
    refused = await client.post(f"/api/v1/{coop.slug}/leave", json={})
    assert refused.json()["code"] == "write_off_missing"
    assert (await account(database, ana)).closed_at is not None, "a refusal opens no account"
    assert (await client.post(f"{path}/write-off")).status_code == 303
    async with database.begin(tenant=coop.tenant_id) as db:
        [(asked, _name)] = await write_offs(db, actor=treasurer.actor)
        await decide_write_off(
            db, actor=treasurer.actor, write_off_id=asked.id, granted=True, reason="Suspendue depuis mai"
        )
    left = await client.post(f"/api/v1/{coop.slug}/leave", json={})
    assert left.json() == {"membership_id": str(ana.id), "state": "left"}
    assert (await account(database, ana)).balance == 0
    assert await proved(database, coop)


async def test_leaving_says_how_somebody_takes_over_what_does_not_pass_to_them(
    database: Database, browser: Browser
) -> None:
    """What runs ends with the other party, what is open is posted anew; and what is said there can be done."""
    scene = await village(database)
    mission = await stories.agreed(database, scene)
    client, home = browser(scene.author), f"/{scene.coop.slug}"
    page = (await client.get(f"{home}/profile/leave")).text
    assert "convenez d’abord d’arrêter" in page
    refused = await client.post(f"/api/v1/{scene.coop.slug}/leave", json={})
    assert "qui prend la suite en conclut un nouveau" in refused.json()["detail"]
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await propose_cancellation(
            db,
            actor=scene.author.actor,
            mission_id=mission,
            terms=CancellationTerms(reason="Je pars, Odile prend la suite."),
        )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await accept_cancellation(db, actor=scene.bidder.actor, mission_id=mission)
    again = (await client.get(f"{home}/profile/leave")).text
    assert "la publie à son nom" in again
    assert f"{home}/missions?mine=true" in again
    assert (await client.post(f"{home}/profile/leave", data={"heir": ""})).status_code == 303


async def test_what_runs_holds_a_suspended_member_back_and_says_how_it_ends(
    database: Database, browser: Browser
) -> None:
    scene = await village(database)
    await stories.agreed(database, scene)
    await suspend(database, scene.coop, scene.bidder)
    client = browser(scene.bidder)
    page = (await client.get(f"/{scene.coop.slug}/profile/leave")).text
    assert "prennent fin sans vous" in page
    assert "Quitter la coopérative" not in page
    gone = await client.post(f"/api/v1/{scene.coop.slug}/leave", json={})
    assert gone.json()["code"] == "something_in_the_way"


async def test_the_last_manager_hands_over_first_and_a_token_cannot_leave(database: Database) -> None:
    coop, ana, _bo = await coop_of_two(database)
    with pytest.raises(LastManager):
        await go(database, coop.manager)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await leave(db, actor=replace(ana.actor, scopes=frozenset({"profile:write"})))


async def test_whoever_left_comes_back_to_their_account(database: Database) -> None:
    coop, ana, bo = await coop_of_two(database)
    await pay(database, bo, ana, 90)
    await go(database, ana)
    again = await factories.join_member(database, coop, name=ana.name, email=ana.email)
    assert again.id == ana.id
    reopened = await account(database, ana)
    assert (reopened.balance, reopened.closed_at) == (0, None)
    await pay(database, bo, again, 30)
    async with database.begin(tenant=coop.tenant_id) as db:
        lines = await register_lines(db, tenant_id=coop.tenant_id, limit=None)
    verified = verify_register(published(line) for line in reversed(lines))
    assert getattr(verified, "lines", 0) == len(lines)


async def test_leaving_while_hours_arrive_loses_no_minute(database: Database, db_as: OpenAs) -> None:
    """Twelve real connections give while one leaves, round after round: each gift is in the heir's hands or refused."""
    coop, ana, bo = await coop_of_two(database, credit_limit_high=6_000)
    for _round in range(4):
        before = await in_pot(database, coop) + (await balance(database, bo))[0]
        start = asyncio.Event()

        async def give_once(number: int, begin: asyncio.Event = start) -> int:
            await begin.wait()
            await asyncio.sleep(0.002 * number)
            try:
                async with db_as("app", tenant=coop.tenant_id) as db:
                    await post_transfer(db, actor=bo.actor, to=ana.id, amount_minutes=1, reason="Merci")
            except AccountClosed:
                return 0
            return 1

        async def leave_now(begin: asyncio.Event = start) -> int:
            await begin.wait()
            await asyncio.sleep(0.006)
            await go(database, ana)
            return 0

        works: list[Any] = [asyncio.create_task(give_once(number)) for number in range(7)]
        works.append(asyncio.create_task(leave_now()))
        start.set()
        await asyncio.gather(*works)
        closed = await account(database, ana)
        assert (closed.balance, closed.held, closed.closed_at is not None) == (0, 0, True)
        # What bo gave before the door shut is in the pot: together they have what they had.
        assert await in_pot(database, coop) + (await balance(database, bo))[0] == before
        await factories.join_member(database, coop, name=ana.name, email=ana.email)
    assert await proved(database, coop)
    async with database.begin(tenant=coop.tenant_id) as db:
        assert (await db.get_one(Membership, (coop.tenant_id, ana.id))).state is MembershipState.ACTIVE


async def test_a_part_in_a_team_that_works_is_in_the_way_too(database: Database) -> None:
    scene = await team_stories.crew(database)
    mission = await team_stories.agreed_team(database, scene, (scene.lead, 1), (scene.second, 1))
    async with database.begin(tenant=scene.client.tenant_id) as db:
        [obstacle] = (await leaving(db, actor=scene.second.actor)).obstacles
    assert (obstacle.path, obstacle.other) == (f"/missions/{mission}", scene.client.name)
    with pytest.raises(SomethingInTheWay):
        await go(database, scene.second)
    await go(database, scene.fourth)


async def test_a_member_leaves_while_their_team_is_taken_and_one_of_them_is_too_late(
    database: Database,
) -> None:
    scene = await team_stories.crew(database)
    for _round in range(5):
        mission = await stories.posted(database, scene.client)
        bid = await team_stories.team_bid(database, scene.lead, mission, (scene.lead, 1), (scene.second, 1))
        await team_stories.answer_part(database, scene.second, mission, bid)
        done = await asyncio.gather(
            stories.accept(database, scene.client, mission, bid),
            go(database, scene.second),
            return_exceptions=True,
        )
        refused = [type(one) for one in done if isinstance(one, BaseException)]
        assert refused in ([SomethingInTheWay], [TeamNotComplete]), done
        if refused == [TeamNotComplete]:
            await factories.join_member(
                database, scene.village.coop, name=scene.second.name, email=scene.second.email
            )
        else:
            await stories.deliver(database, scene.lead, mission, 100)
            await stories.confirm(database, scene.client, mission)


async def test_what_ends_is_shown_of_members_who_have_an_account_and_of_nobody_else(
    database: Database, browser: Browser
) -> None:
    coop, ana, _bo = await coop_of_two(database)
    manager = browser(coop.manager)
    assert (await manager.get(f"/{coop.slug}/members/{ana.id}/end")).status_code == 200
    for unknown in (ana.person_id, coop.tenant_id, (await factories.found_cooperative(database)).manager.id):
        assert (await manager.get(f"/{coop.slug}/members/{unknown}/end")).status_code == 404
