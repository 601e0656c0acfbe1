"""What came after hours and missions: teams, conversations, reviews, people who act for others, people who come and go.

Everything is made through the verbs. This file must never write a row by itself.
"""

from datetime import date, time, timedelta
from uuid import UUID

from marketplace.conversations import threads
from marketplace.leaving import leave
from marketplace.member_skills import SkillLevel, set_member_skill
from marketplace.messages import write_message
from marketplace.mission_invitations import invite_to_bid
from marketplace.reports import report_message, report_review
from marketplace.reviews import ReviewTerms, Verdict, write_review
from marketplace.saved_searches import save_search
from marketplace.search import MissionSearch
from tenants.erasures import ask_erasure, ask_membership_erasure
from tenants.join_requests import ask_to_join_signed_in
from tenants.notice_preferences import change_notice_preferences
from tenants.offline_members import admit_offline_member
from tenants.own_profiles import change_profile
from tenants.paper_letters import mark_letter_printed, write_letters
from tenants.platform.database import Database
from tenants.platform.throttle import Limit, Throttle
from tenants.profiles import Audience, Availability, Weekday
from tests import factories
from tests.factories import Member
from tests.marketplace import stories, team_stories
from tests.marketplace.stories import Village
from tests.tenants.import_stories import TIMEOVERFLOW_MEMBERS, brought
from tests.timebank.acting import ADDRESS, approved, proposed
from timebank.contests import contest_entry
from timebank.exchanges import post_transfer
from timebank.third_party_entries import enter_for_represented, enter_paper_exchange
from timebank.write_offs import ask_write_off

HOUR = 60


class Unhurried(Throttle):
    """Counts nothing: what is told here is told at once."""

    def __init__(self) -> None:
        pass

    async def attempt(self, limit: Limit, subject: str) -> None:
        """Let it happen."""


async def work_together(database: Database, scene: Village) -> None:
    """A team that is asked, one that works and wants a change, what they say to each other and of each other."""
    boss, lead, second = scene.author, scene.bidder, scene.other
    wanted = await stories.posted(database, second, title="À plusieurs")
    await team_stories.team_bid(database, lead, wanted, (lead, 1), (boss, 1), minutes=40)
    crew = team_stories.Crew(scene, second)
    running = await team_stories.agreed_team(database, crew, (lead, 2), (second, 1), minutes=40)
    await team_stories.amend(database, lead, running, 50, (lead, 1), (second, 1))
    await _say(database, lead, running, "Qui a la clé du local ?", agreed=True)

    open_mission = await stories.posted(database, boss, title="Dont on parle")
    await stories.bid(database, second, open_mission)
    await _say(database, second, open_mission, "Faut-il apporter l'échelle ?", agreed=False)
    async with database.begin(tenant=boss.tenant_id) as db:
        await invite_to_bid(db, actor=boss.actor, mission_id=open_mission, member_id=lead.id)

    between = Village(scene.coop, lead, second, boss, boss)
    rude = await stories.delivered(database, between, minutes=20, spent=20, title="Entre eux deux")
    message = await _say(database, second, rude, "Vous êtes un escroc.", agreed=True)
    async with database.begin(tenant=lead.tenant_id) as db:
        await report_message(db, actor=lead.actor, message_id=message, reason="Une insulte.")
    await stories.confirm(database, lead, rude)
    await _review(database, second, lead, rude)
    harsh = await _review(database, lead, second, rude)
    async with database.begin(tenant=second.tenant_id) as db:
        await report_review(db, actor=second.actor, review_id=harsh, reason="C'est inexact.")
    unread = await stories.delivered(database, scene, minutes=20, spent=20, title="À relire")
    await stories.confirm(database, boss, unread)
    await _review(database, lead, boss, unread)


async def _say(database: Database, who: Member, mission_id: UUID, words: str, *, agreed: bool) -> UUID:
    async with database.begin(tenant=who.tenant_id) as db:
        found = await threads(db, actor=who.actor, mission_id=mission_id)
        place = next(one.thread_id for one in found if one.agreed is agreed)
        written = await write_message(
            db, Unhurried(), actor=who.actor, mission_id=mission_id, thread_id=place, body=words
        )
    return written.id


async def _review(database: Database, author: Member, subject: Member, mission_id: UUID) -> UUID:
    async with database.begin(tenant=author.tenant_id) as db:
        terms = ReviewTerms(subject_id=subject.id, verdict=Verdict.GLADLY, words="À l'heure, et soigné.")
        return (await write_review(db, actor=author.actor, mission_id=mission_id, terms=terms)).id


async def act_for_others(database: Database, scene: Village) -> None:
    """Renée, who has no computer, her delegate, what was entered for her and contested, and her letters."""
    home, manager = scene.coop, scene.coop.manager.actor
    async with database.begin(tenant=home.tenant_id) as db:
        renee = await admit_offline_member(
            db, actor=manager, display_name="Renée Sansordi", postal_address=ADDRESS
        )
    live = await proposed(database, home, renee.id, scene.other.id)
    await approved(database, live.id, scene.author, home.manager)
    await proposed(database, home, scene.bidder.id, scene.other.id)
    async with database.begin(tenant=home.tenant_id) as db:
        entry = await enter_for_represented(
            db,
            actor=scene.other.actor,
            delegation_id=live.id,
            to=scene.bidder.id,
            amount_minutes=HOUR,
            reason="Bois rentré",
        )
        await contest_entry(db, actor=scene.bidder.actor, entry_id=entry, words="C'était une demi-heure.")
        letters = await write_letters(db, actor=manager)
        await mark_letter_printed(db, actor=manager, letter_id=letters[0].id)
        await enter_paper_exchange(
            db,
            actor=manager,
            giver_id=renee.id,
            to=scene.author.id,
            happened_on=date.today() - timedelta(days=2),  # noqa: DTZ011 (any recent day)
            amount_minutes=30,
            reason="Courses",
        )


async def come_and_go(database: Database, scene: Village) -> None:
    """Somebody who left and is to be forgotten, one who asks to come back, one who owes, a file to release."""
    home = scene.coop
    gone = await factories.join_member(database, home, name="Édith Effacée")
    back = await factories.join_member(database, home, name="Rémi Revenant")
    owing = await factories.join_member(database, home, name="Léon Endetté")
    for member in (gone, back):
        async with database.begin(tenant=home.tenant_id, person=member.person_id) as db:
            await leave(db, actor=member.actor)
    async with database.begin(person=gone.person_id) as db:
        await ask_membership_erasure(db, person_id=gone.person_id, membership_id=gone.id)
    async with database.begin(person=gone.person_id) as db:
        await ask_erasure(db, person_id=gone.person_id)
    async with database.begin(tenant=home.tenant_id, person=back.person_id) as db:
        await ask_to_join_signed_in(
            db,
            tenant_id=home.tenant_id,
            person_id=back.person_id,
            display_name=back.name,
            message="Je reviens habiter ici.",
        )
    async with database.begin(tenant=home.tenant_id) as db:
        await post_transfer(
            db, actor=owing.actor, to=scene.other.id, amount_minutes=15, reason="Un coup de main"
        )
        await ask_write_off(db, actor=owing.actor)
    await brought(database, home.manager, "members", TIMEOVERFLOW_MEMBERS)
    await brought(database, home.manager, "members", "Nom,Courriel\nSans arobase,nulle part\n")


async def tell_of_oneself(database: Database, member: Member, skill_id: UUID, reader: Audience) -> None:
    """A profile with something in every field, for this reader; a skill, a search to keep, and how to be told."""
    async with database.begin(tenant=member.tenant_id, person=member.person_id) as db:
        await change_profile(
            db,
            actor=member.actor,
            display_name=member.name,
            contact_phone="+33 6 11 22 33 44",
            territory="29",
            presentation="J'aime le *bois*.",
            languages=["br", "en"],
            availability=Availability(weekly_minutes=3 * HOUR, free_days=[Weekday.WEDNESDAY]),
            audiences={"phone": Audience.PARTNERS, "presentation": reader, "skills": reader},
        )
        await set_member_skill(
            db, actor=member.actor, skill_id=skill_id, level=SkillLevel.ABLE, note="Surtout les escaliers"
        )
        await save_search(db, actor=member.actor, name="Du bois", asked=MissionSearch(q="bois"))
        await change_notice_preferences(
            db, actor=member.actor, choices={}, quiet_from=time(21), quiet_until=time(8), digest=True
        )
