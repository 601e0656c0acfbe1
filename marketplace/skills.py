"""Skills: the cooperative's own list, kept by its manager.

A skill that is in use is retired, never deleted, so that old missions keep their words. Free tags belong
to a mission and are not in this list. This file must never rank or score members.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor, Role
from tenants.audit import record
from tenants.platform.database import Base
from tenants.platform.entries import fold
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import N_

SKILL_NAME_LENGTH = 60


class SkillState(StrEnum):
    """Whether new missions may ask for it."""

    OFFERED = "offered"
    RETIRED = "retired"


class Skill(Base):
    """One skill of one cooperative. ``key`` is the name without case and accents: it is unique."""

    __tablename__ = "skills"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["cooperatives.tenant_id"]),
        UniqueConstraint("tenant_id", "key"),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {SKILL_NAME_LENGTH}", name="name_length"),
        CheckConstraint("char_length(key) >= 1", name="key_length"),
        CheckConstraint("state IN ('offered', 'retired')", name="state"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    name: Mapped[str]
    key: Mapped[str]
    state: Mapped[SkillState] = mapped_column(server_default="offered")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MissionSkill(Base):
    """A mission asks for (or offers) a skill."""

    __tablename__ = "mission_skills"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "skill_id"], ["skills.tenant_id", "skills.id"]),
        # From a member's skills to the newest missions that ask for them.
        Index("ix_mission_skills_tenant_id_skill_id", "tenant_id", "skill_id", "mission_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    mission_id: Mapped[UUID] = mapped_column(primary_key=True)
    skill_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)


class SkillExists(Refusal):
    """The cooperative already has a skill of this name."""

    status = 409
    code = "skill_exists"
    message = N_("Cette compétence est déjà dans la liste.")
    default_field = "name"


class SkillNameEmpty(Refusal):
    """Nothing is left of the name once accents, case and punctuation are set aside."""

    status = 422
    code = "skill_name_empty"
    message = N_("Donnez un nom à cette compétence.")
    default_field = "name"


class UnknownSkill(Refusal):
    """A mission names a skill that is not offered in this cooperative."""

    status = 422
    code = "unknown_skill"
    message = N_("Une des compétences choisies n'est pas (ou plus) dans la liste de la coopérative.")
    default_field = "skills"


async def add_skill(db: AsyncSession, *, actor: Actor, name: str) -> Skill:
    """Put a skill in the list, or offer again one that was retired. For the manager."""
    actor.must_hold(Role.MANAGER)
    name = " ".join(name.split())
    if not fold(name):
        raise SkillNameEmpty
    statement = (
        insert(Skill)
        .values(tenant_id=actor.tenant_id, name=name, key=fold(name))
        .on_conflict_do_update(
            index_elements=["tenant_id", "key"],
            set_={"state": SkillState.OFFERED, "name": name},
            where=Skill.state == SkillState.RETIRED,
        )
        .returning(Skill)
    )
    skill = (await db.scalars(statement)).one_or_none()
    if skill is None:
        raise SkillExists
    await record(db, actor=actor, action="marketplace:skill:added", subject_id=skill.id, facts={"name": name})
    return skill


async def retire_skill(db: AsyncSession, *, actor: Actor, skill_id: UUID) -> Skill:
    """Take a skill out of the list for new missions. For the manager; retiring twice changes nothing."""
    actor.must_hold(Role.MANAGER)
    skill = await db.scalar(
        select(Skill).where(Skill.tenant_id == actor.tenant_id, Skill.id == skill_id).with_for_update()
    )
    if skill is None:
        raise NotFound
    if skill.state is SkillState.OFFERED:
        skill.state = SkillState.RETIRED
        await db.flush()
        await record(
            db,
            actor=actor,
            action="marketplace:skill:retired",
            subject_id=skill.id,
            facts={"name": skill.name},
        )
    return skill


async def skills(db: AsyncSession, *, tenant_id: UUID, retired: bool = False) -> Sequence[Skill]:
    """List the cooperative's skills by name; the retired ones too when asked."""
    query = select(Skill).where(Skill.tenant_id == tenant_id).order_by(Skill.key)
    if not retired:
        query = query.where(Skill.state == SkillState.OFFERED)
    return (await db.scalars(query)).all()


async def set_mission_skills(
    db: AsyncSession, *, tenant_id: UUID, mission_id: UUID, skill_ids: Collection[UUID]
) -> None:
    """Make these the mission's skills. The caller holds the mission's lock.

    A retired skill may stay on a mission that already has it, and may not be newly chosen.
    """
    wanted = set(skill_ids)
    link = MissionSkill
    present = set(
        await db.scalars(
            select(link.skill_id).where(link.tenant_id == tenant_id, link.mission_id == mission_id)
        )
    )
    added = wanted - present
    if added:
        offered = await db.scalar(
            select(func.count())
            .select_from(Skill)
            .where(Skill.tenant_id == tenant_id, Skill.id.in_(added), Skill.state == SkillState.OFFERED)
        )
        if offered != len(added):
            raise UnknownSkill
        rows: list[dict[str, Any]] = [
            {"tenant_id": tenant_id, "mission_id": mission_id, "skill_id": skill_id}
            for skill_id in sorted(added)
        ]
        await db.execute(insert(link), rows)
    if gone := present - wanted:
        await db.execute(
            link.__table__.delete().where(  # type: ignore[attr-defined]
                link.tenant_id == tenant_id, link.mission_id == mission_id, link.skill_id.in_(gone)
            )
        )
