"""The same form sent twice: by an impatient finger, by two requests at once, by the back button."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import func, select

from marketplace.bids import Bid
from marketplace.missions import Mission
from tenants.invitations import Invitation
from tenants.platform.database import Database
from tests.forms.reading import read_forms
from tests.forms.scene import browser_of
from tests.journeys.conftest import Visitor
from tests.marketplace import stories
from tests.marketplace.stories import Village, village
from tests.running import Running
from timebank.ledger.transfers import Transfer

TITLE = "Repeindre les volets du local"


def at(path: str) -> Callable[[Database, Village], Awaitable[str]]:
    """A page whose address needs nothing made before."""

    async def known(_database: Database, scene: Village) -> str:
        return f"/{scene.coop.slug}{path.format(other=scene.other.id)}"

    return known


async def open_mission(database: Database, scene: Village) -> str:
    """The page of a mission for which the author of the bid may bid."""
    mission_id = await stories.posted(database, scene.author)
    return f"/{scene.coop.slug}/missions/{mission_id}"


Page = Callable[[Database, Village], Awaitable[str]]
CASES: Mapping[str, tuple[Page, type[Any], dict[str, str], str]] = {
    "mission": (
        at("/missions/new"),
        Mission,
        {"title": TITLE, "description": "Deux volets bleus.", "estimated_minutes": "2h"},
        "description",
    ),
    "bid": (open_mission, Bid, {"message": "Je viens samedi matin.", "minutes": "2h"}, "message"),
    "transfer": (
        at("/hours/transfer?to={other}"),
        Transfer,
        {"amount_minutes": "1h", "reason": "Un coup de main au jardin"},
        "reason",
    ),
    "gift": (
        at("/hours/give?to={other}"),
        Transfer,
        {"amount_minutes": "30 min", "message": "Pour ton accueil"},
        "message",
    ),
    "gift to the pot": (at("/pot"), Transfer, {"amount_minutes": "30 min"}, "amount_minutes"),
    "invitation": (
        at("/invitations"),
        Invitation,
        {"email": "nouvelle@exemple.example", "display_name": "Nadia Nouvelle"},
        "display_name",
    ),
}


async def count(database: Database, scene: Village, table: type[Any]) -> int:
    """How many rows of the table the cooperative has."""
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        query = select(func.count()).select_from(table).where(table.tenant_id == scene.coop.tenant_id)
        return (await db.execute(query)).scalar_one()


@pytest.mark.parametrize("name", CASES)
async def test_two_at_once_and_one_more_are_one(database: Database, archipel: Running, name: str) -> None:
    page, table, typed, changing = CASES[name]
    scene = await village(database)
    who = scene.coop.manager if name == "invitation" else scene.bidder
    path = await page(database, scene)
    before = await count(database, scene, table)
    async with browser_of(archipel, who) as client:
        shown = read_forms(path, (await client.get(path)).text)
        form = next(one for one in shown if set(typed) <= set(one.fields))
        values = form.values() | typed
        first, second = await asyncio.gather(*(client.post(form.action, data=values) for _ in range(2)))
        again = await client.post(form.action, data=values)
        assert {one.status_code for one in (first, second, again)} == {303}, first.text[-900:]
        assert first.headers["location"] == second.headers["location"] == again.headers["location"]
        assert await count(database, scene, table) == before + 1

        # Back, a word changed, sent again: a question, with what was typed and a key that works.
        different = "45 min" if changing == "amount_minutes" else values[changing] + ", et plus encore"
        asked = await client.post(form.action, data=values | {changing: different})
        assert asked.status_code == httpx.codes.CONFLICT, asked.text[-900:]
        assert "déjà envoyé ce formulaire" in asked.text
        assert f'href="{first.headers["location"]}"' in asked.text
        assert await count(database, scene, table) == before + 1
        offered = next(one for one in read_forms(path, asked.text) if set(typed) <= set(one.fields))
        assert offered.fields[changing].value == different
        assert offered.fields["once"].value != form.fields["once"].value
        meant = await client.post(offered.action, data=offered.values())
    expected = 1 if name == "invitation" else 2
    # A second bid on the same mission takes the place of the first, which is kept; one address is invited once.
    assert meant.status_code == (httpx.codes.CONFLICT if name == "invitation" else httpx.codes.SEE_OTHER)
    assert await count(database, scene, table) == before + expected


async def test_a_refusal_is_no_answer_to_keep(database: Database, archipel: Running) -> None:
    """What was refused may be granted when it comes again with the same key, changed or not."""
    scene = await village(database)
    path = f"/{scene.coop.slug}/hours/transfer?to={scene.other.id}"
    async with browser_of(archipel, scene.bidder) as client:
        form = next(one for one in read_forms(path, (await client.get(path)).text) if "reason" in one.fields)
        values = form.values() | {"reason": "Tout le potager"}
        refused = await client.post(form.action, data=values | {"amount_minutes": "900 h"})
        assert refused.status_code == httpx.codes.CONFLICT
        granted = await client.post(form.action, data=values | {"amount_minutes": "1 h"})
        assert granted.status_code == httpx.codes.SEE_OTHER


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_double_click_and_the_back_button_post_one_mission(
    database: Database,
    visitor: Visitor,
    javascript: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    scene = await village(database)
    async with visitor(scene.author, javascript=javascript) as page:
        await page.goto(f"/{scene.coop.slug}/missions/new")
        await page.get_by_label("Titre").fill(TITLE)
        await page.get_by_label("Description").fill("Deux volets bleus.")
        await page.get_by_label("Durée estimée").fill("2h")
        await page.locator("main .button.next").dblclick()
        await expect(page.locator("h1")).to_contain_text(TITLE)
        posted = page.url
        await page.go_back()
        await expect(page.get_by_label("Titre")).to_have_value(TITLE)
        await page.locator("main .button.next").click()
        await expect(page.locator("h1")).to_contain_text(TITLE)
        assert page.url == posted
        assert await count(database, scene, Mission) == 1

        await page.go_back()
        await page.get_by_label("Description").fill("Trois volets verts.")
        await page.locator("main .button.next").click()
        await expect(page.locator("#errors")).to_contain_text("déjà envoyé ce formulaire")
        await expect(page.get_by_label("Description")).to_have_value("Trois volets verts.")
        assert await count(database, scene, Mission) == 1
        await page.locator("main .button.next").click()
        await expect(page.locator("main")).to_contain_text(re.compile("Trois volets verts"))
        assert await count(database, scene, Mission) == 2


async def test_signing_out_leaves_nothing_to_go_back_to(database: Database, archipel: Running) -> None:
    """The browser keeps pages for its back button; signing out has it forget them."""
    scene = await village(database)
    async with browser_of(archipel, scene.author) as client:
        kept = await client.get(f"/{scene.coop.slug}/missions/new")
        assert kept.headers["cache-control"] == "private, no-cache"
        answer = await client.post("/me/sign-out")
    assert answer.headers["clear-site-data"] == '"cache"'
