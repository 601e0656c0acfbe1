"""Options withdrawn while a vote runs: void on every ballot, with their column kept. This file must never bring one back."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circles import circle_members
from governance.opening import must_open_votes
from governance.votes import (
    Vote,
    VoteMethod,
    VoteOption,
    VoteOver,
    VoteShown,
    VoteState,
    options_of,
    vote,
)
from tenants import audit
from tenants.actors import Actor
from tenants.audit_words import declare_actions
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import N_

declare_notices(
    NoticeKind(
        "vote_option_withdrawn",
        N_(
            "Une option du vote en cours a été retirée. Les bulletins restent valables ; vous pouvez changer le vôtre."
        ),
        "/votes/{vote_id}",
    ),
)
declare_actions({"governance:vote:option_withdrawn": N_("Option retirée d'un vote")})


class OptionStays(Refusal):
    """The last options, the default one, and for and against, are not withdrawn."""

    code = "option_stays"
    message = N_("Cette option ne peut pas être retirée : il n'y aurait plus rien à choisir.")


async def withdraw_option(db: AsyncSession, *, actor: Actor, vote_id: UUID, number: int) -> VoteShown:
    """Withdraw an option from an open vote: it is void on every ballot and keeps its column; twice changes nothing.

    For whoever may open votes in the circle. Holds the vote's row. Raises NotFound, NotAllowed, VoteOver, OptionStays.
    """
    query = select(Vote).where(Vote.tenant_id == actor.tenant_id, Vote.id == vote_id)
    held = (await db.scalars(query.with_for_update())).one_or_none()
    if held is None:
        raise NotFound
    await must_open_votes(db, actor, held.circle_id)
    now = (await db.execute(select(func.clock_timestamp()))).scalar_one()
    if held.state is not VoteState.OPEN or now >= held.closes_at:
        raise VoteOver(closed_at=held.closes_at)
    options = await options_of(db, held)
    chosen = next((one for one in options if one.number == number), None)
    if chosen is None:
        raise NotFound
    if chosen.withdrawn_at is None:
        await _withdraw(db, actor, held, chosen, options)
    return await vote(db, tenant_id=actor.tenant_id, actor=actor, vote_id=vote_id)


async def _withdraw(
    db: AsyncSession, actor: Actor, held: Vote, chosen: VoteOption, options: Sequence[VoteOption]
) -> None:
    left = [one for one in options if one.withdrawn_at is None and one is not chosen]
    yes_or_no = held.method is VoteMethod.MAJORITY and any(one.is_default for one in options)
    if yes_or_no or chosen.is_default or len(left) < 2:
        raise OptionStays
    chosen.withdrawn_at = (await db.execute(select(func.now()))).scalar_one()
    chosen.withdrawn_by = actor.member
    await db.flush()
    await audit.record(
        db,
        actor=actor,
        action="governance:vote:option_withdrawn",
        subject_id=held.id,
        facts={"number": chosen.number},
    )
    await notify_members(
        db,
        tenant_id=held.tenant_id,
        membership_ids=await circle_members(db, held.tenant_id, held.circle_id),
        kind="vote_option_withdrawn",
        facts={"vote_id": held.id},
    )
