"""Circles and colleges as programs see them: opened, filled, given mandates and closed with a token that may."""

from datetime import date, timedelta

import httpx

from tenants.platform.database import Database
from tests import factories
from tests.lived_circles import WEIGHTS
from tests.tenants.conftest import Browser, Client

UNTIL = (date.today() + timedelta(days=90)).isoformat()  # noqa: DTZ011 (any day far enough)


async def test_a_program_arranges_circles_for_a_manager(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    anna = await factories.join_member(database, coop, name="Anna")
    token = await factories.api_token(database, coop.manager, "governance:read", "governance:write")
    client, path = bearer(token), f"/{coop.slug}/circles"
    (root,) = (await client.get(path)).json()["items"]
    assert (root["id"], root["parent_id"], root["scopes"]) == (str(coop.tenant_id), None, [])
    body = {"name": "Heures", "parent_id": root["id"], "scopes": ["rule:timebank.credit_limit_low"]}
    made = (await client.post(path, json=body)).json()
    one = f"{path}/{made['id']}"
    assert (await client.post(f"{one}/members", json={"membership_ids": [str(anna.id)]})).json() == {
        "count": 1
    }
    role = {"membership_id": str(anna.id), "role": "facilitator", "until": UNTIL}
    mandate = (await client.post(f"{one}/mandates", json=role)).json()
    held = (await client.get(f"{path}/mandates", params={"circle": made["id"]})).json()["items"]
    assert [row["id"] for row in held] == [mandate["id"]]
    mine = (await client.get(path, params={"member": str(anna.id)})).json()["items"]
    assert [row["name"] for row in mine] == ["Cercle de tous", "Heures"]
    ended = (await client.post(f"{path}/mandates/{mandate['id']}/end")).json()
    assert ended["ended_reason"] == "taken_back"
    assert (await client.post(f"{one}/perimeter", json={"scopes": []})).json()["scopes"] == []
    assert (await client.post(f"{one}/close")).json()["closed_at"]
    again = await client.post(f"{one}/close")
    assert (again.status_code, again.json()["code"]) == (httpx.codes.CONFLICT, "circle_closed")
    closed = (await client.get(path, params={"closed": "true"})).json()["items"]
    assert [row["name"] for row in closed] == ["Heures"]


async def test_a_member_s_program_arranges_nothing(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    anna = await factories.join_member(database, coop)
    client = bearer(await factories.api_token(database, anna, "governance:read", "governance:write"))
    body = {"name": "Heures", "parent_id": str(coop.tenant_id)}
    refused = await client.post(f"/{coop.slug}/circles", json=body)
    assert (refused.status_code, refused.json()["code"]) == (httpx.codes.FORBIDDEN, "circles_not_yours")


async def test_a_program_reads_exact_weights_and_places_members(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database, rules={"governance.college_weights": [*WEIGHTS]})
    client = bearer(await factories.api_token(database, coop.manager, "governance:read", "governance:write"))
    path = f"/{coop.slug}/colleges"
    found = {one["name"]: one for one in (await client.get(path)).json()["items"]}
    assert (found["Salariés"]["numerator"], found["Salariés"]["denominator"]) == (2, 5)
    me = {"membership_ids": [str(coop.manager.id)]}
    one = f"{path}/{found['Usagers']['id']}/members"
    assert (await client.post(one, json=me)).json() == {"count": 1}
    assert (await client.post(one, json=me)).json() == {"count": 0}
    listed = await client.get(f"{path}/members", params={"college": found["Usagers"]["id"]})
    assert [row["name"] for row in listed.json()["items"]] == [coop.manager.name]
    assert (await client.post(f"{one}/remove", json=me)).json() == {"count": 1}
    nobody = await client.post(one, json={"membership_ids": []})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "nobody_chosen")


async def test_a_member_who_may_not_is_shown_no_form(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    anna = await factories.join_member(database, coop)
    client = browser(anna)
    page = await client.get(f"/{coop.slug}/circles")
    assert "Créer un cercle</a>" not in page.text
    assert "Comme personne ne la tient encore, la gestion" in page.text
    root = f"/{coop.slug}/circles/{coop.tenant_id}"
    for address in (f"/{coop.slug}/circles/new", f"{root}/edit", f"{root}/perimeter", f"{root}/members/new"):
        assert (await client.get(address)).status_code == httpx.codes.FORBIDDEN, address
