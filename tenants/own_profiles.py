"""One's own profile: what a member says of themselves here and, field by field, who may read it.

This file must never change anybody's profile but the actor's, nor an e-mail address: that one is confirmed first.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor
from tenants.memberships import Membership, NoSuchTerritory, lock_member
from tenants.platform.errors import Refusal
from tenants.platform.territories import TERRITORIES
from tenants.platform.words import N_
from tenants.profiles import NEVER_PUBLIC, Audience, Availability


class NeverPublic(Refusal):
    """An address or a telephone number is not shown to everybody."""

    status = 422
    code = "never_public"
    message = N_("Un courriel ou un téléphone ne se montre pas à tout le monde : choisissez les membres.")


class DatesReversed(Refusal):
    """Somebody would be free until before they begin to be."""

    status = 422
    code = "dates_reversed"
    message = N_("La fin est avant le début.")
    default_field = "available_until"


async def change_profile(
    db: AsyncSession,
    *,
    actor: Actor,
    display_name: str,
    contact_phone: str | None = None,
    territory: str | None = None,
    presentation: str = "",
    availability: Availability | None = None,
    languages: Collection[str] = (),
    open_to_invitations: bool = True,
    audiences: Mapping[str, Audience] = MappingProxyType({}),
) -> Membership:
    """Change what one says of oneself here and, field by field (``FIELD_AUDIENCES``), who may read it.

    A field without an audience keeps the one it has. Raises NoSuchTerritory, NeverPublic, DatesReversed.
    """
    if territory and territory not in TERRITORIES:
        raise NoSuchTerritory
    for field, audience in audiences.items():
        if audience is Audience.PUBLIC and field in NEVER_PUBLIC:
            raise NeverPublic(f"{field}_audience")
    free = availability or Availability()
    if free.available_from and free.available_until and free.available_until < free.available_from:
        raise DatesReversed
    own = await lock_member(db, actor.tenant_id, actor.member)
    own.display_name = display_name
    own.contact_phone = contact_phone or None
    own.territory = territory or None
    own.presentation = presentation
    own.open_to_invitations = open_to_invitations
    own.languages = sorted(set(languages))
    for field in free.__struct_fields__:
        setattr(own, field, getattr(free, field))
    for field, audience in audiences.items():
        setattr(own, f"{field}_audience", audience)
    await db.flush()
    return own
