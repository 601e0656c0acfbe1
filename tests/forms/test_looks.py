"""Every page on a wide screen, in the light, in French: it fits and anyone can use it; a gift needs no mouse."""

from typing import Any

from tests.forms.looking import Opened, every_page_is_fit
from tests.journeys.conftest import Visitor
from tests.running import Running


async def test_every_page_fits_and_is_named_and_labelled(
    opened: Opened, archipel: Running, visitor: Visitor
) -> None:
    await every_page_is_fit(opened, archipel, visitor, phone=False, language="fr")


async def test_a_page_is_reached_and_a_gift_made_by_keyboard_alone(opened: Opened, visitor: Visitor) -> None:
    scene = opened.scene
    async with visitor(scene.worker) as page:
        await page.goto(f"/{scene.home.slug}/hours/give?to={scene.mediator.id}")
        await page.keyboard.press("Tab")
        assert "#main" in str(await page.evaluate("document.activeElement.getAttribute('href')"))
        await page.keyboard.press("Enter")
        for typed in ("45 min", "Merci pour tout"):
            await tab_to(page, "INPUT TEXTAREA", empty=True)
            await page.keyboard.type(typed)
        await tab_to(page, "BUTTON")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/{scene.home.slug}/hours")
        assert "Merci pour tout" in await page.locator("main").inner_text()


async def tab_to(page: Any, tags: str, *, empty: bool = False) -> None:
    """Press Tab until the focus stands on one of these (empty, if a field is to be filled in)."""
    for _press in range(40):
        await page.keyboard.press("Tab")
        tag, value = await page.evaluate(
            "[document.activeElement.tagName, document.activeElement.value ?? '']"
        )
        if tag in tags.split() and not (empty and value):
            return
    raise AssertionError(f"no {tags} is reached by Tab on {page.url}")
