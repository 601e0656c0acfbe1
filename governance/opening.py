"""Opening a vote: the question, its options, the roll and the rules, all frozen together.

Who facilitates the circle opens its votes; as long as nobody does, a manager may. This file must never change a vote
that is open, but for an option that is withdrawn from it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_mandates import CircleMandate, CircleRole, in_force
from governance.circles import Circle, circle_members, circles, find_circle, sits_in
from governance.rolls import freeze_roll
from governance.vote_policies import Threshold, check_closing, freeze_policy, reminder_at
from governance.votes import (
    MOST_OPTIONS,
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
from tenants.actors import Actor, Role
from tenants.audit_words import declare_actions
from tenants.memberships import Membership
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.errors import NotAllowed, NotFound, Refusal
from tenants.platform.words import N_, _
from tenants.rulebook import rules_in_force

FOR: Final = N_("Pour")
AGAINST: Final = N_("Contre")
DEFAULT_OPTION: Final = N_("Aucune de ces options : continuons d'en parler")

declare_notices(
    NoticeKind(
        "vote_opened",
        N_("Un vote est ouvert dans l'un de vos cercles, jusqu'au {closes_at}."),
        "/votes/{vote_id}",
        waits=True,
    ),
    NoticeKind(
        "vote_option_withdrawn",
        N_(
            "Une option du vote en cours a été retirée. Les bulletins restent valables ; vous pouvez changer le vôtre."
        ),
        "/votes/{vote_id}",
    ),
)
declare_actions(
    {
        "governance:vote:opened": N_("Vote ouvert"),
        "governance:vote:option_withdrawn": N_("Option retirée d'un vote"),
    }
)


class QuestionMissing(Refusal):
    """A vote without words."""

    status = 422
    code = "question_missing"
    message = N_("Écrivez la question.")
    default_field = "question"


class TooFewOptions(Refusal):
    """A choice is between two options at least."""

    status = 422
    code = "too_few_options"
    message = N_("Il faut au moins deux options différentes entre lesquelles choisir.")
    default_field = "options"


class TooManyOptions(Refusal):
    """More than a ballot can hold."""

    status = 422
    code = "too_many_options"
    message = N_("Un bulletin a {most} options au plus.")
    default_field = "options"


class OptionTwice(Refusal):
    """Two options have the same words."""

    status = 422
    code = "option_twice"
    message = N_("Deux options portent le même nom : « {label} ».")
    default_field = "options"


class NobodyToVote(Refusal):
    """The circle has no member."""

    code = "nobody_to_vote"
    message = N_("Ce cercle n'a pas de membre : personne ne pourrait voter.")


class OptionStays(Refusal):
    """The last options, the default one, and for and against, are not withdrawn."""

    code = "option_stays"
    message = N_("Cette option ne peut pas être retirée : il n'y aurait plus rien à choisir.")


async def open_vote(
    db: AsyncSession,
    *,
    actor: Actor,
    circle_id: UUID,
    method: VoteMethod,
    question: str,
    explanation: str,
    options: Sequence[str],
    threshold: Threshold,
    closes_at: datetime,
) -> VoteShown:
    """Open a vote at once, until ``closes_at``. A majority without ``options`` is for or against the question.

    Raises NotFound (no such circle), CircleClosed, NotAllowed, QuestionMissing, TooFewOptions, TooManyOptions, OptionTwice, ClosesTooSoon,
    ClosesTooLate, NobodyToVote, WithoutCollege, BlockNeedsMajority, NoRuleInForce.
    """
    await must_open_votes(db, actor, circle_id)
    if not question.strip():
        raise QuestionMissing
    labels = _checked_options(method, options)
    rulebook = await rules_in_force(db, tenant_id=actor.tenant_id)
    now = (await db.execute(select(func.now()))).scalar_one()
    check_closing(rulebook, now=now, closes_at=closes_at)
    members = await circle_members(db, actor.tenant_id, circle_id)
    if not members:
        raise NobodyToVote
    policy, places = await freeze_policy(
        db,
        tenant_id=actor.tenant_id,
        rulebook=rulebook,
        yes_or_no=method is VoteMethod.MAJORITY and not labels,
        threshold=threshold,
        members=members,
    )
    opened = Vote(
        tenant_id=actor.tenant_id,
        circle_id=circle_id,
        method=method,
        question=question.strip(),
        explanation=explanation.strip(),
        policy=msgspec.to_builtins(policy),
        opened_by=actor.member,
        opened_at=now,
        closes_at=closes_at,
        remind_at=reminder_at(rulebook, now=now, closes_at=closes_at),
        electors_count=len(members),
    )
    db.add(opened)
    await db.flush()
    await db.refresh(opened)
    _add_options(db, opened, labels)
    await db.flush()
    await freeze_roll(db, vote=opened, members=members, colleges=places)
    await audit.record(
        db,
        actor=actor,
        action="governance:vote:opened",
        subject_id=opened.id,
        facts={"circle_id": str(circle_id), "method": method.value, "electors": len(members)},
    )
    await notify_members(
        db,
        tenant_id=actor.tenant_id,
        membership_ids=members,
        kind="vote_opened",
        facts={"vote_id": opened.id, "closes_at": closes_at},
    )
    return await vote(db, tenant_id=actor.tenant_id, actor=actor, vote_id=opened.id)


def _add_options(db: AsyncSession, opened: Vote, labels: Sequence[str]) -> None:
    """Put the options on the ballot; the last one is the default, where the method has one."""
    written = list(labels) or [_(FOR), _(AGAINST)]
    if opened.method is VoteMethod.SCHULZE:
        written.append(_(DEFAULT_OPTION))
    has_default = opened.method is VoteMethod.SCHULZE or not labels
    for number, label in enumerate(written, start=1):
        db.add(
            VoteOption(
                tenant_id=opened.tenant_id,
                vote_id=opened.id,
                number=number,
                label=label,
                is_default=has_default and number == len(written),
            )
        )


async def circles_to_open_votes_in(db: AsyncSession, actor: Actor) -> Sequence[Circle]:
    """The open circles that the actor facilitates or, for a manager, that nobody does."""
    query = (
        select(CircleMandate.circle_id, CircleMandate.membership_id)
        .join(
            Membership,
            and_(
                Membership.tenant_id == CircleMandate.tenant_id, Membership.id == CircleMandate.membership_id
            ),
        )
        .where(
            CircleMandate.tenant_id == actor.tenant_id,
            CircleMandate.role == CircleRole.FACILITATOR,
            in_force(),
            sits_in(CircleMandate.circle_id),
        )
    )
    holders: dict[UUID, set[UUID]] = {}
    for circle_id, membership_id in await db.execute(query):
        holders.setdefault(circle_id, set()).add(membership_id)
    return [
        one
        for one in await circles(db, actor=actor)
        if (actor.member in holders[one.id] if one.id in holders else actor.holds(Role.MANAGER))
    ]


async def must_open_votes(db: AsyncSession, actor: Actor, circle_id: UUID) -> None:
    """Refuse unless the circle is open and the actor may open votes in it. Raises NotFound, CircleClosed, NotAllowed."""
    await find_circle(db, actor.tenant_id, circle_id, open_only=True)
    if circle_id not in {one.id for one in await circles_to_open_votes_in(db, actor)}:
        if not actor.withheld.isdisjoint({Role.MANAGER}):
            actor.must_hold(Role.MANAGER)
        raise NotAllowed


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


# --- Options ---------------------------------------------------------------------------------------------


def _checked_options(method: VoteMethod, options: Sequence[str]) -> Sequence[str]:
    labels = [" ".join(one.split()) for one in options if one.strip()]
    if len(labels) > MOST_OPTIONS:
        raise TooManyOptions(most=MOST_OPTIONS)
    seen = set()
    for label in labels:
        if label.casefold() in seen:
            raise OptionTwice(label=label)
        seen.add(label.casefold())
    # A majority without options is for or against; a ranking has one more, the default.
    fewest = {VoteMethod.MAJORITY: 0, VoteMethod.JUDGMENT: 2, VoteMethod.SCHULZE: 1}[method]
    if len(labels) < fewest or (method is VoteMethod.MAJORITY and len(labels) == 1):
        raise TooFewOptions
    return labels
