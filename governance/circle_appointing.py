"""Giving and ending mandates of circles: each a decision, audited, told to the holder, a line of the register.

Whoever keeps the circle gives them, but a facilitator's mandate comes from those who arrange circles: nobody
prolongs their own. This file must never give a mandate to somebody outside the circle.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_authority import must_arrange, must_keep
from governance.circle_ends import count_circle_holders, write_circle_ends
from governance.circle_mandates import CircleEndReason, CircleMandate, CircleRole
from governance.circles import find_circle, is_in_circle
from tenants import audit, register
from tenants.actors import Actor
from tenants.memberships import Membership, MembershipState, StateUnfit, lock_member
from tenants.notice_kinds import NoticeKind, Topic, declare_notices
from tenants.notices import notify
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import N_
from tenants.terms import term_between

declare_notices(
    NoticeKind(
        "circle_mandate_given",
        N_("Un mandat de cercle vous est confié jusqu'au {until_on}."),
        "/circles/{circle_id}",
        topic=Topic.DECISIONS,
        required=True,
    ),
)


class NotInCircle(Refusal):
    """A mandate of a circle is for its members."""

    code = "not_in_circle"
    message = N_("Cette personne n'est pas membre de ce cercle : faites-la d'abord entrer.")
    default_field = "membership_id"


class NoParentCircle(Refusal):
    """The circle of all has no circle above it to send a delegate to."""

    status = 422
    code = "no_parent_circle"
    message = N_("Le cercle de tous n'a pas de cercle au-dessus de lui : il n'y envoie personne.")
    default_field = "role"


class CircleMandateOverlaps(Refusal):
    """The member holds this role in this circle already at some time of the term."""

    code = "circle_mandate_overlaps"
    message = N_("Cette personne a déjà ce mandat dans ce cercle pendant une partie de cette période.")
    default_field = "role"


class CircleMandateOver(Refusal):
    """The mandate has ended."""

    code = "circle_mandate_over"
    message = N_("Ce mandat de cercle a déjà pris fin.")


async def give_circle_mandate(
    db: AsyncSession,
    *,
    actor: Actor,
    circle_id: UUID,
    membership_id: UUID,
    role: CircleRole,
    until: date,
    since: date | None = None,
    decision_id: UUID | None = None,
) -> CircleMandate:
    """Give a member of a circle a role in it until the end of the day ``until``, from now or the day ``since``.

    Days are those of the cooperative. Holds the member, then the register's head. Raises CirclesNotYours,
    NotInCircle, NoParentCircle, CircleMandateOverlaps, CircleClosed, TermUnfit, StateUnfit, NotFound.
    """
    if role is CircleRole.FACILITATOR:
        await must_arrange(db, actor)
    else:
        await must_keep(db, actor, circle_id)
    found = await find_circle(db, actor.tenant_id, circle_id, open_only=True)
    if role is CircleRole.DELEGATE and found.is_root:
        raise NoParentCircle
    holder = await lock_member(db, actor.tenant_id, membership_id)
    if holder.state != MembershipState.ACTIVE:
        raise StateUnfit("membership_id")
    if not await is_in_circle(db, actor.tenant_id, circle_id, membership_id):
        raise NotInCircle
    term = await term_between(db, actor.tenant_id, since, until)
    overlapping = select(CircleMandate.id).where(
        CircleMandate.tenant_id == actor.tenant_id,
        CircleMandate.circle_id == circle_id,
        CircleMandate.membership_id == membership_id,
        CircleMandate.role == role,
        CircleMandate.ended_at.is_(None),
        CircleMandate.term.overlaps(term),
    )
    if await db.scalar(overlapping) is not None:
        raise CircleMandateOverlaps
    mandate = CircleMandate(
        tenant_id=actor.tenant_id,
        circle_id=found.id,
        membership_id=holder.id,
        role=role,
        term=term,
        decision_id=decision_id,
        given_by=actor.membership_id,
    )
    db.add(mandate)
    await db.flush()
    facts = {"role": str(role), "circle_id": str(circle_id), "membership_id": str(membership_id)}
    await audit.record(
        db, actor=actor, action="governance:circle_mandate:given", subject_id=mandate.id, facts=facts
    )
    await notify(
        db,
        tenant_id=actor.tenant_id,
        membership_id=membership_id,
        kind="circle_mandate_given",
        facts={"until_on": until, "circle_id": circle_id},
    )
    holders = await count_circle_holders(db, actor.tenant_id, circle_id, role)
    line = {"circle": str(circle_id), "role": str(role), "holders": holders}
    written = await register.append(db, tenant_id=actor.tenant_id, kind="circle_mandate_given", facts=line)
    mandate.register_seq = written.seq
    await db.flush()
    return mandate


async def end_circle_mandate(
    db: AsyncSession, *, actor: Actor, circle_mandate_id: UUID, reason: CircleEndReason | None = None
) -> CircleMandate:
    """Take a mandate of a circle back, or give up one's own. Holds it, then the register's head.

    Raises CirclesNotYours, CircleMandateOver, NotFound.
    """
    query = select(CircleMandate).where(
        CircleMandate.tenant_id == actor.tenant_id, CircleMandate.id == circle_mandate_id
    )
    locked = query.with_for_update().execution_options(populate_existing=True)
    mandate = (await db.scalars(locked)).one_or_none()
    if mandate is None:
        raise NotFound
    own = mandate.membership_id == actor.membership_id
    if not own and mandate.role is CircleRole.FACILITATOR:
        await must_arrange(db, actor)
    elif not own:
        await must_keep(db, actor, mandate.circle_id)
    if mandate.ended_at is not None:
        raise CircleMandateOver
    usual = CircleEndReason.GIVEN_UP if own else CircleEndReason.TAKEN_BACK
    await write_circle_ends(db, actor, mandates=[mandate], reason=reason or usual)
    return mandate


async def circle_mandates(
    db: AsyncSession,
    *,
    actor: Actor,
    circle_id: UUID | None = None,
    membership_id: UUID | None = None,
) -> Sequence[tuple[CircleMandate, str]]:
    """List the mandates of circles that hold now or begin later, with the holders' names, by role.

    Any member may read it; there are as many as circles have roles to give, so it is not paged.
    """
    _ = actor.member
    query = (
        select(CircleMandate, Membership.display_name)
        .join(
            Membership,
            and_(
                Membership.tenant_id == CircleMandate.tenant_id, Membership.id == CircleMandate.membership_id
            ),
        )
        .where(
            CircleMandate.tenant_id == actor.tenant_id,
            CircleMandate.ended_at.is_(None),
            func.upper(CircleMandate.term) > func.now(),
            Membership.state == MembershipState.ACTIVE,
        )
    )
    if circle_id is not None:
        query = query.where(CircleMandate.circle_id == circle_id)
    if membership_id is not None:
        query = query.where(CircleMandate.membership_id == membership_id)
    ordered = query.order_by(CircleMandate.role, Membership.sort_name, CircleMandate.id)
    return [(mandate, name) for mandate, name in await db.execute(ordered)]
