"""Direct transfers and gifts: what a member does with their own hours, and a steward with the pot's."""

import pytest
from sqlalchemy import text

from tenants.actors import Actor, Role
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed
from tenants.platform.words import use_locale
from tests.factories import found_cooperative, give_mandate, join_member
from tests.timebank.world import once
from timebank.exchanges import ReasonMissing, ReasonTooLong, post_transfer
from timebank.gifts import give, give_from_pot
from timebank.ledger.accounts import find_account, hours_account_of, pot_of
from timebank.ledger.refusals import NotEnoughHours, SameAccount, UnknownAccount
from timebank.ledger.transfers import find_transfer

LIMITS = {"timebank.credit_limit_low": 600, "timebank.credit_limit_high": 6_000}


async def test_a_transfer_needs_a_reason_and_keeps_it(database: Database) -> None:
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana, bo = await join_member(database, cooperative), await join_member(database, cooperative)
    async with database.begin(tenant=ana.tenant_id) as db:
        for reason, refusal in ((" \n", ReasonMissing), ("x" * 501, ReasonTooLong)):
            with pytest.raises(refusal):
                await post_transfer(db, actor=ana.actor, to=bo.id, amount_minutes=60, reason=reason)
        transfer_id = await post_transfer(
            db, actor=ana.actor, to=bo.id, amount_minutes=60, reason=" Vélo réparé "
        )
        kept = await find_transfer(db, tenant_id=ana.tenant_id, transfer_id=transfer_id)
    assert (kept.reason, kept.cause, kept.amount, kept.actor) == ("Vélo réparé", "exchange", 60, ana.id)


async def test_a_refusal_is_said_in_the_readers_language_with_its_figures(database: Database) -> None:
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana, bo = await join_member(database, cooperative), await join_member(database, cooperative)
    with pytest.raises(NotEnoughHours) as refused:
        async with database.begin(tenant=ana.tenant_id) as db:
            await post_transfer(db, actor=ana.actor, to=bo.id, amount_minutes=690, reason="Trop")
    assert refused.value.field == "amount_minutes"
    said = refused.value.detail().replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith("Il manque 1 h 30 : ce compte peut encore donner 10 h.")
    with use_locale("en"):
        assert refused.value.detail().replace("\N{NO-BREAK SPACE}", " ").startswith("1 h 30 min short")


async def test_a_gift_goes_to_a_member_or_to_the_pot(database: Database) -> None:
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana, bo = await join_member(database, cooperative), await join_member(database, cooperative)
    async with database.begin(tenant=ana.tenant_id) as db:
        gift = await give(db, actor=ana.actor, to=bo.id, amount_minutes=20, message="Bon courage")
    async with database.begin(tenant=ana.tenant_id) as db:
        silent = await give(db, actor=ana.actor, to=None, amount_minutes=30)
        first = await find_transfer(db, tenant_id=ana.tenant_id, transfer_id=gift)
        second = await find_transfer(db, tenant_id=ana.tenant_id, transfer_id=silent)
    assert (first.credit_account, first.reason, first.cause) == (
        hours_account_of(bo.id),
        "Bon courage",
        "gift",
    )
    assert (second.credit_account, second.reason) == (pot_of(ana.tenant_id), None)
    async with database.begin(tenant=ana.tenant_id) as db:
        with pytest.raises(SameAccount):
            await give(db, actor=ana.actor, to=ana.id, amount_minutes=1)
    async with database.begin(tenant=ana.tenant_id) as db:
        with pytest.raises(UnknownAccount):
            await give(db, actor=ana.actor, to=ana.person_id, amount_minutes=1)


async def test_the_pot_is_given_by_its_steward_for_a_reason_and_leaves_a_trace(database: Database) -> None:
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana, bo = await join_member(database, cooperative), await join_member(database, cooperative)
    steward = await give_mandate(database, cooperative, bo, Role.STEWARD)
    async with database.begin(tenant=ana.tenant_id) as db:
        await give(db, actor=ana.actor, to=None, amount_minutes=60)
    async with database.begin(tenant=ana.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await give_from_pot(db, actor=ana.actor, to=ana.id, amount_minutes=10, reason="Pour moi")
        granted = await give_from_pot(
            db, actor=steward.actor, to=ana.id, amount_minutes=45, reason="Aide d'urgence"
        )
        pot = await find_account(db, tenant_id=ana.tenant_id, account_id=pot_of(ana.tenant_id))
        traced = await db.scalar(
            text("SELECT subject_id FROM audit_entries WHERE action = 'timebank:pot:granted'")
        )
    assert (pot.balance, traced) == (15, granted)
    with pytest.raises(NotEnoughHours):
        async with database.begin(tenant=ana.tenant_id) as db:
            await give_from_pot(db, actor=steward.actor, to=ana.id, amount_minutes=16, reason="Encore")


async def test_the_software_itself_gives_nothing_of_a_members(database: Database) -> None:
    cooperative = await found_cooperative(database, rules=LIMITS)
    bo = await join_member(database, cooperative)
    async with database.begin(tenant=bo.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await give(db, actor=Actor.system(bo.tenant_id), to=bo.id, amount_minutes=1)


async def test_a_gift_sent_twice_is_given_once(database: Database) -> None:
    cooperative = await found_cooperative(database, rules=LIMITS)
    ana = await join_member(database, cooperative)
    key = once(ana.person_id)
    given = []
    for _ in range(2):
        async with database.begin(tenant=ana.tenant_id) as db:
            given.append(await give(db, actor=ana.actor, to=None, amount_minutes=30, idempotency=key))
    async with database.begin(tenant=ana.tenant_id) as db:
        pot = await find_account(db, tenant_id=ana.tenant_id, account_id=pot_of(ana.tenant_id))
    assert given[0] == given[1]
    assert pot.balance == 30
