"""The ledger against thirty lines of Python: whatever the orders, both agree on every outcome and balance."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.timebank.world import World, make_world, raw_post
from timebank.ledger.accounts import pot_of
from timebank.ledger.proof import prove_ledger

LOW, HIGH = 600, 900

members = st.integers(0, 2)
accounts = st.integers(0, 3)
amounts = st.integers(-1, 700)


class Model:
    """Three members (0, 1, 2) and the pot (3), in integers."""

    def __init__(self) -> None:
        self.balance, self.held = [0] * 4, [0] * 4
        self.holds: dict[UUID, tuple[int, int, int]] = {}
        self.ended: set[UUID] = set()
        self.transfers: dict[UUID, tuple[int, int, int]] = {}
        self.reversed: set[UUID] = set()

    def judge(self, actor: int, debit: int, credit: int, amount: int, *, ceiling: bool) -> str | None:
        if amount < 1:
            return "amount_out_of_range"
        if debit == credit:
            return "same_account"
        if actor != debit:
            return "not_allowed_to_debit"
        if self.balance[debit] - self.held[debit] - amount < (-LOW if debit < 3 else 0):
            return "not_enough_hours"
        if ceiling and credit < 3 and self.balance[credit] + amount > HIGH:
            return "over_the_ceiling"
        return None

    def move(self, debit: int, credit: int, amount: int) -> None:
        self.balance[debit] -= amount
        self.balance[credit] += amount


class LedgerMachine(RuleBasedStateMachine):
    """Puts orders to both, one or several in a call, linked or not, and compares."""

    world: World
    connection: Any
    run: Any

    def __init__(self) -> None:
        super().__init__()
        self.world = self.run(self.found())
        self.ids = [*self.world.members, pot_of(self.world.tenant)]
        self.model = Model()

    def put(self, *orders: dict[str, Any]) -> list[Any]:
        return list(self.run(raw_post(self.connection, self.world.tenant, *orders)))

    async def found(self) -> World:
        raise NotImplementedError

    def order(
        self, operation: str, actor: int, debit: int, credit: int, amount: int, **more: Any
    ) -> dict[str, Any]:
        return {
            "operation": operation,
            "actor": self.ids[actor],
            "debit": self.ids[debit],
            "credit": self.ids[credit],
            "amount": amount,
        } | more

    @rule(asked=st.lists(st.tuples(members, members, accounts, amounts), min_size=1, max_size=5))
    def post(self, asked: list[tuple[int, int, int, int]]) -> None:
        """Several in one call: each sees what those before it have left."""
        outcomes = self.put(*(self.order("post", *one) for one in asked))
        for (actor, debit, credit, amount), outcome in zip(asked, outcomes, strict=True):
            expected = self.model.judge(actor, debit, credit, amount, ceiling=True)
            assert outcome.refusal == expected
            if expected is None:
                self.model.move(debit, credit, amount)
                self.model.transfers[outcome.id] = (debit, credit, amount)

    @rule(asked=st.lists(st.tuples(members, accounts, st.integers(1, 400)), min_size=2, max_size=4))
    def post_linked(self, asked: list[tuple[int, int, int]]) -> None:
        """All or none."""
        before = list(self.model.balance)
        orders = [self.order("post", one, one, other, amount, group=7) for one, other, amount in asked]
        outcomes = self.put(*orders)
        felled = None
        for number, (debit, credit, amount) in enumerate(asked):
            felled = self.model.judge(debit, debit, credit, amount, ceiling=True)
            if felled:
                self.model.balance = before
                expected = ["linked_refused"] * len(asked)
                expected[number] = felled
                assert [outcome.refusal for outcome in outcomes] == expected
                return
            self.model.move(debit, credit, amount)
        for outcome, (debit, credit, amount) in zip(outcomes, asked, strict=True):
            assert outcome.outcome == "posted"
            self.model.transfers[outcome.id] = (debit, credit, amount)

    @rule(debit=members, credit=accounts, amount=amounts)
    def hold(self, debit: int, credit: int, amount: int) -> None:
        [outcome] = self.put(self.order("hold", debit, debit, credit, amount))
        expected = self.model.judge(debit, debit, credit, amount, ceiling=False)
        assert outcome.refusal == expected
        if expected is None:
            self.model.holds[outcome.id] = (debit, credit, amount)
            self.model.held[debit] += amount

    @rule(data=st.data(), amount=st.integers(1, 700), release=st.booleans())
    def end_hold(self, data: st.DataObject, amount: int, *, release: bool) -> None:
        if not self.model.holds:
            return
        name = data.draw(st.sampled_from(sorted(self.model.holds)))
        debit, credit, held = self.model.holds[name]
        operation = "release" if release else "capture"
        actor = None if release else self.ids[debit]
        [outcome] = self.put({"operation": operation, "actor": actor, "about": name, "amount": amount})
        if name in self.model.ended:
            assert outcome.refusal == "hold_ended"
        elif not release and amount > held:
            assert outcome.refusal == "more_than_held"
        else:
            assert outcome.outcome == "posted"
            self.model.ended.add(name)
            self.model.held[debit] -= held
            if not release:
                self.model.move(debit, credit, amount)
                self.model.transfers[outcome.id] = (debit, credit, amount)

    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        own = sorted(name for name, (_, credit, _) in self.model.transfers.items() if credit < 3)
        if not own:
            return
        name = data.draw(st.sampled_from(own))
        debit, credit, amount = self.model.transfers[name]
        [outcome] = self.put({"operation": "reverse", "actor": self.ids[credit], "about": name})
        if name in self.model.reversed:
            assert outcome.refusal == "already_reversed"
        elif self.model.balance[credit] - self.model.held[credit] - amount < -LOW:
            assert outcome.refusal == "not_enough_hours"
        else:
            assert outcome.outcome == "posted"
            self.model.reversed.add(name)
            self.model.move(credit, debit, amount)
            self.model.transfers[outcome.id] = (credit, debit, amount)

    @rule(unknown=st.sampled_from(["capture", "release", "reverse"]))
    def about_nothing(self, unknown: str) -> None:
        [outcome] = self.put({"operation": unknown, "actor": self.ids[0], "about": uuid4(), "amount": 1})
        assert outcome.refusal in {"unknown_hold", "unknown_transfer"}

    @invariant()
    def agree(self) -> None:
        rows = self.run(self.stands())
        assert [(row["balance"], row["held"]) for row in rows] == list(
            zip(self.model.balance, self.model.held, strict=True)
        )

    async def stands(self) -> list[Any]:
        async with self.connection.transaction():
            await self.connection.execute(
                "SELECT set_config('archipel.tenant', $1, true)", str(self.world.tenant)
            )
            query = """
                SELECT balance, held FROM unnest($1::uuid[]) WITH ORDINALITY wanted (id, position)
                JOIN accounts USING (id) ORDER BY position
            """
            return list(await self.connection.fetch(query, self.ids))

    def teardown(self) -> None:
        self.run(self.proved())

    async def proved(self) -> None:
        raise NotImplementedError


async def test_the_ledger_and_its_model_agree(database: Database, db_as: OpenAs, migrated: Settings) -> None:
    loop = asyncio.get_running_loop()
    connection = await asyncpg.connect(migrated.database_url)

    class Machine(LedgerMachine):
        def run(self, work: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result(30)

        async def found(self) -> World:
            rules = {"timebank.credit_limit_low": LOW, "timebank.credit_limit_high": HIGH}
            return await make_world(database, db_as, members=3, rules=rules)

        async def proved(self) -> None:
            async with database.begin(tenant=self.world.tenant) as db:
                proof = await prove_ledger(db, actor=self.world.cooperative.system)
            assert (proof.differences, proof.transfers) == (0, len(self.model.transfers))

    Machine.connection = connection
    chosen = settings(
        max_examples=25, stateful_step_count=25, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        await asyncio.to_thread(run_state_machine_as_test, Machine, settings=chosen)
    finally:
        await connection.close()


async def test_the_model_would_see_a_fault(database: Database, db_as: OpenAs, migrated: Settings) -> None:
    """The planted fault: a floor one minute lower than the rule says."""
    world = await make_world(database, db_as, rules={"timebank.credit_limit_low": LOW + 1})
    connection = await asyncpg.connect(migrated.database_url)
    try:
        debit, credit = world.members
        order = {"operation": "post", "actor": debit, "debit": debit, "credit": credit, "amount": LOW + 1}
        [outcome] = await raw_post(connection, world.tenant, order)
    finally:
        await connection.close()
    with pytest.raises(AssertionError):
        assert outcome.refusal == Model().judge(0, 0, 1, LOW + 1, ceiling=False)
