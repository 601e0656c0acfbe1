"""A load of transfers over HTTP, whose clients never forget a key before they know what became of it."""

import asyncio
import itertools
from types import TracebackType
from typing import Self
from uuid import UUID

import httpx

from tests.crashes.stage import Cooperative

# Modest: a machine that is busy with other things must still keep up with what it sets off.
CLIENTS = 4
PAUSE_SECONDS = 0.04
TRY_AGAIN_SECONDS = 0.05
LONGEST_OUTAGE_SECONDS = 40.0


class Load:
    """While the block runs, four clients transfer one minute after the other.

    A client that gets no answer, or one that says nothing about the transfer (5xx), sends the same request
    with the same key until it is answered. On leaving, every request that was begun has an answer.
    """

    def __init__(self, base_url: str, cooperative: Cooperative, pause_seconds: float = PAUSE_SECONDS) -> None:
        self.cooperative = cooperative
        self.acknowledged: dict[str, UUID] = {}
        self.tried_again = 0
        self._base_url = base_url
        self._numbers = itertools.count()
        self._pause_seconds = pause_seconds
        self._stop = False
        self._clients: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin, and wait until the first transfers are acknowledged."""
        self._clients = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]
        await self.reach(20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: nobody begins another transfer."""
        self._stop = True
        await asyncio.gather(*self._clients)

    async def reach(self, more: int) -> None:
        """Wait until so many more transfers are acknowledged."""
        goal = len(self.acknowledged) + more
        async with asyncio.timeout(LONGEST_OUTAGE_SECONDS):
            while len(self.acknowledged) < goal:
                for client in self._clients:
                    if client.done():
                        client.result()
                await asyncio.sleep(0.02)

    async def transfer(self, count: int) -> None:
        """So many transfers one after the other, without the block."""
        async with self._http() as http:
            for _ in range(count):
                await self._transfer(http)

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._base_url, timeout=5)

    async def _client(self) -> None:
        async with self._http() as http:
            while not self._stop:
                await self._transfer(http)
                await asyncio.sleep(self._pause_seconds)

    async def _transfer(self, http: httpx.AsyncClient) -> None:
        number = next(self._numbers)
        members = self.cooperative.members
        giver, taker = members[number % len(members)], members[(number + 1) % len(members)]
        key = f"key-{number}"
        body = {"to": str(taker.id), "amount_minutes": 1, "reason": f"Coup de main {number}"}
        self.acknowledged[key] = await self._answer(http, giver.token, key, body)

    async def _answer(self, http: httpx.AsyncClient, token: str, key: str, body: dict[str, object]) -> UUID:
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        path = f"/api/v1/{self.cooperative.slug}/transfers"
        async with asyncio.timeout(LONGEST_OUTAGE_SECONDS):
            while True:
                try:
                    answer = await http.post(path, json=body, headers=headers)
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    assert answer.status_code == httpx.codes.CREATED, answer.text
                    return UUID(answer.json()["id"])
                self.tried_again += 1
                await asyncio.sleep(TRY_AGAIN_SECONDS)
