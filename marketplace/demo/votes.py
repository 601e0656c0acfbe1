"""Votes of the demo: one that is counted and one that is open, told as steps of the calendar.

This file must never write a row itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from governance.ballots import Marks, cast_ballot
from governance.opening import open_vote
from governance.vote_policies import Threshold
from governance.votes import VoteMethod
from marketplace.demo.calendar import Step
from marketplace.demo.road import Cast
from marketplace.demo.story import set_type

LASTS: Final = timedelta(days=5)


@dataclass(frozen=True)
class Poll:
    """A vote of the story: ``marks`` is what the voter at a place in the list of members marks."""

    question: str
    explanation: str
    method: VoteMethod
    options: tuple[str, ...]
    marks: Callable[[int], Marks]
    days_ago: float
    voters: int


def _judged(place: int) -> Marks:
    grades = ((1, 3, 5), (2, 2, 6), (4, 1, 3), (2, 4, 7), (3, 2, 4), (1, 5, 2))
    return Marks(grades=dict(enumerate(grades[place % len(grades)], start=1)))


def _ranked(place: int) -> Marks:
    orders = ({1: 1, 2: 2}, {2: 1, 3: 2, 1: 3}, {3: 1, 2: 2}, {1: 1, 4: 2}, {2: 1})
    return Marks(ranks=orders[place % len(orders)])


def _chosen(place: int) -> Marks:
    return Marks(choice=(1, 1, 2, 1, 0)[place % 5])


POLLS: Final = {
    "ateliers-de-la-rade": (
        Poll(
            "Que faire de la salle du fond ?",
            "Elle est vide depuis l'été. Chaque idée a été présentée à la réunion de rentrée.",
            VoteMethod.JUDGMENT,
            ("Un atelier de réparation", "Une salle pour les enfants", "Un bureau partagé"),
            _judged,
            16.0,
            23,
        ),
        Poll(
            "Quel jour pour la permanence d'accueil ?",
            "Deux heures par semaine, à tour de rôle.",
            VoteMethod.SCHULZE,
            ("Mardi soir", "Samedi matin", "Mercredi après-midi"),
            _ranked,
            2.0,
            9,
        ),
    ),
    "fabrique-du-vercors": (
        Poll(
            "Adhérer au réseau des coopératives de montagne ?",
            "La cotisation est de 120 € par an ; la présentation est dans le compte rendu de juin.",
            VoteMethod.MAJORITY,
            (),
            _chosen,
            20.0,
            17,
        ),
        Poll(
            "Ouvrir l'atelier le dimanche matin ?",
            "De 9 h à midi, d'avril à septembre.",
            VoteMethod.MAJORITY,
            (),
            _chosen,
            1.5,
            6,
        ),
    ),
}


def tell_votes(cast: Cast) -> None:
    """Tell the votes of this cooperative, opened by who founded it in the circle of all."""
    for poll in POLLS.get(cast.story.slug, ()):
        _tell(cast, poll)


def _tell(cast: Cast, poll: Poll) -> None:
    names = [one.name for one in cast.story.people]
    made: list[UUID] = []

    async def opens(db: AsyncSession) -> None:
        actor = cast.actors[names[0]]
        opened = await open_vote(
            db,
            actor=actor,
            circle_id=actor.tenant_id,
            method=poll.method,
            question=set_type(poll.question),
            explanation=set_type(poll.explanation),
            options=[set_type(option) for option in poll.options],
            threshold=Threshold.MORE_THAN_HALF,
            closes_at=datetime.now(UTC) + LASTS,
        )
        made.append(opened.vote.id)

    cast.calendar.at(poll.days_ago, opens)
    for place in range(poll.voters):
        cast.calendar.at(
            poll.days_ago - 0.05 * (place + 1), _votes(cast, names[place + 2], made, poll.marks(place))
        )


def _votes(cast: Cast, name: str, made: list[UUID], marks: Marks) -> Step:
    async def step(db: AsyncSession) -> None:
        await cast_ballot(db, actor=cast.actors[name], vote_id=made[0], marks=marks)

    return step
