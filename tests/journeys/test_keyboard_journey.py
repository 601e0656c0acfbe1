"""A whole story by keyboard alone: sign in, search with a slip, keep the search, answer a mission, write a message.

The first address is typed; after that nothing but Tab, Enter, Space, the arrows and letters, on a desk and on a telephone
with a keyboard. Every stop on the way shows that it has the focus, inside the window.
"""

import pytest
from playwright.async_api import Page, expect

from tenants.platform.database import Database
from tests.factories import join_member
from tests.journeys.conftest import Visitor, shoot
from tests.marketplace.stories import posted, village

PASSWORD = "une phrase assez longue pour elle"
STOPS_AT_MOST = 90
# What has the focus: its kind, how it is called, and what is wrong with how it shows.
FOCUSED = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const around = one.closest('.card') ? getComputedStyle(one.closest('.card')) : style;
  const marked = (of) => of.outlineStyle !== 'none' && parseFloat(of.outlineWidth) >= 2;
  const name = [...(one.labels ?? [])].map((label) => label.textContent).join(' ')
    || one.getAttribute('aria-label') || one.textContent;
  const wrong = one === document.body ? '' : !marked(style) && !marked(around) ? 'is not marked'
    : box.bottom < 0 || box.top > innerHeight ? 'is out of sight' : '';
  return [one.tagName, name.replace(/\\s+/g, ' ').trim(), wrong];
}"""


async def reach(page: Page, tag: str, words: str) -> None:
    """Press Tab until something of this kind with these words has the focus."""
    passed = []
    for _stop in range(STOPS_AT_MOST):
        await page.keyboard.press("Tab")
        kind, name, wrong = await page.evaluate(FOCUSED)
        assert not wrong, f"{kind} “{name}” {wrong} on {page.url}"
        if kind == tag and words in name:
            return
        passed.append(name)
    raise AssertionError(f"no {tag} “{words}” is reached on {page.url}, only {passed}")


async def follow(page: Page, tag: str, words: str, key: str = "Enter") -> None:
    """Reach it, press it, and wait for what comes."""
    await reach(page, tag, words)
    async with page.expect_navigation():
        await page.keyboard.press(key)


async def write(page: Page, tag: str, label: str, words: str) -> None:
    """Reach a field and write in it."""
    await reach(page, tag, label)
    await page.keyboard.type(words)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_a_freelancer_signs_in_searches_bids_and_writes_without_a_mouse(
    database: Database,
    visitor: Visitor,
    phone: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    scene = await village(database)
    clara = await join_member(database, scene.coop, name="Clara Clavier", password=PASSWORD)
    await posted(database, scene.author, title="Plomberie de la salle")
    await posted(database, scene.author, title="Relire une plaquette")
    async with visitor(phone=phone) as page:
        await page.goto(f"/sign-in?next=/{scene.coop.slug}")
        await write(page, "INPUT", "Courriel", clara.email)
        await write(page, "INPUT", "Mot de passe", PASSWORD)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")

        await page.wait_for_url(f"**/{scene.coop.slug}")
        if phone:
            await reach(page, "SUMMARY", "Menu")
            await page.keyboard.press("Space")
        await follow(page, "A", "Missions")
        await write(page, "INPUT", "Que cherchez-vous", "plonberie")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_contain_text("Aussi proches de")
        await expect(page.locator("main")).not_to_contain_text("Relire une plaquette")

        await reach(page, "SUMMARY", "Enregistrer cette recherche")
        await page.keyboard.press("Enter")
        await reach(page, "INPUT", "récapitulatif")
        await page.keyboard.press("ArrowDown")
        kind, chosen, _wrong = await page.evaluate(FOCUSED)
        assert kind == "INPUT"
        assert "récapitulatif" not in chosen, "the arrow went to another way of being told"
        await follow(page, "BUTTON", "Enregistrer la recherche")
        await expect(page.get_by_role("status")).to_contain_text("enregistrée")
        await follow(page, "A", "plonberie")

        await follow(page, "A", "Plomberie de la salle")
        await write(page, "TEXTAREA", "Votre message", "J'ai les outils, samedi me va.")
        await shoot(page, "keyboard-bid")
        await follow(page, "BUTTON", "Envoyer ma proposition", "Space")
        await expect(page.get_by_role("status")).to_be_visible()

        await follow(page, "A", "Messages")
        await follow(page, "A", scene.author.name)
        await write(page, "TEXTAREA", "Votre message", "Où est le compteur ?")
        await follow(page, "BUTTON", "Envoyer", "Space")
        await expect(page.locator("main")).to_contain_text("Où est le compteur")
