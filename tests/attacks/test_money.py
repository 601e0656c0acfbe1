"""Attacks on the hours themselves: on one's own word, on somebody else's, twice, or past the one door."""

from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Role
from tenants.platform.database import Database
from tests.attacks.conftest import Browser, Scene
from tests.factories import api_token, give_mandate, join_member
from tests.marketplace import stories
from timebank.exchanges import post_transfer
from timebank.gifts import give
from timebank.ledger.accounts import pot_of
from timebank.ledger.holds import hold_hours
from timebank.ledger.transfers import Operation, Order, post, post_transfers

HOUR = 60
FOREIGN_POST = text(
    "SELECT outcome, refusal FROM post_transfers(:tenant, ARRAY['post'], NULL, NULL, ARRAY[CAST(:actor AS uuid)],"
    " ARRAY[CAST(:debit AS uuid)], ARRAY[CAST(:credit AS uuid)], ARRAY[60::bigint], NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL, NULL)"
)


async def test_a_steward_gives_nothing_of_the_pot_to_themself(
    database: Database, browser: Browser, scene: Scene
) -> None:
    slug = scene.home.slug
    async with database.begin(tenant=scene.home.tenant_id) as db:
        gift = await give(db, actor=scene.steward.actor, to=None, amount_minutes=2 * HOUR, message="")
    reader = browser(scene.steward)
    before = (await reader.get(f"/api/v1/{slug}/hours")).json()["balance_minutes"]
    fields = {"to": str(scene.steward.id), "amount_minutes": "1h", "reason": "Pour moi"}
    by_page = await reader.post(f"/{slug}/pot/grant", data={**fields, "grant_minutes": "1h"})
    by_api = await reader.post(f"/api/v1/{slug}/pot/grants", json={**fields, "amount_minutes": HOUR})
    taken_back = await reader.post(f"/api/v1/{slug}/transfers/{gift}/reverse", json={"reason": "Je reprends"})
    after = (await reader.get(f"/api/v1/{slug}/hours")).json()["balance_minutes"]
    assert after == before
    assert by_page.status_code == httpx.codes.FORBIDDEN
    assert by_api.json()["code"] == "grant_to_oneself"
    assert taken_back.json()["code"] == "not_allowed_to_debit"


async def test_the_ledger_itself_refuses_a_steward_s_grant_to_themself(
    database: Database, scene: Scene
) -> None:
    pot = pot_of(scene.home.tenant_id)
    async with database.begin(tenant=scene.home.tenant_id) as db:
        await give(db, actor=scene.plain.actor, to=None, amount_minutes=HOUR, message="")
    async with database.begin(tenant=scene.home.tenant_id) as db:
        order = post(debit=pot, credit=scene.steward.id, amount=1, actor=scene.steward.id)
        [outcome] = await post_transfers(db, [order])
    assert outcome.refusal == "not_allowed_to_debit"


async def test_a_treasurer_takes_no_payment_of_their_own_back(
    database: Database, browser: Browser, scene: Scene
) -> None:
    slug = scene.home.slug
    async with database.begin(tenant=scene.home.tenant_id) as db:
        paid = await post_transfer(
            db, actor=scene.treasurer.actor, to=scene.plain.id, amount_minutes=30, reason="Un service"
        )
    for member in (scene.treasurer, scene.steward, scene.mediator, scene.home.manager):
        answer = await browser(member).post(
            f"/api/v1/{slug}/transfers/{paid}/reverse", json={"reason": "Je me rembourse"}
        )
        assert answer.json()["code"] == "not_allowed_to_debit", member.name


async def test_nobody_moves_what_is_held_for_somebody_else(database: Database, scene: Scene) -> None:
    third = await join_member(database, scene.home)
    async with database.begin(tenant=scene.home.tenant_id) as db:
        held = await hold_hours(
            db, actor=scene.plain.actor, payer_id=scene.plain.id, provider_id=third.id, minutes=30
        )
    attempts = [
        (scene.treasurer.id, Operation.CAPTURE),
        (scene.steward.id, Operation.RELEASE),
        (third.id, Operation.CAPTURE),
        (scene.plain.id, Operation.RELEASE),
        (third.id, Operation.EXPIRE),
    ]
    for actor, operation in attempts:
        async with database.begin(tenant=scene.home.tenant_id) as db:
            [outcome] = await post_transfers(
                db, [Order(operation=operation, actor=actor, about=held, amount=30)]
            )
        assert outcome.refusal == "not_allowed_to_debit", (actor, operation)


async def test_a_mediator_who_is_a_party_decides_nothing(
    database: Database, browser: Browser, scene: Scene
) -> None:
    author = await give_mandate(database, scene.home, await join_member(database, scene.home), Role.MEDIATOR)
    bidder = await give_mandate(database, scene.home, await join_member(database, scene.home), Role.MEDIATOR)
    village = stories.Village(scene.home, author, bidder, scene.plain, scene.mediator)
    mission = await stories.disputed(database, village)
    body = {"posted_minutes": 0, "decision": "Je me donne raison"}
    for party in (author, bidder):
        answer = await browser(party).post(
            f"/api/v1/{scene.home.slug}/missions/{mission}/dispute/decide", json=body
        )
        assert answer.status_code in {403, 409}, answer.text
        assert answer.json()["code"] == "party_may_not_decide"
    plain = await browser(scene.plain).post(
        f"/api/v1/{scene.home.slug}/missions/{mission}/dispute/decide", json=body
    )
    assert plain.status_code == httpx.codes.FORBIDDEN


async def test_a_key_is_good_for_one_person_and_one_endpoint(browser: Browser, scene: Scene) -> None:
    """Another's key answers nothing of theirs, and the same key elsewhere is another key."""
    slug, key = scene.home.slug, uuid4().hex
    body = {"to": str(scene.mediator.id), "amount_minutes": 10, "reason": "Merci"}
    first = await browser(scene.plain).post(
        f"/api/v1/{slug}/transfers", json=body, headers={"idempotency-key": key}
    )
    other = await browser(scene.steward).post(
        f"/api/v1/{slug}/transfers", json=body, headers={"idempotency-key": key}
    )
    elsewhere = await browser(scene.plain).post(
        f"/api/v1/{slug}/gifts",
        json={"to": str(scene.mediator.id), "amount_minutes": 10, "message": "Merci"},
        headers={"idempotency-key": key},
    )
    again = await browser(scene.plain).post(
        f"/api/v1/{slug}/transfers", json=body, headers={"idempotency-key": key}
    )
    assert [answer.status_code for answer in (first, other, elsewhere, again)] == [201] * 4
    assert first.json() == again.json()
    assert len({answer.json()["id"] for answer in (first, other, elsewhere)}) == 3


async def test_a_replayed_answer_still_needs_the_scope(
    database: Database, browser: Browser, scene: Scene
) -> None:
    """The answer says what the account holds: a token that may not ask may not have it repeated either."""
    slug, headers = scene.home.slug, {"idempotency-key": uuid4().hex}
    body = {"to": str(scene.mediator.id), "amount_minutes": 10, "message": "Merci"}
    await browser(scene.plain).post(f"/api/v1/{slug}/gifts", json=body, headers=headers)
    narrow = await api_token(database, scene.plain, "missions:read")
    for path in ("gifts", "transfers"):
        answer = await browser().post(
            f"/api/v1/{slug}/{path}",
            json=body if path == "gifts" else {**body, "reason": body.pop("message")},
            headers={**headers, "authorization": f"Bearer {narrow}"},
        )
        assert answer.status_code in {403, 422}
        assert "balance_minutes" not in answer.text


@pytest.mark.parametrize("what", ["stranger's member", "own pot", "nobody"])
async def test_hours_do_not_cross_to_another_cooperative(browser: Browser, scene: Scene, what: str) -> None:
    to = {
        "stranger's member": scene.stranger.id,
        "own pot": pot_of(scene.stranger.tenant_id),
        "nobody": uuid4(),
    }[what]
    for path in ("transfers", "gifts"):
        answer = await browser(scene.plain).post(
            f"/api/v1/{scene.home.slug}/{path}",
            json={"to": str(to), "amount_minutes": 10, "message" if path == "gifts" else "reason": "x"},
        )
        assert answer.status_code == httpx.codes.NOT_FOUND, path


async def test_a_transaction_of_one_cooperative_does_not_move_the_hours_of_another(
    database: Database, scene: Scene
) -> None:
    """The door names its tenant; a transaction that works for another one must not be turned by it."""
    async with database.begin(tenant=scene.home.tenant_id) as db:
        await give(db, actor=scene.plain.actor, to=None, amount_minutes=HOUR, message="")
    for actor, debit in ((None, pot_of(scene.home.tenant_id)), (scene.plain.id, scene.plain.id)):
        with pytest.raises(DBAPIError, match="another cooperative"):
            async with database.begin(tenant=scene.stranger.tenant_id) as db:
                await db.execute(
                    FOREIGN_POST,
                    {
                        "tenant": scene.home.tenant_id,
                        "actor": actor,
                        "debit": debit,
                        "credit": scene.steward.id,
                    },
                )
    with pytest.raises(DBAPIError, match="another cooperative"):
        async with database.begin(tenant=scene.stranger.tenant_id) as db:
            await db.execute(
                text(
                    "SELECT * FROM post_bearer_transfers(:tenant, ARRAY['\\x00'::bytea], ARRAY[CAST(:to AS uuid)],"
                    " ARRAY[60::bigint], ARRAY['x'], 'x', NULL, NULL)"
                ),
                {"tenant": scene.home.tenant_id, "to": scene.steward.id},
            )


async def test_no_system_account_opens_for_another_cooperative(database: Database, scene: Scene) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.begin(tenant=scene.stranger.tenant_id) as db:
            await db.execute(
                text("SELECT open_system_account(:tenant, 'external', 'minutes')"),
                {"tenant": scene.home.tenant_id},
            )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts SET balance = 100000",
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "TRUNCATE transfers",
        "UPDATE holds SET state = 'released'",
        "INSERT INTO accounts (tenant_id, id, unit, kind) SELECT tenant_id, uuidv7(), 'minutes', 'external' FROM cooperatives",
        "UPDATE audit_entries SET action = 'a:b:c'",
        "DELETE FROM register_lines",
        "ALTER TABLE accounts DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON accounts",
        "SET ROLE ledger",
        "SET ROLE door",
        "SET ROLE owner",
        "SET SESSION AUTHORIZATION postgres",
        "SET row_security = off; SELECT * FROM accounts",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE public.mine (id int)",
        "ALTER FUNCTION post_bearer_transfers RESET ALL",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY people TO PROGRAM 'cat'",
    ],
)
async def test_the_application_s_role_cannot_go_round_the_door(
    database: Database, scene: Scene, statement: str
) -> None:
    async def try_it() -> None:
        async with database.begin(tenant=scene.home.tenant_id, person=scene.plain.person_id) as db:
            for one in statement.split("; "):
                await db.execute(text(one))

    with pytest.raises(DBAPIError):
        await try_it()


async def test_temporary_tables_do_not_stand_in_for_the_ledger_s(database: Database, scene: Scene) -> None:
    """A temporary table comes first in a search path that does not say otherwise."""
    async with database.begin(tenant=scene.home.tenant_id) as db:
        real: UUID = scene.plain.id
        for table in ("accounts", "mandates", "memberships", "rule_versions", "api_tokens", "holds"):
            await db.execute(text(f"CREATE TEMP TABLE {table} (LIKE public.{table}) ON COMMIT DROP"))
        await db.execute(
            text(
                "INSERT INTO pg_temp.mandates (tenant_id, id, membership_id, role, term, given_at) VALUES"
                " (:tenant, uuidv7(), :member, 'steward', tstzrange(now() - interval '1 day', now() + interval '1 day'), now())"
            ),
            {"tenant": scene.home.tenant_id, "member": real},
        )
        order = post(debit=pot_of(scene.home.tenant_id), credit=scene.mediator.id, amount=1, actor=real)
        [outcome] = await post_transfers(db, [order])
    assert outcome.refusal == "not_allowed_to_debit"
