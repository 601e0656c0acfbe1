"""`archipel tenant create` and `archipel tenant appoint`: what the operator does for a cooperative.

It works as role `app`, under isolation, like the web. This file must never change a cooperative that somebody
manages.
"""

import msgspec
from sqlalchemy import text

from marketplace import rulebooks  # noqa: F401  # The founding act needs every floor's rules.
from tenants.appointing import appoint_manager
from tenants.cooperatives import LegalProfile
from tenants.founding import found_cooperative
from tenants.invitations import GOOD_FOR, stamp_invitation
from tenants.platform.accents import Accent
from tenants.platform.database import Database, work_for
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings


class Founding(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator typed, option by option."""

    name: str
    slug: str
    legal_profile: str
    territory: str
    locale: str
    time_zone: str
    accent: str
    founder_email: str
    founder_name: str


async def create(settings: Settings, founding: Founding) -> str:
    """Found the cooperative; return what to tell its founder. Raises what ``found_cooperative`` raises."""
    database = Database(settings.database_url, pool_size=1)
    try:
        async with database.begin() as db:
            cooperative, invitation = await found_cooperative(
                db,
                name=founding.name,
                slug=founding.slug,
                legal_profile=LegalProfile(founding.legal_profile),
                territory=founding.territory,
                locale=founding.locale,
                time_zone=founding.time_zone,
                accent=Accent(founding.accent),
                founder_email=founding.founder_email,
                founder_name=founding.founder_name,
                by_mail=False,
            )
            token = await stamp_invitation(db, tenant_id=cooperative.tenant_id, invitation_id=invitation.id)
    finally:
        await database.close()
    return (
        f"{cooperative.name} is founded at {settings.base_url}/{cooperative.slug}\n"
        f"Give {founding.founder_name} this link, good for {GOOD_FOR.days} days: "
        f"{settings.base_url}/join/{token}"
    )


async def appoint(settings: Settings, *, slug: str, email: str) -> str:
    """Appoint a manager where there is none; return what to tell them. Raises ``CannotRun``, StillManaged."""
    database = Database(settings.database_url, pool_size=1)
    try:
        async with database.begin() as db:
            row = await db.execute(
                text("SELECT tenant_id, name FROM arrive(:slug, NULL, NULL)"), {"slug": slug}
            )
            tenant_id, name = row.one()
            if tenant_id is None:
                raise CannotRun(f"No cooperative has the slug {slug}.")
            await work_for(db, tenant=tenant_id, person=None)
            appointed = await appoint_manager(db, tenant_id=tenant_id, email=email)
    finally:
        await database.close()
    if appointed.token is None:
        return f"{appointed.name} manages {name} for a year, and is told so."
    return (
        f"Nobody signs in at {name} as {email}: they are invited, and manage it for a year.\n"
        f"Give them this link, good for {GOOD_FOR.days} days: {settings.base_url}/join/{appointed.token}"
    )
