"""A cooperative with something of every kind in it, so that a walk over all pages and operations meets real ids.

Everything is made through the verbs. This file must never write a row by itself.
"""

from datetime import date, timedelta

from marketplace.mission_terms import MissionVisibility
from marketplace.skills import add_skill
from tenants.actors import Role
from tenants.assemblies import Held, Resolution
from tenants.assembly_records import record_assembly
from tenants.invitations import invite_member
from tenants.platform.database import Database
from tenants.profiles import Audience
from tenants.tokens import SCOPES
from tests import factories
from tests.factories import Founded, Member
from tests.lived_circles import arrange_circles
from tests.lived_proposals import propose_things
from tests.lived_votes import vote_together
from tests.lived_with import act_for_others, come_and_go, tell_of_oneself, work_together
from tests.marketplace import stories
from timebank.exchanges import post_transfer
from timebank.gifts import give
from timebank.ledger.proof import prove_ledger
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import ask_pot

HOUR = 60


async def live_in(database: Database, home: Founded) -> Member:
    """Fill the cooperative; return a member, Simone, who took part in all of it and holds every mandate."""
    simone = await factories.join_member(database, home, name="Simone Souveraine")
    for role in Role:
        simone = await factories.give_mandate(database, home, simone, role)
    bidder = await factories.join_member(database, home, name="Bastien Bricoleur")
    other = await factories.join_member(database, home, name="Odile Observatrice")
    scene = stories.Village(home, simone, bidder, other, simone)
    await _missions(database, scene)
    await factories.api_token(database, simone, *SCOPES)
    async with database.begin(tenant=home.tenant_id) as db:
        await post_transfer(
            db, actor=bidder.actor, to=simone.id, amount_minutes=HOUR, reason="Aide au déménagement"
        )
    async with database.begin(tenant=home.tenant_id) as db:
        await give(db, actor=bidder.actor, to=None, amount_minutes=30, message="Pour la caisse")
    async with database.begin(tenant=home.tenant_id) as db:
        await ask_pot(
            db, actor=other.actor, purpose=PotPurpose.HOME, words="Le toit fuit", asked_minutes=HOUR
        )
        skill = await add_skill(db, actor=simone.actor, name="Menuiserie")
        await invite_member(
            db, actor=home.manager.actor, email=f"neuve@{home.slug}.example", display_name="Nina Neuve"
        )
        await prove_ledger(db, actor=simone.actor)
        await _assembly(database, simone)
    await tell_of_oneself(database, simone, skill.id, Audience.PARTNERS)
    await tell_of_oneself(database, bidder, skill.id, Audience.PUBLIC)
    await work_together(database, scene)
    await act_for_others(database, scene)
    await come_and_go(database, scene)
    await arrange_circles(database, home, simone, bidder, other)
    await vote_together(database, home, simone, bidder, other)
    await propose_things(database, simone, other)
    return simone


async def _missions(database: Database, scene: stories.Village) -> None:
    await stories.posted(database, scene.author, publish=False, title="Brouillon")
    await stories.posted(database, scene.author, visibility=MissionVisibility.PUBLIC, title="Ouverte à tous")
    open_mission = await stories.posted(database, scene.author, title="Entre nous")
    await stories.bid(database, scene.bidder, open_mission)
    await stories.agreed(database, scene, title="Convenue")
    settled = await stories.delivered(database, scene, title="Réglée")
    await stories.confirm(database, scene.author, settled)
    await stories.disputed(database, scene, title="Contestée")


async def _assembly(database: Database, recorder: Member) -> None:
    held = Held(
        held_on=date.today() - timedelta(days=1),  # noqa: DTZ011 (any recent day)
        place="Salle des fêtes",
        minutes="Nous avons *discuté*, puis voté.",
        members_count=4,
        present_count=3,
        represented_count=0,
        quorum_required_count=2,
    )
    resolution = Resolution(
        rule="timebank.credit_limit_low",
        value=15 * HOUR,
        votes_for=3,
        votes_against=0,
        votes_abstain=0,
        effective_on=date.today() + timedelta(days=2),  # noqa: DTZ011 (any later day)
    )
    async with database.begin(tenant=recorder.tenant_id) as db:
        await record_assembly(db, actor=recorder.actor, held=held, resolutions=[resolution])
