"""Members without a computer, and letters on paper, in the JSON API. Managers' operations but one."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from tenants import claims
from tenants import offline_members as verbs
from tenants import paper_letters as letters
from tenants.memberships import Membership
from tenants.pages.members import MailboxFound, Name
from tenants.pages.offline_members import Address, AddressChange, OptionalAddress
from tenants.paper_letters import LetterToPrint, PaperLetter
from tenants.platform.inputs import OptionalLine
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

MEMBERS: Final = "/{cooperative:str}/offline-members"
LETTERS: Final = "/{cooperative:str}/letters"
READ: Final = "governance:read"
WRITE: Final = "governance:write"


class NewOfflineMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who joins without a computer, and where their letters go."""

    display_name: Name
    postal_address: Address
    contact_phone: OptionalLine = ""


class OfflineMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member whom nobody signs in as; ``invited`` while a mailed link waits to be accepted."""

    id: UUID
    name: str
    postal_address: str
    contact_phone: str | None
    invited: bool = False


class LettersChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether one wants letters, and where."""

    wants_letters: bool
    postal_address: OptionalAddress = ""


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


def _as_member(one: Membership, *, invited: bool = False) -> OfflineMember:
    return OfflineMember(
        id=one.id,
        name=one.display_name,
        postal_address=one.postal_address,
        contact_phone=one.contact_phone,
        invited=invited,
    )


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


# --- Members ------------------------------------------------------------------------------------------


@api_get(MEMBERS, operation_id="offline_members", summary="List members without a computer, by name")
async def offline_members(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[OfflineMember]:
    """Their names and postal addresses, for a manager."""
    actor = visit.member_with(READ)
    cursor = decode_cursor(after, (str, UUID))
    found = await verbs.offline_members(
        visit.db, actor=actor, after=(cursor[0], cursor[1]) if cursor else None, limit=limit + 1
    )
    shown = found[:limit]
    more = len(found) > limit
    return Page(
        items=[_as_member(one, invited=invitation is not None) for one, invitation in shown],
        next=encode_cursor(shown[-1][0].sort_name, shown[-1][0].id) if more else None,
    )


@api_post(MEMBERS, operation_id="admit_offline_member", summary="Make somebody without a computer a member")
async def admit_offline_member(
    visit: NamedDependency[Visit], data: JSONBody[NewOfflineMember]
) -> Response[OfflineMember]:
    """An active membership that nobody has claimed; letters reach it."""
    actor = visit.member_with(WRITE)

    async def work() -> OfflineMember:
        return _as_member(
            await verbs.admit_offline_member(
                visit.db,
                actor=actor,
                display_name=data.display_name,
                postal_address=data.postal_address,
                contact_phone=data.contact_phone,
            )
        )

    return await visit.once(work)


@api_post(
    MEMBERS + "/{membership_id:uuid}/invite",
    operation_id="invite_offline_member",
    summary="Mail a member without a computer a link to their own membership",
)
async def invite_offline_member(
    visit: NamedDependency[Visit], membership_id: FromPath[UUID], data: JSONBody[MailboxFound]
) -> Response[None]:
    """It becomes theirs when they accept from that mailbox."""
    actor = visit.member_with(WRITE)

    async def work() -> None:
        await claims.invite_offline_member(
            visit.db, actor=actor, membership_id=membership_id, email=data.email
        )

    return await visit.once(work)


@api_post(
    MEMBERS + "/{membership_id:uuid}/address",
    operation_id="correct_address",
    summary="Correct where letters go",
    status=200,
)
async def correct_address(
    visit: NamedDependency[Visit], membership_id: FromPath[UUID], data: JSONBody[AddressChange]
) -> Response[OfflineMember]:
    """Of a member without a computer."""
    actor = visit.member_with(WRITE)

    async def work() -> OfflineMember:
        return _as_member(
            await verbs.correct_address(
                visit.db, actor=actor, membership_id=membership_id, postal_address=data.postal_address
            )
        )

    return await visit.once(work, status=200)


@api_post(
    "/{cooperative:str}/me/letters",
    operation_id="choose_letters",
    summary="Choose to be told on paper too",
    status=200,
)
async def choose_letters(
    visit: NamedDependency[Visit], data: JSONBody[LettersChoice]
) -> Response[LettersChoice]:
    """What others enter in one's name, also as a letter; a sign-in's act, never a token's."""
    actor = visit.member_with("profile:write")

    async def work() -> LettersChoice:
        own = await verbs.choose_letters(
            visit.db,
            actor=actor,
            wants_letters=data.wants_letters,
            postal_address=data.postal_address,
        )
        return LettersChoice(wants_letters=own.wants_letters, postal_address=own.postal_address)

    return await visit.once(work, status=200)


# --- Letters ------------------------------------------------------------------------------------------


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
    offline_members,
    admit_offline_member,
    invite_offline_member,
    correct_address,
    choose_letters,
    letters_to_write,
    write_letters,
    paper_letters,
    letters_to_print,
    mark_letter_printed,
    mark_letter_sent,
)
