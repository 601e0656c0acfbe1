"""Entries by a third person and their contests in the JSON API. Each operation calls one verb."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tenants.platform.inputs import MinutesInput
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
from timebank import contest_lists
from timebank import contests as contest_verbs
from timebank import third_party_entries as verbs
from timebank.api.hours import COOPERATIVE, READ, WRITE, Posted
from timebank.contest_lists import place_of
from timebank.contests import Contest, ContestOutcome
from timebank.pages.entries import Contesting, Deciding
from timebank.pages.giving import Words
from timebank.third_party_entries import EntryKind, ThirdPartyEntry

ENTRIES: Final = COOPERATIVE + "/entries"
ONE: Final = ENTRIES + "/{entry_id:uuid}"


class DelegateEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the person whom one represents, for the member who helped them."""

    to: UUID
    amount_minutes: MinutesInput
    reason: Words


class PaperEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exchange that two members signed on paper."""

    giver_id: UUID
    to: UUID
    happened_on: date
    amount_minutes: MinutesInput
    reason: Words


class SlipDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who contests by slip or telephone, and what they say."""

    contested_by: UUID
    words: Words


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange that a third person entered, as its two sides and those who decide read it."""

    id: UUID
    kind: EntryKind
    giver_id: UUID
    receiver_id: UUID
    entered_by: UUID
    amount_minutes: int
    happened_on: date | None
    entered_at: datetime


class Contested(msgspec.Struct, frozen=True, kw_only=True):
    """A contest: ``outcome`` and ``reversal_id`` once it is decided."""

    entry_id: UUID
    contested_by: UUID
    contested_at: datetime
    words: str
    held: bool
    outcome: ContestOutcome | None
    decision: str | None
    reversal_id: UUID | None


def _as_entry(one: ThirdPartyEntry) -> Entry:
    return Entry(
        id=one.id,
        kind=one.kind,
        giver_id=one.giver_id,
        receiver_id=one.receiver_id,
        entered_by=one.entered_by,
        amount_minutes=one.minutes,
        happened_on=one.happened_on,
        entered_at=one.entered_at,
    )


def _as_contested(one: Contest) -> Contested:
    return Contested(
        entry_id=one.entry_id,
        contested_by=one.contested_by,
        contested_at=one.contested_at,
        words=one.words,
        held=one.hold_id is not None and one.decided_at is None,
        outcome=one.outcome,
        decision=one.decision,
        reversal_id=one.reversal_id,
    )


@api_post(
    COOPERATIVE + "/delegations/{delegation_id:uuid}/entries",
    operation_id="enter_for_represented",
    summary="Enter an exchange for the person whom one represents",
)
async def enter_for_represented(
    visit: NamedDependency[Visit], delegation_id: FromPath[UUID], data: JSONBody[DelegateEntry]
) -> Response[Posted]:
    """Give hours of theirs to a member who helped them, within what the delegation allows."""
    actor = visit.member_with(WRITE)

    async def work() -> Posted:
        entry_id = await verbs.enter_for_represented(
            visit.db,
            actor=actor,
            delegation_id=delegation_id,
            to=data.to,
            amount_minutes=data.amount_minutes,
            reason=data.reason,
        )
        return Posted(id=entry_id)

    return await visit.once(work)


@api_post(ENTRIES, operation_id="enter_paper_exchange", summary="Enter an exchange from a signed paper")
async def enter_paper_exchange(visit: NamedDependency[Visit], data: JSONBody[PaperEntry]) -> Response[Posted]:
    """Between two other members: a manager's act; both are told, and may contest."""
    actor = visit.member_with(WRITE)

    async def work() -> Posted:
        entry_id = await verbs.enter_paper_exchange(
            visit.db,
            actor=actor,
            giver_id=data.giver_id,
            to=data.to,
            happened_on=data.happened_on,
            amount_minutes=data.amount_minutes,
            reason=data.reason,
        )
        return Posted(id=entry_id)

    return await visit.once(work)


@api_get(ENTRIES, operation_id="third_party_entries", summary="List entries by a third person, newest first")
async def third_party_entries(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[Entry]:
    """Those that concern oneself or that one made; all of them for those who decide."""
    actor = visit.member_with(READ)
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.third_party_entries(
        visit.db, actor=actor, before=cursor[0] if cursor else None, limit=limit + 1
    )
    items = [_as_entry(entry) for entry, _reason in found[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].id) if len(found) > limit else None)


@api_get(ONE, operation_id="third_party_entry", summary="Read an entry by a third person")
async def third_party_entry(visit: NamedDependency[Visit], entry_id: FromPath[UUID]) -> Entry:
    """For its two sides, who entered it, and those who decide."""
    return _as_entry(
        await verbs.third_party_entry(visit.db, actor=visit.member_with(READ), entry_id=entry_id)
    )


@api_post(ONE + "/contest", operation_id="contest_entry", summary="Contest an entry on one's own account")
async def contest_entry(
    visit: NamedDependency[Visit], entry_id: FromPath[UUID], data: JSONBody[Contesting]
) -> Response[Contested]:
    """Within thirty days; what it moved is held until a decision."""
    actor = visit.member_with(WRITE)

    async def work() -> Contested:
        return _as_contested(
            await contest_verbs.contest_entry(visit.db, actor=actor, entry_id=entry_id, words=data.words)
        )

    return await visit.once(work)


@api_post(
    ONE + "/contest-from-slip", operation_id="contest_from_slip", summary="Contest for who sent a slip back"
)
async def contest_from_slip(
    visit: NamedDependency[Visit], entry_id: FromPath[UUID], data: JSONBody[SlipDraft]
) -> Response[Contested]:
    """A manager's act, who neither made the entry nor is on one of its sides."""
    actor = visit.member_with(WRITE)

    async def work() -> Contested:
        return _as_contested(
            await contest_verbs.contest_from_slip(
                visit.db,
                actor=actor,
                entry_id=entry_id,
                contested_by=data.contested_by,
                words=data.words,
            )
        )

    return await visit.once(work)


@api_post(
    ONE + "/decide", operation_id="decide_contest", summary="Decide about a contested entry", status=200
)
async def decide_contest(
    visit: NamedDependency[Visit], entry_id: FromPath[UUID], data: JSONBody[Deciding]
) -> Response[Contested]:
    """Annul it by a counter-transfer or uphold it: a mediator or treasurer who took no part."""
    actor = visit.member_with(WRITE)

    async def work() -> Contested:
        return _as_contested(
            await contest_verbs.decide_contest(
                visit.db, actor=actor, entry_id=entry_id, outcome=data.outcome, decision=data.decision
            )
        )

    return await visit.once(work, status=200)


@api_get(COOPERATIVE + "/contests", operation_id="contests", summary="List contests, those to decide first")
async def contests(
    visit: NamedDependency[Visit], limit: Limit = PAGE_LENGTH, after: After = None
) -> Page[Contested]:
    """For mediators and the treasurer."""
    actor = visit.member_with(READ)
    cursor = decode_cursor(after, (int, UUID))
    found = await contest_lists.contests(
        visit.db, actor=actor, after=(cursor[0], cursor[1]) if cursor else None, limit=limit + 1
    )
    shown = [one for one, _entry, _name in found[:limit]]
    return Page(
        items=[_as_contested(one) for one in shown],
        next=encode_cursor(*place_of(shown[-1])) if len(found) > limit else None,
    )


API: Final = [
    enter_for_represented,
    enter_paper_exchange,
    third_party_entries,
    third_party_entry,
    contest_entry,
    contest_from_slip,
    decide_contest,
    contests,
]
