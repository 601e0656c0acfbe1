"""The ledger's one door: what it grants, what it refuses and why, and what it answers again."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.actors import Actor, Role
from tenants.mandates import end_mandate
from tenants.platform.database import Database
from tenants.platform.ids import TransferId
from tenants.platform.outbox import decode
from tests.conftest import OpenAs
from tests.factories import found_cooperative, give_mandate, join_member
from tests.timebank.world import World, make_world, once
from timebank.events import TransfersPosted
from timebank.ledger.accounts import AccountKind, Unit, find_account, pot_of, system_account_id
from timebank.ledger.refusals import (
    AlreadyReversed,
    NotAllowedToDebit,
    NotEnoughHours,
    OverTheCeiling,
    UnknownTransfer,
)
from timebank.ledger.transfers import (
    Operation,
    Order,
    Outcome,
    find_transfer,
    post,
    post_linked,
    post_transfers,
    reverse_transfer,
)


async def put(database: Database, world: World, *orders: Order) -> list[Outcome]:
    async with database.begin(tenant=world.tenant) as db:
        return await post_transfers(db, orders)


async def balance(database: Database, world: World, account: UUID) -> int:
    async with database.begin(tenant=world.tenant) as db:
        return (await find_account(db, tenant_id=world.tenant, account_id=account)).balance


async def test_an_hour_given_is_an_hour_received(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    [outcome] = await put(database, world, post(debit=ana, credit=bo, amount=60, actor=ana, reason="Taille"))
    assert (outcome.outcome, outcome.answer["balance_minutes"]) == ("posted", -60)
    assert [await balance(database, world, one) for one in (ana, bo)] == [-60, 60]
    async with database.begin(tenant=world.tenant) as db:
        kept = await find_transfer(db, tenant_id=world.tenant, transfer_id=outcome.granted())
    assert (kept.amount, kept.debit_balance, kept.credit_balance, kept.reason) == (60, -60, 60, "Taille")
    assert (kept.debit_version, kept.credit_version, kept.actor) == (1, 1, ana)


async def test_one_event_tells_of_all_transfers_of_a_call(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    outcomes = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=60, actor=ana),
        post(debit=bo, credit=ana, amount=15, actor=bo),
    )
    async with database.begin(tenant=world.tenant) as db:
        query = text("SELECT facts FROM outbox WHERE tenant_id = :t AND kind = 'TransfersPosted'")
        [facts] = await db.scalars(query, {"t": world.tenant})
    made = tuple(TransferId(outcome.granted()) for outcome in outcomes)
    assert decode("TransfersPosted", facts) == TransfersPosted(
        tenant_id=world.cooperative.tenant_id, transfers=made
    )


async def test_a_member_may_owe_up_to_the_rule_and_not_a_minute_more(
    database: Database, db_as: OpenAs
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    [first, second] = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=600, actor=ana),
        post(debit=ana, credit=bo, amount=1, actor=ana),
    )
    assert (first.outcome, second.outcome) == ("posted", "refused")
    error = second.error
    assert isinstance(error, NotEnoughHours)
    assert error.facts == {
        "available_minutes": -600,
        "limit_minutes": 600,
        "asked_minutes": 1,
        "left_minutes": 0,
        "short_minutes": 1,
    }


async def test_what_comes_in_within_a_call_can_go_out_in_the_same(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as, members=3)
    ana, bo, cy = world.members
    outcomes = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=600, actor=ana),
        post(debit=bo, credit=cy, amount=1_200, actor=bo),
    )
    assert [outcome.outcome for outcome in outcomes] == ["posted", "posted"]
    assert await balance(database, world, bo) == -600


async def test_nobody_piles_up_more_than_the_ceiling(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as, rules={"timebank.credit_limit_high": 90})
    ana, bo = world.members
    exact, over = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=90, actor=ana),
        post(debit=ana, credit=bo, amount=1, actor=ana),
    )
    assert exact.outcome == "posted"
    assert isinstance(over.error, OverTheCeiling)
    assert over.error.facts["limit_minutes"] == 90


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 0}, "amount_out_of_range"),
        ({"amount": -60}, "amount_out_of_range"),
        ({"amount": 10**12 + 1}, "amount_out_of_range"),
        ({"amount": 2**63 - 1}, "amount_out_of_range"),
        ({"credit": "ana"}, "same_account"),
        ({"credit": uuid4()}, "unknown_account"),
        ({"debit": uuid4()}, "unknown_account"),
        ({"actor": "bo"}, "not_allowed_to_debit"),
        ({"actor": None}, "not_allowed_to_debit"),
        ({"actor": uuid4()}, "not_allowed_to_debit"),
        ({"amount": 601}, "not_enough_hours"),
        ({"credit": "euros"}, "unit_mismatch"),
    ],
)
async def test_a_refusal_says_why_and_moves_nothing(
    database: Database, db_as: OpenAs, change: dict[str, Any], code: str
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with database.begin(tenant=world.tenant) as db:
        await db.execute(text("SELECT open_system_account(:t, 'reserve', 'cents')"), {"t": world.tenant})
    names: dict[str, Any] = {
        "ana": ana,
        "bo": bo,
        "euros": system_account_id(world.tenant, AccountKind.RESERVE, Unit.CENTS),
    }
    given: dict[str, Any] = {
        key: names.get(value, value) if isinstance(value, str) else value for key, value in change.items()
    }
    order = replace(post(debit=ana, credit=bo, amount=60, actor=ana), **given)
    [outcome] = await put(database, world, order)
    assert (outcome.outcome, outcome.refusal, outcome.id) == ("refused", code, None)
    assert outcome.error is not None
    assert outcome.error.code == code
    assert "{" not in outcome.error.detail()
    async with database.begin(tenant=world.tenant) as db:
        assert await db.scalar(text("SELECT count(*) FROM transfers")) == 0


async def test_without_a_rule_in_force_no_member_is_debited(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with db_as("postgres", tenant=world.tenant) as db:
        # The rulebook itself allows no gap: a superuser makes one.
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text(
                "UPDATE rule_versions SET in_force = tstzrange(lower(in_force), now())"
                " WHERE tenant_id = :t AND rule = 'timebank.credit_limit_low'"
            ),
            {"t": world.tenant},
        )
    [outcome] = await put(database, world, post(debit=ana, credit=bo, amount=1, actor=ana))
    assert outcome.refusal == "no_rule_in_force"
    assert outcome.error is not None
    assert "Découvert" in outcome.error.detail()


async def test_a_cooperative_cannot_reach_the_accounts_of_another(database: Database, db_as: OpenAs) -> None:
    world, other = await make_world(database, db_as), await make_world(database, db_as)
    ana = world.members[0]
    [outcome] = await put(database, world, post(debit=ana, credit=other.members[0], amount=60, actor=ana))
    assert outcome.refusal == "unknown_account"


async def test_who_has_left_neither_gives_nor_receives(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    async with db_as("postgres", tenant=world.tenant) as db:
        await db.execute(
            text("UPDATE memberships SET state = 'suspended' WHERE tenant_id = :t AND id = :m"),
            {"t": world.tenant, "m": bo},
        )
    outcomes = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=60, actor=ana),
        post(debit=bo, credit=ana, amount=60, actor=bo),
    )
    assert [outcome.refusal for outcome in outcomes] == ["account_closed", "account_closed"]
    async with db_as("postgres", tenant=world.tenant) as db:
        await db.execute(
            text("UPDATE memberships SET state = 'active' WHERE tenant_id = :t AND id = :m"),
            {"t": world.tenant, "m": bo},
        )
    [again] = await put(database, world, post(debit=ana, credit=bo, amount=60, actor=ana))
    assert again.outcome == "posted"


async def test_the_pot_is_opened_by_a_steward_in_office_and_never_owes(database: Database) -> None:
    cooperative = await found_cooperative(database, rules={"timebank.credit_limit_low": 600})
    ana = await join_member(database, cooperative)
    steward = await give_mandate(
        database, cooperative, await join_member(database, cooperative), Role.STEWARD
    )
    pot = pot_of(cooperative.tenant_id)
    async with database.begin(tenant=cooperative.tenant_id) as db:
        outcomes = await post_transfers(
            db,
            [
                post(debit=ana.id, credit=pot, amount=100, actor=ana.id),
                post(debit=pot, credit=ana.id, amount=40, actor=ana.id),
                post(debit=pot, credit=ana.id, amount=40, actor=steward.id),
                post(debit=pot, credit=ana.id, amount=61, actor=steward.id),
                post(debit=ana.id, credit=pot, amount=1, actor=steward.id),
            ],
        )
    assert [outcome.refusal for outcome in outcomes] == [
        None,
        "not_allowed_to_debit",
        None,
        "not_enough_hours",
        "not_allowed_to_debit",
    ]
    async with database.begin(tenant=cooperative.tenant_id) as db:
        query = text("SELECT id FROM mandates WHERE membership_id = :m")
        mandate_id = await db.scalar(query, {"m": steward.id})
        await end_mandate(db, actor=cooperative.manager.actor, mandate_id=mandate_id)
    async with database.begin(tenant=cooperative.tenant_id) as db:
        [after] = await post_transfers(db, [post(debit=pot, credit=ana.id, amount=1, actor=steward.id)])
    assert after.refusal == "not_allowed_to_debit"


# --- Together or not at all --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["escrow", "clearing", "external", "reserve"])
async def test_a_member_cannot_send_hours_to_an_inner_account_of_the_cooperative(
    database: Database, db_as: OpenAs, kind: str
) -> None:
    world = await make_world(database, db_as, members=1)
    [giver] = world.members
    async with database.begin(tenant=world.tenant) as db:
        inner = (
            await db.execute(
                text("SELECT open_system_account(:tenant, :kind, 'minutes')"),
                {"tenant": world.tenant, "kind": kind},
            )
        ).scalar_one()
        [outcome] = await post_transfers(db, [post(debit=giver, credit=inner, amount=60, actor=giver)])
    assert outcome.refusal == "not_allowed_to_debit"


async def test_linked_transfers_fall_together_and_leave_the_others_alone(
    database: Database, db_as: OpenAs
) -> None:
    world = await make_world(database, db_as, members=3)
    ana, bo, cy = world.members

    def linked(group: int, debit: UUID, credit: UUID, amount: int) -> Order:
        return Order(
            operation=Operation.POST, actor=debit, debit=debit, credit=credit, amount=amount, group=group
        )

    outcomes = await put(
        database,
        world,
        linked(1, ana, bo, 10),
        linked(1, bo, cy, 5_000),
        linked(1, cy, ana, 10),
        post(debit=ana, credit=cy, amount=30, actor=ana),
        linked(2, bo, cy, 600),
        linked(2, cy, ana, 600),
    )
    assert [outcome.refusal for outcome in outcomes] == [
        "linked_refused",
        "not_enough_hours",
        "linked_refused",
        None,
        None,
        None,
    ]
    assert [await balance(database, world, one) for one in world.members] == [570, -600, 30]


async def test_what_felled_a_group_is_what_is_raised(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    with pytest.raises(NotEnoughHours) as refused:
        async with database.begin(tenant=world.tenant) as db:
            await post_linked(
                db,
                actor=Actor.system(world.tenant),
                orders=[
                    post(debit=ana, credit=bo, amount=10, actor=ana),
                    post(debit=ana, credit=bo, amount=10_000, actor=ana),
                ],
            )
    assert refused.value.facts["short_minutes"] == 10_000 + 10 - 600
    assert await balance(database, world, ana) == 0


# --- Once ---------------------------------------------------------------------------------------------------


async def test_the_same_request_has_one_effect_and_the_same_answer(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    key = once(world.persons[0])
    order = post(debit=ana, credit=bo, amount=60, actor=ana, once=key)
    [first, within] = await put(database, world, order, order)
    [later] = await put(database, world, order)
    assert [first.outcome, within.outcome, later.outcome] == ["posted", "replayed", "replayed"]
    assert first.id == within.id == later.id
    assert first.answer == within.answer == later.answer
    assert await balance(database, world, ana) == -60


async def test_a_refusal_is_an_answer_too_and_is_given_again(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    order = post(debit=ana, credit=bo, amount=601, actor=ana, once=once(world.persons[0]))
    [first, within] = await put(database, world, order, order)
    await put(database, world, post(debit=bo, credit=ana, amount=600, actor=bo))
    [later] = await put(database, world, order)
    assert first.refusal == within.refusal == later.refusal == "not_enough_hours"
    assert first.answer == within.answer == later.answer


async def test_a_key_used_for_something_else_is_refused_and_forgotten(
    database: Database, db_as: OpenAs
) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    first, other = once(world.persons[0], "k"), once(world.persons[0], "k", b"other body")
    posted, reused = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=1, actor=ana, once=first),
        post(debit=ana, credit=bo, amount=2, actor=ana, once=other),
    )
    [again] = await put(database, world, post(debit=ana, credit=bo, amount=2, actor=ana, once=other))
    [replayed] = await put(database, world, post(debit=ana, credit=bo, amount=1, actor=ana, once=first))
    assert posted.outcome == "posted"
    assert reused.refusal == again.refusal == "idempotency_key_reused"
    assert reused.error is not None
    assert reused.error.status == 422
    assert replayed.id == posted.id


async def test_the_key_of_another_person_is_another_key(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    outcomes = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=1, actor=ana, once=once(world.persons[0], "k")),
        post(debit=bo, credit=ana, amount=2, actor=bo, once=once(world.persons[1], "k")),
    )
    assert [outcome.outcome for outcome in outcomes] == ["posted", "posted"]


async def test_what_cannot_be_read_is_not_kept_under_its_key(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    key = once(world.persons[0])
    [unreadable] = await put(database, world, post(debit=ana, credit=bo, amount=0, actor=ana, once=key))
    [corrected] = await put(database, world, post(debit=ana, credit=bo, amount=5, actor=ana, once=key))
    assert (unreadable.refusal, corrected.outcome) == ("amount_out_of_range", "posted")


async def test_a_linked_group_is_replayed_whole(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    ana, bo = world.members
    orders = [
        Order(
            operation=Operation.POST, actor=ana, debit=ana, credit=bo, amount=amount, group=1,
            once=once(world.persons[0], f"part-{amount}"),
        )
        for amount in (10, 20)
    ]  # fmt: skip
    first, second = await put(database, world, *orders), await put(database, world, *orders)
    assert [outcome.outcome for outcome in second] == ["replayed", "replayed"]
    assert [outcome.id for outcome in first] == [outcome.id for outcome in second]
    assert await balance(database, world, ana) == -30


# --- Reversals ----------------------------------------------------------------------------------------------


async def test_a_transfer_is_reversed_once_whole_and_by_name(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as, rules={"timebank.credit_limit_high": 60})
    ana, bo = world.members
    [posted] = await put(database, world, post(debit=ana, credit=bo, amount=60, actor=ana))
    receiver = Actor(world.cooperative.tenant_id, bo, None)  # type: ignore[arg-type]
    async with database.begin(tenant=world.tenant) as db:
        reversal = await reverse_transfer(db, actor=receiver, transfer_id=posted.granted(), reason="Erreur")
        kept = await find_transfer(db, tenant_id=world.tenant, transfer_id=reversal)
    assert (kept.debit_account, kept.credit_account, kept.amount) == (bo, ana, 60)
    assert kept.reverses == posted.id
    assert [await balance(database, world, one) for one in (ana, bo)] == [0, 0]
    with pytest.raises(AlreadyReversed):
        async with database.begin(tenant=world.tenant) as db:
            await reverse_transfer(db, actor=receiver, transfer_id=posted.granted(), reason="Encore")
    with pytest.raises(UnknownTransfer):
        async with database.begin(tenant=world.tenant) as db:
            await reverse_transfer(db, actor=receiver, transfer_id=uuid4(), reason="Rien")


async def test_the_giver_cannot_take_back_and_a_treasurer_cannot_in_their_own_cause(
    database: Database,
) -> None:
    cooperative = await found_cooperative(database, rules={"timebank.credit_limit_low": 600})
    ana, bo = await join_member(database, cooperative), await join_member(database, cooperative)
    keeper = await give_mandate(
        database, cooperative, await join_member(database, cooperative), Role.TREASURER
    )
    async with database.begin(tenant=cooperative.tenant_id) as db:
        theirs, own = await post_transfers(
            db,
            [
                post(debit=ana.id, credit=bo.id, amount=60, actor=ana.id),
                post(debit=keeper.id, credit=bo.id, amount=60, actor=keeper.id),
            ],
        )
    for actor, transfer in ((ana, theirs), (keeper, own)):
        with pytest.raises(NotAllowedToDebit):
            async with database.begin(tenant=cooperative.tenant_id) as db:
                await reverse_transfer(
                    db, actor=actor.actor, transfer_id=transfer.granted(), reason="Je le reprends"
                )
    async with database.begin(tenant=cooperative.tenant_id) as db:
        await reverse_transfer(
            db, actor=keeper.actor, transfer_id=theirs.granted(), reason="Erreur de saisie"
        )
        said = await db.scalar(
            text("SELECT facts FROM audit_entries WHERE action = 'timebank:transfer:reversed'")
        )
    assert said is not None


async def test_what_was_spent_cannot_be_reversed(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as, members=3)
    ana, bo, cy = world.members
    [posted, _spent] = await put(
        database,
        world,
        post(debit=ana, credit=bo, amount=60, actor=ana),
        post(debit=bo, credit=cy, amount=660, actor=bo),
    )
    [outcome] = await put(database, world, Order(operation=Operation.REVERSE, actor=bo, about=posted.id))
    assert outcome.refusal == "not_enough_hours"


# --- Misuse ---------------------------------------------------------------------------------------------------


async def test_a_call_that_no_honest_caller_makes_is_an_error(database: Database, db_as: OpenAs) -> None:
    world = await make_world(database, db_as)
    for call in (
        "post_transfers(:t, '{post,post}', NULL, NULL, '{}', NULL, NULL, '{1,2}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "post_transfers(:t, '{steal}', NULL, NULL, NULL, NULL, NULL, '{1}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "post_transfers(:t, '{post}', NULL, NULL, NULL, NULL, NULL, '{1}', NULL, NULL, NULL, NULL, NULL, NULL, '{k}', NULL)",
        "post_transfers(NULL, '{post}', NULL, NULL, NULL, NULL, NULL, '{1}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "open_system_account(:t, 'member', 'minutes')",
    ):
        statement = text(f"SELECT * FROM {call}")
        async with database.begin(tenant=world.tenant) as db:
            with pytest.raises(DBAPIError, match=r"post_transfers|opens with the membership"):
                await db.execute(statement, {"t": world.tenant} if ":t" in call else {})
