"""A mission done by a team against fifty lines of Python: whoever tries what, both agree on what is held and paid."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import (
    agreements,
    amending,
    amendment_answers,
    bids,
    cancellations,
    deliveries,
    disputes,
    team_answers,
)
from marketplace.amending import AmendmentTerms
from marketplace.bids import BidTerms
from marketplace.cancellations import CancellationTerms
from marketplace.deliveries import DeliveryTerms
from marketplace.disputes import DecisionTerms, DisputeTerms
from marketplace.splits import split
from marketplace.team_terms import PartTerms
from tenants.platform.database import Database
from tenants.platform.errors import Refusal
from tests.factories import Member
from tests.marketplace.stories import balance, posted
from tests.marketplace.team_stories import Crew, crew, proven

CLIENT, LEAD = 0, 1
members = st.integers(0, 3)
shares = st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))
minutes = st.integers(1, 50)

Verb = Callable[[AsyncSession], Awaitable[Any]]


class TeamMachine(RuleBasedStateMachine):
    """One mission after another, each on its way by whatever is tried; what is refused changes nothing."""

    scene: Crew
    database: Database
    run: Any
    # What everybody has, over all the examples: the cooperative is one.
    have: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.people: list[Member] = [
            self.scene.client,
            self.scene.lead,
            self.scene.second,
            self.scene.fourth,
        ]
        self.begin()

    def begin(self) -> None:
        self.mission: UUID = self.run(posted(self.database, self.scene.client))
        self.state, self.agreed, self.spent = "open", 0, 0
        self.bid: UUID | None = None
        self.team: dict[int, int] = {}
        self.open_parts: dict[int, bool | None] = {}
        self.amendment: tuple[UUID, int, int, dict[int, int]] | None = None
        self.asked: set[int] = set()

    def attempt(self, verb: Verb) -> Any:
        """What the verb returned, or the refusal."""

        async def work() -> Any:
            try:
                async with self.database.begin(tenant=self.scene.client.tenant_id) as db:
                    return await verb(db)
            except Refusal as refusal:
                return refusal

        return self.run(work())

    def terms(self, chosen: tuple[int, int, int]) -> tuple[dict[int, int], list[PartTerms]]:
        team = {one: mine for one, mine in zip((1, 2, 3), chosen, strict=True) if mine}
        return team, [PartTerms(member_id=self.people[one].id, shares=mine) for one, mine in team.items()]

    def parts(self, total: int, team: dict[int, int]) -> dict[int, int]:
        ids: dict[UUID, int] = {self.people[one].id: one for one in team}
        found = split(total, {self.people[one].id: mine for one, mine in team.items()}, seed=self.mission)
        return {ids[member]: part.minutes for member, part in found.items()}

    def pay(self, total: int) -> None:
        self.have[CLIENT] -= total
        for one, got in self.parts(total, self.team).items():
            self.have[one] += got
        self.begin()

    @rule(chosen=shares, total=minutes)
    def place(self, chosen: tuple[int, int, int], total: int) -> None:
        team, asked = self.terms(chosen)
        before = {one: self.parts(self.agreed, self.team).get(one) for one in self.team} if self.bid else {}
        placed = self.attempt(
            lambda db: bids.place_bid(
                db,
                actor=self.people[LEAD].actor,
                mission_id=self.mission,
                terms=BidTerms(message="Nous sommes prêts.", minutes=total, team=asked),
            )
        )
        assert isinstance(placed, Refusal) == (self.state != "open")
        if self.state != "open":
            return
        after = self.parts(total, team)
        kept = {
            one
            for one, accepted in self.open_parts.items()
            if accepted and len(self.team) > 1 and before.get(one) == after.get(one)
        }
        self.bid, self.team, self.agreed = placed.id, team, total
        self.open_parts = {one: True if one == LEAD or one in kept else None for one in team}

    @rule(who=members, accepts=st.booleans())
    def answer_part(self, who: int, *, accepts: bool) -> None:
        if self.bid is None:
            return
        bid_id, verb = self.bid, team_answers.accept_part if accepts else team_answers.decline_part
        done = self.attempt(
            lambda db: verb(db, actor=self.people[who].actor, mission_id=self.mission, bid_id=bid_id)
        )
        asked = self.state == "open" and len(self.team) > 1 and who in self.team
        allowed = asked and (self.open_parts[who] is not False if accepts else who != LEAD)
        assert isinstance(done, Refusal) != allowed
        if allowed:
            self.open_parts[who] = accepts

    @rule()
    def accept(self) -> None:
        if self.bid is None:
            return
        bid_id = self.bid
        done = self.attempt(
            lambda db: agreements.accept_bid(
                db, actor=self.people[CLIENT].actor, mission_id=self.mission, bid_id=bid_id
            )
        )
        allowed = self.state == "open" and all(self.open_parts.values())
        assert isinstance(done, Refusal) != allowed
        if allowed:
            self.state = "agreed"

    @rule(who=members, chosen=shares, total=minutes)
    def amend(self, who: int, chosen: tuple[int, int, int], total: int) -> None:
        team, named = self.terms(chosen)
        done = self.attempt(
            lambda db: amending.propose_amendment(
                db,
                actor=self.people[who].actor,
                mission_id=self.mission,
                terms=AmendmentTerms(agreed_minutes=total, reason="C'est plus long.", team=named),
            )
        )
        if self.state not in {"agreed", "delivered"} or self.amendment or who not in {CLIENT, *self.team}:
            assert isinstance(done, Refusal)
            return
        were, will = self.parts(self.agreed, self.team), self.parts(total, team)
        old, new = sum(self.team.values()), sum(team.values())
        changed = {
            one
            for one in {*self.team, *team}
            if were.get(one, 0) != will.get(one, 0) or self.team.get(one, 0) * new != team.get(one, 0) * old
        }
        assert isinstance(done, Refusal) == (not changed)
        if changed:
            self.amendment, self.asked = (done.id, who, total, team), (changed | {CLIENT}) - {who}
            self.concerned = changed

    @rule(who=members, how=st.sampled_from(("accept", "accept", "accept", "refuse", "withdraw")))
    def answer_amendment(self, who: int, how: str) -> None:
        if self.amendment is None:
            return
        amendment_id, by, total, team = self.amendment
        verb = getattr(amendment_answers, f"{how}_amendment")
        done = self.attempt(
            lambda db: verb(
                db, actor=self.people[who].actor, mission_id=self.mission, amendment_id=amendment_id
            )
        )
        if how == "accept":
            allowed = who in self.concerned | {CLIENT}
        else:
            allowed = who == by if how == "withdraw" else who in (self.concerned | {CLIENT, LEAD}) - {by}
        assert isinstance(done, Refusal) != allowed
        if not allowed:
            return
        self.asked.discard(who)
        if how == "accept" and not self.asked:
            self.agreed, self.team = total, team
        if how != "accept" or not self.asked:
            self.amendment = None

    @rule(who=members, spent=st.integers(1, 70))
    def deliver(self, who: int, spent: int) -> None:
        done = self.attempt(
            lambda db: deliveries.deliver(
                db,
                actor=self.people[who].actor,
                mission_id=self.mission,
                terms=DeliveryTerms(spent_minutes=spent),
            )
        )
        allowed = self.state == "agreed" and who == LEAD
        assert isinstance(done, Refusal) != allowed
        if allowed:
            self.state, self.spent = "delivered", spent

    @rule(who=members, extra=st.integers(0, 20))
    def confirm(self, who: int, extra: int) -> None:
        done = self.attempt(
            lambda db: deliveries.confirm_delivery(
                db, actor=self.people[who].actor, mission_id=self.mission, extra_minutes=extra
            )
        )
        due = min(self.spent, self.agreed)
        allowed = (
            self.state in {"delivered", "disputed"}
            and who == CLIENT
            and not self.amendment
            and extra <= self.spent - due
        )
        assert isinstance(done, Refusal) != allowed
        if allowed:
            self.pay(due + extra)

    @rule()
    def dispute(self) -> None:
        done = self.attempt(
            lambda db: disputes.dispute_delivery(
                db,
                actor=self.people[CLIENT].actor,
                mission_id=self.mission,
                terms=DisputeTerms(reason="Il en manque."),
            )
        )
        assert isinstance(done, Refusal) == (self.state != "delivered")
        if self.state == "delivered":
            self.state, self.amendment = "disputed", None

    @rule(granted=st.integers(0, 55))
    def decide(self, granted: int) -> None:
        done = self.attempt(
            lambda db: disputes.decide_dispute(
                db,
                actor=self.scene.village.mediator.actor,
                mission_id=self.mission,
                terms=DecisionTerms(posted_minutes=granted, decision="Entendus."),
            )
        )
        allowed = self.state == "disputed" and granted <= self.agreed
        assert isinstance(done, Refusal) != allowed
        if allowed:
            self.pay(granted)

    @rule()
    def stop(self) -> None:
        async def both(db: AsyncSession) -> None:
            terms = CancellationTerms(reason="Nous arrêtons.")
            client, lead = self.people[CLIENT].actor, self.people[LEAD].actor
            await cancellations.propose_cancellation(db, actor=client, mission_id=self.mission, terms=terms)
            await cancellations.accept_cancellation(db, actor=lead, mission_id=self.mission)

        done = self.attempt(both)
        assert isinstance(done, Refusal) == (self.state != "agreed")
        if self.state == "agreed":
            self.begin()

    @invariant()
    def what_is_held_and_paid_is_what_was_agreed(self) -> None:
        stands = [self.run(balance(self.database, one)) for one in self.people]
        assert [one[0] for one in stands] == self.have
        held = self.agreed if self.state in {"agreed", "delivered", "disputed"} else 0
        assert [one[1] for one in stands] == [held, 0, 0, 0]
        assert sum(self.have) == 0

    def teardown(self) -> None:
        """The next example begins with nothing held."""
        if self.state == "agreed":
            self.stop()
        elif self.state in {"delivered", "disputed"}:
            self.dispute()
            self.decide(0)


async def test_missions_of_teams_and_their_model_agree(database: Database) -> None:
    loop = asyncio.get_running_loop()
    village = await crew(database, low=60_000, high=60_000)

    class Machine(TeamMachine):
        scene = village
        have = [0, 0, 0, 0]  # noqa: RUF012 (one cooperative for all examples)

        def run(self, work: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    Machine.database = database
    chosen = settings(
        max_examples=8, stateful_step_count=30, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    await asyncio.to_thread(run_state_machine_as_test, Machine, settings=chosen)
    await proven(database, village)
