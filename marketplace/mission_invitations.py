"""Invitations to bid: the author of a mission asks a few members who fit it, who are told and decide for themselves.

A member may switch this off on their profile. This file must never make a bid for anybody.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.events import MemberInvitedToBid
from marketplace.mission_states import MissionState, must_be_in
from marketplace.missions import lock_mission
from tenants.actors import Actor
from tenants.memberships import Membership, MembershipState
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.outbox import emit
from tenants.platform.words import N_

INVITATIONS_AT_MOST: Final = 5


class MissionInvitation(Base):
    """One member asked to bid on one mission."""

    __tablename__ = "mission_invitations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
        ForeignKeyConstraint(["tenant_id", "invited_id"], ["memberships.tenant_id", "memberships.id"]),
        Index("ix_mission_invitations_invited", "tenant_id", "invited_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    mission_id: Mapped[UUID] = mapped_column(primary_key=True)
    invited_id: Mapped[UUID] = mapped_column(primary_key=True)
    invited_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InvitedEnough(Refusal):
    """Five members are asked at most for one mission."""

    code = "invited_enough"
    message = N_("Cinq personnes au plus sont invitées pour une mission.")


class NotInvitable(Refusal):
    """The member does not wish to be asked."""

    code = "not_invitable"
    message = N_("Cette personne ne souhaite pas être invitée à des missions.")


async def invite_to_bid(db: AsyncSession, *, actor: Actor, mission_id: UUID, member_id: UUID) -> None:
    """Ask a member to bid on one's open mission; asking again changes nothing. Holds the mission's lock.

    Raises NotFound, NotAllowed, WrongState, NotInvitable, InvitedEnough.
    """
    mission = await lock_mission(db, actor=actor, mission_id=mission_id)
    actor.must_be(mission.author_id)
    must_be_in(mission.state, MissionState.OPEN)
    asked = await db.scalar(
        select(Membership).where(
            Membership.tenant_id == actor.tenant_id,
            Membership.id == member_id,
            Membership.id != actor.member,
            Membership.state == MembershipState.ACTIVE,
        )
    )
    if asked is None:
        raise NotFound
    already = await invited_to(db, tenant_id=actor.tenant_id, mission_id=mission_id)
    if member_id in already:
        return
    if not asked.open_to_invitations:
        raise NotInvitable
    if len(already) >= INVITATIONS_AT_MOST:
        raise InvitedEnough
    db.add(MissionInvitation(tenant_id=actor.tenant_id, mission_id=mission_id, invited_id=member_id))
    await db.flush()
    await emit(db, MemberInvitedToBid(tenant_id=actor.tenant_id, mission_id=mission_id, invited_id=member_id))


async def invited_to(db: AsyncSession, *, tenant_id: Any, mission_id: UUID) -> set[UUID]:
    """Who was asked to bid on a mission."""
    link = MissionInvitation
    found = await db.scalars(
        select(link.invited_id).where(link.tenant_id == tenant_id, link.mission_id == mission_id)
    )
    return set(found)
