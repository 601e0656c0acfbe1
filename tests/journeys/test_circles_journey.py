"""Circles in the browser: opened, given what they decide, filled with people and mandates, left, closed; and colleges."""

from datetime import date, timedelta

from playwright.async_api import expect

from tenants.actors import Role
from tenants.platform.database import Database
from tests import factories
from tests.journeys.conftest import Visitor, fits, shoot
from tests.lived_circles import WEIGHTS

UNTIL = date.today() + timedelta(days=200)  # noqa: DTZ011 (any day far enough)


async def test_a_circle_is_opened_filled_and_closed(database: Database, visitor: Visitor) -> None:
    coop = await factories.found_cooperative(database, rules={"governance.college_weights": [*WEIGHTS]})
    anna = await factories.join_member(database, coop, name="Anna Aubry")
    await factories.join_member(database, coop, name="Badis Belkacem")
    home = f"/{coop.slug}"
    async with visitor(coop.manager) as page:
        await page.goto(home)
        await page.locator("summary", has_text="Décider").click()
        await page.get_by_role("link", name="Cercles").click()
        await expect(page.get_by_role("main")).to_contain_text("Comme personne ne la tient encore")
        await page.get_by_role("link", name="Créer un cercle").click()
        await page.get_by_label("Nom du cercle").fill("Heures et entraide")
        await page.get_by_label("Raison d’être").fill("Que les heures *circulent*.")
        await page.get_by_role("button", name="Créer le cercle").click()
        await expect(page.get_by_role("status")).to_contain_text("Le cercle est créé")
        circle = page.url
        await page.get_by_role("link", name="Dire ce qu’il décide").click()
        await page.get_by_label("Découvert d’heures", exact=True).check()
        await page.get_by_label("Caisse solidaire", exact=True).check()
        await shoot(page, "perimeter")
        await page.get_by_role("button", name="Enregistrer").click()
        await expect(page.get_by_role("main")).to_contain_text("Découvert d’heures")
        await page.get_by_role("link", name="Faire entrer des membres").click()
        await page.get_by_label("Nom du membre").fill("aub")
        await page.get_by_role("button", name="Chercher").click()
        await expect(page.get_by_label("Badis Belkacem")).to_have_count(0)
        await page.get_by_role("button", name="Faire entrer").click()
        await expect(page.get_by_role("alert")).to_contain_text("Cochez au moins une personne")
        await page.get_by_label("Anna Aubry").check()
        await page.get_by_role("button", name="Faire entrer").click()
        await expect(page.get_by_role("status")).to_contain_text("Une personne est entrée")
        await page.get_by_role("link", name="Confier un mandat").click()
        await page.get_by_label("À qui").select_option(label="Anna Aubry")
        await page.locator("label", has_text="Délégation au cercle parent").click()
        await page.get_by_label("Jusqu’au").fill(UNTIL.isoformat())
        await shoot(page, "circle-mandate")
        await page.get_by_role("button", name="Donner le mandat").click()
        await expect(page.get_by_role("status")).to_contain_text("inscrit au registre")
        await shoot(page, "circle")
    async with visitor(anna, phone=True) as page:
        await page.goto(f"{home}/circles")
        await fits(page)
        await shoot(page, "circles")
        await expect(page.get_by_role("link", name="Créer un cercle")).to_have_count(0)
        await page.goto(f"{home}/members/{anna.id}")
        await fits(page)
        await expect(page.get_by_role("main")).to_contain_text(
            "Heures et entraide : Délégation au cercle parent"
        )
        await page.get_by_role("link", name="Heures et entraide").click()
        await fits(page)
        await page.get_by_role("button", name="Quitter ce cercle").click()
        await expect(page.get_by_role("status")).to_contain_text("Vous avez quitté ce cercle")
        await expect(page.get_by_role("main")).not_to_contain_text("Anna Aubry")
    async with visitor(coop.manager, phone=True) as page:
        await page.goto(circle)
        await page.get_by_text("Fermer ce cercle").click()
        await page.get_by_role("button", name="Fermer le cercle").click()
        await expect(page.get_by_role("status")).to_contain_text("revient à son cercle parent")
        await page.goto(f"{home}/register")
        await expect(page.get_by_role("main")).to_contain_text(
            "Un cercle a été fermé. Cercles ouverts à ce jour : 1."
        )


async def test_members_are_placed_in_colleges(database: Database, visitor: Visitor) -> None:
    coop = await factories.found_cooperative(database, rules={"governance.college_weights": [*WEIGHTS]})
    anna = await factories.join_member(database, coop, name="Anna Aubry")
    await factories.give_mandate(database, coop, anna, Role.OBSERVER)
    home = f"/{coop.slug}"
    async with visitor(coop.manager, phone=True) as page:
        await page.goto(f"{home}/colleges")
        await fits(page)
        await shoot(page, "colleges-unplaced")
        await expect(page.get_by_role("main")).to_contain_text("2 membres ne sont dans aucun collège")
        await page.get_by_role("link", name="Placer les membres").click()
        await page.get_by_label("Anna Aubry").check()
        await page.get_by_label("Vers quel collège").select_option(label="Usagers")
        await page.get_by_role("button", name="Placer dans ce collège").click()
        await expect(page.get_by_role("status")).to_contain_text("Une personne a changé de collège")
        await page.get_by_role("link", name="Collèges").last.click()
    async with visitor(anna) as page:
        await page.goto(f"{home}/colleges")
        await page.get_by_role("link", name="Usagers").click()
        await expect(page.get_by_role("main")).to_contain_text("Porte 35 % des voix".replace(" %", "\u00a0%"))
        await expect(page.get_by_role("main")).to_contain_text("Anna Aubry")
        await expect(page.get_by_role("button", name="Changer de collège")).to_have_count(0)
