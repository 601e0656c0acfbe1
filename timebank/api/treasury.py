"""The treasurer's operations: every member's hours, and the proofs of the ledger. Each calls one verb."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

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
from timebank import treasury
from timebank.api.hours import COOPERATIVE, READ, WRITE
from timebank.ledger import proof as verbs


class ProofResult(msgspec.Struct, frozen=True, kw_only=True):
    """One proof of the ledger: how much was recomputed, and how many places differ."""

    id: UUID
    at: datetime
    accounts: int
    transfers: int
    differences: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place that differs. ``account_id`` is null for a whole unit."""

    what: str
    account_id: UUID | None
    expected: int | None
    found: int | None


class MemberHours(msgspec.Struct, frozen=True, kw_only=True):
    """One member's hours account, in minutes."""

    membership_id: UUID
    name: str
    balance_minutes: int
    held_minutes: int
    is_open: bool


@api_get(f"{COOPERATIVE}/treasury/accounts", operation_id="member_balances", summary="Every member's hours")
async def member_balances(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[MemberHours]:
    """The hours of all members, by name, for the treasurer."""
    actor = visit.member_with(READ)
    cursor = decode_cursor(after, (str, UUID))
    found = await treasury.member_balances(visit.db, actor=actor, after=_pair(cursor), limit=limit + 1)
    shown = [
        MemberHours(
            membership_id=one.membership_id,
            name=one.name,
            balance_minutes=one.balance,
            held_minutes=one.held,
            is_open=one.is_open,
        )
        for one in found[:limit]
    ]
    more = len(found) > limit
    return Page(items=shown, next=encode_cursor(shown[-1].name, shown[-1].membership_id) if more else None)


def _pair(cursor: tuple[Any, ...] | None) -> tuple[str, UUID] | None:
    return (cursor[0], cursor[1]) if cursor else None


@api_post(f"{COOPERATIVE}/treasury/proofs", operation_id="prove_ledger", summary="Prove the ledger now")
async def prove_ledger(visit: NamedDependency[Visit]) -> Response[ProofResult]:
    """Recompute every balance from its entries: the treasurer's act."""
    actor = visit.member_with(WRITE)

    async def work() -> ProofResult:
        return _result(await verbs.prove_ledger(visit.db, actor=actor))

    return await visit.once(work)


@api_get(f"{COOPERATIVE}/treasury/proofs", operation_id="proofs", summary="The last proofs of the ledger")
async def proofs(visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH) -> list[ProofResult]:
    """The last proofs, newest first, for the treasurer and the managers."""
    return [_result(one) for one in await verbs.proofs(visit.db, actor=visit.member_with(READ), limit=limit)]


@api_get(
    f"{COOPERATIVE}/treasury/proofs/{{proof_id:uuid}}",
    operation_id="proof_differences",
    summary="What a proof found to differ",
)
async def proof_differences(visit: NamedDependency[Visit], proof_id: FromPath[UUID]) -> Sequence[Difference]:
    """Empty when everything agreed."""
    found = await verbs.proof_differences(visit.db, actor=visit.member_with(READ), proof_id=proof_id)
    return [
        Difference(what=one.what, account_id=one.account_id, expected=one.expected, found=one.found)
        for one in found
    ]


def _result(proof: verbs.Proof) -> ProofResult:
    return ProofResult(
        id=proof.id,
        at=proof.proved_at,
        accounts=proof.accounts,
        transfers=proof.transfers,
        differences=proof.differences,
    )


API: Final = [member_balances, prove_ledger, proofs, proof_differences]
