"""As ``test_statement_counts``, for what members look after and tell each other: as many statements for many as for few."""

import asyncio

import httpx
import pytest
from litestar import Litestar

from tenants import reception
from tenants.actors import Role
from tenants.erasures import ask_membership_erasure
from tenants.memberships import leave_cooperative
from tenants.platform.database import Database
from tests import factories
from tests.marketplace.care_rows import Place, add_care_rows, place_for
from tests.marketplace.test_statement_counts import MOST, statements
from tests.tenants.conftest import Browser

# More than a page of a list holds, and no more: each of these rows takes some forty transactions.
FEW, MANY = 3, 23

PAGES = (
    "/imports",
    "/join-requests",
    "/delegations",
    "/offline-members",
    "/letters",
    "/letters/print",
    "/entries",
    "/searches",
    "/matches",
    "/missions/{mission}",
    "/missions/{mission}/matches",
    "/missions/{mission}/messages",
    "/missions/{mission}/messages/{thread}",
    "/members/{simone}",
    "/members/{simone}/reviews",
    "/reports",
    "/pot",
    "/pot/requests",
    "/pot/requests/all",
    "/treasury/write-offs",
)


@pytest.fixture
async def place(database: Database) -> Place:
    """Simone holds every mandate and has a part in everything."""
    coop = await factories.found_cooperative(database)
    simone = await factories.join_member(database, coop, name="Simone Souveraine")
    for role in Role:
        simone = await factories.give_mandate(database, coop, simone, role)
    return await place_for(database, coop, simone)


async def sent_by(app: Litestar, client: httpx.AsyncClient, path: str) -> list[str]:
    with statements(app) as sent:
        answer = await client.get(path)
    assert answer.status_code == httpx.codes.OK, path
    return sent


async def test_no_page_of_care_asks_more_for_many_rows_than_for_few(
    database: Database, app: Litestar, browser: Browser, place: Place
) -> None:
    client = browser(place.simone)
    # That she was here is written apart from the first page, once an hour.
    await client.get(f"/{place.coop.slug}")
    await asyncio.gather(*reception._background)
    counts: dict[str, list[int]] = {page: [] for page in PAGES}
    for rows in (range(FEW), range(FEW, MANY)):
        await add_care_rows(database, place, rows)
        for page, told in counts.items():
            path = page.format(mission=place.mission, thread=place.thread, simone=place.simone.id)
            told.append(len(await sent_by(app, client, f"/{place.coop.slug}{path}")))
    assert {page: told for page, told in counts.items() if told[0] != told[1]} == {}
    assert {page: told for page, told in counts.items() if told[1] > MOST} == {}


async def test_one_s_own_data_ask_no_more_for_many_cooperatives_than_for_few(
    database: Database, app: Litestar, browser: Browser
) -> None:
    """Those one has left, each with its erasure, and one that one is still in."""
    first = await factories.found_cooperative(database)
    zoe = await factories.join_member(database, first, name="Zoé")
    client = browser(zoe)
    await client.get("/me/data")
    await asyncio.gather(*reception._background)
    counts = []
    for more in (1, 4):
        for _number in range(more):
            left = await factories.join_member(
                database, await factories.found_cooperative(database), email=zoe.email
            )
            assert left.person_id == zoe.person_id
            async with database.begin(tenant=left.tenant_id, person=left.person_id) as db:
                await leave_cooperative(db, actor=left.actor)
            async with database.begin(person=left.person_id) as db:
                await ask_membership_erasure(db, person_id=left.person_id, membership_id=left.id)
        counts.append(len(await sent_by(app, client, "/me/data")))
        assert (await client.get("/me/data")).text.count("Effacement le") == sum((1, 4)[: len(counts)])
    assert counts[0] == counts[1] <= MOST, counts
