"""What members know how to do: skills of the cooperative's list, each with a level and a note in their words.

Members write their own; who may read them is the profile's audience for skills. This file must never rank members.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, and_, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.skills import Skill, SkillState, UnknownSkill
from tenants.actors import Actor
from tenants.memberships import Membership, member
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import N_
from tenants.profiles import Standing, declare_partners, may_see, standings

NOTE_LENGTH: Final = 300
SKILLS_AT_MOST: Final = 50


class SkillLevel(StrEnum):
    """How well somebody says they can do it."""

    LEARNING = "learning"
    ABLE = "able"
    TEACHING = "teaching"


LEVEL_TITLES: Final[Mapping[SkillLevel, str]] = {
    SkillLevel.LEARNING: N_("j'apprends"),
    SkillLevel.ABLE: N_("je sais faire"),
    SkillLevel.TEACHING: N_("je peux le transmettre"),
}
LEVEL_NAMES: Final[Mapping[SkillLevel, str]] = {
    SkillLevel.LEARNING: N_("apprend"),
    SkillLevel.ABLE: N_("sait faire"),
    SkillLevel.TEACHING: N_("peut transmettre"),
}


class MemberSkill(Base):
    """One skill of one member."""

    __tablename__ = "member_skills"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "skill_id"], ["skills.tenant_id", "skills.id"]),
        CheckConstraint("level IN ('learning', 'able', 'teaching')", name="level"),
        CheckConstraint(f"char_length(note) <= {NOTE_LENGTH}", name="note_length"),
        # From a mission's skills to the members who have them.
        Index("ix_member_skills_tenant_id_skill_id", "tenant_id", "skill_id", "membership_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    skill_id: Mapped[UUID] = mapped_column(primary_key=True)
    level: Mapped[SkillLevel]
    note: Mapped[str] = mapped_column(server_default="")
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TooManySkills(Refusal):
    """A member names fifty skills at most."""

    code = "too_many_skills"
    message = N_("Cinquante savoir-faire suffisent : retirez-en un avant d'en ajouter un autre.")


class ShownSkill(msgspec.Struct, frozen=True, kw_only=True):
    """One skill of a member, as shown."""

    skill_id: UUID
    name: str
    level: SkillLevel
    note: str


async def set_member_skill(
    db: AsyncSession, *, actor: Actor, skill_id: UUID, level: SkillLevel, note: str = ""
) -> ShownSkill:
    """Say that one knows this, or say it otherwise. Raises UnknownSkill, TooManySkills."""
    own = actor.member
    has = await _skills_of(db, actor.tenant_id, own)
    mine = {one.skill_id: one for one in has}
    skill = await db.scalar(select(Skill).where(Skill.tenant_id == actor.tenant_id, Skill.id == skill_id))
    if skill is None or (skill.state is SkillState.RETIRED and skill_id not in mine):
        raise UnknownSkill("skill_id")
    if len(has) >= SKILLS_AT_MOST and skill_id not in mine:
        raise TooManySkills
    said = {"level": level, "note": note}
    await db.execute(
        insert(MemberSkill)
        .values(tenant_id=actor.tenant_id, membership_id=own, skill_id=skill_id, **said)
        .on_conflict_do_update(
            index_elements=["tenant_id", "membership_id", "skill_id"], set_={**said, "changed_at": func.now()}
        )
    )
    return ShownSkill(skill_id=skill_id, name=skill.name, level=level, note=note)


async def remove_member_skill(db: AsyncSession, *, actor: Actor, skill_id: UUID) -> None:
    """Say no longer that one knows this; NotFound if one did not."""
    gone = await db.execute(
        delete(MemberSkill)
        .where(
            MemberSkill.tenant_id == actor.tenant_id,
            MemberSkill.membership_id == actor.member,
            MemberSkill.skill_id == skill_id,
        )
        .returning(MemberSkill.skill_id),
        execution_options={"synchronize_session": False},
    )
    if gone.one_or_none() is None:
        raise NotFound


async def member_skills(db: AsyncSession, *, actor: Actor, membership_id: UUID) -> list[ShownSkill]:
    """List a member's skills, as far as the actor may see them: hidden ones look like none. Raises NotFound."""
    shown = await member(db, actor=actor, membership_id=membership_id)
    standing = (await standings(db, actor=actor, shown=[shown]))[shown.id]
    return await skills_seen(db, shown=shown, standing=standing)


async def skills_seen(db: AsyncSession, *, shown: Membership, standing: Standing) -> list[ShownSkill]:
    """The skills of a member for a reader of this standing, by name."""
    if not may_see(shown, "skills", standing):
        return []
    return await _skills_of(db, shown.tenant_id, shown.id)


async def _skills_of(db: AsyncSession, tenant_id: UUID, membership_id: UUID) -> list[ShownSkill]:
    rows = await db.execute(
        select(MemberSkill.skill_id, Skill.name, MemberSkill.level, MemberSkill.note)
        .join(Skill, and_(Skill.tenant_id == MemberSkill.tenant_id, Skill.id == MemberSkill.skill_id))
        .where(MemberSkill.tenant_id == tenant_id, MemberSkill.membership_id == membership_id)
        .order_by(Skill.key)
    )
    return [ShownSkill(skill_id=row.skill_id, name=row.name, level=row.level, note=row.note) for row in rows]


# The "people I work with" of a profile: those with whom one has or had an agreement.
PARTNERS: Final = """
    SELECT provider_id AS id FROM agreements WHERE tenant_id = :tenant AND payer_id = :me
    UNION
    SELECT payer_id FROM agreements WHERE tenant_id = :tenant AND provider_id = :me
"""
_PARTNERS_AMONG: Final = text(f"SELECT id FROM ({PARTNERS}) partner WHERE id = ANY(:others)")  # noqa: S608 (our words)


async def partners_among(
    db: AsyncSession, tenant_id: UUID, member_id: UUID, others: Sequence[UUID]
) -> set[UUID]:
    """Of these members, those with whom one has or had an agreement."""
    given = {"tenant": tenant_id, "me": member_id, "others": list(others)}
    return set((await db.execute(_PARTNERS_AMONG, given)).scalars())


declare_partners(partners_among)
