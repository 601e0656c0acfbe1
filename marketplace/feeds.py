"""What machines read of a cooperative: its Atom feed (RFC 4287) and its map for search engines (sitemaps.org).

Pure: it takes what is public and returns XML. This file must never be given a name, a contact or an id of a person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

ATOM: Final = "http://www.w3.org/2005/Atom"
SITEMAP: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"

register_namespace("", ATOM)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed. ``id`` never changes; ``path`` is the page to read."""

    id: str
    title: str
    path: str
    at: datetime
    summary: str = ""


def atom_feed(
    entries: Sequence[Entry], *, base_url: str, path: str, title: str, author: str, lang: str, since: datetime
) -> bytes:
    """A feed of ``entries``, the newest first. ``author`` is the cooperative; ``since`` its date while it is empty."""
    feed = Element(f"{{{ATOM}}}feed", {XML_LANG: lang})
    newest = max((entry.at for entry in entries), default=since)
    _text(feed, "id", f"{base_url}{path}")
    _text(feed, "title", title)
    _text(feed, "updated", _moment(newest))
    SubElement(feed, f"{{{ATOM}}}link", rel="self", type="application/atom+xml", href=f"{base_url}{path}")
    SubElement(
        feed, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=base_url + path.rpartition("/")[0]
    )
    _text(SubElement(feed, f"{{{ATOM}}}author"), "name", author)
    for entry in sorted(entries, key=lambda entry: entry.at, reverse=True):
        element = SubElement(feed, f"{{{ATOM}}}entry")
        _text(element, "id", entry.id)
        _text(element, "title", entry.title)
        _text(element, "published", _moment(entry.at))
        _text(element, "updated", _moment(entry.at))
        SubElement(
            element, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=f"{base_url}{entry.path}"
        )
        if entry.summary:
            _text(element, "summary", entry.summary)
    return bytes(tostring(feed, encoding="utf-8", xml_declaration=True))


def site_map(addresses: Iterable[str]) -> bytes:
    """The pages of one cooperative."""
    return _map("urlset", "url", addresses)


def site_map_index(addresses: Iterable[str]) -> bytes:
    """The maps of all cooperatives."""
    return _map("sitemapindex", "sitemap", addresses)


def _map(root: str, each: str, addresses: Iterable[str]) -> bytes:
    # Without a prefix on every name: some readers of these maps know no other spelling.
    top = Element(root, xmlns=SITEMAP)
    for address in addresses:
        SubElement(SubElement(top, each), "loc").text = address
    return bytes(tostring(top, encoding="utf-8", xml_declaration=True))


def _text(parent: Element, name: str, value: str) -> None:
    SubElement(parent, f"{{{ATOM}}}{name}").text = value


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
