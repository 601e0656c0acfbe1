"""The demo's cooperatives, made through the verbs: two that live, and one on its first day.

Only ``archipel demo`` calls this, once, on its own empty database. This file must never write a row itself: the
calendar alone moves dates, and says so.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.closing import VotesDue, count_due_votes
from marketplace import rulebooks  # noqa: F401  # The founding act needs every floor's rules.
from marketplace.deliveries import settle_silent_deliveries
from marketplace.demo.calendar import Calendar, spread
from marketplace.demo.care import tell_care
from marketplace.demo.chapters import tell_past, tell_present
from marketplace.demo.circles import tell_circles
from marketplace.demo.moving import tell_assembly, tell_moving
from marketplace.demo.neighbours import tell_neighbours
from marketplace.demo.newcomers import tell_newcomers
from marketplace.demo.persona import Persona
from marketplace.demo.proposals import tell_proposals
from marketplace.demo.rade import RADE
from marketplace.demo.road import Cast
from marketplace.demo.story import Somebody, Story, address_of, set_type
from marketplace.demo.trades import tell_trades
from marketplace.demo.vercors import VERCORS
from marketplace.demo.votes import tell_votes
from marketplace.expiries import expire_missions
from marketplace.skills import add_skill
from tenants.actors import Actor, Role
from tenants.cooperatives import LegalProfile
from tenants.founding import found_cooperative
from tenants.invitations import invite_member, stamp_invitation
from tenants.joining import accept_invitation
from tenants.mandates import give_mandate
from tenants.own_profiles import change_profile
from tenants.platform.accents import Accent
from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId
from tenants.platform.settings import Settings
from tenants.profiles import Audience, Availability, Weekday

PASSWORD: Final = "une heure vaut une heure"  # noqa: S105 (of invented people on this machine alone)
MANDATE_DAYS: Final = 500
QUIET_BEFORE: Final = timedelta(days=4)
JOINED_DAYS_AGO: Final = 160.0


async def seed(settings: Settings) -> list[Persona]:
    """Fill the empty database and return the people whom a visitor may be."""
    database = Database(settings.database_url)
    try:
        personas: list[Persona] = []
        casts = []
        for story in (RADE, VERCORS):
            cast = await _gather(database, story, personas)
            leads = tuple(one.name for one in story.people if one.part)
            tell_past(cast, leads[1:])
            tell_present(
                cast, lead=leads[1], answers=story.people[2].name, mediator=_holder(story, Role.MEDIATOR)
            )
            tell_care(cast, leads[1], _holder(story, Role.STEWARD))
            async with database.begin(tenant=cast.calendar.tenant_id) as db:
                await tell_trades(db, cast)
            tell_votes(cast)
            await cast.calendar.live(database)
            casts.append(cast)
        calendars = [cast.calendar for cast in casts]
        await spread(_superuser(settings), calendars, quiet_before=QUIET_BEFORE)
        for calendar in calendars:
            async with database.begin(tenant=calendar.tenant_id) as db:
                clockwork = Actor.system(calendar.tenant_id)
                await expire_missions(db, actor=clockwork)
                await settle_silent_deliveries(db, actor=clockwork)
                await count_due_votes(db, VotesDue(tenant_id=clockwork.tenant_id, due_at=datetime.now(UTC)))
        await tell_newcomers(database, *casts)
        await tell_circles(database, *casts)
        await tell_newcomers(database, *reversed(casts))
        for cast in casts:
            await tell_proposals(database, cast)
        for cast in casts:
            await tell_neighbours(database, cast)
            await tell_moving(database, cast)
            await tell_assembly(database, cast)
        personas.append(await _first_day(database))
        return personas
    finally:
        await database.close()


async def _gather(database: Database, story: Story, personas: list[Persona]) -> Cast:
    """Found the cooperative; let its members join, a few each day of its first weeks."""
    founder, *others = story.people
    tenant_id, manager = await _found(database, story, founder)
    calendar = Calendar(tenant_id)
    actors = {founder.name: manager}
    for place, somebody in enumerate(others):
        await _join(calendar, actors, manager, story, somebody, JOINED_DAYS_AGO - place * 0.3)
    await calendar.live(database)
    calendar.steps.clear()
    skills: dict[str, UUID] = {}
    async with database.begin(tenant=tenant_id) as db:
        for name in story.skills:
            skills[name] = (await add_skill(db, actor=manager, name=name)).id
        for somebody in others:
            for role in somebody.roles:
                until = datetime.now(UTC).date() + timedelta(days=MANDATE_DAYS)
                await give_mandate(
                    db, actor=manager, membership_id=actors[somebody.name].member, role=role, until=until
                )
                actors[somebody.name] = _with(actors[somebody.name], role)
    personas += [
        Persona(one.name, one.part, story.name, address_of(story.slug, one.name), PASSWORD, f"/{story.slug}")
        for one in story.people
        if one.part
    ]
    return Cast(story, calendar, actors, skills, Random(story.slug))  # noqa: S311 (a story, not a secret)


async def _found(database: Database, story: Story, founder: Somebody) -> tuple[CooperativeId, Actor]:
    async with database.begin() as db:
        cooperative, invitation = await found_cooperative(
            db,
            slug=story.slug,
            name=story.name,
            legal_profile=story.legal_profile,
            territory=story.territory,
            founder_name=founder.name,
            founder_email=address_of(story.slug, founder.name),
            accent=story.accent,
            rules=story.rules,
            presentation=set_type(story.presentation),
            founded_at=datetime(2019, 3, 1, tzinfo=UTC).date(),
            by_mail=False,
        )
        tenant_id = cooperative.tenant_id
        token = await stamp_invitation(db, tenant_id=tenant_id, invitation_id=invitation.id)
    assert token, "the invitation was just made"
    async with database.begin() as db:
        joined = await accept_invitation(db, token=token, person_id=None, password=PASSWORD)
        actor = Actor(tenant_id, joined.membership_id, joined.person_id, frozenset({Role.MANAGER}))
        await _present(db, actor, founder, story.territory)
    return tenant_id, actor


async def _join(
    calendar: Calendar,
    actors: dict[str, Actor],
    manager: Actor,
    story: Story,
    somebody: Somebody,
    days_ago: float,
) -> None:
    async def step(db: AsyncSession) -> None:
        invitation = await invite_member(
            db, actor=manager, email=address_of(story.slug, somebody.name), display_name=somebody.name
        )
        token = await stamp_invitation(db, tenant_id=manager.tenant_id, invitation_id=invitation.id)
        assert token, "the invitation was just made"
        joined = await accept_invitation(
            db, token=token, person_id=None, password=PASSWORD if somebody.part else None
        )
        actor = Actor(manager.tenant_id, joined.membership_id, joined.person_id)
        await _present(db, actor, somebody, story.territory)
        actors[somebody.name] = actor

    calendar.at(days_ago, step)


async def _present(db: AsyncSession, actor: Actor, somebody: Somebody, territory: str) -> None:
    free = Availability(weekly_minutes=6 * 60, free_days=[Weekday.TUESDAY, Weekday.FRIDAY])
    await change_profile(
        db,
        actor=actor,
        display_name=somebody.name,
        presentation=set_type(somebody.presentation),
        territory=territory,
        availability=free if somebody.part else None,
        audiences=dict.fromkeys(("email", "phone"), Audience.MEMBERS if somebody.part else Audience.ME),
    )


async def _first_day(database: Database) -> Persona:
    """Found a cooperative that has nothing yet but its manager."""
    story = Story(
        slug="trois-rivieres",
        name="Les Trois Rivières",
        legal_profile=LegalProfile.SCOP,
        territory="19",
        accent=Accent.OCHRE,
        presentation="",
        people=(),
        skills=(),
        past=(),
        present={},
        exchanges=(),
        gifts=(),
    )
    founder = Somebody("Inès Peyrat", part="gestion, premier jour")
    await _found(database, story, founder)
    return Persona(
        founder.name,
        founder.part,
        story.name,
        address_of(story.slug, founder.name),
        PASSWORD,
        f"/{story.slug}",
    )


def _superuser(settings: Settings) -> str:
    """The superuser's address of the demo's own database."""
    assert settings.database_admin_url, "the demo has a superuser of its own"
    database = urlsplit(settings.database_owner_url).path
    return urlsplit(settings.database_admin_url)._replace(path=database).geturl()


def _with(actor: Actor, role: Role) -> Actor:
    return Actor(actor.tenant_id, actor.membership_id, actor.person_id, actor.roles | {role})


def _holder(story: Story, role: Role) -> str:
    return next(one.name for one in story.people if role in one.roles)
