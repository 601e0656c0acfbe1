"""A hold shared among several: all of them are paid or none, and what is left goes back."""

import pytest
from sqlalchemy import text

from tenants.actors import Actor, Role
from tenants.platform.database import Database
from tests.conftest import OpenAs
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from timebank.ledger.accounts import Account, find_account, pot_of
from timebank.ledger.holds import HoldState, find_hold, hold_hours
from timebank.ledger.proof import prove_ledger
from timebank.ledger.refusals import MoreThanHeld, NotAllowedToDebit, NotEnoughHours
from timebank.ledger.transfers import Operation, Order, post, post_linked, post_transfers, share

LIMITS = {"timebank.credit_limit_low": 600, "timebank.credit_limit_high": 6_000}


async def people(database: Database, number: int) -> tuple[Founded, list[Member]]:
    cooperative = await found_cooperative(database, rules=LIMITS)
    return cooperative, [await join_member(database, cooperative) for _ in range(number)]


async def account_of(database: Database, member: Member) -> Account:
    async with database.begin(tenant=member.tenant_id) as db:
        return await find_account(db, tenant_id=member.tenant_id, account_id=member.id)


async def stands(database: Database, *members: Member) -> list[tuple[int, int]]:
    """The (balance, held) of each."""
    accounts = [await account_of(database, one) for one in members]
    return [(one.balance, one.held) for one in accounts]


async def proven(database: Database, cooperative: Founded) -> None:
    async with database.begin(tenant=cooperative.tenant_id) as db:
        assert (await prove_ledger(db, actor=cooperative.system)).differences == 0


async def test_a_hold_is_shared_in_one_call_and_the_rest_goes_back(database: Database) -> None:
    cooperative, [payer, lead, second, third] = await people(database, 4)
    async with database.begin(tenant=payer.tenant_id) as db:
        held = await hold_hours(
            db, actor=payer.actor, payer_id=payer.id, provider_id=lead.id, minutes=100, cause="mission:1"
        )
    async with database.begin(tenant=payer.tenant_id) as db:
        orders = [
            share(hold_id=held, credit=one.id, amount=minutes, actor=payer.id)
            for one, minutes in ((second, 30), (lead, 40), (third, 20))
        ]
        made = await post_linked(db, actor=payer.actor, orders=orders)
    assert await stands(database, payer, lead, second, third) == [(-90, 0), (40, 0), (30, 0), (20, 0)]
    async with database.begin(tenant=payer.tenant_id) as db:
        hold = await find_hold(db, tenant_id=payer.tenant_id, hold_id=held)
        assert (hold.state, hold.transfer_id, hold.amount) == (HoldState.CAPTURED, made[0], 100)
        again = await post_transfers(db, [share(hold_id=held, credit=third.id, amount=1, actor=payer.id)])
        assert again[0].refusal == "hold_ended"
    await proven(database, cooperative)


async def test_shares_beyond_the_hold_move_nothing(database: Database) -> None:
    cooperative, [payer, lead, second] = await people(database, 3)
    async with database.begin(tenant=payer.tenant_id) as db:
        held = await hold_hours(db, actor=payer.actor, payer_id=payer.id, provider_id=lead.id, minutes=100)
    orders = [
        share(hold_id=held, credit=lead.id, amount=60, actor=payer.id),
        share(hold_id=held, credit=second.id, amount=41, actor=payer.id),
    ]
    with pytest.raises(MoreThanHeld) as refused:
        async with database.begin(tenant=payer.tenant_id) as db:
            await post_linked(db, actor=payer.actor, orders=orders)
    assert refused.value.facts["held_minutes"] == 40
    # The fallen group leaves the call able to do something else with the same hold.
    async with database.begin(tenant=payer.tenant_id) as db:
        fallen = [
            Order(operation=Operation.SHARE, about=held, credit=one.id, amount=60, actor=payer.id, group=1)
            for one in (lead, second)
        ]
        good = [Order(operation=Operation.CAPTURE, about=held, amount=70, actor=payer.id, group=2)]
        outcomes = await post_transfers(db, fallen + good)
    assert [one.refusal for one in outcomes] == ["linked_refused", "more_than_held", None]
    assert await stands(database, payer, lead, second) == [(-70, 0), (70, 0), (0, 0)]
    await proven(database, cooperative)


async def test_what_is_left_of_a_shared_hold_is_not_spent_in_the_same_call(database: Database) -> None:
    """Until the call is over the rest is still promised, whatever else the call asks for."""
    cooperative, [payer, lead, second] = await people(database, 3)
    async with database.begin(tenant=payer.tenant_id) as db:
        held = await hold_hours(db, actor=payer.actor, payer_id=payer.id, provider_id=lead.id, minutes=600)
    async with database.begin(tenant=payer.tenant_id) as db:
        outcomes = await post_transfers(
            db,
            [
                share(hold_id=held, credit=lead.id, amount=1, actor=payer.id),
                post(debit=payer.id, credit=second.id, amount=1, actor=payer.id),
                share(hold_id=held, credit=lead.id, amount=599, actor=payer.id),
            ],
        )
    assert [one.refusal for one in outcomes] == [None, "not_enough_hours", None]
    assert await stands(database, payer, lead, second) == [(-600, 0), (600, 0), (0, 0)]
    await proven(database, cooperative)


async def test_the_payer_a_mediator_or_the_software_shares_and_only_to_members(
    database: Database,
) -> None:
    cooperative, [payer, lead, second, mediator] = await people(database, 4)
    mediator = await give_mandate(database, cooperative, mediator, Role.MEDIATOR)
    system = Actor.system(cooperative.tenant_id)

    async def shared(actor: Actor, *, to: object) -> str | None:
        async with database.begin(tenant=payer.tenant_id) as db:
            held = await hold_hours(db, actor=payer.actor, payer_id=payer.id, provider_id=lead.id, minutes=10)
        async with database.begin(tenant=payer.tenant_id) as db:
            order = share(hold_id=held, credit=to, amount=5, actor=actor.membership_id)  # type: ignore[arg-type]
            return (await post_transfers(db, [order]))[0].refusal

    pot = pot_of(cooperative.tenant_id)
    assert await shared(payer.actor, to=second.id) is None
    assert await shared(system, to=second.id) is None
    assert await shared(mediator.actor, to=second.id) is None
    for actor, to in (
        (lead.actor, lead.id),
        (second.actor, second.id),
        (mediator.actor, mediator.id),
        (payer.actor, pot),
        (system, pot),
        (mediator.actor, pot),
    ):
        assert await shared(actor, to=to) == "not_allowed_to_debit"
    assert await shared(payer.actor, to=payer.id) == "same_account"


async def test_a_group_may_hold_again_what_it_gave_back_however_low_the_account_stands(
    database: Database, db_as: OpenAs
) -> None:
    cooperative, [payer, lead] = await people(database, 2)
    async with database.begin(tenant=payer.tenant_id) as db:
        held = await hold_hours(db, actor=payer.actor, payer_id=payer.id, provider_id=lead.id, minutes=600)
    async with db_as("postgres") as db:
        # The triggers that guard the rulebook stand aside: a vote would only take effect later.
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(
            text(
                "UPDATE rule_versions SET value = '60' WHERE tenant_id = :tenant"
                " AND rule = 'timebank.credit_limit_low'"
            ),
            {"tenant": cooperative.tenant_id},
        )

    async def again(minutes: int) -> None:
        async with database.begin(tenant=payer.tenant_id) as db:
            await post_linked(
                db,
                actor=payer.actor,
                orders=[
                    Order(operation=Operation.RELEASE, about=held, actor=None),
                    Order(
                        operation=Operation.HOLD,
                        debit=payer.id,
                        credit=lead.id,
                        amount=minutes,
                        actor=payer.id,
                    ),
                ],
            )

    with pytest.raises(NotEnoughHours):
        await again(601)
    with pytest.raises(NotAllowedToDebit):
        async with database.begin(tenant=payer.tenant_id) as db:
            await hold_hours(db, actor=lead.actor, payer_id=payer.id, provider_id=lead.id, minutes=1)
    await again(500)
    assert await stands(database, payer) == [(0, 500)]
    await proven(database, cooperative)
