"""The desk: what the hot endpoint holds for the life of a process, instead of a session for each request.

A few connections of its own, the queue of what arrives while a call is in flight, the cooperatives it has met,
and the tokens whose use is still to be written down. This file must never read a request.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final
from uuid import UUID

import asyncpg

from tenants.cooperatives import SLUG_PATTERN
from tenants.platform.errors import NotFound
from timebank.ledger.coalescing import BearerTransfer, Coalescer, open_hot_pool
from timebank.ledger.refusals import UnknownToken
from timebank.ledger.transfers import Outcome

OPERATION: Final = "post_transfer"
"""The endpoint under which idempotency keys of transfers are kept, whichever road they took."""

SLUG: Final = re.compile(SLUG_PATTERN)
TOKENS_REMEMBERED_MAX: Final = 10_000
NOTE_EVERY_SECONDS: Final = 3_600.0
NOTE_AFTER_SECONDS: Final = 1.0

_FIND: Final = "SELECT tenant_id FROM arrive($1, NULL, NULL)"
_KNOWN: Final = "SELECT token_id IS NOT NULL FROM arrive($1, NULL, $2)"
_WORK_FOR: Final = "SELECT set_config('archipel.tenant', $1::uuid::text, true)"
_NOTE_USE: Final = """
UPDATE api_tokens SET last_used_at = now()
WHERE tenant_id = $1 AND token_hash = ANY ($2)
  AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour')
"""


class Desk:
    """What the endpoint holds for the life of the process: its own few connections, and what waits there."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._coalescer = Coalescer(pool, endpoint=OPERATION)
        self._cooperatives: dict[str, UUID] = {}
        self._noted: dict[bytes, float] = {}
        self._used: dict[UUID, set[bytes]] = {}
        self._noting: asyncio.Task[None] | None = None

    async def cooperative(self, slug: str) -> UUID:
        """The cooperative of an address. Raises NotFound.

        A slug never changes and a cooperative never goes, so those found are remembered; what is not found
        is not, or anybody could fill the memory.
        """
        found = self._cooperatives.get(slug)
        if found is None:
            found = await self._pool.fetchval(_FIND, slug) if SLUG.fullmatch(slug) else None
            if found is None:
                raise NotFound
            self._cooperatives[slug] = found
        return found

    async def check_token(self, slug: str, token: bytes) -> None:
        """Raise UnknownToken if the token opens nothing here."""
        if not await self._pool.fetchval(_KNOWN, slug, sha256(token).digest()):
            raise UnknownToken

    async def post(self, tenant: UUID, transfer: BearerTransfer) -> Outcome:
        """Put one transfer to the ledger, and note now and then that its token is in use."""
        outcome = await self._coalescer.post(tenant, transfer)
        if outcome.refusal is None:
            self._note_use(tenant, transfer.token_hash)
        return outcome

    def _note_use(self, tenant: UUID, token_hash: bytes) -> None:
        """Remember that a token was used, to be written a moment later: a request owes it no time."""
        now = asyncio.get_running_loop().time()
        if now < self._noted.get(token_hash, 0.0):
            return
        if len(self._noted) >= TOKENS_REMEMBERED_MAX:
            self._noted.clear()
        self._noted[token_hash] = now + NOTE_EVERY_SECONDS
        self._used.setdefault(tenant, set()).add(token_hash)
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._keep_noting())

    async def _keep_noting(self) -> None:
        while self._used:
            await asyncio.sleep(NOTE_AFTER_SECONDS)
            await self._write_uses()

    async def _write_uses(self) -> None:
        """Write what was used: one statement per cooperative, however many tokens."""
        used, self._used = self._used, {}
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            for tenant, hashes in used.items():
                async with self._pool.acquire() as connection, connection.transaction():
                    await connection.execute(_WORK_FOR, tenant)
                    await connection.execute(_NOTE_USE, tenant, list(hashes))

    async def close(self) -> None:
        """Answer what was accepted, then let the connections go."""
        await self._coalescer.close()
        if self._noting is not None:
            self._noting.cancel()
        await self._write_uses()
        await self._pool.close()


@asynccontextmanager
async def open_desk(database_url: str) -> AsyncIterator[Desk]:
    """Open the desk for the life of the process that serves."""
    desk = Desk(await open_hot_pool(database_url))
    try:
        yield desk
    finally:
        await desk.close()
