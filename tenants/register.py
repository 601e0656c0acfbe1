"""The register: every decision of a cooperative, public, in one chain that anyone can check.

A line carries the SHA-256 of itself and of the line before it, so nothing can be changed, removed or slipped
in unseen. This file must never let personal data in: a line names a person only by a salted commitment, whose
salt is kept apart and deleted with the person. Appending is always the last thing a verb does: it holds the
head of the chain until the transaction ends.

The format (``archipel-register-1``). The hash of a line is the SHA-256, in lower-case hexadecimal, of the UTF-8
bytes of the canonical JSON (RFC 8785) of the line without its ``hash``: an object with exactly the keys ``at``,
``cooperative``, ``facts``, ``format``, ``kind``, ``previous`` and ``seq``, in alphabetical order, without spaces; ``at`` is UTC with six decimals and never goes back; ``seq`` counts
from 1 without gaps; ``previous`` is the hash of the line before, 64 zeros for the first. Facts are objects, lists,
strings, booleans, null and integers of at most 53 bits, keys of facts are ASCII. A commitment is the HMAC-SHA256
(hexadecimal) of the UTF-8 bytes, in Unicode form NFC, of what is committed to, under a salt of 32 random bytes.
"""

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    LargeBinary,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.facts import missing, revived
from tenants.platform.database import Base
from tenants.platform.words import N_, _

FORMAT: Final = "archipel-register-1"
GENESIS: Final = "0" * 64
HASH_BYTES: Final = 32
LARGEST_INTEGER: Final = 2**53 - 1


class RegisterLine(Base):
    """One decision. ``facts`` hold what the format allows and nothing about an identifiable person."""

    __tablename__ = "register_lines"
    __table_args__ = (
        UniqueConstraint("tenant_id", "previous_hash"),
        # To the head, never to the cooperative: a key check would wait for whoever holds that row while
        # waiting for the head.
        ForeignKeyConstraint(["tenant_id"], ["register_heads.tenant_id"]),
        CheckConstraint("seq >= 1", name="seq_from_one"),
        CheckConstraint("octet_length(hash) = 32 AND octet_length(previous_hash) = 32", name="hash_length"),
        CheckConstraint("jsonb_typeof(facts) = 'object'", name="facts_object"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]]
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class RegisterHead(Base):
    """The newest line of a cooperative's chain, locked by whoever appends: that is what forbids forks."""

    __tablename__ = "register_heads"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        CheckConstraint("(seq IS NULL) = (hash IS NULL)", name="whole"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Null only inside the very first append.
    seq: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)


class RegisterSalt(Base):
    """What opens a commitment: deleted with the person, after which nobody can tell who it meant."""

    __tablename__ = "register_salts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    commitment: Mapped[str] = mapped_column(primary_key=True)
    membership_id: Mapped[UUID | None] = mapped_column(index=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)


# Every kind of line, and how a page says it. A floor adds its own with ``declare_kinds``.
KINDS: Final[dict[str, str]] = {
    "founding_act": N_("Acte de fondation. Règles fixées : {count}."),
    "rules_completed": N_("Nouvelles règles, à leur valeur de départ : {count}."),
    "assembly_signed": N_("Assemblée du {held_on}. Règles changées : {count}."),
    "mandate_given": N_("Un mandat a été donné."),
    "mandate_ended": N_("Un mandat a pris fin."),
    "member_admitted": N_("Un membre a été admis. Membres à ce jour : {members}."),
    "member_left": N_("Un membre est parti. Membres à ce jour : {members}."),
}


def declare_kinds(kinds: Mapping[str, str]) -> None:
    """Add kinds of lines, each with its French sentence (marked by ``N_``)."""
    for kind, sentence in kinds.items():
        assert KINDS.get(kind, sentence) == sentence, f"two sentences for the register kind {kind}"
        KINDS[kind] = sentence


def sentence_of(line: RegisterLine) -> str:
    """What a line says, in the reader's language."""
    sentence = KINDS.get(line.kind)
    if sentence is None or missing(line.facts, sentence):
        return _("Décision inscrite au registre.")
    return _(sentence, **revived(line.facts))


_APPEND = text("SELECT * FROM append_to_register(:tenant_id, :kind, CAST(:facts AS jsonb))")


async def append(db: AsyncSession, *, tenant_id: UUID, kind: str, facts: Mapping[str, Any]) -> RegisterLine:
    """Add one line at the end of the cooperative's chain, and hold its head until the transaction ends.

    Always the last thing a verb does, after every other lock (the ledger's too). ``facts`` must be what
    the format allows, and must not let anyone recognise a person: use ``commit_to``.
    """
    assert kind in KINDS, f"declare the register kind {kind} with declare_kinds"
    written = canonical(facts)
    await db.flush()
    row = (await db.execute(_APPEND, {"tenant_id": tenant_id, "kind": kind, "facts": written})).one()
    return RegisterLine(**row._asdict())


async def register_lines(
    db: AsyncSession, *, tenant_id: UUID, before: int | None = None, limit: int | None = 50
) -> Sequence[RegisterLine]:
    """List lines, newest first; ``before`` is the last ``seq`` already read, ``limit`` None is all of them."""
    query = select(RegisterLine).where(RegisterLine.tenant_id == tenant_id)
    if before is not None:
        query = query.where(RegisterLine.seq < before)
    return (await db.scalars(query.order_by(RegisterLine.seq.desc()).limit(limit))).all()


# --- Commitments -------------------------------------------------------------------------------------


def commitment(value: str, salt: bytes) -> str:
    """What a line may say instead of ``value``: it can be checked with the salt, and guessed by nobody."""
    return hmac.new(salt, unicodedata.normalize("NFC", value).encode(), hashlib.sha256).hexdigest()


async def commit_to(
    db: AsyncSession, *, tenant_id: UUID, value: str, membership_id: UUID | None = None
) -> str:
    """Commit to ``value`` (a name, minutes) under a fresh salt, kept until ``forget`` is called."""
    salt = secrets.token_bytes(HASH_BYTES)
    committed = commitment(value, salt)
    await db.flush()
    row = {"tenant_id": tenant_id, "commitment": committed, "membership_id": membership_id, "salt": salt}
    await db.execute(insert(cast("Table", RegisterSalt.__table__)), row)
    return committed


async def forget(db: AsyncSession, *, tenant_id: UUID, membership_id: UUID) -> int:
    """Delete every salt that could tie a line to this member, and return how many. The chain stays whole."""
    gone = await db.execute(
        delete(RegisterSalt)
        .where(RegisterSalt.tenant_id == tenant_id, RegisterSalt.membership_id == membership_id)
        .returning(RegisterSalt.commitment)
    )
    return len(gone.all())


# --- Checking, without a database --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verified:
    """The chain holds: this many lines, ending in this hash (the thing to compare with a friend's copy)."""

    lines: int
    head: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain does not hold, first at the line in this position (from 1), because of ``reason``."""

    position: int
    reason: str


def verify_register(lines: Iterable[Mapping[str, Any]]) -> Verified | Broken:
    """Check a whole chain, oldest line first, as published. Needs no database and trusts nothing.

    Reasons: ``malformed``, ``hash``, ``seq``, ``previous``, ``cooperative``, ``time``.
    """
    previous, at, cooperative, position = GENESIS, "", None, 0
    for position, line in enumerate(lines, start=1):
        try:
            found = line_hash(line)
        except (TypeError, ValueError):
            return Broken(position, "malformed")
        if set(line) != {"at", "cooperative", "facts", "format", "hash", "kind", "previous", "seq"}:
            return Broken(position, "malformed")
        if line["format"] != FORMAT or line["hash"] != found:
            return Broken(position, "hash")
        if line["seq"] != position:
            return Broken(position, "seq")
        if line["previous"] != previous:
            return Broken(position, "previous")
        if cooperative not in (None, line["cooperative"]):
            return Broken(position, "cooperative")
        if line["at"] < at:
            return Broken(position, "time")
        previous, at, cooperative = found, line["at"], line["cooperative"]
    return Verified(position, previous)


def published(line: RegisterLine) -> dict[str, Any]:
    """The line as strangers get it: what ``verify_register`` reads and what the hash covers."""
    return {
        "format": FORMAT,
        "cooperative": str(line.tenant_id),
        "seq": line.seq,
        "at": line.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "kind": line.kind,
        "facts": line.facts,
        "previous": line.previous_hash.hex(),
        "hash": line.hash.hex(),
    }


def line_hash(line: Mapping[str, Any]) -> str:
    """The hash of a published line. Raises TypeError or ValueError on what the format does not allow."""
    covered = {name: value for name, value in line.items() if name != "hash"}
    return hashlib.sha256(canonical(covered).encode()).hexdigest()


def canonical(value: object) -> str:
    """The canonical JSON (RFC 8785) of what a line may hold.

    Raises TypeError on a float or any other kind of value, ValueError on an integer beyond 53 bits, a key
    that is not ASCII or a string that is no Unicode text.
    """
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _check(value: object) -> None:
    inner: Iterable[object] = ()
    match value:
        case None | bool():
            pass
        case str():
            value.encode()
            if "\0" in value:
                raise ValueError("PostgreSQL cannot hold the character U+0000")
        case int():
            if abs(value) > LARGEST_INTEGER:
                raise ValueError(f"{value} does not fit in 53 bits")
        case dict():
            if not all(isinstance(key, str) and key.isascii() for key in value):
                raise ValueError("a key is not ASCII text")
            inner = value.values()
        case list():
            inner = value
        case _:
            raise TypeError(f"a register line cannot hold a {type(value).__name__}")
    for part in inner:
        _check(part)
