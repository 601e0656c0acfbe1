"""Saved searches: what a member looks for again and again, and is told of when a mission comes that answers.

A new mission is told once to each member, whatever number of their searches it answers: at once, or in the next
morning's digest, as they chose for the search. This file must never show one member's searches to another.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, select, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.events import MissionPosted
from marketplace.search import MissionSearch
from tenants.actors import Actor
from tenants.notice_kinds import NoticeKind, declare_notices
from tenants.notices import notify_members
from tenants.personal import Fate, Holding, holds
from tenants.platform.database import Base
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.search_words import terms_of
from tenants.platform.words import N_

NAME_LENGTH: Final = 80
SEARCHES_AT_MOST: Final = 30


class Telling(StrEnum):
    """How a member is told of a mission that answers."""

    AT_ONCE = "at_once"
    DIGEST = "digest"
    NEVER = "never"


TELLING_TITLES: Final = {
    Telling.DIGEST: N_("Dans le récapitulatif du matin"),
    Telling.AT_ONCE: N_("Tout de suite"),
    Telling.NEVER: N_("Ne pas me prévenir"),
}


class SavedSearch(Base):
    """One search of one member. ``asked`` are its fields as an address has them, ``wanted`` what an answer must hold."""

    __tablename__ = "saved_searches"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {NAME_LENGTH}", name="name_length"),
        CheckConstraint("telling IN ('at_once', 'digest', 'never')", name="telling"),
        Index("ix_saved_searches_tenant_id_membership_id", "tenant_id", "membership_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    membership_id: Mapped[UUID]
    name: Mapped[str]
    asked: Mapped[dict[str, Any]]
    wanted: Mapped[str] = mapped_column(TSQUERY, deferred=True)
    telling: Mapped[Telling]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SearchTelling(Base):
    """A member was told of a mission that answers one of their searches; nobody is told twice."""

    __tablename__ = "search_tellings"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "mission_id"], ["missions.tenant_id", "missions.id"]),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    mission_id: Mapped[UUID] = mapped_column(primary_key=True)
    told_at: Mapped[datetime] = mapped_column(server_default=func.now())


holds(
    Holding(
        table="saved_searches",
        title=N_("Mes recherches enregistrées"),
        mine=("membership_id",),
        exported={"created_at": N_("Date"), "name": N_("Nom"), "asked": N_("Recherche")},
        fate=Fate.DELETED,
    ),
    Holding(
        table="search_tellings",
        title=N_("Missions signalées par mes recherches"),
        mine=("membership_id",),
        exported={"told_at": N_("Date"), "mission_id": N_("Mission")},
        fate=Fate.DELETED,
    ),
)

declare_notices(
    NoticeKind(
        "search_matched",
        N_("Une nouvelle mission répond à une recherche que vous avez enregistrée."),
        "/missions/{mission_id}",
    ),
    NoticeKind(
        "search_matched_later",
        N_("Une nouvelle mission répond à une de vos recherches du matin."),
        "/missions/{mission_id}",
        mailed=False,
    ),
)


class TooManySearches(Refusal):
    """A member keeps only so many searches."""

    status = 409
    code = "too_many_searches"
    message = N_("Vous avez déjà {searches_at_most} recherches : supprimez-en une avant d'en enregistrer.")
    default_field = "name"


async def save_search(
    db: AsyncSession, *, actor: Actor, name: str, asked: MissionSearch, telling: Telling = Telling.DIGEST
) -> SavedSearch:
    """Keep a search of one's own. Raises TooManySearches.

    Searches of one member are counted under a lock on them alone. Answers are open missions, whatever the state
    that was asked for.
    """
    mine = {"tenant": actor.tenant_id, "member": actor.member}
    await db.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('saved_searches' || :member, 0))"),
        {"member": str(actor.member)},
    )
    kept = await db.scalar(
        text("SELECT count(*) FROM saved_searches WHERE tenant_id = :tenant AND membership_id = :member"),
        mine,
    )
    if kept and kept >= SEARCHES_AT_MOST:
        raise TooManySearches(searches_at_most=SEARCHES_AT_MOST)
    terms = terms_of(asked.q)
    wanted = func.wanted_missions([term.text for term in terms], [term.kind for term in terms], asked.keys())
    saved = SavedSearch(
        tenant_id=actor.tenant_id,
        membership_id=actor.member,
        name=" ".join(name.split())[:NAME_LENGTH],
        asked=fields_of(asked),
        wanted=wanted,
        telling=telling,
    )
    db.add(saved)
    await db.flush()
    await db.refresh(saved)
    return saved


def fields_of(asked: MissionSearch) -> dict[str, str]:
    """What was asked, as the fields of an address; order and state are not kept."""
    found = msgspec.to_builtins(asked)
    kept = {name: value for name, value in found.items() if value and name not in {"order", "state", "mine"}}
    return {name: str(value) for name, value in kept.items()}


async def saved_searches(db: AsyncSession, *, actor: Actor) -> Sequence[SavedSearch]:
    """The actor's own searches, by name."""
    query = select(SavedSearch).where(
        SavedSearch.tenant_id == actor.tenant_id, SavedSearch.membership_id == actor.member
    )
    return (await db.scalars(query.order_by(func.lower(SavedSearch.name), SavedSearch.id))).all()


async def change_search(
    db: AsyncSession, *, actor: Actor, search_id: UUID, name: str, telling: Telling
) -> SavedSearch:
    """Rename one's own search, or be told otherwise. Raises NotFound."""
    saved = await _own(db, actor, search_id)
    saved.name = " ".join(name.split())[:NAME_LENGTH]
    saved.telling = telling
    await db.flush()
    return saved


async def delete_search(db: AsyncSession, *, actor: Actor, search_id: UUID) -> SavedSearch:
    """Forget one's own search. Raises NotFound."""
    saved = await _own(db, actor, search_id)
    await db.delete(saved)
    await db.flush()
    return saved


async def _own(db: AsyncSession, actor: Actor, search_id: UUID) -> SavedSearch:
    found = await db.scalar(
        select(SavedSearch)
        .where(
            SavedSearch.tenant_id == actor.tenant_id,
            SavedSearch.membership_id == actor.member,
            SavedSearch.id == search_id,
        )
        .with_for_update()
    )
    if found is None:
        raise NotFound
    return found


_TELL: Final = text("""
    INSERT INTO search_tellings (tenant_id, membership_id, mission_id)
    SELECT s.tenant_id, s.membership_id, w.mission_id
    FROM mission_words w
    JOIN saved_searches s ON s.tenant_id = w.tenant_id
    JOIN memberships m ON m.tenant_id = s.tenant_id AND m.id = s.membership_id
    WHERE w.tenant_id = :tenant AND w.mission_id = :mission AND w.words @@ s.wanted
      AND s.telling <> 'never' AND s.membership_id <> :author AND m.state = 'active'
    GROUP BY 1, 2, 3
    ON CONFLICT DO NOTHING
    RETURNING membership_id, (
        SELECT bool_or(s.telling = 'at_once')
        FROM saved_searches s
        JOIN mission_words w ON w.tenant_id = s.tenant_id AND w.mission_id = search_tellings.mission_id
        WHERE s.tenant_id = search_tellings.tenant_id AND s.membership_id = search_tellings.membership_id
          AND w.words @@ s.wanted
    ) AS at_once
""")


async def tell_searchers(db: AsyncSession, event: MissionPosted) -> None:
    """Tell of a new mission whoever saved a search that it answers: hears MissionPosted."""
    rows = await db.execute(
        _TELL, {"tenant": event.tenant_id, "mission": event.mission_id, "author": event.author_id}
    )
    told = {row.membership_id: row.at_once for row in rows}
    for kind, at_once in (("search_matched", True), ("search_matched_later", False)):
        if members := sorted(member for member, soon in told.items() if soon is at_once):
            await notify_members(
                db,
                tenant_id=event.tenant_id,
                membership_ids=members,
                kind=kind,
                facts={"mission_id": event.mission_id},
            )
