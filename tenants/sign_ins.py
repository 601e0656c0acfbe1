"""Sign-ins: each browser in which a person is signed in, listed to them and revocable one by one.

The browser keeps 32 random bytes, we keep their SHA-256. A new sign-in always has a new token. This
file must never store a full network address, nor let one person see another's sign-ins.
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base, work_for
from tenants.platform.errors import NotFound
from tenants.platform.ids import PersonId

LISTED_MAX: Final = 100


class SignInMethod(StrEnum):
    """How the person proved who they are."""

    PASSWORD = "password"  # noqa: S105 (a word, not a secret)
    MAIL_LINK = "mail_link"
    INVITATION = "invitation"


class SignIn(Base):
    """One browser of one person. ``address`` is shortened to its network, ``browser`` to two words."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_sign_ins_person_id", "person_id"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint("method IN ('password', 'mail_link', 'invitation')", name="method"),
        CheckConstraint("char_length(browser) <= 80 AND char_length(address) <= 60", name="shortened"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    person_id: Mapped[PersonId] = mapped_column(ForeignKey("people.person_id", ondelete="CASCADE"))
    token_hash: Mapped[bytes]
    method: Mapped[SignInMethod]
    browser: Mapped[str] = mapped_column(server_default="")
    address: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '30 days'"))
    revoked_at: Mapped[datetime | None]


# --- Verbs -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A sign-in just opened: ``token`` is for the browser's cookie and is kept nowhere else.

    ``half``: a second factor is still asked for, and the token opens nothing but the page that asks.
    """

    person_id: PersonId
    sign_in_id: UUID
    token: str
    half: bool = False


def new_token() -> tuple[str, bytes]:
    """Make a secret of 32 random bytes, and the SHA-256 by which we know it again."""
    token = secrets.token_urlsafe(32)
    return token, token_hash(token)


def token_hash(token: str) -> bytes:
    """The 32 bytes under which a secret is stored."""
    return hashlib.sha256(token.encode()).digest()


async def open_sign_in(
    db: AsyncSession, *, person_id: PersonId, method: SignInMethod, user_agent: str = "", address: str = ""
) -> Opened:
    """Sign a person in whom the caller has just recognised; the transaction works for that person from here on."""
    await work_for(db, tenant=db.info.get("tenant"), person=person_id)
    token, hashed = new_token()
    statement = insert(SignIn).values(
        person_id=person_id,
        token_hash=hashed,
        method=method,
        browser=browser_of(user_agent),
        address=network_of(address),
    )
    sign_in_id = (await db.execute(statement.returning(SignIn.id))).scalar_one()
    return Opened(person_id, sign_in_id, token)


async def my_sign_ins(db: AsyncSession, *, person_id: PersonId) -> Sequence[SignIn]:
    """List where the person is signed in, the most recently used first."""
    query = select(SignIn).where(
        SignIn.person_id == person_id, SignIn.revoked_at.is_(None), SignIn.expires_at > func.now()
    )
    return (
        await db.scalars(query.order_by(SignIn.last_used_at.desc(), SignIn.id.desc()).limit(LISTED_MAX))
    ).all()


async def revoke_sign_in(db: AsyncSession, *, person_id: PersonId, sign_in_id: UUID) -> None:
    """Sign one browser of this person out: their own choice, or theirs to take back. Raises NotFound."""
    statement = (
        update(SignIn)
        .where(SignIn.person_id == person_id, SignIn.id == sign_in_id, SignIn.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    if (await db.execute(statement.returning(SignIn.id))).one_or_none() is None:
        raise NotFound


async def revoke_other_sign_ins(db: AsyncSession, *, person_id: PersonId, keep: UUID | None) -> int:
    """Sign every other browser out, and return how many there were."""
    statement = update(SignIn).where(SignIn.person_id == person_id, SignIn.revoked_at.is_(None))
    if keep is not None:
        statement = statement.where(SignIn.id != keep)
    gone = await db.execute(statement.values(revoked_at=func.now()).returning(SignIn.id))
    return len(gone.all())


async def touch_sign_in(db: AsyncSession, *, sign_in_id: UUID) -> None:
    """Note that a sign-in is in use, at most once an hour: it is good for 30 days from then.

    Called apart from the request that used it, in a transaction of its own for that person.
    """
    await db.execute(text("SELECT touch_sign_in(:sign_in_id)"), {"sign_in_id": sign_in_id})


# --- Shortening --------------------------------------------------------------------------------------

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_of(user_agent: str) -> str:
    """Shorten what a browser says of itself to two words at most: enough to recognise one's own."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " · ".join(part for part in (browser, system) if part)


def network_of(address: str) -> str:
    """Shorten an address to its network (/24 or /48); what is not an address is not kept."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    length = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, length), strict=False))
