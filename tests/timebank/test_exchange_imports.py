"""Hours of the past: posted in their order, once, with their day kept, when a second person says so."""


from sqlalchemy import select, text

from tenants.actors import Role
from tenants.imports import ImportState
from tenants.platform.database import Database
from tests import factories
from tests.factories import Founded, Member
from tests.tenants.import_stories import (
    TIMEOVERFLOW_MEMBERS,
    TIMEOVERFLOW_TRANSFERS,
    brought,
    places,
    released,
)
from timebank.ledger.proof import prove_ledger
from timebank.ledger.transfers import Transfer

HOUR = 60


async def moved_in(database: Database) -> tuple[Founded, Member]:
    """A cooperative whose three members were imported, with its manager and a treasurer."""
    coop = await factories.found_cooperative(database)
    treasurer = await factories.join_member(database, coop, name="Tara Trésor")
    treasurer = await factories.give_mandate(database, coop, treasurer, Role.TREASURER)
    one = await brought(database, coop.manager, "members", TIMEOVERFLOW_MEMBERS)
    assert (await released(database, coop.manager, one)).state is ImportState.DONE
    return coop, treasurer


async def balances(database: Database, coop: Founded) -> dict[str, int]:
    """Every account that has moved, by the name of its member or by its kind."""
    query = text("""
        SELECT coalesce(m.display_name, a.kind) AS name, a.balance FROM accounts a
        LEFT JOIN memberships m ON m.tenant_id = a.tenant_id AND m.id = a.membership_id
        WHERE a.tenant_id = :tenant AND a.version > 0
    """)
    async with database.begin(tenant=coop.tenant_id) as db:
        return {row.name: row.balance for row in await db.execute(query, {"tenant": coop.tenant_id})}


async def proved(database: Database, coop: Founded) -> int:
    """How many transfers the ledger has; nothing in it differs."""
    async with database.begin(tenant=coop.tenant_id) as db:
        proof = await prove_ledger(db, actor=coop.system)
        assert proof.differences == 0
        return proof.transfers


async def test_timeoverflow_transfers_move_in_their_order_and_only_once(database: Database) -> None:
    coop, treasurer = await moved_in(database)
    shuffled = "".join(reversed(TIMEOVERFLOW_TRANSFERS.splitlines(keepends=True)))
    one = await brought(database, coop.manager, "exchanges", shuffled)
    assert one.state is ImportState.READY, places(one)
    assert one.shown
    assert [remark.code for remark in one.shown.remarks] == [
        "two_persons",
        "limits_not_asked",
        "opening",
        "day_first",
    ]
    done = await released(database, treasurer, one)
    assert done.state is ImportState.DONE
    assert await balances(database, coop) == {
        "opening": -5 * HOUR,
        "Anne Le Goff": 5 * HOUR - 90,
        "Bob Martin": 90 - HOUR,
        "Chloé Ñúñez": HOUR,
    }
    assert await proved(database, coop) == 3
    async with database.begin(tenant=coop.tenant_id) as db:
        query = (
            select(Transfer.amount, Transfer.reason, Transfer.cause, Transfer.actor)
            .where(Transfer.tenant_id == coop.tenant_id)
            .order_by(Transfer.id)
        )
        assert [tuple(row) for row in await db.execute(query)] == [
            (5 * HOUR, "Solde de départ", "history_opening:2015-03-02", treasurer.id),
            (90, "Jardin", "history:2016-06-01", treasurer.id),
            (HOUR, "Cours", "history:2019-01-01", treasurer.id),
        ]
    again = await brought(database, coop.manager, "exchanges", TIMEOVERFLOW_TRANSFERS)
    assert again.state is ImportState.DONE
    assert again.shown
    assert (again.shown.new, again.shown.present) == (0, 3)
    longer = TIMEOVERFLOW_TRANSFERS + "3,member,1,member,600,2020-05-05,Encore,\n"
    more = await brought(database, treasurer, "exchanges", longer)
    assert more.shown
    assert (more.shown.new, more.shown.present) == (1, 3)
    await released(database, coop.manager, more)
    assert await proved(database, coop) == 4
