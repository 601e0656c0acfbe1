"""Taking somebody's identity by the new doors: a browser left open, the second factor, requests to join."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import text

from tenants.actors import Role
from tenants.admissions import approve_join_request
from tenants.join_links import ask_to_join, confirm_join_request, stamp_join_request
from tenants.join_requests import ask_to_join_signed_in
from tenants.platform.database import Database
from tenants.platform.errors import TooManyAttempts
from tenants.platform.security import SIGN_IN_COOKIE
from tenants.platform.settings import Settings
from tenants.platform.throttle import Throttle
from tests.attacks.conftest import Browser, Scene
from tests.conftest import OpenAs
from tests.factories import (
    PASSWORD,
    Founded,
    Member,
    api_token,
    found_cooperative,
    give_mandate,
    join_member,
    sign_in,
)

HOURS_AGO = "UPDATE sign_ins SET created_at = now() - interval '3 hours' WHERE person_id = :person"


async def left_open(db_as: OpenAs, member: Member) -> None:
    """Their browser was signed in this morning, and nobody sits before it."""
    async with db_as("postgres") as db:
        await db.execute(text(HOURS_AGO), {"person": member.person_id})


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()), counter_offset=steps)


async def enrolled(client: httpx.AsyncClient, **given: str) -> tuple[str, list[str]]:
    """Take a second factor through the API; returns the secret and the recovery codes."""
    secret = (await client.post("/api/v1/me/second-factor/begin", json=given)).json()["secret"]
    done = await client.post("/api/v1/me/second-factor/confirm", json={"code": code(secret, -1)})
    return secret, done.json()["codes"]


async def test_a_browser_left_open_gives_no_account_away_without_a_password_either(
    database: Database, db_as: OpenAs, browser: Browser, scene: Scene
) -> None:
    victim = await join_member(database, scene.home)
    await left_open(db_as, victim)
    thief = browser(victim)
    tries = [
        await thief.post("/me/second-factor/begin", data={}),
        await thief.post("/me/email", data={"email": "voleuse@example.org"}),
        await thief.post("/me/password", data={"new_password": "ma propre phrase longue"}),
        await thief.post("/api/v1/me/second-factor/begin", json={}),
    ]
    assert [one.status_code for one in tries] == [403] * 4
    assert tries[-1].json()["code"] == "come_by_mail"
    async with db_as("postgres") as db:
        taken = text("""
            SELECT (SELECT count(*) FROM second_factors WHERE person_id = :person)
                 + (SELECT count(*) FROM mail_links WHERE person_id = :person)
                 + (SELECT count(*) FROM people WHERE person_id = :person AND password_hash IS NOT NULL)
        """)
        assert await db.scalar(taken, {"person": victim.person_id}) == 0
    # Whoever holds the mailbox comes back by it, and may.
    owner = browser()
    owner.cookies.set(SIGN_IN_COOKIE, await sign_in(database, victim))
    assert (await owner.post("/api/v1/me/second-factor/begin", json={})).status_code == httpx.codes.OK


async def test_no_road_leads_round_the_second_factor(
    database: Database, browser: Browser, scene: Scene
) -> None:
    """Half a sign-in, a code of somebody else, recovery codes at once, a token: none opens or ends the factor."""
    victim = await join_member(database, scene.home, password=PASSWORD)
    intruder = await join_member(database, scene.home, password=PASSWORD)
    token = await api_token(database, victim, "profile:read", "profile:write", "governance:write")
    secret, codes = await enrolled(browser(victim), current_password=PASSWORD)
    other, _codes = await enrolled(browser(intruder), current_password=PASSWORD)

    thief = browser()
    half = await thief.post("/sign-in", data={"email": victim.email, "password": PASSWORD})
    assert half.headers["location"].startswith("/sign-in/code")
    token_of_half = thief.cookies["archipel_half_sign_in"]
    for path in ("/me", f"/{victim.slug}/hours", "/api/v1/me/second-factor", f"/api/v1/{victim.slug}/me"):
        assert (await thief.get(path)).status_code in {401, 303}, path
    # Neither as a sign-in, nor as a bearer token.
    thief.cookies.set(SIGN_IN_COOKIE, token_of_half)
    assert (await thief.get("/me")).status_code in {401, 303}
    thief.cookies.delete(SIGN_IN_COOKIE)
    bearer = {"authorization": f"Bearer {token_of_half}"}
    assert (await browser().get(f"/api/v1/{victim.slug}/me", headers=bearer)).status_code == 401
    for guess in (code(other), codes[0][:-1], "", "0" * 6, "０１２３４５"):
        assert (await thief.post("/sign-in/code", data={"code": guess})).status_code in {422, 429}, guess

    program = {"authorization": f"Bearer {token}"}
    for act in ("begin", "confirm", "codes", "disable"):
        given = {"code": code(secret, 1), "current_password": PASSWORD}
        answer = await browser().post(f"/api/v1/me/second-factor/{act}", json=given, headers=program)
        assert answer.status_code in {401, 403}, act
    # A browser left open may not end it without a code, nor replace it.
    open_one = browser(victim)
    assert (
        await open_one.post("/me/second-factor/begin", data={"current_password": PASSWORD})
    ).status_code == 409
    ended = await open_one.post("/me/second-factor/disable", data={"code": "", "current_password": PASSWORD})
    assert ended.status_code in {422, 429}
    state = (await open_one.get("/api/v1/me/second-factor")).json()
    assert state["since"] and state["recovery_codes_left"] == 10  # noqa: PT018


async def test_what_a_rule_withholds_is_withheld_on_every_road(database: Database, browser: Browser) -> None:
    home = await found_cooperative(database, rules={"tenants.second_factor": 2})
    victim = await join_member(database, home)
    secret = await api_token(database, home.manager, "governance:write", "profile:write")
    keeper, program = browser(home.manager), {"authorization": f"Bearer {secret}"}
    acts: list[tuple[str, dict[str, Any]]] = [
        (f"/api/v1/{home.slug}/members/{victim.id}/suspend", {}),
        (f"/api/v1/{home.slug}/invitations", {"email": "a@b.example", "display_name": "A"}),
        (
            f"/api/v1/{home.slug}/mandates",
            {"membership_id": str(victim.id), "role": "treasurer", "until": "2027-06-01"},
        ),
    ]
    for path, given in acts:
        for client, headers in ((keeper, {}), (browser(), program)):
            answer = await client.post(path, json=given, headers=headers)
            assert answer.status_code == 403, (path, answer.text)


# --- Requests to join -------------------------------------------------------------------------------------


async def pressed(database: Database, throttle: Throttle, home: Founded, email: str, name: str) -> None:
    """Ask to join as whoever holds this mailbox, and press the link."""
    async with database.begin(tenant=home.tenant_id) as db:
        await ask_to_join(db, throttle, tenant_id=home.tenant_id, email=email, display_name=name)
        found = await db.scalar(text("SELECT id FROM join_requests WHERE state = 'asked'"))
        token = await stamp_join_request(db, tenant_id=home.tenant_id, request_id=found)
    assert token
    async with database.begin(tenant=home.tenant_id) as db:
        await confirm_join_request(db, tenant_id=home.tenant_id, token=token)


@pytest.fixture
async def throttle(settings: Settings) -> AsyncIterator[Throttle]:
    """Counted as by the server of this run."""
    opened = Throttle(settings.redis_url)
    yield opened
    await opened.close()


async def test_nobody_is_let_in_under_the_mailbox_that_they_no_longer_hold(
    database: Database, db_as: OpenAs, throttle: Throttle
) -> None:
    """The former holder of a shared mailbox asks; the new holder asks; the managers let in who holds it now."""
    elsewhere, home = await found_cooperative(database), await found_cooperative(database)
    former = await join_member(database, elsewhere)
    async with database.begin(tenant=home.tenant_id, person=former.person_id) as db:
        await ask_to_join_signed_in(
            db, tenant_id=home.tenant_id, person_id=former.person_id, display_name="Moi"
        )
    async with db_as("postgres") as db:
        moved = text("UPDATE people SET email = 'parti-' || email WHERE person_id = :person")
        await db.execute(moved, {"person": former.person_id})
    await pressed(database, throttle, home, former.email, "Nadège Nouvelle")
    async with database.begin(tenant=home.tenant_id, person=home.manager.person_id) as db:
        [request] = (await db.scalars(text("SELECT id FROM join_requests WHERE state = 'waiting'"))).all()
        member = await approve_join_request(db, actor=home.manager.actor, join_request_id=request)
        assert member.display_name == "Nadège Nouvelle"
        assert member.person_id != former.person_id


async def test_no_mailbox_is_filled_by_asking_at_many_doors(database: Database, throttle: Throttle) -> None:
    async def ask(number: int) -> None:
        home = await found_cooperative(database)
        async with database.begin(tenant=home.tenant_id) as db:
            await ask_to_join(
                db,
                throttle,
                tenant_id=home.tenant_id,
                email="victime@boite.example",
                display_name="X",
                address=f"192.0.{number}.2",
            )

    for number in range(6):
        await ask(number)
    with pytest.raises(TooManyAttempts):
        await ask(6)


async def test_a_request_tells_a_stranger_nothing_and_gives_nothing(browser: Browser, scene: Scene) -> None:
    asked = {"display_name": "Inès Inconnue", "message": "Bonjour"}
    answers = []
    for email in (scene.plain.email, scene.stranger.email, "personne@nulle-part.example"):
        answer = await browser().post(f"/{scene.home.slug}/join", data={"email": email, **asked})
        answers.append((answer.status_code, answer.headers.get("location"), answer.text))
    assert len(set(answers)) == 1
    assert answers[0][0] in {200, 303}
    for token in ("x", "a" * 43, "%00"):
        assert (await browser().post(f"/{scene.home.slug}/join/{token}")).status_code in {400, 404, 405}
    # Neither members nor stewards read or answer; nor the manager of another cooperative.
    for who in (scene.plain, scene.steward, scene.treasurer, scene.stranger):
        for prefix in ("", "/api/v1"):
            answer = await browser(who).get(f"{prefix}/{scene.home.slug}/join-requests")
            assert answer.status_code == 403, answer.url


async def test_a_mandate_given_over_a_stolen_session_asks_for_more_than_the_session(
    database: Database, browser: Browser, scene: Scene
) -> None:
    """What a token cannot do for its person: leave, export, erase, make tokens, approve a delegation."""
    member = await give_mandate(database, scene.home, await join_member(database, scene.home), Role.STEWARD)
    scopes = (
        "profile:read",
        "profile:write",
        "hours:read",
        "hours:write",
        "governance:read",
        "governance:write",
    )
    program = {"authorization": f"Bearer {await api_token(database, member, *scopes)}"}
    client = browser()
    for path in ("/api/v1/me/data", "/api/v1/me/erasures", "/api/v1/me/second-factor"):
        assert (await client.get(path, headers=program)).status_code in {401, 403}, path
    for path, given in (
        ("/api/v1/me/erasures", {}),
        ("/api/v1/me/erasures/withdraw", {}),
        (f"/api/v1/{member.slug}/leave", {}),
        (f"/api/v1/{member.slug}/tokens", {"name": "x", "scopes": ["hours:write"], "days": 3}),
    ):
        answer = await client.post(path, json=given, headers=program)
        assert answer.status_code in {401, 403}, (path, answer.text)
