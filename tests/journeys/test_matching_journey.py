"""A mission finds who fits it: the author asks them, they bid, it is done, and both say how it went."""

from playwright.async_api import expect

from marketplace.member_skills import SkillLevel, set_member_skill
from marketplace.skills import add_skill
from tenants.own_profiles import change_profile
from tenants.platform.database import Database
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace import stories
from tests.marketplace.stories import village


async def test_matching_is_accepted_written_about_and_reviewed(database: Database, visitor: Visitor) -> None:
    scene = await village(database)
    home = f"/{scene.coop.slug}"
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        skill = (await add_skill(db, actor=scene.coop.manager.actor, name="Relecture")).id
        await set_member_skill(db, actor=scene.bidder.actor, skill_id=skill, level=SkillLevel.ABLE)
        await change_profile(db, actor=scene.bidder.actor, display_name=scene.bidder.name, territory="29")
    mission = await stories.posted(database, scene.author, skills=frozenset({skill}))
    async with visitor(scene.author) as author, visitor(scene.bidder, phone=True) as bidder:
        await author.goto(f"{home}/missions/{mission}")
        await author.get_by_role("link", name="Qui pourrait le faire").click()
        await expect(author.locator("main")).to_contain_text("Savoir-faire : Relecture")
        await shoot(author, "matches")
        await author.get_by_role("button", name="Inviter").click()
        await expect(author.get_by_role("status")).to_contain_text("invitation est envoyée")

        await bidder.goto(f"{home}/matches")
        await fits(bidder)
        await shoot(bidder, "own-matches")
        await bidder.get_by_role("link", name="Relire une plaquette").click()
        await bidder.get_by_label("Votre message").fill("Je commence jeudi.")
        await bidder.get_by_label("Durée", exact=True).fill("2 h")
        await bidder.locator("main .button.next").click()
        await expect(bidder.get_by_role("status")).to_contain_text("envoyée")

        await author.goto(f"{home}/missions/{mission}")
        await author.get_by_role("button", name="Accepter la proposition").first.click()
        await author.goto(f"{home}/missions/{mission}/messages")
        await author.get_by_role("link", name="Avec Badis").first.click()
        await author.get_by_label("Votre message").fill("Le fichier est dans le dossier partagé.")
        await author.get_by_role("button", name="Envoyer").click()
        await bidder.goto(home)
        await bidder.get_by_role("link", name="Lire et répondre").first.click()
        await expect(bidder.locator("main")).to_contain_text("dossier partagé")
        await fits(bidder)
        await shoot(bidder, "thread")

        await stories.deliver(database, scene.bidder, mission)
        await stories.confirm(database, scene.author, mission)
        for page in (author, bidder):
            await page.goto(f"{home}/missions/{mission}/reviews")
            await page.get_by_text("Bien passé", exact=True).click()
            await page.get_by_label("En quelques mots").fill("Clair et agréable.")
            await shoot(page, "review")
            await page.get_by_role("button", name="Donner mon avis").click()
        await expect(bidder.get_by_role("status")).to_contain_text("chacun peut lire l")
        await bidder.goto(f"{home}/members/{scene.bidder.id}")
        await fits(bidder)
        await shoot(bidder, "member")
        await bidder.goto(f"{home}/profile")
        await fits(bidder)
        await shoot(bidder, "profile")
