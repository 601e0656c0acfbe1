"""Help from the pot, in the browser: somebody asks, a steward answers, and whoever asked chooses how they are told."""

from playwright.async_api import expect

from tenants.actors import Role
from tenants.platform.database import Database
from tests.factories import give_mandate, join_member
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace.stories import HOUR, balance, village
from timebank.gifts import give


async def test_a_member_asks_the_pot_a_steward_grants_and_notices_are_chosen(
    database: Database, visitor: Visitor
) -> None:
    scene = await village(database)
    home = f"/{scene.coop.slug}"
    steward = await give_mandate(
        database, scene.coop, await join_member(database, scene.coop, name="Gaëlle Gardienne"), Role.STEWARD
    )
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await give(db, actor=scene.bidder.actor, to=None, amount_minutes=3 * HOUR)
    async with visitor(scene.author, phone=True) as page:
        await page.goto(f"{home}/pot")
        await fits(page)
        await shoot(page, "pot-member")
        await (
            page.get_by_role("link", name="Demander de l'aide")
            .or_(page.get_by_role("link", name="Demander de l’aide"))
            .click()
        )
        await page.get_by_role("button", name="Envoyer ma demande").click()
        await expect(page.locator("#errors")).to_be_visible()
        await page.get_by_label("Pour quoi").select_option("home")
        await page.get_by_label("Heures demandées").fill("2h")
        await page.get_by_label("Ce qu").fill("La chaudière est en panne.")
        await fits(page)
        await shoot(page, "pot-ask")
        await page.get_by_role("button", name="Envoyer ma demande").click()
        await expect(page.get_by_role("status")).to_be_visible()
        await expect(page.locator("main")).to_contain_text("La chaudière est en panne.")
        await fits(page)
        await shoot(page, "pot-asked")
    async with visitor(steward) as page:
        await page.goto(f"{home}/pot")
        await page.get_by_role("link", name="Demandes qui attendent une réponse").click()
        await page.get_by_role("link", name=scene.author.name).click()
        await expect(page.locator("main")).to_contain_text("La chaudière est en panne.")
        await shoot(page, "pot-answer")
        await page.get_by_label("Heures accordées").fill("1h30")
        await page.get_by_label("Un mot pour").fill("Bon courage")
        await page.get_by_role("button", name="Accorder ces heures").click()
        await expect(page.get_by_role("status")).to_contain_text("1")
    assert (await balance(database, scene.author))[0] == HOUR + 30
    async with visitor(scene.author) as page:
        await page.goto(f"{home}/pot/requests")
        await expect(page.locator("main")).to_contain_text("accordée")
        await page.goto(f"{home}/notices")
        await page.get_by_role("link", name="Choisir mes notifications").click()
        await shoot(page, "notice-choices")
        await page.get_by_label("De (facultatif)", exact=True).select_option("22:00")
        await page.get_by_role("button", name="Enregistrer").click()
        await expect(page.locator("#errors")).to_be_visible()
        await page.get_by_label("À (facultatif)", exact=True).select_option("07:00")
        await page.get_by_role("button", name="Enregistrer").click()
        await expect(page.get_by_role("status")).to_be_visible()
    async with visitor(scene.author, phone=True) as page:
        await page.goto(f"{home}/notices/preferences")
        await fits(page)
        await shoot(page, "notice-choices")
