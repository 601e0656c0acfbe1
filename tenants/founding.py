"""Founding: how a cooperative comes to be, by the operator's hand.

One transaction writes the cooperative, its founding act (the first version of every rule), an invitation to its
founder and their mandate as manager. This file must never be reached from a web page.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor, Role
from tenants.cooperatives import RESERVED_SLUGS, SLUG, Cooperative, LegalProfile, check_place
from tenants.events import CooperativeFounded, MemberInvited
from tenants.invitations import Invitation, write_invitation
from tenants.mandates import write_mandate
from tenants.platform.accents import Accent
from tenants.platform.database import work_for
from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import emit
from tenants.platform.words import LOCALES, N_
from tenants.rulebook import write_founding_act

FOUNDER_TERM: Final = timedelta(days=2 * 365)


class SlugUnfit(Refusal):
    """The slug cannot be part of an address, or means something else there."""

    status = 422
    code = "slug_unfit"
    message = N_(
        "L'adresse « {slug} » n'est pas possible : de 2 à 40 lettres minuscules sans accent, "
        "chiffres et tirets, et pas un nom réservé."
    )
    default_field = "slug"


class SlugTaken(Refusal):
    """Another cooperative has this slug."""

    code = "slug_taken"
    message = N_("L'adresse « {slug} » est déjà prise.")
    default_field = "slug"


async def found_cooperative(
    db: AsyncSession,
    *,
    slug: str,
    name: str,
    legal_profile: LegalProfile,
    territory: str,
    founder_name: str,
    founder_email: str,
    locale: str = "fr",
    time_zone: str = "Europe/Paris",
    accent: Accent = Accent.OCEAN,
    presentation: str = "",
    founded_at: date | None = None,
    rules: Mapping[str, Any] | None = None,
    by_mail: bool = True,
) -> tuple[Cooperative, Invitation]:
    """Found a cooperative, and invite its founder, whose two years as manager begin at once.

    ``rules`` override the defaults of the founding act, by name. Without ``by_mail`` the operator hands over the
    founder's link, and no mail follows that would replace it. The transaction works for the new
    cooperative from here on; the register's head is the last lock. Raises SlugUnfit, SlugTaken,
    NoSuchTerritory, NoSuchTimeZone, RuleOutOfBounds, RuleAgainstTheLaw.
    """
    if not SLUG.fullmatch(slug) or slug in RESERVED_SLUGS:
        raise SlugUnfit(slug=slug)
    check_place(territory, time_zone)
    assert locale in LOCALES, "the command offers the languages we speak"
    row = (await db.execute(select(func.uuidv7().label("id"), func.now().label("now")))).one()
    tenant_id, now = CooperativeId(row.id), row.now
    await work_for(db, tenant=tenant_id, person=None)
    statement = (
        insert(Cooperative)
        .values(
            tenant_id=tenant_id,
            slug=slug,
            name=name,
            legal_profile=legal_profile,
            territory=territory,
            locale=locale,
            time_zone=time_zone,
            accent=accent,
            presentation=presentation,
            founded_at=founded_at or func.current_date(),
        )
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(Cooperative)
    )
    cooperative = (await db.scalars(statement)).one_or_none()
    if cooperative is None:
        raise SlugTaken(slug=slug)
    invitation = await _invite_founder(db, tenant_id, now, founder_name, founder_email)
    if by_mail:
        await emit(db, MemberInvited(tenant_id=tenant_id, invitation_id=invitation.id))
    await write_founding_act(db, tenant_id=tenant_id, values=rules)
    return cooperative, invitation


async def _invite_founder(
    db: AsyncSession, tenant_id: CooperativeId, now: datetime, founder_name: str, founder_email: str
) -> Invitation:
    """Invite the founder, with a mandate that counts from the moment they accept."""
    actor = Actor.system(tenant_id)
    invitation = await write_invitation(
        db, tenant_id=tenant_id, by=None, email=founder_email, display_name=founder_name
    )
    await write_mandate(
        db,
        actor=actor,
        membership_id=invitation.membership_id,
        role=Role.MANAGER,
        term=Range(now, now + FOUNDER_TERM),
    )
    await audit.record(db, actor=actor, action="tenants:cooperative:founded", subject_id=tenant_id)
    await emit(db, CooperativeFounded(tenant_id=tenant_id))
    return invitation
