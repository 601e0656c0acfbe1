"""Invitations in the JSON API, for managers."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants import invitations as verbs
from tenants.invitations import Invitation
from tenants.memberships import member
from tenants.pages.invitations import NewInvitation
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

INVITATIONS: Final = "/{cooperative:str}/invitations"
INVITATION: Final = INVITATIONS + "/{invitation_id:uuid}"


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation nobody has answered. ``sent_at`` is null until the mail has left."""

    id: UUID
    membership_id: UUID
    display_name: str
    email: str
    sent_at: datetime | None
    expires_at: datetime


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """The invitation that was taken back: nothing else of it is kept."""

    id: UUID


def as_invited(invitation: Invitation, display_name: str, email: str) -> Invited:
    """The invitation as a manager sees it."""
    return Invited(
        id=invitation.id,
        membership_id=invitation.membership_id,
        display_name=display_name,
        email=email,
        sent_at=invitation.sent_at,
        expires_at=invitation.expires_at,
    )


@api_get(INVITATIONS, operation_id="pending_invitations", summary="List unanswered invitations")
async def pending_invitations(
    visit: NamedDependency[Visit],
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[Invited]:
    """List the invitations nobody has answered, newest first; managers only."""
    actor = visit.member_with("governance:read")
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.pending_invitations(
        visit.db, actor=actor, before=cursor[0] if cursor else None, limit=limit + 1
    )
    return Page(
        items=[as_invited(one, who.display_name, who.contact_email) for one, who in found[:limit]],
        next=encode_cursor(found[limit - 1][0].id) if len(found) > limit else None,
    )


@api_post(INVITATIONS, operation_id="invite_member", summary="Invite somebody by mail")
async def invite_member(visit: NamedDependency[Visit], data: JSONBody[NewInvitation]) -> Response[Invited]:
    """Invite somebody; the answer never depends on whether the address is known. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> Invited:
        invitation = await verbs.invite_member(
            visit.db, actor=actor, email=data.email, display_name=data.display_name, message=data.message
        )
        return as_invited(invitation, data.display_name, data.email.lower())

    return await visit.once(work)


@api_post(
    INVITATION + "/resend", operation_id="resend_invitation", summary="Mail an invitation again", status=200
)
async def resend_invitation(
    visit: NamedDependency[Visit], invitation_id: FromPath[UUID]
) -> Response[Invited]:
    """Mail an invitation once more; the link mailed before stops working. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> Invited:
        invitation = await verbs.resend_invitation(visit.db, actor=actor, invitation_id=invitation_id)
        invited = await member(visit.db, actor=actor, membership_id=invitation.membership_id)
        return as_invited(invitation, invited.display_name, invited.contact_email)

    return await visit.once(work, status=200)


@api_post(
    INVITATION + "/withdraw", operation_id="withdraw_invitation", summary="Withdraw an invitation", status=200
)
async def withdraw_invitation(
    visit: NamedDependency[Visit], invitation_id: FromPath[UUID]
) -> Response[Withdrawn]:
    """Take an invitation back; nothing of somebody who never came is kept. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> Withdrawn:
        await verbs.withdraw_invitation(visit.db, actor=actor, invitation_id=invitation_id)
        return Withdrawn(id=invitation_id)

    return await visit.once(work, status=200)
