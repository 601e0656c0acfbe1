"""The pages of people: used as a browser without scripts would, form by form."""

import re
from urllib.parse import urljoin

import httpx
from sqlalchemy import select

from tenants.actors import Role
from tenants.cooperatives import Cooperative
from tenants.invitations import invite_member, pending_invitations, stamp_invitation
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


async def test_the_directory_is_paged_searched_and_kept_from_strangers(
    database: Database, browser: Browser
) -> None:
    coop, other = await factories.found_cooperative(database), await factories.found_cooperative(database)
    for number in range(22):
        await factories.join_member(database, coop, name=f"Personne {number:02}")
    member = await factories.join_member(database, coop, name="Zoé <script>")
    client = browser(member)
    first = await client.get(f"/{coop.slug}/members")
    (query,) = re.findall(r'rel="next" href="(\?[^"]+)"', first.text)
    second = await client.get(f"/{coop.slug}/members{query.replace('&amp;', '&')}")
    names = re.findall(r"Personne \d\d", first.text + second.text)
    assert names == [f"Personne {number:02}" for number in range(22)]
    assert "Zoé &lt;script&gt;" in second.text
    found = await client.get(f"/{coop.slug}/members", params={"search": "personne 1"})
    assert len(re.findall(r"Personne 1\d", found.text)) == 10
    assert (await client.get(f"/{coop.slug}/members.csv")).status_code == 403
    assert (await browser(other.manager).get(f"/{coop.slug}/members")).status_code == 403
    assert (await browser().get(f"/{coop.slug}/members")).status_code == 303
    csv = await browser(coop.manager).get(f"/{coop.slug}/members.csv")
    assert len(csv.text.splitlines()) == 25
    assert (await client.get(f"/{coop.slug}/members?after=pas-un-curseur")).status_code == 400


async def test_contacts_are_shown_to_members_only_when_shared(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    shy, reader = await factories.join_member(database, coop), await factories.join_member(database, coop)
    path = f"/{coop.slug}/members/{shy.id}"
    assert shy.email not in (await browser(reader).get(path)).text
    assert shy.email in (await browser(coop.manager).get(path)).text
    own = browser(shy)
    typed = {
        "display_name": "Anne Kerléo",
        "contact_email": "Anne@Example.org",
        "contact_phone": "+33 6 00 00 00 00",
        "territory": "29",
        "presentation": "Je **répare** des vélos.",
        "shares_contact": "1",
    }
    bad = await own.post(f"/{coop.slug}/profile", data={**typed, "territory": "999", "contact_phone": "<b>"})
    assert bad.status_code == 422
    assert "Anne Kerléo" in bad.text
    await follow(own, await own.post(f"/{coop.slug}/profile", data=typed))
    page = (await browser(reader).get(path)).text
    for expected in ("anne@example.org", "+33 6 00 00 00 00", "Finistère (29)", "<strong>répare</strong>"):
        assert expected in page


async def test_a_manager_invites_sends_again_and_withdraws(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    client, path = browser(coop.manager), f"/{coop.slug}/invitations"
    bad = await client.post(path, data={"display_name": "Léa", "email": "lea@"})
    assert bad.status_code == 422
    assert 'value="lea@"' in bad.text
    page = await follow(
        client, await client.post(path, data={"display_name": "Léa", "email": "lea@example.org"})
    )
    assert "lea@example.org" in page.text
    twice = await client.post(path, data={"display_name": "Léa", "email": "LEA@example.org"})
    assert twice.status_code == 409
    async with database.begin(tenant=coop.tenant_id) as db:
        ((invitation, _invited),) = await pending_invitations(db, actor=coop.manager.actor)
        await stamp_invitation(db, tenant_id=coop.tenant_id, invitation_id=invitation.id)
    again = await client.post(f"{path}/{invitation.id}/resend")
    assert again.status_code == 409
    assert "vient de partir" in again.text
    gone = await follow(client, await client.post(f"{path}/{invitation.id}/withdraw"))
    assert "Toutes les personnes invitées ont répondu" in gone.text
    member = browser(await factories.join_member(database, coop))
    assert (await member.get(path)).status_code == 403


async def test_a_double_click_sends_one_invitation(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    client, path = browser(coop.manager), f"/{coop.slug}/invitations"
    typed = {"display_name": "Léa", "email": "deux-fois@example.org", "once": "la-meme"}
    answers = [await client.post(path, data=typed) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    async with database.begin(tenant=coop.tenant_id) as db:
        assert len(await pending_invitations(db, actor=coop.manager.actor)) == 1


async def test_a_manager_gives_a_mandate_and_the_holder_gives_it_up(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Tara Trésor")
    client, path = browser(coop.manager), f"/{coop.slug}/mandates"
    assert "Tara Trésor" in (await client.get(f"{path}?member={member.id}")).text
    past = await client.post(
        path, data={"membership_id": str(member.id), "role": "treasurer", "until": "2020-01-01"}
    )
    assert past.status_code == 422
    assert 'id="until-error"' in past.text
    typed = {"membership_id": str(member.id), "role": "treasurer", "until": "30/06/2028"}
    page = await follow(client, await client.post(path, data=typed))
    assert "30 juin 2028" in page.text
    holder = browser(member)
    (end,) = re.findall(r'action="([^"]+/end)"', (await holder.get(path)).text)
    after = await follow(holder, await holder.post(end))
    assert "Tara Trésor" not in after.text.split("<main", 1)[1]
    (last,) = re.findall(r'action="([^"]+/end)"', (await client.get(path)).text)
    refused = await client.post(last)
    assert refused.status_code == 409
    assert "plus personne à sa gestion" in refused.text


async def test_a_token_is_shown_in_one_answer_only(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    client, path = browser(coop.manager), f"/{coop.slug}/tokens"
    empty = await client.post(path, data={"name": "sauvegarde", "days": "30"})
    assert empty.status_code == 422
    made = await client.post(
        path, data={"name": "sauvegarde", "days": "30", "scopes": ["hours:read", "missions:read"]}
    )
    assert made.status_code == 200
    (secret,) = re.findall(r"archipel_[A-Za-z0-9_-]{43}", made.text)
    assert secret not in (await client.get(path)).text
    (revoke,) = re.findall(r'action="([^"]+/revoke)"', made.text)
    assert "Aucun jeton" in (await follow(client, await client.post(revoke))).text


async def test_settings_are_the_managers_and_show_on_the_next_page(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.give_mandate(
        database, coop, await factories.join_member(database, coop), Role.TREASURER
    )
    path = f"/{coop.slug}/settings"
    assert (await browser(member).get(path)).status_code == 403
    client = browser(coop.manager)
    typed = {
        "name": "Coop des Îles",
        "legal_profile": "cae",
        "territory": "974",
        "locale": "fr",
        "time_zone": "Indian/Reunion",
        "accent": "plum",
        "presentation": "",
    }
    assert (await browser(member).post(path, data=typed)).status_code == 403
    wrong = await client.post(path, data={**typed, "time_zone": "Mars/Olympus", "name": "X\u202egnp"})
    assert wrong.status_code == 422
    page = await follow(client, await client.post(path, data=typed))
    assert "Coop des Îles" in page.text
    assert 'class="accent-plum"' in page.text


async def test_a_member_leaves_and_the_last_manager_cannot(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    client = browser(member)
    assert (await client.get(f"/{coop.slug}/profile/leave")).status_code == 200
    await follow(client, await client.post(f"/{coop.slug}/profile/leave"))
    assert (await client.get(f"/{coop.slug}/members")).status_code == 403
    refused = await browser(coop.manager).post(f"/{coop.slug}/profile/leave")
    assert refused.status_code == 409


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
