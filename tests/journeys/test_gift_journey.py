"""Hours given to the solidarity pot, in the browser: from the statement to the pot and back to the statement."""

import re

from playwright.async_api import expect

from tenants.actors import Role
from tenants.platform.database import Database
from tests.factories import give_mandate
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace.stories import HOUR, balance, village

HOURS_GIVEN = re.compile(r"1\sh\s30")


async def test_a_gift_to_the_pot_leaves_the_giver_and_shows_in_the_pot(
    database: Database, visitor: Visitor
) -> None:
    scene = await village(database)
    home = f"/{scene.coop.slug}"
    async with visitor(scene.author, phone=True) as page:
        await page.goto(f"{home}/hours")
        await fits(page)
        await page.get_by_role("link", name="Faire un don").click()
        await fits(page)
        await shoot(page, "give")
        await page.get_by_role("link", name="Donner à la caisse solidaire").click()
        await page.get_by_label("Heures offertes").fill("mille ans")
        await page.get_by_role("button", name="Offrir à la caisse").click()
        await expect(page.locator("#errors")).to_contain_text("2h30")
        await page.get_by_label("Heures offertes").fill("25 h")
        await page.get_by_role("button", name="Offrir à la caisse").click()
        await expect(page.locator("#errors")).to_contain_text("Il manque 5")
        assert await balance(database, scene.author) == (0, 0)
        await page.get_by_label("Heures offertes").fill("1h30")
        await page.get_by_label("Un mot").fill("Pour ceux qui débutent")
        await page.get_by_role("button", name="Offrir à la caisse").click()
        await expect(page.get_by_role("status")).to_be_visible()
        await page.goto(f"{home}/pot")
        await fits(page)
        await shoot(page, "pot")
        # What the pot holds is told to its keepers at once, and to all with the month's statement.
        await expect(page.locator("main")).not_to_contain_text(HOURS_GIVEN)
        await page.goto(f"{home}/hours")
        await expect(page.locator("main")).to_contain_text(HOURS_GIVEN)
        await expect(page.locator("main")).to_contain_text("Pour ceux qui débutent")
    steward = await give_mandate(database, scene.coop, scene.bidder, Role.STEWARD)
    async with visitor(steward) as page:
        await page.goto(f"{home}/pot")
        await expect(page.locator("main")).to_contain_text(HOURS_GIVEN)
    assert await balance(database, scene.author) == (-HOUR - 30, 0)
