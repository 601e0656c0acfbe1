"""Coalescing: what arrives while a call to the ledger is in flight goes together in the next one.

One row lock held across a disk flush bounds a hot account to some hundred transfers a second; many transfers
in one call share one lock and one flush. There is no timer: a lone request leaves at once. A client that goes
away cancels nothing, for its transfer may already be on the way. This file must never decide what is posted,
and never try again what may have been posted and bears no key.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from tenants.platform.errors import Unavailable
from timebank.ledger.transfers import Outcome

LARGEST_BATCH: Final = 64
LONGEST_QUEUE: Final = 5_000
# After these nobody knows whether COMMIT was reached: the connection broke, or the server was being shut down.
MAY_HAVE_COMMITTED: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)

_CALL: Final = (
    "SELECT outcome, refusal, transfer_id, answer FROM post_bearer_transfers($1, $2, $3, $4, $5, $6, $7, $8)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerTransfer:
    """One transfer asked by a program: from the account of the token's member to ``to``, in minutes.

    ``key`` is the Idempotency-Key and ``request_hash`` the SHA-256 of the request's body.
    """

    token_hash: bytes
    to: UUID
    amount_minutes: int
    reason: str | None
    key: str | None
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class _Waiting:
    transfer: BearerTransfer
    answered: asyncio.Future[Outcome]


class Coalescer:
    """The transfers of one web process, each cooperative's in one queue and one call at a time.

    ``pool`` is a raw asyncpg pool of role ``app``; ``endpoint`` is the name under which idempotency keys are
    kept. Belongs to one event loop.
    """

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        *,
        endpoint: str,
        largest_batch: int = LARGEST_BATCH,
        longest_queue: int = LONGEST_QUEUE,
    ) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._largest_batch = largest_batch
        self._longest_queue = longest_queue
        self._queues: dict[UUID, deque[_Waiting]] = {}
        self._flights: dict[UUID, asyncio.Task[None]] = {}

    async def post(self, tenant: UUID, transfer: BearerTransfer) -> Outcome:
        """Put one transfer to the ledger and wait for what became of it.

        Raises Unavailable when too many wait (nothing was done), and the database's own errors.
        """
        queue = self._queues.setdefault(tenant, deque())
        if len(queue) >= self._longest_queue:
            raise Unavailable
        waiting = _Waiting(transfer, asyncio.get_running_loop().create_future())
        # A client that has gone away leaves an exception that nobody reads; it is not a programmer's error.
        waiting.answered.add_done_callback(_seen)
        queue.append(waiting)
        if tenant not in self._flights:
            self._flights[tenant] = asyncio.create_task(self._fly(tenant))
        return await asyncio.shield(waiting.answered)

    async def close(self) -> None:
        """Wait until everything that was accepted is answered."""
        while self._flights:
            await asyncio.wait(self._flights.values())

    async def _fly(self, tenant: UUID) -> None:
        queue = self._queues[tenant]
        try:
            while queue:
                batch = [queue.popleft() for _ in range(min(len(queue), self._largest_batch))]
                await self._answer(tenant, batch)
        finally:
            # No await stands between the last look at the queue and this: nobody can slip in unseen.
            del self._flights[tenant], self._queues[tenant]
            for left_behind in queue:
                left_behind.answered.set_exception(Unavailable())

    async def _answer(self, tenant: UUID, batch: Sequence[_Waiting]) -> None:
        """Post a batch; if the call raises, each of its transfers alone, so that one cannot fail the others."""
        try:
            outcomes = await self._call(tenant, [waiting.transfer for waiting in batch])
        except Exception as error:  # noqa: BLE001 (whatever it is, every request of the batch is answered)
            undone = isinstance(error, asyncpg.PostgresError) and not isinstance(error, MAY_HAVE_COMMITTED)
            for waiting in batch:
                if len(batch) > 1 and (undone or waiting.transfer.key is not None):
                    await self._answer(tenant, [waiting])
                else:
                    waiting.answered.set_exception(error)
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.answered.set_result(outcome)

    async def _call(self, tenant: UUID, transfers: Sequence[BearerTransfer]) -> list[Outcome]:
        rows = await self._pool.fetch(
            _CALL,
            tenant,
            [transfer.token_hash for transfer in transfers],
            [transfer.to for transfer in transfers],
            [transfer.amount_minutes for transfer in transfers],
            [transfer.reason for transfer in transfers],
            self._endpoint,
            [transfer.key for transfer in transfers],
            [transfer.request_hash for transfer in transfers],
        )
        return [
            Outcome(outcome, refusal, transfer_id, msgspec.json.decode(answer))
            for outcome, refusal, transfer_id, answer in rows
        ]


def _seen(answered: "asyncio.Future[Outcome]") -> None:
    if not answered.cancelled():
        answered.exception()


async def open_hot_pool(url: str, *, size: int = 8) -> "asyncpg.Pool[asyncpg.Record]":
    """The small pool of role ``app`` that the hot endpoints share: no session state, hence no reset."""

    async def nothing_to_reset(connection: Any) -> None:
        """What a call sets, it sets for its own transaction."""

    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        reset=nothing_to_reset,
        command_timeout=30,
        server_settings={
            "application_name": "archipel-hot",
            "statement_timeout": "30000",
            "lock_timeout": "10000",
            "timezone": "UTC",
        },
    )
