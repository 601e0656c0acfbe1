"""Somebody looks for help with a slip of the finger, narrows the answers, keeps the search, and is told of a new mission."""

import re

from playwright.async_api import expect

from tenants.platform.database import Database
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace.stories import posted, village


async def test_a_slip_a_filter_a_saved_search_and_the_news_of_a_new_mission(
    database: Database, visitor: Visitor
) -> None:
    scene = await village(database)
    home = f"/{scene.coop.slug}"
    await posted(database, scene.author, title="Plomberie de la salle", territory="29")
    await posted(database, scene.author, title="Plomberie du gîte", territory="35", estimated_minutes=600)
    await posted(database, scene.author, title="Relire une plaquette")
    async with visitor(scene.other, javascript=False) as page:
        await page.goto(f"{home}/missions")
        await fits(page)
        await page.get_by_label("Que cherchez-vous").fill("plonberie")
        await page.get_by_role("button", name="Chercher").click()
        await expect(page.get_by_role("heading", name=re.compile("Aussi proches de"))).to_contain_text(
            "plomberie"
        )
        await expect(page.locator("main")).to_contain_text("Plomberie du gîte")
        await expect(page.locator("main")).not_to_contain_text("Relire une plaquette")
        await shoot(page, "search-slip")
        await page.get_by_label("Que cherchez-vous").fill("plomberie")
        await page.get_by_role("button", name="Chercher").click()
        await expect(page.locator("mark").first).to_have_text("Plomberie")
        await page.get_by_role("link", name="Plus de 7 heures").click()
        await expect(page.locator("main")).not_to_contain_text("Plomberie de la salle")
        await page.get_by_role("link", name="Ne plus limiter à Plus de 7 heures").click()
        await expect(page.locator("main")).to_contain_text("Plomberie de la salle")
        await shoot(page, "search")
        await page.get_by_text("Enregistrer cette recherche").click()
        await page.get_by_label("Tout de suite").check(force=True)
        await page.get_by_role("button", name="Enregistrer la recherche").click()
        await expect(page.get_by_role("status")).to_contain_text("enregistrée")
        await fits(page)
        await shoot(page, "searches")
    async with visitor(scene.author) as page:
        await page.goto(f"{home}/missions/new")
        await page.get_by_label("Une demande").check(force=True)
        await page.get_by_label("Titre").fill("Plomberie de la serre")
        await page.get_by_label("Description").fill("Un robinet à changer.")
        await page.get_by_label("Durée estimée").fill("1h")
        await page.get_by_role("button", name="Publier").first.click()
        await expect(page.get_by_role("status")).to_be_visible()
    async with visitor(scene.other, phone=True) as page:
        news = page.get_by_role("link", name=re.compile("répond à une recherche"))
        for _ in range(40):
            await page.goto(f"{home}/notices")
            if await news.count():
                break
            await page.wait_for_timeout(250)
        await news.first.click()
        await expect(page.locator("h1")).to_contain_text("Plomberie de la serre")
        await page.goto(f"{home}/missions?q=plomberie")
        await fits(page)
        await shoot(page, "search")
