"""Members in the JSON API: the directory, one's own profile, and the manager's hold on a membership."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from tenants import memberships as verbs
from tenants.actors import Actor
from tenants.memberships import DISPLAY_NAME_LENGTH, Membership, MembershipState, may_see_contact
from tenants.pages.members import cursor_of
from tenants.pages.profile import Profile
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.web import PAGE_LENGTH, After, Limit, Page, api_get, api_post, decode_cursor
from tenants.visit import Visit

MEMBERS: Final = "/{cooperative:str}/members"
MEMBER: Final = MEMBERS + "/{membership_id:uuid}"

# "state" is a name that Litestar keeps for itself.
InState = Annotated[
    MembershipState, QueryParameter(name="state", description="Others than active: managers only.")
]
Search = Annotated[str, QueryParameter(max_length=DISPLAY_NAME_LENGTH, pattern=LINE_PATTERN)]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member as the reader may see them; contacts are null unless shared with the reader."""

    id: UUID
    display_name: str
    state: MembershipState
    territory: str | None
    presentation: str
    joined_at: datetime | None
    contact_email: str | None
    contact_phone: str | None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the member, their mandates in force, and what this token may do (null in a browser)."""

    member: Member
    cooperative: str
    roles: list[str]
    scopes: list[str] | None


def as_seen(actor: Actor, shown: Membership) -> Member:
    """The member with what ``actor`` may see of them."""
    contact = may_see_contact(actor, shown)
    return Member(
        id=shown.id,
        display_name=shown.display_name,
        state=shown.state,
        territory=shown.territory,
        presentation=shown.presentation,
        joined_at=shown.joined_at,
        contact_email=shown.contact_email if contact else None,
        contact_phone=shown.contact_phone if contact else None,
    )


@api_get("/{cooperative:str}/me", operation_id="me", summary="Who asks")
async def me(visit: NamedDependency[Visit]) -> Me:
    """Say which member this token or browser acts for, with which mandates and scopes."""
    actor = visit.member_with("profile:read")
    own = await verbs.member(visit.db, actor=actor, membership_id=actor.member)
    return Me(
        member=as_seen(actor, own),
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
    return Page(
        items=[as_seen(actor, one) for one in found[:limit]],
        next=cursor_of(found[limit - 1]) if len(found) > limit else None,
    )


@api_get(MEMBER, operation_id="member", summary="Read a member")
async def member(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Member:
    """Read one member."""
    actor = visit.member_with("profile:read")
    return as_seen(actor, await verbs.member(visit.db, actor=actor, membership_id=membership_id))


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
        fields = {name: getattr(data, name) for name in data.__struct_fields__}
        return as_seen(actor, await verbs.change_profile(visit.db, actor=actor, **fields))

    return await visit.once(work, status=200)


@api_post(
    "/{cooperative:str}/leave", operation_id="leave_cooperative", summary="Leave the cooperative", status=200
)
async def leave_cooperative(visit: NamedDependency[Visit]) -> Response[Member]:
    """Leave: mandates end and tokens stop at once."""
    actor = visit.member_with("profile:write")

    async def work() -> Member:
        await verbs.leave_cooperative(visit.db, actor=actor)
        return as_seen(actor, await verbs.member(visit.db, actor=actor, membership_id=actor.member))

    return await visit.once(work, status=200)


@api_post(MEMBER + "/suspend", operation_id="suspend_member", summary="Suspend a member", status=200)
async def suspend_member(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Member]:
    """Stop a member from acting; a manager's doing."""
    actor = visit.member_with("governance:write")

    async def work() -> Member:
        return as_seen(actor, await verbs.suspend_member(visit.db, actor=actor, membership_id=membership_id))

    return await visit.once(work, status=200)


@api_post(MEMBER + "/reinstate", operation_id="reinstate_member", summary="Reinstate a member", status=200)
async def reinstate_member(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Member]:
    """Let a suspended member act again; a manager's doing."""
    actor = visit.member_with("governance:write")

    async def work() -> Member:
        return as_seen(
            actor, await verbs.reinstate_member(visit.db, actor=actor, membership_id=membership_id)
        )

    return await visit.once(work, status=200)
