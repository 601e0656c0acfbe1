"""A sign-in that ends while a form is being typed: what was typed is given back, and sent after signing in again."""

import httpx
from playwright.async_api import expect

from marketplace.missions import Mission
from tenants.platform.database import Database
from tenants.platform.security import SIGN_IN_COOKIE
from tests.factories import PASSWORD, join_member
from tests.forms.scene import browser_of
from tests.forms.test_sent_twice import TITLE, count
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace.stories import village
from tests.running import Running


async def test_what_was_typed_is_sent_after_signing_in_again(database: Database, visitor: Visitor) -> None:
    scene = await village(database)
    member = await join_member(database, scene.coop, name="Lise Longue-Page", password=PASSWORD)
    async with visitor(member, javascript=False, phone=True) as page:
        await page.goto(f"/{scene.coop.slug}/missions/new")
        await page.get_by_label("Titre").fill(TITLE)
        await page.get_by_label("Description").fill("Une longue description,\nécrite pendant une heure.")
        await page.get_by_label("Durée estimée").fill("2h")
        await page.context.clear_cookies(name=SIGN_IN_COOKIE)
        await page.locator("main .button").first.click()
        await expect(page.locator("h1")).to_contain_text("Votre connexion a pris fin")
        await expect(page.locator("main")).to_contain_text("écrite pendant une heure.")
        await fits(page)
        await shoot(page, "signed-out")
        async with page.context.expect_page() as opening:
            await page.locator("main .button.next").click()
        tab = await opening.value
        await tab.get_by_label("Courriel").fill(member.email)
        await tab.get_by_label("Mot de passe").fill(PASSWORD)
        await tab.locator("main .button.next").click()
        await expect(tab.locator("h1")).to_be_visible()
        await page.get_by_role("button", name="Je suis connecté").click()
        await expect(page.locator("h1")).to_contain_text(TITLE)
        await expect(page.locator("main")).to_contain_text("écrite pendant une heure.")
    assert await count(database, scene, Mission) == 1


async def test_nothing_of_another_site_and_no_password_is_given_back(
    database: Database, archipel: Running
) -> None:
    """A page of ours that offers to send what another site had typed would be that site's hand."""
    scene = await village(database)
    path = f"/{scene.coop.slug}/hours/transfer"
    bait = {"to": str(scene.other.id), "amount_minutes": "5h", "reason": "Un texte d'un autre site"}
    async with browser_of(archipel, None) as client:
        client.headers.update({"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"})
        answer = await client.post(path, data=bait)
        assert "Un texte" not in answer.text
        assert answer.status_code in {httpx.codes.SEE_OTHER, httpx.codes.FORBIDDEN}
        assert "5h" not in answer.text
    async with browser_of(archipel, None) as client:
        answer = await client.post("/me/password", data={"new_password": "un secret bien gardé"})
        assert answer.status_code == httpx.codes.SEE_OTHER
        assert answer.headers["location"].startswith("/sign-in")
        answer = await client.post(path, data=bait)
        assert answer.status_code == httpx.codes.UNAUTHORIZED
        assert "Un texte d&#39;un autre site" in answer.text
