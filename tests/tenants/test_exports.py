"""One's own data in one archive: complete, readable, in one's language, without a secret or somebody else's row."""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import marketplace.switchboard  # noqa: F401 (every table that is declared)
from tenants.exports import my_data
from tenants.memberships import Membership
from tenants.personal import HOLDINGS
from tenants.platform.database import Database
from tenants.platform.errors import NotFound
from tenants.platform.words import use_locale
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Member
from tests.lived_in import live_in
from tests.marketplace import stories
from tests.tenants.conftest import Browser, Client


def opened(content: bytes) -> Mapping[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}


async def taken(database: Database, member: Member, locale: str = "fr", **which: Any) -> Mapping[str, str]:
    async with database.begin(person=member.person_id, read_only=True) as db:
        with use_locale(locale):
            return opened(await my_data(db, person_id=member.person_id, **which))


async def test_the_archive_holds_what_one_did_and_who_with_and_nobodys_balance(database: Database) -> None:
    scene = await stories.village(database)
    mission = await stories.disputed(database, scene)
    settled = await stories.delivered(database, scene)
    await stories.confirm(database, scene.author, settled)
    mine = await taken(database, scene.bidder)
    slug = scene.coop.slug
    profile = json.loads(mine[f"{slug}/memberships.json"])
    assert [one["display_name"] for one in profile] == ["Badis Répondeur"]
    [entry] = json.loads(mine[f"{slug}/transfers.json"])
    assert (entry["counterparty_id"], entry["amount"], entry["balance"]) == ("Anouk Autrice", 120, 120)
    assert {one["mission_id"] for one in json.loads(mine[f"{slug}/agreements.json"])} == {
        "Relire une plaquette de douze pages"
    }
    assert json.loads(mine[f"{slug}/disputes.json"])[0]["opened_by"] == "Anouk Autrice"
    page = mine["index.html"]
    assert '<html lang="fr">' in page
    assert "Mon relevé d&#39;heures" in page or "Mon relevé d’heures" in page
    assert mine["account/people.json"].count(scene.bidder.email) == 1
    # Nothing of a third party but the names on what was done together.
    everything = "".join(mine.values())
    for absent in (scene.author.email, scene.other.name, scene.other.email, scene.mediator.name):
        assert absent not in everything, absent
    assert str(mission)
    others = await taken(database, scene.other)
    assert not {"transfers", "agreements", "disputes"} & {name.split("/")[-1][:-5] for name in others}


async def test_who_used_everything_there_is_gets_their_archive(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    simone = await live_in(database, coop)
    mine = await taken(database, simone)
    [habit] = json.loads(mine[f"{coop.slug}/notice_habits.json"])
    assert (habit["quiet_from"], habit["quiet_until"]) == ("21:00", "08:00")
    assert "21:00" in mine[f"{coop.slug}/notice_habits.csv"]
    assert "Menuiserie" in mine[f"{coop.slug}/member_skills.json"]


async def test_the_archive_is_in_ones_language_and_one_membership_may_be_taken_alone(
    database: Database,
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    alone = await taken(database, member, "en", membership_id=member.id)
    assert {name.split("/")[0] for name in alone} == {"index.html", coop.slug}
    assert '<html lang="en">' in alone["index.html"]
    assert "My membership" in alone["index.html"]
    with pytest.raises(NotFound):
        await taken(database, member, membership_id=coop.manager.id)


async def test_no_secret_and_no_formula_leaves(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    member = coop.manager
    secret = await factories.api_token(database, member, "profile:read")
    async with database.begin(tenant=coop.tenant_id) as db:
        own = await db.get_one(Membership, (coop.tenant_id, member.id))
        own.presentation = '=HYPERLINK("http://ailleurs.example")<script>alert(1)</script>'
    mine = await taken(database, member)
    everything = "".join(mine.values())
    async with db_as("postgres") as db:
        hashes = await db.execute(
            text("""
                SELECT encode(token_hash, 'hex') FROM sign_ins WHERE person_id = :me
                UNION ALL SELECT encode(token_hash, 'hex') FROM api_tokens WHERE membership_id = :member
                UNION ALL SELECT password_hash FROM people WHERE person_id = :me
            """),
            {"me": member.person_id, "member": member.id},
        )
        secrets = [row[0] for row in hashes]
    assert len(secrets) == 3
    for word in (*secrets, secret, member.token, "$argon2"):
        assert word not in everything
    assert "'=HYPERLINK" in mine[f"{coop.slug}/memberships.csv"]
    assert "<script" not in mine["index.html"]


async def test_every_declaration_can_be_exported(database: Database, db_as: OpenAs) -> None:
    """The columns and conditions are SQL that PostgreSQL accepts, whether or not there is a row."""
    coop = await factories.found_cooperative(database)
    async with db_as("app", tenant=coop.tenant_id, person=coop.manager.person_id) as db:
        for one in HOLDINGS:
            columns = ", ".join(f"t.{column}" for column in one.exported) or "1"
            statement = f"SELECT {columns} FROM {one.source or one.table} t WHERE {one.condition}"
            await db.execute(text(re.sub(r":me\b", f"'{coop.manager.id}'::uuid", statement)))


async def test_only_the_person_in_their_browser_gets_it(
    database: Database, browser: Browser, bearer: Client
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    path = f"/me/data/{member.id}/archive.zip"
    mine = await browser(member).get(path)
    assert mine.status_code == httpx.codes.OK
    assert mine.headers["cache-control"] == "no-store"
    assert "index.html" in opened(mine.content)
    assert (await browser(coop.manager).get(path)).status_code == httpx.codes.NOT_FOUND
    for stranger in (path, "/me/data.zip", "/me/data"):
        assert (await browser().get(stranger)).status_code in {303, 401}
    token = await factories.api_token(database, member, "profile:read")
    assert (await bearer(token).get("/me/data")).status_code == httpx.codes.UNAUTHORIZED


async def test_one_asks_to_be_forgotten_and_changes_ones_mind_on_the_page(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    client = browser(member)
    assert f"/{coop.slug}/profile/leave" in (await client.get("/me/data")).text
    refused = await client.post(f"/me/data/{member.id}/erase")
    assert refused.status_code == httpx.codes.CONFLICT
    assert "quittez-la" in refused.text
    left = await client.post(f"/{coop.slug}/profile/leave", data={"heir": ""})
    assert (left.status_code, left.headers["location"]) == (303, "/me/data")
    for path in (f"/me/data/{member.id}", "/me/data"):
        asked = await client.post(f"{path}/erase")
        assert asked.status_code == httpx.codes.SEE_OTHER, asked.text
        page = (await client.get("/me/data")).text
        assert f"{path}/keep" in page
        kept = await client.post(f"{path}/keep")
        assert kept.status_code == httpx.codes.SEE_OTHER
        assert f"{path}/keep" not in (await client.get("/me/data")).text
    assert (await client.post("/me/data/keep")).status_code == httpx.codes.NOT_FOUND
