"""API tokens: a program's key to one membership, with a name, scopes and an end.

The secret is shown once and kept as its SHA-256. A token acts as its member inside one cooperative, never on
the person's own records (password, sign-ins, e-mail). This file must never show a secret a second time.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tenants.platform.database import Base
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.words import N_

SCOPES: Final = {
    "profile:read": N_("Lire mon profil et l'annuaire"),
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
        CheckConstraint("char_length(name) BETWEEN 1 AND 80", name="name_length"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY[{}]::text[]".format(", ".join(f"'{one}'" for one in SCOPES)),
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
