"""What a proposal may be about and say: refused here is what could never take effect.

This file must never write anything.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from governance.contests import reopened
from governance.proposal_states import ProposalKind
from governance.proposals import Proposal, ProposalVersion
from tenants.actors import Actor, Role
from tenants.mandates import Mandate
from tenants.memberships import Membership, MembershipState
from tenants.platform.errors import Invalid, Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_, _
from tenants.rulebook import at, legal_profile
from tenants.rules import rule_named
from tenants.terms import term_between


class NothingChanges(Refusal):
    """The proposed value is the one in force."""

    status = 422
    code = "nothing_changes"
    message = N_("C'est déjà la valeur en vigueur.")
    default_field = "value"


class DayPast(Refusal):
    """A decision takes effect today or later."""

    status = 422
    code = "day_past"
    message = N_("Ce jour est déjà passé.")
    default_field = "effective_on"


class NobodySuch(Refusal):
    """The proposal names nobody who could be given a mandate, or no mandate in force."""

    status = 422
    code = "nobody_such"
    message = N_("Choisissez un membre actif, ou un mandat en vigueur.")
    default_field = "membership_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a proposal is about, which never changes: a rule, a member and a role, a mandate, or nothing of these."""

    kind: ProposalKind
    rule: str | None = None
    membership_id: UUID | None = None
    role: Role | None = None
    mandate_id: UUID | None = None

    @property
    def scope(self) -> str:
        """The name under which a circle's perimeter holds it."""
        match self.kind:
            case ProposalKind.AMEND_RULE:
                return f"rule:{self.rule}"
            case ProposalKind.GIVE_MANDATE | ProposalKind.END_MANDATE:
                return f"mandate:{self.role}" if self.role else "mandates"
            case ProposalKind.MOTION:
                return "motion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a version says. ``value`` is of the rule's unit; ``until_on`` ends the mandate to be given."""

    title: str
    reasons: str
    value: Any | None = None
    effective_on: date | None = None
    until_on: date | None = None


async def check_subject(db: AsyncSession, actor: Actor, subject: Subject) -> None:
    """Refuse a subject that is not there: an unknown rule, nobody, a mandate that is over."""
    wanted: Mapping[ProposalKind, Collection[str]] = {
        ProposalKind.AMEND_RULE: ("rule",),
        ProposalKind.GIVE_MANDATE: ("membership_id", "role"),
        ProposalKind.END_MANDATE: ("mandate_id",),
        ProposalKind.MOTION: (),
    }
    missing = {
        name: _("Ce champ est nécessaire.") for name in wanted[subject.kind] if not getattr(subject, name)
    }
    if missing:
        raise Invalid(missing)
    match subject.kind:
        case ProposalKind.AMEND_RULE:
            rule_named(subject.rule or "")
        case ProposalKind.GIVE_MANDATE:
            person = select(Membership.id).where(
                Membership.tenant_id == actor.tenant_id,
                Membership.id == subject.membership_id,
                Membership.state == MembershipState.ACTIVE,
            )
            if await db.scalar(person) is None:
                raise NobodySuch
        case ProposalKind.END_MANDATE:
            held = select(Mandate.id).where(
                Mandate.tenant_id == actor.tenant_id,
                Mandate.id == subject.mandate_id,
                Mandate.ended_at.is_(None),
                func.upper(Mandate.term) > func.now(),
            )
            if await db.scalar(held) is None:
                raise NobodySuch("mandate_id")
        case ProposalKind.MOTION:
            pass


async def check_words(
    db: AsyncSession, tenant_id: UUID, subject: Subject, words: Words, *, typed: bool = False
) -> None:
    """Refuse words that could not take effect: out of bounds, against the law, a term that is over.

    ``typed``: they were written just now, so a day that is past is refused too, and the value in force but for a rule that
    is reopened, which is confirmed by it. Later they are
    not, and what was decided after its day takes effect at once.
    """
    if subject.kind is ProposalKind.AMEND_RULE:
        rule = rule_named(subject.rule or "")
        if words.value is None:
            raise Invalid({"value": _("Ce champ est nécessaire.")})
        rule.check(words.value, field="value")
        rule.check_law(words.value, await legal_profile(db, tenant_id=tenant_id), field="value")
        if not typed:
            return
        if words.effective_on is not None and words.effective_on < await today(db, tenant_id):
            raise DayPast
        version = await at(db, rule=rule, tenant_id=tenant_id)
        if version.value == words.value and not await reopened(
            db, tenant_id=tenant_id, version_id=version.id
        ):
            raise NothingChanges
    elif subject.kind is ProposalKind.GIVE_MANDATE:
        if words.until_on is None:
            raise Invalid({"until_on": _("Ce champ est nécessaire.")})
        await term_between(db, CooperativeId(tenant_id), None, words.until_on)


def subject_of(one: Proposal) -> Subject:
    """What a stored proposal is about."""
    return Subject(
        kind=one.kind,
        rule=one.rule,
        membership_id=one.membership_id,
        role=one.role,
        mandate_id=one.mandate_id,
    )


def words_of(version: ProposalVersion) -> Words:
    """What a stored version says."""
    return Words(
        title=version.title,
        reasons=version.reasons,
        value=version.value,
        effective_on=version.effective_on,
        until_on=version.until_on,
    )


_COOPERATIVES = table("cooperatives", column("tenant_id"), column("time_zone"))


async def clock(db: AsyncSession) -> datetime:
    """The moment by the database's clock, read now: after the locks that the caller holds."""
    moment: datetime = (await db.execute(select(func.clock_timestamp()))).scalar_one()
    return moment


async def zone_of(db: AsyncSession, tenant_id: UUID) -> ZoneInfo:
    """The time zone in which the cooperative's days begin."""
    query = select(_COOPERATIVES.c.time_zone).where(_COOPERATIVES.c.tenant_id == tenant_id)
    return ZoneInfo((await db.execute(query)).scalar_one())


async def today(db: AsyncSession, tenant_id: UUID) -> date:
    """The day it is where the cooperative is."""
    return (await clock(db)).astimezone(await zone_of(db, tenant_id)).date()
