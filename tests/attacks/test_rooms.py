"""Prying into what is new: hostile searches and cursors, ids of another cooperative, forged ways to stop a mail."""

import base64
import re
from uuid import UUID, uuid4

import httpx
import pytest

# What can be imported is declared by this.
import tenants.member_imports  # noqa: F401
from marketplace.mission_terms import MissionVisibility
from tenants.actors import Role
from tenants.digests import stop_token
from tenants.events import ImportPrepared
from tenants.import_jobs import look_into
from tenants.imports import prepare_import
from tenants.notice_preferences import set_habit
from tenants.platform.database import Database
from tenants.platform.web import encode_cursor
from tests.attacks.conftest import Browser, Scene
from tests.factories import found_cooperative, give_mandate, join_member
from tests.marketplace import stories
from tests.timebank.acting import acting, entered
from timebank.pot_purposes import PotPurpose
from timebank.pot_requests import ask_pot

ID = "018f0000-0000-7000-8000-000000000001"
HOSTILE = (
    "\\",
    "'",
    "''",
    "\\' | '§vprivate",
    "a' & !b:*",
    "§zdraft | §k",
    "( | & ! <-> :*",
    "''' OR 1=1 --",
    "%_\\%",
    "\u202e\u0000x",
    "\ud7ff\uffff",
    '"' * 299,
    "-" * 300,
    "e\u0301" * 500,
    "a " * 5000,
    "-\"x\" -'y' -(z)",
)
CURSORS = (
    encode_cursor("date", "2020-01-01T00:00:00", ID),
    encode_cursor("date", "0001-01-01T00:00:00+14:00", ID),
    encode_cursor("date", "9999-12-31T23:59:59-14:00", ID),
    encode_cursor("date", "2020-01-01T00:00:00Z", "x"),
    encode_cursor("place", "9" * 5000, ""),
    encode_cursor("place", "-1", ""),
    encode_cursor(2**70),
    encode_cursor(-(2**70)),
    encode_cursor("x\u0000", ID),
    encode_cursor(ID),
)


async def test_no_search_breaks_the_server_nor_finds_what_is_not_the_readers(
    database: Database, browser: Browser, scene: Scene
) -> None:
    await stories.posted(database, scene.plain, title="Secret de famille")
    await stories.posted(database, scene.plain, title="Brouillon enfoui", publish=False)
    mate, stranger, far = browser(scene.steward), browser(), browser(scene.stranger)
    slug = scene.home.slug
    for typed in HOSTILE:
        for client, where in ((mate, f"/api/v1/{slug}/missions/search"), (stranger, f"/{slug}/missions")):
            answer = await client.get(where, params={"q": typed})
            assert answer.status_code < 500, (typed, where)
            assert "Brouillon enfoui" not in answer.text, typed
            if client is stranger:
                assert "Secret de famille" not in answer.text, typed
        saved = await mate.post(
            f"/api/v1/{slug}/searches", json={"name": "n", "q": typed, "telling": "never"}
        )
        assert saved.status_code < 500, typed
        assert (await mate.get(f"/{slug}/members", params={"q": typed, "search": typed})).status_code < 500
    for field in ("territory", "region", "skill", "hours", "place", "kind", "state", "order", "mine"):
        for typed in ("\\", "'", "§", "a|b", "29|zdraft|vprivate", "\u0000", "1e999"):
            for client in (mate, stranger):
                answer = await client.get(f"/{slug}/missions", params={field: typed, "q": "enfoui"})
                assert answer.status_code < 500, (field, typed)
                assert "Brouillon enfoui" not in answer.text
    for client in (stranger, far):
        for typed in ("famille", "famile", "fam", "enfoui", "enfouit", "-rien famille"):
            page = (await client.get(f"/api/v1/{slug}/missions/search", params={"q": typed})).json()
            assert (page["items"], page["near"], page["near_words"], page["total"]) == ([], [], [], 0), typed


async def test_no_cursor_breaks_the_server(browser: Browser, scene: Scene) -> None:
    client, slug = browser(scene.treasurer), scene.home.slug
    lists = (
        "missions/search",
        "missions",
        "members",
        "hours/statement",
        "notices",
        "pot/requests",
        "pot/moves",
        "entries",
        "contests",
        "delegations",
        "imports",
        "register",
        "write-offs",
    )
    for path in lists:
        for cursor in CURSORS:
            for name in ("after", "before"):
                answer = await client.get(f"/api/v1/{slug}/{path}", params={name: cursor})
                assert answer.status_code < 500, (path, cursor, answer.text)


async def test_the_rooms_of_one_cooperative_open_with_no_key_of_another(
    database: Database, browser: Browser
) -> None:
    """Ids of imports, delegations, entries and requests, asked for by another cooperative's manager, at both doors."""
    there = await acting(database)
    entry = await entered(database, there)
    home = await found_cooperative(database, name="Les Curieux")
    thief = home.manager
    for role in (Role.TREASURER, Role.STEWARD, Role.MEDIATOR):
        thief = await give_mandate(database, home, thief, role)
    async with database.begin(tenant=there.tenant) as db:
        brought = await prepare_import(
            db,
            actor=there.home.manager.actor,
            kind="members",
            file_name="secret.csv",
            content="nom;courriel\nSecrète Sophie;s@s.example\n".encode(),
        )
        wanted = await ask_pot(
            db, actor=there.hugo.actor, purpose=PotPurpose.HEALTH, words="Mon dos", asked_minutes=60
        )
    async with database.begin(tenant=there.tenant) as db:
        await look_into(db, ImportPrepared(tenant_id=there.home.tenant_id, import_id=brought.id))
    client = browser(thief)
    rooms = {
        "imports": (brought.id, ("release", "discard")),
        "delegations": (there.delegation, ("approve", "end")),
        "entries": (entry, ("contest", "decide")),
        "pot/requests": (wanted.id, ("grant", "refuse", "withdraw")),
        "members": (there.hugo.id, ("end", "suspend")),
        "offline-members": (there.renee.id, ("invite", "address")),
    }
    given = {
        "answer": "non",
        "words": "x",
        "decision": "x",
        "outcome": "annulled",
        "amount_minutes": 1,
        "email": "a@b.example",
        "postal_address": "x",
    }
    for slug in (home.slug, there.home.slug):
        for room, (one, acts) in rooms.items():
            for prefix in ("", "/api/v1"):
                seen = await client.get(f"{prefix}/{slug}/{room}/{one}")
                assert seen.status_code in {403, 404, 405}, seen.url
                for secret in ("Sophie", "Mon dos", "Renée", "Hugo"):
                    assert secret not in seen.text, (seen.url, secret)
                for act in acts:
                    path = f"{prefix}/{slug}/{room}/{one}/{act}"
                    body = {"json": given} if prefix else {"data": given}
                    done = await client.post(path, **body)  # type: ignore[arg-type]
                    assert done.status_code in {400, 403, 404, 405, 422}, (path, done.status_code)
                    assert done.status_code not in {200, 201, 303}


async def test_no_one_click_stops_another_s_digest(
    database: Database, browser: Browser, scene: Scene
) -> None:
    victim = await join_member(database, scene.home)
    async with database.begin(tenant=scene.home.tenant_id) as db:
        key = await set_habit(db, tenant_id=scene.home.tenant_id, membership_id=victim.id)
        own = await set_habit(db, tenant_id=scene.home.tenant_id, membership_id=scene.plain.id)
    tenant = scene.home.tenant_id
    forged = [
        stop_token(tenant, victim.id, own),
        stop_token(tenant, victim.id, b"\x00" * 16),
        stop_token(tenant, victim.id, key[:-1]),
        stop_token(scene.stranger.tenant_id, victim.id, key),
        stop_token(tenant, uuid4(), key),
        base64.urlsafe_b64encode(victim.id.bytes).decode(),
        "x",
        "%00",
        "é" * 40,
    ]
    client = browser()
    for token in forged:
        assert (await client.get(f"/mail/stop/{token}")).status_code in {400, 404}, token
        posted = await client.post(f"/mail/stop/{token}", data={"List-Unsubscribe": "One-Click"})
        assert posted.status_code in {400, 404}, token
    mine = await browser(victim).get(f"/api/v1/{scene.home.slug}/notices/preferences")
    assert mine.json()["digest"] is True
    # Opening the true link stops nothing either: scanners of mail open links.
    true = stop_token(tenant, victim.id, key)
    assert (await client.get(f"/mail/stop/{true}")).status_code == httpx.codes.OK
    mine = await browser(victim).get(f"/api/v1/{scene.home.slug}/notices/preferences")
    assert mine.json()["digest"] is True
    # And it opens nothing else: no name of the member, no session.
    page = await client.post(f"/mail/stop/{true}", data={"List-Unsubscribe": "One-Click"})
    assert page.status_code == httpx.codes.OK
    assert victim.name not in page.text
    assert "archipel_sign_in" not in client.cookies


@pytest.mark.parametrize(
    "path", ["", "/missions", "/feed.atom", "/sitemap.xml", "/register", "/rules", "/join"]
)
async def test_what_everybody_reads_names_nobody(
    database: Database, browser: Browser, scene: Scene, path: str
) -> None:
    await stories.posted(
        database, scene.plain, visibility=MissionVisibility.PUBLIC, title="<b>À tous</b> ]]> &amp;"
    )
    seen = await browser().get(f"/{scene.home.slug}{path}")
    assert seen.status_code == httpx.codes.OK
    assert "<b>À tous" not in seen.text
    everybody = (scene.plain, scene.steward, scene.treasurer, scene.mediator, scene.home.manager)
    known = {
        str(UUID(found)) for found in re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", seen.text)
    }
    for one in everybody:
        for secret in (one.name, one.email):
            assert secret not in seen.text, (path, secret)
        assert {str(one.id), str(one.person_id)}.isdisjoint(known)
