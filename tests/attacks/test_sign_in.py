"""Attacks on signing in: other sites, other mailboxes, other people's browsers, guessing and listening."""

import asyncio
import json
import re
import statistics
import time
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tenants.people import find_person
from tenants.platform.database import Database
from tenants.platform.mail import kept_mails
from tenants.platform.security import client_address, subscriber_of
from tenants.platform.settings import Settings
from tenants.platform.throttle import Throttle
from tests.attacks.conftest import Browser, Scene
from tests.factories import PASSWORD, found_cooperative, join_member, sign_in
from tests.running import Running, free_port, start, wait_until_healthy

ELSEWHERE = {"sec_fetch_site": "cross-site", "origin": "https://mechant.example"}


@pytest.fixture(autouse=True)
async def unthrottled(settings: Settings) -> None:
    """Each test is its own quarter of an hour."""
    opened = Throttle(settings.redis_url)
    await opened.cache.flushdb()
    await opened.close()


async def mailed_link(archipel: Running, email: str, *, within: float = 10) -> str | None:
    """The path of the link that the worker has mailed to this address."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        for mail in kept_mails(Path(archipel.environment["MAIL_DIRECTORY"])):
            if mail.to == email and (found := re.search(r"/sign-in/link/\S+", mail.text)):
                return found[0]
        await asyncio.sleep(0.1)
    return None


async def test_another_site_cannot_sign_its_victim_in_as_the_attacker(
    database: Database, browser: Browser, archipel: Running
) -> None:
    """Who types into somebody else's account gives them what they type: "login CSRF"."""
    attacker = (await found_cooperative(database, password=PASSWORD)).manager
    await browser().post("/sign-in", data={"email": attacker.email, "link": "1"})
    link = await mailed_link(archipel, attacker.email)
    assert link
    victim = browser(None, **ELSEWHERE)
    fields = {"email": attacker.email, "password": PASSWORD}
    for path in ("/sign-in", link):
        answer = await victim.post(path, data=fields)
        assert answer.status_code == httpx.codes.FORBIDDEN, path
        assert "archipel_sign_in" not in answer.headers.get("set-cookie", ""), path
    # The same from our own page works, so it is the site that was refused.
    answer = await browser().post("/sign-in", data={"email": attacker.email, "password": PASSWORD})
    assert answer.status_code == httpx.codes.SEE_OTHER


@pytest.mark.parametrize(
    "headers",
    [
        ELSEWHERE,
        {"sec_fetch_site": "same-site", "origin": "https://autre.archipel.example"},
        {"sec_fetch_site": "", "origin": "null"},
        {"sec_fetch_site": "", "origin": "https://mechant.example"},
    ],
)
async def test_another_site_cannot_send_a_signed_in_form(
    browser: Browser, scene: Scene, headers: dict[str, str]
) -> None:
    victim = browser(scene.plain, **headers)
    for path in (
        f"/{scene.home.slug}/hours/give",
        f"/{scene.home.slug}/profile",
        "/me/sign-out",
        "/me/email",
    ):
        answer = await victim.post(path, data={"to": str(scene.steward.id), "amount_minutes": "1h"})
        assert answer.status_code == httpx.codes.FORBIDDEN, path
    answer = await victim.post(
        f"/api/v1/{scene.home.slug}/transfers",
        content=json.dumps({"to": str(scene.steward.id), "amount_minutes": 60, "reason": "x"}),
        headers={"content-type": "text/plain"},
    )
    assert answer.status_code in {400, 403}


async def test_a_link_to_confirm_an_address_is_worth_nothing_to_whoever_did_not_ask(
    database: Database, browser: Browser, archipel: Running
) -> None:
    """An attacker who asks for the victim's address would own the account that the victim later joins with."""
    attacker = (await found_cooperative(database)).manager
    victims_address = f"victime@{attacker.slug}.example"
    await browser(attacker).post("/me/email", data={"email": victims_address})
    link = await mailed_link(archipel, victims_address)
    assert link
    other = (await found_cooperative(database)).manager
    for visitor in (None, other):
        opened = await browser(visitor).get(link)
        assert "C'est bien mon adresse" not in opened.text
        pressed = await browser(visitor).post(link, data={})
        assert pressed.headers.get("location", "/sign-in") == "/sign-in"
        async with database.begin() as db:
            assert (await find_person(db, email=victims_address)).person_id is None
    # Whoever asked, and shows the mailbox too, gets what they asked for.
    assert (await browser(attacker).post(link, data={})).status_code == httpx.codes.SEE_OTHER
    async with database.begin() as db:
        assert (await find_person(db, email=victims_address)).person_id == attacker.person_id


async def test_a_browser_left_open_does_not_give_the_account_away(
    database: Database, browser: Browser, archipel: Running
) -> None:
    """Who can change the address can then sign in by mail: it asks for the password as the password itself does."""
    victim = (await found_cooperative(database, password=PASSWORD)).manager
    signed_in = await browser().post("/sign-in", data={"email": victim.email, "password": PASSWORD})
    left_open = browser()
    left_open.cookies.set("archipel_sign_in", signed_in.cookies["archipel_sign_in"])
    thief = f"voleur@{victim.slug}.example"
    for guess in ("", "une autre phrase"):
        sent = {"email": thief, "current_password": guess}
        assert (await left_open.post("/me/email", data=sent)).status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert (await left_open.post("/api/v1/me/email", json=sent)).json()[
            "code"
        ] == "wrong_current_password"
    assert await mailed_link(archipel, thief, within=0.5) is None
    honest = {"email": f"neuve@{victim.slug}.example", "current_password": PASSWORD}
    assert (await left_open.post("/me/email", data=honest)).status_code == httpx.codes.SEE_OTHER


async def test_opening_a_mailed_link_does_nothing(
    database: Database, browser: Browser, archipel: Running
) -> None:
    member = (await found_cooperative(database)).manager
    await browser().post("/sign-in", data={"email": member.email, "link": "1"})
    link = await mailed_link(archipel, member.email)
    assert link
    scanner = browser()
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        answer = await scanner.request(method, link)
        assert "archipel_sign_in" not in answer.headers.get("set-cookie", "")
    first = await browser().post(link, data={})
    assert first.status_code == httpx.codes.SEE_OTHER
    again = await browser().post(link, data={})
    assert again.status_code == httpx.codes.NOT_FOUND
    assert "set-cookie" not in again.headers


async def test_a_cookie_that_an_attacker_planted_is_never_the_one_that_signs_in(
    database: Database, browser: Browser
) -> None:
    victim = (await found_cooperative(database, password=PASSWORD)).manager
    planted = browser()
    planted.cookies.set("archipel_sign_in", "a" * 43)
    answer = await planted.post("/sign-in", data={"email": victim.email, "password": PASSWORD})
    assert answer.cookies["archipel_sign_in"] != "a" * 43
    other = browser()
    other.cookies.set("archipel_sign_in", "a" * 43)
    assert (await other.get("/me")).status_code == httpx.codes.SEE_OTHER
    for flag in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert flag.lower() in answer.headers["set-cookie"].lower()


async def test_a_sign_in_that_ended_is_worth_nothing(database: Database, browser: Browser) -> None:
    member = (await found_cooperative(database)).manager
    stolen = browser(member)
    assert (await stolen.get("/me")).status_code == httpx.codes.OK
    await browser(member).post("/me/sign-out", data={})
    assert (await stolen.get("/me")).status_code == httpx.codes.SEE_OTHER


async def test_nobody_signs_another_s_browser_out(database: Database, browser: Browser, scene: Scene) -> None:
    mine = await found_cooperative(database)
    other = await sign_in(database, scene.plain)
    listed = await browser(scene.plain).get("/api/v1/me/sign-ins")
    for one in listed.json()["items"]:
        answer = await browser(mine.manager).post(f"/me/sign-ins/{one['id']}/revoke", data={})
        assert answer.status_code == httpx.codes.NOT_FOUND
    reader = browser()
    reader.cookies.set("archipel_sign_in", other)
    assert (await reader.get("/me")).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    "target",
    [
        "https://mechant.example/",
        "//mechant.example",
        "/\\mechant.example",
        "/\t/mechant.example",
        "\\\\mechant.example",
        "javascript:alert(1)",
        " //mechant.example",
        "/%0d%0aSet-Cookie:x=y",
    ],
)
async def test_no_address_of_ours_leads_to_another_site(browser: Browser, scene: Scene, target: str) -> None:
    answers = [
        await browser(scene.plain).get("/sign-in", params={"next": target}),
        await browser(scene.plain).post("/me/language", data={"locale": "fr", "back": target}),
        await browser().post("/me/language", data={"locale": "fr", "back": target}),
    ]
    for answer in answers:
        place = answer.headers["location"]
        assert place.startswith("/")
        assert urlsplit(place).netloc == ""
        assert not re.match(r"/[/\\\s]", place)
        assert "x" not in answer.cookies


async def test_the_page_says_the_same_whether_or_not_an_address_is_known(
    browser: Browser, scene: Scene
) -> None:
    unknown = "personne@nulle-part.example"

    async def words(email: str, **fields: str) -> tuple[int, str, str]:
        answer = await browser().post("/sign-in", data={"email": email, **fields})
        page = re.sub(r'name="once" value="[^"]*"', "", answer.text.replace(email, "ADRESSE"))
        return answer.status_code, answer.headers.get("location", ""), page

    assert await words(scene.plain.email, password="faux mot de passe") == await words(
        unknown, password="faux mot de passe"
    )
    assert await words(scene.plain.email, link="1") == await words(unknown, link="1")


async def test_the_clock_does_not_say_whether_an_address_is_known(
    database: Database, browser: Browser
) -> None:
    known = (await found_cooperative(database, password=PASSWORD)).manager
    guesser = browser()
    times: dict[str, list[float]] = {known.email: [], "personne@nulle-part.example": []}
    for _ in range(8):
        for email, taken in times.items():
            started = time.perf_counter()
            await guesser.post("/sign-in", data={"email": email, "password": "faux mot de passe"})
            taken.append(time.perf_counter() - started)
    quick, slow = sorted(statistics.median(taken) for taken in times.values())
    assert quick > slow / 2


async def test_inventing_addresses_does_not_get_past_the_limit(database: Database, browser: Browser) -> None:
    """A stranger's own word for where they come from counts only when a proxy of ours has written it."""
    victim = (await found_cooperative(database, password=PASSWORD)).manager
    answers = [
        await browser(
            None,
            x_forwarded_for=f"198.51.100.{number}",
            forwarded=f"for=198.51.100.{number}",
            x_real_ip="203.0.113.9",
        ).post("/sign-in", data={"email": victim.email, "password": f"essai numéro {number}"})
        for number in range(11)
    ]
    assert [answer.status_code for answer in answers[:10]] == [httpx.codes.UNPROCESSABLE_ENTITY] * 10
    assert answers[10].status_code == httpx.codes.TOO_MANY_REQUESTS


async def test_behind_our_proxy_one_guesser_does_not_lock_everybody_out(
    database: Database, archipel: Running
) -> None:
    """Over https every request comes from the proxy: its word says who knocks, and theirs before it nothing."""
    victim = (await found_cooperative(database, password=PASSWORD)).manager
    port = free_port()
    settings = {"PORT": str(port), "BASE_URL": f"http://127.0.0.1:{port}", "TRUSTED_PROXIES": "127.0.0.1"}
    server = start(["serve"], {**archipel.environment, **settings, "WEB_WORKERS": "1"})
    try:
        wait_until_healthy(settings["BASE_URL"], server)
        async with httpx.AsyncClient(base_url=settings["BASE_URL"], timeout=30) as proxy:

            async def knock(number: int, forwarded: str, password: str = "") -> int:
                email = f"personne-{number}@nulle-part.example" if not password else victim.email
                sent = {"email": email, "link": "" if password else "1", "password": password}
                headers = {"x-forwarded-for": forwarded}
                return (await proxy.post("/sign-in", data=sent, headers=headers)).status_code

            guesser = [await knock(number, f"192.0.2.{number}, 198.51.100.7") for number in range(31)]
            assert guesser == [httpx.codes.SEE_OTHER] * 30 + [httpx.codes.TOO_MANY_REQUESTS]
            assert await knock(40, "203.0.113.9") == httpx.codes.SEE_OTHER
            assert await knock(0, "198.51.100.7", PASSWORD) == httpx.codes.SEE_OTHER
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("::ffff:10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, <script>", "10.0.0.1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_only_our_proxies_are_believed(peer: str, forwarded: str, found: str) -> None:
    assert client_address(peer, forwarded, proxies=[ip_network("10.0.0.0/8")]) == found


def test_a_whole_network_of_addresses_is_one_subscriber() -> None:
    assert subscriber_of("2001:db8:1:2::1") == subscriber_of("2001:db8:1:2:ffff::9")
    assert subscriber_of("2001:db8:1:2::1") != subscriber_of("2001:db8:1:3::1")
    assert subscriber_of("198.51.100.7") != subscriber_of("198.51.100.8")


async def test_somebody_who_left_or_is_suspended_gets_nothing_more(
    database: Database, browser: Browser, scene: Scene
) -> None:
    former = await join_member(database, scene.home)
    suspended = await join_member(database, scene.home)
    await browser(former).post(f"/{scene.home.slug}/profile/leave", data={})
    await browser(scene.home.manager).post(f"/{scene.home.slug}/members/{suspended.id}/suspend", data={})
    for gone in (former, suspended):
        for path in (
            "hours",
            "hours.csv",
            "members",
            "members.csv",
            "notices",
            "profile",
            "tokens",
            "disputes",
        ):
            answer = await browser(gone).get(f"/{scene.home.slug}/{path}")
            assert answer.status_code == httpx.codes.FORBIDDEN, path
            assert scene.plain.name not in answer.text
        moved = await browser(gone).post(
            f"/api/v1/{scene.home.slug}/transfers",
            json={"to": str(scene.plain.id), "amount_minutes": 60, "reason": "adieu"},
        )
        assert moved.status_code == httpx.codes.FORBIDDEN
