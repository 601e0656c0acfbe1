"""Members in the JSON API: the directory, one's own profile, and the manager's hold on a membership."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from tenants import claims, contact_emails, own_profiles
from tenants import memberships as verbs
from tenants.actors import Actor
from tenants.memberships import DISPLAY_NAME_LENGTH, Membership, MembershipState
from tenants.pages.members import MailboxFound, cursor_of
from tenants.pages.profile import Profile, told
from tenants.platform.inputs import LINE_PATTERN, Email
from tenants.platform.web import PAGE_LENGTH, After, Limit, Page, api_get, api_post, decode_cursor
from tenants.profiles import Availability, VisibleProfile, visible_profiles
from tenants.visit import Visit

MEMBERS: Final = "/{cooperative:str}/members"
MEMBER: Final = MEMBERS + "/{membership_id:uuid}"

# "state" is a name that Litestar keeps for itself.
InState = Annotated[
    MembershipState, QueryParameter(name="state", description="Others than active: managers only.")
]
Search = Annotated[str, QueryParameter(max_length=DISPLAY_NAME_LENGTH, pattern=LINE_PATTERN)]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member as the reader may see them: what they may not is null, like what was never said."""

    id: UUID
    display_name: str
    state: MembershipState
    territory: str | None
    presentation: str | None
    languages: list[str] | None
    availability: Availability | None
    joined_at: datetime | None
    contact_email: str | None
    contact_phone: str | None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the member, their mandates in force, and what this token may do (null in a browser)."""

    member: Member
    cooperative: str
    roles: list[str]
    scopes: list[str] | None


def as_seen(shown: Membership, seen: VisibleProfile) -> Member:
    """The member with what the gate lets through."""
    return Member(
        id=shown.id,
        display_name=shown.display_name,
        state=shown.state,
        joined_at=shown.joined_at,
        **{name: getattr(seen, name) for name in seen.__struct_fields__},
    )


async def _seen(visit: Visit, actor: Actor, shown: Membership) -> Member:
    return as_seen(shown, (await visible_profiles(visit.db, actor=actor, shown=[shown]))[shown.id])


@api_get("/{cooperative:str}/me", operation_id="me", summary="Who asks")
async def me(visit: NamedDependency[Visit]) -> Me:
    """Say which member this token or browser acts for, with which mandates and scopes."""
    actor = visit.member_with("profile:read")
    own = await verbs.member(visit.db, actor=actor, membership_id=actor.member)
    return Me(
        member=await _seen(visit, actor, own),
        cooperative=visit.slug,
        roles=sorted(actor.roles),
        scopes=None if actor.scopes is None else sorted(actor.scopes),
    )


@api_get(MEMBERS, operation_id="members", summary="List members by name")
async def members(
    visit: NamedDependency[Visit],
    search: Search = "",
    in_state: InState = MembershipState.ACTIVE,
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[Member]:
    """List the active members, or (managers) those in another state, by name."""
    actor = visit.member_with("profile:read")
    found = await verbs.members(
        visit.db,
        actor=actor,
        state=in_state,
        search=search,
        after=decode_cursor(after, (str, UUID)),
        limit=limit + 1,
    )
    profiles = await visible_profiles(visit.db, actor=actor, shown=found[:limit])
    return Page(
        items=[as_seen(one, profiles[one.id]) for one in found[:limit]],
        next=cursor_of(found[limit - 1]) if len(found) > limit else None,
    )


@api_get(MEMBER, operation_id="member", summary="Read a member")
async def member(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Member:
    """Read one member."""
    actor = visit.member_with("profile:read")
    shown = await verbs.member(visit.db, actor=actor, membership_id=membership_id)
    return await _seen(visit, actor, shown)


@api_post(
    "/{cooperative:str}/profile",
    operation_id="change_profile",
    summary="Change one's own profile",
    status=200,
)
async def change_profile(visit: NamedDependency[Visit], data: JSONBody[Profile]) -> Response[Member]:
    """Change what one's own cooperative sees of oneself."""
    actor = visit.member_with("profile:write")

    async def work() -> Member:
        await own_profiles.change_profile(visit.db, actor=actor, **told(data))
        own = await contact_emails.change_contact_email(
            visit.db, visit.house.throttle, actor=actor, email=data.contact_email
        )
        return await _seen(visit, actor, own)

    return await visit.once(work, status=200)


class NewAddress(msgspec.Struct, frozen=True):
    """Where notices are to go."""

    email: Email


class LinkToken(msgspec.Struct, frozen=True):
    """The end of the link that was mailed."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@api_post(
    "/{cooperative:str}/profile/email",
    operation_id="change_contact_email",
    summary="Name another address for one's notices",
    status=200,
)
async def change_contact_email(visit: NamedDependency[Visit], data: JSONBody[NewAddress]) -> Response[Member]:
    """Have a link sent to another address; nothing changes before it is confirmed."""
    actor = visit.member_with("profile:write")

    async def work() -> Member:
        own = await contact_emails.change_contact_email(
            visit.db, visit.house.throttle, actor=actor, email=data.email
        )
        return await _seen(visit, actor, own)

    return await visit.once(work, status=200)


@api_post(
    "/{cooperative:str}/profile/email/confirm",
    operation_id="confirm_contact_email",
    summary="Confirm the address for one's notices",
    status=200,
)
async def confirm_contact_email(visit: NamedDependency[Visit], data: JSONBody[LinkToken]) -> Response[Member]:
    """Confirm the new address with the token that was mailed to it."""
    actor = visit.member_with("profile:write")

    async def work() -> Member:
        own = await contact_emails.confirm_contact_email(visit.db, actor=actor, token=data.token)
        return await _seen(visit, actor, own)

    return await visit.once(work, status=200)


@api_post(
    MEMBER + "/invite",
    operation_id="invite_imported_member",
    summary="Give an imported member an address and mail them a link to their own membership",
)
async def invite_imported_member(
    visit: NamedDependency[Visit], membership_id: FromPath[UUID], data: JSONBody[MailboxFound]
) -> Response[None]:
    """It becomes theirs when they accept from that mailbox; a manager's doing."""
    actor = visit.member_with("governance:write")

    async def work() -> None:
        await claims.invite_imported_member(
            visit.db, actor=actor, membership_id=membership_id, email=data.email
        )

    return await visit.once(work)


@api_post(MEMBER + "/suspend", operation_id="suspend_member", summary="Suspend a member", status=200)
async def suspend_member(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Member]:
    """Stop a member from acting; a manager's doing."""
    actor = visit.member_with("governance:write")

    async def work() -> Member:
        found = await verbs.suspend_member(visit.db, actor=actor, membership_id=membership_id)
        return await _seen(visit, actor, found)

    return await visit.once(work, status=200)


@api_post(MEMBER + "/reinstate", operation_id="reinstate_member", summary="Reinstate a member", status=200)
async def reinstate_member(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Member]:
    """Let a suspended member act again; a manager's doing."""
    actor = visit.member_with("governance:write")

    async def work() -> Member:
        found = await verbs.reinstate_member(visit.db, actor=actor, membership_id=membership_id)
        return await _seen(visit, actor, found)

    return await visit.once(work, status=200)
