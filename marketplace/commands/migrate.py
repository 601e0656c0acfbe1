"""`archipel migrate`: the database, then the rulebooks, brought to this version of the software.

This file must never hold a migration.
"""

from collections.abc import Callable

from marketplace import rulebooks, schema
from tenants.platform.settings import Settings


async def migrate(settings: Settings, report: Callable[[str], None]) -> None:
    """Run ``schema.migrate`` as `owner`, then complete each cooperative's rulebook as `app`."""
    await schema.migrate(settings, report)
    await rulebooks.complete_rulebooks(settings, report)
