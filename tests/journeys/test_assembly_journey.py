"""An assembly changes a rule, in the browser: recorded, signed by two, read by all, told by mail, checked by a stranger."""

import asyncio
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.async_api import expect

from tenants.actors import Role
from tenants.platform.database import Database
from tenants.platform.mail import kept_mails
from tenants.platform.settings import Settings
from tenants.register import Verified, verify_register
from tests import factories
from tests.journeys.conftest import Visitor, fits, shoot

TODAY = datetime.now(ZoneInfo("Europe/Paris")).date()


async def test_members_change_a_rule_by_an_assembly(
    database: Database, visitor: Visitor, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Malo Kerbrat")
    treasurer = await factories.join_member(database, coop, name="Thérèse Orvault")
    treasurer = await factories.give_mandate(database, coop, treasurer, Role.TREASURER)
    home = f"/{coop.slug}"
    async with visitor(coop.manager) as manager:
        await manager.goto(f"{home}/rules")
        await shoot(manager, "rules-founding")
        await manager.get_by_role("link", name="Enregistrer une assemblée").click()
        await shoot(manager, "assembly-form")
        await manager.get_by_label("Tenue le").fill((TODAY - timedelta(days=1)).isoformat())
        await manager.get_by_label("Lieu").fill("Maison des associations, Morlaix")
        await manager.get_by_label("Quorum demandé par les statuts").fill("2")
        await manager.get_by_label("Présents").fill("2")
        await manager.get_by_label("Représentés").fill("1")
        await manager.get_by_label("Compte rendu").fill("Nous avons parlé **longtemps** des délais.")
        await manager.get_by_role("button", name="Continuer vers les décisions").click()
        await expect(manager.get_by_role("status")).to_contain_text("Ajoutez maintenant")
        await manager.get_by_label("Règle").select_option(label="Fin de réservation")
        await manager.get_by_label("Nouvelle valeur").fill("30")
        await manager.get_by_label("Pour", exact=True).fill("3")
        await manager.get_by_label("Contre", exact=True).fill("0")
        await manager.get_by_label("Prend effet le").fill((TODAY + timedelta(days=30)).isoformat())
        await manager.get_by_role("button", name="Ajouter la décision").click()
        await shoot(manager, "assembly-to-sign")
        await manager.get_by_role("button", name="Signer au titre du mandat « Gestion »").click()
        await expect(manager.get_by_role("status")).to_contain_text("encore une autre personne")
        path = manager.url
    async with visitor(treasurer, phone=True) as page:
        await page.goto(f"{home}/notices")
        await fits(page)
        await shoot(page, "notices")
        await page.get_by_role("link", name="attend une seconde signature").click()
        await fits(page)
        await shoot(page, "assembly-second")
        await page.get_by_role("button", name="Signer au titre du mandat « Trésorerie »").click()
        await expect(page.get_by_role("status")).to_contain_text("Les règles changent")
        await shoot(page, "assembly-in-force")
        await page.goto(f"{home}/treasury/audit")
        await fits(page)
        await shoot(page, "audit")
    async with visitor(None, phone=True, javascript=False) as stranger:
        await stranger.goto(f"{home}/rules")
        await fits(stranger)
        await shoot(stranger, "rules")
        await expect(stranger.get_by_role("main")).to_contain_text("30 jours à partir du")
        await stranger.get_by_role("link", name="une assemblée", exact=True).click()
        assert stranger.url == path
        await expect(stranger.get_by_role("main")).not_to_contain_text("longtemps")
        await stranger.goto(f"{home}/register")
        await stranger.get_by_text("Vérifier ce registre soi-même").click()
        await fits(stranger)
        await shoot(stranger, "register")
        async with stranger.expect_download() as downloading:
            await stranger.get_by_role("link", name="JSON").click()
        file = await (await downloading.value).path()
        lines = json.loads(file.read_bytes())["lines"]
        assert verify_register(lines) == Verified(len(lines), lines[-1]["hash"])
    await heard(settings, member.email, "a changé les règles")
    async with visitor(member) as page:
        await page.goto(home + "/notices")
        await page.get_by_role("button", name="Lire").first.click()
        assert page.url == path
        await expect(page.get_by_role("main")).to_contain_text("longtemps")
        await shoot(page, "assembly-member")


async def heard(settings: Settings, email: str, words: str) -> None:
    """Wait for a mail to this address that says this: the relay and the worker take a moment."""
    assert settings.mail_directory is not None
    for _ in range(100):
        if any(email in mail.to and words in mail.text for mail in kept_mails(settings.mail_directory)):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"no mail says « {words} » within ten seconds")
