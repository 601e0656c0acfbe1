"""Idempotency: the same request sent twice has one effect, and the same answer both times.

A key is unique per (cooperative, signed-in person, endpoint) and is kept for 30 days with the hash
of the request, in the same transaction as its effect. A refusal is an answer and is kept like a
success; what could not be read (``Invalid``) and failures are not kept. The ledger's SQL writes the
same table under the same lock. A cache is never asked.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import (
    CheckConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.errors import Invalid, Refusal
from tenants.platform.words import N_

KEY_LENGTH_MAX = 255

# Refusals that say nothing about the request itself: it may well be granted when it comes again.
NOT_KEPT = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)


class IdempotencyKey(Base):
    """One request that was answered: who asked what under which key, and the answer."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint(f"char_length(key) BETWEEN 1 AND {KEY_LENGTH_MAX}", name="key_length"),
        CheckConstraint("octet_length(request_hash) = 32", name="request_hash_is_sha256"),
        CheckConstraint("status BETWEEN 200 AND 499", name="status_is_an_answer"),
        Index("ix_idempotency_keys_created_at", "created_at", postgresql_using="brin"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    answer: Mapped[Any] = mapped_column(JSONB, nullable=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKeyReused(Refusal):
    """The key was already used for another request."""

    status = 422
    code = "idempotency_key_reused"
    message = N_("Cette clé a déjà servi pour une autre demande. Reprenez avec une nouvelle clé.")

    def __init__(self, kept: Any = None) -> None:
        super().__init__("idempotency_key")
        # What the first request was answered, for a page that leads there; never part of the answer itself.
        self.kept = kept


@dataclass(frozen=True)
class Answer:
    """What the request is answered, the first time and each time after."""

    status: int
    content: Any
    replayed: bool
    refusal: Refusal | None = None


class _StoredRefusal(msgspec.Struct, frozen=True):
    """A refusal as the table keeps it: what was said, in the language in which it was said."""

    code: str
    detail: str
    field: str | None
    errors: dict[str, str]
    facts: dict[str, Any]


class _ReplayedRefusal(Refusal):
    """A refusal said again, word for word."""

    def __init__(self, stored: _StoredRefusal) -> None:
        super().__init__(stored.field, **stored.facts)
        self._stored = stored

    def detail(self) -> str:
        return self._stored.detail

    def field_errors(self) -> dict[str, str]:
        return self._stored.errors


_KEYS = cast("Table", IdempotencyKey.__table__)
_THE_KEY = {
    name: bindparam(name, type_=_KEYS.c[name].type) for name in ("tenant_id", "person_id", "endpoint", "key")
}
_LOCK = select(func.pg_advisory_xact_lock(func.idempotency_lock(*_THE_KEY.values())))
_FIND = select(_KEYS.c.request_hash, _KEYS.c.status, _KEYS.c.answer).where(
    *(_KEYS.c[name] == value for name, value in _THE_KEY.items())
)
_KEEP = insert(_KEYS)


def request_hash(body: bytes | msgspec.Struct) -> bytes:
    """The 32 bytes by which two requests are told apart: of the raw body, or of the decoded Struct."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body, order="sorted")
    return hashlib.sha256(content).digest()


async def once(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    person_id: UUID,
    endpoint: str,
    key: str,
    request_hash: bytes,
    work: Callable[[], Awaitable[tuple[int, Any]]],
    keep_refusals: bool = True,
) -> Answer:
    """Do ``work`` if this key was never seen; otherwise give the answer it had.

    ``work`` returns (status, answer as JSON-able data). If it raises a Refusal, what it wrote is
    undone, the refusal is kept, and this *returns* an Answer whose ``refusal`` the caller shows: the
    caller's transaction must commit all the same. Without ``keep_refusals`` a refusal is raised like any
    failure, and the key stays good for another try. Raises IdempotencyKeyReused (nothing written) and
    whatever else ``work`` raises (nothing kept). Holds an advisory lock on the key until the
    transaction ends; the caller holds no other lock yet.
    """
    who = {"tenant_id": tenant_id, "person_id": person_id, "endpoint": endpoint, "key": key}
    await db.execute(_LOCK, who)
    # Read in a statement of its own: its snapshot must be younger than the lock.
    known = (await db.execute(_FIND, who)).one_or_none()
    if known is not None:
        if known.request_hash != request_hash:
            raise IdempotencyKeyReused(known.answer)
        return _replay(known.status, known.answer)
    answer = await _answer(db, work)
    if answer.refusal and not keep_refusals:
        raise answer.refusal
    stored = _stored(answer.refusal) if answer.refusal else answer.content
    await db.execute(_KEEP, {**who, "request_hash": request_hash, "status": answer.status, "answer": stored})
    return answer


async def _answer(db: AsyncSession, work: Callable[[], Awaitable[tuple[int, Any]]]) -> Answer:
    """Run the work in a savepoint, so that a refusal undoes all of it and nothing else."""
    try:
        async with db.begin_nested():
            status, content = await work()
            await db.flush()
    except Refusal as refusal:
        if (
            isinstance(refusal, Invalid)
            or refusal.status in NOT_KEPT
            or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            raise
        return Answer(refusal.status, None, replayed=False, refusal=refusal)
    return Answer(status, msgspec.to_builtins(content), replayed=False)


def _stored(refusal: Refusal) -> Any:
    return msgspec.to_builtins(
        _StoredRefusal(
            code=refusal.code,
            detail=refusal.detail(),
            field=refusal.field,
            errors=dict(refusal.field_errors()),
            facts=dict(refusal.facts),
        )
    )


def _replay(status: int, answer: Any) -> Answer:
    if status < 400:
        return Answer(status, answer, replayed=True)
    stored = msgspec.convert(answer, _StoredRefusal)
    kind = type("ReplayedRefusal", (_ReplayedRefusal,), {"status": status, "code": stored.code})
    return Answer(status, None, replayed=True, refusal=cast("Refusal", kind(stored)))
