"""The hot endpoint over real HTTP: what a member's program, a browser and a stranger get from it.

Nothing here reaches into the server: locks and planted faults are set in the database, as another client's
transaction or a broken disk would.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from tenants.platform.database import Database
from tenants.platform.embedded import Servers
from tenants.platform.security import BODY_BYTES_MAX, SIGN_IN_COOKIE
from tests.conftest import OpenAs
from tests.factories import Founded, Member, api_token, found_cooperative, join_member
from tests.running import Running, free_port, start

RULES = {"timebank.credit_limit_low": 600, "timebank.credit_limit_high": 6_000}
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@dataclass(frozen=True)
class Two:
    """A cooperative with two members besides its founder, and a program that acts for the first."""

    cooperative: Founded
    giver: Member
    taker: Member
    client: httpx.AsyncClient
    db_as: OpenAs

    @property
    def path(self) -> str:
        return f"/api/v1/{self.cooperative.slug}/transfers"

    async def send(
        self, key: str | None = None, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """Transfer from the first to the second; what is named replaces the usual."""
        draft = {"to": str(self.taker.id), "amount_minutes": 60, "reason": "Relecture d'un devis"} | body
        sent = (headers or {}) | ({"idempotency-key": key} if key is not None else {})
        return await self.client.post(self.path, json=draft, headers=sent)

    async def send_raw(self, content: bytes, **headers: str) -> httpx.Response:
        return await self.client.post(self.path, content=content, headers=headers)

    async def ask(self, query: str, **values: Any) -> Any:
        async with self.db_as("postgres", tenant=self.cooperative.tenant_id) as db:
            return (await db.execute(text(query), {"tenant": self.cooperative.tenant_id, **values})).all()

    async def posted(self) -> int:
        [(count,)] = await self.ask("SELECT count(*) FROM transfers WHERE tenant_id = :tenant")
        return int(count)

    async def balance(self, member: Member) -> int:
        [(balance,)] = await self.ask(
            "SELECT balance FROM accounts WHERE tenant_id = :tenant AND id = :id", id=member.id
        )
        return int(balance)

    @asynccontextmanager
    async def held_up(self) -> AsyncIterator[None]:
        """While this lasts, every transfer to the taker waits inside PostgreSQL."""
        async with self.db_as("postgres", tenant=self.cooperative.tenant_id) as db:
            await db.execute(
                text("SELECT FROM accounts WHERE tenant_id = :tenant AND id = :id FOR UPDATE"),
                {"tenant": self.cooperative.tenant_id, "id": self.taker.id},
            )
            yield

    async def until_waiting(self) -> None:
        """Return once a transfer waits for a lock."""
        for _ in range(500):
            [(waiting,)] = await self.ask(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'archipel-hot' AND wait_event_type = 'Lock'"
            )
            if waiting:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("no transfer came as far as the lock")


@pytest.fixture
async def two(database: Database, db_as: OpenAs, archipel: Running) -> AsyncIterator[Two]:
    cooperative = await found_cooperative(database, rules=RULES)
    giver = await join_member(database, cooperative)
    taker = await join_member(database, cooperative)
    token = await api_token(database, giver, "hours:write")
    async with httpx.AsyncClient(
        base_url=archipel.base_url,
        headers={"authorization": f"Bearer {token}"},
        timeout=30,
        limits=httpx.Limits(max_connections=None),
    ) as client:
        yield Two(cooperative, giver, taker, client, db_as)


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that the answer is this refusal, and return it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    return problem


# --- What is granted -----------------------------------------------------------------------------------


async def test_a_transfer_is_answered_with_what_was_posted_and_what_is_left(two: Two) -> None:
    answer = await two.send()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    said = answer.json()
    assert said.keys() == {"id", "at", "amount_minutes", "balance_minutes", "available_minutes"}
    assert (said["amount_minutes"], said["balance_minutes"], said["available_minutes"]) == (60, -60, -60)
    [row] = await two.ask(
        "SELECT id, debit_account, credit_account, amount, actor, reason FROM transfers WHERE tenant_id = :tenant"
    )
    assert row == (UUID(said["id"]), two.giver.id, two.taker.id, 60, two.giver.id, "Relecture d'un devis")


async def test_both_roads_leave_the_same_line_and_the_same_answer(two: Two) -> None:
    by_program = await two.send()
    by_browser = await _as_browser(two)
    assert by_browser.status_code == 201, by_browser.text
    assert by_program.json().keys() == by_browser.json().keys()
    first, second = await two.ask(
        "SELECT debit_account, credit_account, amount, actor, reason, cause FROM transfers"
        " WHERE tenant_id = :tenant ORDER BY posted_at"
    )
    assert first == second


async def test_many_at_once_are_all_posted_once(two: Two) -> None:
    answers = await asyncio.gather(*(two.send(str(uuid4()), amount_minutes=1) for _ in range(200)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 200
    assert (await two.balance(two.giver), await two.balance(two.taker), await two.posted()) == (
        -200,
        200,
        200,
    )


async def test_a_token_s_use_is_noted(two: Two) -> None:
    await two.send()
    for _ in range(200):
        [(used,)] = await two.ask("SELECT last_used_at IS NOT NULL FROM api_tokens WHERE tenant_id = :tenant")
        if used:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the use of the token was never noted")


# --- The same request sent twice -----------------------------------------------------------------------


async def test_the_same_key_sent_a_hundred_times_at_once_has_one_effect_and_one_answer(two: Two) -> None:
    answers = await asyncio.gather(*(two.send("une-seule-fois") for _ in range(100)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert await two.posted() == 1


async def test_the_same_key_with_another_body_is_refused(two: Two) -> None:
    assert (await two.send("cle")).status_code == 201
    refused(await two.send("cle", amount_minutes=61), 422, "idempotency_key_reused")
    assert await two.posted() == 1


async def test_a_refusal_is_replayed_as_the_same_refusal_even_when_it_would_be_granted_by_now(
    two: Two,
) -> None:
    first = refused(await two.send("trop", amount_minutes=601), 409, "not_enough_hours")
    await two.ask(
        "UPDATE accounts SET balance = 1000, version = 1 WHERE id = :id RETURNING 1", id=two.giver.id
    )
    assert refused(await two.send("trop", amount_minutes=601), 409, "not_enough_hours") == first
    assert (await two.send("assez", amount_minutes=601)).status_code == 201


async def test_another_person_s_key_is_another_key(two: Two, database: Database) -> None:
    assert (await two.send("partagee")).status_code == 201
    theirs = {"authorization": f"Bearer {await api_token(database, two.taker, 'hours:write')}"}
    answer = await two.send("partagee", headers=theirs, to=str(two.giver.id), amount_minutes=10)
    assert answer.status_code == 201
    assert answer.json()["amount_minutes"] == 10


async def test_a_key_used_by_a_program_is_known_to_the_same_person_s_browser(two: Two) -> None:
    granted = await two.send("les-deux", amount_minutes=5)
    body = granted.request.content
    again = await _as_browser(two, content=body, key="les-deux")
    assert (again.status_code, again.json()) == (201, granted.json())
    too_much = await two.send("les-deux-non", amount_minutes=5_000)
    refused(
        await _as_browser(two, content=too_much.request.content, key="les-deux-non"), 409, "not_enough_hours"
    )
    refused(
        await _as_browser(two, content=body.replace(b"5", b"6"), key="les-deux"),
        422,
        "idempotency_key_reused",
    )
    assert await two.posted() == 1


# --- What is refused -----------------------------------------------------------------------------------


async def test_the_limits_of_both_sides_are_refused_with_figures(two: Two) -> None:
    low = refused(await two.send(amount_minutes=601), 409, "not_enough_hours")
    assert low["field"] == "amount_minutes"
    figures = {"available_minutes": 0, "limit_minutes": 600, "asked_minutes": 601, "short_minutes": 1}
    assert low["facts"].items() >= figures.items()
    await two.ask("UPDATE accounts SET balance = 5990 WHERE id = :id RETURNING 1", id=two.taker.id)
    refused(await two.send(amount_minutes=11), 409, "over_the_ceiling")
    assert (await two.send(amount_minutes=10)).status_code == 201


async def test_accounts_that_cannot_receive_are_refused(two: Two, database: Database) -> None:
    elsewhere = await join_member(database, await found_cooperative(database))
    refused(await two.send(to=str(uuid4())), 404, "unknown_account")
    refused(await two.send(to=str(elsewhere.id)), 404, "unknown_account")
    refused(await two.send(to=str(two.giver.id)), 422, "same_account")
    await two.ask("UPDATE memberships SET state = 'suspended' WHERE id = :id RETURNING 1", id=two.taker.id)
    refused(await two.send(), 409, "account_closed")
    assert await two.posted() == 0


async def test_a_token_that_opens_nothing_here_is_refused(two: Two, database: Database) -> None:
    elsewhere = await join_member(database, await found_cooperative(database))
    for secret in ("inconnu", "x" * 5_000, "a b", await api_token(database, elsewhere, "hours:write")):
        answer = await two.send(headers={"authorization": f"Bearer {secret}"})
        refused(answer, 401, "unknown_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    await two.ask("UPDATE api_tokens SET revoked_at = now() WHERE tenant_id = :tenant RETURNING 1")
    refused(await two.send("cle"), 401, "unknown_token")
    await two.ask(
        "UPDATE api_tokens SET revoked_at = NULL, created_at = created_at - interval '9 days',"
        " expires_at = now() - interval '1 second' WHERE tenant_id = :tenant RETURNING 1"
    )
    refused(await two.send("cle"), 401, "unknown_token")
    await two.ask(
        "UPDATE api_tokens SET expires_at = now() + interval '1 day' WHERE tenant_id = :tenant RETURNING 1"
    )
    assert (await two.send("cle")).status_code == 201


async def test_a_suspended_member_s_token_is_refused(two: Two) -> None:
    await two.ask("UPDATE memberships SET state = 'suspended' WHERE id = :id RETURNING 1", id=two.giver.id)
    refused(await two.send(), 401, "unknown_token")


async def test_a_token_without_the_scope_is_refused(two: Two, database: Database) -> None:
    reader = await api_token(database, two.giver, "hours:read")
    problem = refused(await two.send(headers={"authorization": f"Bearer {reader}"}), 403, "scope_missing")
    assert "hours:write" in problem["detail"]


async def test_nobody_is_refused_before_what_they_sent_is_discussed(two: Two) -> None:
    refused(await two.send(headers={"authorization": ""}), 401, "not_signed_in")
    refused(await two.send_raw(b"{", authorization="Bearer inconnu"), 401, "unknown_token")


async def test_a_cooperative_that_is_not_there_is_not_found(two: Two) -> None:
    draft = {"to": str(two.taker.id), "amount_minutes": 60, "reason": "essai"}
    for slug in ("inconnue", "api", "%00", "a%0Ab", "%F0%9F%8C%8A", "x" * 400, "..%2F..", "A'--", "coop%20"):
        for _ in range(2):
            refused(await two.client.post(f"/api/v1/{slug}/transfers", json=draft), 404, "not_found")


UNREADABLE = (
    b"",
    b"{",
    b"\xff\xfe",
    b"to=1&amount_minutes=2",
    b'{"to":"%s","amount_minutes":1,"reason":"\xff"}',
    b'{"to":"%s","amount_minutes":1,"reason":"\\ud800"}',
)
NOT_ACCEPTABLE = (
    (b"null", "body"),
    (b"[]", "body"),
    (b'"\xff"', "body"),
    (b"[" * 5_000, "body"),
    (b"{}", "to"),
    (b'{"to":"%s"}', "amount_minutes"),
    (b'{"to":"moi","amount_minutes":1,"reason":"x"}', "to"),
    (b'{"to":1,"amount_minutes":1,"reason":"x"}', "to"),
    (b'{"to":"%s","amount_minutes":0,"reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":-60,"reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":60001,"reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":1e400,"reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":123456789012345678901234567890,"reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":1.5,"reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":true,"reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":"60","reason":"x"}', "amount_minutes"),
    (b'{"to":"%s","amount_minutes":1,"reason":""}', "reason"),
    (b'{"to":"%s","amount_minutes":1,"reason":"a\\u0000b"}', "reason"),
    (b'{"to":"%s","amount_minutes":1,"reason":"a\\u202eb"}', "reason"),
    (b'{"to":"%s","amount_minutes":1,"reason":"a\\nb"}', "reason"),
    (b'{"to":"%s","amount_minutes":1,"reason":"x","unit":"cents"}', "unit"),
)


async def test_what_cannot_be_read_is_refused_by_field_and_not_kept(two: Two) -> None:
    taker = str(two.taker.id).encode()
    for key in ({}, {"idempotency-key": "cle"}):
        for body in UNREADABLE:
            refused(await two.send_raw(body.replace(b"%s", taker), **key), 400, "unreadable")
        for body, field in NOT_ACCEPTABLE:
            problem = refused(await two.send_raw(body.replace(b"%s", taker), **key), 422, "invalid")
            assert (body, problem["field"]) == (body, field)
    assert await two.posted() == 0
    assert (await two.send("cle")).status_code == 201


async def test_a_reason_is_never_only_space(two: Two) -> None:
    refused(await two.send(reason="   "), 422, "reason_missing")
    assert await two.posted() == 0


async def test_a_key_that_cannot_be_kept_is_refused(two: Two) -> None:
    for key in ("", "x" * 256, "x" * 300, "a\tb"):
        assert refused(await two.send(key), 422, "invalid")["field"] == "idempotency-key"


async def test_a_key_of_the_greatest_length_is_kept(two: Two) -> None:
    first, again = await two.send("x" * 255), await two.send("x" * 255)
    assert (first.status_code, first.text) == (201, again.text)


async def test_a_body_that_is_too_large_is_refused_and_the_line_stays_usable(two: Two) -> None:
    refused(await two.send(reason="x" * (BODY_BYTES_MAX + 1)), 413, "too_large")
    assert (await two.send()).status_code == 201


async def test_json_is_read_as_json_whatever_it_is_called(two: Two) -> None:
    body = b'{"to":"%s","amount_minutes":1,"reason":"x"}' % str(two.taker.id).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/x-msgpack", "nonsense", ""):
        assert (await two.send_raw(body, **{"content-type": kind})).status_code == 201


async def test_refusals_are_said_in_the_reader_s_language(two: Two) -> None:
    for language, word in (("fr-CA,fr;q=0.9", "manque"), ("en-GB", "short"), ("de", "manque")):
        answer = await two.send(headers={"accept-language": language}, amount_minutes=5_000)
        assert word in refused(answer, 409, "not_enough_hours")["detail"]
    english = await two.send(headers={"accept-language": "en"}, amount_minutes=0)
    assert refused(english, 422, "invalid")["errors"] == {"amount_minutes": "At least 1."}


async def test_only_posting_is_offered(two: Two) -> None:
    assert (await two.client.get(two.path)).status_code == 405


# --- A browser ---------------------------------------------------------------------------------------------


async def _as_browser(
    two: Two, *, content: bytes | None = None, key: str | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    body = (
        content
        or b'{"to":"%s","amount_minutes":60,"reason":"Relecture d\'un devis"}' % str(two.taker.id).encode()
    )
    sent = SAME_ORIGIN | {"cookie": f"{SIGN_IN_COOKIE}={two.giver.token}"} | (headers or {})
    async with httpx.AsyncClient(base_url=two.client.base_url, timeout=30) as browser:
        return await browser.post(
            two.path, content=body, headers=sent | ({"idempotency-key": key} if key is not None else {})
        )


async def test_a_browser_s_request_from_elsewhere_is_refused(two: Two) -> None:
    refused(await _as_browser(two, headers={"sec-fetch-site": "cross-site"}), 403, "cross_site")
    refused(await _as_browser(two, headers={"sec-fetch-site": "same-site"}), 403, "cross_site")
    assert await two.posted() == 0
    assert (await _as_browser(two)).status_code == 201


async def test_a_browser_is_refused_like_a_program(two: Two) -> None:
    refused(await _as_browser(two, key="x" * 300), 422, "invalid")
    refused(await _as_browser(two, content=b"{"), 400, "unreadable")
    refused(await _as_browser(two, content=b"{}"), 422, "invalid")
    refused(await _as_browser(two, headers={"cookie": f"{SIGN_IN_COOKIE}=inconnu"}), 401, "not_signed_in")
    refused(
        await _as_browser(two, content=(await two.send(to=str(two.giver.id))).request.content),
        422,
        "same_account",
    )


# --- When something breaks -------------------------------------------------------------------------------


async def test_a_client_that_goes_away_has_still_posted_once(two: Two) -> None:
    body = b'{"to":"%s","amount_minutes":7,"reason":"x"}' % str(two.taker.id).encode()
    request = (
        f"POST {two.path} HTTP/1.1\r\nHost: x\r\nAuthorization: {two.client.headers['authorization']}\r\n"
        f"Idempotency-Key: parti\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    async with two.held_up():
        _, writer = await asyncio.open_connection(two.client.base_url.host, two.client.base_url.port)
        writer.write(request)
        await writer.drain()
        await two.until_waiting()
        # The line is cut, not closed politely.
        writer.transport.abort()
        others = [asyncio.create_task(two.send(str(number))) for number in range(3)]
        await asyncio.sleep(0.2)
    assert [(await other).status_code for other in others] == [201] * 3
    answer = await two.send_raw(body, **{"idempotency-key": "parti"})
    assert (answer.status_code, answer.json()["amount_minutes"]) == (201, 7)
    assert (await two.posted(), await two.balance(two.taker)) == (4, 3 * 60 + 7)


async def test_a_client_that_goes_away_in_the_middle_of_its_body_posts_nothing(two: Two) -> None:
    head = (
        f"POST {two.path} HTTP/1.1\r\nHost: x\r\nAuthorization: {two.client.headers['authorization']}\r\n"
        f'Content-Length: 100\r\n\r\n{{"to":"{two.taker.id}"'
    ).encode()
    _, writer = await asyncio.open_connection(two.client.base_url.host, two.client.base_url.port)
    writer.write(head)
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    assert (await two.send()).status_code == 201
    assert await two.posted() == 1


async def test_one_that_breaks_its_batch_does_not_break_the_others(two: Two) -> None:
    async with two.db_as("postgres") as db:
        await db.execute(
            text("""
                CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'planted'; END $$
            """)
        )
        await db.execute(
            text("""
                CREATE TRIGGER fault BEFORE INSERT ON transfers FOR EACH ROW
                WHEN (NEW.reason = 'faute') EXECUTE FUNCTION fault()
            """)
        )
    try:
        async with two.held_up():
            first = asyncio.create_task(two.send("premier"))
            await two.until_waiting()
            # These wait together while the first is in flight, and leave together after it.
            together = [
                asyncio.create_task(two.send(f"suivant-{number}", amount_minutes=1)) for number in range(10)
            ]
            broken = asyncio.create_task(two.send("faute", reason="faute"))
            alone = [asyncio.create_task(two.send(amount_minutes=2)) for _ in range(5)]
            await asyncio.sleep(0.3)
        assert (await first).status_code == 201
        assert [(await one).status_code for one in (*together, *alone)] == [201] * 15
        refused(await broken, 500, "failure")
    finally:
        async with two.db_as("postgres") as db:
            await db.execute(text("DROP FUNCTION fault() CASCADE"))
    assert (await two.posted(), await two.balance(two.taker)) == (16, 60 + 10 + 10)
    # Nothing was kept of what broke, so the same request may be sent again.
    assert (await two.send("faute", reason="faute")).status_code == 201


async def test_without_a_database_the_answer_is_unavailable(servers: Servers) -> None:
    port = free_port()
    given = servers.settings_environment(port=port, demo=True)
    given = {name: value for name, value in given.items() if not name.startswith("DATABASE_")}
    nowhere = {"DATABASE_URL": "postgresql://app:x@/archipel?host=/nowhere", "LOG_LEVEL": "error"}
    web = start(["serve"], os.environ | given | nowhere)
    try:
        await _until_listening(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            for headers in ({"authorization": "Bearer x"}, {"cookie": f"{SIGN_IN_COOKIE}=x"} | SAME_ORIGIN):
                answer = await client.post("/api/v1/coop/transfers", json={}, headers=headers)
                refused(answer, 503, "unavailable")
    finally:
        web.send_signal(signal.SIGTERM)
        web.wait(timeout=20)


async def _until_listening(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the server never listened")


# --- As documented -----------------------------------------------------------------------------------------


async def test_the_operation_is_documented(two: Two) -> None:
    document = (await two.client.get("/api/v1/openapi.json")).json()
    operation = document["paths"]["/api/v1/{cooperative}/transfers"]["post"]
    assert operation["operationId"] == "post_transfer"
    assert {"201", "400", "401", "403", "404", "409", "413", "422", "429", "503"} <= operation[
        "responses"
    ].keys()
    assert [one["name"] for one in operation["parameters"] if one["in"] == "header"] == ["Idempotency-Key"]
    assert {tuple(way) for way in operation["security"]} == {("bearer",), ("cookie",)}
    [reference] = operation["requestBody"]["content"]["application/json"]["schema"].values()
    draft = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert draft["properties"]["amount_minutes"]["maximum"] == 60_000
