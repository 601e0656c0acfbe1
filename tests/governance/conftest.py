"""What the tests of pages share: browsers and programs that talk to the application in this process."""

from tests.tenants.conftest import app, bearer, browser, throttle

__all__ = ["app", "bearer", "browser", "throttle"]
