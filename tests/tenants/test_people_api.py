"""The JSON API of people: what a token may do, what only a browser may, and what is never shown."""

from tenants.platform.database import Database
from tests import factories
from tests.tenants.conftest import Client


async def test_me_says_who_a_token_acts_for(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    secret = await factories.api_token(database, coop.manager, "profile:read")
    answer = await bearer(secret).get(f"/{coop.slug}/me")
    found = answer.json()
    assert (found["member"]["id"], found["roles"], found["scopes"]) == (
        str(coop.manager.id),
        ["manager"],
        ["profile:read"],
    )


async def test_a_scope_that_was_not_given_is_missed_by_name(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    client = bearer(await factories.api_token(database, coop.manager, "profile:read"))
    answer = await client.get(f"/{coop.slug}/mandates")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert answer.headers["content-type"] == "application/problem+json"
    for path in ("/me", "/me/sign-ins"):
        assert (await client.get(path)).status_code == 401
    assert (await client.post("/me/password", json={"new_password": "une autre phrase"})).status_code == 401
    made = await client.post(f"/{coop.slug}/tokens", json={"name": "x", "scopes": ["hours:write"], "days": 3})
    assert made.status_code == 403


async def test_members_are_paged_and_contacts_kept(database: Database, bearer: Client) -> None:
    coop, other = await factories.found_cooperative(database), await factories.found_cooperative(database)
    names = [f"Nom {number}" for number in range(5)]
    for name in names:
        await factories.join_member(database, coop, name=name)
    member = await factories.join_member(database, coop, name="Zut")
    client = bearer(await factories.api_token(database, member, "profile:read"))
    seen: list[str] = []
    after = None
    while True:
        page = (
            await client.get(
                f"/{coop.slug}/members", params={"limit": 2, **({"after": after} if after else {})}
            )
        ).json()
        seen += [one["display_name"] for one in page["items"]]
        assert all(one["contact_email"] is None for one in page["items"] if one["display_name"] != "Zut")
        after = page["next"]
        if after is None:
            break
    assert seen == ["Fanny Fondatrice", *names, "Zut"]
    assert (await client.get(f"/{coop.slug}/members", params={"state": "suspended"})).status_code == 403
    assert (await client.get(f"/{other.slug}/members")).status_code == 401
    assert (await client.get(f"/{coop.slug}/members/{other.manager.id}")).status_code == 404


async def test_a_manager_runs_the_cooperative_through_the_api(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    client = bearer(await factories.api_token(database, coop.manager, "governance:read", "governance:write"))
    given = await client.post(
        f"/{coop.slug}/mandates",
        json={"membership_id": str(member.id), "role": "mediator", "until": "2028-06-30"},
    )
    assert given.status_code == 201, given.text
    assert given.json()["register_seq"] >= 2
    ended = await client.post(f"/{coop.slug}/mandates/{given.json()['id']}/end")
    assert ended.json()["ended_reason"] == "taken_back"
    again = await client.post(f"/{coop.slug}/mandates/{given.json()['id']}/end")
    assert (again.status_code, again.json()["code"]) == (409, "mandate_ended_already")
    invited = await client.post(
        f"/{coop.slug}/invitations", json={"email": "Ana@example.org", "display_name": "Ana"}
    )
    assert invited.json()["email"] == "ana@example.org"
    listed = await client.get(f"/{coop.slug}/invitations")
    assert [one["id"] for one in listed.json()["items"]] == [invited.json()["id"]]
    gone = await client.post(f"/{coop.slug}/invitations/{invited.json()['id']}/withdraw")
    assert gone.status_code == 200
    suspended = await client.post(f"/{coop.slug}/members/{member.id}/suspend")
    assert suspended.json()["state"] == "suspended"
    assert (await client.post(f"/{coop.slug}/members/{member.id}/reinstate")).json()["state"] == "active"


async def test_the_same_key_invites_once_and_answers_twice(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    client = bearer(await factories.api_token(database, coop.manager, "governance:read", "governance:write"))
    body = {"email": "une-fois@example.org", "display_name": "Une Fois"}
    headers = {"idempotency-key": "k1"}
    answers = [await client.post(f"/{coop.slug}/invitations", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


async def test_anybody_reads_the_cooperative_and_only_that(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    client = bearer("")
    assert (await client.get(f"/{coop.slug}/settings")).json()["name"] == "Les Ateliers du Vent"
    for path in ("me", "members", "mandates", "invitations", "tokens"):
        assert (await client.get(f"/{coop.slug}/{path}")).status_code == 401
    assert (await client.get("/nulle-part/settings")).status_code == 404


async def test_a_revoked_token_opens_nothing_even_the_public_page(database: Database, bearer: Client) -> None:
    coop = await factories.found_cooperative(database)
    client = bearer(await factories.api_token(database, coop.manager, "profile:read", "profile:write"))
    (token,) = (await client.get(f"/{coop.slug}/tokens")).json()["items"]
    assert "secret" not in token
    assert (await client.post(f"/{coop.slug}/tokens/{token['id']}/revoke")).status_code == 200
    assert (await client.get(f"/{coop.slug}/me")).status_code == 401
