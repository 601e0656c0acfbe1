"""Delegations in the JSON API: proposed, approved, ended, read by those concerned."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants import delegating
from tenants import delegations as verbs
from tenants.delegations import Act, Delegation
from tenants.pages.delegations import Maximum
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

DELEGATIONS: Final = "/{cooperative:str}/delegations"


class NewDelegation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may act for whom, what, until when, and how many minutes at most. There is no field for a reason."""

    represented_id: UUID
    delegate_id: UUID
    acts: list[Act]
    until: date
    since: date | None = None
    entry_minutes_max: Maximum = 0
    month_minutes_max: Maximum = 0


class Delegated(msgspec.Struct, frozen=True, kw_only=True):
    """A delegation, as its two sides and its approvers read it. It is live once approved by two, until it ends."""

    id: UUID
    represented_id: UUID
    delegate_id: UUID
    acts: list[Act]
    begins_at: datetime
    ends_at: datetime
    entry_minutes_max: int
    month_minutes_max: int
    approvals: int
    ended_at: datetime | None


def _as_delegated(one: Delegation) -> Delegated:
    assert one.term.lower is not None, "every term begins"
    assert one.term.upper is not None, "every term ends"
    return Delegated(
        id=one.id,
        represented_id=one.represented_id,
        delegate_id=one.delegate_id,
        acts=[Act(act) for act in one.acts],
        begins_at=one.term.lower,
        ends_at=one.term.upper,
        entry_minutes_max=one.entry_minutes_max,
        month_minutes_max=one.month_minutes_max,
        approvals=sum(who is not None for who in (one.first_approver, one.second_approver)),
        ended_at=one.ended_at,
    )


@api_get(DELEGATIONS, operation_id="delegations", summary="List delegations, newest first")
async def delegations(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[Delegated]:
    """List one's own, on either side; all of them for those who may approve."""
    actor = visit.member_with("governance:read")
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.delegations(
        visit.db, actor=actor, before=cursor[0] if cursor else None, limit=limit + 1
    )
    items = [_as_delegated(one) for one, _represented, _delegate in found[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].id) if len(found) > limit else None)


@api_get(DELEGATIONS + "/{delegation_id:uuid}", operation_id="delegation", summary="Read a delegation")
async def delegation(visit: NamedDependency[Visit], delegation_id: FromPath[UUID]) -> Delegated:
    """One delegation, for its two sides and those who may approve it."""
    actor = visit.member_with("governance:read")
    return _as_delegated(await verbs.delegation(visit.db, actor=actor, delegation_id=delegation_id))


@api_post(DELEGATIONS, operation_id="propose_delegation", summary="Propose a delegation")
async def propose_delegation(
    visit: NamedDependency[Visit], data: JSONBody[NewDelegation]
) -> Response[Delegated]:
    """Propose that a member may act for another: a manager's act; two mandate holders have to approve."""
    actor = visit.member_with("governance:write")

    async def work() -> Delegated:
        return _as_delegated(
            await delegating.propose_delegation(
                visit.db,
                actor=actor,
                represented_id=data.represented_id,
                delegate_id=data.delegate_id,
                acts=data.acts,
                until=data.until,
                since=data.since,
                entry_minutes_max=data.entry_minutes_max,
                month_minutes_max=data.month_minutes_max,
            )
        )

    return await visit.once(work)


@api_post(
    DELEGATIONS + "/{delegation_id:uuid}/approve",
    operation_id="approve_delegation",
    summary="Approve a delegation",
    status=200,
)
async def approve_delegation(
    visit: NamedDependency[Visit], delegation_id: FromPath[UUID]
) -> Response[Delegated]:
    """Agree as one of two mandate holders who are no party to it; a sign-in's act, never a token's."""
    actor = visit.member_with("governance:write")

    async def work() -> Delegated:
        return _as_delegated(
            await delegating.approve_delegation(visit.db, actor=actor, delegation_id=delegation_id)
        )

    return await visit.once(work, status=200)


@api_post(
    DELEGATIONS + "/{delegation_id:uuid}/end",
    operation_id="end_delegation",
    summary="End a delegation",
    status=200,
)
async def end_delegation(visit: NamedDependency[Visit], delegation_id: FromPath[UUID]) -> Response[Delegated]:
    """End it at once: the person's right at any moment, the delegate's, and any approver's."""
    actor = visit.member_with("governance:write")

    async def work() -> Delegated:
        return _as_delegated(
            await delegating.end_delegation(visit.db, actor=actor, delegation_id=delegation_id)
        )

    return await visit.once(work, status=200)


API: Final = (delegations, delegation, propose_delegation, approve_delegation, end_delegation)
