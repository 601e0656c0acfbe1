"""The pot's statement on every road: origins and purposes, exact totals, and never who was helped."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import text

from tenants.actors import Role
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tests.conftest import OpenAs
from tests.factories import Founded, Member, api_token, give_mandate, join_member
from tests.tenants.conftest import Browser, Client
from tests.timebank.world import make_world
from timebank.gifts import give, give_from_pot
from timebank.ledger.accounts import pot_of
from timebank.ledger.refusals import UnknownAccount
from timebank.ledger.statements import standing, statement
from timebank.ledger.transfers import reverse_transfer
from timebank.pot_decisions import grant_pot_request
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import ask_pot
from timebank.pot_statements import MEMBERS, live_pot_balance, pot_balance, pot_moves, pot_statement
from timebank.treasury import circulation

HELPED = 12


@dataclass(frozen=True)
class Scene:
    """A pot that helped twelve people for their health in the last month, and one for a home."""

    coop: Founded
    donor: Member
    steward: Member
    treasurer: Member
    member: Member
    helped: Member


async def make_scene(database: Database, db_as: OpenAs, *, helped: int, counted: int = 0) -> Scene:
    rules = {"timebank.credit_limit_low": 6_000, "timebank.gifts_shown": counted}
    world = await make_world(database, db_as, members=helped - 1, rules=rules)
    coop = world.cooperative
    donor, steward, treasurer, member = [await join_member(database, coop) for _ in range(4)]
    asks = await join_member(database, coop, name="Hilda Aidée")
    steward = await give_mandate(database, coop, steward, Role.STEWARD)
    treasurer = await give_mandate(database, coop, treasurer, Role.TREASURER)
    async with database.begin(tenant=coop.tenant_id) as db:
        await give(db, actor=donor.actor, to=None, amount_minutes=2_000)
    for number, one in enumerate(world.members):
        async with database.begin(tenant=coop.tenant_id) as db:
            await give_from_pot(
                db,
                actor=steward.actor,
                to=one,
                amount_minutes=10 + number,
                reason="Aide",
                purpose=PotPurpose.HEALTH,
            )
    async with database.begin(tenant=coop.tenant_id) as db:
        request = await ask_pot(
            db, actor=asks.actor, purpose=PotPurpose.HOME, words="Un toit", asked_minutes=60
        )
        await grant_pot_request(
            db, actor=steward.actor, request_id=request.id, amount_minutes=60, answer="Voilà"
        )
    return Scene(coop, donor, steward, treasurer, member, asks)


async def a_month_later(db_as: OpenAs, scene: Scene) -> None:
    """As if all that moved had moved a month before."""
    async with db_as("postgres") as db:
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text("UPDATE transfers SET posted_at = posted_at - interval '32 days' WHERE tenant_id = :tenant"),
            {"tenant": scene.coop.tenant_id},
        )


async def test_the_statement_names_purposes_and_no_one_and_adds_up(database: Database, db_as: OpenAs) -> None:
    scene = await make_scene(database, db_as, helped=HELPED)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        this_month = await pot_statement(db, actor=scene.member.actor)
    assert (this_month.until, this_month.outflows, this_month.pending) == (None, [], True)
    await a_month_later(db_as, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        found = await pot_statement(db, actor=scene.member.actor)
        balance = (
            await standing(db, actor=scene.treasurer.actor, account_id=pot_of(scene.coop.tenant_id))
        ).balance
    [line] = found.outflows
    # Eleven for their health would be a line of their own; the one for a home could not be.
    assert (line.purposes, line.people) == (("health", "home"), HELPED)
    assert line.minutes == sum(10 + n for n in range(HELPED - 1)) + 60
    assert [(one.origin, one.count, one.minutes) for one in found.inflows] == [(MEMBERS, 1, 2_000)]
    assert found.received - found.given == found.closing == balance
    assert not found.pending


async def test_fewer_than_eleven_people_make_no_line(database: Database, db_as: OpenAs) -> None:
    scene = await make_scene(database, db_as, helped=10)
    await a_month_later(db_as, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        found = await pot_statement(db, actor=scene.member.actor)
    assert (found.outflows, found.inflows, found.until, found.pending) == ([], [], None, True)


async def test_what_was_given_back_is_taken_off_its_purpose(database: Database, db_as: OpenAs) -> None:
    scene = await make_scene(database, db_as, helped=HELPED)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        moves = await pot_moves(db, actor=scene.steward.actor)
        [home] = [move for move in moves.moves if move.counterparty_name == scene.helped.name]
        await reverse_transfer(
            db, actor=scene.helped.actor, transfer_id=home.transfer_id, reason="Plus besoin"
        )
    await a_month_later(db_as, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        found = await pot_statement(db, actor=scene.member.actor)
    assert [line.minutes for line in found.outflows] == [sum(10 + n for n in range(HELPED - 1))]
    assert found.received == 2_000
    assert found.closing == 2_000 - found.given


@pytest.mark.parametrize("helped", [5, HELPED])
async def test_no_road_tells_a_member_who_was_helped(
    database: Database, db_as: OpenAs, browser: Browser, bearer: Client, helped: int
) -> None:
    scene = await make_scene(database, db_as, helped=helped)
    await a_month_later(db_as, scene)
    slug, pot = scene.coop.slug, pot_of(scene.coop.tenant_id)
    manager = scene.coop.manager
    for reader in (scene.member, scene.donor, manager):
        client = browser(reader)
        api = bearer(await api_token(database, reader, "hours:read", "governance:read", "profile:read"))
        answers = [
            await client.get(f"/{slug}{path}")
            for path in (
                "/pot",
                "/pot/statement.csv",
                "/pot/moves.csv",
                "/pot/requests/all",
                "/pot/requests/all.csv",
                f"/hours/of/{scene.helped.id}",
                f"/hours/of/{scene.helped.id}/hours.csv",
                f"/hours/of/{pot}",
                "/notices",
                "/treasury",
                "/treasury/audit",
                "/treasury/audit.csv",
                "/register",
            )
        ] + [
            await api.get(f"{slug}{path}")
            for path in (
                "/pot",
                "/pot/statement",
                "/pot/moves",
                "/pot/requests/all",
                f"/hours?member={pot}",
                f"/hours/statement?member={pot}",
                f"/hours/statement?member={scene.helped.id}",
                "/notices",
                "/audit",
                "/register",
            )
        ]
        assert sum(answer.status_code == httpx.codes.OK for answer in answers) >= 5
        for answer in answers:
            assert answer.status_code in {200, 403, 404}, (answer.url, answer.text[:300])
            # What was asked for stands in the answer's own links; what was answered does not.
            said = answer.text.replace(f"/hours/of/{scene.helped.id}", "")
            if "tenants:" in said:
                continue  # The trail says who joined, which is no secret; of the pot it names nobody (above).
            assert scene.helped.name not in said, answer.url
            assert str(scene.helped.id) not in said, answer.url


async def said_of_the_pot(
    reader: Member, database: Database, browser: Browser, bearer: Client
) -> Sequence[str]:
    """All that the site says to a reader where it speaks of the pot: pages, files and answers to programs."""
    slug, pot = reader.slug, pot_of(reader.tenant_id)
    client, api = browser(reader), bearer(await api_token(database, reader, "hours:read", "profile:read"))
    pages = [
        "/pot",
        "/pot/statement.csv",
        "/pot/moves.csv",
        "/pot/requests",
        "/pot/requests/new",
        "/treasury",
    ]
    pages += [
        "/treasury/audit.csv",
        "/treasury/accounts.csv",
        "/hours",
        "/hours.csv",
        "/hours/transfer",
        "",
    ]
    pages += [f"/hours/of/{pot}", "/register", "/profile/leave"]
    answers = [await client.get(f"/{slug}{path}", follow_redirects=False) for path in pages]
    paths = ["/pot", "/pot/statement", "/pot/moves", f"/hours?member={pot}", f"/hours/statement?member={pot}"]
    answers += [await api.get(f"{slug}{path}") for path in [*paths, "/leaving", "/treasury/accounts"]]
    # Each form has a key of its own.
    return [re.sub(r'name="once" value="[^"]*"', "", answer.text) for answer in answers]


async def test_what_the_pot_has_is_seen_move_by_move_by_its_keepers_alone(
    database: Database, db_as: OpenAs, browser: Browser, bearer: Client
) -> None:
    scene = await make_scene(database, db_as, helped=HELPED)
    await a_month_later(db_as, scene)
    readers = (scene.member, scene.coop.manager)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        shown = await pot_balance(db, actor=scene.member.actor)
        known = await pot_balance(db, actor=scene.steward.actor)
        # A first help of the month moves only what "pending" says; the second is the one that is watched for.
        await give_from_pot(db, actor=scene.steward.actor, to=scene.donor.id, amount_minutes=7, reason="Aide")
    assert (shown.minutes, shown.until is None) == (known.minutes, False)
    assert known.until is None
    left = (known.minutes or 0) - 18
    between = [await said_of_the_pot(one, database, browser, bearer) for one in readers]
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await give_from_pot(
            db, actor=scene.steward.actor, to=scene.donor.id, amount_minutes=11, reason="Aide"
        )
        assert await pot_balance(db, actor=scene.member.actor) == shown
        for keeper in (scene.steward, scene.treasurer):
            assert (await pot_balance(db, actor=keeper.actor)).minutes == left
        for reader in readers:
            for refused in (live_pot_balance, circulation):
                with pytest.raises(NotAllowed):
                    await refused(db, actor=reader.actor)
    after = [await said_of_the_pot(one, database, browser, bearer) for one in readers]
    assert after[0] == between[0], "a member who watches sees nothing move"
    # The manager's audit trail says that a steward granted something, without the amount.
    trail = 6
    assert [said for number, said in enumerate(between[1]) if number != trail] == [
        said for number, said in enumerate(after[1]) if number != trail
    ]
    assert "timebank:pot:granted" in after[1][trail]
    assert "amount" not in "".join(line for line in after[1][trail].splitlines() if "pot:granted" in line)
    slug = scene.coop.slug
    balance = (await bearer(await api_token(database, scene.steward, "hours:read")).get(f"{slug}/pot")).json()
    assert balance == {"balance_minutes": left, "until": None}
    page = (await browser(scene.treasurer).get(f"/{slug}/treasury")).text
    assert "Heures en avance" in page


async def test_whoever_owes_is_not_told_how_much_the_pot_lacks(
    database: Database, db_as: OpenAs, browser: Browser
) -> None:
    scene = await make_scene(database, db_as, helped=2)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        left = await live_pot_balance(db, actor=scene.treasurer.actor)
        await give(db, actor=scene.member.actor, to=scene.helped.id, amount_minutes=left + 60)
    client = browser(scene.member)
    page = (await client.get(f"/{scene.coop.slug}/profile/leave")).text
    assert "n’a pas autant" in page
    refused = await client.post(f"/api/v1/{scene.coop.slug}/leave", json={})
    assert refused.json()["code"] == "pot_cannot_cover"
    assert set(refused.json()["facts"]) == {"owed_minutes"}


async def test_the_ledger_itself_shows_the_pot_to_the_treasurer_alone(
    database: Database, db_as: OpenAs
) -> None:
    scene = await make_scene(database, db_as, helped=2)
    pot = pot_of(scene.coop.tenant_id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for reader in (scene.member, scene.steward, scene.coop.manager):
            for read in (statement, standing):
                with pytest.raises(UnknownAccount):
                    await read(db, actor=reader.actor, account_id=pot)
        assert (await statement(db, actor=scene.treasurer.actor, account_id=pot)).moves
        for keeper in (scene.steward, scene.treasurer):
            moves = await pot_moves(db, actor=keeper.actor)
            assert scene.helped.name in {move.counterparty_name for move in moves.moves}
        for reader in (scene.member, scene.coop.manager):
            with pytest.raises(NotAllowed):
                await pot_moves(db, actor=reader.actor)


async def test_gifts_are_counts_without_amounts_where_the_cooperative_so_chose(
    database: Database, db_as: OpenAs, browser: Browser, bearer: Client
) -> None:
    scene = await make_scene(database, db_as, helped=HELPED, counted=1)
    await a_month_later(db_as, scene)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        found = await pot_statement(db, actor=scene.member.actor)
        assert [(one.count, one.minutes) for one in found.inflows] == [(1, None)]
        veiled = await pot_moves(db, actor=scene.steward.actor)
        assert veiled.veiled
        assert {move.balance for move in veiled.moves} == {0}
        assert 2_000 not in {abs(move.amount) for move in veiled.moves}
        plain = await pot_moves(db, actor=scene.treasurer.actor)
        assert 2_000 in {move.amount for move in plain.moves}
    slug = scene.coop.slug
    client, api = browser(scene.steward), bearer(await api_token(database, scene.steward, "hours:read"))
    csv = (await client.get(f"/{slug}/pot/moves.csv")).text
    assert "2000" not in csv
    assert scene.donor.name in csv
    assert "2000" not in (await client.get(f"/{slug}/pot/statement.csv")).text
    moves = (await api.get(f"{slug}/pot/moves")).json()["items"]
    assert [one["amount_minutes"] for one in moves if one["counterparty"] == scene.donor.name] == [None]
    assert {one["balance_minutes"] for one in moves} == {None}
    assert (await api.get(f"{slug}/pot/statement")).json()["inflows"][0]["minutes"] is None
    own = bearer(await api_token(database, scene.donor, "hours:read"))
    given = (await own.get(f"{slug}/hours/statement")).json()["items"]
    assert [one["amount_minutes"] for one in given] == [-2_000], "one's own account stays exact"


async def test_the_page_and_the_file_show_the_same_lines(
    database: Database, db_as: OpenAs, browser: Browser
) -> None:
    scene = await make_scene(database, db_as, helped=HELPED)
    await a_month_later(db_as, scene)
    client = browser(scene.member)
    page = (await client.get(f"/{scene.coop.slug}/pot")).text
    assert "La santé · Le logement" in page
    assert "12 personnes" in page.replace("\N{NO-BREAK SPACE}", " ")
    lines = (await client.get(f"/{scene.coop.slug}/pot/statement.csv")).text.splitlines()
    assert len(lines) == 3
