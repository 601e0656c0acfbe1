"""Members lower a credit limit by consent, in the browser: one objection is integrated, and a transfer is then refused."""

from playwright.async_api import expect

from tenants.platform.database import Database
from tests import factories
from tests.factories import Member
from tests.journeys.conftest import Visitor, fits, shoot


async def test_a_lower_credit_limit_is_proposed_objected_to_amended_adopted_and_obeyed(
    database: Database, visitor: Visitor
) -> None:
    coop = await factories.found_cooperative(database)
    awa = await factories.join_member(database, coop, name="Awa Le Bihan")
    bran = await factories.join_member(database, coop, name="Bran Kerouedan")
    home = f"/{coop.slug}"
    async with visitor(awa) as page:
        await page.goto(f"{home}/rules")
        await page.get_by_role("link", name="Découvert d’heures").first.click()
        await page.get_by_role("link", name="Proposer un changement").click()
        await expect(page.get_by_role("main")).to_contain_text("Valeur actuelle")
        await page.get_by_label("Titre").fill("Ramener le découvert à deux heures")
        await page.get_by_label("Valeur proposée").fill("2 h")
        await page.get_by_label("Texte et raisons").fill("Les soldes s'éloignent de zéro.")
        await shoot(page, "proposal-form")
        await page.get_by_role("button", name="Ouvrir la discussion").click()
        await expect(page.get_by_role("status")).to_contain_text("est ouverte")
        path = page.url
    async with visitor(bran, phone=True) as page:
        await page.goto(f"{home}/notices")
        await page.get_by_role("link", name="ouverte à la discussion").click()
        await fits(page)
        await page.get_by_label("Votre mot").fill("Pourquoi deux heures ?")
        await page.get_by_role("button", name="Poser comme question").click()
        await expect(page.get_by_role("main")).to_contain_text("Pourquoi deux heures")
    async with visitor(awa) as page:
        await page.goto(path)
        await expect(page.get_by_role("main")).to_contain_text("Des questions attendent votre réponse")
        await page.get_by_text("Répondre", exact=True).click()
        await page.get_by_label("Votre réponse").fill("C'est ce que nous échangeons d'habitude.")
        await page.get_by_role("button", name="Répondre à la question").click()
        await page.get_by_role("button", name="Ouvrir la ronde d’objections").click()
        await shoot(page, "proposal-round")
    async with visitor(bran, phone=True) as page:
        await page.goto(path)
        await expect(page.get_by_role("main")).to_contain_text("Votre réponse est attendue")
        await shoot(page, "proposal-answer")
        await page.locator("#object summary").click()
        await page.get_by_label("Ce qui serait abîmé").fill("Qui débute ne pourrait plus rien demander.")
        await page.get_by_label("Rôle ou tâche atteints").fill("Accueil des nouveaux")
        await page.get_by_label("Raisons", exact=True).fill("Le premier mois passe souvent cinq heures.")
        await fits(page)
        await page.get_by_role("button", name="Soulever cette objection").click()
        await expect(page.get_by_role("status")).to_contain_text("Votre objection est écrite")
    async with visitor(awa) as page:
        await page.goto(path)
        await page.get_by_role("button", name="J’ai lu la version 1").click()
        await page.get_by_role("link", name="Écrire la nouvelle version").click()
        await expect(page.get_by_role("checkbox", name="Bran Kerouedan")).to_be_checked()
        await page.get_by_label("Valeur proposée").fill("5 h")
        await page.get_by_label("Texte et raisons").fill(
            "Les soldes s'éloignent de zéro ; cinq heures suffisent."
        )
        await page.get_by_role("button", name="Publier cette version").click()
        await expect(page.get_by_role("status")).to_contain_text("Version 2 écrite")
        await page.get_by_role("link", name="Voir ce que la version 2 a changé").click()
        await expect(page.locator("ins").first).to_be_visible()
        await shoot(page, "proposal-changes")
    await _adopt_and_obey(visitor, coop.manager, awa, bran, path)


async def _adopt_and_obey(visitor: Visitor, manager: Member, awa: Member, bran: Member, path: str) -> None:
    """All three consent to the second version; the rule obeys, and whoever may not exceed it is told."""
    home = f"/{bran.slug}"
    for member in (manager, awa, bran):
        async with visitor(member, phone=member is bran) as page:
            await page.goto(path)
            await page.get_by_role("button", name="J’ai lu la version 2").click()
            await shoot(page, "proposal-answered")
            if member is bran:
                await expect(page.get_by_role("status")).to_contain_text("la proposition est adoptée")
                await page.get_by_role("link", name="Voir la règle").click()
                await fits(page)
                await shoot(page, "rule-amended")
                await page.get_by_role("link", name="une proposition adoptée").click()
                assert page.url == path
                await page.goto(f"{home}/hours/transfer?to={awa.id}")
                await page.get_by_label("Durée de l’aide").fill("6 h")
                await page.get_by_label("Pour quoi").fill("Toiture")
                await page.get_by_role("button", name="Donner ces heures").click()
                await shoot(page, "transfer-refused")
                await expect(page.get_by_role("alert")).to_contain_text("5 h")
    async with visitor(None, phone=True, javascript=False) as stranger:
        await stranger.goto(f"{home}/register")
        await stranger.get_by_role("link", name="Une proposition adoptée change une règle").click()
        assert stranger.url == path
        await expect(stranger.get_by_role("main")).not_to_contain_text("Awa")
