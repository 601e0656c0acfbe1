"""A member's saved searches: listed, saved from the list of missions, renamed, told otherwise, forgotten; CSV."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from marketplace.saved_searches import (
    NAME_LENGTH,
    TELLING_TITLES,
    Telling,
    change_search,
    delete_search,
    save_search,
    saved_searches,
)
from marketplace.search import MissionSearch
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.web import csv_response
from tenants.platform.words import _
from tenants.visit import Visit

SEARCHES: Final = "/{cooperative:str}/searches"
SEARCH: Final = SEARCHES + "/{search_id:uuid}"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH, pattern=LINE_PATTERN)]
"""What a member calls one of their searches."""


class SearchForm(MissionSearch, frozen=True, kw_only=True):
    """A search to keep, as the list of missions sends it."""

    name: Name
    telling: Telling = Telling.DIGEST


class SearchChange(msgspec.Struct, frozen=True, kw_only=True):
    """What may change of a saved search."""

    name: Name
    telling: Telling


@get(SEARCHES, include_in_schema=False)
async def searches_page(visit: NamedDependency[Visit]) -> Response[str]:
    """List one's own searches."""
    return await _page(visit)


@get(SEARCHES + ".csv", include_in_schema=False)
async def searches_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download one's own searches."""
    kept = await saved_searches(visit.db, actor=visit.actor)
    header = [_("Nom"), _("Recherche"), _("Quand une nouvelle mission y répond"), _("Enregistrée le")]
    rows = [
        (one.name, urlencode(one.asked), _(TELLING_TITLES[one.telling]), one.created_at.date())
        for one in kept
    ]
    return csv_response(f"{visit.slug}-searches.csv", header, rows)


@post(SEARCHES, include_in_schema=False)
async def save_search_form(visit: NamedDependency[Visit]) -> Response[Any]:
    """Keep the search that the list of missions shows."""
    form = await visit.form(SearchForm)

    async def work() -> Done:
        asked = form.data
        await save_search(
            visit.db, actor=visit.actor, name=asked.name, asked=_search(asked), telling=asked.telling
        )
        return Done(f"/{visit.slug}/searches", _("Votre recherche est enregistrée."))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, saving=form))


@post(SEARCH, include_in_schema=False)
async def change_search_form(visit: NamedDependency[Visit], search_id: FromPath[UUID]) -> Response[Any]:
    """Rename a search, or be told otherwise."""
    form = await visit.form(SearchChange)

    async def work() -> Done:
        await change_search(
            visit.db,
            actor=visit.actor,
            search_id=search_id,
            name=form.data.name,
            telling=form.data.telling,
        )
        return Done(f"/{visit.slug}/searches", _("Votre recherche est modifiée."))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, changing=form, changed=search_id))


@post(SEARCH + "/delete", include_in_schema=False)
async def delete_search_form(visit: NamedDependency[Visit], search_id: FromPath[UUID]) -> Response[Any]:
    """Forget a search."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await delete_search(visit.db, actor=visit.actor, search_id=search_id)
        return Done(f"/{visit.slug}/searches", _("Votre recherche est supprimée."))

    return await visit.submit(form, work, otherwise=lambda: _page(visit))


def _search(sent: SearchForm) -> MissionSearch:
    return MissionSearch(**{name: getattr(sent, name) for name in MissionSearch.__struct_fields__})


async def _page(
    visit: Visit,
    *,
    saving: Form[SearchForm] | None = None,
    changing: Form[SearchChange] | None = None,
    changed: UUID | None = None,
) -> Response[str]:
    kept = await saved_searches(visit.db, actor=visit.actor)
    forms = {
        one.id: changing
        if changing and one.id == changed
        else Form(SearchChange, {"name": one.name, "telling": one.telling.value})
        for one in kept
    }
    return visit.page(
        "marketplace/searches.html",
        searches=kept,
        paths={one.id: urlencode(one.asked) for one in kept},
        forms_of=forms,
        saving=saving,
        sent={name: saving.values[name] for name in MissionSearch.__struct_fields__ if saving.values[name]}
        if saving
        else {},
        form=saving or changing,
        opened=changed,
        tellings=[(one.value, _(title)) for one, title in TELLING_TITLES.items()],
    )
