"""The demo's mailbox shows what was mailed, and exists in no production."""

import re

import httpx
import msgspec
from litestar.testing import AsyncTestClient

from marketplace.app import create_app
from marketplace.pages.mailbox import linked
from tenants.platform.mail import FolderPost, Message
from tenants.platform.settings import Settings
from tests.running import Running


async def test_a_mail_is_listed_and_opens(archipel: Running, migrated: Settings) -> None:
    assert migrated.mail_directory
    await FolderPost(migrated.mail_directory, sender="archipel@127.0.0.1").send(
        Message(to="lea@coop.example", subject="Votre lien", text="Voici : https://coop.example/sign-in")
    )
    async with httpx.AsyncClient(base_url=archipel.base_url) as client:
        listed = await client.get("/mail")
        found = re.search(r'href="(/mail/[^"]+)">Votre lien', listed.text)
        assert found
        opened = await client.get(found[1])
    assert '<a href="https://coop.example/sign-in">' in opened.text
    assert "lea@coop.example" in opened.text


async def test_a_name_cannot_lead_out_of_the_folder(archipel: Running) -> None:
    async with httpx.AsyncClient(base_url=archipel.base_url) as client:
        for name in ("..%2f..%2fetc%2fpasswd", "x", "%00", ".eml"):
            assert (await client.get(f"/mail/{name}")).status_code == httpx.codes.NOT_FOUND


async def test_without_demo_there_is_no_mailbox(migrated: Settings) -> None:
    settings = msgspec.structs.replace(migrated, demo=False)
    async with AsyncTestClient(create_app(settings)) as client:
        assert (await client.get("/mail")).status_code == httpx.codes.NOT_FOUND


def test_addresses_become_links_and_nothing_else_becomes_html() -> None:
    assert linked("Voir https://coop.example/join/abc. <b>") == (
        'Voir <a href="https://coop.example/join/abc">https://coop.example/join/abc</a>. &lt;b&gt;'
    )
