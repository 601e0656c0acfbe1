"""Statements on paper: a document with a head, its totals and its lines, and nothing of the site around it."""

import re

from playwright.async_api import expect

from tenants.platform.database import Database
from tests.factories import join_member
from tests.journeys.conftest import Visitor, shoot
from tests.marketplace.stories import village
from timebank.exchanges import post_transfer


async def test_a_statement_is_printed_as_a_document(database: Database, visitor: Visitor) -> None:
    scene = await village(database)
    for minutes in range(5, 35):
        helped = await join_member(database, scene.coop, name=f"Voisine {minutes}")
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            await post_transfer(
                db, actor=helped.actor, to=scene.author.id, amount_minutes=minutes, reason="Un coup de main"
            )
    async with visitor(scene.author) as page:
        await page.set_viewport_size({"width": 690, "height": 1000})
        await page.goto(f"/{scene.coop.slug}/hours")
        await expect(page.locator(".document-head")).to_be_hidden()
        await expect(page.locator(".masthead")).to_be_visible()
        await page.emulate_media(media="print")
        for around in (".masthead", "nav", ".footer", ".downloads", "h1", "button", ".balance"):
            for one in await page.locator(around).all():
                await expect(one).to_be_hidden()
        head = page.locator(".document-head")
        for said in ("Relevé d’heures", scene.author.name, "Édité le"):
            await expect(head).to_contain_text(said)
        for total in ("Solde avant", "Reçu", "Donné", "Solde après"):
            await expect(page.locator("dt", has_text=total).first).to_be_visible()
        await shoot(page, "statement-printed")
        await expect(page.get_by_text("Un coup de main").first).to_be_visible()
        await expect(page.locator("dd:visible", has_text=re.compile(r"9\sh\s45")).first).to_be_visible()
        paper = await page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 1


async def test_the_pot_s_statement_is_printed_and_what_only_a_screen_can_say_is_not(
    database: Database, visitor: Visitor
) -> None:
    scene = await village(database)
    async with visitor(scene.author) as page:
        await page.goto(f"/{scene.coop.slug}/register")
        when = page.locator("main time").first
        assert await when.evaluate("(one) => getComputedStyle(one, '::after').content") == "none"
        await page.emulate_media(media="print")
        said = await when.evaluate("(one) => getComputedStyle(one, '::after').content")
        assert re.search(r"\d{4}", said), "paper says the day, not how long ago"
        assert await when.evaluate("(one) => getComputedStyle(one).fontSize") == "0px"
        await page.goto(f"/{scene.coop.slug}/pot")
        for around in (".masthead", "form", "button", ".figure", "h1"):
            for one in await page.locator(around).all():
                await expect(one).to_be_hidden()
        await expect(page.locator(".document-head")).to_contain_text("Relevé de la caisse solidaire")
        await expect(page.get_by_role("heading", name="Ce que la caisse a reçu et donné")).to_be_visible()
        await shoot(page, "pot-printed")
