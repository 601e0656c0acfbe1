"""The reader's own notices, unread first seen; marking them read is an act, opening the page is not."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.notices import notices, path_of, read_all_notices, read_notice, sentence_of
from tenants.platform.forms import Done, Nothing
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, local, ngettext
from tenants.visit import Visit


class UpTo(msgspec.Struct, frozen=True):
    """The newest notice that the page showed."""

    newest: UUID


@get("/{cooperative:str}/notices", include_in_schema=False)
async def notices_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """Show the reader's notices, newest first."""
    cursor = decode_cursor(after, (UUID,))
    found = await notices(
        visit.db, actor=visit.actor, before=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "tenants/notices.html",
        notices=[(one, sentence_of(one), path_of(one, slug=visit.slug)) for one in shown],
        after=encode_cursor(shown[-1].id) if len(found) > PAGE_LENGTH else "",
    )


@get("/{cooperative:str}/notices.csv", include_in_schema=False)
async def notices_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download all of the reader's notices."""
    found = await notices(visit.db, actor=visit.actor, limit=None)
    header = [_("Date"), _("Notification"), _("Lu le"), _("Adresse"), _("Identifiant")]
    rows = [
        (
            local(one.created_at).isoformat(timespec="seconds"),
            sentence_of(one),
            local(one.read_at).isoformat(timespec="seconds") if one.read_at else "",
            path_of(one, slug=visit.slug),
            str(one.id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-avis.csv", header, rows)


@post("/{cooperative:str}/notices/{notice_id:uuid}/read", include_in_schema=False)
async def read_one(visit: NamedDependency[Visit], notice_id: FromPath[UUID]) -> Response[Any]:
    """Mark one notice read and go where it leads."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        notice = await read_notice(visit.db, actor=visit.actor, notice_id=notice_id)
        return Done(path_of(notice, slug=visit.slug))

    return await visit.submit(form, work, otherwise=lambda: visit.see_other(f"/{visit.slug}/notices"))


@post("/{cooperative:str}/notices/read", include_in_schema=False)
async def read_all(visit: NamedDependency[Visit]) -> Response[Any]:
    """Mark everything the page showed as read."""
    form = await visit.form(UpTo)

    async def work() -> Done:
        count = await read_all_notices(visit.db, actor=visit.actor, newest=form.data.newest)
        said = ngettext(
            "{n} notification marquée comme lue.", "{n} notifications marquées comme lues.", count
        )
        return Done(f"/{visit.slug}/notices", said if count else _("Tout était déjà lu."))

    return await visit.submit(form, work, otherwise=lambda: visit.see_other(f"/{visit.slug}/notices"))
