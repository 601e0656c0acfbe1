"""Letters on paper in the JSON API: who waits for one, writing, printing and posting them. Managers' operations."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants import paper_letters as letters
from tenants.api.offline_members import READ, WRITE
from tenants.paper_letters import LetterToPrint, PaperLetter
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

LETTERS: Final = "/{cooperative:str}/letters"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is to be told something on paper and has no letter yet."""

    membership_id: UUID
    name: str
    things: int
    since: datetime


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter on paper; null times are still to come."""

    id: UUID
    membership_id: UUID
    reference: str
    written_at: datetime
    printed_at: datetime | None
    sent_at: datetime | None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a letter says: the kind of the notice, and what it is about."""

    kind: str
    subject_id: UUID
    at: datetime


class LetterText(msgspec.Struct, frozen=True, kw_only=True):
    """A letter, where it goes, and what it says."""

    letter: Letter
    postal_address: str
    things: list[Said]


def _as_letter(one: PaperLetter) -> Letter:
    return Letter(
        id=one.id,
        membership_id=one.membership_id,
        reference=one.reference,
        written_at=one.written_at,
        printed_at=one.printed_at,
        sent_at=one.sent_at,
    )


def _as_text(one: LetterToPrint) -> LetterText:
    things = [Said(kind=it.kind, subject_id=it.subject_id, at=it.created_at) for it in one.tellings]
    return LetterText(
        letter=_as_letter(one.letter), postal_address=one.addressee.postal_address, things=things
    )


@api_get(LETTERS + "/waiting", operation_id="letters_to_write", summary="List who waits for a letter")
async def letters_to_write(visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH) -> Page[Waiting]:
    """Who is to be told something on paper and has no letter yet, who waits longest first."""
    found = await letters.letters_to_write(visit.db, actor=visit.member_with(READ), limit=limit)
    return Page(
        items=[
            Waiting(membership_id=one.membership_id, name=one.name, things=one.things, since=one.since)
            for one in found
        ]
    )


@api_post(LETTERS, operation_id="write_letters", summary="Write the letters")
async def write_letters(visit: NamedDependency[Visit]) -> Response[list[Letter]]:
    """One letter to each person who waits; each thing is said in one letter."""
    actor = visit.member_with(WRITE)

    async def work() -> list[Letter]:
        return [_as_letter(one) for one in await letters.write_letters(visit.db, actor=actor)]

    return await visit.once(work)


@api_get(LETTERS, operation_id="paper_letters", summary="List letters, newest first")
async def paper_letters(
    visit: NamedDependency[Visit],
    sent: FromQuery[bool] = False,  # noqa: FBT002 (a parameter of the query)
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[Letter]:
    """Those that are to be posted, or with ``sent`` those that were."""
    actor = visit.member_with(READ)
    cursor = decode_cursor(after, (UUID,))
    found = await letters.paper_letters(
        visit.db, actor=actor, sent=sent, before=cursor[0] if cursor else None, limit=limit + 1
    )
    items = [_as_letter(letter) for letter, _name in found[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].id) if len(found) > limit else None)


@api_get(LETTERS + "/to-print", operation_id="letters_to_print", summary="Read the letters to be printed")
async def letters_to_print(visit: NamedDependency[Visit]) -> list[LetterText]:
    """Every letter that was not posted yet, its address and what it says."""
    return [_as_text(one) for one in await letters.letters_to_print(visit.db, actor=visit.member_with(READ))]


@api_post(
    LETTERS + "/{letter_id:uuid}/printed",
    operation_id="mark_letter_printed",
    summary="Note that a letter is printed",
    status=200,
)
async def mark_letter_printed(visit: NamedDependency[Visit], letter_id: FromPath[UUID]) -> Response[Letter]:
    """Once more after a paper jam changes nothing."""
    actor = visit.member_with(WRITE)

    async def work() -> Letter:
        return _as_letter(await letters.mark_letter_printed(visit.db, actor=actor, letter_id=letter_id))

    return await visit.once(work, status=200)


@api_post(
    LETTERS + "/{letter_id:uuid}/sent",
    operation_id="mark_letter_sent",
    summary="Note that a letter was posted, once",
    status=200,
)
async def mark_letter_sent(visit: NamedDependency[Visit], letter_id: FromPath[UUID]) -> Response[Letter]:
    """The thirty days to contest what it says begin."""
    actor = visit.member_with(WRITE)

    async def work() -> Letter:
        return _as_letter(await letters.mark_letter_sent(visit.db, actor=actor, letter_id=letter_id))

    return await visit.once(work, status=200)


API: Final = (
    letters_to_write,
    write_letters,
    paper_letters,
    letters_to_print,
    mark_letter_printed,
    mark_letter_sent,
)
