"""Members without a computer in the JSON API. Managers' operations but one, which is each member's own."""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants import claims
from tenants import offline_members as verbs
from tenants.memberships import Membership
from tenants.pages.members import MailboxFound, Name
from tenants.pages.offline_members import Address, AddressChange, OptionalAddress
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


def _as_member(one: Membership, *, invited: bool = False) -> OfflineMember:
    return OfflineMember(
        id=one.id,
        name=one.display_name,
        postal_address=one.postal_address,
        contact_phone=one.contact_phone,
        invited=invited,
    )


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


API: Final = (
    offline_members,
    admit_offline_member,
    invite_offline_member,
    correct_address,
    choose_letters,
)
