"""API tokens: a program's key to one membership, with a name, scopes and an end.

The secret is shown once and kept as its SHA-256. A token acts as its member inside one cooperative, never on
the person's own records (password, sign-ins, e-mail). This file must never show a secret a second time.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_
from tenants.sign_ins import token_hash

PREFIX: Final = "archipel_"
SHOWN_LENGTH: Final = len(PREFIX) + 4
DAYS_MAX: Final = 366
TOKENS_MAX: Final = 50
NAME_LENGTH: Final = 80

SCOPES: Final = {
    "profile:read": N_("Lire mon profil et l'annuaire"),
    "profile:write": N_("Modifier mon profil"),
    "missions:read": N_("Lire les missions"),
    "missions:write": N_("Publier et mener des missions"),
    "hours:read": N_("Lire mes heures"),
    "hours:write": N_("Donner et transférer des heures"),
    "governance:read": N_("Lire les règles, les mandats et le registre"),
    "governance:write": N_("Agir par mes mandats"),
}


class ApiToken(Base):
    """One token of one member."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        UniqueConstraint("tenant_id", "token_hash"),
        # A token is also looked up before the cooperative is known.
        Index("ix_api_tokens_token_hash", "token_hash"),
        Index("ix_api_tokens_tenant_id_membership_id", "tenant_id", "membership_id"),
        CheckConstraint("octet_length(token_hash) = 32", name="token_hash_is_sha256"),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {NAME_LENGTH}", name="name_length"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY[{}]::text[]".format(
                ", ".join(f"'{one}'" for one in SCOPES)
            ),
            name="scopes",
        ),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[MembershipId]
    name: Mapped[str]
    prefix: Mapped[str]
    token_hash: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class UnknownScope(Refusal):
    """No such scope."""

    status = 422
    code = "unknown_scope"
    message = N_("Choisissez au moins une portée parmi celles qui sont proposées.")
    default_field = "scopes"


class LifeUnfit(Refusal):
    """A token lives between a day and a year."""

    status = 422
    code = "token_life_unfit"
    message = N_("Un jeton vaut d'un jour à un an.")
    default_field = "days"


class TooManyTokens(Refusal):
    """The member has as many tokens as can be overseen."""

    code = "too_many_tokens"
    message = N_("Vous avez déjà {most} jetons : révoquez d'abord ceux qui ne servent plus.")


async def create_api_token(
    db: AsyncSession, *, actor: Actor, name: str, scopes: Collection[str], days: int
) -> tuple[ApiToken, str]:
    """Make a token of one's own and return its secret, which is never shown again.

    Only a person in a browser makes tokens: a token cannot make another (NotAllowed). Raises UnknownScope,
    LifeUnfit, TooManyTokens.
    """
    membership_id = actor.member
    if actor.scopes is not None:
        raise NotAllowed
    if not scopes or not set(scopes) <= set(SCOPES):
        raise UnknownScope
    if not 1 <= days <= DAYS_MAX:
        raise LifeUnfit
    if len(await api_tokens(db, actor=actor)) >= TOKENS_MAX:
        raise TooManyTokens(most=TOKENS_MAX)
    secret = PREFIX + secrets.token_urlsafe(32)
    now = (await db.execute(select(func.now()))).scalar_one()
    token = ApiToken(
        tenant_id=actor.tenant_id,
        membership_id=membership_id,
        name=name,
        prefix=secret[:SHOWN_LENGTH],
        token_hash=token_hash(secret),
        scopes=[scope for scope in SCOPES if scope in scopes],
        expires_at=now + timedelta(days=days),
    )
    db.add(token)
    await db.flush()
    facts = {"scopes": token.scopes, "days": days}
    await audit.record(db, actor=actor, action="tenants:token:created", subject_id=token.id, facts=facts)
    return token, secret


async def api_tokens(db: AsyncSession, *, actor: Actor) -> Sequence[ApiToken]:
    """List one's own tokens that are still good, newest first."""
    query = select(ApiToken).where(
        ApiToken.tenant_id == actor.tenant_id,
        ApiToken.membership_id == actor.member,
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > func.now(),
    )
    return (await db.scalars(query.order_by(ApiToken.id.desc()).limit(TOKENS_MAX))).all()


async def revoke_api_token(db: AsyncSession, *, actor: Actor, token_id: UUID) -> None:
    """Stop one of one's own tokens at once. Raises NotFound."""
    statement = (
        update(ApiToken)
        .where(
            ApiToken.tenant_id == actor.tenant_id,
            ApiToken.membership_id == actor.member,
            ApiToken.id == token_id,
            ApiToken.revoked_at.is_(None),
        )
        .values(revoked_at=func.now())
    )
    if (await db.execute(statement.returning(ApiToken.id))).one_or_none() is None:
        raise NotFound
    await audit.record(db, actor=actor, action="tenants:token:revoked", subject_id=token_id)
