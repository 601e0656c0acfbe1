"""The rulebook: what a cooperative has decided, as typed parameters with versions in time.

Each rule (``tenants.rules``) has versions that follow each other without a gap, the last one open. A version comes from the founding act, from a recorded assembly or from an
adopted proposal, and carries the line of the register that says so. This file must never change what was in
force, give a rule a value by itself, or let anything run without a rule in force.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    column,
    func,
    insert,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants import audit, register
from tenants.actors import Actor
from tenants.events import RuleChanged
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import emit
from tenants.platform.words import N_, _
from tenants.rules import RULES, Rule, rule_named


class Source(StrEnum):
    """Who decided a version."""

    FOUNDING_ACT = "founding_act"
    ASSEMBLY = "assembly"
    PROPOSAL = "proposal"


class RuleVersion(Base):
    """One value of one rule, for a stretch of time. Only its open end ever changes, when a successor starts.

    ``source_id`` is the assembly or the proposal, null for the founding act; ``register_seq`` the line of the
    register that made it known.
    """

    __tablename__ = "rule_versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "register_seq"], ["register_lines.tenant_id", "register_lines.seq"]
        ),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("rule", "="),
            ("in_force", "&&"),
            name="ex_rule_versions_one_at_a_time",
            using="gist",
        ),
        CheckConstraint(
            "NOT isempty(in_force) AND NOT lower_inf(in_force) AND lower_inc(in_force) AND NOT upper_inc(in_force)",
            name="in_force",
        ),
        CheckConstraint("source IN ('founding_act', 'assembly', 'proposal')", name="source"),
        CheckConstraint("(source = 'founding_act') = (source_id IS NULL)", name="source_is_named"),
        Index("ix_rule_versions_source", "tenant_id", "source_id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    rule: Mapped[str]
    value: Mapped[Any] = mapped_column(JSONB, nullable=False)
    in_force: Mapped[Range[datetime]] = mapped_column(TSTZRANGE())
    source: Mapped[Source]
    source_id: Mapped[UUID | None]
    register_seq: Mapped[int] = mapped_column(BigInteger)
    written_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def since(self) -> datetime:
        """The moment at which this version takes (or took) effect."""
        assert self.in_force.lower is not None, "the table refuses a version without a beginning"
        return self.in_force.lower

    @property
    def until(self) -> datetime | None:
        """The moment at which the next version takes over, None while there is none."""
        return self.in_force.upper


class NoRuleInForce(Refusal):
    """What was asked needs a rule, and the cooperative has none in force at that moment."""

    status = 409
    code = "no_rule_in_force"
    message = N_("La règle « {rule} » n'est pas fixée à cette date : rien ne peut se faire sans elle.")


class RuleAlreadyScheduled(Refusal):
    """Another decision changes the same rule at the very same moment."""

    status = 409
    code = "rule_already_scheduled"
    message = N_("Une autre décision change déjà la règle « {rule} » à cette date.")
    default_field = "effective_on"


# --- Asking ------------------------------------------------------------------------------------------

_TENANT_HERE = text("NULLIF(current_setting('archipel.tenant', true), '')::uuid")


async def at(
    db: AsyncSession, *, rule: Rule | str, moment: datetime | None = None, tenant_id: UUID | None = None
) -> RuleVersion:
    """The version in force at ``moment`` (default: the beginning of this transaction), in this cooperative.

    Raises NoRuleInForce: nothing may go on without it.
    """
    name = rule if isinstance(rule, str) else rule.name
    query = select(RuleVersion).where(
        RuleVersion.tenant_id == (tenant_id or _TENANT_HERE),
        RuleVersion.rule == name,
        RuleVersion.in_force.contains(moment or func.now()),
    )
    version = (await db.scalars(query)).one_or_none()
    if version is None:
        declared = RULES.get(name)
        raise NoRuleInForce(rule=_(declared.title) if declared else name)
    return version


async def value_in_force(
    db: AsyncSession, *, rule: Rule | str, moment: datetime | None = None, tenant_id: UUID | None = None
) -> Any:
    """The value alone of what ``at`` finds: an integer in the rule's unit. Raises NoRuleInForce."""
    return (await at(db, rule=rule, moment=moment, tenant_id=tenant_id)).value


async def rules_in_force(
    db: AsyncSession, *, tenant_id: UUID, moment: datetime | None = None
) -> Mapping[str, RuleVersion]:
    """Every version in force at ``moment``, by the name of its rule."""
    query = select(RuleVersion).where(
        RuleVersion.tenant_id == tenant_id, RuleVersion.in_force.contains(moment or func.now())
    )
    return {version.rule: version for version in await db.scalars(query)}


async def scheduled_rules(db: AsyncSession, *, tenant_id: UUID) -> Mapping[str, RuleVersion]:
    """The next version of each rule that has one coming, by the name of its rule."""
    query = (
        select(RuleVersion)
        .where(RuleVersion.tenant_id == tenant_id, func.lower(RuleVersion.in_force) > func.now())
        .order_by(func.lower(RuleVersion.in_force).desc())
    )
    return {version.rule: version for version in await db.scalars(query)}


async def rule_history(db: AsyncSession, *, tenant_id: UUID, rule: str) -> Sequence[RuleVersion]:
    """Every version of a rule, the newest (or farthest ahead) first."""
    query = select(RuleVersion).where(RuleVersion.tenant_id == tenant_id, RuleVersion.rule == rule)
    return (await db.scalars(query.order_by(func.lower(RuleVersion.in_force).desc()))).all()


# --- Writing -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that a rule takes at ``starts_at``, or at once if that is None or already past."""

    rule: str
    value: Any
    starts_at: datetime | None


_COOPERATIVES = table("cooperatives", column("tenant_id"), column("legal_profile"))
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('rulebook:' || :tenant_id, 0))")


async def lock_rulebook(db: AsyncSession, *, tenant_id: UUID) -> None:
    """Be the only transaction that changes this cooperative's rules, until it ends. Before the register."""
    await db.execute(_LOCK, {"tenant_id": str(tenant_id)})


async def legal_profile(db: AsyncSession, *, tenant_id: UUID) -> str:
    """The legal form that bounds this cooperative's rules."""
    query = select(_COOPERATIVES.c.legal_profile).where(_COOPERATIVES.c.tenant_id == tenant_id)
    return str((await db.execute(query)).scalar_one())


async def write_founding_act(
    db: AsyncSession, *, tenant_id: UUID, values: Mapping[str, Any] | None = None
) -> Sequence[RuleVersion]:
    """Give every declared rule that has no version yet its first one, in force from this transaction on.

    ``values`` override defaults, by name. Called when a cooperative is founded and, for rules that a newer
    version of the software brings, by the clock; a cooperative that lacks none is left as it is.
    Takes the rulebook's lock, then (last) the register's head. Raises RuleOutOfBounds, RuleAgainstTheLaw.
    """
    assert RULES, "import the floors' rules before founding a cooperative"
    await lock_rulebook(db, tenant_id=tenant_id)
    query = select(RuleVersion.rule).where(RuleVersion.tenant_id == tenant_id).distinct()
    present = set(await db.scalars(query))
    missing = [rule for name, rule in sorted(RULES.items()) if name not in present]
    if not missing:
        return ()
    profile = await legal_profile(db, tenant_id=tenant_id)
    chosen: dict[str, Any] = {}
    for rule in missing:
        chosen[rule.name] = rule.check((values or {}).get(rule.name, rule.default), field=rule.name)
        rule.check_law(chosen[rule.name], profile, field=rule.name)
    kind = "rules_completed" if present else "founding_act"
    await audit.record(db, actor=Actor.system(tenant_id), action=f"tenants:rulebook:{kind}", facts=chosen)
    line = await register.append(
        db, tenant_id=tenant_id, kind=kind, facts={"count": len(chosen), "rules": chosen}
    )
    rows = [
        {
            "tenant_id": tenant_id,
            "rule": name,
            "value": value,
            "in_force": func.tstzrange(func.now(), None),
            "source": Source.FOUNDING_ACT,
            "register_seq": line.seq,
        }
        for name, value in chosen.items()
    ]
    return (await db.scalars(insert(RuleVersion).values(rows).returning(RuleVersion))).all()


async def write_versions(
    db: AsyncSession,
    *,
    tenant_id: UUID,
    changes: Sequence[Change],
    source: Source,
    source_id: UUID,
    register_seq: int,
) -> Sequence[RuleVersion]:
    """Write what an assembly or a proposal decided, and emit RuleChanged for each.

    The caller has checked the values, holds ``lock_rulebook`` and has just appended ``register_seq``. A version
    starts at its moment and takes over from the one in force then; what was scheduled for later stays.
    Raises NoRuleInForce (a rule that has no first version) and RuleAlreadyScheduled.
    """
    written = []
    for change in sorted(changes, key=lambda change: change.rule):
        starts = await _starting_moment(db, change)
        before = await at(db, rule=change.rule, moment=starts, tenant_id=tenant_id)
        since, until = before.since, before.until
        if since == starts:
            raise RuleAlreadyScheduled(rule=_(rule_named(change.rule).title))
        await db.execute(
            update(RuleVersion)
            .where(RuleVersion.tenant_id == tenant_id, RuleVersion.id == before.id)
            .values(in_force=Range(since, starts))
        )
        statement = insert(RuleVersion).values(
            tenant_id=tenant_id,
            rule=change.rule,
            value=change.value,
            in_force=Range(starts, until),
            source=source,
            source_id=source_id,
            register_seq=register_seq,
        )
        version = (await db.scalars(statement.returning(RuleVersion))).one()
        await emit(db, RuleChanged(tenant_id=version.tenant_id, rule=version.rule, version_id=version.id))
        written.append(version)
    return written


async def _starting_moment(db: AsyncSession, change: Change) -> datetime:
    """The moment asked for, or this very moment: read after the lock, so never before a committed version."""
    clock = func.clock_timestamp()
    query = select(clock if change.starts_at is None else func.greatest(clock, change.starts_at))
    starts: datetime = (await db.execute(query)).scalar_one()
    return starts
