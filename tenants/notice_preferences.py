"""What a member wants to be told, and when: how each kind of notice comes, quiet hours, the morning digest.

Only what differs from the usual is kept. This file must never let a kind be turned off that is required, nor
show a member's choices to anybody else.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.actors import Actor
from tenants.notice_kinds import KINDS, Delivery
from tenants.personal import Fate, Holding, holds
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.words import N_

KEY_BYTES: Final = 16


class NoticeChoice(Base):
    """How one kind of notice reaches one member, where that is not the usual way."""

    __tablename__ = "notice_choices"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint("delivery IN ('at_once', 'digest', 'app', 'never')", name="delivery"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    delivery: Mapped[Delivery]


class NoticeHabit(Base):
    """When a member wants no mail, by the clock of the cooperative, and whether they want the digest.

    Quiet hours that end before they begin go over midnight. ``digest_key`` is what a mailed link must bring to
    stop the digest; it opens nothing else.
    """

    __tablename__ = "notice_habits"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(
            "(quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until", name="quiet"
        ),
        CheckConstraint(f"octet_length(digest_key) = {KEY_BYTES}", name="digest_key"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    quiet_from: Mapped[time | None]
    quiet_until: Mapped[time | None]
    digest: Mapped[bool] = mapped_column(server_default=text("true"))
    digest_key: Mapped[bytes]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


holds(
    Holding(
        table="notice_choices",
        title=N_("Notifications que j'ai choisies"),
        mine=("membership_id",),
        exported={"kind": N_("Notification"), "delivery": N_("Comment")},
        fate=Fate.DELETED,
    ),
    Holding(
        table="notice_habits",
        title=N_("Heures calmes et récapitulatif"),
        mine=("membership_id",),
        exported={
            "quiet_from": N_("Pas de courriel à partir de"),
            "quiet_until": N_("Jusqu'à"),
            "digest": N_("Récapitulatif du matin"),
        },
        fate=Fate.DELETED,
    ),
)


class UnknownNotice(Refusal):
    """No kind of notice bears this name."""

    status = 422
    code = "unknown_notice"
    message = N_("Aucune notification ne porte le nom « {kind} ».")
    default_field = "choices"


class NoticeRequired(Refusal):
    """Security, and what one must sign or can contest, is always told."""

    status = 422
    code = "notice_required"
    message = N_(
        "Cette notification vous parvient toujours tout de suite : elle touche à votre sécurité, ou à ce que vous devez signer "
        "ou pouvez contester."
    )
    default_field = "choices"


class QuietHoursUnclear(Refusal):
    """Quiet hours have a beginning and another end."""

    status = 422
    code = "quiet_hours_unclear"
    message = N_("Donnez le début et la fin des heures calmes, et qu'ils diffèrent.")
    default_field = "quiet_until"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """All that a member has chosen, and for the rest what is usual: every kind of notice is in ``deliveries``."""

    deliveries: Mapping[str, Delivery]
    quiet_from: time | None
    quiet_until: time | None
    digest: bool


async def notice_preferences(db: AsyncSession, *, actor: Actor) -> Preferences:
    """The actor's own preferences."""
    mine = (NoticeChoice.tenant_id == actor.tenant_id, NoticeChoice.membership_id == actor.member)
    chosen = {one.kind: one.delivery for one in await db.scalars(select(NoticeChoice).where(*mine))}
    habit = (
        await db.scalars(
            select(NoticeHabit).where(
                NoticeHabit.tenant_id == actor.tenant_id, NoticeHabit.membership_id == actor.member
            ),
            execution_options={"populate_existing": True},
        )
    ).one_or_none()
    return Preferences(
        deliveries={
            name: kind.usual if kind.required else chosen.get(name, kind.usual)
            for name, kind in KINDS.items()
        },
        quiet_from=habit.quiet_from if habit else None,
        quiet_until=habit.quiet_until if habit else None,
        digest=habit.digest if habit else True,
    )


async def change_notice_preferences(
    db: AsyncSession,
    *,
    actor: Actor,
    choices: Mapping[str, Delivery],
    quiet_from: time | None,
    quiet_until: time | None,
    digest: bool,
) -> Preferences:
    """Choose how each kind of ``choices`` comes (the others stay), the quiet hours, and whether to have the digest.

    Raises UnknownNotice, NoticeRequired, QuietHoursUnclear.
    """
    member = actor.member
    for name, delivery in choices.items():
        if name not in KINDS:
            raise UnknownNotice(kind=name[:80])
        if KINDS[name].required and delivery is not KINDS[name].usual:
            raise NoticeRequired
    if (quiet_from is None) != (quiet_until is None) or (quiet_from and quiet_from == quiet_until):
        raise QuietHoursUnclear
    usual = [name for name, delivery in choices.items() if delivery is KINDS[name].usual]
    await db.execute(
        delete(NoticeChoice).where(
            NoticeChoice.tenant_id == actor.tenant_id,
            NoticeChoice.membership_id == member,
            NoticeChoice.kind.in_(usual),
        )
    )
    other = [
        {"tenant_id": actor.tenant_id, "membership_id": member, "kind": name, "delivery": delivery}
        for name, delivery in sorted(choices.items())
        if delivery is not KINDS[name].usual
    ]
    if other:
        chosen = upsert(NoticeChoice).values(other)
        await db.execute(
            chosen.on_conflict_do_update(
                index_elements=["tenant_id", "membership_id", "kind"],
                set_={"delivery": chosen.excluded.delivery},
            )
        )
    await set_habit(
        db,
        tenant_id=actor.tenant_id,
        membership_id=member,
        quiet_from=quiet_from,
        quiet_until=quiet_until,
        digest=digest,
    )
    return await notice_preferences(db, actor=actor)


async def set_habit(db: AsyncSession, *, tenant_id: UUID, membership_id: UUID, **habit: object) -> bytes:
    """Write some of a member's habits, and return the key of their digest, made at the first time."""
    row = upsert(NoticeHabit).values(
        tenant_id=tenant_id, membership_id=membership_id, digest_key=secrets.token_bytes(KEY_BYTES), **habit
    )
    statement = row.on_conflict_do_update(
        index_elements=["tenant_id", "membership_id"],
        set_={"changed_at": func.now(), **habit} if habit else {"digest": NoticeHabit.digest},
    )
    return (await db.execute(statement.returning(NoticeHabit.digest_key))).scalar_one()
