"""A mission from its posting to the hours on the statement, in the browser; and what a dispute looks like."""

import re

import pytest
from playwright.async_api import Page, expect

from marketplace.mission_terms import MissionVisibility
from tenants.platform.database import Database
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace import stories
from tests.marketplace.stories import HOUR, balance, village


async def largest_button(page: Page) -> str:
    """The words of the one largest button of the page."""
    buttons = page.locator("main .button.next")
    assert await buttons.count() == 1, f"{await buttons.count()} largest buttons on {page.url}"
    return (await buttons.first.inner_text()).strip()


async def press(page: Page, words: str) -> None:
    """Press the page's largest button, which must say this."""
    assert await largest_button(page) == words
    await page.locator("main .button.next").click()


@pytest.mark.parametrize("javascript", [True, False])
async def test_post_bid_accept_start_deliver_confirm_and_read_the_statement(
    database: Database,
    visitor: Visitor,
    javascript: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    scene = await village(database)
    home = f"/{scene.coop.slug}"
    async with (
        visitor(scene.author, javascript=javascript) as author,
        visitor(scene.bidder, phone=True, javascript=javascript) as bidder,
    ):
        await author.goto(home)
        await shoot(author, "home-empty")
        await press(author, "Publier une mission")
        await author.get_by_label("Titre").fill("Relire une plaquette de douze pages")
        await author.get_by_label("Description").fill("Surtout **la cohérence** des titres.")
        await author.get_by_label("Durée estimée").fill("2h30")
        await shoot(author, "mission-form")
        await press(author, "Publier la mission")
        await expect(author.get_by_role("status")).to_contain_text("publiée")
        mission_url = author.url
        assert await largest_button(author) == "Compléter la mission"

        await bidder.goto(f"{home}/missions")
        await fits(bidder)
        await shoot(bidder, "missions")
        await bidder.get_by_role("link", name="Relire une plaquette").click()
        await fits(bidder)
        await bidder.get_by_label("Votre message").fill("Je relis pour deux éditeurs, je commence jeudi.")
        await bidder.get_by_label("Durée", exact=True).fill("2 h")
        await shoot(bidder, "mission-bid")
        await press(bidder, "Envoyer ma proposition")
        await expect(bidder.get_by_role("status")).to_contain_text("envoyée")

        await author.goto(home)
        await expect(author.locator(".waiting li").first).to_contain_text("Choisissez une proposition")
        await shoot(author, "home-bid")
        await press(author, "Lire les propositions")
        await shoot(author, "mission-choose")
        await press(author, "Accepter la proposition de Badis Répondeur")
        await expect(author.get_by_role("status")).to_contain_text("réservées")
        assert await balance(database, scene.author) == (0, 2 * HOUR)

        await bidder.goto(home)
        await fits(bidder)
        await press(bidder, "Commencer")
        await press(bidder, "Commencer")
        await bidder.get_by_label("Temps réellement passé").fill("2h15")
        await bidder.get_by_label("Un mot sur la livraison").fill(
            "Le PDF annoté est dans le dossier partagé."
        )
        await shoot(bidder, "mission-deliver")
        await press(bidder, "Livrer")

        await author.goto(mission_url)
        consent = author.get_by_label(re.compile("de donner aussi"))
        await expect(consent).not_to_be_checked()
        await consent.check()
        await shoot(author, "mission-confirm")
        await press(author, "Confirmer et verser les heures")
        await shoot(author, "mission-settled")
        assert await balance(database, scene.bidder) == (2 * HOUR + 15, 0)

        await press(author, "Voir mon relevé d’heures")
        await expect(author.locator("main")).to_contain_text("Relire une plaquette")
        await shoot(author, "statement")
        await bidder.goto(f"{home}/hours")
        await fits(bidder)
        await shoot(bidder, "statement")
        await expect(bidder.locator("main")).to_contain_text("2 h 15")


async def test_a_dispute_is_heard_and_decided(database: Database, visitor: Visitor) -> None:
    scene = await village(database)
    mission_id = await stories.delivered(database, scene)
    path = f"/{scene.coop.slug}/missions/{mission_id}"
    async with (
        visitor(scene.author) as author,
        visitor(scene.bidder) as bidder,
        visitor(scene.mediator, phone=True) as mediator,
    ):
        await author.goto(path)
        await author.get_by_text("Quelque chose ne va pas").click()
        await author.get_by_label("Ce qui ne va pas").fill("La moitié des pages n'est pas relue.")
        await author.get_by_role("button", name="Contester la livraison").click()
        await expect(author.get_by_role("status")).to_contain_text("médiation")
        await shoot(author, "dispute-opened")

        await bidder.goto(path)
        await bidder.get_by_label("Votre point de vue").fill("Le fichier reçu n'avait que six pages.")
        await press(bidder, "Envoyer à la médiation")

        await mediator.goto(f"/{scene.coop.slug}")
        await fits(mediator)
        await press(mediator, "Lire les deux points de vue")
        await expect(mediator.locator("main")).to_contain_text("que six pages")
        await mediator.get_by_label(re.compile("Heures à verser")).fill("3 h")
        await mediator.get_by_label("Votre décision").fill("Six pages sur douze : la moitié est due.")
        await press(mediator, "Décider")
        await expect(mediator.locator("#errors")).to_contain_text("2 h")
        await shoot(mediator, "dispute-too-much")
        await mediator.get_by_label(re.compile("Heures à verser")).fill("1 h")
        await press(mediator, "Décider")
        await fits(mediator)
        await expect(mediator.get_by_role("status")).to_contain_text("appliquée")
        await shoot(mediator, "dispute-decided")
    assert await balance(database, scene.bidder) == (HOUR, 0)
    assert await balance(database, scene.author) == (-HOUR, 0)


async def test_everything_works_without_javascript_and_in_english(
    database: Database, visitor: Visitor
) -> None:
    scene = await village(database)
    async with visitor(scene.author, javascript=False) as page:
        await page.goto(f"/{scene.coop.slug}/missions/new")
        await page.get_by_role("button", name="English").click()
        await page.get_by_label("Estimated time").fill("beaucoup")
        await page.locator("main .button.next").click()
        await expect(page.locator("#errors")).to_contain_text("for example 2h30")
        await page.get_by_label("Title").fill("Build a website")
        await page.get_by_label("Description").fill("Three pages.")
        await page.get_by_label("Estimated time").fill("16h")
        await page.locator("main .button.next").click()
        await expect(page.locator("h1")).to_contain_text("Build a website")


async def test_a_stranger_reads_a_public_mission_and_no_name(database: Database, visitor: Visitor) -> None:
    scene = await village(database)
    public = await stories.posted(database, scene.author, visibility=MissionVisibility.PUBLIC)
    private = await stories.posted(database, scene.author, title="Entre nous")
    await stories.bid(database, scene.bidder, public)
    async with visitor(phone=True) as page:
        await page.goto(f"/{scene.coop.slug}")
        await fits(page)
        await shoot(page, "front")
        await page.get_by_role("link", name="Relire une plaquette").click()
        await shoot(page, "mission-public")
        assert "Se connecter pour répondre" in await largest_button(page)
        for name in (scene.author.name, scene.bidder.name):
            assert name not in await page.content()
        answer = await page.goto(f"/{scene.coop.slug}/missions/{private}")
        assert answer is not None
        assert answer.status == 404
