"""What a cooperative shows to anybody: it is found, read in both languages and followed, and names nobody."""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import text

from marketplace.feeds import ATOM, SITEMAP, Entry, atom_feed
from marketplace.mission_terms import MissionVisibility
from tenants.memberships import count_members
from tenants.platform.database import Database
from tenants.platform.settings import Settings
from tests import factories
from tests.factories import Founded, Member
from tests.lived_in import live_in
from tests.marketplace import stories
from tests.tenants.conftest import Browser

PUBLIC = ("", "/missions", "/rules", "/register", "/assemblies", "/rules/timebank.credit_limit_low")


@pytest.fixture(scope="module")
async def home(database: Database) -> tuple[Founded, Member]:
    coop = await factories.found_cooperative(database, name="Les Tilleuls & Cie")
    return coop, await live_in(database, coop)


def found(pattern: str, text: str) -> list[str]:
    return [unescape(one) for one in re.findall(pattern, text)]


@pytest.mark.parametrize("path", PUBLIC)
async def test_a_public_page_says_what_it_is_and_where(
    home: tuple[Founded, Member], browser: Browser, migrated: Settings, path: str
) -> None:
    coop, _simone = home
    address = f"{migrated.base_url}/{coop.slug}{path}"
    page = (await browser().get(f"/{coop.slug}{path}")).text
    (title,) = found(r"<title>([^<]+)</title>", page)
    assert title.endswith("· Les Tilleuls & Cie")
    assert len(title.split("·")[0].strip()) > 5
    (description,) = found(r'<meta name="description" content="([^"]+)">', page)
    assert 20 < len(description) <= 161
    assert found(r'<link rel="canonical" href="([^"]+)">', page) == [address]
    assert dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)">', page)) == {
        "fr": f"{address}?lang=fr",
        "en": f"{address}?lang=en",
        "x-default": address,
    }
    assert f'href="/{coop.slug}/feed.atom"' in page


async def test_the_address_may_say_the_language_and_each_version_is_its_own_page(
    home: tuple[Founded, Member], browser: Browser, migrated: Settings
) -> None:
    coop, _simone = home
    for lang, words in (("fr", "Règles en vigueur"), ("en", "Rules in force")):
        for reads in ("fr", "en"):
            page = (await browser(locale=reads).get(f"/{coop.slug}/rules?lang={lang}")).text
            assert f'<html lang="{lang}"' in page
            assert words in page
            assert f'<link rel="canonical" href="{migrated.base_url}/{coop.slug}/rules?lang={lang}">' in page
    assert '<html lang="fr"' in (await browser().get(f"/{coop.slug}/rules?lang=xx")).text
    # Whoever is signed in has chosen theirs.
    assert '<html lang="fr"' in (await browser(coop.manager).get(f"/{coop.slug}/rules?lang=en")).text


async def test_the_front_says_in_counts_and_for_machines_what_the_cooperative_is(
    home: tuple[Founded, Member], browser: Browser, database: Database
) -> None:
    coop, _simone = home
    async with database.begin(tenant=coop.tenant_id) as db:
        members = await count_members(db, tenant_id=coop.tenant_id)
        settled = await db.scalar(
            text("SELECT count(*) FROM missions WHERE state IN ('settled', 'mediated')")
        )
    page = (await browser().get(f"/{coop.slug}")).text
    assert 'itemtype="https://schema.org/Organization"' in page
    assert found(r'<meta itemprop="name" content="([^"]+)">', page) == ["Les Tilleuls & Cie"]
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))
    assert facts["Membres"] == str(members) != "0"
    assert facts["Missions menées à bien"] == str(settled) != "0"
    assert "Ouverte à tous" in page
    assert "Entre nous" not in page


async def test_the_feed_holds_public_missions_and_decisions_and_leads_to_them(
    home: tuple[Founded, Member], browser: Browser, migrated: Settings
) -> None:
    coop, _simone = home
    answer = await browser().get(f"/{coop.slug}/feed.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.content)  # noqa: S314 (our own answer)
    space = {"a": ATOM}
    titles = [one.text or "" for one in feed.findall("a:entry/a:title", space)]
    assert any("Ouverte à tous" in title for title in titles)
    assert not any("Entre nous" in title or "Brouillon" in title for title in titles)
    ids = [one.text for one in feed.findall("a:entry/a:id", space)]
    assert len(set(ids)) == len(ids) > 3
    updated = [one.text or "" for one in feed.findall("a:entry/a:updated", space)]
    assert updated == sorted(updated, reverse=True)
    assert feed.findtext("a:updated", namespaces=space) == updated[0]
    links = [one.attrib["href"] for one in feed.findall("a:entry/a:link", space)]
    assert any(f"/{coop.slug}/register" in link for link in links)
    for link in links[:3]:
        assert (await browser().get(link.removeprefix(migrated.base_url))).status_code == 200
    assert feed.attrib["{http://www.w3.org/XML/1998/namespace}lang"] == "fr"


async def test_a_feed_speaks_the_language_that_is_asked_for(database: Database, browser: Browser) -> None:
    young = await factories.found_cooperative(database)
    for language, said in (("fr", "Acte de fondation"), ("en", "Founding act")):
        told = (await browser().get(f"/{young.slug}/feed.atom?lang={language}")).text
        assert said in told.replace("\xa0", " ")


async def test_the_maps_lead_from_the_root_to_every_public_page(
    home: tuple[Founded, Member], browser: Browser, migrated: Settings
) -> None:
    coop, _simone = home
    client = browser()
    robots = (await client.get("/robots.txt")).text
    assert f"Sitemap: {migrated.base_url}/sitemap.xml" in robots
    assert "Disallow: /sign-in" in robots
    index = ET.fromstring((await client.get("/sitemap.xml")).content)  # noqa: S314
    maps = [one.text or "" for one in index.iter(f"{{{SITEMAP}}}loc")]
    assert f"{migrated.base_url}/{coop.slug}/sitemap.xml" in maps
    own = ET.fromstring((await client.get(f"/{coop.slug}/sitemap.xml")).content)  # noqa: S314
    pages = [one.text or "" for one in own.iter(f"{{{SITEMAP}}}loc")]
    assert any("/missions/" in page for page in pages)
    for page in pages:
        assert (await client.get(page.removeprefix(migrated.base_url))).status_code == 200, page


async def test_no_public_page_feed_or_file_names_anybody(
    home: tuple[Founded, Member], browser: Browser, database: Database
) -> None:
    """Names are planted everywhere, and everything that a stranger can reach from the front is read."""
    coop, simone = home
    odile = await factories.join_member(database, coop, name="Odalys Zwingelstein")
    scene = stories.Village(coop, odile, simone, odile, odile)
    await stories.posted(database, odile, visibility=MissionVisibility.PUBLIC, title="Repeindre le hangar")
    settled = await stories.delivered(database, scene, title="Faite")
    await stories.confirm(database, odile, settled)
    people = (coop.manager, simone, odile)
    planted = {one for who in people for one in (who.name, who.email, str(who.id), str(who.person_id))}
    planted |= {"Odalys", "Zwingelstein", "Simone Souveraine", "Bastien", "Fondatrice"}
    client = browser()
    ahead = [
        f"/{coop.slug}",
        f"/{coop.slug}/feed.atom",
        f"/{coop.slug}/sitemap.xml",
        f"/{coop.slug}/register.json",
    ]
    read: set[str] = set()
    while ahead:
        path = ahead.pop()
        if path in read:
            continue
        read.add(path)
        answer = await client.get(path)
        assert answer.status_code in {200, 303}, path
        for name in planted:
            assert name not in answer.text, (path, name)
        if answer.headers["content-type"].startswith("text/html"):
            links = found(r'(?:href|action)="([^"]+)"', answer.text)
        else:
            links = found(r"<loc>[^<]*?//[^/<]+([^<]+)</loc>", answer.text)
        for link in links:
            target = urlsplit(urljoin(path, link))
            if not target.netloc and (target.path + "/").startswith(f"/{coop.slug}/"):
                # Every page of a list, but not every way to narrow it.
                ahead.append(target.path + (f"?{target.query}" if target.query.startswith("after=") else ""))
    assert len(read) > 20
    assert {f"/{coop.slug}/feed.atom", f"/{coop.slug}/rules", f"/{coop.slug}/join"} <= read


def test_a_feed_of_nothing_still_has_its_date_and_escapes_what_it_holds() -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    empty = atom_feed(
        [], base_url="https://c.example", path="/x/feed.atom", title="T", author="X", lang="fr", since=since
    )
    assert b"<updated>2026-01-02T03:04:05Z</updated>" in empty
    entry = Entry(id="urn:x:1", title="<script> & co", path="/x", at=since)
    full = atom_feed(
        [entry],
        base_url="https://c.example",
        path="/x/feed.atom",
        title="T",
        author="X",
        lang="fr",
        since=since,
    )
    assert b"&lt;script&gt; &amp; co" in full
