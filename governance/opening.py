"""Opening a vote: the question, its options, the roll and the rules, all frozen together.

Who facilitates the circle opens its votes; as long as nobody does, a manager may. This file must never change a vote
that is open, but for an option that is withdrawn from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
    VoteShown,
    vote,
)
from tenants import audit
from tenants.actors import Actor, Role
from tenants.audit_words import declare_actions
from tenants.memberships import Membership
from tenants.notices import NoticeKind, declare_notices, notify_members
from tenants.platform.errors import NotAllowed, Refusal
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
)
declare_actions(
    {
        "governance:vote:opened": N_("Vote ouvert"),
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What is put to the vote, checked. Without options a majority is for or against."""

    method: VoteMethod
    question: str
    explanation: str = ""
    options: Sequence[str] = ()

    @property
    def yes_or_no(self) -> bool:
        """Whether it is for or against the question."""
        return self.method is VoteMethod.MAJORITY and not self.options


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
    asked = Asked(method, question.strip(), explanation.strip(), _checked_options(method, options))
    opened = await begin_vote(
        db, actor, circle_id=circle_id, asked=asked, threshold=threshold, closes_at=closes_at
    )
    return await vote(db, tenant_id=actor.tenant_id, actor=actor, vote_id=opened.id)


async def begin_vote(
    db: AsyncSession,
    actor: Actor,
    *,
    circle_id: UUID,
    asked: Asked,
    threshold: Threshold,
    closes_at: datetime,
    proposal_id: UUID | None = None,
) -> Vote:
    """Freeze the rules and the roll, write the vote and tell its electors. The caller has authorised.

    Raises ClosesTooSoon, ClosesTooLate, NobodyToVote, WithoutCollege, BlockNeedsMajority, NoRuleInForce.
    """
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
        yes_or_no=asked.yes_or_no,
        threshold=threshold,
        members=members,
    )
    opened = Vote(
        tenant_id=actor.tenant_id,
        circle_id=circle_id,
        proposal_id=proposal_id,
        method=asked.method,
        question=asked.question,
        explanation=asked.explanation,
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
    _add_options(db, opened, asked.options)
    await db.flush()
    await freeze_roll(db, vote=opened, members=members, colleges=places)
    await audit.record(
        db,
        actor=actor,
        action="governance:vote:opened",
        subject_id=opened.id,
        facts={"circle_id": str(circle_id), "method": asked.method.value, "electors": len(members)},
    )
    await notify_members(
        db,
        tenant_id=actor.tenant_id,
        membership_ids=members,
        kind="vote_opened",
        facts={"vote_id": opened.id, "closes_at": closes_at},
    )
    return opened


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
