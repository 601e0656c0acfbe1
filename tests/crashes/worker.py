"""The real worker, whose subscribers to transfers also leave a mark, and on request with a planted fault.

    python -m tests.crashes.worker [unclaimed|unfenced]

The marks have no unique key on purpose: what is handled twice must show. This file must never be imported
by the software.
"""

import asyncio
import os
import sys
from typing import Any
from unittest import mock

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import switchboard, worker
from tenants.platform import broker
from tenants.platform.database import Database
from tenants.platform.settings import NEEDED_TO_WORK, Settings
from timebank.events import TransfersPosted

PACE = text("SELECT seconds FROM pace")
MARK = text("""
    INSERT INTO marks (tenant_id, transfer_id, worker)
    SELECT :tenant, transfer, :worker FROM unnest(CAST(:transfers AS uuid[])) transfer
""")

# Handles an event without marking it as handled: whoever is sent it again does it again.
UNCLAIMED = text("""
    SELECT kind, facts FROM outbox
    WHERE tenant_id = :tenant_id AND id = :event_id AND :subscriber = ANY (pending)
""")


async def tell_and_mark(db: AsyncSession, event: TransfersPosted) -> None:
    """Take as long as the test says, note each transfer and who handled it, and do what is really done."""
    await asyncio.sleep(float(await db.scalar(PACE) or 0))
    await db.execute(
        MARK, {"tenant": event.tenant_id, "worker": os.getpid(), "transfers": list(event.transfers)}
    )
    for subscriber in switchboard.EVENTS[TransfersPosted]:
        await subscriber(db, event)


class UnfencedDatabase(Database):
    """A pool whose sessions are never cut, however long their worker has been gone."""

    def __init__(self, url: str, **limits: Any) -> None:
        super().__init__(url, **{**limits, "idle_timeout_ms": 0})


def main() -> None:
    """Run until SIGTERM, like ``archipel worker``."""
    match sys.argv[1:]:
        case ["unclaimed"]:
            broker.CLAIM = UNCLAIMED
        case ["unfenced"]:
            mock.patch.object(worker, "Database", UnfencedDatabase).start()
        case _:
            pass
    worker.main(
        Settings.from_environment(needed=NEEDED_TO_WORK),
        events={**switchboard.EVENTS, TransfersPosted: (tell_and_mark,)},
    )


if __name__ == "__main__":
    main()
