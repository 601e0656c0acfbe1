"""The pages on which members decide."""

from typing import Final

from litestar.types import ControllerRouterHandler

from governance.pages import (
    circle_people,
    circles,
    colleges,
    contests,
    perimeters,
    proposal_acts,
    proposal_forms,
    proposal_votes,
    proposals,
    vote_results,
    votes,
)

PAGES: Final[tuple[ControllerRouterHandler, ...]] = (
    *circles.PAGES,
    *perimeters.PAGES,
    *circle_people.PAGES,
    *colleges.PAGES,
    *contests.PAGES,
    *proposals.PAGES,
    *proposal_forms.PAGES,
    *proposal_acts.PAGES,
    *proposal_votes.PAGES,
    *votes.PAGES,
    *vote_results.PAGES,
)
