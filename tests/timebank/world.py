"""A small cooperative for the ledger's tests, and raw connections of role ``app`` to strain it with.

Members come through the verbs; many of them at once are enrolled as the operator's import would, because a
thousand invitations would only measure the hashing of passwords. This file must never touch accounts,
transfers or holds: those move through the ledger alone.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import text

from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.factories import Founded, found_cooperative
from timebank.ledger.transfers import Once, Outcome

RULES = {
    "timebank.credit_limit_low": 600,
    "timebank.credit_limit_high": 6_000,
    "timebank.soft_limit": 120,
}

_ARRAYS = {
    "operation": "text",
    "id": "uuid",
    "group": "int",
    "actor": "uuid",
    "debit": "uuid",
    "credit": "uuid",
    "amount": "bigint",
    "about": "uuid",
    "reason": "text",
    "cause": "text",
    "expires_at": "timestamptz",
    "person": "uuid",
    "endpoint": "text",
    "key": "text",
    "request_hash": "bytea",
}
_PARAMETERS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_ARRAYS.values(), start=2))
_CALL = f"SELECT outcome, refusal, transfer_id, answer::text FROM {{}}($1, {_PARAMETERS})"


@dataclass(frozen=True)
class World:
    """A cooperative and its members' ids, which are their hours accounts too."""

    cooperative: Founded
    members: Sequence[UUID]
    persons: Sequence[UUID]

    @property
    def tenant(self) -> UUID:
        return self.cooperative.tenant_id


async def make_world(
    database: Database, db_as: OpenAs, members: int = 2, rules: dict[str, Any] | None = None
) -> World:
    """Found a cooperative with ``members`` active members besides its manager."""
    cooperative = await found_cooperative(database, rules=RULES | (rules or {}))
    async with db_as("postgres", tenant=cooperative.tenant_id) as db:
        rows = (
            await db.execute(
                text("""
                    WITH people AS (
                        INSERT INTO people (person_id, email)
                        SELECT uuidv7(), gen_random_uuid() || '@essai.example' FROM generate_series(1, :members)
                        RETURNING person_id, email
                    )
                    INSERT INTO memberships
                        (tenant_id, id, person_id, state, display_name, contact_email, joined_at)
                    SELECT :tenant, uuidv7(), person_id, 'active', 'Membre', email, now() FROM people
                    RETURNING id, person_id
                """),
                {"tenant": cooperative.tenant_id, "members": members},
            )
        ).all()
    return World(cooperative, [row.id for row in rows], [row.person_id for row in rows])


@asynccontextmanager
async def connections(settings: Settings, count: int) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """Real connections of role ``app``, ``count`` of them, closed at the end."""
    url = settings.database_url
    pool = await asyncpg.create_pool(url, min_size=count, max_size=count, command_timeout=60)
    try:
        yield pool
    finally:
        await pool.close()


async def raw_post(
    connection: Any, tenant: UUID, *orders: dict[str, Any], function: str = "post_transfers"
) -> list[Outcome]:
    """Call the SQL function as the hot endpoint does, outside of any session."""
    arrays = [[order.get(name) for order in orders] for name in _ARRAYS]
    rows = await connection.fetch(_CALL.format(function), tenant, *arrays)
    return [Outcome(row[0], row[1], row[2], row[3]) for row in rows]


def transfer(debit: UUID, credit: UUID, amount: int, **more: Any) -> dict[str, Any]:
    """A transfer by the owner of the giving account, for ``raw_post``."""
    return {
        "operation": "post",
        "actor": debit,
        "debit": debit,
        "credit": credit,
        "amount": amount,
        "reason": "essai",
    } | more


def keyed(person: UUID, key: str, body: bytes = b"body", endpoint: str = "post_transfer") -> dict[str, Any]:
    """The idempotency key of an order, for ``raw_post``."""
    return {"person": person, "endpoint": endpoint, "key": key, "request_hash": sha256(body).digest()}


def once(person: UUID, key: str | None = None, body: bytes = b"body") -> Once:
    """The same, for an order through the session."""
    return Once(
        person_id=person,
        endpoint="post_transfer",
        key=key or str(uuid4()),
        request_hash=sha256(body).digest(),
    )


async def at_once(coroutines: Sequence[Any]) -> list[Any]:
    """Run them together and return what each returned."""
    return list(await asyncio.gather(*coroutines))
