"""What the tests of pages share: browsers that talk to the application in this process."""

from tests.tenants.conftest import app, bearer, browser, throttle

__all__ = ["app", "bearer", "browser", "throttle"]
