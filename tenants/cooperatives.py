"""Cooperatives: each is a tenant, and every row of a cooperative carries its id.

Holds what a manager may change of it; how it is founded is in ``tenants.founding``. The slug is in every
address, so it is chosen once and unique over the whole platform. This file must never read another
cooperative's rows, nor let one be deleted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import CheckConstraint, Index, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit
from tenants.actors import Actor, Role
from tenants.memberships import NoSuchTerritory
from tenants.platform.accents import Accent
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.territories import TERRITORIES
from tenants.platform.words import LOCALES, N_

SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$"
SLUG: Final = re.compile(SLUG_PATTERN)
RESERVED_SLUGS: Final = frozenset(
    "api static health metrics observatory stripe pay sign-in sign-out me join mail".split()  # noqa: SIM905
)
NAME_LENGTH: Final = 120
PRESENTATION_LENGTH: Final = 10_000

TIME_ZONES: Final = (
    "Europe/Paris",
    "America/Cayenne",
    "America/Guadeloupe",
    "America/Martinique",
    "Indian/Mayotte",
    "Indian/Reunion",
)


class LegalProfile(StrEnum):
    """The form in law, which bounds some rules."""

    ASSOCIATION = "association"
    SCOP = "scop"
    SCIC = "scic"
    CAE = "cae"
    OTHER = "other"


LEGAL_PROFILE_TITLES: Final = {
    LegalProfile.ASSOCIATION: N_("Association loi 1901"),
    LegalProfile.SCOP: N_("SCOP (société coopérative et participative)"),
    LegalProfile.SCIC: N_("SCIC (société coopérative d'intérêt collectif)"),
    LegalProfile.CAE: N_("CAE (coopérative d'activité et d'emploi)"),
    LegalProfile.OTHER: N_("Autre forme"),
}


class Cooperative(Base):
    """One cooperative. ``territory`` is the code of a French département."""

    __tablename__ = "cooperatives"
    __table_args__ = (
        # The only unique index of a cooperative's table that does not begin with tenant_id: a slug is
        # an address of the whole platform.
        Index("uq_cooperatives_slug", "slug", unique=True),
        CheckConstraint(f"slug ~ '{SLUG_PATTERN}'", name="slug_pattern"),
        CheckConstraint(
            "slug NOT IN ({})".format(", ".join(f"'{slug}'" for slug in sorted(RESERVED_SLUGS))),
            name="slug_free",
        ),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {NAME_LENGTH}", name="name_length"),
        CheckConstraint(
            "legal_profile IN ({})".format(", ".join(f"'{profile}'" for profile in LegalProfile)),
            name="legal_profile",
        ),
        CheckConstraint("territory ~ '^([0-9]{2,3}|2A|2B)$'", name="territory"),
        CheckConstraint("locale IN ('fr', 'en')", name="locale"),
        CheckConstraint(
            "accent IN ({})".format(", ".join(f"'{accent}'" for accent in Accent)), name="accent"
        ),
        CheckConstraint(f"char_length(presentation) <= {PRESENTATION_LENGTH}", name="presentation_length"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    slug: Mapped[str]
    name: Mapped[str]
    legal_profile: Mapped[LegalProfile]
    territory: Mapped[str]
    locale: Mapped[str] = mapped_column(server_default="fr")
    time_zone: Mapped[str] = mapped_column(server_default="Europe/Paris")
    accent: Mapped[Accent] = mapped_column(server_default="ocean")
    presentation: Mapped[str] = mapped_column(server_default="")
    founded_at: Mapped[date] = mapped_column(server_default=text("CURRENT_DATE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class NoSuchTimeZone(Refusal):
    """Not a time zone of the territories we know."""

    status = 422
    code = "no_such_time_zone"
    message = N_("Ce fuseau horaire n'est pas proposé.")
    default_field = "time_zone"


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """What a cooperative shows to any passer-by."""

    slug: str
    name: str
    territory: str
    accent: str


async def cooperatives_to_visit(db: AsyncSession, *, limit: int = 200) -> Sequence[FrontDoor]:
    """List the cooperatives of this installation by name, at most 50,000; needs nobody to be signed in."""
    query = text("SELECT * FROM cooperatives_to_visit() LIMIT :most")
    return [FrontDoor(*row) for row in await db.execute(query, {"most": limit})]


async def cooperative_of(db: AsyncSession, *, tenant_id: CooperativeId) -> Cooperative:
    """The cooperative of this transaction. Raises NotFound for any other."""
    query = select(Cooperative).where(Cooperative.tenant_id == tenant_id)
    found = (await db.scalars(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound
    return found


async def change_settings(
    db: AsyncSession,
    *,
    actor: Actor,
    name: str,
    legal_profile: LegalProfile,
    territory: str,
    locale: str,
    time_zone: str,
    accent: Accent,
    presentation: str = "",
) -> Cooperative:
    """Change what the cooperative says of itself; its slug stays. A manager's doing.

    Raises NoSuchTerritory, NoSuchTimeZone.
    """
    actor.must_hold(Role.MANAGER)
    check_place(territory, time_zone)
    assert locale in LOCALES, "the form offers the languages we speak"
    query = select(Cooperative).where(Cooperative.tenant_id == actor.tenant_id)
    found = (await db.scalars(query.with_for_update(key_share=True))).one()
    wanted = {
        "name": name,
        "legal_profile": legal_profile,
        "territory": territory,
        "locale": locale,
        "time_zone": time_zone,
        "accent": accent,
        "presentation": presentation,
    }
    changed = [field for field, value in wanted.items() if getattr(found, field) != value]
    for field in changed:
        setattr(found, field, wanted[field])
    if changed:
        await audit.record(
            db,
            actor=actor,
            action="tenants:cooperative:settings_changed",
            subject_id=found.tenant_id,
            facts={"fields": changed},
        )
    return found


def check_place(territory: str, time_zone: str) -> None:
    """Refuse a département or a time zone that we do not know."""
    if territory not in TERRITORIES:
        raise NoSuchTerritory
    if time_zone not in TIME_ZONES:
        raise NoSuchTimeZone
