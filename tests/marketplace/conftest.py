"""What the tests of pages share: browsers that talk to the application in this process."""

from tests.tenants.conftest import app, browser

__all__ = ["app", "browser"]
