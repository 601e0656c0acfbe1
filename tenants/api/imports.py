"""Imports in the JSON API, for managers and treasurers."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants import imported_members as inviting
from tenants import imports as verbs
from tenants.imports import Import
from tenants.pages.imports import Welcome
from tenants.platform.inputs import Line
from tenants.platform.sheets import FILE_BYTES_MAX
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    api_post,
    decode_cursor,
    encode_cursor,
)
from tenants.visit import Visit

IMPORTS: Final = "/{cooperative:str}/imports"
IMPORT: Final = IMPORTS + "/{import_id:uuid}"
# Base64 makes four letters of three bytes.
UPLOAD_BYTES_MAX: Final = FILE_BYTES_MAX * 4 // 3 + 64 * 1024


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to look at: ``kind`` is members or exchanges, ``content`` its bytes in base64."""

    kind: Annotated[str, msgspec.Meta(pattern="^[a-z]{1,20}$")]
    file_name: Line
    content: bytes


class FaultShown(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong in a file. ``column`` counts from 1, 0 for the whole line."""

    line: int
    column: int
    code: str
    detail: str


class ImportShown(msgspec.Struct, frozen=True, kw_only=True):
    """An import: what it would do (ready), what is wrong (wrong), or what it did (done)."""

    id: UUID
    kind: str
    file_name: str
    state: str
    sha256: str
    prepared_at: datetime
    released_at: datetime | None
    ended_at: datetime | None
    rows: int | None
    new: int | None
    present: int | None
    fault_count: int | None
    faults: list[FaultShown]
    remarks: list[str]


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """How many were invited now, or will be: 200 mails leave a day."""

    invited: int


def as_shown(one: Import) -> ImportShown:
    """The import as those who may decide on it see it."""
    preview = one.shown
    return ImportShown(
        id=one.id,
        kind=one.kind,
        file_name=one.file_name,
        state=one.state,
        sha256=one.digest.hex(),
        prepared_at=one.prepared_at,
        released_at=one.released_at,
        ended_at=one.ended_at,
        rows=preview.rows if preview else None,
        new=preview.new if preview else None,
        present=preview.present if preview else None,
        fault_count=preview.fault_count if preview else None,
        faults=[
            FaultShown(line=fault.line, column=fault.column, code=fault.code, detail=fault.sentence)
            for fault in (preview.faults if preview else ())
        ],
        remarks=[remark.sentence for remark in (preview.remarks if preview else ())],
    )


@api_get(IMPORTS, operation_id="imports", summary="List the files that were brought")
async def imports(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[ImportShown]:
    """List imports, newest first; managers and treasurers only."""
    actor = visit.member_with("governance:read")
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.imports(visit.db, actor=actor, before=cursor[0] if cursor else None, limit=limit + 1)
    return Page(
        items=[as_shown(one) for one in found[:limit]],
        next=encode_cursor(found[limit - 1].id) if len(found) > limit else None,
    )


@api_get(IMPORT, operation_id="one_import", summary="Read what an import would do, or did")
async def one_import(visit: NamedDependency[Visit], import_id: FromPath[UUID]) -> ImportShown:
    """Read one import, with its faults by line and column; managers, and treasurers for exchanges."""
    actor = visit.member_with("governance:read")
    return as_shown(await verbs.one_import(visit.db, actor=actor, import_id=import_id))


@api_post(
    IMPORTS,
    operation_id="prepare_import",
    summary="Bring a file from another tool",
    request_max_body_size=UPLOAD_BYTES_MAX,
)
async def prepare_import(visit: NamedDependency[Visit], data: JSONBody[NewFile]) -> Response[ImportShown]:
    """Bring a file to be looked at; nothing is written before it is released. The same file is the same import."""
    actor = visit.member_with("governance:write")

    async def work() -> ImportShown:
        return as_shown(
            await verbs.prepare_import(
                visit.db, actor=actor, kind=data.kind, file_name=data.file_name, content=data.content
            )
        )

    return await visit.once(work)


@api_post(IMPORT + "/release", operation_id="release_import", summary="Carry out an import", status=200)
async def release_import(visit: NamedDependency[Visit], import_id: FromPath[UUID]) -> Response[ImportShown]:
    """Say yes to an import that is ready; for exchanges by a second person. The worker carries it out."""
    # It may move hours, and it may write to the cooperative: a token needs both scopes.
    visit.member_with("hours:write")
    actor = visit.member_with("governance:write")

    async def work() -> ImportShown:
        return as_shown(await verbs.release_import(visit.db, actor=actor, import_id=import_id))

    return await visit.once(work, status=200)


@api_post(IMPORT + "/discard", operation_id="discard_import", summary="Set an import aside", status=200)
async def discard_import(visit: NamedDependency[Visit], import_id: FromPath[UUID]) -> Response[ImportShown]:
    """Set a file aside before it is released; its content is dropped at once."""
    actor = visit.member_with("governance:write")

    async def work() -> ImportShown:
        return as_shown(await verbs.discard_import(visit.db, actor=actor, import_id=import_id))

    return await visit.once(work, status=200)


@api_get(
    IMPORTS + "/to-invite",
    operation_id="imported_to_invite",
    summary="Count the imported members who can be invited",
)
async def imported_to_invite(visit: NamedDependency[Visit]) -> Invited:
    """Count the imported members who have an address and no invitation; managers only."""
    actor = visit.member_with("governance:read")
    return Invited(invited=await inviting.imported_to_invite(visit.db, actor=actor))


@api_post(IMPORTS + "/invite", operation_id="invite_imported_members", summary="Invite all imported members")
async def invite_imported_members(
    visit: NamedDependency[Visit], data: JSONBody[Welcome]
) -> Response[Invited]:
    """Invite every imported member who has an address and no invitation; 200 mails leave a day. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> Invited:
        return Invited(
            invited=await inviting.invite_imported_members(visit.db, actor=actor, message=data.message)
        )

    return await visit.once(work)


API: Final = (
    imports,
    one_import,
    prepare_import,
    release_import,
    discard_import,
    imported_to_invite,
    invite_imported_members,
)
