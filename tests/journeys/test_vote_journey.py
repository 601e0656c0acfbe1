"""Members vote, in the browser: by colleges and blocks with a quorum at a desk, by grades with a receipt on a phone."""

import re
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from governance.counting.published import differences, read, recounted
from governance.votes import VoteShown, vote
from tenants.platform.database import Database
from tests.conftest import OpenAs
from tests.factories import Founded
from tests.governance.polling import into_colleges, let_close, polling_place, weights
from tests.journeys.conftest import Visitor, fits, shoot

DAY = (datetime.now(ZoneInfo("Europe/Paris")).date() + timedelta(days=3)).isoformat()


async def shown(database: Database, coop: Founded, page: Page) -> VoteShown:
    """The vote that the page is about."""
    async with database.begin(tenant=coop.tenant_id) as db:
        return await vote(
            db,
            tenant_id=coop.tenant_id,
            actor=coop.manager.actor,
            vote_id=UUID(re.findall(r"votes/([0-9a-f-]{36})", page.url)[0]),
        )


async def choose(page: Page, legend: str, label: str) -> None:
    """Press a choice, as it is shown."""
    await page.get_by_role("group", name=legend).get_by_text(label, exact=True).click()


async def test_colleges_vote_as_blocks_with_a_quorum(
    database: Database, db_as: OpenAs, visitor: Visitor
) -> None:
    coop, [anna, badis, chloe] = await polling_place(
        database,
        quorum_percent=50,
        college_carry=2,
        college_weights=weights(Salariés=40, Usagers=35, Soutiens=25),
    )
    places = {"Salariés": [coop.manager, anna], "Usagers": [badis], "Soutiens": [chloe]}
    await into_colleges(database, coop, places)
    async with visitor(coop.manager) as page:
        await page.goto(f"/{coop.slug}/votes")
        await shoot(page, "votes-empty")
        await page.get_by_role("link", name="Ouvrir un vote").first.click()
        await page.get_by_label("Question").fill("Ouvrir la boutique le samedi ?")
        await choose(page, "Méthode", "Majorité")
        await page.get_by_label("Jour").fill(DAY)
        await shoot(page, "vote-form")
        await page.get_by_role("button", name="Ouvrir le vote").click()
        await expect(page.get_by_role("status")).to_contain_text("Le vote est ouvert")
        await choose(page, "Votre réponse", "Contre")
        await page.get_by_role("button", name="Voter").click()
        await expect(page.get_by_role("main")).to_contain_text("Vous avez voté")
        path = page.url
    for member, choice in ((badis, "Pour"), (chloe, "Pour")):
        async with visitor(member) as page:
            await page.goto(path)
            await choose(page, "Votre réponse", choice)
            await page.get_by_role("button", name="Voter").click()
            await expect(page.get_by_role("main")).to_contain_text("Vous avez voté")
    async with visitor(anna) as page:
        await page.goto(path)
        await let_close(db_as, await shown(database, coop, page))
        await choose(page, "Votre réponse", "Contre")
        await page.get_by_role("button", name="Voter").click()
        await expect(page.get_by_role("alert")).to_contain_text(
            "n'accepte plus de bulletin".replace("'", "’")
        )
        await page.get_by_role("button", name="Dépouiller maintenant").click()
        await expect(page.get_by_role("main")).to_contain_text("La question est adoptée.")
        await expect(page.get_by_role("main")).to_contain_text("60")
        await shoot(page, "vote-colleges")
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="Fichier du vote (JSON)").click()
        saved = await (await downloading.value).path()
        file = read(saved.read_bytes())
        assert differences(file.result, recounted(file)) == []


async def test_a_judgment_on_a_phone_by_keyboard_leaves_a_receipt_that_is_found_again(
    database: Database, db_as: OpenAs, visitor: Visitor
) -> None:
    coop, [anna, badis, _] = await polling_place(database)
    async with visitor(coop.manager) as page:
        await page.goto(f"/{coop.slug}/votes/new")
        await page.get_by_label("Question").fill("Que faire de la salle du fond ?")
        await choose(page, "Méthode", "Jugement majoritaire")
        await page.get_by_label("Options").fill("Un atelier\nUn bureau partagé")
        await page.get_by_label("Jour").fill(DAY)
        await page.get_by_role("button", name="Ouvrir le vote").click()
        await expect(page.get_by_role("status")).to_contain_text("Le vote est ouvert")
        path = page.url
    receipts = []
    for member in (anna, badis):
        async with visitor(member, phone=True) as page:
            await page.goto(path)
            await fits(page)
            await shoot(page, "vote-ballot-phone")
            first = page.get_by_role("group", name="Un atelier").get_by_label("Excellent")
            await first.focus()
            await page.keyboard.press("Space")
            await page.keyboard.press("Tab")
            await page.keyboard.press("ArrowDown")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("main")).to_contain_text("Vous avez voté")
            receipts.append(await page.locator(".receipt").inner_text())
            await fits(page)
            await shoot(page, "vote-receipt-phone")
    async with visitor(anna, phone=True) as page:
        await page.goto(path)
        await choose(page, "Un bureau partagé", "À rejeter")
        await page.get_by_role("button", name="Remplacer mon bulletin").click()
        await expect(page.get_by_role("status")).to_contain_text("remplace le précédent")
        last = await page.locator(".receipt").inner_text()
        assert last not in receipts
        await let_close(db_as, await shown(database, coop, page))
        await page.reload()
        await page.get_by_role("button", name="Dépouiller maintenant").click()
        await expect(page.get_by_role("main")).to_contain_text("Un atelier")
        await fits(page)
        await shoot(page, "vote-judgment-phone")
        await page.get_by_role("link", name=last).click()
        await expect(page.get_by_role("rowheader")).to_have_text(last)
        await expect(page.get_by_role("main")).to_contain_text("À rejeter")
        await fits(page)
    async with visitor(None, javascript=False) as stranger:
        await stranger.goto(f"{path}/ballots")
        await stranger.get_by_label("Mon reçu, ou son début").fill(receipts[0])
        await stranger.get_by_role("button", name="Chercher").click()
        await expect(stranger.get_by_role("main")).to_contain_text(
            "Ce reçu n'est pas dans la liste".replace("'", "’")
        )
