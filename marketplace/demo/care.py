"""How a demo cooperative's pot helped: small requests over past months, and one that waits today.

Enough people were helped for the pot's statement to have lines. This file must never write a row itself.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.demo.road import Cast
from marketplace.demo.story import set_type
from timebank.gifts import give
from timebank.pot_decisions import grant_pot_request, refuse_pot_request
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import ask_pot

HELPED: Final = 14
EACH_MINUTES: Final = 20
ASKED: Final = (
    (PotPurpose.DIGITAL, "Je n'arrive pas à refaire mes papiers en ligne."),
    (PotPurpose.HEALTH, "Je sors de l'hôpital, j'aurais besoin d'un coup de main à la maison."),
    (PotPurpose.HOME, "Je déménage à la fin du mois, seule avec les cartons."),
)


def tell_care(cast: Cast, lead: str, steward: str) -> None:
    """Tell gifts to the pot, what it gave between three and two months ago, and a request of yesterday."""
    names = [one.name for one in cast.story.people if one.name != steward]
    for place, donor in enumerate(names[:5]):
        _give(cast, donor, 100.0 - place)
    for place, name in enumerate(names[12 : 12 + HELPED]):
        _ask(cast, name, 90.0 - 2 * place, place, steward)
    _ask(cast, lead, 44.0, 0, steward)
    _refused(cast, names[-2], 30.0, steward)
    _ask(cast, names[-1], 1.2, 2, None)


def _give(cast: Cast, donor: str, days_ago: float) -> None:
    async def step(db: AsyncSession) -> None:
        await give(db, actor=cast.actors[donor], to=None, amount_minutes=60)

    cast.calendar.at(days_ago, step)


def _ask(cast: Cast, name: str, days_ago: float, place: int, steward: str | None) -> None:
    purpose, words = ASKED[place % len(ASKED)]

    async def ask(db: AsyncSession) -> None:
        request = await ask_pot(
            db,
            actor=cast.actors[name],
            purpose=purpose,
            words=set_type(words),
            asked_minutes=EACH_MINUTES if steward else 2 * EACH_MINUTES,
        )
        if steward:
            await grant_pot_request(
                db,
                actor=cast.actors[steward],
                request_id=request.id,
                amount_minutes=EACH_MINUTES,
                answer=set_type("Bon courage !"),
            )

    cast.calendar.at(days_ago, ask)


def _refused(cast: Cast, name: str, days_ago: float, steward: str) -> None:
    """Let somebody ask for more than the pot can give, and be told why not."""

    async def ask(db: AsyncSession) -> None:
        words = set_type("Une journée de déménagement, à quatre.")
        request = await ask_pot(
            db, actor=cast.actors[name], purpose=PotPurpose.HOME, words=words, asked_minutes=32 * 60
        )
        await refuse_pot_request(
            db,
            actor=cast.actors[steward],
            request_id=request.id,
            answer=set_type("La caisse n'en a pas autant. Publiez une mission : nous viendrons à plusieurs."),
        )

    cast.calendar.at(days_ago, ask)
