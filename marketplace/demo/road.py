"""One mission on its way through the demo, a step at a time; and the members who take part.

Every step is a verb, noted in the calendar. This file must never write a row itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import (
    agreements,
    amending,
    bids,
    cancellations,
    deliveries,
    disputes,
    missions,
    team_answers,
)
from marketplace.amending import AmendmentTerms
from marketplace.bids import BidTerms
from marketplace.cancellations import CancellationTerms
from marketplace.deliveries import DeliveryTerms
from marketplace.demo.calendar import Calendar
from marketplace.demo.story import Story, Told, set_type
from marketplace.disputes import DecisionTerms, DisputeTerms, StatementTerms
from marketplace.mission_terms import MissionKind, MissionTerms, MissionVisibility
from marketplace.team_terms import PartTerms
from tenants.actors import Actor

LOWEST: Final = -15 * 60
HIGHEST: Final = 80 * 60

OTHER_BIDS: Final = (
    "Je suis disponible la semaine prochaine.",
    "Ce serait une première pour moi, mais je suis du quartier et j'ai du temps.",
    "Je peux m'y mettre ce week-end.",
)


@dataclass
class Cast:
    """The members by name, and what each has, so that nobody promises what they lack."""

    story: Story
    calendar: Calendar
    actors: dict[str, Actor]
    skills: dict[str, UUID]
    draw: Random
    minutes: dict[str, int] = field(default_factory=dict)

    def has(self, name: str) -> int:
        """What this member has, in minutes, by the order in which the story is told."""
        return self.minutes.get(name, 0)

    def pay(self, payer: str, provider: str | None, minutes: int) -> None:
        """Remember that hours went from one to the other (or to the pot)."""
        self.minutes[payer] = self.has(payer) - minutes
        if provider:
            self.minutes[provider] = self.has(provider) + minutes

    def pair(self, minutes: int, *, without: tuple[str, ...] = ()) -> tuple[str, str]:
        """Draw one who can give ``minutes`` and one who can receive them."""
        names = [one.name for one in self.story.people if one.name not in without]
        payer = self.draw.choice([name for name in names if self.has(name) - minutes >= LOWEST])
        # Those who gave most are more often called upon: that is how hours go round.
        others = [name for name in names if name != payer and self.has(name) + minutes <= HIGHEST]
        provider = min(self.draw.sample(others, 3), key=self.has)
        return payer, provider


@dataclass
class Road:
    """One mission on its way, a step at a time; ``days_ago`` is where its story has got to."""

    cast: Cast
    told: Told
    author: str
    bidder: str
    days_ago: float
    ids: dict[str, UUID] = field(default_factory=dict)

    @property
    def payer(self) -> str:
        """Who gives the hours."""
        return self.author if self.told.kind is MissionKind.REQUEST else self.bidder

    @property
    def provider(self) -> str:
        """Who does the work."""
        return self.bidder if self.told.kind is MissionKind.REQUEST else self.author

    def then(self, days: float, who: str, verb: Callable[[AsyncSession, Actor], Any]) -> "Road":
        """Let ``who`` do this, some days after what came before."""
        self.days_ago = max(0.01, self.days_ago - days)
        actor = self.cast.actors[who]

        async def step(db: AsyncSession) -> None:
            await verb(db, actor)

        self.cast.calendar.at(self.days_ago, step)
        return self

    def posted(self, *, publish: bool = True, today: bool = False) -> "Road":
        """Write the mission; with ``today``, its last day is the day on which it is written."""

        async def post(db: AsyncSession, actor: Actor) -> None:
            clock = await missions.today(db, tenant_id=actor.tenant_id)
            terms = MissionTerms(
                kind=self.told.kind,
                title=set_type(self.told.title),
                description=set_type(self.told.description),
                estimated_minutes=self.told.minutes,
                skills=[self.cast.skills[name] for name in self.told.skills],
                place=self.told.place,
                ownership=self.told.ownership,
                visibility=MissionVisibility.PUBLIC if self.told.public else MissionVisibility.COOPERATIVE,
                expires_on=clock.day if today else None,
            )
            mission = await missions.post_mission(db, actor=actor, terms=terms, publish=publish)
            self.ids["mission"] = mission.id

        return self.then(0, self.author, post)

    def bid(self, days: float = 1.2, *, who: str | None = None, message: str = "", more: int = 0) -> "Road":
        """Let somebody answer; by default the one who will be chosen."""

        async def place(db: AsyncSession, actor: Actor) -> None:
            terms = BidTerms(message=set_type(message or self.told.bid), minutes=self.told.minutes + more)
            placed = await bids.place_bid(db, actor=actor, mission_id=self.ids["mission"], terms=terms)
            if who is None:
                self.ids["bid"] = placed.id

        return self.then(days, who or self.bidder, place)

    def team_bid(self, *mates: str, days: float = 1.0) -> "Road":
        """Let the bidder answer with a team, who accept their parts one after the other: two shares, then one each."""

        async def place(db: AsyncSession, actor: Actor) -> None:
            team = [PartTerms(member_id=actor.member, shares=2)]
            team += [PartTerms(member_id=self.cast.actors[name].member) for name in mates]
            terms = BidTerms(message=set_type(self.told.bid), minutes=self.told.minutes, team=team)
            placed = await bids.place_bid(db, actor=actor, mission_id=self.ids["mission"], terms=terms)
            self.ids["bid"] = placed.id

        self.then(days, self.bidder, place)
        for name in mates:
            self.then(
                0.4,
                name,
                lambda db, actor: team_answers.accept_part(
                    db, actor=actor, mission_id=self.ids["mission"], bid_id=self.ids["bid"]
                ),
            )
        return self

    def amended(self, minutes: int, reason: str, days: float = 1.0) -> "Road":
        """Let the provider propose other hours, which nobody has answered yet."""
        terms = AmendmentTerms(agreed_minutes=minutes, reason=set_type(reason))
        return self.then(
            days,
            self.provider,
            lambda db, actor: amending.propose_amendment(
                db, actor=actor, mission_id=self.ids["mission"], terms=terms
            ),
        )

    def accepted(self, days: float = 1.1) -> "Road":
        """Let the author accept."""
        return self.then(
            days,
            self.author,
            lambda db, actor: agreements.accept_bid(
                db, actor=actor, mission_id=self.ids["mission"], bid_id=self.ids["bid"]
            ),
        )

    def started(self, days: float = 0.8) -> "Road":
        """Let the provider begin."""
        return self.then(
            days,
            self.provider,
            lambda db, actor: agreements.start_mission(db, actor=actor, mission_id=self.ids["mission"]),
        )

    def delivered(self, days: float = 2.3, *, spent: int | None = None) -> "Road":
        """Let the provider deliver."""
        terms = DeliveryTerms(spent_minutes=spent or self.told.minutes, note=set_type(self.told.note))
        return self.then(
            days,
            self.provider,
            lambda db, actor: deliveries.deliver(
                db, actor=actor, mission_id=self.ids["mission"], terms=terms
            ),
        )

    def confirmed(self, days: float = 0.9, *, extra: int = 0) -> "Road":
        """Let the payer confirm."""
        return self.then(
            days,
            self.payer,
            lambda db, actor: deliveries.confirm_delivery(
                db, actor=actor, mission_id=self.ids["mission"], extra_minutes=extra
            ),
        )

    def withdrawn(self, days: float = 2.0) -> "Road":
        """Let the author take it back."""
        return self.then(
            days,
            self.author,
            lambda db, actor: missions.withdraw_mission(db, actor=actor, mission_id=self.ids["mission"]),
        )

    def disputed(self, days: float = 0.9) -> "Road":
        """Let the payer contest, and the provider answer."""
        reason = DisputeTerms(
            reason=set_type("Ce n'est pas ce que nous avions convenu : il en manque une partie.")
        )
        side = StatementTerms(
            statement=set_type("J'ai fait ce qui était possible avec ce que j'avais sur place.")
        )
        self.then(
            days,
            self.payer,
            lambda db, actor: disputes.dispute_delivery(
                db, actor=actor, mission_id=self.ids["mission"], terms=reason
            ),
        )
        return self.then(
            0.6,
            self.provider,
            lambda db, actor: disputes.add_statement(
                db, actor=actor, mission_id=self.ids["mission"], terms=side
            ),
        )

    def mediated(self, mediator: str, days: float = 2.0) -> "Road":
        """Let a mediator decide: two thirds are due."""
        posted = self.told.minutes * 2 // 3
        terms = DecisionTerms(
            posted_minutes=posted,
            decision=set_type(
                "Vous avez été entendus tous les deux. Le travail rendu sert déjà : les deux tiers sont dus."
            ),
        )
        return self.then(
            days,
            mediator,
            lambda db, actor: disputes.decide_dispute(
                db, actor=actor, mission_id=self.ids["mission"], terms=terms
            ),
        )

    def stop_proposed(self, days: float = 1.0) -> "Road":
        """Let the provider propose to stop."""
        terms = CancellationTerms(
            reason=set_type("Je me suis fait mal au dos : je ne pourrai pas avant plusieurs semaines.")
        )
        return self.then(
            days,
            self.provider,
            lambda db, actor: cancellations.propose_cancellation(
                db, actor=actor, mission_id=self.ids["mission"], terms=terms
            ),
        )
