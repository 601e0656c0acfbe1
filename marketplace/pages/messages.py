"""Messages on a mission: the conversations one takes part in, and one of them with its reply."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from marketplace.api.messages import NewMessage, before_of
from marketplace.api.reviews import NewReport
from marketplace.conversations import mark_read, thread, threads
from marketplace.messages import messages, messages_of, write_message
from marketplace.reports import report_message
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.web import PAGE_LENGTH, csv_response, encode_cursor
from tenants.platform.words import _, listing
from tenants.visit import Visit

MESSAGES: Final = "/{cooperative:str}/missions/{mission_id:uuid}/messages"
THREAD: Final = MESSAGES + "/{thread_id:uuid}"
CSV_AT_MOST: Final = 10_000


def _path(visit: Visit, mission_id: UUID, thread_id: UUID) -> str:
    return f"/{visit.slug}/missions/{mission_id}/messages/{thread_id}"


@get(MESSAGES, include_in_schema=False)
async def threads_page(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[str]:
    """List my conversations about a mission."""
    found = await threads(visit.db, actor=visit.actor, mission_id=mission_id)
    return visit.page("marketplace/threads.html", threads=found, mission_id=mission_id)


@get(MESSAGES + ".csv", include_in_schema=False)
async def threads_csv(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[bytes]:
    """Download the list of my conversations about a mission."""
    header = [_("Avec"), _("Accord"), _("Messages non lus"), _("Identifiant")]
    rows = [
        (listing(one.others), _("oui") if one.agreed else _("non"), one.unread, str(one.thread_id))
        for one in await threads(visit.db, actor=visit.actor, mission_id=mission_id)
    ]
    return csv_response(f"{visit.slug}-conversations.csv", header, rows)


@get(THREAD, include_in_schema=False)
async def thread_page(
    visit: NamedDependency[Visit],
    mission_id: FromPath[UUID],
    thread_id: FromPath[UUID],
    after: FromQuery[str] = "",
) -> Response[str]:
    """Show one conversation and the form to reply."""
    return await _page(visit, mission_id, thread_id, visit.blank_form(NewMessage), after)


async def _page(
    visit: Visit, mission_id: UUID, thread_id: UUID, form: Form[Any], after: str = ""
) -> Response[str]:
    where = await thread(visit.db, actor=visit.actor, mission_id=mission_id, thread_id=thread_id)
    found = await messages_of(
        visit.db,
        tenant_id=visit.here.tenant_id,
        where=where,
        before=before_of(after),
        limit=PAGE_LENGTH + 1,
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "marketplace/thread.html",
        thread=where,
        messages=shown,
        older=encode_cursor(shown[-1].id) if len(found) > PAGE_LENGTH else "",
        form=form,
        report=visit.blank_form(NewReport),
        path=_path(visit, mission_id, thread_id),
    )


@get(THREAD + "/messages.csv", include_in_schema=False)
async def thread_csv(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], thread_id: FromPath[UUID]
) -> Response[bytes]:
    """Download a conversation."""
    found = await messages(
        visit.db, actor=visit.actor, mission_id=mission_id, thread_id=thread_id, limit=CSV_AT_MOST
    )
    rows = [(one.written_at.isoformat(), one.author.name, one.body or _("masqué")) for one in found]
    return csv_response(f"{visit.slug}-messages.csv", [_("Date"), _("Par"), _("Message")], rows)


@post(THREAD, include_in_schema=False)
async def write(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], thread_id: FromPath[UUID]
) -> Response[Any]:
    """Reply."""
    form = await visit.form(NewMessage)

    async def work() -> Done:
        await write_message(
            visit.db,
            visit.house.throttle,
            actor=visit.actor,
            mission_id=mission_id,
            thread_id=thread_id,
            body=form.data.body,
        )
        return Done(_path(visit, mission_id, thread_id), _("Votre message est envoyé."))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, mission_id, thread_id, form))


@post(THREAD + "/read", include_in_schema=False)
async def read(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], thread_id: FromPath[UUID]
) -> Response[Any]:
    """Say that I have read it all."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await mark_read(visit.db, actor=visit.actor, mission_id=mission_id, thread_id=thread_id)
        return Done(_path(visit, mission_id, thread_id))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, mission_id, thread_id, form))


@post(THREAD + "/{message_id:uuid}/report", include_in_schema=False)
async def report(
    visit: NamedDependency[Visit],
    mission_id: FromPath[UUID],
    thread_id: FromPath[UUID],
    message_id: FromPath[UUID],
) -> Response[Any]:
    """Bring a message before the mediators."""
    form = await visit.form(NewReport)

    async def work() -> Done:
        await report_message(visit.db, actor=visit.actor, message_id=message_id, reason=form.data.reason)
        return Done(_path(visit, mission_id, thread_id), _("La médiation va lire votre signalement."))

    reply = visit.blank_form(NewMessage)
    return await visit.submit(form, work, otherwise=lambda: _page(visit, mission_id, thread_id, reply))


PAGES: Final = (threads_page, threads_csv, thread_page, thread_csv, write, read, report)
