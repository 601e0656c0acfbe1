"""Delegations: one member may do certain things in another's name, for a term, once two mandate holders agree.

For somebody without a computer or under protection. Why is nobody's business: there is no field for it, here or
anywhere. What was agreed never changes (the database grants no such update): a delegation is ended, and another
proposed. This file must never let a delegation reach ballots, objections, leaving or a person's data.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    and_,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from tenants import audit
from tenants.actors import Actor, Role
from tenants.delegation_refusals import (
    ApprovedAlready,
    DelegationEndedAlready,
    DelegationOverlaps,
    DelegationToOneself,
    MaximumUnfit,
    NoActs,
    PartyMayNotApprove,
)
from tenants.delegation_refusals import DelegationTermUnfit as TermTooLong
from tenants.mandates import Mandate
from tenants.memberships import Membership, MembershipState, StateUnfit, lock_member
from tenants.notices import NoticeKind, declare_notices, notify, notify_members
from tenants.platform.database import Base
from tenants.platform.errors import NotAllowed, NotFound
from tenants.platform.ids import MembershipId
from tenants.platform.words import N_
from tenants.tellings import tell
from tenants.terms import TermUnfit, term_between

DAYS_MAX: Final = 366
MINUTES_MAX: Final = 60_000
APPROVERS: Final = (Role.MANAGER, Role.TREASURER, Role.MEDIATOR, Role.STEWARD)


class Act(StrEnum):
    """What a delegate may do. Nothing is ever added here for votes, objections, leaving or data rights."""

    HOURS = "hours"
    MISSIONS = "missions"
    PROFILE = "profile"


ACT_TITLES: Final = {
    Act.HOURS: N_("Saisir des échanges d'heures"),
    Act.MISSIONS: N_("Publier des missions"),
    Act.PROFILE: N_("Tenir la fiche à jour"),
}


class EndReason(StrEnum):
    """How a delegation ended; never why."""

    TERM = "term"
    ENDED = "ended"


declare_notices(
    NoticeKind(
        "delegation_to_approve",
        N_("Une délégation attend l'accord de deux personnes mandatées : peut-être le vôtre."),
        "/delegations/{delegation_id}",
    ),
    NoticeKind(
        "delegation_begun",
        N_("Une personne peut agir en votre nom jusqu'au {ends_at}. Vous pouvez y mettre fin à tout moment."),
        "/delegations/{delegation_id}",
    ),
    NoticeKind(
        "delegation_received",
        N_("Vous pouvez agir au nom d'un membre jusqu'au {ends_at}."),
        "/delegations/{delegation_id}",
    ),
    NoticeKind("delegation_ended", N_("Une délégation a pris fin."), "/delegations/{delegation_id}"),
    NoticeKind(
        "delegation_ends_soon",
        N_("Une délégation finit le {ends_at}, d'elle-même."),
        "/delegations/{delegation_id}",
    ),
)


class Delegation(Base):
    """One member's word for another's: which acts, from when to when, and how many minutes at most.

    It is live when two have approved it, its term holds now and it was not ended. ``month`` is a calendar month
    of the cooperative. The database refuses approvals by the parties, twice by one, or without a mandate.
    """

    __tablename__ = "delegations"
    __table_args__ = (
        *(
            ForeignKeyConstraint(["tenant_id", who], ["memberships.tenant_id", "memberships.id"])
            for who in ("represented_id", "delegate_id", "proposed_by", "first_approver", "second_approver")
        ),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("represented_id", "="),
            ("delegate_id", "="),
            ("term", "&&"),
            name="ex_delegations_same_pair_twice",
            using="gist",
            where=text("ended_at IS NULL"),
        ),
        Index("ix_delegations_represented", "tenant_id", "represented_id"),
        Index("ix_delegations_delegate", "tenant_id", "delegate_id"),
        CheckConstraint("delegate_id <> represented_id", name="two_persons"),
        CheckConstraint(
            "first_approver NOT IN (delegate_id, represented_id)"
            " AND second_approver NOT IN (delegate_id, represented_id, first_approver)",
            name="approvers_are_others",
        ),
        CheckConstraint("second_approver IS NULL OR first_approver IS NOT NULL", name="approvals_in_order"),
        CheckConstraint(
            "(first_approver IS NULL) = (first_approved_at IS NULL)"
            " AND (second_approver IS NULL) = (second_approved_at IS NULL)",
            name="approvals_have_a_moment",
        ),
        CheckConstraint(
            "cardinality(acts) > 0 AND acts <@ ARRAY[{}]::text[]".format(", ".join(f"'{a}'" for a in Act)),
            name="acts",
        ),
        CheckConstraint(
            "NOT isempty(term) AND lower(term) IS NOT NULL AND upper(term) IS NOT NULL"
            f" AND upper(term) - lower(term) <= interval '{DAYS_MAX + 1} days'",
            name="term",
        ),
        CheckConstraint(
            f"entry_minutes_max BETWEEN 0 AND {MINUTES_MAX} AND month_minutes_max BETWEEN 0 AND {MINUTES_MAX}",
            name="maxima",
        ),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="end_has_a_reason"),
        CheckConstraint("ended_reason IN ('term', 'ended')", name="ended_reason"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    represented_id: Mapped[MembershipId]
    delegate_id: Mapped[MembershipId]
    acts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    term: Mapped[Range[datetime]] = mapped_column(TSTZRANGE())
    entry_minutes_max: Mapped[int]
    month_minutes_max: Mapped[int]
    proposed_by: Mapped[MembershipId]
    proposed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    first_approver: Mapped[MembershipId | None]
    first_approved_at: Mapped[datetime | None]
    second_approver: Mapped[MembershipId | None]
    second_approved_at: Mapped[datetime | None]
    ending_noticed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[EndReason | None]

    @property
    def last_moment(self) -> datetime:
        """The last moment of the term, whose day people read as its end."""
        assert self.term.upper is not None, "every term ends"
        return self.term.upper - timedelta(microseconds=1)


async def propose_delegation(
    db: AsyncSession,
    *,
    actor: Actor,
    represented_id: UUID,
    delegate_id: UUID,
    acts: Collection[Act],
    until: date,
    since: date | None = None,
    entry_minutes_max: int = 0,
    month_minutes_max: int = 0,
) -> Delegation:
    """Propose that ``delegate_id`` may do ``acts`` for ``represented_id``; two others have to approve. A manager's.

    The maxima bound what the delegate moves out of the account; they count for hours alone. Holds both members.
    Raises DelegationToOneself, NoActs, MaximumUnfit, DelegationTermUnfit, DelegationOverlaps, StateUnfit, NotFound.
    """
    actor.must_hold(Role.MANAGER)
    _must_make_sense(represented_id, delegate_id, acts, entry_minutes_max, month_minutes_max)
    for one in sorted((represented_id, delegate_id)):
        found = await lock_member(db, actor.tenant_id, one)
        if found.state != MembershipState.ACTIVE or (one == delegate_id and found.person_id is None):
            raise StateUnfit("delegate_id" if one == delegate_id else "represented_id")
    try:
        term = await term_between(db, actor.tenant_id, since, until)
    except TermUnfit:
        raise TermTooLong(days=DAYS_MAX) from None
    assert term.upper, "every term ends"
    assert term.lower, "every term begins"
    if term.upper - term.lower > timedelta(days=DAYS_MAX + 1):
        raise TermTooLong(days=DAYS_MAX)
    same_pair = select(Delegation.id).where(
        Delegation.tenant_id == actor.tenant_id,
        Delegation.represented_id == represented_id,
        Delegation.delegate_id == delegate_id,
        Delegation.ended_at.is_(None),
        Delegation.term.overlaps(term),
    )
    if (await db.scalars(same_pair.limit(1))).first() is not None:
        raise DelegationOverlaps
    proposed = Delegation(
        tenant_id=actor.tenant_id,
        represented_id=MembershipId(represented_id),
        delegate_id=MembershipId(delegate_id),
        acts=[act.value for act in Act if act in acts],
        term=term,
        entry_minutes_max=entry_minutes_max if Act.HOURS in acts else 0,
        month_minutes_max=month_minutes_max if Act.HOURS in acts else 0,
        proposed_by=actor.member,
    )
    db.add(proposed)
    await db.flush()
    await _audit(db, actor, "proposed", proposed)
    await notify_members(
        db,
        tenant_id=actor.tenant_id,
        membership_ids=await _other_keepers(db, actor, proposed),
        kind="delegation_to_approve",
        facts={"delegation_id": str(proposed.id)},
    )
    return proposed


def _must_make_sense(
    represented_id: UUID, delegate_id: UUID, acts: Collection[Act], entry_max: int, month_max: int
) -> None:
    if represented_id == delegate_id:
        raise DelegationToOneself
    if not acts:
        raise NoActs
    if Act.HOURS in acts and not 1 <= entry_max <= month_max <= MINUTES_MAX:
        raise MaximumUnfit("entry_minutes_max" if entry_max < 1 else "month_minutes_max")


async def approve_delegation(db: AsyncSession, *, actor: Actor, delegation_id: UUID) -> Delegation:
    """Agree to a delegation, as the holder of a mandate who is not a party to it; the second one begins it.

    A person's own act: a token approves nothing. Holds the delegation. Raises PartyMayNotApprove,
    ApprovedAlready, DelegationEndedAlready, NotFound.
    """
    actor.must_hold(*APPROVERS)
    if actor.scopes is not None:
        raise NotAllowed
    found = await _lock(db, actor, delegation_id)
    now = (await db.execute(select(func.now()))).scalar_one()
    if found.ended_at is not None or found.last_moment < now:
        raise DelegationEndedAlready
    if actor.member in {found.delegate_id, found.represented_id}:
        raise PartyMayNotApprove
    if found.second_approver is not None or found.first_approver == actor.member:
        raise ApprovedAlready
    if found.first_approver is None:
        found.first_approver, found.first_approved_at = actor.member, now
    else:
        found.second_approver, found.second_approved_at = actor.member, now
    await db.flush()
    await _audit(db, actor, "approved", found)
    if found.second_approver is not None:
        await _say_begun(db, found)
    return found


async def _say_begun(db: AsyncSession, found: Delegation) -> None:
    facts = {"delegation_id": str(found.id), "ends_at": found.last_moment}
    await tell(
        db,
        tenant_id=found.tenant_id,
        membership_ids=[found.represented_id],
        kind="delegation_begun",
        subject_id=found.id,
        facts=facts,
    )
    await notify(
        db,
        tenant_id=found.tenant_id,
        membership_id=found.delegate_id,
        kind="delegation_received",
        facts=facts,
    )


async def end_delegation(db: AsyncSession, *, actor: Actor, delegation_id: UUID) -> Delegation:
    """End a delegation now: the person's right at any moment, the delegate's, and any approver's.

    Holds the delegation. Raises DelegationEndedAlready, NotFound.
    """
    found = await _lock(db, actor, delegation_id)
    if found.ended_at is not None:
        raise DelegationEndedAlready
    await write_end(db, actor=actor, found=found, reason=EndReason.ENDED)
    return found


async def write_end(db: AsyncSession, *, actor: Actor, found: Delegation, reason: EndReason) -> None:
    """Write that a delegation ended, and tell both; the caller authorises and holds it."""
    found.ended_at = (await db.execute(select(func.now()))).scalar_one()
    found.ended_reason = reason
    await db.flush()
    await _audit(db, actor, "ended", found)
    facts = {"delegation_id": str(found.id)}
    await notify(
        db, tenant_id=found.tenant_id, membership_id=found.delegate_id, kind="delegation_ended", facts=facts
    )
    if found.second_approver is not None:
        await tell(
            db,
            tenant_id=found.tenant_id,
            membership_ids=[found.represented_id],
            kind="delegation_ended",
            subject_id=found.id,
            facts=facts,
        )


# --- Reading -----------------------------------------------------------------------------------------


async def delegations(
    db: AsyncSession, *, actor: Actor, before: UUID | None = None, limit: int | None = 20
) -> Sequence[tuple[Delegation, str, str]]:
    """List delegations with both names, newest first: one's own two sides, and all for who may approve them."""
    _ = actor.member
    represented, delegate = aliased(Membership), aliased(Membership)
    query = (
        select(Delegation, represented.display_name, delegate.display_name)
        .join(
            represented,
            and_(represented.tenant_id == Delegation.tenant_id, represented.id == Delegation.represented_id),
        )
        .join(
            delegate, and_(delegate.tenant_id == Delegation.tenant_id, delegate.id == Delegation.delegate_id)
        )
        .where(Delegation.tenant_id == actor.tenant_id)
        .order_by(Delegation.id.desc())
        .limit(limit)
    )
    if not actor.holds(*APPROVERS):
        query = query.where(
            or_(Delegation.represented_id == actor.member, Delegation.delegate_id == actor.member)
        )
    if before is not None:
        query = query.where(Delegation.id < before)
    return [(found, first, second) for found, first, second in await db.execute(query)]


async def delegation(db: AsyncSession, *, actor: Actor, delegation_id: UUID) -> Delegation:
    """One delegation, for its two sides and those who may approve it. Raises NotFound."""
    query = select(Delegation).where(Delegation.tenant_id == actor.tenant_id, Delegation.id == delegation_id)
    found = (await db.scalars(query)).one_or_none()
    may = found is not None and (
        actor.is_system
        or actor.member in {found.represented_id, found.delegate_id}
        or actor.holds(*APPROVERS)
    )
    if found is None or not may:
        raise NotFound
    return found


async def _lock(db: AsyncSession, actor: Actor, delegation_id: UUID) -> Delegation:
    await delegation(db, actor=actor, delegation_id=delegation_id)
    query = select(Delegation).where(Delegation.tenant_id == actor.tenant_id, Delegation.id == delegation_id)
    return (await db.scalars(query.with_for_update().execution_options(populate_existing=True))).one()


async def _other_keepers(db: AsyncSession, actor: Actor, proposed: Delegation) -> set[MembershipId]:
    query = select(Mandate.membership_id).where(
        Mandate.tenant_id == actor.tenant_id,
        Mandate.role.in_(APPROVERS),
        Mandate.ended_at.is_(None),
        Mandate.term.contains(func.now()),
    )
    return set(await db.scalars(query)) - {proposed.delegate_id, proposed.represented_id}


async def _audit(db: AsyncSession, actor: Actor, done: str, found: Delegation) -> None:
    facts = {"represented": str(found.represented_id), "delegate": str(found.delegate_id)}
    await audit.record(db, actor=actor, action=f"tenants:delegation:{done}", subject_id=found.id, facts=facts)
