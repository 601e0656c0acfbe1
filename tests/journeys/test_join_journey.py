"""Somebody nobody knows becomes a member, in the browser: asks, confirms, is welcomed, signs in, takes a second factor."""

import asyncio
import re
import time

import pyotp
from playwright.async_api import Page, expect

from tenants.platform.database import Database
from tenants.platform.mail import kept_mails
from tenants.platform.settings import Settings
from tests import factories
from tests.journeys.conftest import Visitor, fits, shoot


async def open_mailed_link(page: Page, settings: Settings, to: str, subject: str) -> None:
    """Read the newest mail of this subject in the demo's mailbox, once the worker has sent it, and open its link."""
    assert settings.mail_directory is not None
    for _ in range(100):
        mails = await asyncio.to_thread(kept_mails, settings.mail_directory)
        if found := [one for one in mails if to in one.to and subject in one.subject]:
            newest = max(found, key=lambda one: one.name)
            await page.goto(f"/mail/{newest.name}")
            await page.get_by_role("link", name=re.compile("http")).first.click()
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"no mail about {subject}")


async def test_a_stranger_becomes_a_member_with_a_second_factor(
    database: Database, visitor: Visitor, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    home, email = f"/{coop.slug}", f"noemie@{coop.slug}.example"
    async with visitor(phone=True) as page:
        await page.goto(home)
        await fits(page)
        await shoot(page, "front")
        await page.get_by_role("link", name="Demander à rejoindre").click()
        await fits(page)
        await page.get_by_label("Votre nom").fill("Noémie Lestang")
        await page.get_by_label("Courriel").fill("noemie chez moi")
        await page.get_by_role("button", name="Recevoir le lien").click()
        await expect(page.locator("#errors")).to_contain_text("adresse de courriel")
        await page.get_by_label("Courriel").fill(email)
        await page.get_by_label("Quelques mots sur vous").fill("Je relie des livres à Morlaix.")
        await shoot(page, "join-request")
        await page.get_by_role("button", name="Recevoir le lien").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Regardez vos courriels")
        await open_mailed_link(page, settings, email, "Confirmez votre demande")
        await expect(page.locator("main")).to_contain_text("Je relie des livres à Morlaix.")
        await fits(page)
        await shoot(page, "join-link")
        await page.get_by_role("button", name="Envoyer ma demande").click()
        await expect(page.get_by_role("status")).to_contain_text("Votre demande est partie")

    async with visitor(coop.manager) as page:
        await page.goto(f"{home}/notices")
        await page.get_by_role("link", name="demande à rejoindre").click()
        await expect(page.locator("main")).to_contain_text("Noémie Lestang")
        await shoot(page, "join-requests")
        await page.get_by_role("button", name="Accueillir").click()
        await expect(page.get_by_role("status")).to_contain_text("Noémie Lestang est membre")

    async with visitor() as page:
        await open_mailed_link(page, settings, email, "Bienvenue dans")
        await page.get_by_label("Courriel", exact=True).fill(email)
        await page.get_by_role("button", name="Recevoir un lien par courriel").click()
        await open_mailed_link(page, settings, email, "Votre lien pour vous connecter")
        await page.get_by_role("button", name="Me connecter").click()
        await expect(page).to_have_url(re.compile(f"{home}$"))
        await page.goto("/me")
        await page.get_by_role("link", name="Activer le second facteur").click()
        await page.get_by_role("button", name="Commencer").click()
        await expect(page.get_by_role("img", name="Code QR")).to_be_visible()
        await fits(page)
        await shoot(page, "second-factor")
        secret = await page.locator("code.secret").inner_text()
        # The code of the step before: that of this moment is left for signing in.
        await page.get_by_label("Code à six chiffres").fill(
            pyotp.TOTP(secret).at(int(time.time()), counter_offset=-1)
        )
        await page.get_by_role("button", name="Activer", exact=True).click()
        await expect(page.locator("ul.codes li")).to_have_count(10)
        await shoot(page, "recovery-codes")

    async with visitor(phone=True) as page:
        await page.goto("/sign-in")
        await page.get_by_label("Courriel", exact=True).fill(email)
        await page.get_by_role("button", name="Recevoir un lien par courriel").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Regardez vos courriels")
        await _newer_link(page, settings, email)
        await page.get_by_role("button", name="Me connecter").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Votre code")
        await fits(page)
        await shoot(page, "sign-in-code")
        await page.get_by_label("Code à six chiffres").fill("000000")
        await page.get_by_role("button", name="Se connecter").click()
        await expect(page.locator("#errors")).to_contain_text("a déjà servi")
        await page.get_by_label("Code à six chiffres").fill(pyotp.TOTP(secret).now())
        await page.get_by_role("button", name="Se connecter").click()
        await expect(page.get_by_role("status")).to_contain_text("Vous êtes connecté")
        await expect(page).to_have_url(re.compile(f"{home}$"))


async def _newer_link(page: Page, settings: Settings, email: str) -> None:
    """Wait for the second mail with a link to sign in; the first was used."""
    assert settings.mail_directory is not None
    for _ in range(100):
        mails = await asyncio.to_thread(kept_mails, settings.mail_directory)
        if len([one for one in mails if email in one.to and "pour vous connecter" in one.subject]) > 1:
            break
        await asyncio.sleep(0.1)
    await open_mailed_link(page, settings, email, "Votre lien pour vous connecter")
