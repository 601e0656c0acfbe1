"""Half sign-ins: somebody has shown the first factor, and the second is still asked for.

Whoever comes by password, mailed link or invitation enters here: without a second factor they are signed in at once, with
one they get ten minutes to show a code. A half sign-in opens no page but the one that asks. This file must never
treat it as a sign-in.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base, work_for
from tenants.platform.errors import Refusal
from tenants.platform.ids import PersonId
from tenants.platform.sealing import Seal
from tenants.platform.throttle import Throttle
from tenants.platform.words import N_
from tenants.second_factors import check_code, is_enrolled
from tenants.sign_ins import Opened, SignInMethod, new_token, open_sign_in, token_hash

GOOD_FOR_SECONDS: Final = 600


class HalfSignIn(Base):
    """One browser that has shown a first factor; only the SHA-256 of its token is kept."""

    __tablename__ = "half_sign_ins"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_half_sign_ins_person_id", "person_id"),
        Index("ix_half_sign_ins_expires_at", "expires_at"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint("method IN ('password', 'mail_link', 'invitation')", name="method"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    person_id: Mapped[PersonId] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    token_hash: Mapped[bytes]
    method: Mapped[SignInMethod]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '10 minutes'"))
    consumed_at: Mapped[datetime | None]


class HalfSignInExpired(Refusal):
    """The ten minutes are over, or the code was shown already."""

    status = 401
    code = "half_sign_in_expired"
    message = N_("Les dix minutes sont passées : connectez-vous de nouveau, puis donnez le code.")


async def enter(
    db: AsyncSession, *, person_id: PersonId, method: SignInMethod, user_agent: str = "", address: str = ""
) -> Opened:
    """Let in a person whom the caller has just recognised: at once, or half if they have a second factor.

    The transaction works for that person from here on.
    """
    await work_for(db, tenant=db.info.get("tenant"), person=person_id)
    if not await is_enrolled(db, person_id=person_id):
        return await open_sign_in(
            db, person_id=person_id, method=method, user_agent=user_agent, address=address
        )
    token, hashed = new_token()
    statement = insert(HalfSignIn).values(person_id=person_id, token_hash=hashed, method=method)
    half_id = (await db.execute(statement.returning(HalfSignIn.id))).scalar_one()
    return Opened(person_id, half_id, token, half=True)


async def is_half_signed_in(db: AsyncSession, *, token: str) -> bool:
    """Whether this browser may still show a code."""
    return await _find(db, token) is not None


async def complete_sign_in(
    db: AsyncSession,
    throttle: Throttle,
    *,
    seal: Seal,
    token: str,
    code: str,
    user_agent: str = "",
    address: str = "",
) -> Opened:
    """Show the second factor and be signed in, once. The transaction works for the person from here on.

    Raises HalfSignInExpired, WrongCode, TooManyAttempts.
    """
    row = await _find(db, token)
    if row is None:
        raise HalfSignInExpired
    half_id, person_id, method = row
    await work_for(db, tenant=db.info.get("tenant"), person=person_id)
    await check_code(db, throttle, seal=seal, person_id=person_id, code=code)
    statement = update(HalfSignIn).where(HalfSignIn.id == half_id, HalfSignIn.consumed_at.is_(None))
    consumed = await db.execute(statement.values(consumed_at=func.now()).returning(HalfSignIn.id))
    if consumed.one_or_none() is None:
        raise HalfSignInExpired
    return await open_sign_in(db, person_id=person_id, method=method, user_agent=user_agent, address=address)


async def _find(db: AsyncSession, token: str) -> tuple[UUID, PersonId, SignInMethod] | None:
    found = await db.execute(
        text("SELECT id, person_id, method FROM find_half_sign_in(:token_hash)"),
        {"token_hash": token_hash(token)},
    )
    row = found.one_or_none()
    return (row.id, PersonId(row.person_id), SignInMethod(row.method)) if row else None
