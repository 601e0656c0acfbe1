"""What members of a demo cooperative say to each other and of each other: messages on missions, and reviews.

Every step is a verb, noted in the calendar. This file must never write a row itself.
"""

from random import Random
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.conversations import threads
from marketplace.demo.road import Cast, Road
from marketplace.demo.story import set_type
from marketplace.messages import write_message
from marketplace.reviews import ReviewTerms, Verdict, answer_review, write_review
from marketplace.saved_searches import Telling, save_search
from marketplace.search import MissionSearch
from tenants.actors import Actor
from tenants.platform.throttle import Limit, Throttle


class Told(NamedTuple):
    """How it went, by the one who gave the hours and the one who did the work; and what the latter answered."""

    of_provider: tuple[Verdict, str]
    of_payer: tuple[Verdict, str]
    answer: str = ""


REVIEWED_OF_TEN: Final = 6
REVIEWS: Final = (
    Told(
        (Verdict.GLADLY, "À l'heure, soigné, et tout est expliqué au passage."),
        (Verdict.GLADLY, "Tout était prêt à mon arrivée, et le café aussi."),
    ),
    Told(
        (Verdict.WELL, "Le travail est bien fait. Nous aurions gagné à nous parler un peu plus tôt."),
        (Verdict.WELL, "Une demande claire et un délai honnête."),
    ),
    Told(
        (Verdict.GLADLY, "De la patience et de la bonne humeur. J'ai appris quelque chose."),
        (Verdict.GLADLY, "Un plaisir : je reviendrai."),
    ),
    Told(
        (Verdict.MIXED, "Le résultat est là, avec une semaine de retard."),
        (Verdict.WELL, "J'ai attendu longtemps ce qu'il me fallait, mais l'échange est resté cordial."),
        "C'est vrai pour la semaine : j'aurais dû vous prévenir dès les premiers jours.",
    ),
)


class _Unhurried(Throttle):
    """Counts nothing: what took months is told in a minute."""

    def __init__(self) -> None:
        pass

    async def attempt(self, limit: Limit, subject: str) -> None:
        """Let it happen."""


def say(road: Road, who: str, words: str, days: float = 0.1) -> Road:
    """Let ``who`` write in the first conversation that they have about the mission."""

    async def write(db: AsyncSession, actor: Actor) -> None:
        mission = road.ids["mission"]
        place = (await threads(db, actor=actor, mission_id=mission))[0]
        await write_message(
            db,
            _Unhurried(),
            actor=actor,
            mission_id=mission,
            thread_id=place.thread_id,
            body=set_type(words),
        )

    return road.then(days, who, write)


def review(road: Road, who: str, verdict: Verdict, words: str, days: float = 0.4) -> Road:
    """Let one of the two say how it went with the other."""
    other = road.provider if who == road.payer else road.payer

    async def write(db: AsyncSession, actor: Actor) -> None:
        terms = ReviewTerms(subject_id=road.cast.actors[other].member, verdict=verdict, words=set_type(words))
        written = await write_review(db, actor=actor, mission_id=road.ids["mission"], terms=terms)
        road.ids[f"review of {other}"] = written.id

    return road.then(days, who, write)


def review_both(road: Road) -> None:
    """Let both say how it went, more often than not; some answer what was said of them."""
    draw = Random(f"{road.told.title} {road.days_ago:.2f}")  # noqa: S311 (a story, not a secret)
    if draw.randrange(10) >= REVIEWED_OF_TEN:
        return
    told = draw.choice(REVIEWS)
    review(road, road.payer, *told.of_provider)
    review(road, road.provider, *told.of_payer)
    if told.answer:
        provider = road.provider

        async def answer(db: AsyncSession, actor: Actor) -> None:
            await answer_review(
                db, actor=actor, review_id=road.ids[f"review of {provider}"], answer=set_type(told.answer)
            )

        road.then(0.5, provider, answer)


def tell_search(cast: Cast, who: str) -> None:
    """Let a member keep a search, three weeks ago."""
    name, words = cast.story.search

    async def save(db: AsyncSession) -> None:
        asked = MissionSearch(q=words)
        await save_search(db, actor=cast.actors[who], name=name, asked=asked, telling=Telling.AT_ONCE)

    if words:
        cast.calendar.at(21.0, save)
