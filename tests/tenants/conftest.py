"""What the tests of people share: the application in this process, browsers and programs that talk to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar

from marketplace.app import create_app
from tenants.platform.settings import Settings
from tenants.platform.throttle import Throttle
from tests import factories

Browser = Callable[..., httpx.AsyncClient]
Client = Callable[[str], httpx.AsyncClient]
HERE = {"sec-fetch-site": "same-origin"}


@pytest.fixture
async def throttle(settings: Settings) -> AsyncIterator[Throttle]:
    opened = Throttle(settings.redis_url)
    # Each test is its own quarter of an hour.
    await opened.cache.flushdb()
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def app(migrated: Settings) -> AsyncIterator[Litestar]:
    built = create_app(migrated)
    ready, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # Entered and left in one task, as Litestar asks.
        async with built.lifespan():
            ready.set()
            await over.wait()

    living = asyncio.create_task(live())
    await asyncio.wait(
        [living, waiting := asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    assert waiting.done(), living.exception()
    yield built
    over.set()
    await living


@pytest.fixture
async def browser(app: Litestar, migrated: Settings) -> AsyncIterator[Browser]:
    """``browser(member)``: a browser in which this member is signed in, or nobody."""
    opened: list[httpx.AsyncClient] = []
    await app.state.house.throttle.cache.flushdb()

    def open_browser(member: factories.Member | None = None, locale: str = "fr") -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=cast("Any", app)),
            base_url=migrated.base_url,
            headers={**HERE, "origin": migrated.base_url, "accept-language": locale},
            cookies={"archipel_sign_in": member.token} if member else {},
        )
        opened.append(client)
        return client

    yield open_browser
    for client in opened:
        await client.aclose()


@pytest.fixture
async def bearer(app: Litestar, migrated: Settings) -> AsyncIterator[Client]:
    """``bearer(secret)``: a program that holds this token; without one, a stranger."""
    opened: list[httpx.AsyncClient] = []

    def open_client(secret: str) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=cast("Any", app)),
            base_url=f"{migrated.base_url}/api/v1",
            headers={"authorization": f"Bearer {secret}"} if secret else {},
        )
        opened.append(client)
        return client

    yield open_client
    for client in opened:
        await client.aclose()
