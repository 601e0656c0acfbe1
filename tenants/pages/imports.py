"""Moving in: bring a file from another tool, read what it would do, say yes or set it aside."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.actors import Role
from tenants.import_jobs import progress_of
from tenants.import_kinds import ACCOUNTS, IMPORT_KINDS, SOURCES, STEPS
from tenants.imported_members import imported_to_invite, invite_imported_members
from tenants.imports import (
    Import,
    ImportState,
    discard_import,
    imports,
    one_import,
    prepare_import,
    release_import,
)
from tenants.invitations import MESSAGE_LENGTH, MOST_A_DAY
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import PROSE_PATTERN
from tenants.platform.sheets import FILE_BYTES_MAX
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import N_, _, short_day
from tenants.visit import Visit

# The file, and what a browser puts around it.
UPLOAD_BYTES_MAX: Final = FILE_BYTES_MAX + 64 * 1024

STATE_TITLES: Final = {
    ImportState.RECEIVED: N_("en lecture"),
    ImportState.WRONG: N_("à corriger"),
    ImportState.READY: N_("à confirmer"),
    ImportState.RELEASED: N_("en cours"),
    ImportState.DONE: N_("terminé"),
    ImportState.DISCARDED: N_("écarté"),
}
STATE_TONES: Final = {
    ImportState.WRONG: "bad",
    ImportState.READY: "warn",
    ImportState.RECEIVED: "accent",
    ImportState.RELEASED: "accent",
    ImportState.DONE: "good",
}
SEPARATOR_TITLES: Final = {",": N_("virgule"), ";": N_("point-virgule"), "\t": N_("tabulation")}


class NewImport(msgspec.Struct, frozen=True):
    """What kind of file is brought. The file itself comes beside the fields."""

    kind: str
    file: str = ""


class Welcome(msgspec.Struct, frozen=True):
    """A word to go with the invitations."""

    message: Annotated[str, msgspec.Meta(max_length=MESSAGE_LENGTH, pattern=PROSE_PATTERN)] = ""


@get("/{cooperative:str}/imports", include_in_schema=False)
async def imports_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List the files that were brought, and take another."""
    return await show_all(visit, visit.blank_form(NewImport), after)


async def show_all(visit: Visit, form: Form[Any], after: str = "") -> Response[str]:
    """The list, with the form that was sent, if one was."""
    cursor = decode_cursor(after, (UUID,))
    found = await imports(
        visit.db, actor=visit.actor, before=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    shown = found[:PAGE_LENGTH]
    manages = visit.actor.holds(Role.MANAGER)
    return visit.page(
        "tenants/imports.html",
        form=form,
        bringing=form if form.kind is NewImport else visit.blank_form(NewImport),
        welcoming=form if form.kind is Welcome else visit.blank_form(Welcome),
        imports=shown,
        kinds=[
            (kind.name, _(kind.title), _(kind.hint))
            for kind in IMPORT_KINDS.values()
            if visit.actor.holds(*kind.roles)
        ],
        state_titles=STATE_TITLES,
        state_tones=STATE_TONES,
        to_invite=await imported_to_invite(visit.db, actor=visit.actor) if manages else 0,
        most_a_day=MOST_A_DAY,
        most_megabytes=FILE_BYTES_MAX // 1024**2,
        after=encode_cursor(shown[-1].id) if len(found) > PAGE_LENGTH else "",
    )


@get("/{cooperative:str}/imports.csv", include_in_schema=False)
async def imports_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the list."""
    header = [_("Fichier"), _("Contenu"), _("État"), _("Lignes"), _("Nouvelles"), _("Apporté le"), "SHA-256"]
    rows = [
        (
            one.file_name,
            _(one.about.title),
            _(STATE_TITLES[one.state]),
            one.shown.rows if one.shown else "",
            one.shown.new if one.shown else "",
            one.prepared_at.date().isoformat(),
            one.digest.hex(),
        )
        for one in await imports(visit.db, actor=visit.actor, limit=None)
    ]
    return csv_response(f"{visit.slug}-imports.csv", header, rows)


@post("/{cooperative:str}/imports", include_in_schema=False, request_max_body_size=UPLOAD_BYTES_MAX)
async def bring(visit: NamedDependency[Visit], request: Request[Any, Any, Any]) -> Response[Any]:
    """Take a file in, to be looked at."""
    form = await visit.form(NewImport)
    # The same file is the same import by itself; a mended one, sent from the page one came back to, is another.
    form.sent_once = ""
    name, content = await _file(request)
    if content is None:
        form.errors["file"] = _("Choisissez le fichier à importer.")

    async def work() -> Done:
        brought = await prepare_import(
            visit.db, actor=visit.actor, kind=form.data.kind, file_name=name, content=content or b""
        )
        return Done(f"/{visit.slug}/imports/{brought.id}")

    return await visit.submit(form, work, otherwise=lambda: show_all(visit, form))


async def _file(request: Request[Any, Any, Any]) -> tuple[str, bytes | None]:
    """The name and the content of the file that was sent, None if none was chosen."""
    sent = (await request.form()).get("file") if "multipart" in request.content_type[0] else None
    if not isinstance(sent, UploadFile) or not sent.filename:
        return "", None
    return sent.filename, await sent.read()


@get("/{cooperative:str}/imports/{import_id:uuid}", include_in_schema=False)
async def import_page(visit: NamedDependency[Visit], import_id: FromPath[UUID]) -> Response[str]:
    """Show what an import would do, how far it is, or what it did."""
    return await show(visit, import_id, visit.click)


async def show(visit: Visit, import_id: UUID, form: Form[Any]) -> Response[str]:
    """One import, and what was refused on its page."""
    found = await one_import(visit.db, actor=visit.actor, import_id=import_id)
    under_way = found.state in (ImportState.RECEIVED, ImportState.RELEASED)
    progress = await progress_of(visit.house.throttle.cache, found.id) if under_way else None
    own = found.prepared_by == visit.actor.membership_id
    return visit.page(
        "tenants/import.html",
        form=form,
        one=found,
        preview=found.shown,
        source=_(SOURCES[found.shown.source]) if found.shown else "",
        separator=_(SEPARATOR_TITLES[found.shown.separator]) if found.shown else "",
        sample_titles=[(_(title), kind) for title, kind in found.about.sample_titles],
        sample=[_in_words(found, row) for row in found.shown.sample] if found.shown else [],
        title=_(found.about.title),
        state=_(STATE_TITLES[found.state]),
        tone=STATE_TONES.get(found.state, ""),
        under_way=under_way,
        progress=progress,
        step=_(STEPS[progress.step]) if progress else "",
        may_release=not (found.about.two_persons and own),
    )


def _in_words(found: Import, row: Sequence[Any]) -> list[Any]:
    """One row of a preview: days and accounts in the reader's words, the rest as it is."""
    said = []
    for value, (_title, kind) in zip(row, found.about.sample_titles, strict=True):
        if kind == "day" and value:
            said.append(short_day(date.fromisoformat(value)))
        else:
            said.append(_(ACCOUNTS[value]) if kind == "account" and value in ACCOUNTS else value)
    return said


@get("/{cooperative:str}/imports/{import_id:uuid}/faults.csv", include_in_schema=False)
async def faults_csv(visit: NamedDependency[Visit], import_id: FromPath[UUID]) -> Response[bytes]:
    """Download what is wrong, line by line, to mend the file by."""
    found = await one_import(visit.db, actor=visit.actor, import_id=import_id)
    faults = found.shown.faults if found.shown else []
    rows = [(fault.line, fault.place, fault.sentence) for fault in faults]
    return csv_response(
        f"{visit.slug}-import-faults.csv", [_("Ligne"), _("Colonne"), _("Ce qui ne va pas")], rows
    )


@post("/{cooperative:str}/imports/{import_id:uuid}/release", include_in_schema=False)
async def release(visit: NamedDependency[Visit], import_id: FromPath[UUID]) -> Response[Any]:
    """Say yes."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await release_import(visit.db, actor=visit.actor, import_id=import_id)
        return Done(f"/{visit.slug}/imports/{import_id}")

    return await visit.submit(form, work, otherwise=lambda: show(visit, import_id, form))


@post("/{cooperative:str}/imports/{import_id:uuid}/discard", include_in_schema=False)
async def discard(visit: NamedDependency[Visit], import_id: FromPath[UUID]) -> Response[Any]:
    """Set a file aside."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await discard_import(visit.db, actor=visit.actor, import_id=import_id)
        return Done(f"/{visit.slug}/imports", _("Le fichier est écarté ; rien n'en a été repris."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, import_id, form))


@post("/{cooperative:str}/imports/invite", include_in_schema=False)
async def invite_all(visit: NamedDependency[Visit]) -> Response[Any]:
    """Invite all who were imported."""
    form = await visit.form(Welcome)

    async def work() -> Done:
        count = await invite_imported_members(visit.db, actor=visit.actor, message=form.data.message)
        return Done(f"/{visit.slug}/invitations", _("Invitations qui partent : {count}.", count=count))

    return await visit.submit(form, work, otherwise=lambda: show_all(visit, form))


PAGES: Final = (
    imports_page,
    imports_csv,
    bring,
    import_page,
    faults_csv,
    release,
    discard,
    invite_all,
)
