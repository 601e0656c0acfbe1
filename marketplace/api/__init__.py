"""The JSON API of the missions: one operation per verb, named after it."""

from typing import Final

from litestar.types import ControllerRouterHandler

from marketplace.api import (
    agreements,
    deliveries,
    leaving,
    matches,
    member_search,
    member_skills,
    messages,
    missions,
    search,
    skills,
    teams,
    waiting,
)

API: Final[tuple[ControllerRouterHandler, ...]] = (
    missions.open_missions,
    search.search_missions,
    search.saved_searches,
    search.save_search,
    search.change_search,
    search.delete_search,
    missions.post_mission,
    missions.mission,
    missions.edit_mission,
    missions.publish_mission,
    missions.withdraw_mission,
    agreements.place_bid,
    agreements.withdraw_bid,
    agreements.accept_bid,
    agreements.start_mission,
    agreements.propose_cancellation,
    agreements.accept_cancellation,
    agreements.refuse_cancellation,
    deliveries.deliver,
    deliveries.confirm_delivery,
    deliveries.dispute_delivery,
    deliveries.add_statement,
    deliveries.decide_dispute,
    waiting.waiting_missions,
    waiting.open_disputes,
    member_search.search_members,
    member_skills.member_skills,
    member_skills.set_member_skill,
    member_skills.remove_member_skill,
    *messages.API,
    *matches.API,
    skills.skills,
    skills.add_skill,
    skills.retire_skill,
    *leaving.API,
    *teams.API,
)
