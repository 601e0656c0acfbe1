"""Who decides what in the demo: circles with people and mandates in them, and colleges for the one that is a SCIC.

This file must never write a row itself.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.circle_appointing import give_circle_mandate
from governance.circle_changes import open_circle
from governance.circle_mandates import CircleRole
from governance.circle_seats import add_circle_members
from governance.college_places import place_in_college
from governance.colleges import colleges
from marketplace.demo.road import Cast
from marketplace.demo.story import set_type
from tenants.platform.database import Database

TERM: Final = timedelta(days=380)
UNPLACED: Final = 3

# Name, purpose, what it decides, and the places of its people in the story: facilitator, steward, delegate, others.
HOURS: Final = (
    "Heures et entraide",
    "Que les heures circulent, et que personne ne reste longtemps au bord.",
    (
        "timebank.credit_limit_low",
        "timebank.credit_limit_high",
        "timebank.soft_limit",
        "timebank.starting_gift",
    ),
    (1, 6, 2, 9, 12, 15, 18),
)
POT: Final = (
    "Caisse solidaire",
    "Accorder des heures à qui en a besoin, vite et avec tact.",
    (),
    (4, 9, 12, 20),
)
MISSIONS: Final = (
    "Missions",
    "Que le travail convenu soit clair, bien fait et reconnu.",
    ("marketplace.hold_expiry_days", "marketplace.silence_days", "marketplace.review_days"),
    (3, 7, 10, 14, 21),
)


async def tell_circles(database: Database, *casts: Cast) -> None:
    """Open the circles of each cooperative, and place the members of the one that has colleges."""
    for cast in casts:
        async with database.begin(tenant=cast.calendar.tenant_id) as db:
            root = cast.calendar.tenant_id
            hours = await _open(db, cast, HOURS, root)
            await _open(db, cast, POT, hours, "fund:pot")
            await _open(db, cast, MISSIONS, root)
            await _place(db, cast)


async def _open(
    db: AsyncSession,
    cast: Cast,
    told: tuple[str, str, tuple[str, ...], tuple[int, ...]],
    parent_id: UUID,
    *more: str,
) -> UUID:
    name, purpose, rules, places = told
    boss = cast.actors[cast.story.people[0].name]
    scopes = [*(f"rule:{one}" for one in rules), *more]
    made = await open_circle(
        db, actor=boss, name=name, purpose=set_type(purpose), parent_id=parent_id, scopes=scopes
    )
    people = [cast.actors[cast.story.people[one].name].member for one in places]
    await add_circle_members(db, actor=boss, circle_id=made.id, membership_ids=people)
    until = (datetime.now(UTC) + TERM).date()
    for holder, role in zip(people, CircleRole, strict=False):
        await give_circle_mandate(
            db, actor=boss, circle_id=made.id, membership_id=holder, role=role, until=until
        )
    return made.id


async def _place(db: AsyncSession, cast: Cast) -> None:
    """Place the members in turn, but for the last few, who are still to be asked."""
    boss = cast.actors[cast.story.people[0].name]
    every = await colleges(db, actor=boss)
    people = [cast.actors[one.name].member for one in cast.story.people][:-UNPLACED]
    for place, college in enumerate(every):
        await place_in_college(
            db, actor=boss, college_id=college.id, membership_ids=people[place :: len(every)]
        )
