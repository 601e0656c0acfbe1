"""Leaving: what stands in the way is finished first, the hours account is settled, and the membership ends.

A member leaves by themselves, or a manager ends their membership; the same guards stand before both. This file must
never decide what becomes of hours (``timebank.closings``), nor touch an agreement.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from marketplace.agreements import Agreement, AgreementState
from marketplace.bids import Bid, BidState
from marketplace.mission_states import MissionState
from marketplace.missions import Mission
from marketplace.teams import AgreementPart
from tenants.actors import Actor, Role
from tenants.delegating import end_delegations_of
from tenants.management import is_managed, lock_managers, must_leave_a_manager
from tenants.memberships import (
    Membership,
    MembershipState,
    StateUnfit,
    leave_cooperative,
    lock_member,
    member,
)
from tenants.platform.errors import NotAllowed, Refusal
from tenants.platform.words import N_
from timebank.closings import Closing, Treatment, close_account, how_it_closes, lock_for_closing
from timebank.write_offs import WriteOffState, live_write_off

LISTED: Final = 100


class SomethingInTheWay(Refusal):
    """Agreements run, or hours are held: they end first."""

    code = "something_in_the_way"
    message = N_(
        "Accords à terminer avant le départ : {count}. Livrez-les, confirmez-les, ou convenez d'arrêter. Un accord "
        "ne passe pas à quelqu'un d'autre : qui prend la suite en conclut un nouveau."
    )


class HoursHeld(Refusal):
    """Hours are held for something that the list does not show."""

    code = "hours_held"
    message = N_(
        "{held_minutes} sont encore réservées pour un travail convenu : il faut d'abord le terminer."
    )


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must end before one leaves: an agreement that runs. ``path`` follows the cooperative."""

    title: str
    state: str
    other: str
    path: str


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """What leaving would meet and bring about. ``balance_minutes`` below zero is owed.

    ``suspended``: they may not act meanwhile. ``treatment`` is what the rule does with the balance, ``open_missions`` and ``live_bids`` are what would be
    withdrawn, ``write_off`` the state of a request to the treasurers.
    """

    obstacles: list[Obstacle]
    suspended: bool
    last_manager: bool
    open_missions: int
    live_bids: int
    balance_minutes: int
    held_minutes: int
    treatment: Treatment
    may_ask_write_off: bool
    write_off: WriteOffState | None

    @property
    def is_free(self) -> bool:
        """Whether nothing stands in the way but perhaps the balance."""
        return not self.obstacles and not self.last_manager and not self.held_minutes


async def leaving(db: AsyncSession, *, actor: Actor, membership_id: UUID | None = None) -> Leaving:
    """Say what leaving would meet: for oneself, or for a manager about another member. Raises NotFound."""
    whose = membership_id or actor.member
    if whose != actor.membership_id:
        actor.must_hold(Role.MANAGER)
    suspended = (await member(db, actor=actor, membership_id=whose)).state is MembershipState.SUSPENDED
    obstacles = await in_the_way(db, tenant_id=actor.tenant_id, membership_id=whose)
    closing = await how_it_closes(db, tenant_id=actor.tenant_id, membership_id=whose, suspended=suspended)
    missions, bids = await _goes_along(db, actor.tenant_id, whose)
    asked = await live_write_off(db, tenant_id=actor.tenant_id, membership_id=whose)
    return Leaving(
        obstacles=list(obstacles),
        suspended=suspended,
        last_manager=not await is_managed(db, actor.tenant_id, without_member=whose),
        open_missions=missions,
        live_bids=bids,
        balance_minutes=closing.balance,
        held_minutes=closing.held,
        treatment=closing.treatment,
        may_ask_write_off=closing.may_ask,
        write_off=asked.state if asked else None,
    )


async def leave(db: AsyncSession, *, actor: Actor, heir_id: UUID | None = None) -> None:
    """Leave the cooperative, with one's account settled. ``heir_id``: who gets the hours, where one may choose.

    A person's own act, also while they are suspended: a token cannot do it for them. Raises LastManager, SomethingInTheWay, HoursHeld,
    StateUnfit, and what ``close_account`` refuses. Holds the management, the member, the accounts, then the register's head.
    """
    if actor.scopes is not None:
        raise NotAllowed
    await _part(db, actor, actor.member, heir_id)


async def end_membership(db: AsyncSession, *, actor: Actor, membership_id: UUID) -> Membership:
    """End another's membership, for somebody who cannot do it themselves; a manager's act.

    Hours go to the pot where the rule leaves a choice. Raises as ``leave``, and StateUnfit.
    """
    actor.must_hold(Role.MANAGER)
    if actor.scopes is not None or membership_id == actor.member:
        raise NotAllowed
    return await _part(db, actor, membership_id, None)


async def _part(db: AsyncSession, actor: Actor, membership_id: UUID, heir_id: UUID | None) -> Membership:
    await lock_managers(db, actor.tenant_id)
    found = await lock_member(db, actor.tenant_id, membership_id)
    if found.state not in (MembershipState.ACTIVE, MembershipState.SUSPENDED):
        raise StateUnfit
    suspended = found.state is MembershipState.SUSPENDED
    if suspended:
        # Opens the account, which is settled and closed again below.
        found.state = MembershipState.ACTIVE
        await db.flush()
    await must_leave_a_manager(db, actor.tenant_id, without_member=membership_id)
    closing = await lock_for_closing(
        db, tenant_id=actor.tenant_id, membership_id=membership_id, heir_id=heir_id, suspended=suspended
    )
    # Under the account's lock nothing more can be agreed: what is agreed now is all there is.
    await _must_be_free(db, actor.tenant_id, membership_id, closing)
    await close_account(db, actor=actor, membership_id=membership_id, closing=closing, heir_id=heir_id)
    await end_delegations_of(db, actor=actor, membership_id=membership_id)
    await leave_cooperative(db, actor=actor, membership_id=membership_id)
    return found


async def _must_be_free(db: AsyncSession, tenant_id: UUID, membership_id: UUID, closing: Closing) -> None:
    obstacles = await in_the_way(db, tenant_id=tenant_id, membership_id=membership_id)
    if obstacles:
        raise SomethingInTheWay(count=len(obstacles))
    if closing.held:
        raise HoursHeld(held_minutes=closing.held)


async def in_the_way(db: AsyncSession, *, tenant_id: UUID, membership_id: UUID) -> Sequence[Obstacle]:
    """The agreements of this member, or of a team they are in, that still run, the oldest first."""
    other = aliased(Membership)
    in_team = exists().where(
        AgreementPart.tenant_id == Agreement.tenant_id,
        AgreementPart.agreement_id == Agreement.id,
        AgreementPart.member_id == membership_id,
        AgreementPart.shares > 0,
    )
    facing = case((Agreement.payer_id == membership_id, Agreement.provider_id), else_=Agreement.payer_id)
    rows = await db.execute(
        select(Mission.id, Mission.title, Mission.state, other.display_name)
        .join(Agreement, and_(Agreement.tenant_id == Mission.tenant_id, Agreement.mission_id == Mission.id))
        .join(other, and_(other.tenant_id == Agreement.tenant_id, other.id == facing))
        .where(
            Agreement.tenant_id == tenant_id,
            Agreement.state == AgreementState.ACTIVE,
            or_(Agreement.payer_id == membership_id, Agreement.provider_id == membership_id, in_team),
        )
        .order_by(Agreement.agreed_at, Agreement.id)
        .limit(LISTED)
    )
    return [
        Obstacle(title=title, state=state.value, other=name, path=f"/missions/{mission_id}")
        for mission_id, title, state, name in rows
    ]


async def _goes_along(db: AsyncSession, tenant_id: UUID, membership_id: UUID) -> tuple[int, int]:
    """How many open missions and live bids would be withdrawn with them."""
    missions = select(func.count()).where(
        Mission.tenant_id == tenant_id,
        Mission.author_id == membership_id,
        Mission.state.in_((MissionState.DRAFT, MissionState.OPEN, MissionState.EXPIRED)),
    )
    bids = select(func.count()).where(
        Bid.tenant_id == tenant_id, Bid.bidder_id == membership_id, Bid.state == BidState.LIVE
    )
    row = (await db.execute(select(missions.scalar_subquery(), bids.scalar_subquery()))).one()
    return row[0], row[1]
