"""The pages of the missions: home, list, one mission with its next step, disputes, skills; the demo's mailbox."""

from typing import Final

from litestar.types import ControllerRouterHandler

from marketplace.pages import disputes, home, leaving, mailbox, member_skills, missions, public, skills, steps

PAGES: Final[tuple[ControllerRouterHandler, ...]] = (
    home.home,
    *mailbox.PAGES,
    *public.PAGES,
    missions.missions_page,
    missions.missions_csv,
    missions.new_mission_page,
    missions.post_mission_form,
    missions.mission_page,
    missions.edit_mission_page,
    missions.edit_mission_form,
    steps.publish,
    steps.withdraw,
    steps.bid,
    steps.withdraw_bid,
    steps.accept,
    steps.start,
    steps.deliver,
    steps.confirm,
    steps.dispute,
    steps.state,
    steps.decide,
    steps.propose_stop,
    steps.accept_stop,
    steps.refuse_stop,
    disputes.disputes_page,
    member_skills.own_skills_page,
    member_skills.set_own_skill,
    member_skills.remove_own_skill,
    skills.skills_page,
    skills.add_skill_form,
    skills.retire_skill_form,
    *leaving.PAGES,
)
