"""What every page must answer for in a real browser: it fits, and anyone can use it.

Names, labels and focus are asked here; contrast, roles and the rest of WCAG 2.2 AA by axe-core. This file must never
know a page of ours: a new one is walked without being named.
"""

from dataclasses import dataclass
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.forms.scene import Scene, addresses, browser_of, set_scene
from tests.journeys.conftest import Visitor, fits
from tests.running import Running

HEAVIEST_PAGE_BYTES = 100_000
# What a page must answer for: all in one question, since each costs a journey to the browser.
ASKED = """() => {
  const shown = (one) => one.type !== 'hidden' && one.getClientRects().length > 0;
  const named = (one) => one.labels?.length || one.getAttribute('aria-label') || one.getAttribute('aria-labelledby');
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  const main = document.querySelector('main');
  return {
    language: document.documentElement.lang,
    title: document.title,
    headings: document.querySelectorAll('h1').length,
    nameless: [...document.querySelectorAll('input, select, textarea')].filter((one) => shown(one) && !named(one))
      .map((one) => one.name),
    mute: [...document.querySelectorAll('a[href], button')].filter((one) => one.getClientRects().length
      && !one.textContent.trim() && !one.getAttribute('aria-label')).map((one) => one.outerHTML),
    twice: [...new Set(ids.filter((id, place) => ids.indexOf(id) !== place))],
    lost: [...document.querySelectorAll('[aria-describedby], label[for]')].flatMap((one) =>
      (one.getAttribute('aria-describedby') ?? one.htmlFor).split(/ +/).filter(Boolean))
      .filter((id) => !document.getElementById(id)),
    largest: [...main.querySelectorAll('.button.next')].filter((one) => one.getClientRects().length).length,
    small: [...main.querySelectorAll('button, .button, input, select')].filter((one) => shown(one))
      .filter((one) => one.getBoundingClientRect().height < 24 && !['checkbox', 'radio'].includes(one.type))
      .map((one) => one.outerHTML.slice(0, 120)),
  };
}"""
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  return one === document.body || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
    || style.boxShadow !== 'none' ? '' : one.outerHTML.slice(0, 160);
}"""

# Of two pages made of the same elements, axe-core is asked about one.
SHAPE = """() => [...new Set([...document.querySelectorAll('*')].map((one) =>
  [one.tagName, one.getAttribute('class'), one.getAttribute('type'), one.getAttribute('role')].join()))].sort().join(' ')"""

AXE = Axe()
# The Web Content Accessibility Guidelines up to 2.2 AA, and axe-core's own advice.
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}


@dataclass(frozen=True)
class Opened:
    """The scene, and the pages that open for somebody who holds every mandate."""

    scene: Scene
    paths: list[str]


async def open_all(database: Database, db_as: OpenAs, migrated: Settings, archipel: Running) -> Opened:
    """Find the pages that open, each light enough."""
    scene = await set_scene(database, db_as)
    paths = []
    async with browser_of(archipel, scene.author) as client:
        for path in addresses(migrated, scene):
            answer = await client.get(path)
            if path.endswith(f"/hours/of/{scene.author.id}"):
                continue  # One's own statement by its long address: the very same page.
            if answer.status_code == 200 and "text/html" in answer.headers["content-type"]:
                assert len(answer.content) < HEAVIEST_PAGE_BYTES, path
                paths.append(path)
    return Opened(scene, paths)


def complaints(path: str, found: dict[str, Any], language: str) -> list[str]:
    """What is wrong with a page, in words."""
    wrong = [
        f"{path}: {what} {found[what]}"
        for what in ("nameless", "mute", "twice", "lost", "small")
        if found[what]
    ]
    if found["headings"] != 1:
        wrong.append(f"{path}: {found['headings']} first headings")
    if found["language"] != language:
        wrong.append(f"{path}: in {found['language']}")
    if found["largest"] > 1:
        wrong.append(f"{path}: {found['largest']} largest buttons")
    return wrong


async def barriers(page: Page, path: str) -> list[str]:
    """What axe-core finds on a page, in words."""
    found = (await AXE.run(page, options=AXE_OPTIONS)).response["violations"]
    return [f"{path}: {one['id']} ({one['help']}) on {one['nodes'][0]['html'][:160]}" for one in found]


async def every_page_is_fit(
    opened: Opened, archipel: Running, visitor: Visitor, *, phone: bool, language: str
) -> None:
    """Open every page, on a phone in the dark or on a wide screen in the light; fail with all that is wrong."""
    async with browser_of(archipel, opened.scene.author) as client:
        await client.post("/me/language", data={"locale": language})
    wrong: list[str] = []
    titles: dict[str, str] = {}
    shapes: set[str] = set()
    async with visitor(opened.scene.author, phone=phone, locale=language) as page:
        await page.emulate_media(color_scheme="dark" if phone else "light")
        for path in opened.paths:
            await page.goto(path, wait_until="domcontentloaded")
            found = await page.evaluate(ASKED)
            wrong += complaints(path, found, language)
            await fits(page)
            kind = "/".join(part for part in path.split("?")[0].split("/") if len(part) != 36)
            other = titles.setdefault(found["title"], kind)
            if other != kind:
                wrong.append(f"{path}: the same title as {other}: {found['title']}")
            shape = await page.evaluate(SHAPE)
            if shape not in shapes:
                shapes.add(shape)
                wrong += await barriers(page, path)
            await page.keyboard.press("Tab")
            await page.keyboard.press("Tab")
            if unseen := await page.evaluate(FOCUSED):
                wrong.append(f"{path}: focus is not seen on {unseen}")
    assert not wrong, "\n".join(wrong)
