"""The JSON API of the missions, over HTTP: a whole mission, its refusals, its keys and its scopes."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from marketplace.mission_terms import MissionVisibility
from tenants.platform.database import Database
from tests.factories import Member, api_token
from tests.marketplace import stories
from tests.marketplace.stories import HOUR, Village, balance, village
from tests.running import Running

SCOPES = ("missions:read", "missions:write", "hours:read", "hours:write", "governance:write")
MISSION = {
    "kind": "request",
    "title": "Relire une plaquette",
    "description": "Douze pages.",
    "estimated_minutes": 120,
}


class Caller:
    """A member's program."""

    def __init__(self, archipel: Running, member: Member, token: str) -> None:
        self.path = f"{archipel.base_url}/api/v1/{member.slug}"
        self.headers = {"authorization": f"Bearer {token}"}

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        headers = self.headers | ({"idempotency-key": key} if key else {})
        async with httpx.AsyncClient() as client:
            return await client.post(self.path + path, json=body, headers=headers)

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(self.path + path, headers=self.headers)


async def callers(
    database: Database, archipel: Running, scene: Village, *scopes: str
) -> tuple[Caller, Caller, Caller]:
    members = (scene.author, scene.bidder, scene.mediator)
    tokens = [await api_token(database, member, *(scopes or SCOPES)) for member in members]
    author, bidder, mediator = (
        Caller(archipel, member, token) for member, token in zip(members, tokens, strict=True)
    )
    return author, bidder, mediator


async def test_a_mission_from_its_posting_to_its_settlement(database: Database, archipel: Running) -> None:
    scene = await village(database)
    author, bidder, _ = await callers(database, archipel, scene)
    posted = await author.post("/missions", MISSION)
    assert posted.status_code == 201
    mission = f"/missions/{posted.json()['id']}"
    assert posted.json()["next_action"] == "await_bids"
    listed = (await bidder.get("/missions?kind=request&limit=1")).json()
    assert [one["title"] for one in listed["items"]] == ["Relire une plaquette"]
    placed = await bidder.post(f"{mission}/bids", {"message": "Jeudi.", "minutes": 90})
    assert placed.status_code == 201
    [bid] = placed.json()["bids"]
    accepted = await author.post(f"{mission}/bids/{bid['id']}/accept")
    assert accepted.status_code == 200
    assert accepted.json()["agreement"]["agreed_minutes"] == 90
    assert (await bidder.post(f"{mission}/start")).json()["state"] == "under_way"
    delivered = await bidder.post(f"{mission}/deliver", {"spent_minutes": 100, "note": "Fait."})
    assert delivered.json()["delivery"]["extra_at_most_minutes"] == 10
    settled = await author.post(f"{mission}/confirm", {"extra_minutes": 10})
    assert (settled.status_code, settled.json()["state"]) == (200, "settled")
    assert settled.json()["delivery"]["posted_minutes"] == 100
    assert await balance(database, scene.bidder) == (100, 0)


async def test_a_program_reads_what_waits_for_its_member_and_for_the_mediator(
    database: Database, archipel: Running
) -> None:
    scene = await village(database)
    author, bidder, mediator = await callers(database, archipel, scene)
    mission_id = await stories.delivered(database, scene)
    [mine] = (await author.get("/waiting")).json()["items"]
    assert (mine["mission_id"], mine["action"], mine["other"]) == (
        str(mission_id),
        "confirm",
        scene.bidder.name,
    )
    disputed = await stories.disputed(database, scene)
    [open_one] = (await mediator.get("/disputes")).json()["items"]
    assert (open_one["mission_id"], open_one["held_minutes"]) == (str(disputed), 2 * HOUR)
    refused = await bidder.get("/disputes")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


async def test_an_acceptance_sent_many_times_with_one_key_holds_once_and_answers_alike(
    database: Database, archipel: Running
) -> None:
    scene = await village(database)
    author, _, _ = await callers(database, archipel, scene)
    mission_id = await stories.posted(database, scene.author)
    bid_id = await stories.bid(database, scene.bidder, mission_id)
    path = f"/missions/{mission_id}/bids/{bid_id}/accept"
    key = str(uuid4())
    answers = await asyncio.gather(*(author.post(path, key=key) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert await balance(database, scene.author) == (0, 2 * HOUR)
    # Without the key it is another request, and the mission has moved on.
    again = await author.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


async def test_a_refusal_is_a_problem_with_its_code_its_figures_and_its_field(
    database: Database, archipel: Running
) -> None:
    scene = await village(database, low=HOUR)
    author, _, mediator = await callers(database, archipel, scene)
    mission_id = await stories.posted(database, scene.author)
    bid_id = await stories.bid(database, scene.bidder, mission_id)
    short = await author.post(f"/missions/{mission_id}/bids/{bid_id}/accept")
    assert short.headers["content-type"].startswith("application/problem+json")
    assert (short.status_code, short.json()["code"]) == (409, "not_enough_hours")
    assert short.json()["facts"]["short_minutes"] == HOUR
    far = await author.post("/missions", MISSION | {"territory": "20"})
    assert (far.status_code, far.json()["field"]) == (422, "territory")
    decided = await mediator.post(
        f"/missions/{mission_id}/dispute/decide", {"posted_minutes": 0, "decision": "Rien."}
    )
    assert (decided.status_code, decided.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "x" * 121},
        {"title": "a\u202eb"},
        {"estimated_minutes": 0},
        {"estimated_minutes": 10**30},
        {"estimated_minutes": "deux heures"},
        {"kind": "gift"},
        {"skills": ["x"]},
        {"expires_on": "2020-01-01"},
        {"wanted_by": "hier"},
        {"visibility": "ecosystem"},
        {"description": "\u0000"},
    ],
    ids=str,
)
async def test_what_cannot_be_a_mission_is_refused_field_by_field(
    database: Database, archipel: Running, wrong: dict[str, Any]
) -> None:
    scene = await village(database)
    author, _, _ = await callers(database, archipel, scene)
    answer = await author.post("/missions", MISSION | wrong)
    assert answer.status_code == 422
    assert next(iter(wrong)) in next(iter(answer.json()["errors"]))


async def test_a_token_does_only_what_its_scopes_say(database: Database, archipel: Running) -> None:
    scene = await village(database)
    author, _, _ = await callers(database, archipel, scene, "missions:read", "missions:write")
    mission_id = await stories.delivered(database, scene)
    answer = await author.post(f"/missions/{mission_id}/confirm", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert await balance(database, scene.author) == (0, 2 * HOUR)
    reader, _, _ = await callers(database, archipel, scene, "profile:read")
    assert (await reader.get("/missions")).status_code == 403


async def test_a_stranger_lists_what_is_public_and_nothing_else(
    database: Database, archipel: Running
) -> None:
    scene = await village(database)
    await stories.posted(database, scene.author)
    public = await stories.posted(
        database, scene.author, title="Pour tous", visibility=MissionVisibility.PUBLIC
    )
    path = f"{archipel.base_url}/api/v1/{scene.coop.slug}/missions"
    async with httpx.AsyncClient() as client:
        listed = (await client.get(path)).json()["items"]
        assert [(one["title"], one["author"]) for one in listed] == [("Pour tous", None)]
        assert (await client.get(f"{path}/{public}")).json()["author"] is None
        assert (await client.post(f"{path}/{public}/bids", json={})).status_code in {401, 403}
