"""Many of what members look after and tell each other, so that pages that list it can be opened with few and with many.

Everything is made through the verbs. This file must never write a row by itself.
"""

from dataclasses import dataclass
from uuid import UUID

from marketplace.conversations import threads
from marketplace.messages import write_message
from marketplace.reports import report_review
from marketplace.reviews import ReviewTerms, Verdict, write_review
from marketplace.saved_searches import SEARCHES_AT_MOST, save_search
from marketplace.search import MissionSearch
from tenants.join_requests import ask_to_join_signed_in
from tenants.offline_members import admit_offline_member
from tenants.paper_letters import write_letters
from tenants.platform.database import Database
from tests import factories
from tests.factories import Founded, Member
from tests.lived_with import Unhurried
from tests.marketplace import stories
from tests.marketplace.stories import Village
from tests.tenants.import_stories import brought
from tests.timebank.acting import ADDRESS, approved, proposed
from timebank.contests import contest_entry
from timebank.exchanges import post_transfer
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import ask_pot, withdraw_pot_request
from timebank.third_party_entries import enter_for_represented
from timebank.write_offs import ask_write_off


@dataclass(frozen=True)
class Place:
    """Where it happens: Simone's cooperative and another, her open mission, and a thread on it with ``friend``."""

    coop: Founded
    elsewhere: Founded
    simone: Member
    friend: Member
    mission: UUID
    thread: UUID


async def place_for(database: Database, coop: Founded, simone: Member) -> Place:
    elsewhere = await factories.found_cooperative(database)
    friend = await factories.join_member(database, coop, name="Fidèle Amie")
    mission = await stories.posted(database, simone, title="Dont on parle")
    await stories.bid(database, friend, mission)
    thread = await _say(database, friend, mission, "Bonjour")
    return Place(coop, elsewhere, simone, friend, mission, thread)


async def _say(database: Database, who: Member, mission: UUID, words: str) -> UUID:
    """Write to the author of a mission on which one has bid; return the thread."""
    async with database.begin(tenant=who.tenant_id) as db:
        [thread] = await threads(db, actor=who.actor, mission_id=mission)
        await write_message(
            db, Unhurried(), actor=who.actor, mission_id=mission, thread_id=thread.thread_id, body=words
        )
    return thread.thread_id


async def add_care_rows(database: Database, place: Place, rows: range) -> None:
    """Add one of everything for each number."""
    for number in rows:
        member = await factories.join_member(database, place.coop, name=f"Soigneuse {number}")
        await stories.bid(database, member, place.mission)
        for who in (member, place.friend):
            await _say(database, who, place.mission, f"Message {number}")
        await _review_and_report(database, place, member)
        await _ask_for(database, place, member, number)
        await _act_for(database, place, member)
        await brought(
            database, place.coop.manager, "members", f"Nom,Courriel\nI {number},i{number}@x.example\n"
        )
        asking = await factories.join_member(database, place.elsewhere)
        async with database.begin(tenant=place.coop.tenant_id, person=asking.person_id) as db:
            await ask_to_join_signed_in(
                db, tenant_id=place.coop.tenant_id, person_id=asking.person_id, display_name=asking.name
            )
    async with database.begin(tenant=place.coop.tenant_id) as db:
        await write_letters(db, actor=place.coop.manager.actor)


async def _review_and_report(database: Database, place: Place, member: Member) -> None:
    simone = place.simone
    scene = Village(place.coop, simone, member, simone, simone)
    mission = await stories.delivered(database, scene, minutes=5, spent=5)
    await stories.confirm(database, simone, mission)
    async with database.begin(tenant=place.coop.tenant_id) as db:
        written = [
            await write_review(
                db,
                actor=author.actor,
                mission_id=mission,
                terms=ReviewTerms(subject_id=subject.id, verdict=Verdict.GLADLY, words="Bien fait."),
            )
            for author, subject in ((simone, member), (member, simone))
        ]
    async with database.begin(tenant=place.coop.tenant_id) as db:
        await report_review(db, actor=place.friend.actor, review_id=written[1].id, reason="C'est inexact.")


async def _ask_for(database: Database, place: Place, member: Member, number: int) -> None:
    simone = place.simone.actor
    async with database.begin(tenant=place.coop.tenant_id) as db:
        await post_transfer(
            db, actor=member.actor, to=place.simone.id, amount_minutes=10, reason="Un coup de main"
        )
        await ask_write_off(db, actor=member.actor)
        own = None
        for actor in (member.actor, simone):
            own = await ask_pot(db, actor=actor, purpose=PotPurpose.HOME, words="Le toit", asked_minutes=60)
        assert own is not None
        await withdraw_pot_request(db, actor=simone, request_id=own.id)
        if number < SEARCHES_AT_MOST:
            await save_search(db, actor=simone, name=f"Recherche {number}", asked=MissionSearch(q="bois"))


async def _act_for(database: Database, place: Place, member: Member) -> None:
    async with database.begin(tenant=place.coop.tenant_id) as db:
        offline = await admit_offline_member(
            db, actor=place.coop.manager.actor, display_name="Renée Sansordi", postal_address=ADDRESS
        )
    delegation = await proposed(database, place.coop, offline.id, member.id)
    await approved(database, delegation.id, place.simone, place.coop.manager)
    async with database.begin(tenant=place.coop.tenant_id) as db:
        entry = await enter_for_represented(
            db,
            actor=member.actor,
            delegation_id=delegation.id,
            to=place.friend.id,
            amount_minutes=1,
            reason="Bois rentré",
        )
        await contest_entry(db, actor=place.friend.actor, entry_id=entry, words="C'était plus.")
