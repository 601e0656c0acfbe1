"""The browser of the journeys, before the forms, and the pages that it opens."""

import pytest

from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.forms.looking import Opened, open_all
from tests.journeys.conftest import browser, visitor
from tests.running import Running

__all__ = ["browser", "visitor"]


@pytest.fixture(scope="module")
async def opened(database: Database, db_as: OpenAs, migrated: Settings, archipel: Running) -> Opened:
    """A cooperative in which everything happened, and its pages."""
    return await open_all(database, db_as, migrated, archipel)
