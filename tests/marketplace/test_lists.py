"""Every list has a CSV: beside it, linked from its page, as guarded as the page, and harmless in a spreadsheet.

A new list is found without being named here: an operation that answers a ``Page`` of something is run by a download
too, and a page that is read in parts (``after``, ``before``) links to one.
"""

import csv
import io
import re
from collections import Counter, deque
from dataclasses import dataclass
from functools import cache
from html import unescape
from inspect import signature
from types import FunctionType
from urllib.parse import urljoin

import httpx
import pytest
from litestar.routes import HTTPRoute

from marketplace.app import create_app
from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tenants.platform.web import csv_response
from tests.factories import Founded, Member, found_cooperative, join_member
from tests.lived_in import live_in
from tests.marketplace import stories
from tests.tenants.conftest import Browser
from tests.test_reachable import everything_run
from timebank.exchanges import post_transfer
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import ask_pot

# Lists that are told elsewhere, each with the reason.
TOLD_ELSEWHERE = {
    "votes_to_cast": "what waits for one, on the home page; all of them are in the list of votes",
    "assemblies_to_sign": "what waits for one, on the home page; all of them are in the list of assemblies",
    "mandates_ending": "a warning on the home page; all of them are in the list of mandates",
    "unread_threads": "what waits for one, on the home page; the conversations of a mission have theirs",
    "waiting_missions": "what waits for one, on the home page; all of them are in the list of missions",
    "my_sign_ins": "belongs to the person and to no cooperative; it is in the archive of one's own data",
    "member_skills": "a part of a profile, which its archive holds",
}
# Lists whose download asks a question of another name than the operation.
READ_BY = {
    "mandates": "mandates_in_force",
    "members": "search_members",
    "open_missions": "found_missions",
    "register": "register_lines",
    "rules": "shown_rules",
}
# Lists that are empty in the lived-in cooperative, or whose page shows no rows there: their own tests fill them.
EMPTY_HERE = {
    "/*/members/silent",
    "/*/members/*/reviews",
    "/*/treasury/proofs/*/differences",
    "/*/missions/*/matches",
    "/*/matches",
    "/*/pot/statement",
}
FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
NUMBER = re.compile(r"-?\d+")
HOSTILE = ("=1+1", "+33 6 00", "-2+3", "@SUM(A1)", "＝1+1")


ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PARAMETER = re.compile(r"{[^}]+}")
OF_A_KIND = 3


@dataclass(frozen=True)
class Scene:
    """A cooperative, one who holds every mandate in it, one who holds none, and somebody of another one."""

    home: Founded
    member: Member
    plain: Member
    stranger: Member


@dataclass(frozen=True)
class Routes:
    """What is opened by GET: pages and downloads by their pattern, and the verbs whose operation answers a list."""

    pages: dict[str, FunctionType]
    downloads: dict[str, FunctionType]
    lists: frozenset[str]


@cache
def routes(settings: Settings) -> Routes:
    pages: dict[str, FunctionType] = {}
    downloads: dict[str, FunctionType] = {}
    lists: set[str] = set()
    for route in create_app(settings).routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            function = handler.fn
            if "GET" not in handler.http_methods or not isinstance(function, FunctionType):
                continue
            if route.path.startswith("/api/"):
                if "web.Page[" in str(handler.parsed_fn_signature.return_type.annotation):
                    lists.add(str(handler.operation_id))
            elif route.path.endswith(".csv"):
                downloads[route.path_format] = function
            else:
                pages[route.path_format] = function
    return Routes(pages, downloads, frozenset(lists))


def in_parts(settings: Settings) -> list[str]:
    """The pages that are read in parts."""
    return sorted(
        path
        for path, function in routes(settings).pages.items()
        if {"after", "before"} & set(signature(function).parameters)
    )


def test_every_list_of_the_api_is_downloaded_by_a_page_too(settings: Settings) -> None:
    here = routes(settings)
    run = {one.__name__ for one in everything_run(here.downloads.values()) if isinstance(one, FunctionType)}
    run |= {operation for operation, verb in READ_BY.items() if verb in run}
    missing = here.lists - run
    assert missing == set(TOLD_ELSEWHERE), missing ^ set(TOLD_ELSEWHERE)
    assert len(here.lists) > 30


def test_every_download_goes_through_the_gate(settings: Settings) -> None:
    for path, function in routes(settings).downloads.items():
        assert csv_response in everything_run([function]), path


@pytest.fixture(scope="module")
async def scene(database: Database) -> Scene:
    """A lived-in cooperative in which people bear and write what a spreadsheet would run."""
    home = await found_cooperative(database, name="Listes")
    member = await live_in(database, home)
    await write_formulas(database, home, member)
    plain = await join_member(database, home, name="Paul Ordinaire")
    elsewhere = await found_cooperative(database, name="Ailleurs")
    return Scene(home, member, plain, elsewhere.manager)


async def write_formulas(database: Database, home: Founded, member: Member) -> None:
    for words in HOSTILE:
        other = await join_member(database, home, name=words)
        await stories.bid(database, other, await stories.posted(database, member, title=words))
        async with database.begin(tenant=home.tenant_id) as db:
            await post_transfer(db, actor=other.actor, to=member.id, amount_minutes=5, reason=words)
            await ask_pot(db, actor=other.actor, purpose=PotPurpose.HOME, words=words, asked_minutes=5)
    async with database.begin(tenant=home.tenant_id) as db:
        await ask_pot(db, actor=member.actor, purpose=PotPurpose.HOME, words=HOSTILE[0], asked_minutes=5)


def general(address: str) -> str:
    """The pattern of an address, by which two pages of the same kind are one."""
    path = ID.sub("*", address.partition("?")[0])
    return re.sub(r"/rules/[^/]+$", "/rules/*", path)


def plain(address: str) -> str:
    """The same, in whichever cooperative."""
    return re.sub(r"^/[^/.]+", "/*", general(address))


async def walked(client: httpx.AsyncClient, slug: str) -> dict[str, str]:
    """Every page that links lead to from the home page, at most three of a kind; with what it says."""
    ahead, pages = deque([f"/{slug}"]), dict[str, str]()
    seen = Counter[str]()
    while ahead:
        path = ahead.popleft()
        if path in pages or seen[general(path)] >= OF_A_KIND:
            continue
        answer = await client.get(path)
        assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, path
        if answer.status_code != httpx.codes.OK or "text/html" not in answer.headers["content-type"]:
            continue
        seen[general(path)] += 1
        pages[path] = answer.text
        ahead += [
            link
            for link in links_of(path, answer.text)
            if link.startswith(f"/{slug}/") and "." not in link and "?" not in link
        ]
    return pages


def links_of(path: str, html: str) -> list[str]:
    """Where a page leads, by its own addresses or by ones that say only what differs."""
    return [urljoin(path, unescape(one)) for one in re.findall(r'href="([^"#]+)"', html)]


def cells_of(answer: httpx.Response) -> list[str]:
    """Every cell of a download, which must be read as one."""
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment;")
    text = answer.content.decode("utf-8-sig")
    return [cell for row in csv.reader(io.StringIO(text), delimiter=";") for cell in row]


async def test_every_list_links_to_its_download_which_is_harmless_and_as_guarded(
    scene: Scene, settings: Settings, browser: Browser
) -> None:
    client = browser(scene.member)
    pages = await walked(client, scene.home.slug)
    found = {path: [one for one in links_of(path, html) if ".csv" in one] for path, html in pages.items()}
    shown = {plain(path) for path, some in found.items() if some}
    read_in_parts = {PARAMETER.sub("*", one) for one in in_parts(settings)}
    assert read_in_parts - shown <= EMPTY_HERE, read_in_parts - shown - EMPTY_HERE
    linked = {plain(one).removesuffix(".csv") for some in found.values() for one in some}
    downloads = {PARAMETER.sub("*", one).removesuffix(".csv") for one in routes(settings).downloads}
    assert downloads - linked == EMPTY_HERE, (downloads - linked) ^ EMPTY_HERE
    quoted = 0
    for page, some in found.items():
        for link in some:
            answer = await client.get(link)
            assert answer.status_code == httpx.codes.OK, (page, link)
            cells = cells_of(answer)
            assert not [one for one in cells if FORMULA.match(one) and not NUMBER.fullmatch(one)], link
            quoted += sum(one[1:] in HOSTILE for one in cells if one.startswith("'"))
    assert quoted > len(HOSTILE)
    for other in (scene.plain, scene.stranger, None):
        reader = browser(other)
        for page, some in found.items():
            for link in some:
                if (await reader.get(link)).status_code == httpx.codes.OK:
                    assert (await reader.get(page)).status_code == httpx.codes.OK, (page, link)
