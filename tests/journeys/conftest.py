"""A real browser before the real web server and worker, for whole stories.

Chromium is Debian's. Without it the journeys are skipped, but never where CI is set: there they fail. This
file must never sign anybody in by a back door but with the cookie that the factories were given.
"""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tenants.platform.security import SIGN_IN_COOKIE
from tests.factories import Member
from tests.running import Running

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SHOTS = os.environ.get("ARCHIPEL_SHOTS")

Visitor = Callable[..., AbstractAsyncContextManager[Page]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and not os.environ.get("CI"):
        pytest.skip("Chromium is not installed (apt install chromium); in CI this would be a failure.")
    assert found, "CI runs the journeys: install Chromium (apt install chromium)"
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield launched
        await launched.close()


@pytest.fixture
async def visitor(browser: Browser, archipel: Running) -> Visitor:
    """Somebody before a screen of their own; enter it to get their page.

    ``visitor(member, phone=True)`` is signed in and small. Leaving fails if a page had asked another host for anything, or had an error in its console.
    """

    @asynccontextmanager
    async def open_page(
        member: Member | None = None, *, phone: bool = False, javascript: bool = True, locale: str = "fr-FR"
    ) -> AsyncIterator[Page]:
        context = await browser.new_context(
            base_url=archipel.base_url,
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
            java_script_enabled=javascript,
            locale=locale,
        )
        if member is not None:
            await context.add_cookies(
                [{"name": SIGN_IN_COOKIE, "value": member.token, "url": archipel.base_url}]
            )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((archipel.base_url, "data:")) else complaints.append(asked.url)
            ),
        )
        page.set_default_timeout(10_000)
        yield page
        await context.close()
        # A form that comes back with something to correct is answered 4xx, which Chromium notes as an error.
        assert [one for one in complaints if "status of 4" not in one] == []

    return open_page


async def shoot(page: Page, name: str) -> None:
    """Keep a picture where ARCHIPEL_SHOTS says, for people to look at; nothing without it."""
    if SHOTS:
        width = (page.viewport_size or DESK)["width"]
        await page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)


async def fits(page: Page) -> None:
    """The page is no wider than the screen."""
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px wider than the screen"
