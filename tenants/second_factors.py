"""Second factors: a code that the person's telephone computes from the time (TOTP, RFC 6238), or a recovery code.

A code is good once: the moment of the last one is kept, and none of that moment or before is taken again. Recovery codes
are kept as hashes and used up one by one. This file must never store a code, nor say which half of one was wrong.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import pyotp
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.ids import PersonId
from tenants.platform.sealing import Seal
from tenants.platform.throttle import Limit, Throttle
from tenants.platform.words import N_

STEP_SECONDS: Final = 30
# A telephone's clock may be off by as much.
STEPS_OFF: Final = 1
DIGITS: Final = 6
RECOVERY_CODES: Final = 10
# 80 bits: too many to try even for who holds the hashes.
RECOVERY_LENGTH: Final = 16
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"

CODES_BY_PERSON: Final = Limit("second_factor_by_person", attempts=6, seconds=900, guards_secret=True)


class SecondFactor(Base):
    """The factor of one person; ``secret`` is sealed. It is asked for once it was confirmed by a first code."""

    __tablename__ = "second_factors"
    __table_args__ = (
        CheckConstraint("octet_length(secret) BETWEEN 48 AND 200", name="secret_is_sealed"),
        CheckConstraint("last_counter >= 0", name="last_counter"),
    )

    person_id: Mapped[PersonId] = mapped_column(
        ForeignKey("people.person_id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[bytes]
    # The sign-in that began it, and alone may confirm it: the one that was asked for the password.
    sign_in_id: Mapped[UUID | None]
    # The moment (in steps of 30 seconds) of the last code that was taken.
    last_counter: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """One code for the day the telephone is lost; good once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (CheckConstraint("octet_length(code_hash) = 32", name="code_hash_is_sha256"),)

    person_id: Mapped[PersonId] = mapped_column(
        ForeignKey("people.person_id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]


class CodeNeeded(Refusal):
    """The person has a second factor, and gave no code."""

    status = 422
    code = "code_needed"
    message = N_("Écrivez le code à six chiffres de votre application, ou l'un de vos codes de secours.")
    default_field = "code"


class WrongCode(Refusal):
    """The code is not that of this moment, or was used before; which of these is not said."""

    status = 422
    code = "wrong_code"
    message = N_("Ce code n'est pas le bon, ou il a déjà servi. Attendez le suivant et réessayez.")
    default_field = "code"


@dataclass(frozen=True, slots=True)
class FactorState:
    """Where somebody's second factor stands. ``codes_left`` are recovery codes nobody has used."""

    since: datetime | None
    codes_left: int


async def factor_state(db: AsyncSession, *, person_id: PersonId) -> FactorState:
    """Whether a second factor is asked for, since when, and how many recovery codes are left."""
    left = (
        select(func.count())
        .where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
        .scalar_subquery()
    )
    since = select(SecondFactor.confirmed_at).where(SecondFactor.person_id == person_id).scalar_subquery()
    return FactorState(*(await db.execute(select(since, left))).one())


async def is_enrolled(db: AsyncSession, *, person_id: PersonId) -> bool:
    """Whether this person, for whom the transaction works, is asked for a code."""
    query = select(SecondFactor.person_id).where(
        SecondFactor.person_id == person_id, SecondFactor.confirmed_at.is_not(None)
    )
    return await db.scalar(query) is not None


async def must_show_code(
    db: AsyncSession, throttle: Throttle, *, seal: Seal | None, person_id: PersonId, code: str | None
) -> None:
    """Ask for a fresh code where the person has a second factor; nothing otherwise.

    Raises CodeNeeded, WrongCode, TooManyAttempts.
    """
    if not await is_enrolled(db, person_id=person_id):
        return
    if seal is None or not code or not code.strip():
        raise CodeNeeded
    await check_code(db, throttle, seal=seal, person_id=person_id, code=code)


async def check_code(
    db: AsyncSession, throttle: Throttle, *, seal: Seal, person_id: PersonId, code: str
) -> None:
    """Take a code of the application or a recovery code, once. Holds the factor's row until the transaction ends.

    Raises WrongCode; TooManyAttempts after 6 within a quarter of an hour.
    """
    await throttle.attempt(CODES_BY_PERSON, str(person_id))
    plain = re.sub(r"[\s\-]", "", code).lower()
    if len(plain) == DIGITS and plain.isascii() and plain.isdigit():
        taken = await _take_code(db, seal, person_id, plain)
    else:
        taken = await _take_recovery_code(db, person_id, plain)
    if not taken:
        raise WrongCode
    await throttle.forget(CODES_BY_PERSON, str(person_id))


async def _take_code(db: AsyncSession, seal: Seal, person_id: PersonId, code: str) -> bool:
    query = select(SecondFactor.secret).where(SecondFactor.person_id == person_id)
    sealed = await db.scalar(query)
    secret = open_secret(seal, person_id, sealed) if sealed else None
    if secret is None:
        return False
    step = text(f"floor(extract(epoch FROM clock_timestamp()) / {STEP_SECONDS})::bigint")
    now = int((await db.execute(select(step))).scalar_one())
    generator = pyotp.TOTP(secret)
    fitting = [
        counter
        for counter in range(now - STEPS_OFF, now + STEPS_OFF + 1)
        if hmac.compare_digest(generator.generate_otp(counter), code)
    ]
    # Of two that show the same code at once, the second finds its moment gone.
    for counter in fitting:
        statement = (
            update(SecondFactor)
            .where(SecondFactor.person_id == person_id, SecondFactor.last_counter < counter)
            .values(last_counter=counter)
        )
        if (await db.execute(statement.returning(SecondFactor.person_id))).one_or_none() is not None:
            return True
    return False


async def _take_recovery_code(db: AsyncSession, person_id: PersonId, code: str) -> bool:
    statement = (
        update(RecoveryCode)
        .where(
            RecoveryCode.person_id == person_id,
            RecoveryCode.code_hash == recovery_hash(person_id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=func.now())
    )
    return (await db.execute(statement.returning(RecoveryCode.person_id))).one_or_none() is not None


async def write_recovery_codes(db: AsyncSession, *, person_id: PersonId) -> list[str]:
    """Make ten new recovery codes, to be shown this once; those made before are worth nothing any more."""
    await db.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    rows = [{"person_id": person_id, "code_hash": recovery_hash(person_id, code)} for code in codes]
    await db.execute(insert(RecoveryCode), rows)
    return ["-".join(code[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4)) for code in codes]


def recovery_hash(person_id: UUID, code: str) -> bytes:
    """Under what a recovery code (without its hyphens) is stored."""
    return hashlib.sha256(person_id.bytes + code.encode()).digest()


def open_secret(seal: Seal, person_id: UUID, sealed: bytes) -> str | None:
    """The secret in base32 as applications take it; None if this installation can no longer read it."""
    secret = seal.open(sealed, owner=person_id.bytes)
    return secret.decode() if secret else None
