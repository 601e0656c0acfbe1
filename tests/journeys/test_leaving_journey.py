"""Somebody leaves: finishes what runs, chooses who gets their hours, takes their data along and is forgotten."""

import re
import zipfile

from playwright.async_api import expect
from sqlalchemy import text

from tenants.memberships import Membership
from tenants.platform.database import Database
from tests.conftest import OpenAs
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace import stories
from tests.marketplace.stories import HOUR, balance, village


async def test_a_member_leaves_with_their_data_and_is_forgotten(
    database: Database, visitor: Visitor, db_as: OpenAs
) -> None:
    scene = await village(database)
    home, who = f"/{scene.coop.slug}", scene.bidder
    mission = await stories.delivered(database, scene)
    async with visitor(who, phone=True) as page:
        await page.goto(f"{home}/profile")
        await page.get_by_role("link", name="Quitter cette coopérative").click()
        await fits(page)
        await expect(page.locator("main")).to_contain_text("À terminer d")
        await expect(page.get_by_role("button", name="Quitter la coopérative")).to_have_count(0)
        await shoot(page, "leave-obstacles")
        await page.get_by_role("link", name=re.compile("Relire une plaquette")).click()
        await expect(page).to_have_url(re.compile(f"{home}/missions/{mission}$"))
        await stories.confirm(database, scene.author, mission)
        await page.goto(f"{home}/profile/leave")
        await page.get_by_label("À qui vont vos heures").select_option(label="Chloé Tierce")
        await fits(page)
        await shoot(page, "leave")
        await page.get_by_role("button", name="Quitter la coopérative").click()
        await expect(page).to_have_url(re.compile("/me/data$"))
        await expect(page.get_by_role("status")).to_contain_text("Vous avez quitté")
        assert await balance(database, scene.other) == (2 * HOUR, 0)
        assert await balance(database, who) == (0, 0)
        async with page.expect_download() as coming:
            await page.get_by_role("link", name="Télécharger toutes mes données").click()
        taken = await (await coming.value).path()
        with zipfile.ZipFile(taken) as archive:
            index = archive.read("index.html").decode()
        assert "Relire une plaquette" in index
        await fits(page)
        await shoot(page, "own-data")
        await page.get_by_role("button", name="Faire effacer", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("changer d")
        await page.get_by_role("button", name="Ne rien effacer").click()
        await expect(page.get_by_role("status")).to_contain_text("Rien ne sera effacé")
        await page.get_by_role("button", name="Faire effacer tout").click()
        await expect(page.locator(".banner.warn")).to_contain_text("Tout sera effacé le")
        await fits(page)
        await shoot(page, "own-data-erasing")
        # The waiting time passes, and the clock strikes for the cooperative: the real worker does the rest.
        async with db_as("postgres") as db:
            await db.execute(
                text("UPDATE person_erasures SET due_at = now() WHERE person_id = :me"),
                {"me": who.person_id},
            )
            await db.execute(
                text("""
                    INSERT INTO outbox (tenant_id, kind, facts)
                    VALUES (:t, 'ErasuresDue', jsonb_build_object('tenant_id', CAST(:t AS uuid), 'due_at', now()))
                """),
                {"t": scene.coop.tenant_id},
            )
        async with visitor(scene.author) as other:
            # The worker may first have to handle what the clock struck for every other cooperative.
            pseudonym = other.locator("main").get_by_text(re.compile("Membre parti [0-9A-F]{4}"))
            for _attempt in range(240):
                await other.goto(f"{home}/missions/{mission}")
                if await pseudonym.count():
                    break
                await other.wait_for_timeout(500)
            assert await pseudonym.count(), "the worker has not forgotten them in time"
            await expect(other.locator("main")).not_to_contain_text(who.name)
            await shoot(other, "mission-of-somebody-gone")
        await page.goto("/me/data")
        await expect(page).to_have_url(re.compile("/sign-in"))
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        kept = await db.get_one(Membership, (scene.coop.tenant_id, who.id))
        assert kept.person_id is None
