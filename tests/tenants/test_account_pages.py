"""Signing in, joining and one's own account, used as a browser without scripts would, form by form."""

import re
from urllib.parse import urljoin

import httpx
from sqlalchemy import select

from tenants.cooperatives import Cooperative
from tenants.invitations import invite_member, stamp_invitation
from tenants.mail_links import NO_COOPERATIVE
from tenants.platform.database import Database
from tests import factories
from tests.tenants.conftest import Browser
from tests.tenants.test_sign_ins import last_link, mailed


async def follow(client: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
    """Go where a sent form leads."""
    assert answer.status_code == 303, (answer.status_code, errors_of(answer))
    return await client.get(urljoin(str(client.base_url), answer.headers["location"]))


def errors_of(answer: httpx.Response) -> list[str]:
    return re.findall(r'class="field-error"[^>]*>(?:<span[^>]*>[^<]*</span>)?([^<]*)', answer.text)


async def invited_by_mail(database: Database, coop: factories.Founded, email: str) -> str:
    async with database.begin(tenant=coop.tenant_id) as db:
        invitation = await invite_member(
            db,
            actor=coop.manager.actor,
            email=email,
            display_name="Invitée",
            message="Bienvenue **parmi nous** !",
        )
        token = await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
    assert token
    return token


async def test_a_password_signs_in_and_leads_to_the_only_cooperative(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    client = browser()
    assert "Se connecter" in (await client.get("/sign-in")).text
    answer = await client.post("/sign-in", data={"email": coop.manager.email, "password": factories.PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{coop.slug}")
    cookie = next(
        value for value in answer.headers.get_list("set-cookie") if value.startswith("archipel_sign_in")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert coop.manager.email in (await client.get("/me")).text


async def test_a_wrong_password_keeps_the_address_and_says_where(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    client = browser()
    for email in (coop.manager.email, "personne@example.org"):
        answer = await client.post("/sign-in", data={"email": email, "password": "autre chose"})
        assert answer.status_code == 422
        assert f'value="{email}"' in answer.text
        assert "autre chose" not in answer.text
        assert errors_of(answer)[0].startswith("Cette adresse et ce mot de passe ne vont pas ensemble")


async def test_signing_in_leads_back_to_a_page_of_ours_and_nowhere_else(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    for target, leads_to in (
        (f"/{coop.slug}/members", f"/{coop.slug}/members"),
        ("//evil.example", f"/{coop.slug}"),
        ("https://evil.example", f"/{coop.slug}"),
        ("/\\evil.example", f"/{coop.slug}"),
        ("/\r\nset-cookie:x", f"/{coop.slug}"),
    ):
        typed = {"email": coop.manager.email, "password": factories.PASSWORD, "next": target}
        answer = await browser().post("/sign-in", data=typed)
        if answer.status_code == 303:
            assert answer.headers["location"] == leads_to
        else:
            assert answer.status_code == 422
            assert target.startswith("/\r")


async def test_asking_for_a_link_is_answered_with_the_same_page_for_anybody(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    pages = []
    for email in (coop.manager.email, "inconnue@example.org"):
        client = browser()
        answer = await client.post("/sign-in", data={"email": email, "link": "1"})
        pages.append((answer.status_code, answer.headers["location"], (await follow(client, answer)).text))
    assert pages[0] == pages[1]


async def test_a_mailed_link_shows_a_button_and_only_the_button_signs_in(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    client = browser()
    await client.post("/sign-in", data={"email": coop.manager.email, "link": "1"})
    token = await mailed(database, await last_link(database))
    page = await client.get(f"/sign-in/link/{token}")
    assert page.status_code == 200
    assert (await client.get("/me")).status_code == 303
    answer = await client.post(f"/sign-in/link/{token}")
    assert answer.headers["location"] == f"/{coop.slug}"
    assert (await client.get("/me")).status_code == 200
    again = await browser().post(f"/sign-in/link/{token}")
    assert again.status_code == 404
    assert "plus valable" in again.text


async def test_an_invited_stranger_joins_with_a_name_and_a_password_and_is_signed_in(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    token = await invited_by_mail(database, coop, f"nouvelle@{coop.slug}.example")
    client = browser()
    page = await client.get(f"/join/{token}")
    assert "Fanny Fondatrice" in page.text
    assert "<strong>parmi nous</strong>" in page.text
    short = await client.post(f"/join/{token}", data={"display_name": "Nour", "password": "court"})
    assert short.status_code == 422
    assert 'value="Nour"' in short.text
    answer = await client.post(
        f"/join/{token}", data={"display_name": "Nour Béa", "password": factories.PASSWORD}
    )
    assert answer.headers["location"] == f"/{coop.slug}"
    assert "Nour Béa" in (await client.get(f"/{coop.slug}/members")).text


async def test_a_signed_in_person_joins_with_one_button(database: Database, browser: Browser) -> None:
    home, coop = await factories.found_cooperative(database), await factories.found_cooperative(database)
    token = await invited_by_mail(database, coop, f"qui@{coop.slug}.example")
    client = browser(home.manager)
    page = await client.get(f"/join/{token}")
    assert home.manager.email in page.text
    assert 'name="password"' not in page.text
    await follow(client, await client.post(f"/join/{token}", data={"display_name": "Fanny"}))
    mine = (await client.get("/me")).text
    assert f'href="/{home.slug}"' in mine
    assert f'href="/{coop.slug}"' in mine


async def test_my_account_lists_my_sign_ins_and_signs_one_out(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    second = await factories.sign_in(database, coop.manager)
    client = browser(coop.manager)
    page = await client.get("/me")
    (path,) = re.findall(r'action="(/me/sign-ins/[^"]+/revoke)"', page.text)
    assert "cet appareil" in page.text
    await follow(client, await client.post(path))
    other = browser()
    other.cookies.set("archipel_sign_in", second)
    assert (await other.get("/me")).headers["location"].startswith("/sign-in")


async def test_a_new_password_is_asked_for_the_old_one_beside_its_field(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database, password=factories.PASSWORD)
    client = browser()
    await client.post("/sign-in", data={"email": coop.manager.email, "password": factories.PASSWORD})
    answer = await client.post(
        "/me/password", data={"new_password": "une phrase bien à moi", "current_password": "non"}
    )
    assert answer.status_code == 422
    assert "une phrase bien à moi" not in answer.text
    assert 'id="current_password-error"' in answer.text
    done = await client.post(
        "/me/password", data={"new_password": "une phrase bien à moi", "current_password": factories.PASSWORD}
    )
    assert "Votre mot de passe est changé" in (await follow(client, done)).text


async def test_the_language_changes_and_stays(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    for client in (browser(coop.manager), browser()):
        answer = await client.post("/me/language", data={"locale": "en", "back": "/sign-in/sent"})
        page = await follow(client, answer)
        assert 'lang="en"' in page.text
        assert "Look at your mail" in page.text


async def test_signing_out_ends_the_sign_in(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    client = browser(coop.manager)
    await follow(client, await client.post("/me/sign-out"))
    stolen = browser(coop.manager)
    assert (await stolen.get("/me")).status_code == 303


async def test_a_form_sent_from_another_site_does_nothing(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    client = browser(coop.manager)
    answer = await client.post(
        "/me/sign-out", headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert (await client.get("/me")).status_code == 200


async def test_the_front_door_lists_cooperatives_and_nobody(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    page = await browser().get("/")
    assert page.status_code == 200
    assert coop.manager.email not in page.text
    assert "Une heure donnée" in page.text


async def test_the_events_of_a_person_alone_belong_to_no_cooperative(database: Database) -> None:
    await factories.found_cooperative(database)
    async with database.begin(tenant=NO_COOPERATIVE) as db:
        assert (await db.scalars(select(Cooperative))).all() == []
