"""The pages of the missions over HTTP: forms that keep what was typed, double clicks, downloads, strangers."""

import csv
import io
import re
from uuid import UUID, uuid4

import httpx
import pytest

from marketplace.missions import Mission
from tenants.platform.database import Database
from tenants.platform.security import SIGN_IN_COOKIE
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import HOUR, balance, village
from tests.running import Running

FORM = {
    "kind": "request",
    "title": "Relire une plaquette",
    "description": "Douze pages.",
    "estimated_minutes": "1h30",
    "tags": "reliure, papier",
    "place": "either",
    "territory": "29",
    "visibility": "cooperative",
    "ownership": "payer",
}


def browser(archipel: Running, member: Member | None = None) -> httpx.AsyncClient:
    """A browser without scripts, on its own site, signed in or not."""
    cookies = {SIGN_IN_COOKIE: member.token} if member else {}
    return httpx.AsyncClient(
        base_url=archipel.base_url,
        cookies=cookies,
        headers={"origin": archipel.base_url, "sec-fetch-site": "same-origin"},
    )


async def test_a_form_sent_twice_makes_one_mission_and_leads_to_it_twice(
    database: Database, archipel: Running
) -> None:
    scene = await village(database)
    async with browser(archipel, scene.author) as client:
        sent = FORM | {"once": str(uuid4())}
        answers = [await client.post(f"/{scene.coop.slug}/missions", data=sent) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await stories.count(database, scene.coop, Mission) == 1


async def test_what_was_typed_stays_when_something_is_wrong(database: Database, archipel: Running) -> None:
    scene = await village(database)
    async with browser(archipel, scene.author) as client:
        answer = await client.post(
            f"/{scene.coop.slug}/missions",
            data=FORM | {"estimated_minutes": "beaucoup", "wanted_by": "2020-01-01", "title": "<b>Gras</b>"},
        )
    assert answer.status_code == 422
    assert 'value="beaucoup"' in answer.text
    assert "&lt;b&gt;Gras&lt;/b&gt;" in answer.text
    assert "Douze pages." in answer.text
    assert 'id="estimated_minutes-error"' in answer.text
    assert await stories.count(database, scene.coop, Mission) == 0


@pytest.mark.parametrize("wrong", ["-1", "0", "1e9", "99999 h", "\u202e2h", "2h" * 4000])
async def test_an_absurd_duration_is_answered_beside_its_field(
    database: Database, archipel: Running, wrong: str
) -> None:
    scene = await village(database)
    mission_id = await stories.posted(database, scene.author)
    async with browser(archipel, scene.bidder) as client:
        answer = await client.post(
            f"/{scene.coop.slug}/missions/{mission_id}/bids", data={"message": "Jeudi.", "minutes": wrong}
        )
    assert answer.status_code == 422
    assert 'id="minutes-error"' in answer.text
    assert "Jeudi." in answer.text


async def test_a_page_left_open_cannot_settle_twice(database: Database, archipel: Running) -> None:
    scene = await village(database)
    mission_id = await stories.delivered(database, scene)
    path = f"/{scene.coop.slug}/missions/{mission_id}"
    async with browser(archipel, scene.author) as client:
        page = (await client.get(path)).text
        once = re.findall(r'name="once" value="([^"]+)"', page)[0]
        first = await client.post(f"{path}/confirm", data={"once": once})
        back = await client.post(f"{path}/confirm", data={"once": once})
        other = await client.post(f"{path}/confirm", data={"once": str(uuid4())})
    assert [first.status_code, back.status_code, other.status_code] == [303, 303, 409]
    assert await balance(database, scene.bidder) == (2 * HOUR, 0)


async def test_consent_to_more_is_the_tick_and_the_number_together(
    database: Database, archipel: Running
) -> None:
    scene = await village(database)
    unticked = await stories.delivered(database, scene, minutes=60, spent=90)
    ticked = await stories.delivered(database, scene, minutes=60, spent=90)
    async with browser(archipel, scene.author) as client:
        for mission_id, data in (
            (unticked, {"extra_minutes": "30"}),
            (ticked, {"extra_minutes": "30", "accept_extra": "1"}),
        ):
            path = f"/{scene.coop.slug}/missions/{mission_id}/confirm"
            assert (await client.post(path, data=data)).status_code == 303
    assert await balance(database, scene.bidder) == (60 + 90, 0)


async def test_the_download_holds_the_list_and_runs_no_formula(database: Database, archipel: Running) -> None:
    scene = await village(database)
    await stories.posted(database, scene.author, title="=1+1")
    await stories.agreed(database, scene, title="Convenue")
    async with browser(archipel, scene.other) as client:
        answer = await client.get(f"/{scene.coop.slug}/missions.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert [row[0] for row in rows[1:]] == ["'=1+1"]
    assert scene.author.name in rows[1]


async def test_a_stranger_and_a_neighbour_find_no_door(database: Database, archipel: Running) -> None:
    scene = await village(database)
    neighbour = (await village(database)).mediator
    mission_id = await stories.disputed(database, scene)
    home = f"/{scene.coop.slug}"
    for member in (None, neighbour):
        async with browser(archipel, member) as client:
            for path in (f"/missions/{mission_id}", f"/missions/{uuid4()}"):
                assert (await client.get(home + path)).status_code == 404
            for path in ("/missions/new", "/missions.csv", "/disputes", "/skills"):
                assert (await client.get(home + path)).status_code in {303, 401, 403}
            for path in ("decide", "confirm", "withdraw", "statements", "stop/accept"):
                answer = await client.post(f"{home}/missions/{mission_id}/{path}", data={"once": "x"})
                assert answer.status_code in {303, 401, 403, 404}
    assert await stories.state_of(database, scene.author, mission_id) == "disputed"
    assert await balance(database, scene.author) == (0, 2 * HOUR)


async def test_a_mission_published_with_markdown_shows_no_script(
    database: Database, archipel: Running
) -> None:
    scene = await village(database)
    mission_id = await stories.posted(
        database,
        scene.author,
        description="<script>alert(1)</script> [lien](javascript:alert(1)) **gras**",
    )
    assert isinstance(mission_id, UUID)
    async with browser(archipel, scene.bidder) as client:
        page = (await client.get(f"/{scene.coop.slug}/missions/{mission_id}")).text
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    assert "<strong>gras</strong>" in page
