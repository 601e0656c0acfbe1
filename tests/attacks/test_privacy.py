"""What leaks by the side: caches, logs, error messages, other people's things, the demo's doors in production."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import httpx
import pytest

from marketplace.mission_terms import MissionVisibility
from tenants.mail_links import request_mail_link
from tenants.platform.database import Database
from tenants.platform.settings import BadSettings, Settings
from tenants.platform.throttle import Throttle
from tests.attacks.conftest import Browser, Scene
from tests.factories import api_token, found_cooperative, join_member
from tests.marketplace import stories
from tests.running import Running, free_port, wait_until_healthy

PRODUCTION = {
    "DATABASE_URL": "postgresql://app:pw@db.example/archipel",
    "REDIS_URL": "redis://queue.example/0",
    "BASE_URL": "https://coop.example",
    "SECRET_KEY": "8f1d3a5b7c9e0f2468ace13579bdf0123456789abcdef0fedcba98765432100f",
    "SMTP_URL": "smtps://user:pw@mail.example:465",
}


def serve(environment: Mapping[str, str], out: BinaryIO | None = None) -> "subprocess.Popen[bytes]":
    """A web server of its own settings; what it writes goes to ``out``."""
    command = [sys.executable, "-m", "marketplace.cli", "serve"]
    return subprocess.Popen(command, env=dict(environment), stdout=out, stderr=out)


@pytest.mark.parametrize(
    "path",
    ["", "hours", "members", "notices", "profile", "tokens", "hours.csv", "hours/statement", "members.csv"],
)
async def test_no_cache_keeps_what_a_member_reads(browser: Browser, scene: Scene, path: str) -> None:
    reader = browser(scene.plain)
    paths = [f"/{scene.home.slug}/{path}".rstrip("/")]
    if path in {"hours", "members", "notices", "tokens", "hours/statement"}:
        paths.append(f"/api/v1/{scene.home.slug}/{path}")
    for one in paths:
        kept = (await reader.get(one)).headers.get("cache-control", "")
        # A browser may keep a page for its own back button; nothing between it and us may.
        assert kept in {"no-store", "private, no-cache"}, (one, kept)


async def test_no_cache_keeps_a_cookie_or_a_refusal(
    database: Database, browser: Browser, scene: Scene
) -> None:
    secret = await api_token(database, scene.plain, "hours:write")
    transfer = {"to": str(scene.steward.id), "amount_minutes": 1, "reason": "Merci"}
    answers = [
        await browser(scene.plain).post("/me/language", data={"locale": "fr"}),
        await browser().get(f"/{scene.home.slug}/hours"),
        await browser(scene.plain).get(f"/{scene.home.slug}/treasury"),
        await browser(scene.plain).get(f"/api/v1/{scene.home.slug}/treasury/accounts"),
        await browser().post(
            f"/api/v1/{scene.home.slug}/transfers",
            json=transfer,
            headers={"authorization": f"Bearer {secret}"},
        ),
    ]
    for answer in answers:
        kept = answer.headers.get("cache-control", "")
        assert kept in {"no-store", "private, no-cache"}, (answer.url, kept)


async def test_the_page_of_a_public_mission_names_nobody(
    database: Database, browser: Browser, scene: Scene
) -> None:
    public = await stories.posted(database, scene.plain, visibility=MissionVisibility.PUBLIC, title="À tous")
    private = await stories.posted(database, scene.plain, title="Entre nous")
    draft = await stories.posted(database, scene.plain, publish=False, title="Brouillon")
    for stranger in (browser(), browser(scene.stranger)):
        for path in (f"/{scene.home.slug}/missions", f"/{scene.home.slug}/missions/{public}"):
            for prefix in ("", "/api/v1"):
                answer = await stranger.get(prefix + path)
                assert answer.status_code == httpx.codes.OK, answer.url
                assert "À tous" in answer.text
                for secret in (scene.plain.name, scene.plain.email, str(scene.plain.id), "Entre nous"):
                    assert secret not in answer.text, answer.url
        for mission in (private, draft):
            for prefix in ("", "/api/v1"):
                hidden = await stranger.get(f"{prefix}/{scene.home.slug}/missions/{mission}")
                assert hidden.status_code in {401, 403, 404, 303}
                assert "Entre nous" not in hidden.text
    mate = browser(scene.steward)
    assert (await mate.get(f"/{scene.home.slug}/missions/{draft}")).status_code == httpx.codes.NOT_FOUND


async def test_a_plain_member_reads_none_of_what_others_keep(
    database: Database, browser: Browser, scene: Scene
) -> None:
    """Others' hours, bids, agreements, invitations, notices, the audit trail and the treasury."""
    third = await join_member(database, scene.home)
    village = stories.Village(scene.home, scene.treasurer, third, scene.plain, scene.mediator)
    mission = await stories.disputed(database, village)
    reader, slug = browser(scene.plain), scene.home.slug
    for path in ("audit", "treasury", "treasury/accounts", "invitations", "disputes"):
        for prefix in ("", "/api/v1"):
            answer = await reader.get(f"{prefix}/{slug}/{path}")
            assert answer.status_code in {403, 404, 405}, answer.url
    assert (await reader.get(f"/{slug}/settings")).status_code == httpx.codes.FORBIDDEN
    for path in ("hours", "hours/statement"):
        answer = await reader.get(f"/api/v1/{slug}/{path}", params={"member": str(third.id)})
        assert answer.status_code == httpx.codes.NOT_FOUND
    seen = (await reader.get(f"/api/v1/{slug}/missions/{mission}")).json()
    assert (seen["bids"], seen["agreement"], seen["delivery"], seen["dispute"]) == ([], None, None, None)
    assert third.name not in (await reader.get(f"/{slug}/missions/{mission}")).text
    assert third.email not in (await reader.get(f"/{slug}/members/{third.id}")).text
    for notice in (await browser(third).get(f"/api/v1/{slug}/notices")).json()["items"]:
        path = f"/{slug}/notices/{notice['id']}/read"
        for answer in (await reader.post(path, data={}), await reader.post(f"/api/v1{path}", json={})):
            assert answer.status_code == httpx.codes.NOT_FOUND, answer.text


async def test_the_log_holds_no_secret_and_nobody_s_address(
    database: Database, archipel: Running, scene: Scene, settings: Settings, tmp_path: Path
) -> None:
    """At its most talkative, and while everything goes wrong."""
    throttle = Throttle(settings.redis_url)
    await throttle.cache.flushdb()
    async with database.begin() as db:
        await request_mail_link(db, throttle, email=scene.plain.email, locale="fr")
    await throttle.close()
    token = await api_token(database, scene.plain, "hours:write")
    port, mailed, password = free_port(), uuid4().hex, "phrase tout à fait secrète"
    environment = {**archipel.environment, "PORT": str(port), "LOG_LEVEL": "debug", "WEB_WORKERS": "1"}
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = serve(environment, out)
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", server)
            headers = {"sec-fetch-site": "same-origin"}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
                client.cookies.set("archipel_sign_in", scene.plain.token)
                await client.get(f"/sign-in/link/{mailed}")
                await client.post(f"/join/{mailed}", data={"display_name": "x", "password": password})
                await client.post("/sign-in", data={"email": scene.plain.email, "password": password})
                await client.get("/sign-in", params={"next": f"/join/{mailed}"})
                await client.post(
                    f"/{scene.home.slug}/invitations",
                    data={"email": scene.plain.email, "display_name": scene.plain.name},
                )
                for body in ("{", '{"to": 1}', '{"to": "\\u0000"}'):
                    await client.post(
                        f"/api/v1/{scene.home.slug}/transfers",
                        content=body + scene.plain.email,
                        headers={"authorization": f"Bearer {token}"},
                    )
                await client.get(f"/{scene.home.slug}/members", params={"q": scene.plain.email, "after": "é"})
        finally:
            server.terminate()
            server.wait(timeout=20)
    written = log.read_text()
    assert written
    secrets = (mailed, password, token, scene.plain.token, scene.plain.email, settings.secret_key.hex())
    for secret in (*secrets, settings.database_url):
        assert secret not in written


@pytest.mark.parametrize("change", [{"DEMO": "true"}, {"MAIL_DIRECTORY": "/tmp/mails", "SMTP_URL": ""}])
def test_production_has_neither_the_demo_nor_its_mailbox(change: dict[str, str]) -> None:
    assert Settings.from_environment(PRODUCTION, needed=()).demo is False
    with pytest.raises(BadSettings, match="in production"):
        Settings.from_environment({**PRODUCTION, **change}, needed=())


async def test_without_the_demo_nobody_reads_the_mails(archipel: Running) -> None:
    port = free_port()
    environment = {**archipel.environment, "PORT": str(port), "DEMO": "false", "WEB_WORKERS": "1"}
    server = serve(environment)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", server)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for path in ("/mail", "/mail/0000000000000000000-0000000000000000.eml", "/metrics"):
                assert (await client.get(path)).status_code == httpx.codes.NOT_FOUND, path
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "..%5csecret", "x.eml", "%00.eml"])
async def test_the_mailbox_of_the_demo_opens_no_other_file(browser: Browser, name: str) -> None:
    answer = await browser().get(f"/mail/{name}")
    assert answer.status_code in {400, 404}
    for path in (f"/static/{name}", "/static/../app.py", "/static/%2e%2e/templating.py"):
        assert (await browser().get(path)).status_code in {400, 404}


async def test_refusals_do_not_say_whether_a_thing_exists(database: Database, browser: Browser) -> None:
    """A member's id of another cooperative, and an id of nothing, are answered word for word alike."""
    home, other = await found_cooperative(database), await found_cooperative(database)
    reader = browser(home.manager)
    for path in ("members/{}", "mandates/{}/end", "invitations/{}/withdraw", "tokens/{}/revoke"):
        answers = []
        for one in (other.manager.id, uuid4()):
            where = f"/{home.slug}/{path.format(one)}"
            answer = await (reader.get(where) if path == "members/{}" else reader.post(where, data={}))
            answers.append((answer.status_code, answer.text.replace(str(one), "")))
        assert answers[0] == answers[1], path
        assert answers[0][0] == httpx.codes.NOT_FOUND, path


@pytest.mark.parametrize("cookie", ["", "a" * 43])
async def test_a_password_is_never_shown_again(browser: Browser, scene: Scene, cookie: str) -> None:
    """A form that comes back after the sign-in ended holds what was typed, but no password."""
    signed_out = browser()
    if cookie:
        signed_out.cookies.set("archipel_sign_in", cookie)
    secret = "phrase tout à fait secrète"
    typed = {"new_password": secret, "current_password": secret, "password": secret, "email": "x"}
    for path in ("/me/password", "/me/email", "/sign-in", f"/{scene.home.slug}/profile"):
        answer = await signed_out.post(path, data=typed)
        assert secret not in answer.text, path
        assert "phrase" not in answer.headers.get("location", ""), path
