"""The letter list: who waits for a letter, which are to be printed and posted, which have left."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.paper_letters import (
    PaperLetter,
    letters_to_write,
    mark_letter_printed,
    mark_letter_sent,
    paper_letters,
    write_letters,
)
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _
from tenants.visit import Visit


@get("/{cooperative:str}/letters", include_in_schema=False)
async def letters_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """Show the list, for a manager; ``after`` reads on in those that have left."""
    return await _list(visit, visit.blank_form(Nothing), after)


async def _list(visit: Visit, form: Form[Any], after: str = "") -> Response[str]:
    cursor = decode_cursor(after, (UUID,))
    actor = visit.actor
    sent = await paper_letters(
        visit.db, actor=actor, sent=True, before=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    shown = sent[:PAGE_LENGTH]
    return visit.page(
        "tenants/paper_letters.html",
        form=form,
        waiting=await letters_to_write(visit.db, actor=actor),
        unsent=await paper_letters(visit.db, actor=actor, limit=100),
        sent=shown,
        after=encode_cursor(shown[-1][0].id) if len(sent) > len(shown) else "",
    )


@get("/{cooperative:str}/letters.csv", include_in_schema=False)
async def letters_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download who waits for a letter, then the letters, those to be posted first."""
    waiting = await letters_to_write(visit.db, actor=visit.actor, limit=None)
    found = [
        *await paper_letters(visit.db, actor=visit.actor, limit=None),
        *await paper_letters(visit.db, actor=visit.actor, sent=True, limit=None),
    ]
    header = [_("Référence"), _("Nom"), _("Écrite le"), _("Imprimée le"), _("Postée le"), _("Identifiant")]
    rows: list[tuple[object, ...]] = [("", one.name, "", "", "", "") for one in waiting]
    rows += [
        (
            letter.reference,
            name,
            *(
                at.date().isoformat() if at else ""
                for at in (letter.written_at, letter.printed_at, letter.sent_at)
            ),
            str(letter.id),
        )
        for letter, name in found
    ]
    return csv_response(f"{visit.slug}-lettres.csv", header, rows)


@post("/{cooperative:str}/letters", include_in_schema=False)
async def write(visit: NamedDependency[Visit]) -> Response[Any]:
    """Write a letter to each person who waits for one."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await write_letters(visit.db, actor=visit.actor)
        return Done(f"/{visit.slug}/letters", _("Les lettres sont écrites : imprimez-les, puis postez-les."))

    return await visit.submit(form, work, otherwise=lambda: _list(visit, form))


Verb = Callable[..., Awaitable[PaperLetter]]


async def _mark(visit: Visit, letter_id: UUID, verb: Verb, said: str) -> Response[Any]:
    form = await visit.form(Nothing)

    async def work() -> Done:
        await verb(visit.db, actor=visit.actor, letter_id=letter_id)
        return Done(f"/{visit.slug}/letters", said)

    return await visit.submit(form, work, otherwise=lambda: _list(visit, form))


@post("/{cooperative:str}/letters/{letter_id:uuid}/printed", include_in_schema=False)
async def printed(visit: NamedDependency[Visit], letter_id: FromPath[UUID]) -> Response[Any]:
    """Note that a letter is on paper."""
    return await _mark(visit, letter_id, mark_letter_printed, _("Cette lettre est imprimée."))


@post("/{cooperative:str}/letters/{letter_id:uuid}/sent", include_in_schema=False)
async def sent(visit: NamedDependency[Visit], letter_id: FromPath[UUID]) -> Response[Any]:
    """Note that a letter was posted."""
    return await _mark(visit, letter_id, mark_letter_sent, _("Cette lettre est partie."))


PAGES: Final = (letters_page, letters_csv, write, printed, sent)
