"""Rules that a newer version of the software brings: each cooperative gets their first value within the hour.

Until then whatever needs such a rule is refused. This file must never change a rule that a cooperative has.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from tenants.platform.clock import Tick
from tenants.rulebook import write_founding_act


class RulebookDue(Tick, frozen=True, kw_only=True):
    """It is time to see whether the rulebook lacks a rule that the software knows."""


async def complete_rulebook(db: AsyncSession, event: RulebookDue) -> None:
    """Give each missing rule its starting value, and say so in the register: hears RulebookDue."""
    await write_founding_act(db, tenant_id=event.tenant_id)
