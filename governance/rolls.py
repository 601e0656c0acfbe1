"""Electoral rolls: who may vote in one vote, and in which college, frozen when it opens.

Who joins the circle later has no vote here, and who leaves keeps their place: the quorum is of this list. This file
must never add to a roll or take from it once the vote is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from sqlalchemy import (
    ForeignKeyConstraint,
    Index,
    Table,
    and_,
    column,
    exists,
    func,
    insert,
    select,
    table,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

# Its table is referred to.
import governance.colleges  # noqa: F401
from governance.votes import Vote, VoteState
from tenants.actors import Actor
from tenants.personal import Fate, Holding, holds
from tenants.platform.database import Base
from tenants.platform.errors import Refusal
from tenants.platform.ids import CollegeId, CooperativeId, MembershipId
from tenants.platform.words import N_

_BALLOTS: Final = table("ballots", column("tenant_id"), column("vote_id"), column("membership_id"))


class Elector(Base):
    """One member who may vote. ``college_id`` is their college then, if the vote is weighed by colleges."""

    __tablename__ = "electoral_rolls"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "vote_id"], ["votes.tenant_id", "votes.id"]),
        ForeignKeyConstraint(["tenant_id", "membership_id"], ["memberships.tenant_id", "memberships.id"]),
        ForeignKeyConstraint(["tenant_id", "college_id"], ["colleges.tenant_id", "colleges.id"]),
        Index("ix_electoral_rolls_member", "tenant_id", "membership_id"),
    )

    tenant_id: Mapped[CooperativeId] = mapped_column(primary_key=True)
    vote_id: Mapped[UUID] = mapped_column(primary_key=True)
    membership_id: Mapped[MembershipId] = mapped_column(primary_key=True)
    college_id: Mapped[CollegeId | None]


holds(
    Holding(
        table="electoral_rolls",
        title=N_("Les votes auxquels j'étais appelé"),
        mine=("membership_id",),
        exported={"vote_id": N_("Vote"), "college_id": N_("Collège")},
        fate=Fate.KEPT,
        why=N_(
            "La liste électorale d'un vote reste telle qu'à son ouverture, sous le pseudonyme : le quorum en dépend."
        ),
    )
)


class NotOnTheRoll(Refusal):
    """The member was not in the circle when the vote opened."""

    status = 403
    code = "not_on_the_roll"
    message = N_("Vous n'êtes pas sur la liste électorale de ce vote, arrêtée à son ouverture.")


async def freeze_roll(
    db: AsyncSession,
    *,
    vote: Vote,
    members: Sequence[MembershipId],
    colleges: Mapping[MembershipId, CollegeId],
) -> None:
    """Write the roll of a vote that is being opened."""
    rows = [
        {
            "tenant_id": vote.tenant_id,
            "vote_id": vote.id,
            "membership_id": one,
            "college_id": colleges.get(one),
        }
        for one in members
    ]
    await db.execute(insert(cast("Table", Elector.__table__)), rows)


async def elector(db: AsyncSession, *, vote: Vote, membership_id: UUID) -> Elector | None:
    """This member's place on the roll, None if they have none."""
    return await db.get(Elector, (vote.tenant_id, vote.id, membership_id))


async def electors_by_college(db: AsyncSession, *, vote: Vote) -> Mapping[UUID | None, int]:
    """How many electors there are, by college."""
    query = (
        select(Elector.college_id, func.count())
        .where(Elector.tenant_id == vote.tenant_id, Elector.vote_id == vote.id)
        .group_by(Elector.college_id)
    )
    return {row[0]: row[1] for row in await db.execute(query)}


@dataclass(frozen=True, slots=True)
class VoteToCast:
    """An open vote in which one has not voted."""

    vote_id: UUID
    question: str
    closes_at: datetime


async def votes_to_cast(db: AsyncSession, *, actor: Actor) -> Sequence[VoteToCast]:
    """List the open votes that wait for one's own ballot (at most 20), the first to close first."""
    # The columns alone: ballots stand above this file.
    voted = exists().where(
        _BALLOTS.c.tenant_id == Elector.tenant_id,
        _BALLOTS.c.vote_id == Elector.vote_id,
        _BALLOTS.c.membership_id == Elector.membership_id,
    )
    query = (
        select(Vote.id, Vote.question, Vote.closes_at)
        .join(Elector, and_(Elector.tenant_id == Vote.tenant_id, Elector.vote_id == Vote.id))
        .where(
            Vote.tenant_id == actor.tenant_id,
            Vote.state == VoteState.OPEN,
            Vote.closes_at > func.now(),
            Elector.membership_id == actor.member,
            ~voted,
        )
        .order_by(Vote.closes_at, Vote.id)
        .limit(20)
    )
    return [VoteToCast(row.id, row.question, row.closes_at) for row in await db.execute(query)]
