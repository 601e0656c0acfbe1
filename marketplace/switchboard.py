"""Read this first: every route, every event with who hears it, every tick of the clock, on one page.

This file must never hold a rule; it only says what is connected to what.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from tenants.platform.settings import Settings
from tenants.platform.templating import NavigationItem
from tenants.platform.words import _

if TYPE_CHECKING:
    from tenants.visit import Visit


def routes(settings: Settings) -> Sequence[ControllerRouterHandler]:
    """Every page and every operation of the API."""
    return []


def navigation(visit: "Visit") -> Sequence[NavigationItem]:
    """The main navigation, for this reader in this cooperative."""
    return []


@asynccontextmanager
async def hot_paths(app: Litestar, settings: Settings) -> AsyncIterator[None]:
    """Open what the few hot endpoints use instead of a visit."""
    yield
