"""Somebody who can type SQL as role ``app``: the functions with more rights than they have answer only for one's own."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants.platform.database import Database
from tests.attacks.conftest import Scene


async def test_nobody_s_sign_in_is_prolonged_by_another(database: Database, scene: Scene) -> None:
    async with database.begin(person=scene.plain.person_id) as db:
        sign_in = (await db.execute(text("SELECT id FROM sign_ins LIMIT 1"))).scalar_one()
        await db.execute(
            text("UPDATE sign_ins SET last_used_at = now() - interval '2 hours' WHERE id = :id"),
            {"id": sign_in},
        )
    for person in (scene.stranger.person_id, None):
        async with database.begin(person=person) as db:
            await db.execute(text("SELECT touch_sign_in(:id)"), {"id": sign_in})
    async with database.begin(person=scene.plain.person_id) as db:
        still = text("SELECT last_used_at < now() - interval '1 hour' FROM sign_ins WHERE id = :id")
        assert (await db.execute(still, {"id": sign_in})).scalar_one() is True


@pytest.mark.parametrize("opened_for", ["another cooperative", "nobody"])
async def test_the_searches_answer_for_the_transaction_s_own(
    database: Database, scene: Scene, opened_for: str
) -> None:
    other = scene.stranger
    tenant, person = (
        (other.tenant_id, other.person_id) if opened_for == "another cooperative" else (None, None)
    )
    async with database.begin(tenant=tenant, person=person) as db:
        locale = await db.execute(text("SELECT locale_of_member(:id)"), {"id": scene.plain.id})
        assert locale.scalar_one() is None
        mine = await db.execute(text("SELECT membership_id FROM my_memberships()"))
        assert scene.plain.id not in mine.scalars().all()
        rule = text("SELECT rule_in_force(:tenant, 'timebank.credit_limit_low', now())")
        assert (await db.execute(rule, {"tenant": scene.home.tenant_id})).scalar_one() is None


@pytest.mark.parametrize(
    "call",
    [
        "SELECT emit_event(:tenant, 'MissionSettled', '{}')",
        "SELECT append_to_register(:tenant, 'member_left', '{}')",
    ],
)
async def test_nothing_is_written_for_another_cooperative(
    database: Database, scene: Scene, call: str
) -> None:
    async def try_it() -> None:
        async with database.begin(tenant=scene.stranger.tenant_id) as db:
            await db.execute(text(call), {"tenant": scene.home.tenant_id})

    with pytest.raises(DBAPIError):
        await try_it()


async def test_a_hash_that_opens_nothing_opens_nobody_s_transaction(database: Database, scene: Scene) -> None:
    async with database.begin() as db:
        for sign_in, bearer in ((None, None), (b"", None), (None, b""), (b"x" * 32, b"x" * 32)):
            row = (
                await db.execute(
                    text("SELECT * FROM arrive(:slug, :sign_in, :bearer)"),
                    {"slug": scene.home.slug, "sign_in": sign_in, "bearer": bearer},
                )
            ).one()
            assert (row.person_id, row.membership_id, row.token_id, row.email) == (None,) * 4
            person = await db.execute(text("SELECT current_setting('archipel.person', true)"))
            assert person.scalar_one() == ""
