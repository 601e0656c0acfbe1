"""The pages and operations of proposals: the whole story as a browser without scripts would send it."""

import re

import httpx
import pytest

from governance.next_steps import NextStep, Reader, next_step
from governance.proposal_states import Phase, ProposalState
from tenants.platform.database import Database
from tests import factories
from tests.governance.proposing import HOUR, LIMIT, Assembly, consent, gather, in_round, limit_of, proposed
from tests.tenants.conftest import Browser, Client


@pytest.fixture
async def circle(database: Database) -> Assembly:
    return await gather(database)


async def _follow(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text[:2000]
    page = await client.get(answer.headers["location"])
    assert page.status_code == 200, page.text[:2000]
    return page.text


async def test_a_rule_changes_by_consent_with_an_objection_on_the_pages_alone(
    browser: Browser, circle: Assembly
) -> None:
    home = f"/{circle.coop.slug}"
    awa, bran, fanny = browser(circle.awa), browser(circle.bran), browser(circle.coop.manager)
    rule = await awa.get(f"{home}/rules/{LIMIT}")
    assert "Proposer un changement" in rule.text
    form = await awa.get(f"{home}/proposals/new?kind=amend_rule&rule={LIMIT}")
    assert "Valeur actuelle" in form.text
    typed = {"kind": "amend_rule", "rule": LIMIT, "title": "Baisser le découvert", "reasons": "Il le faut."}
    wrong = await awa.post(f"{home}/proposals", data={**typed, "value": "9000 h"})
    assert wrong.status_code == 422
    assert "Il le faut." in wrong.text
    opened = await awa.post(f"{home}/proposals", data={**typed, "value": "2 h"})
    path = opened.headers["location"]
    page = await _follow(awa, opened)
    assert "Faites avancer la discussion" in page
    await _follow(
        bran, await bran.post(f"{path}/comments", data={"words": "Pourquoi deux ?", "question": "1"})
    )
    asked = re.search(r'name="answers" value="([0-9a-f-]+)"', (await awa.get(path)).text)
    assert asked
    answered = await awa.post(f"{path}/comments", data={"words": "C'est assez.", "answers": asked[1]})
    assert "est assez." in await _follow(awa, answered)
    await _follow(bran, await bran.post(f"{path}/support"))
    await _follow(awa, await awa.post(f"{path}/advance", data={"to": "objections"}))
    assert "Votre réponse est attendue" in (await fanny.get(path)).text
    grounds = {"version": "1", "harm": "Les débutants", "role_harmed": "Accueil", "reasons": "Trop peu."}
    short = await bran.post(f"{path}/objections", data={**grounds, "harm": ""})
    assert short.status_code == 422
    assert "Trop peu." in short.text
    await _follow(bran, await bran.post(f"{path}/objections", data=grounds))
    editor = (await awa.get(f"{path}/edit")).text
    (objection,) = re.findall(r'name="integrates" value="([0-9a-f-]+)" checked', editor)
    amended = {
        "version": "1",
        "title": typed["title"],
        "reasons": "Il le faut, <b>sans</b> léser.",
        "value": "5 h",
        "integrates": objection,
    }
    await _follow(awa, await awa.post(f"{path}/edit", data=amended))
    changes = (await bran.get(f"{path}/changes")).text
    assert "[ajouté" in changes
    assert "&lt;" in changes
    assert "Intègre l" in changes
    text = ""
    for client in (bran, fanny, awa):
        last = await client.post(f"{path}/answers", data={"version": "2", "consents": "1"})
        text = await _follow(client, last)
    assert "En vigueur depuis" in text
    rule = await awa.get(f"{home}/rules/{LIMIT}")
    assert f'href="{path}"' in rule.text
    stranger = await browser().get(path)
    assert stranger.status_code == 200
    assert "Décision sur la règle" in stranger.text
    for hidden in ("Baisser le découvert", "Il le faut", "Awa", "Bran"):
        assert hidden not in stranger.text
    assert f'href="{path}"' in (await browser().get(f"{home}/register")).text
    # A second click answers where the first one led.
    assert (await bran.post(f"{path}/answers", data={"version": "2", "consents": "1"})).status_code == 409


async def test_the_list_is_filtered_downloaded_and_kept_from_strangers(
    database: Database, browser: Browser, circle: Assembly
) -> None:
    home = f"/{circle.coop.slug}"
    client = browser(circle.bran)
    assert "Aucune proposition pour l" in (await client.get(f"{home}/proposals")).text
    await proposed(database, circle.awa, limit_of(3, title="=Première"))
    await proposed(database, circle.awa, limit_of(4, title="Brouillon secret"), publish=False)
    page = (await client.get(f"{home}/proposals")).text
    assert "=Première" in page
    assert "Brouillon secret" not in page
    assert "Brouillon secret" in (await browser(circle.awa).get(f"{home}/proposals?mine=1")).text
    assert "=Première" not in (await client.get(f"{home}/proposals?standing=rejected")).text
    csv = await client.get(f"{home}/proposals.csv")
    assert "'=Première" in csv.text
    assert (await browser().get(f"{home}/proposals")).status_code == 303
    stranger = await factories.found_cooperative(database)
    assert (await browser(stranger.manager).get(f"{home}/proposals")).status_code == 403


async def test_every_kind_has_its_form(browser: Browser, circle: Assembly) -> None:
    home = f"/{circle.coop.slug}"
    client = browser(circle.awa)
    assert "Motion libre" in (await client.get(f"{home}/proposals/new")).text
    typed = {"title": "Bran trésorier", "reasons": "Il compte bien."}
    given = await client.post(
        f"{home}/proposals",
        data={
            **typed,
            "kind": "give_mandate",
            "member": "bran",
            "role": "treasurer",
            "until_on": "2027-06-30",
        },
    )
    assert "Bran Objecteur" in await _follow(client, given)
    nobody = await client.post(f"{home}/proposals", data={**typed, "kind": "give_mandate", "member": "zorro"})
    assert nobody.status_code == 422
    ends = (await client.get(f"{home}/proposals/new?kind=end_mandate")).text
    (mandate,) = re.findall(r'<option value="([0-9a-f-]{36})"', ends)
    ended = await client.post(
        f"{home}/proposals", data={**typed, "kind": "end_mandate", "mandate_id": mandate, "draft": "1"}
    )
    path = ended.headers["location"]
    assert "Ouvrez la discussion" in await _follow(client, ended)
    assert (await browser(circle.bran).get(path)).status_code == 404
    rewritten = {"version": "1", "title": "Autre titre", "reasons": "Autres raisons."}
    assert "Autre titre" in await _follow(client, await client.post(f"{path}/edit", data=rewritten))
    assert "En discussion" in await _follow(client, await client.post(f"{path}/open"))
    assert "Retirée" in await _follow(client, await client.post(f"{path}/withdraw"))


async def test_the_api_does_the_same(database: Database, bearer: Client, circle: Assembly) -> None:
    secret = await factories.api_token(database, circle.awa, "governance:read", "governance:write")
    other = await factories.api_token(database, circle.bran, "governance:read", "governance:write")
    awa, bran = bearer(secret), bearer(other)
    here = f"/{circle.coop.slug}/proposals"
    body = {"kind": "amend_rule", "rule": LIMIT, "title": "Baisser", "reasons": "Oui.", "value": 3 * HOUR}
    made = await awa.post(here, json=body)
    assert made.status_code == 201, made.text
    path = f"{here}/{made.json()['id']}"
    assert made.json()["rule"]["proposed"] == 3 * HOUR
    elsewhere = await awa.post(here, json={**body, "circle_id": str(circle.awa.id)})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "outside_perimeter")
    assert (await awa.post(f"{path}/advance", json={"to": "objections"})).status_code == 200
    grounds = {"version": 1, "harm": "h", "role_harmed": "r", "reasons": "x"}
    raised = await bran.post(f"{path}/objections", json=grounds)
    assert raised.status_code == 201, raised.text
    assert (await bran.post(f"{path}/objections", json=grounds)).json()["code"] == "objected_already"
    taken = await bran.post(f"/{circle.coop.slug}/objections/{raised.json()['id']}/withdraw")
    assert taken.json()["state"] == "withdrawn"
    assert (await awa.post(f"{path}/answers", json={"version": 1})).json()["round"]["consents"] == 2
    assert (await awa.get(here)).json()["items"][0]["phase"] == "objections"
    versions = {"version": 1, "title": "Baisser", "reasons": "Oui, un peu.", "value": 4 * HOUR}
    assert (await awa.post(f"{path}/versions", json=versions)).json()["version"] == 2
    assert [one["number"] for one in (await bran.get(f"{path}/versions")).json()] == [2, 1]


async def test_enough_contests_reopen_a_rule_which_may_then_be_confirmed(
    database: Database, browser: Browser, circle: Assembly
) -> None:
    rule = f"/{circle.coop.slug}/rules/{LIMIT}"
    awa, bran = browser(circle.awa), browser(circle.bran)
    first = await _follow(awa, await awa.post(f"{rule}/contest", data={"reason": "Trop large"}))
    assert "Trop large" in first
    assert "Cette règle est rouverte" not in first
    assert "Contester" in await _follow(awa, await awa.post(f"{rule}/contest/withdraw"))
    await _follow(awa, await awa.post(f"{rule}/contest", data={"reason": "Trop large"}))
    second = await _follow(bran, await bran.post(f"{rule}/contest", data={"reason": "On s'y perd"}))
    assert "Cette règle est rouverte" in second
    assert "contestent une règle" in (await awa.get(f"/{circle.coop.slug}/notices")).text
    confirmed = await in_round(database, circle.awa, limit_of(20))
    await consent(database, confirmed, *circle.everyone)
    assert "Cette règle est rouverte" not in (await awa.get(rule)).text


def test_each_reader_has_one_next_step() -> None:
    discussed = ProposalState.DISCUSSED
    leader, member = Reader(leads=True, in_circle=True), Reader(in_circle=True)
    assert next_step(discussed, Phase.CLARIFY, leader, questions=1) is NextStep.ANSWER_QUESTIONS
    assert next_step(discussed, Phase.CLARIFY, member, questions=1) is NextStep.ASK
    assert next_step(discussed, Phase.OBJECTIONS, leader, objections=1) is NextStep.ANSWER_ROUND
    answered = Reader(leads=True, in_circle=True, consents=True)
    assert next_step(discussed, Phase.OBJECTIONS, answered, objections=1) is NextStep.INTEGRATE
    assert next_step(discussed, Phase.OBJECTIONS, Reader()) is NextStep.AWAIT_ROUND
    for phase in Phase:
        for reader in (leader, member, answered, Reader()):
            assert next_step(discussed, phase, reader) in NextStep
