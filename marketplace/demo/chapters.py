"""The life of a demo cooperative, told as steps of its calendar.

What happens is drawn with a fixed seed, so that two demos tell the same story. Nobody is asked for hours they
do not have. This file must never write a row itself.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.demo.road import LOWEST, OTHER_BIDS, Cast, Road
from marketplace.demo.story import Told, set_type
from marketplace.demo.voices import review, review_both, say, tell_search
from marketplace.mission_terms import MissionKind
from marketplace.reviews import Verdict
from timebank.exchanges import post_transfer
from timebank.gifts import give

PAST_DAYS: Final = 140.0


def tell_past(cast: Cast, leads: tuple[str, ...]) -> None:
    """Tell the months that have passed: missions settled, exchanges, gifts. ``leads`` take part often."""
    story, draw = cast.story, cast.draw
    moments: list[tuple[float, Callable[[float], None]]] = []
    for round_ in range(2):
        moments += [
            (draw.uniform(14, PAST_DAYS), _settled(cast, told, leads, again=round_ > 0))
            for told in story.past
        ]
    for reason, minutes in story.exchanges * 2:
        moments.append((draw.uniform(2, PAST_DAYS), _exchange(cast, reason, minutes)))
    for message, minutes in story.gifts:
        moments.append((draw.uniform(3, PAST_DAYS - 40), _gift(cast, message, minutes)))
    for days_ago, happen in sorted(moments, key=lambda one: -one[0]):
        happen(days_ago)


def _settled(cast: Cast, told: Told, leads: tuple[str, ...], *, again: bool) -> Callable[[float], None]:
    def happen(days_ago: float) -> None:
        if again and cast.draw.random() < 0.45:  # noqa: PLR2004 (not every job comes back)
            return
        one, other = cast.pair(told.minutes)
        if cast.draw.random() < 0.3 and leads[0] not in {one, other}:  # noqa: PLR2004
            one, other = (leads[0], other) if cast.has(leads[0]) - told.minutes >= LOWEST else (one, leads[0])
        author, bidder = (one, other) if told.kind is MissionKind.REQUEST else (other, one)
        road = Road(cast, told, author, bidder, days_ago).posted()
        if cast.draw.random() < 0.4:  # noqa: PLR2004
            third = cast.draw.choice([name for name in cast.actors if name not in {author, bidder}])
            road.bid(0.5, who=third, message=cast.draw.choice(OTHER_BIDS), more=30)
        spent = told.minutes + cast.draw.choice((-15, 0, 0, 0, 15))
        road.bid(0.7).accepted().started().delivered(
            cast.draw.uniform(1, 5), spent=max(15, spent)
        ).confirmed()
        cast.pay(road.payer, road.provider, min(max(15, spent), told.minutes))
        review_both(road)

    return happen


def _exchange(cast: Cast, reason: str, minutes: int) -> Callable[[float], None]:
    def happen(days_ago: float) -> None:
        giver, to = cast.pair(minutes)

        async def step(db: AsyncSession) -> None:
            await post_transfer(
                db,
                actor=cast.actors[giver],
                to=cast.actors[to].member,
                amount_minutes=minutes,
                reason=set_type(reason),
            )

        cast.calendar.at(days_ago, step)
        cast.pay(giver, to, minutes)

    return happen


def _gift(cast: Cast, message: str, minutes: int) -> Callable[[float], None]:
    def happen(days_ago: float) -> None:
        giver = max(cast.actors, key=cast.has)

        async def step(db: AsyncSession) -> None:
            await give(
                db, actor=cast.actors[giver], to=None, amount_minutes=minutes, message=set_type(message)
            )

        cast.calendar.at(days_ago, step)
        cast.pay(giver, None, minutes)

    return happen


def tell_present(cast: Cast, lead: str, answers: str, mediator: str) -> None:
    """Tell what is going on: a mission in every state, most of them around ``lead``."""
    now, names = cast.story.present, [one.name for one in cast.story.people]
    third, fourth, fifth, sixth = names[7], names[8], names[9], names[10]

    def road(name: str, author: str, bidder: str, days_ago: float) -> Road:
        return Road(cast, now[name], author, bidder, days_ago)

    road("draft", lead, third, 1.5).posted(publish=False)
    for place, told in enumerate(cast.story.open):
        Road(cast, told, names[(5 * place + 12) % len(names)], lead, 2.2 + 3.7 * place).posted()
    road("open_new", third, lead, 0.6).posted()
    road("open_one", fourth, fifth, 3.2).posted().bid(2.0)
    many = road("open_many", lead, answers, 4.1).posted().bid(1.4)
    say(many, answers, "Avez-vous une date en tête ? Je peux commencer mardi.")
    say(many, lead, "Mardi, c'est parfait. Je vous prépare tout d'ici là.")
    many.bid(0.9, who=fifth, message=OTHER_BIDS[0], more=30)
    many.bid(0.7, who=sixth, message=OTHER_BIDS[1], more=60)
    road("open_offer", names[22], names[38], 5.0).posted().bid(3.5)
    road("agreed", third, answers, 6.0).posted().bid().accepted()
    under_way = road("under_way", names[2], lead, 8.0).posted().bid().accepted().started()
    say(under_way, lead, "C'est commencé. À qui dois-je le montrer avant la fin ?", 2.0)
    say(under_way, names[2], "À moi, cela suffit. Prenez le temps qu'il faut.")
    extra = now["delivered"].minutes + 30
    road("delivered", lead, names[5], 9.0).posted().bid().accepted().started().delivered(3.0, spent=extra)
    road("delivered_waits", names[11], lead, 8.5).posted().bid().accepted().delivered(2.5)
    road("disputed", fifth, names[21], 11.0).posted().bid().accepted().started().delivered(3.0).disputed()
    road(
        "mediated", names[13], names[16], 34.0
    ).posted().bid().accepted().started().delivered().disputed().mediated(mediator)
    settled = road("settled", answers, lead, 13.0).posted().bid().accepted().started().delivered().confirmed()
    review(
        settled, answers, Verdict.GLADLY, "Tout était clair dès le premier message. Merci pour la confiance."
    )
    tell_search(cast, lead)
    road("withdrawn", sixth, fifth, 26.0).posted().withdrawn()
    road("expired", names[14], fifth, 19.0).posted(today=True)
    if "team" in now:
        more = now["team"].minutes + 45
        road("team", lead, answers, 6.5).posted().team_bid(names[9], names[10]).accepted().started().amended(
            more, "Deux panneaux de plus que prévu : il faut trois quarts d'heure de pose en plus."
        )
    road("stopping", names[15], names[19], 7.0).posted().bid().accepted().stop_proposed()
    road("silent", names[17], names[11], 27.0).posted().bid().accepted().delivered(2.0)
