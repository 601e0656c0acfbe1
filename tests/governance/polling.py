"""What the tests of votes share: a circle of all, votes opened in it by the manager, ballots, and time that passes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from governance.ballots import Ballot, Marks, cast_ballot
from governance.closing import count_vote
from governance.college_places import place_in_college
from governance.colleges import College
from governance.opening import open_vote
from governance.vote_policies import Threshold
from governance.votes import VoteMethod, VoteShown
from tenants.platform.database import Database
from tests.conftest import OpenAs
from tests.factories import Founded, Member, found_cooperative, join_member

FOR, AGAINST, ABSTAIN = Marks(choice=1), Marks(choice=2), Marks(choice=0)


async def polling_place(
    database: Database, *, members: int = 3, **rules: Any
) -> tuple[Founded, list[Member]]:
    """A cooperative in which votes may be short, and its members without its manager."""
    in_force = {
        "governance.vote_days_min": 0,
        **{f"governance.{name}": value for name, value in rules.items()},
    }
    coop = await found_cooperative(database, rules=in_force)
    return coop, [await join_member(database, coop) for _ in range(members)]


async def opened(
    database: Database,
    coop: Founded,
    *,
    method: VoteMethod = VoteMethod.MAJORITY,
    options: Sequence[str] = (),
    threshold: Threshold = Threshold.MORE_THAN_HALF,
    by: Member | None = None,
    days: float = 7,
    circle_id: UUID | None = None,
    question: str = "Ouvrir le samedi ?",
) -> VoteShown:
    """Have a vote opened, in the circle of all."""
    async with database.begin(tenant=coop.tenant_id) as db:
        return await open_vote(
            db,
            actor=(by or coop.manager).actor,
            circle_id=circle_id or coop.tenant_id,
            method=method,
            question=question,
            explanation="",
            options=options,
            threshold=threshold,
            closes_at=datetime.now(UTC) + timedelta(days=days),
        )


async def ballot(database: Database, vote: VoteShown, member: Member, marks: Marks) -> Ballot:
    """Have a member vote."""
    async with database.begin(tenant=member.tenant_id) as db:
        return await cast_ballot(db, actor=member.actor, vote_id=vote.vote.id, marks=marks)


async def let_close(db_as: OpenAs, vote: VoteShown, *, seconds_ago: float = 1) -> None:
    """Let the closing time of a vote be past."""
    async with db_as("owner", tenant=vote.vote.tenant_id) as db:
        await db.execute(
            text("""
                UPDATE votes SET opened_at = opened_at - interval '40 days', remind_at = NULL,
                                 closes_at = clock_timestamp() - make_interval(secs => :seconds)
                WHERE id = :id
                """),
            {"id": vote.vote.id, "seconds": seconds_ago},
        )


async def counted(database: Database, db_as: OpenAs, vote: VoteShown) -> VoteShown:
    """Let a vote close, and have it counted."""
    await let_close(db_as, vote)
    async with database.begin(tenant=vote.vote.tenant_id) as db:
        from tenants.actors import Actor  # noqa: PLC0415

        return await count_vote(db, actor=Actor.system(vote.vote.tenant_id), vote_id=vote.vote.id)


async def into_colleges(database: Database, coop: Founded, places: Mapping[str, Sequence[Member]]) -> None:
    """Have the manager place members in the colleges that the rulebook weighs, by name."""
    for name, members in places.items():
        async with database.begin(tenant=coop.tenant_id) as db:
            college = (await db.scalars(select(College).where(College.name == name))).one()
            await place_in_college(
                db,
                actor=coop.manager.actor,
                college_id=college.id,
                membership_ids=[one.id for one in members],
            )


def weights(**shares: int) -> list[dict[str, object]]:
    """The value of the rule that weighs colleges."""
    return [{"name": name, "weight": weight} for name, weight in shares.items()]
