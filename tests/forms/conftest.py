"""The browser of the journeys, before the forms."""

from tests.journeys.conftest import browser, visitor

__all__ = ["browser", "visitor"]
