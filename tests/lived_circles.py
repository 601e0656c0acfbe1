"""Circles and colleges with something of every kind in them, for the walks over all pages and operations.

Everything is made through the verbs. This file must never write a row by itself.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from governance.circle_appointing import give_circle_mandate
from governance.circle_changes import close_circle, open_circle
from governance.circle_mandates import CircleRole
from governance.circle_seats import add_circle_members
from governance.college_places import place_in_college
from governance.colleges import colleges
from tenants.actors import Role
from tenants.assemblies import Held, Resolution
from tenants.assembly_records import record_assembly
from tenants.assembly_signatures import sign_assembly
from tenants.platform.database import Database
from tests.factories import Founded, Member

WEIGHTS = [
    {"name": "Salariés", "weight": 40},
    {"name": "Usagers", "weight": 35},
    {"name": "Soutiens", "weight": 25},
]


async def weigh_colleges(
    database: Database, home: Founded, treasurer: Member, weights: list[dict[str, object]]
) -> None:
    """Have an assembly, which the manager and a treasurer sign, fix the weights of colleges from today on."""
    held = Held(
        held_on=date.today() - timedelta(days=1),  # noqa: DTZ011 (any recent day)
        place="Salle des fêtes",
        minutes="Les poids des collèges.",
        members_count=4,
        present_count=3,
        represented_count=0,
        quorum_required_count=2,
    )
    resolution = Resolution(
        rule="governance.college_weights",
        value=weights,
        votes_for=3,
        votes_against=0,
        votes_abstain=0,
        effective_on=datetime.now(ZoneInfo("Europe/Paris")).date(),
    )
    async with database.begin(tenant=home.tenant_id) as db:
        made = await record_assembly(db, actor=home.manager.actor, held=held, resolutions=[resolution])
    for who, role in ((home.manager, Role.MANAGER), (treasurer, Role.TREASURER)):
        async with database.begin(tenant=home.tenant_id) as db:
            await sign_assembly(
                db, actor=who.actor, assembly_id=made.assembly.id, version=made.assembly.version, role=role
            )


async def arrange_circles(database: Database, home: Founded, treasurer: Member, *others: Member) -> None:
    """Two circles, one below the other, one that closed; mandates; three colleges, and somebody in none."""
    boss, until = home.manager.actor, date.today() + timedelta(days=20)  # noqa: DTZ011 (soon to end)
    ids = [treasurer.id, *(one.id for one in others)]
    async with database.begin(tenant=home.tenant_id) as db:
        hours = await open_circle(
            db,
            actor=boss,
            name="Les heures",
            purpose="Que les heures *circulent*.",
            parent_id=home.tenant_id,
            scopes=["rule:timebank.credit_limit_low", "rule:timebank.credit_limit_high"],
        )
        pot = await open_circle(
            db, actor=boss, name="La caisse", purpose="", parent_id=hours.id, scopes=["fund:pot"]
        )
        past = await open_circle(
            db, actor=boss, name="Le premier hiver", purpose="", parent_id=home.tenant_id
        )
        await close_circle(db, actor=boss, circle_id=past.id)
        for one in (hours.id, pot.id):
            await add_circle_members(db, actor=boss, circle_id=one, membership_ids=ids)
        for role in CircleRole:
            await give_circle_mandate(
                db, actor=boss, circle_id=pot.id, membership_id=ids[0], role=role, until=until
            )
    await weigh_colleges(database, home, treasurer, [*WEIGHTS])
    async with database.begin(tenant=home.tenant_id) as db:
        first, second, _empty = await colleges(db, actor=boss)
        await place_in_college(db, actor=boss, college_id=first.id, membership_ids=ids[:1])
        await place_in_college(db, actor=boss, college_id=second.id, membership_ids=ids[1:])
