"""Every page, as every kind of reader: it opens or is refused, never fails, and weighs less than 100 kB.

A new page is walked without being named here, with the ids of a cooperative in which everything happened.
"""

from dataclasses import dataclass

import httpx
import pytest
from litestar.routes import HTTPRoute

from marketplace.app import create_app
from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.addresses import PARAMETER, Ids, every_address, ids_of
from tests.conftest import OpenAs
from tests.factories import Founded, Member, found_cooperative, join_member
from tests.lived_in import live_in
from tests.running import Running

HEAVIEST_PAGE_BYTES = 100_000
# 409: a form whose time has passed says so.
OPENS = {200, 303, 401, 403, 404, 409}


@dataclass(frozen=True)
class Scene:
    home: Founded
    member: Member
    plain: Member
    stranger: Member
    ids: Ids


@pytest.fixture(scope="module")
async def scene(database: Database, db_as: OpenAs) -> Scene:
    home = await found_cooperative(database, name="Maison ouverte")
    member = await live_in(database, home)
    plain = await join_member(database, home, name="Paul Ordinaire")
    elsewhere = await found_cooperative(database, name="Ailleurs")
    return Scene(home, member, plain, elsewhere.manager, await ids_of(db_as, home, always=[member.id]))


def page_paths(settings: Settings) -> list[str]:
    """The pattern of every page that is opened by GET."""
    return sorted(
        route.path_format
        for route in create_app(settings).routes
        if isinstance(route, HTTPRoute)
        and "GET" in route.methods
        # The demo's mailbox and the monitor's page have readers of their own (test_mailbox, test_metrics).
        and not route.path.startswith(("/api/", "/static", "/mail", "/metrics"))
    )


def filled(pattern: str, scene: Scene) -> list[str]:
    """The page's addresses, with ids of the cooperative where the pattern asks for one."""
    path = pattern.replace("{cooperative}", scene.home.slug)
    path = path.replace("{name}", "timebank.credit_limit_low").replace("{token}", "x" * 43)
    return every_address(path, scene.ids)


@pytest.mark.parametrize(
    ("reader", "language"),
    [
        ("all mandates", "fr"),
        ("all mandates", "en"),
        ("plain member", "fr"),
        ("stranger", "en"),
        ("nobody", "fr"),
    ],
)
async def test_every_page_opens_or_is_refused(
    scene: Scene, migrated: Settings, archipel: Running, reader: str, language: str
) -> None:
    cookie = {
        "all mandates": scene.member.token,
        "plain member": scene.plain.token,
        "stranger": scene.stranger.token,
        "nobody": None,
    }[reader]
    headers = {"accept-language": language}
    opened = set()
    async with httpx.AsyncClient(base_url=archipel.base_url, headers=headers, timeout=30) as client:
        if cookie:
            client.cookies.set("archipel_sign_in", cookie)
        for pattern in page_paths(migrated):
            for path in filled(pattern, scene):
                answer = await client.get(path)
                assert answer.status_code in OPENS, (path, answer.status_code, answer.text[:300])
                if answer.status_code in {httpx.codes.OK, httpx.codes.SEE_OTHER}:
                    opened.add(pattern)
                if answer.status_code == httpx.codes.OK:
                    assert len(answer.content) < HEAVIEST_PAGE_BYTES, (path, len(answer.content))
                    if reader in {"stranger", "nobody"}:
                        assert scene.member.name not in answer.text, path
                        assert scene.member.email not in answer.text, path
    if reader == "all mandates":
        never = {one for one in page_paths(migrated) if one not in opened and "{token}" not in one}
        assert not never, f"pages that nobody can open: {never}"


async def test_every_page_refuses_a_broken_address_politely(
    scene: Scene, migrated: Settings, archipel: Running
) -> None:
    async with httpx.AsyncClient(base_url=archipel.base_url, timeout=30) as client:
        client.cookies.set("archipel_sign_in", scene.member.token)
        for pattern in page_paths(migrated):
            path = pattern.replace("{cooperative}", scene.home.slug)
            for value in ("%00", "x" * 2_000, "-1", "%E2%80%AE", "..%2f..%2fetc"):
                broken = PARAMETER.sub(value, path)
                for address in (
                    broken,
                    f"{broken}?after={value}&before={value}&search={value}&state={value}&to={value}",
                ):
                    answer = await client.get(address)
                    assert answer.status_code < 500, (address[:200], answer.status_code)
