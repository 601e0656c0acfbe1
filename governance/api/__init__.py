"""The members' decisions in the JSON API."""

from typing import Final

from litestar.types import ControllerRouterHandler

from governance.api import circle_people, circles, colleges, contests, proposal_acts, proposals, votes

API: Final[tuple[ControllerRouterHandler, ...]] = (
    *circles.API,
    *circle_people.API,
    *colleges.API,
    *contests.API,
    *proposals.API,
    *proposal_acts.API,
    *votes.API,
)
