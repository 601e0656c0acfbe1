"""The pictures of the README, taken of the demo: ``make pictures`` starts it on a free port and takes them all anew.

What is shown is what a visitor of the demo sees; nothing is drawn or mended afterwards. This file must never know a
person but by the part that the demo says they play.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page, async_playwright

from tests.running import free_port

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".github" / "pictures"
START_SECONDS: Final = 240
DESK: Final = {"width": 1120, "height": 800}
TALL: Final = DESK | {"height": 1040}
PHONE: Final = {"width": 390, "height": 780}
FREELANCER: Final = "indépendante"


@dataclass(frozen=True)
class Picture:
    """One picture: of which page, as whom (None: anybody), how, and after which steps."""

    name: str
    path: str
    part: str | None = FREELANCER
    phone: bool = False
    dark: bool = False
    english: bool = False
    follow: tuple[str, ...] = ()
    """Links that are followed from there, by what they say (the first that does)."""
    tall: bool = False


PICTURES: Final = (
    Picture("home", ""),
    Picture("search", "/missions?q=diapozitives"),
    Picture("mission-phone", "/missions?q=plaquette&mine=1", phone=True, follow=("Relire la plaquette",)),
    Picture("hours-dark", "/hours", dark=True),
    Picture("team-phone-dark", "/missions?q=exposition&mine=1", phone=True, dark=True, follow=("Monter l",)),
    Picture("vote", "/votes", follow=("Que faire de la salle",), tall=True),
    Picture("register-english", "/register", part=None, english=True),
    Picture("public-phone", "", part=None, phone=True),
)


@contextmanager
def demo(data: Path) -> Iterator[str]:
    """A demo of one's own, on a free port; its address."""
    port = free_port()
    command = [sys.executable, "-m", "marketplace.cli", "demo", "--port", str(port), "--data", str(data)]
    with (data.parent / "demo.log").open("w+", encoding="utf-8") as log:
        child = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_SECONDS
            while "Ctrl-C stops" not in (data.parent / "demo.log").read_text(encoding="utf-8"):
                if child.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"The demo did not start:\n{(data.parent / 'demo.log').read_text()}")
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            child.wait(timeout=60)


async def take(browser: Browser, address: str, personas: list[dict[str, Any]], one: Picture) -> None:
    """Take one picture and keep it."""
    context = await browser.new_context(
        base_url=address,
        viewport=PHONE if one.phone else TALL if one.tall else DESK,  # type: ignore[arg-type]
        color_scheme="dark" if one.dark else "light",
        locale="en-GB" if one.english else "fr-FR",
    )
    page = await context.new_page()
    lived_in = personas[0]["path"]
    if one.part:
        who = next(each for each in personas if each["part"] == one.part)
        lived_in = who["path"]
        await sign_in(page, who)
    await page.goto(lived_in + one.path)
    for words in one.follow:
        await page.locator("main").get_by_role("link", name=words).first.click()
        await page.wait_for_load_state()
    await page.screenshot(path=FOLDER / f"{one.name}.png")
    await context.close()


async def sign_in(page: Page, who: dict[str, Any]) -> None:
    """Sign in as the page asks."""
    await page.goto("/sign-in")
    await page.locator("#email").fill(who["email"])
    await page.locator("#password").fill(who["password"])
    await page.get_by_role("button", name="Se connecter").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def take_all(address: str, personas: list[dict[str, Any]]) -> None:
    """Take every picture; those that are no longer taken are removed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"],
        )
        for one in PICTURES:
            await take(browser, address, personas, one)
        await browser.close()
    for file in FOLDER.glob("*.png"):
        if file.stem not in {one.name for one in PICTURES}:
            file.unlink()


def main() -> None:
    """Take them of a demo that is started for it, or of one that runs already."""
    options = argparse.ArgumentParser(description="Take the pictures of the README.")
    options.add_argument("--of", metavar="ADDRESS", help="a demo that runs already")
    options.add_argument("--data", type=Path, help="its folder")
    given = options.parse_args()
    if given.of and given.data:
        asyncio.run(take_all(given.of, json.loads((given.data / "personas.json").read_bytes())))
        return
    with tempfile.TemporaryDirectory(prefix="archipel-pictures-") as folder:
        data = Path(folder) / "data"
        with demo(data) as address:
            asyncio.run(take_all(address, json.loads((data / "personas.json").read_bytes())))


if __name__ == "__main__":
    main()
