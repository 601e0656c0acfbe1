"""The members, which is where one searches them: words, filters with counts, and the same as CSV for a manager."""

from collections.abc import Iterable, Mapping
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from marketplace.member_search import (
    COUNTED,
    MEMBERS_COUNTED,
    FoundMembers,
    MemberHit,
    MemberSearch,
    search_members,
)
from marketplace.pages.facets import Chip, Choice, Facet, path_of, territories
from tenants.memberships import MembershipState
from tenants.platform.forms import Form
from tenants.platform.inputs import decode_fields
from tenants.platform.territories import territory_name
from tenants.platform.web import PAGE_LENGTH, csv_response
from tenants.platform.words import N_, _, ngettext
from tenants.profiles import LANGUAGE_NAMES, WEEKDAY_NAMES
from tenants.visit import Visit

MEMBERS: Final = "/{cooperative:str}/members"
FIELDS: Final = MemberSearch.__struct_fields__
STATE_TITLES: Final = {
    MembershipState.SUSPENDED: N_("Membres suspendus"),
    MembershipState.LEFT: N_("Anciens membres"),
}
SHOWN_SKILLS: Final = 12


def asked_in(visit: Visit) -> dict[str, str]:
    """What the address asks for."""
    return {name: visit.request.query_params.get(name, "") for name in FIELDS}


@get(MEMBERS, include_in_schema=False)
async def members_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List the members and search them, for one another."""
    typed = asked_in(visit)
    asked = decode_fields(MemberSearch, typed, {})
    found = await search_members(visit.db, actor=visit.actor, asked=asked, limit=PAGE_LENGTH, after=after)
    query = {name: value for name, value in typed.items() if value}
    return visit.page(
        "marketplace/members.html",
        found=found,
        headline=_headline(found, asked),
        lede=_lede(found, asked),
        asked=asked,
        query=query,
        following=path_of(query, after=found.next) if found.next else "",
        first_page=not after,
        chips=chips_of(query, asked, found),
        facets=[] if after else facets_of(query, asked, found, manages=visit.holds("manager")),
        filters=Form(MemberSearch, typed),
    )


@get(MEMBERS + ".csv", include_in_schema=False)
async def members_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the same list whole; a manager's."""
    asked = decode_fields(MemberSearch, asked_in(visit), {})
    found = await search_members(visit.db, actor=visit.actor, asked=asked, limit=None)
    header = [
        _("Nom"), _("Courriel"), _("Téléphone"), _("Territoire"), _("Savoir-faire"), _("Langues parlées"),
        _("Minutes par semaine"), _("Jours libres"), _("Membre depuis"), _("Identifiant"),
    ]  # fmt: skip
    return csv_response(f"{visit.slug}-members.csv", header, [_csv_row(hit) for hit in found.hits])


def _csv_row(hit: MemberHit) -> tuple[object, ...]:
    seen = hit.profile
    free = seen.availability
    return (
        hit.display_name,
        seen.contact_email,
        seen.contact_phone,
        territory_name(seen.territory) if seen.territory else "",
        ", ".join(hit.skills or ()),
        ", ".join(_(LANGUAGE_NAMES[code]) for code in seen.languages or ()),
        free.weekly_minutes if free else None,
        ", ".join(_(WEEKDAY_NAMES[day]) for day in free.free_days) if free else "",
        hit.joined_at.date().isoformat() if hit.joined_at else "",
        hit.id,
    )


# --- What the page says of a search ------------------------------------------------------------------------


def _headline(found: FoundMembers, asked: MemberSearch) -> str:
    if found.total == 0:
        return _("Personne ne correspond exactement") if asked.q else ""
    if found.total >= COUNTED:
        return _("Plus de {count} membres ; les filtres en comptent {count}", count=COUNTED)
    return ngettext("Un membre", "{count} membres", found.total, count=found.total)


def _lede(found: FoundMembers, asked: MemberSearch) -> str:
    if asked.state:
        return ""
    if found.members > MEMBERS_COUNTED:
        return _("Plus de {count} membres actifs", count=MEMBERS_COUNTED)
    return ngettext("{count} membre actif", "{count} membres actifs", found.members, count=found.members)


def chips_of(query: Mapping[str, str], asked: MemberSearch, found: FoundMembers) -> list[Chip]:
    """What narrows the list, each with the address that lets go of it."""
    labels = {
        "q": _("« {words} »", words=asked.q[:60]) if asked.q else "",
        "skill": found.skills.get(str(asked.skill), _("Savoir-faire")) if asked.skill else "",
        "region": asked.region or "",
        "territory": territory_name(asked.territory) if asked.territory else "",
        "remote": _("Travaille à distance") if asked.remote else "",
        "available": _("Libre en ce moment") if asked.available else "",
        "day": _("Libre le {day}", day=_(WEEKDAY_NAMES[asked.day])) if asked.day else "",
        "state": _(STATE_TITLES[asked.state]) if asked.state in STATE_TITLES else "",
    }
    return [Chip(label, path_of(query, **{name: ""})) for name, label in labels.items() if label]


def facets_of(
    query: Mapping[str, str], asked: MemberSearch, found: FoundMembers, *, manages: bool
) -> list[Facet]:
    """The choices that would narrow the list further, with how many each leaves."""
    counts = found.counts

    def choices(name: str, options: Iterable[tuple[str, str, int]]) -> list[Choice]:
        return [Choice(label, str(n), path_of(query, **{name: value})) for value, label, n in options if n]

    facets = []
    if not asked.skill:
        named = [(id_, name, counts.get(f"s{id_}", 0)) for id_, name in found.skills.items()]
        often = sorted(named, key=lambda one: (-one[2], one[1]))[:SHOWN_SKILLS]
        facets.append(Facet(_("Savoir-faire"), choices("skill", often)))
    if not asked.territory:
        facets.append(territories(query, asked.region, counts, more=False))
    free = []
    if not asked.available:
        free += choices("available", [("1", _("Libre en ce moment"), counts.get("now", 0))])
    if not asked.remote:
        free += choices("remote", [("1", _("Travaille à distance"), counts.get("remote", 0))])
    if not asked.day:
        days = [
            (day.value, _(name).capitalize(), counts.get(f"d{day}", 0)) for day, name in WEEKDAY_NAMES.items()
        ]
        free += choices("day", days)
    facets.append(Facet(_("Disponibilité"), free))
    if manages and not asked.state:
        others = [
            Choice(_(title), "", path_of(query, state=one.value)) for one, title in STATE_TITLES.items()
        ]
        facets.append(Facet(_("État"), others))
    return [facet for facet in facets if facet.choices]
