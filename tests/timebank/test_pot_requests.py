"""Asking the pot for help: for oneself, read by its stewards alone, decided by another, posted once."""

from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Role
from tenants.audit import audit_entries
from tenants.notices import Notice, notices
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tests.factories import Founded, Member, api_token, found_cooperative, give_mandate, join_member
from tests.tenants.conftest import Browser, Client
from timebank.exchanges import ReasonMissing
from timebank.gifts import GrantToOneself, give
from timebank.ledger.accounts import find_account, hours_account_of
from timebank.ledger.refusals import NotEnoughHours
from timebank.ledger.transfers import find_transfer, reverse_transfer
from timebank.pot_decisions import grant_pot_request, refuse_pot_request
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import (
    PotRequest,
    PotRequestOpen,
    PotRequestOver,
    PotRequestState,
    ask_pot,
    my_pot_requests,
    pot_request,
    pot_requests,
    withdraw_pot_request,
)

SECRET = "Ma chaudière est tombée en panne"


@dataclass(frozen=True)
class Scene:
    """A pot of ten hours; who asks, who keeps it, and who has nothing to do with it."""

    coop: Founded
    asks: Member
    steward: Member
    second: Member
    other: Member


@pytest.fixture
async def scene(database: Database) -> Scene:
    coop = await found_cooperative(database, rules={"timebank.credit_limit_low": 6_000})
    asks, steward, second, other = [await join_member(database, coop) for _ in range(4)]
    steward = await give_mandate(database, coop, steward, Role.STEWARD)
    second = await give_mandate(database, coop, second, Role.STEWARD)
    async with database.begin(tenant=coop.tenant_id) as db:
        await give(db, actor=other.actor, to=None, amount_minutes=600)
    return Scene(coop, asks, steward, second, other)


async def asked(database: Database, member: Member, minutes: int = 120) -> PotRequest:
    async with database.begin(tenant=member.tenant_id) as db:
        return await ask_pot(
            db, actor=member.actor, purpose=PotPurpose.HOME, words=f" {SECRET} ", asked_minutes=minutes
        )


async def told(database: Database, member: Member, kind: str) -> list[Notice]:
    async with database.begin(tenant=member.tenant_id) as db:
        return [one for one in await notices(db, actor=member.actor) if one.kind == kind]


async def balance(database: Database, member: Member) -> int:
    async with database.begin(tenant=member.tenant_id) as db:
        account = await find_account(db, tenant_id=member.tenant_id, account_id=hours_account_of(member.id))
    return account.balance


async def test_a_request_is_granted_by_a_steward_and_posted_with_itself_as_cause(
    database: Database, scene: Scene
) -> None:
    request = await asked(database, scene.asks)
    assert (request.words, request.state) == (SECRET, PotRequestState.OPEN)
    assert len(await told(database, scene.steward, "pot_request_waits")) == 1
    assert not await told(database, scene.coop.manager, "pot_request_waits")
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        granted = await grant_pot_request(
            db, actor=scene.steward.actor, request_id=request.id, amount_minutes=90, answer="Bon courage"
        )
        assert granted.transfer_id
        moved = await find_transfer(db, tenant_id=scene.coop.tenant_id, transfer_id=granted.transfer_id)
    assert (moved.amount, moved.cause, moved.actor, moved.reason) == (
        90,
        f"pot_request:{request.id}",
        scene.steward.id,
        None,
    )
    assert await balance(database, scene.asks) == 90
    [notice] = await told(database, scene.asks, "pot_request_granted")
    assert notice.facts == {"request_id": str(request.id), "granted_minutes": 90}
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for verb in (grant_pot_request, refuse_pot_request):
            more = {"amount_minutes": 5} if verb is grant_pot_request else {}
            with pytest.raises(PotRequestOver):
                await verb(db, actor=scene.second.actor, request_id=request.id, answer="Encore", **more)
    assert await balance(database, scene.asks) == 90


async def test_nobody_decides_on_their_own_request(database: Database, scene: Scene) -> None:
    request = await asked(database, scene.steward)
    assert not await told(database, scene.steward, "pot_request_waits")
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for role in (scene.asks, scene.coop.manager):
            with pytest.raises(NotAllowed):
                await grant_pot_request(
                    db, actor=role.actor, request_id=request.id, amount_minutes=5, answer="Oui"
                )
        with pytest.raises(GrantToOneself):
            await grant_pot_request(
                db, actor=scene.steward.actor, request_id=request.id, amount_minutes=5, answer="Oui"
            )
        with pytest.raises(GrantToOneself):
            await refuse_pot_request(db, actor=scene.steward.actor, request_id=request.id, answer="Non")
        await refuse_pot_request(db, actor=scene.second.actor, request_id=request.id, answer="Pas ce mois-ci")
    with pytest.raises(DBAPIError, match="never_ones_own"):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            await db.execute(text("UPDATE pot_requests SET decided_by = membership_id"))


async def test_words_and_names_are_for_the_stewards_and_the_author_alone(
    database: Database, scene: Scene
) -> None:
    request = await asked(database, scene.asks)
    treasurer = await give_mandate(
        database, scene.coop, await join_member(database, scene.coop), Role.TREASURER
    )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for reader in (scene.asks, scene.steward):
            found = await pot_request(db, actor=reader.actor, request_id=request.id)
            assert (found.request.words, found.name) == (SECRET, scene.asks.name)
        for reader in (scene.other, scene.coop.manager, treasurer):
            with pytest.raises(NotFound):
                await pot_request(db, actor=reader.actor, request_id=request.id)
            with pytest.raises(NotAllowed):
                await pot_requests(db, actor=reader.actor)
            with pytest.raises(NotFound):
                await withdraw_pot_request(db, actor=reader.actor, request_id=request.id)
        await grant_pot_request(
            db, actor=scene.steward.actor, request_id=request.id, amount_minutes=60, answer="Voilà"
        )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        trail = await audit_entries(db, actor=scene.coop.manager.actor, action="timebank:pot")
        assert [entry.action for entry in trail] == ["timebank:pot_request:granted"]
        assert str(scene.asks.id) not in str([(one.actor_id, one.subject_id, one.facts) for one in trail])
        rows = await db.execute(
            text("SELECT facts::text FROM outbox UNION ALL SELECT facts::text FROM notices")
        )
        assert SECRET not in " ".join(rows.scalars())


async def test_one_request_at_a_time_and_one_may_ask_again(database: Database, scene: Scene) -> None:
    first = await asked(database, scene.asks)
    with pytest.raises(PotRequestOpen):
        await asked(database, scene.asks)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        withdrawn = await withdraw_pot_request(db, actor=scene.asks.actor, request_id=first.id)
        assert (withdrawn.state, withdrawn.decided_by) == (PotRequestState.WITHDRAWN, None)
        with pytest.raises(PotRequestOver):
            await withdraw_pot_request(db, actor=scene.asks.actor, request_id=first.id)
    second = await asked(database, scene.asks)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(ReasonMissing):
            await refuse_pot_request(db, actor=scene.steward.actor, request_id=second.id, answer=" ")
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await refuse_pot_request(
            db, actor=scene.steward.actor, request_id=second.id, answer="Revenez en mars"
        )
    third = await asked(database, scene.asks)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        mine = await my_pot_requests(db, actor=scene.asks.actor)
        assert [one.id for one in mine] == [third.id, second.id, first.id]
        assert [
            one.id for one in await my_pot_requests(db, actor=scene.asks.actor, before=third.id, limit=1)
        ] == [second.id]
        waiting = await pot_requests(db, actor=scene.steward.actor, state=PotRequestState.OPEN)
        assert [one.request.id for one in waiting] == [third.id]
        assert not await my_pot_requests(db, actor=scene.other.actor)
    [answered] = await told(database, scene.asks, "pot_request_refused")
    assert "mars" not in str(answered.facts)


async def test_the_pot_never_owes_and_a_refused_grant_changes_nothing(
    database: Database, scene: Scene
) -> None:
    request = await asked(database, scene.asks, minutes=601)
    with pytest.raises(NotEnoughHours):
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            await grant_pot_request(
                db, actor=scene.steward.actor, request_id=request.id, amount_minutes=601, answer="Oui"
            )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        assert (await pot_request(db, actor=scene.asks.actor, request_id=request.id)).request.state == "open"
        granted = await grant_pot_request(
            db,
            actor=scene.steward.actor,
            request_id=request.id,
            amount_minutes=600,
            answer="Tout ce qu'il y a",
        )
        assert granted.transfer_id
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await reverse_transfer(
            db, actor=scene.asks.actor, transfer_id=granted.transfer_id, reason="Finalement non"
        )
    assert await balance(database, scene.asks) == 0


async def test_where_no_steward_could_answer_the_managers_are_told(database: Database) -> None:
    coop = await found_cooperative(database)
    alone = await give_mandate(database, coop, await join_member(database, coop), Role.STEWARD)
    await asked(database, alone)
    assert len(await told(database, coop.manager, "pot_has_no_steward")) == 1
    assert not await told(database, alone, "pot_request_waits")


async def test_the_pages_lead_from_asking_to_the_answer(
    database: Database, scene: Scene, browser: Browser
) -> None:
    home = f"/{scene.coop.slug}/pot"
    asks, keeps, other = browser(scene.asks), browser(scene.steward), browser(scene.other)
    wrong = await asks.post(
        f"{home}/requests", data={"purpose": "home", "asked_minutes": "mille", "words": SECRET}
    )
    assert wrong.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert SECRET in wrong.text
    sent = {"purpose": "home", "asked_minutes": "2h", "words": SECRET, "once": "premiere"}
    ways = [(await asks.post(f"{home}/requests", data=sent)).headers["location"] for _ in range(2)]
    assert ways[0] == ways[1]
    assert SECRET in (await asks.get(ways[0])).text
    listed = await keeps.get(f"{home}/requests/all?standing=open")
    assert scene.asks.name in listed.text
    assert SECRET in (await keeps.get(ways[0])).text
    for path in (ways[0], f"{home}/requests/all", f"{home}/requests/all.csv", f"{home}/moves.csv"):
        refused = await other.get(path)
        assert refused.status_code in {403, 404}, path
        assert scene.asks.name not in refused.text
    assert (await other.post(f"{ways[0]}/refuse", data={"refusal": "Non"})).status_code in {403, 404}
    grant = {"amount_minutes": "1h30", "answer": "Bon courage", "once": "accord"}
    for _ in range(2):
        assert (await keeps.post(f"{ways[0]}/grant", data=grant)).status_code == httpx.codes.SEE_OTHER
    assert await balance(database, scene.asks) == 90
    late = await keeps.post(f"{ways[0]}/refuse", data={"refusal": "Trop tard"})
    assert late.status_code == httpx.codes.CONFLICT
    again = await asks.get(f"{home}/requests/new?again={ways[0].rpartition('/')[2]}")
    assert SECRET in again.text
    assert len((await asks.get(f"{home}/requests.csv")).text.splitlines()) == 2
    assert SECRET not in (await keeps.get(f"{home}/requests/all.csv")).text


async def test_the_api_does_the_same_once_per_key(database: Database, scene: Scene, bearer: Client) -> None:
    asks = bearer(await api_token(database, scene.asks, "hours:read", "hours:write"))
    keeps = bearer(await api_token(database, scene.steward, "hours:read", "hours:write"))
    home = f"{scene.coop.slug}/pot/requests"
    sent = await asks.post(home, json={"purpose": "health", "asked_minutes": 60, "words": SECRET})
    assert sent.status_code == httpx.codes.CREATED, sent.text
    request = sent.json()
    answers = [
        await keeps.post(
            f"{home}/{request['id']}/grant",
            json={"amount_minutes": 45, "answer": "Voilà"},
            headers={"idempotency-key": "une fois"},
        )
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert await balance(database, scene.asks) == 45
    listed = (await keeps.get(f"{home}/all?standing=granted")).json()["items"]
    assert [(one["name"], one["granted_minutes"]) for one in listed] == [(scene.asks.name, 45)]
    assert (await asks.get(f"{home}/all")).status_code == httpx.codes.FORBIDDEN
    assert len((await asks.get(home)).json()["items"]) == 1


async def test_another_cooperative_sees_no_request(database: Database, scene: Scene) -> None:
    request = await asked(database, scene.asks)
    elsewhere = await found_cooperative(database)
    intruder = await give_mandate(database, elsewhere, await join_member(database, elsewhere), Role.STEWARD)
    async with database.begin(tenant=elsewhere.tenant_id) as db:
        assert not (await db.scalars(select(PotRequest))).all()
        assert not await pot_requests(db, actor=intruder.actor)
        with pytest.raises(NotFound):
            await pot_request(db, actor=intruder.actor, request_id=request.id)
