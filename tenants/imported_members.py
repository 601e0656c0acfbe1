"""Imported members, by a list or with their cooperative, whom nobody has claimed yet; one act invites them all.

Each is invited at their own mailbox and becomes a member by accepting there, like anybody. The mails leave over as
many days as it takes at ``MOST_A_DAY``. This file must never make anybody a member.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor, Role
from tenants.events import ImportsDue, MemberInvited
from tenants.invitations import MOST_A_DAY
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import emit

_TO_INVITE: Final = """
    FROM memberships m
    WHERE m.tenant_id = :tenant_id AND m.state IN ('invited', 'active') AND m.person_id IS NULL AND m.contact_email <> ''
      AND (m.awaits_claim OR m.state = 'invited' AND EXISTS (
          SELECT FROM imported_members i WHERE i.tenant_id = m.tenant_id AND i.membership_id = m.id
      ))
      AND NOT EXISTS (
          SELECT FROM invitations v
          WHERE v.tenant_id = m.tenant_id AND v.membership_id = m.id AND v.consumed_at IS NULL
      )
"""
_COUNT: Final = text(f"SELECT count(*) {_TO_INVITE}")
# Each day takes so many; those of an earlier act that have still to leave come first.
_INVITE: Final = text(f"""
    WITH waiting AS (
        SELECT count(*) AS already FROM invitations
        WHERE tenant_id = :tenant_id AND leaves_on >= current_date
    ), line AS (
        SELECT m.id, current_date + ((already + row_number() OVER (ORDER BY m.sort_name, m.id) - 1) / :most)::int AS day
        FROM waiting, LATERAL (SELECT m.id, m.sort_name {_TO_INVITE}) m
    )
    INSERT INTO invitations (tenant_id, membership_id, invited_by, message, leaves_on, expires_at)
    SELECT :tenant_id, id, :by, :message, day, now() + (day - current_date + 14) * interval '1 day' FROM line
    RETURNING id, leaves_on <= current_date AS today
""")  # noqa: S608 (our own text)
_DUE: Final = text("""
    SELECT id FROM invitations
    WHERE tenant_id = :tenant_id AND leaves_on = current_date AND sent_at IS NULL AND consumed_at IS NULL
    ORDER BY id
""")


async def imported_to_invite(db: AsyncSession, *, actor: Actor) -> int:
    """How many imported members have an address and no invitation yet; a manager's question."""
    actor.must_hold(Role.MANAGER)
    return int((await db.execute(_COUNT, {"tenant_id": actor.tenant_id})).scalar_one())


async def invite_imported_members(db: AsyncSession, *, actor: Actor, message: str = "") -> int:
    """Invite every imported member who has an address and no invitation yet; return how many.

    A manager's act. 200 mails leave a day, the first ones now. Asked again, it invites those who came since.
    """
    actor.must_hold(Role.MANAGER)
    facts = {"tenant_id": actor.tenant_id, "by": actor.membership_id, "message": message, "most": MOST_A_DAY}
    # One act at a time, or two would share out the same days.
    key = f"invitations {actor.tenant_id}"
    await db.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
    rows = (await db.execute(_INVITE, facts)).all()
    for row in rows:
        if row.today:
            await emit(db, MemberInvited(tenant_id=actor.tenant_id, invitation_id=row.id))
    if rows:
        action = "tenants:invitation:sent_to_imported"
        await audit.record(db, actor=actor, action=action, facts={"count": len(rows)})
    return len(rows)


async def mail_todays_invitations(db: AsyncSession, event: ImportsDue) -> None:
    """Send the invitations whose day it is."""
    tenant_id = CooperativeId(event.tenant_id)
    for invitation_id in (await db.scalars(_DUE, {"tenant_id": tenant_id})).all():
        await emit(db, MemberInvited(tenant_id=tenant_id, invitation_id=invitation_id))
