"""`make migrations`: whether the migrations, run on an empty server, make the tables the code declares.

It has a server of its own. This file must never reach a database that somebody uses.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from marketplace import schema
from tenants.platform.embedded import embedded_servers
from tenants.platform.settings import Settings


def check() -> list[str]:
    """Migrate from empty, then once more, and return what differs."""
    with (
        tempfile.TemporaryDirectory(prefix="archipel-check-") as folder,
        embedded_servers(Path(folder), postgres_options={"fsync": "off"}) as servers,
    ):
        settings = Settings.from_environment(servers.settings_environment())
        asyncio.run(schema.migrate(settings))
        asyncio.run(schema.migrate(settings, report=lambda _line: None))
        return asyncio.run(schema.differences(settings))


if __name__ == "__main__":
    found = check()
    print("\n".join(found) if found else "The migrations make exactly the declared tables.")
    sys.exit(1 if found else 0)
