"""What the ledger lets a third person enter: within the acts, the term and the maxima, and never for themself."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tenants.actors import Role
from tenants.delegating import end_delegation
from tenants.delegation_refusals import NotDelegated
from tenants.notices import notices
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tenants.platform.settings import Settings
from tests.conftest import OpenAs
from tests.factories import api_token, give_mandate, join_member
from tests.marketplace.stories import balance
from tests.tenants.conftest import Browser, Client
from tests.timebank.acting import HOUR, Acting, acting, approved, entered, in_days, proposed
from tests.timebank.world import connections, raw_post, transfer
from timebank.contest_refusals import PartyEntersPaper
from timebank.ledger.refusals import (
    DelegateOnBothSides,
    NotAllowedToDebit,
    OverDelegationEntry,
    OverDelegationMonth,
    PaperInTheFuture,
    PaperTooOld,
    UnknownAccount,
)
from timebank.ledger.statements import standing, statement
from timebank.ledger.transfers import Operation, Order, post, post_transfers
from timebank.third_party_entries import (
    enter_for_represented,
    enter_paper_exchange,
    month_used,
    third_party_entries,
    third_party_entry,
)


async def refused(database: Database, scene: Acting, **order: object) -> str | None:
    """What the ledger's door answers Denis, past every verb."""
    draft = {
        "debit": scene.renee.id,
        "credit": scene.hugo.id,
        "amount": HOUR,
        "cause": "exchange",
        "reason": "x",
    }
    async with database.begin(tenant=scene.tenant) as db:
        [outcome] = await post_transfers(
            db,
            [Order(operation=Operation.POST, actor=scene.denis.id, **(draft | order))],  # type: ignore[arg-type]
        )
    return outcome.refusal


async def test_a_delegate_enters_an_exchange_and_both_are_told(database: Database) -> None:
    scene = await acting(database)
    entry_id = await entered(database, scene, 2 * HOUR)
    assert await balance(database, scene.hugo) == (2 * HOUR, 0)
    async with database.begin(tenant=scene.tenant) as db:
        assert "entry_for_you" in [one.kind for one in await notices(db, actor=scene.hugo.actor)]
        on_paper = await db.execute(
            text("SELECT membership_id, kind FROM tellings WHERE kind = 'entry_for_you'")
        )
        assert [tuple(row) for row in on_paper] == [(scene.renee.id, "entry_for_you")]
        entry = await third_party_entry(db, actor=scene.hugo.actor, entry_id=entry_id)
        assert (entry.kind, entry.entered_by, entry.delegation_id) == (
            "delegate",
            scene.denis.id,
            scene.delegation,
        )
        assert await month_used(db, tenant_id=scene.tenant, delegation_id=scene.delegation) == 2 * HOUR
        [move] = (await statement(db, actor=scene.hugo.actor, account_id=scene.hugo.id)).moves
        assert move.by_third_person
        assert move.counterparty_name == "Renée Sansordi"


@pytest.mark.parametrize("end", ["its term", "ended", "one approval", "not begun", "left"])
async def test_no_delegation_that_is_not_live_moves_an_hour(
    database: Database, db_as: OpenAs, end: str
) -> None:
    scene = await acting(database)
    changes = {
        "its term": "UPDATE delegations SET term = tstzrange(now() - interval '9 days', now() - interval '1 second') WHERE tenant_id = :t",
        "not begun": "UPDATE delegations SET term = tstzrange(now() + interval '1 hour', now() + interval '9 days') WHERE tenant_id = :t",
        "left": f"UPDATE memberships SET state = 'suspended' WHERE id = '{scene.denis.id}' AND tenant_id = :t",
    }
    if end == "ended":
        async with database.begin(tenant=scene.tenant) as db:
            await end_delegation(db, actor=scene.home.manager.actor, delegation_id=scene.delegation)
    elif end == "one approval":
        async with database.begin(tenant=scene.tenant) as db:
            await end_delegation(db, actor=scene.home.manager.actor, delegation_id=scene.delegation)
        again = await proposed(database, scene.home, scene.renee.id, scene.denis.id)
        await approved(database, again.id, scene.treasurer)
    else:
        async with db_as("postgres", tenant=scene.tenant) as db:
            await db.execute(text(changes[end]), {"t": scene.tenant})
    assert await refused(database, scene) == "not_allowed_to_debit"
    with pytest.raises(NotAllowedToDebit):
        await entered(database, scene)


async def test_the_maxima_hold_for_an_entry_and_for_the_month(database: Database) -> None:
    scene = await acting(database)
    with pytest.raises(OverDelegationEntry):
        await entered(database, scene, 3 * HOUR + 1)
    for _time in range(3):
        await entered(database, scene, 3 * HOUR)
    with pytest.raises(OverDelegationMonth) as over:
        await entered(database, scene, 2 * HOUR)
    assert over.value.facts["left_minutes"] == HOUR
    await entered(database, scene, HOUR)


async def test_last_month_counts_no_more_and_a_new_delegation_gives_no_new_month(
    database: Database, db_as: OpenAs
) -> None:
    scene = await acting(database)
    for _time in range(3):
        await entered(database, scene, 3 * HOUR)
    async with database.begin(tenant=scene.tenant) as db:
        await end_delegation(db, actor=scene.denis.actor, delegation_id=scene.delegation)
    again = await proposed(database, scene.home, scene.renee.id, scene.denis.id)
    await approved(database, again.id, scene.treasurer, scene.mediator)
    assert await refused(database, scene, amount=3 * HOUR) == "over_delegation_month"
    async with db_as("postgres", tenant=scene.tenant) as db:
        await db.execute(
            text(
                "UPDATE third_party_entries SET entered_at = now() - interval '32 days' WHERE tenant_id = :t"
            ),
            {"t": scene.tenant},
        )
    assert await refused(database, scene, amount=3 * HOUR) is None


async def test_concurrent_entries_do_not_pass_the_month_s_maximum_together(
    database: Database, migrated: Settings
) -> None:
    scene = await acting(database)
    async with connections(migrated, 8) as pool:

        async def enter() -> str:
            async with pool.acquire() as connection:
                order = transfer(
                    scene.renee.id, scene.hugo.id, 2 * HOUR, actor=scene.denis.id, cause="exchange"
                )
                [outcome] = await raw_post(connection, scene.tenant, order)
                return outcome.refusal or outcome.outcome

        outcomes = await asyncio.gather(*(enter() for _one in range(12)))
    assert sorted(outcomes) == ["over_delegation_month"] * 7 + ["posted"] * 5
    assert await balance(database, scene.hugo) == (10 * HOUR, 0)


async def test_an_entry_for_another_comes_alone(database: Database) -> None:
    """Two in one call would each be judged without the other: the door takes neither."""
    scene = await acting(database)
    order = Order(
        operation=Operation.POST,
        actor=scene.denis.id,
        debit=scene.renee.id,
        credit=scene.hugo.id,
        amount=HOUR,
        cause="exchange",
    )
    async with database.begin(tenant=scene.tenant) as db:
        outcomes = await post_transfers(db, [order, order])
    assert [one.refusal for one in outcomes] == ["not_allowed_to_debit"] * 2


async def test_a_delegate_is_never_the_other_side_nor_acts_for_both(database: Database) -> None:
    scene = await acting(database)
    assert await refused(database, scene, credit=scene.denis.id) == "not_allowed_to_debit"
    other = await join_member(database, scene.home, name="Autre Représentée")
    second = await proposed(database, scene.home, other.id, scene.denis.id)
    await approved(database, second.id, scene.treasurer, scene.mediator)
    with pytest.raises(DelegateOnBothSides):
        await entered(database, scene, to=other)
    # Nor by a paper: the delegate who is a manager too does not go round the maxima.
    denis = await give_mandate(database, scene.home, scene.denis, Role.MANAGER)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(DelegateOnBothSides):
            await enter_paper_exchange(
                db,
                actor=denis.actor,
                giver_id=scene.renee.id,
                to=scene.hugo.id,
                happened_on=in_days(-1),
                amount_minutes=50 * HOUR,
                reason="Papier",
            )


@pytest.mark.parametrize(
    "order",
    [
        {"operation": Operation.HOLD, "cause": "exchange"},
        {"cause": "gift"},
        {"cause": None},
        {"cause": "mission:x"},
        {"cause": "paper:2026-01-01"},
        {"credit": "pot"},
    ],
    ids=str,
)
async def test_a_delegation_for_exchanges_opens_nothing_else(
    database: Database, order: dict[str, object]
) -> None:
    from timebank.ledger.accounts import pot_of  # noqa: PLC0415

    scene = await acting(database)
    if order.get("credit") == "pot":
        order = {"credit": pot_of(scene.tenant)}
    draft = {"debit": scene.renee.id, "credit": scene.hugo.id, "amount": HOUR, "cause": "exchange"} | order
    async with database.begin(tenant=scene.tenant) as db:
        [outcome] = await post_transfers(
            db,
            [Order(actor=scene.denis.id, **({"operation": Operation.POST} | draft))],  # type: ignore[arg-type]
        )
    assert outcome.refusal in {"not_allowed_to_debit", "delegate_on_both_sides"}


async def test_only_the_delegate_enters_by_the_delegation(database: Database) -> None:
    scene = await acting(database)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotDelegated):
            await enter_for_represented(
                db,
                actor=scene.treasurer.actor,
                delegation_id=scene.delegation,
                to=scene.hugo.id,
                amount_minutes=1,
                reason="x",
            )


async def test_the_delegate_reads_no_more_than_the_scope_needs(database: Database, browser: Browser) -> None:
    scene = await acting(database)
    await entered(database, scene)
    async with database.begin(tenant=scene.tenant) as db:
        for read in (standing, statement):
            with pytest.raises(UnknownAccount):
                await read(db, actor=scene.denis.actor, account_id=scene.renee.id)
    home = f"/{scene.home.slug}"
    client = browser(scene.denis)
    page = await client.get(f"{home}/delegations/{scene.delegation}/enter")
    assert page.status_code == 200
    for hidden in ("impasse du Puits", "02 98 00 00 00"):
        assert hidden not in page.text
    for path in (
        "letters",
        "letters/print",
        "offline-members",
        f"offline-members/{scene.renee.id}",
        "entries/paper",
    ):
        assert (await client.get(f"{home}/{path}")).status_code == 403, path
    assert (await client.get(f"{home}/hours/of/{scene.renee.id}")).status_code == 404


async def test_a_token_of_the_delegate_needs_the_scope(database: Database, bearer: Client) -> None:
    scene = await acting(database)
    path = f"/{scene.home.slug}/delegations/{scene.delegation}/entries"
    body = {"to": str(scene.hugo.id), "amount_minutes": HOUR, "reason": "Courses"}
    narrow = bearer(await api_token(database, scene.denis, "hours:read", "governance:write"))
    assert (await narrow.post(path, json=body)).json()["code"] == "scope_missing"
    wide = bearer(await api_token(database, scene.denis, "hours:write"))
    # The hot road gives from the token's own account alone, whatever is delegated.
    headers = {"idempotency-key": uuid4().hex}
    first = await wide.post(path, json=body, headers=headers)
    again = await wide.post(path, json=body, headers=headers)
    assert first.status_code == again.status_code == 201, first.text
    assert first.json() == again.json()
    assert await balance(database, scene.hugo) == (HOUR, 0)
    stranger = bearer(await api_token(database, scene.hugo, "hours:write"))
    assert (await stranger.post(path, json=body)).status_code == 404


async def test_others_read_by_a_third_person_and_no_name(database: Database, browser: Browser) -> None:
    scene = await acting(database)
    entry_id = await entered(database, scene)
    plain = await join_member(database, scene.home)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotFound):
            await third_party_entry(db, actor=plain.actor, entry_id=entry_id)
        assert await third_party_entries(db, actor=plain.actor) == []
        for reader in (scene.hugo, scene.denis, scene.treasurer, scene.mediator):
            [(entry, reason)] = await third_party_entries(db, actor=reader.actor)
            assert (entry.id, reason) == (entry_id, "Bois rentré")
    page = await browser(scene.hugo).get(f"/{scene.home.slug}/hours")
    assert "saisi par un tiers" in page.text
    assert "Denis" not in page.text
    assert "Denis Délégué" in (await browser(scene.hugo).get(f"/{scene.home.slug}/entries/{entry_id}")).text


# --- Paper -------------------------------------------------------------------------------------------


async def paper(database: Database, scene: Acting, giver: UUID, to: UUID, days: int) -> UUID:
    async with database.begin(tenant=scene.tenant) as db:
        return await enter_paper_exchange(
            db,
            actor=scene.home.manager.actor,
            giver_id=giver,
            to=to,
            happened_on=in_days(days),
            amount_minutes=HOUR,
            reason="Papier signé",
        )


async def test_a_manager_enters_what_two_others_have_signed(database: Database, browser: Browser) -> None:
    scene = await acting(database)
    entry_id = await paper(database, scene, scene.renee.id, scene.hugo.id, -20)
    async with database.begin(tenant=scene.tenant) as db:
        entry = await third_party_entry(db, actor=scene.hugo.actor, entry_id=entry_id)
        assert (entry.kind, entry.happened_on) == ("paper", in_days(-20))
        told = [one.kind for one in await notices(db, actor=scene.hugo.actor)]
    assert "entry_for_you" in told
    page = await browser(scene.hugo).get(f"/{scene.home.slug}/hours")
    assert "Vous avez aidé Renée Sansordi" in page.text


async def test_a_paper_has_its_bounds(database: Database) -> None:
    scene = await acting(database, rules={"timebank.paper_days_max": 30})
    manager, renee, hugo = scene.home.manager, scene.renee.id, scene.hugo.id
    with pytest.raises(PaperTooOld):
        await paper(database, scene, renee, hugo, -32)
    with pytest.raises(PaperInTheFuture):
        await paper(database, scene, renee, hugo, 2)
    with pytest.raises(PartyEntersPaper):
        await paper(database, scene, hugo, manager.id, -1)
    with pytest.raises(PartyEntersPaper):
        await paper(database, scene, manager.id, hugo, -1)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotAllowed):
            await enter_paper_exchange(
                db,
                actor=scene.treasurer.actor,
                giver_id=renee,
                to=hugo,
                happened_on=in_days(-1),
                amount_minutes=HOUR,
                reason="x",
            )
        [outcome] = await post_transfers(
            db,
            [
                post(
                    debit=renee, credit=hugo, amount=1, actor=scene.treasurer.id, cause=f"paper:{in_days(-1)}"
                )
            ],
        )
        assert outcome.refusal == "not_allowed_to_debit"
