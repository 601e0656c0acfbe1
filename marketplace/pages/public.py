"""What machines read without an account: feeds, maps of the site, and what robots should leave alone.

These answers are the same for everybody, so caches may keep them for a while. They must never hold anything about
a person.
"""

from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency

from marketplace.feeds import Entry, atom_feed, site_map, site_map_index
from marketplace.listings import MissionFilter, MissionSummary, open_missions
from tenants.cooperatives import cooperative_of, cooperatives_to_visit
from tenants.platform.words import _
from tenants.register import RegisterLine, register_lines, sentence_of
from tenants.visit import Visit

ENTRIES: Final = 30
MAPPED_MISSIONS: Final = 1_000
PUBLIC_PAGES: Final = ("", "/missions", "/rules", "/register", "/assemblies")

ROBOTS: Final = """\
User-agent: *
Disallow: /api/
Disallow: /mail
Disallow: /me
Disallow: /sign-in
Disallow: /join/
Disallow: /*/join/

Sitemap: {base_url}/sitemap.xml
"""


# What the protocol of sitemaps allows an index.
MAPS_MOST = 50_000


@get("/{cooperative:str}/feed.atom", include_in_schema=False)
async def feed(visit: NamedDependency[Visit]) -> Response[bytes]:
    """The newest public missions and decisions, for a feed reader."""
    here = visit.here
    cooperative = await cooperative_of(visit.db, tenant_id=here.tenant_id)
    missions = await open_missions(
        visit.db, tenant_id=here.tenant_id, reader_id=None, narrow=MissionFilter(), limit=ENTRIES
    )
    lines = await register_lines(visit.db, tenant_id=here.tenant_id, limit=ENTRIES)
    entries = [
        *(_mission(visit, one) for one in missions.items),
        *(_decision(visit, one) for one in lines),
    ]
    content = atom_feed(
        sorted(entries, key=lambda entry: entry.at, reverse=True)[:ENTRIES],
        base_url=visit.house.settings.base_url,
        path=visit.path,
        title=_("Missions et décisions de {name}", name=here.name),
        author=here.name,
        lang=visit.locale,
        since=cooperative.created_at,
    )
    return _public(content, "application/atom+xml")


def _mission(visit: Visit, one: MissionSummary) -> Entry:
    assert one.published_at is not None, "an open mission was published"
    said = _("Demande") if one.kind == "request" else _("Offre")
    return Entry(
        id=f"urn:uuid:{one.id}",
        title=f"{said} : {one.title}" if visit.locale == "fr" else f"{said}: {one.title}",
        path=f"/{visit.slug}/missions/{one.id}",
        at=one.published_at,
        summary=one.excerpt,
    )


def _decision(visit: Visit, line: RegisterLine) -> Entry:
    path = f"/{visit.slug}/register#line-{line.seq}"
    return Entry(
        id=f"urn:sha256:{line.hash.hex()}",
        title=sentence_of(line),
        path=path,
        at=line.at,
        summary=_("Ligne {seq} du registre public.", seq=line.seq),
    )


@get("/{cooperative:str}/sitemap.xml", include_in_schema=False)
async def cooperative_map(visit: NamedDependency[Visit]) -> Response[bytes]:
    """The public pages of one cooperative."""
    base = f"{visit.house.settings.base_url}/{visit.slug}"
    missions = await open_missions(
        visit.db,
        tenant_id=visit.here.tenant_id,
        reader_id=None,
        narrow=MissionFilter(),
        limit=MAPPED_MISSIONS,
    )
    addresses = [
        *(base + page for page in PUBLIC_PAGES),
        *(f"{base}/missions/{one.id}" for one in missions.items),
    ]
    return _public(site_map(addresses), "application/xml")


@get("/sitemap.xml", include_in_schema=False)
async def whole_map(visit: NamedDependency[Visit]) -> Response[bytes]:
    """The maps of all cooperatives."""
    base = visit.house.settings.base_url
    found = await cooperatives_to_visit(visit.db, limit=MAPS_MOST)
    return _public(site_map_index(f"{base}/{one.slug}/sitemap.xml" for one in found), "application/xml")


@get("/robots.txt", include_in_schema=False)
async def robots(visit: NamedDependency[Visit]) -> Response[bytes]:
    """What robots should leave alone."""
    return _public(ROBOTS.format(base_url=visit.house.settings.base_url).encode(), "text/plain")


def _public(content: bytes, media_type: str) -> Response[bytes]:
    headers = {"cache-control": "public, max-age=300", "vary": "cookie, accept-language"}
    return Response(content, media_type=f"{media_type}; charset=utf-8", headers=headers)


PAGES: Final = [feed, cooperative_map, whole_map, robots]
