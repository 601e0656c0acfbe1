"""Moving in, in the browser: a file with two bad lines, mended, imported, and known when it comes again."""

import re
from pathlib import Path

from playwright.async_api import Page, expect

from tenants.actors import Role
from tenants.platform.database import Database
from tests import factories
from tests.journeys.conftest import Visitor, fits, shoot
from tests.tenants.import_stories import TIMEOVERFLOW_MEMBERS, TIMEOVERFLOW_TRANSFERS

WITH_TWO_BAD_LINES = TIMEOVERFLOW_MEMBERS.replace("2016-05-17", "17 mai 2016").replace("anne@", "anne chez ")


async def bring(page: Page, slug: str, kind: str, path: Path) -> None:
    """Choose a file and have it looked at; the page follows the worker by itself."""
    await page.goto(f"/{slug}/imports")
    await page.locator("main label").get_by_text(kind, exact=True).click()
    await page.get_by_label("Fichier CSV").set_input_files(path)
    await page.get_by_role("button", name="Vérifier ce fichier").click()
    await expect(page.locator("h1")).to_contain_text(path.name)
    await expect(page.locator("[data-under-way]")).to_have_count(0, timeout=15_000)


async def test_a_cooperative_moves_in_from_timeoverflow(
    database: Database, visitor: Visitor, tmp_path: Path
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Tara Trésor")
    treasurer = await factories.give_mandate(database, coop, member, Role.TREASURER)
    files = {}
    for name, content in (
        ("membres-avec-erreurs.csv", WITH_TWO_BAD_LINES),
        ("membres.csv", TIMEOVERFLOW_MEMBERS),
        ("transferts.csv", TIMEOVERFLOW_TRANSFERS),
    ):
        files[name] = tmp_path / name
        files[name].write_text(content.replace("{slug}", coop.slug), encoding="utf-8")
    async with visitor(coop.manager) as page:
        await page.goto(f"/{coop.slug}")
        await page.locator("summary").filter(has_text="Gestion").click()
        await page.get_by_role("link", name="Importer").first.click()
        await fits(page)
        await shoot(page, "imports-empty")
        await bring(page, coop.slug, "Membres", files["membres-avec-erreurs.csv"])
        await expect(page.locator("main")).to_contain_text(re.compile(r"2\schoses à corriger"))
        await expect(page.get_by_role("row").filter(has_text="colonne 10")).to_contain_text("courriel")
        await expect(page.get_by_role("row").filter(has_text="colonne 2")).to_contain_text("17 mai 2016")
        await shoot(page, "import-wrong")
        await bring(page, coop.slug, "Membres", files["membres.csv"])
        await expect(page.get_by_role("table", name="Premières lignes")).to_contain_text("Anne Le Goff")
        await shoot(page, "import-ready")
        await page.get_by_role("button", name=re.compile("Confirmer l.import")).click()
        await expect(page.locator("main")).to_contain_text(re.compile(r"3\slignes reprises"), timeout=15_000)
        await bring(page, coop.slug, "Échanges", files["transferts.csv"])
        await expect(page.locator("main")).to_contain_text("Une seconde personne doit confirmer")
        await shoot(page, "import-second-person")
        waiting = page.url
        await page.goto(f"/{coop.slug}/imports")
        await page.get_by_role("button", name="Les inviter tous").click()
        await expect(page.get_by_role("status")).to_contain_text("2")
    async with visitor(treasurer, phone=True) as page:
        await page.goto(waiting)
        await fits(page)
        await shoot(page, "import-release")
        await page.get_by_role("button", name=re.compile("Confirmer l.import")).click()
        await expect(page.locator("main")).to_contain_text(re.compile(r"3\slignes reprises"), timeout=15_000)
        await bring(page, coop.slug, "Échanges", files["transferts.csv"])
        await expect(page.locator("main")).to_contain_text("Rien de nouveau")
        await fits(page)
        await shoot(page, "import-nothing-new")
