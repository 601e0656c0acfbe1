"""Every floor's rules, declared by being imported here, and rulebooks that follow a newer version.

A command that founds or completes a rulebook imports this first. This file must never change a
version that is in force.
"""

from collections.abc import Callable

from sqlalchemy import select

# Importing a floor's rules declares them.
import governance.college_weights
import governance.proposal_rules
import governance.vote_rules  # noqa: F401
import marketplace.rules  # noqa: F401
import tenants.house_rules  # noqa: F401
import timebank.rules  # noqa: F401
from governance.root_circles import open_root_circle
from tenants.cooperatives import Cooperative
from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tenants.rulebook import write_founding_act


async def complete_rulebooks(settings: Settings, report: Callable[[str], None]) -> None:
    """Give each cooperative the rules and the circle that a newer version brought, each in a transaction of its own."""
    platform = Database(settings.database_platform_url, pool_size=1)
    app = Database(settings.database_url, pool_size=1)
    try:
        async with platform.begin(read_only=True) as db:
            chosen = (await db.execute(select(Cooperative.tenant_id, Cooperative.name))).all()
        for tenant_id, name in chosen:
            async with app.begin(tenant=tenant_id) as db:
                added = await write_founding_act(db, tenant_id=tenant_id)
                await open_root_circle(db, tenant_id=tenant_id)
            if added:
                report(f"Rules of {name}: {', '.join(version.rule for version in added)}.")
    finally:
        await app.close()
        await platform.close()
