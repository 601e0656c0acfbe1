"""The pages of members and managers, used as a browser without scripts would, form by form."""

import re

from tenants.actors import Role
from tenants.invitations import pending_invitations, stamp_invitation
from tenants.platform.database import Database
from tests import factories
from tests.tenants.conftest import Browser
from tests.tenants.test_account_pages import follow


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
    found = await client.get(f"/{coop.slug}/members", params={"q": "personne 1"})
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
        "contact_email": shy.email,
        "contact_phone": "+33 6 00 00 00 00",
        "territory": "29",
        "presentation": "Je **répare** des vélos.",
        "email_audience": "members",
        "phone_audience": "members",
    }
    bad = await own.post(f"/{coop.slug}/profile", data={**typed, "territory": "999", "contact_phone": "<b>"})
    assert bad.status_code == 422
    assert "Anne Kerléo" in bad.text
    await follow(own, await own.post(f"/{coop.slug}/profile", data=typed))
    page = (await browser(reader).get(path)).text
    for expected in (shy.email, "+33 6 00 00 00 00", "Finistère (29)", "<strong>répare</strong>"):
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


async def test_names_are_sorted_and_found_without_regard_to_case_and_accents(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    for name in ("Zoé", "élise", "Anna", "Éric", "Emma", "50 % Bio_"):
        await factories.join_member(database, coop, name=name)
    client = browser(coop.manager)
    page = (await client.get(f"/{coop.slug}/members")).text
    assert re.findall(r"50 % Bio_|Anna|élise|Emma|Éric|Fanny|Zoé", page.split("<main", 1)[1]) == [
        "50 % Bio_",
        "Anna",
        "élise",
        "Emma",
        "Éric",
        "Fanny",
        "Zoé",
    ]
    for search, found in (("ELI", "élise"), ("eric", "Éric"), ("% bio_", "50 % Bio_")):
        assert found in (await client.get(f"/{coop.slug}/members", params={"q": search})).text
    for search in ("%z", "_z", "/z"):
        listed = (await client.get(f"/{coop.slug}/members", params={"q": search})).text
        assert "Emma" not in listed


async def test_mandates_and_invitations_download_as_tables(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    manager = browser(coop.manager)
    await manager.post(
        f"/{coop.slug}/invitations", data={"display_name": "=1+1", "email": "formule@example.org"}
    )
    mandates = (await browser(member).get(f"/{coop.slug}/mandates.csv")).text.splitlines()
    assert [line.split(";")[:2] for line in mandates[1:]] == [["Gestion", "Fanny Fondatrice"]]
    invitations = (await manager.get(f"/{coop.slug}/invitations.csv")).text.splitlines()
    assert invitations[1].startswith("'=1+1;formule@example.org")
    assert (await browser(member).get(f"/{coop.slug}/invitations.csv")).status_code == 403
