"""The pages and operations of rules, assemblies, register, notices and audit, used as people and programs would."""

import asyncio
import json
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

from marketplace.rules import HOLD_EXPIRY_DAYS, SILENCE_DAYS
from tenants.actors import Role
from tenants.assembly_signatures import notify_rules_changed
from tenants.events import AssemblySigned
from tenants.notices import unread_notices
from tenants.pages.register import CHECK_PROGRAM
from tenants.platform.database import Database
from tenants.register import Verified, verify_register
from tests import factories
from tests.tenants.conftest import Browser

TODAY = datetime.now(ZoneInfo("Europe/Paris")).date()
MINUTES = {
    "held_on": (TODAY - timedelta(days=1)).isoformat(),
    "place": "Maison des associations",
    "minutes": "Les membres ont **longuement** débattu avec Gaspard.",
    "members_count": "40",
    "present_count": "20",
    "represented_count": "5",
    "quorum_required_count": "20",
}
DECISION = {
    "rule": HOLD_EXPIRY_DAYS.name,
    "value": "30",
    "votes_for": "20",
    "votes_against": "3",
    "votes_abstain": "2",
    "majority": "two_thirds",
    "effective_on": (TODAY + timedelta(days=30)).isoformat(),
}


async def with_treasurer(database: Database) -> tuple[factories.Founded, factories.Member]:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Thérèse Orvault")
    return coop, await factories.give_mandate(database, coop, member, Role.TREASURER)


async def record(client: httpx.AsyncClient, slug: str, *, once: str = "") -> str:
    """Record an assembly and one decision; return the path of its page."""
    answer = await client.post(f"/{slug}/assemblies", data={**MINUTES, "once": once})
    assert answer.status_code == 303, errors_of(answer)
    path = str(answer.headers["location"])
    answer = await client.post(f"{path}/resolutions", data={**DECISION, "version": "1"})
    assert answer.status_code == 303, errors_of(answer)
    return path


async def run(program: Path, file: Path) -> str:
    """What a stranger's Python prints."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(sys.executable, program, file, stdout=pipe, stderr=pipe)
    printed, _complaint = await started.communicate()
    return printed.decode()


async def follow(client: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
    """Go where a sent form leads."""
    assert answer.status_code == 303, (answer.status_code, errors_of(answer))
    return await client.get(urljoin(str(client.base_url), answer.headers["location"]))


def errors_of(answer: httpx.Response) -> list[str]:
    return re.findall(r'class="field-error"[^>]*>(?:<span[^>]*>[^<]*</span>)?([^<]*)', answer.text)


def main_of(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", page.text.split("<main", 1)[1].split("</main>", 1)[0])


# --- Rules and register: anyone ----------------------------------------------------------------------


async def test_anyone_reads_the_rules_and_who_decided_them(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(
        database, rules={HOLD_EXPIRY_DAYS.name: 45, SILENCE_DAYS.name: 3}
    )
    page = main_of(await browser().get(f"/{coop.slug}/rules"))
    assert "45 jours" in page
    assert "l’acte de fondation" in page
    assert "1120" in page, "what the law says stands beside the value"
    page = main_of(await browser().get(f"/{coop.slug}/rules/{HOLD_EXPIRY_DAYS.name}"))
    assert "45 jours" in page
    assert "sans fin prévue" in page
    english = main_of(await browser(locale="en").get(f"/{coop.slug}/rules"))
    assert "45 days" in english
    assert "the founding act" in english
    assert (await browser().get(f"/{coop.slug}/rules/essais.inconnue")).status_code == 404


async def test_a_stranger_downloads_the_register_and_checks_it_with_the_printed_program(
    database: Database,
    browser: Browser,
    tmp_path: Path,
) -> None:
    coop, treasurer = await with_treasurer(database)
    page = (await browser().get(f"/{coop.slug}/register")).text
    assert "Acte de fondation" in page
    assert "Mandat : Trésorerie".replace(" :", "\u00a0:") in page
    answer = await browser().get(f"/{coop.slug}/register.json")
    assert "attachment" in answer.headers["content-disposition"]
    told = answer.json()
    head = told["lines"][-1]["hash"]
    assert verify_register(told["lines"]) == Verified(len(told["lines"]), head)
    assert head in page
    for secret in (treasurer.name, treasurer.email, str(treasurer.id), str(coop.manager.id)):
        assert secret not in answer.text
    program, file = tmp_path / "check.py", tmp_path / "register.json"
    program.write_text(CHECK_PROGRAM, encoding="utf-8")
    file.write_bytes(answer.content)
    assert (await run(program, file)).split() == [str(len(told["lines"])), head]
    told["lines"][1]["kind"] = "member_left"
    file.write_text(json.dumps(told), encoding="utf-8")
    assert await run(program, file) == "", "the program stops at the first line that does not hold"


async def test_a_long_register_is_read_page_by_page(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    for _ in range(25):
        await factories.join_member(database, coop)
    seen: list[int] = []
    path = f"/{coop.slug}/register"
    while path:
        page = (await browser().get(path)).text
        seen += [int(seq) for seq in re.findall(r'id="line-(\d+)"', page)]
        older = re.search(r'rel="next" href="(\?after=[^"]+)"', page)
        path = f"/{coop.slug}/register{older[1]}" if older else ""
    assert seen == list(range(len(seen), 0, -1))
    assert len(seen) > 25
    assert (await browser().get(f"/{coop.slug}/register?after=zzz")).status_code == 400


# --- Assemblies --------------------------------------------------------------------------------------


async def test_an_assembly_from_its_minutes_to_the_changed_rule(database: Database, browser: Browser) -> None:
    coop, treasurer = await with_treasurer(database)
    manager = browser(coop.manager)
    assert "Enregistrer une assemblée" in main_of(await manager.get(f"/{coop.slug}/assemblies"))
    assert 'value="2"' in (await manager.get(f"/{coop.slug}/assemblies/new")).text, (
        "how many members there are"
    )
    path = await record(manager, coop.slug)
    answer = await manager.post(f"{path}/sign", data={"version": "2", "role": "manager"})
    page = await follow(manager, answer)
    assert "Il faut encore une autre personne" in page.text
    assert "/sign" not in main_of(page), "nobody signs twice"
    other = browser(treasurer)
    assert "Signer au titre du mandat" in main_of(await other.get(path))
    page = await follow(other, await other.post(f"{path}/sign", data={"version": "2", "role": "treasurer"}))
    assert "En vigueur" in main_of(page)
    rules = main_of(await browser().get(f"/{coop.slug}/rules"))
    assert "30 jours à partir du" in rules
    assert f'href="{path}"' in rules
    history = main_of(await browser().get(f"/{coop.slug}/rules/{HOLD_EXPIRY_DAYS.name}"))
    assert "une assemblée" in history


async def test_a_stranger_sees_what_was_decided_and_neither_minutes_nor_names(
    database: Database,
    browser: Browser,
) -> None:
    coop, treasurer = await with_treasurer(database)
    path = await record(browser(coop.manager), coop.slug)
    assert (await browser().get(path)).status_code == 404
    for who in (coop.manager, treasurer):
        assert (await browser(who).post(f"{path}/sign", data={"version": "2"})).status_code == 303
    told = main_of(await browser().get(path))
    assert "30 jours" in told
    assert "20 pour, 3 contre, 2 abstentions" in told
    api = await browser().get(f"/api/v1{path}")
    assert api.json()["minutes"] is None
    for secret in ("Gaspard", MINUTES["place"], treasurer.name, coop.manager.name, str(treasurer.id)):
        assert secret not in told
        assert secret not in api.text
    mine = main_of(await browser(treasurer).get(path))
    assert "<strong>longuement</strong>" in mine
    assert treasurer.name in mine


async def test_what_is_refused_stays_typed_and_says_where(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    manager = browser(coop.manager)
    for wrong, said in (
        ({"present_count": "3"}, "quorum"),
        ({"held_on": (TODAY + timedelta(days=3)).isoformat()}, "pas encore eu lieu"),
        ({"members_count": "-1"}, "Au moins 1"),
        ({"minutes": ""}, "nécessaire"),
        ({"held_on": "hier"}, "date"),
    ):
        answer = await manager.post(f"/{coop.slug}/assemblies", data={**MINUTES, **wrong})
        assert answer.status_code == 422
        assert said in errors_of(answer)[0]
        assert f'value="{MINUTES["place"]}"' in answer.text
    path = await record(manager, coop.slug)
    for wrong, said in (
        ({"value": "9999"}, "comprise entre"),
        ({"value": "beaucoup"}, "comprise entre"),
        ({"votes_for": "1"}, "majorité"),
        ({"votes_for": "24"}, "plus de voix"),
        ({"rule": "essais.inconnue"}, "n’existe pas"),
        ({"effective_on": "2020-01-01"}, "pour le passé"),
        ({}, "le même jour"),
    ):
        answer = await manager.post(f"{path}/resolutions", data={**DECISION, **wrong, "version": "2"})
        assert answer.status_code == 422, wrong
        assert said in errors_of(answer)[0], wrong
    stale = await manager.post(f"{path}/sign", data={"version": "1"})
    assert stale.status_code == 409
    assert "relisez-le" in stale.text


async def test_correcting_removing_and_withdrawing_from_the_page(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    manager = browser(coop.manager)
    path = await record(manager, coop.slug)
    form = await manager.get(f"{path}/edit")
    assert MINUTES["place"] in form.text
    page = await follow(
        manager, await manager.post(f"{path}/edit", data={**MINUTES, "place": "Gymnase", "version": "2"})
    )
    assert "Gymnase" in main_of(page)
    page = await follow(
        manager, await manager.post(f"{path}/resolutions/remove", data={"version": "3", "position": "1"})
    )
    assert "Aucune décision" in main_of(page)
    await follow(manager, await manager.post(f"{path}/withdraw", data={"version": "4"}))
    assert "Retiré" in main_of(await manager.get(path))
    assert (await manager.post(f"{path}/sign", data={"version": "4"})).status_code == 409


async def test_a_form_sent_twice_records_one_assembly(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    manager = browser(coop.manager)
    answers = [
        await manager.post(f"/{coop.slug}/assemblies", data={**MINUTES, "once": "the-same-click"})
        for _ in range(2)
    ]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert len(re.findall(r'class="item-title"', (await manager.get(f"/{coop.slug}/assemblies")).text)) == 1


async def test_members_without_a_mandate_are_kept_out(database: Database, browser: Browser) -> None:
    coop, treasurer = await with_treasurer(database)
    path = await record(browser(coop.manager), coop.slug)
    member = await factories.join_member(database, coop)
    client = browser(member)
    assert (await client.get(f"/{coop.slug}/assemblies/new")).status_code == 403
    assert (await client.get(path)).status_code == 404
    assert (await client.post(f"/{coop.slug}/assemblies", data=MINUTES)).status_code == 403
    assert (await client.post(f"{path}/sign", data={"version": "2"})).status_code in {403, 404}
    assert (await browser(treasurer).post(f"{path}/withdraw", data={"version": "2"})).status_code == 403
    for closed in ("notices", "treasury/audit", "treasury/audit.csv"):
        assert (await browser().get(f"/{coop.slug}/{closed}")).headers["location"].startswith("/sign-in")
    assert (await client.get(f"/{coop.slug}/treasury/audit")).status_code == 403
    assert (await client.get(f"/{coop.slug}/treasury/audit.csv")).status_code == 403


# --- Notices and audit -------------------------------------------------------------------------------


async def test_notices_are_read_by_a_click_and_not_by_opening_the_page(
    database: Database, browser: Browser
) -> None:
    coop, treasurer = await with_treasurer(database)
    path = await record(browser(coop.manager), coop.slug)
    await browser(coop.manager).post(f"{path}/sign", data={"version": "2"})
    client = browser(treasurer)
    page = await client.get(f"/{coop.slug}/notices")
    assert "attend une seconde signature" in main_of(page)
    async with database.begin(tenant=coop.tenant_id) as db:
        before = await unread_notices(db, actor=treasurer.actor)
    assert before >= 2
    one = re.findall(rf"/{coop.slug}/notices/([0-9a-f-]+)/read", page.text)[0]
    answer = await client.post(f"/{coop.slug}/notices/{one}/read")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    newest = re.search(r'name="newest" value="([^"]+)"', page.text)
    assert newest
    page = await follow(client, await client.post(f"/{coop.slug}/notices/read", data={"newest": newest[1]}))
    assert "marqué" in page.text
    assert "/read" not in main_of(page)
    assert (await browser(coop.manager).post(f"/{coop.slug}/notices/{one}/read")).status_code == 404


async def test_the_trail_is_filtered_and_downloaded_by_managers_and_treasurers(
    database: Database,
    browser: Browser,
) -> None:
    coop, treasurer = await with_treasurer(database)
    await record(browser(coop.manager), coop.slug)
    client = browser(treasurer)
    page = main_of(await client.get(f"/{coop.slug}/treasury/audit"))
    assert "Assemblée enregistrée" in page
    assert coop.manager.name in page
    narrowed = main_of(
        await client.get(
            f"/{coop.slug}/treasury/audit", params={"action": "tenants:assembly:recorded", "since": "oops"}
        )
    )
    assert ">Assemblée enregistrée</th>" in narrowed
    assert ">Compte rendu d’assemblée corrigé</th>" not in narrowed
    nothing = main_of(await client.get(f"/{coop.slug}/treasury/audit", params={"until": "2020-01-01"}))
    assert "Rien de tel" in nothing
    by_me = await client.get(f"/{coop.slug}/treasury/audit", params={"member": str(treasurer.id)})
    assert ">Assemblée enregistrée</th>" not in main_of(by_me)
    file = await client.get(f"/{coop.slug}/treasury/audit.csv", params={"action": "tenants:assembly"})
    rows = file.content.decode("utf-8-sig").splitlines()
    assert rows[0] == "Date;Par;Action;Objet;Faits"
    assert len(rows) == 3
    assert all(coop.manager.name in row for row in rows[1:])


# --- The API -----------------------------------------------------------------------------------------


def terms(**changes: Any) -> dict[str, Any]:
    counts = {name: int(value) for name, value in MINUTES.items() if name.endswith("_count")}
    decision = {
        **DECISION,
        **{name: int(DECISION[name]) for name in DECISION if name[:5] in {"votes", "value"}},
    }
    return {**MINUTES, **counts, "resolutions": [decision], **changes}


async def test_a_program_records_signs_and_withdraws_with_its_scopes(
    database: Database, browser: Browser
) -> None:
    coop, treasurer = await with_treasurer(database)
    home = f"/api/v1/{coop.slug}"

    async def as_program(who: factories.Member, *scopes: str) -> dict[str, str]:
        return {"authorization": f"Bearer {await factories.api_token(database, who, *scopes)}"}

    manager = await as_program(coop.manager, "governance:read", "governance:write")
    other = await as_program(treasurer, "governance:write", "governance:read")
    blind = await as_program(treasurer, "profile:read")
    client = browser()
    for call in ("record_assembly", "assemblies"):
        answer = (
            await client.post(f"{home}/assemblies", json=terms(), headers=blind)
            if call == "record_assembly"
            else await client.get(f"{home}/assemblies", headers=blind)
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    keyed = {**manager, "idempotency-key": "once-only"}
    made = [await client.post(f"{home}/assemblies", json=terms(), headers=keyed) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    found = made[0].json()
    one = f"{home}/assemblies/{found['id']}"
    early = await client.post(f"{one}/sign", json={"version": 9}, headers=manager)
    assert (early.status_code, early.json()["code"]) == (409, "assembly_changed")
    signed = await client.post(f"{one}/sign", json={"version": 1}, headers=manager)
    assert (signed.status_code, signed.json()["state"]) == (200, "signed_once")
    twice = await client.post(f"{one}/sign", json={"version": 1}, headers=manager)
    assert twice.json()["code"] == "already_signed"
    done = (await client.post(f"{one}/sign", json={"version": 1, "role": "treasurer"}, headers=other)).json()
    assert done["state"] == "in_force"
    rule = (await client.get(f"{home}/rules/{HOLD_EXPIRY_DAYS.name}")).json()
    assert (rule["rule"]["coming"]["value"], rule["rule"]["coming"]["source_id"]) == (30, found["id"])
    closed = await client.post(f"{one}/withdraw", json={"version": 1}, headers=manager)
    assert closed.json()["code"] == "assembly_closed"
    listed = (await client.get(f"{home}/assemblies")).json()
    assert [item["id"] for item in listed["items"]] == [found["id"]]
    draft = (await client.post(f"{home}/assemblies", json=terms(), headers=manager)).json()
    gone = await client.post(
        f"{home}/assemblies/{draft['id']}/withdraw", json={"version": 1}, headers=manager
    )
    assert gone.json()["state"] == "withdrawn"


async def test_a_program_corrects_minutes_and_changes_their_resolutions(
    database: Database, browser: Browser
) -> None:
    coop, _treasurer = await with_treasurer(database)
    home = f"/api/v1/{coop.slug}/assemblies"
    token = await factories.api_token(database, coop.manager, "governance:read", "governance:write")
    client, mine = browser(), {"authorization": f"Bearer {token}"}
    made = (await client.post(home, json=terms(), headers=mine)).json()
    one = f"{home}/{made['id']}"
    (first,) = made["resolutions"]
    added = await client.post(
        f"{one}/resolutions",
        headers=mine,
        json={**first, "rule": SILENCE_DAYS.name, "value": 9, "version": 1},
    )
    assert (added.status_code, added.json()["version"]) == (201, 2)
    assert [row["rule"] for row in added.json()["resolutions"]] == [first["rule"], SILENCE_DAYS.name]
    await client.post(f"{one}/sign", json={"version": 2}, headers=mine)
    minutes = {name: value for name, value in terms().items() if name != "resolutions"}
    corrected = await client.post(
        f"{one}/correct", json={**minutes, "place": "Le grand préau", "version": 2}, headers=mine
    )
    read = corrected.json()
    assert (read["version"], read["place"], read["state"]) == (3, "Le grand préau", "draft")
    assert (len(read["resolutions"]), read["signatures"]) == (2, [])
    nowhere = await client.post(f"{one}/resolutions/remove", json={"version": 3, "position": 3}, headers=mine)
    assert nowhere.status_code == 404
    removed = await client.post(f"{one}/resolutions/remove", json={"version": 3, "position": 1}, headers=mine)
    assert [row["rule"] for row in removed.json()["resolutions"]] == [SILENCE_DAYS.name]
    emptied = await client.post(
        f"{one}/correct", json={**minutes, "version": 4, "resolutions": []}, headers=mine
    )
    assert emptied.json()["resolutions"] == []
    stale = await client.post(f"{one}/correct", json={**minutes, "version": 1}, headers=mine)
    assert (stale.status_code, stale.json()["code"]) == (409, "assembly_changed")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"present_count": 1}, "quorum_not_reached"),
        ({"held_on": "2999-01-01"}, "assembly_not_yet_held"),
        ({"minutes": "a\u202eb"}, "invalid"),
        ({"members_count": 10**12}, "invalid"),
        ({"resolutions": [{"rule": "x"}]}, "invalid"),
    ],
)
async def test_a_program_is_told_what_is_wrong(
    database: Database,
    browser: Browser,
    changes: dict[str, Any],
    code: str,
) -> None:
    coop = await factories.found_cooperative(database)
    token = await factories.api_token(database, coop.manager, "governance:write")
    answer = await browser().post(
        f"/api/v1/{coop.slug}/assemblies", json=terms(**changes), headers={"authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_the_register_of_the_api_is_the_same_chain(database: Database, browser: Browser) -> None:
    coop, _treasurer = await with_treasurer(database)
    client = browser()
    lines: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await client.get(f"/api/v1/{coop.slug}/register", params={"limit": 2, "after": after})).json()
        lines += page["items"]
        if not page["next"]:
            break
        after = page["next"]
    assert verify_register(reversed(lines)) == Verified(len(lines), lines[0]["hash"])


async def test_a_program_reads_notices_and_the_trail(database: Database, browser: Browser) -> None:
    coop, treasurer = await with_treasurer(database)
    path = await record(browser(coop.manager), coop.slug)
    await browser(coop.manager).post(f"{path}/sign", data={"version": "2"})
    home = f"/api/v1/{coop.slug}"
    token = await factories.api_token(database, treasurer, "profile:read", "governance:read")
    program = browser()
    program.headers["authorization"] = f"Bearer {token}"
    found = (await program.get(f"{home}/notices", params={"unread": "true", "limit": 1})).json()
    assert found["items"][0]["path"] == path
    assert "attend une seconde signature" in found["items"][0]["sentence"]
    read = await program.post(f"{home}/notices/{found['items'][0]['id']}/read")
    assert read.json()["read_at"]
    rest = (await program.get(f"{home}/notices", params={"unread": "true"})).json()["items"]
    assert (await program.post(f"{home}/notices/read")).json() == {"read": len(rest)}
    trail = (
        await program.get(f"{home}/treasury/audit", params={"action": "tenants:assembly:recorded"})
    ).json()
    assert [entry["actor_id"] for entry in trail["items"]] == [str(coop.manager.id)]
    member = await factories.join_member(database, coop)
    other = browser()
    other.headers["authorization"] = (
        f"Bearer {await factories.api_token(database, member, 'governance:read')}"
    )
    assert (await other.get(f"{home}/treasury/audit")).status_code == 403
    assert (await other.get(f"{home}/notices")).json()["code"] == "scope_missing"


async def test_every_member_finds_the_changed_rule_in_their_notices(
    database: Database, browser: Browser
) -> None:
    coop, treasurer = await with_treasurer(database)
    member = await factories.join_member(database, coop)
    path = await record(browser(coop.manager), coop.slug)
    for who in (coop.manager, treasurer):
        await browser(who).post(f"{path}/sign", data={"version": "2"})
    assembly_id = path.rsplit("/", 1)[1]
    async with database.begin(tenant=coop.tenant_id) as db:
        await notify_rules_changed(
            db, AssemblySigned(tenant_id=coop.tenant_id, assembly_id=UUID(assembly_id))
        )
    page = main_of(await browser(member).get(f"/{coop.slug}/notices"))
    assert f'href="{path}"' in page
    assert "a changé les règles" in page
