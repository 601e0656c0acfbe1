"""How a list that one searches is narrowed: choices with counts, and chips that let go. Links, without scripts."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from marketplace.search import REGIONS
from tenants.platform.territories import TERRITORIES
from tenants.platform.words import _


class Choice(NamedTuple):
    """One way to narrow what is listed: its words, how many would be left, and where it leads."""

    label: str
    left: str
    path: str


class Facet(NamedTuple):
    """The choices of one kind that are still open."""

    title: str
    choices: list[Choice]


class Chip(NamedTuple):
    """Something that the list is narrowed to, and the address without it."""

    label: str
    path: str


def path_of(query: Mapping[str, str], **changes: str) -> str:
    """The address of this list with these changes; an empty value takes a field out."""
    return "?" + urlencode({name: value for name, value in {**query, **changes}.items() if value})


def count_of(n: int, *, more: bool) -> str:
    """How many, or more than so many."""
    return f"{n}+" if more else str(n)


def territories(
    query: Mapping[str, str], region: str | None, counts: Mapping[str, int], *, more: bool
) -> Facet:
    """France's régions; inside one, its départements. ``counts`` are by ``t29``."""
    by_code = {one.code: counts.get(f"t{one.code}", 0) for one in TERRITORIES.values()}
    if region:
        inside = [
            (one.name, by_code[one.code], path_of(query, territory=one.code))
            for one in TERRITORIES.values()
            if one.region == region
        ]
    else:
        inside = [
            (
                name,
                sum(by_code[one.code] for one in TERRITORIES.values() if one.region == name),
                path_of(query, region=name),
            )
            for name in REGIONS
        ]
    ordered = sorted(inside, key=lambda one: (-one[1], one[0]))
    return Facet(
        _("Territoire"), [Choice(name, count_of(n, more=more), path) for name, n, path in ordered if n]
    )
