"""An API token that fell into other hands: it must do what its scopes say, and nothing else anywhere."""

from typing import Final

import httpx
import pytest

from tenants.platform.database import Database
from tests.attacks.conftest import Browser, Scene
from tests.factories import Member, api_token, join_member
from tests.running import Running
from tests.test_isolation_walk import PUBLIC_OPERATIONS


def program(archipel: Running, secret: str) -> httpx.AsyncClient:
    """A program that holds this token."""
    return httpx.AsyncClient(
        base_url=archipel.base_url, timeout=30, headers={"authorization": f"Bearer {secret}"}
    )


async def balance(browser: Browser, member: Member) -> int:
    answer = await browser(member).get(f"/api/v1/{member.slug}/hours")
    return int(answer.json()["balance_minutes"])


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("hours/give", {"amount_minutes": "1h"}),
        ("hours/transfer", {"amount_minutes": "1h", "reason": "rien"}),
    ],
)
async def test_a_token_that_only_reads_missions_cannot_give_hours_through_a_page(
    database: Database, archipel: Running, browser: Browser, scene: Scene, path: str, fields: dict[str, str]
) -> None:
    secret = await api_token(database, scene.plain, "missions:read")
    before = await balance(browser, scene.plain)
    async with program(archipel, secret) as thief:
        answer = await thief.post(f"/{scene.home.slug}/{path}", data={**fields, "to": str(scene.steward.id)})
    assert await balance(browser, scene.plain) == before
    assert answer.headers["location"].startswith("/sign-in"), answer.status_code


@pytest.mark.parametrize("path", ["", "hours", "hours.csv", "members", "notices", "tokens", "profile"])
async def test_a_token_opens_no_page(database: Database, archipel: Running, scene: Scene, path: str) -> None:
    secret = await api_token(database, scene.plain, "missions:read")
    async with program(archipel, secret) as thief:
        answer = await thief.get(f"/{scene.home.slug}/{path}".rstrip("/"))
    assert scene.plain.name not in answer.text
    assert answer.status_code == httpx.codes.SEE_OTHER or "Se déconnecter" not in answer.text


async def test_a_token_makes_no_token(database: Database, archipel: Running, scene: Scene) -> None:
    secret = await api_token(database, scene.plain, "profile:read", "profile:write")
    body = {"name": "plus fort", "scopes": ["hours:write"], "days": 30}
    async with program(archipel, secret) as thief:
        by_api = await thief.post(f"/api/v1/{scene.home.slug}/tokens", json=body)
        by_page = await thief.post(f"/{scene.home.slug}/tokens", data=body)
    assert by_api.status_code == httpx.codes.FORBIDDEN
    assert by_page.status_code == httpx.codes.SEE_OTHER
    assert "archipel_" not in by_page.text


async def test_a_token_does_not_end_the_membership(
    database: Database, archipel: Running, browser: Browser, scene: Scene
) -> None:
    member = await join_member(database, scene.home)
    secret = await api_token(database, member, "profile:read", "profile:write")
    async with program(archipel, secret) as thief:
        answer = await thief.post(f"/api/v1/{scene.home.slug}/leave", json={})
    assert answer.status_code == httpx.codes.FORBIDDEN, answer.text
    assert (await browser(member).get(f"/api/v1/{scene.home.slug}/hours")).status_code == httpx.codes.OK


async def test_a_token_reaches_nothing_of_the_person(
    database: Database, archipel: Running, scene: Scene
) -> None:
    secret = await api_token(database, scene.plain, "profile:read", "profile:write")
    async with program(archipel, secret) as thief:
        for path in ("/me", "/api/v1/me", "/api/v1/me/sign-ins"):
            answer = await thief.get(path)
            assert answer.status_code in {303, 401}, path
            assert scene.plain.email not in answer.text
        changed = await thief.post("/api/v1/me/email", json={"email": "voleuse@ailleurs.example"})
        assert changed.status_code == httpx.codes.UNAUTHORIZED


# What each of two narrow tokens is made for. An operation is left out of one walk only: the other one tries it too.
ITS_OWN: Final = {
    # Those that let a member change what is theirs alone; `leave` refuses every token by itself (above).
    "profile:write": {
        "change_notice_preferences",
        "change_profile",
        "leave",
        "remove_member_skill",
        "revoke_api_token",
    },
    # What is read of one's own missions, and of those that one looks for.
    "missions:read": {
        "matching_members",
        "matching_missions",
        "messages",
        "mission_reviews",
        "saved_searches",
        "thread",
        "threads",
        "unread_threads",
        "waiting_missions",
    },
}


@pytest.mark.parametrize("scope", ITS_OWN)
async def test_a_narrow_token_is_refused_by_every_operation_of_another_scope(
    database: Database, archipel: Running, scene: Scene, scope: str
) -> None:
    """Every operation of a cooperative: nothing is read or done with a scope that is not its own."""
    secret = await api_token(database, scene.plain, scope)
    public = PUBLIC_OPERATIONS | {"cooperative", "mission", "skills"}
    refused: set[str] = set()
    answered: dict[str, int] = {}
    async with program(archipel, secret) as thief:
        document = (await thief.get("/api/v1/openapi.json")).json()
        for path, item in document["paths"].items():
            for method, operation in item.items():
                name = operation["operationId"]
                if "{cooperative}" not in path or name in public | ITS_OWN[scope]:
                    continue
                filled = path.replace("{cooperative}", scene.home.slug)
                for parameter in operation.get("parameters", []):
                    if parameter["in"] == "path":
                        filled = filled.replace(f"{{{parameter['name']}}}", str(scene.steward.id))
                answer = await thief.request(method, filled, json={} if method == "post" else None)
                # An empty body may be refused before the scope is looked at. Reading has none: there it is the scope.
                expected = {400, 403, 422} if method == "post" else {400, 403}
                if answer.status_code in expected:
                    refused.add(name)
                else:
                    answered[name] = answer.status_code
    assert not answered
    assert len(refused) > 100
    assert ITS_OWN[scope] <= {
        operation["operationId"] for item in document["paths"].values() for operation in item.values()
    }, "a name that no operation has leaves nothing out"
