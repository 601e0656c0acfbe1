"""A mission done by a team, changed on the way, from the bid to what three people read on their statements."""

import re

from playwright.async_api import expect

from tenants.platform.database import Database
from tests.journeys.conftest import Visitor, fits, shoot
from tests.journeys.test_missions_journey import largest_button, press
from tests.marketplace import stories
from tests.marketplace.stories import HOUR, balance
from tests.marketplace.team_stories import crew


async def test_a_team_bids_accepts_is_amended_delivers_and_is_paid(
    database: Database, visitor: Visitor
) -> None:
    scene = await crew(database)
    client, lead, second, fourth = scene.client, scene.lead, scene.second, scene.fourth
    home = f"/{scene.village.coop.slug}"
    mission_id = await stories.posted(database, client)
    path = f"{home}/missions/{mission_id}"
    async with (
        visitor(client) as at_client,
        visitor(lead) as at_lead,
        visitor(second, phone=True) as at_second,
        visitor(fourth, phone=True, javascript=False) as at_fourth,
    ):
        await at_lead.goto(path)
        await at_lead.get_by_role("link", name="Répondre en équipe").click()
        await at_lead.get_by_label("Votre message").fill("Je relis le fond, Chloé la typographie.")
        await at_lead.get_by_label("Durée, pour toute l’équipe").fill("1h40")
        await at_lead.get_by_label("Personne 2").fill("Chloé Inconnue")
        await shoot(at_lead, "team-bid")
        await press(at_lead, "Envoyer et inviter l’équipe")
        await expect(at_lead.locator("#errors")).to_contain_text("Aucun membre actif")
        await at_lead.get_by_label("Personne 2").fill(second.name)
        await press(at_lead, "Envoyer et inviter l’équipe")
        assert await largest_button(at_lead) == "Changer l’équipe"
        await shoot(at_lead, "team-waits")

        await at_client.goto(home)
        await expect(at_client.locator("main")).to_contain_text("une équipe se forme")
        await at_second.goto(home)
        await press(at_second, "Voir ma part")
        await fits(at_second)
        await expect(at_second.locator("main")).to_contain_text("50 min sur 1 h 40")
        await shoot(at_second, "team-part")
        await press(at_second, "Accepter ma part")

        await at_client.goto(path)
        await shoot(at_client, "team-choose")
        await press(at_client, "Accepter la proposition de Badis Répondeur")
        assert await balance(database, client) == (0, 100)

        await at_lead.goto(path)
        await at_lead.get_by_role("link", name="Changer les heures ou l’équipe").click()
        await at_lead.get_by_label("Durée convenue").fill("2h")
        await at_lead.get_by_label("Vos parts").fill("3")
        await at_lead.get_by_label("Ses parts").nth(0).fill("2")
        await at_lead.get_by_label("Personne 3").fill(fourth.name)
        await at_lead.get_by_label("Ses parts").nth(1).fill("2")
        await at_lead.get_by_label("Pourquoi").fill("Douze pages de plus : Driss relit les tableaux.")
        await shoot(at_lead, "amendment-form")
        await press(at_lead, "Proposer ce changement")
        await shoot(at_lead, "amendment-pending")
        for page in (at_second, at_fourth, at_client):
            await page.goto(path)
            await fits(page)
            if page is at_fourth:
                await expect(page.locator("main")).to_contain_text("rejoint l’équipe")
            await shoot(page, f"amendment-answer-{('a', 'b')[page is at_client]}")
            await press(page, "Accepter le changement")
        assert await balance(database, client) == (0, 2 * HOUR)

        await at_lead.goto(path)
        await press(at_lead, "Commencer")
        await at_lead.get_by_label("Temps réellement passé").fill("2 h")
        await press(at_lead, "Livrer")
        await at_client.goto(path)
        await press(at_client, "Confirmer et verser les heures")
        await shoot(at_client, "team-settled")
        gained = []
        for page, member in ((at_lead, lead), (at_second, second), (at_fourth, fourth)):
            gained.append((await balance(database, member))[0])
            await page.goto(f"{home}/hours")
            await fits(page)
            await expect(page.locator("main")).to_contain_text("Relire une plaquette")
            await expect(page.locator("main")).to_contain_text(re.compile(rf"{gained[-1]}\s*min"))
        await shoot(at_second, "team-statement")
        assert sum(gained) == 2 * HOUR
        assert gained[0] in {51, 52}
        assert await balance(database, client) == (-2 * HOUR, 0)
