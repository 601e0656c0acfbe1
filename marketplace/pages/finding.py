"""The list of missions, which is where one searches them: words, filters with counts, and the same as CSV."""

from collections.abc import Iterable, Mapping
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from marketplace.mission_states import STATE_NAMES, MissionState
from marketplace.mission_terms import KIND_TITLES, PLACE_TITLES, MissionKind, MissionPlace
from marketplace.pages.facets import Chip, Choice, Facet, count_of, path_of, territories
from marketplace.pages.mission_sheet import STATE_TONES, reader_of
from marketplace.saved_searches import TELLING_TITLES, Telling
from marketplace.search import (
    COUNTED,
    Found,
    HoursRange,
    MissionSearch,
    Order,
    found_missions,
    search_missions,
)
from tenants.platform.forms import Form
from tenants.platform.inputs import decode_fields
from tenants.platform.territories import territory_name
from tenants.platform.web import PAGE_LENGTH, csv_response
from tenants.platform.words import N_, _
from tenants.visit import Visit

MISSIONS: Final = "/{cooperative:str}/missions"
FIELDS: Final = MissionSearch.__struct_fields__
LISTED_STATES: Final = (
    MissionState.OPEN,
    MissionState.AGREED,
    MissionState.UNDER_WAY,
    MissionState.DELIVERED,
    MissionState.SETTLED,
    MissionState.EXPIRED,
    MissionState.WITHDRAWN,
    MissionState.DISPUTED,
    MissionState.MEDIATED,
    MissionState.DRAFT,
)
HOURS_TITLES: Final = {
    HoursRange.HOUR: N_("Une heure au plus"),
    HoursRange.THREE_HOURS: N_("De 1 à 3 heures"),
    HoursRange.DAY: N_("De 3 à 7 heures"),
    HoursRange.MORE: N_("Plus de 7 heures"),
}
KIND_FACETS: Final = {MissionKind.REQUEST: N_("Demandes"), MissionKind.OFFER: N_("Offres")}
SHOWN_SKILLS: Final = 12


def asked_in(visit: Visit) -> dict[str, str]:
    """What the address asks for."""
    return {name: visit.request.query_params.get(name, "") for name in FIELDS}


@get(MISSIONS, include_in_schema=False)
async def missions_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List missions and search them, for members; for anybody the open ones that are public."""
    typed = asked_in(visit)
    asked = decode_fields(MissionSearch, typed, {})
    found = await search_missions(
        visit.db,
        tenant_id=visit.here.tenant_id,
        reader_id=reader_of(visit).membership_id,
        asked=asked,
        limit=PAGE_LENGTH,
        after=after,
    )
    query = {name: value for name, value in typed.items() if value}
    return visit.page(
        "marketplace/missions.html",
        found=found,
        headline=_headline(found, asked),
        asked=asked,
        query=query,
        following=path_of(query, after=found.next) if found.next else "",
        first_page=not after,
        chips=chips_of(query, asked, found),
        facets=[] if after else facets_of(query, asked, found, member=visit.member is not None),
        by_best=path_of(query, order="") if asked.q else "",
        by_date=path_of(query, order=Order.NEWEST.value) if asked.q else "",
        filters=Form(MissionSearch, typed),
        saving=Form(MissionSearch, {"name": described(asked, found), "telling": Telling.DIGEST.value}),
        tellings=[(one.value, _(title)) for one, title in TELLING_TITLES.items()],
        places=PLACE_TITLES,
        state_names=STATE_NAMES,
        state_tones=STATE_TONES,
    )


@get(MISSIONS + ".csv", include_in_schema=False)
async def missions_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the same list, for members."""
    actor = visit.actor
    asked = decode_fields(MissionSearch, asked_in(visit), {})
    listed = await found_missions(visit.db, tenant_id=actor.tenant_id, reader_id=actor.member, asked=asked)
    header = [
        _("Titre"), _("Sens"), _("État"), _("Par"), _("Minutes estimées"), _("Territoire"), _("Lieu"),
        _("Compétences"), _("Étiquettes"), _("Pour le"), _("Expire le"), _("Publiée le"), _("Identifiant"),
    ]  # fmt: skip
    rows = [
        (
            one.title,
            _(KIND_TITLES[one.kind]),
            _(STATE_NAMES[one.state]),
            one.author.name if one.author else "",
            one.estimated_minutes,
            territory_name(one.territory),
            _(PLACE_TITLES[one.place]),
            ", ".join(one.skills),
            ", ".join(one.tags),
            one.wanted_by,
            one.expires_on,
            one.published_at.date() if one.published_at else None,
            one.id,
        )
        for one in listed
    ]
    return csv_response(f"{visit.slug}-missions.csv", header, rows)


# --- What the page says of a search ------------------------------------------------------------------------


def _headline(found: Found, asked: MissionSearch) -> str:
    if found.total >= COUNTED:
        return _("Plus de {count} missions ; les plus récentes sont comptées", count=COUNTED)
    if found.total == 0:
        return _("Aucune mission ne correspond exactement") if asked.q else ""
    return _("Une mission") if found.total == 1 else _("{count} missions", count=found.total)


def chips_of(query: Mapping[str, str], asked: MissionSearch, found: Found) -> list[Chip]:
    """What narrows the list, each with the address that lets go of it."""
    labels = {
        "q": _("« {words} »", words=asked.q[:60]) if asked.q else "",
        "kind": _(KIND_FACETS[asked.kind]) if asked.kind else "",
        "skill": found.skills.get(str(asked.skill), _("Compétence")) if asked.skill else "",
        "region": asked.region or "",
        "territory": territory_name(asked.territory) if asked.territory else "",
        "place": _(PLACE_TITLES[asked.place]) if asked.place else "",
        "hours": _(HOURS_TITLES[asked.hours]) if asked.hours else "",
        "state": _(STATE_NAMES[asked.state]).capitalize() if asked.state else "",
        "mine": _("Les miennes") if asked.mine else "",
    }
    return [Chip(label, path_of(query, **{name: ""})) for name, label in labels.items() if label]


def described(asked: MissionSearch, found: Found) -> str:
    """A name for this search, to be changed or not."""
    said = [chip.label.strip("« »“”\N{NO-BREAK SPACE}") for chip in chips_of({}, asked, found)]
    return ", ".join(said)[:80]


def facets_of(query: Mapping[str, str], asked: MissionSearch, found: Found, *, member: bool) -> list[Facet]:
    """The choices that would narrow the list further, with how many each leaves."""
    more = found.total >= COUNTED
    counts = found.counts

    def choices(name: str, options: Iterable[tuple[str, str, int]]) -> list[Choice]:
        return [
            Choice(label, count_of(n, more=more), path_of(query, **{name: value}))
            for value, label, n in options
            if n
        ]

    facets = [] if asked.territory else [territories(query, asked.region, counts, more=more)]
    if not asked.kind:
        kinds = [(one.value, _(title), counts.get(f"k{one.value}", 0)) for one, title in KIND_FACETS.items()]
        facets.append(Facet(_("Sens"), choices("kind", kinds)))
    if not asked.skill:
        named = [(id_, name, counts.get(f"s{id_}", 0)) for id_, name in found.skills.items()]
        often = sorted(named, key=lambda one: (-one[2], one[1]))[:SHOWN_SKILLS]
        facets.append(Facet(_("Compétence"), choices("skill", often)))
    if not asked.place:
        either = counts.get(f"p{MissionPlace.EITHER.value}", 0)
        places = [
            (one.value, _(PLACE_TITLES[one]), counts.get(f"p{one.value}", 0) + either)
            for one in (MissionPlace.REMOTE, MissionPlace.ON_SITE)
        ]
        facets.append(Facet(_("Lieu"), choices("place", places)))
    if not asked.hours:
        hours = [(one.value, _(title), counts.get(one.value, 0)) for one, title in HOURS_TITLES.items()]
        facets.append(Facet(_("Durée estimée"), choices("hours", hours)))
    if member and not asked.state:
        many = sum(found.states.values()) >= COUNTED
        states = [
            Choice(_(STATE_NAMES[one]).capitalize(), count_of(n, more=many), path_of(query, state=one.value))
            for one in LISTED_STATES
            if (n := found.states.get(one.value, 0)) and (one is not MissionState.OPEN or asked.mine)
        ]
        facets.append(Facet(_("État"), states))
    if member and not asked.mine:
        facets.append(Facet(_("Qui"), [Choice(_("Les miennes"), "", path_of(query, mine="1"))]))
    return [facet for facet in facets if facet.choices]
