"""Proposals in the JSON API: written, discussed, answered in rounds, and what came of them."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from governance import amending, proposing
from governance import proposals as verbs
from governance.pages.proposal_fields import Reasons, Title, Version
from governance.proposal_sheets import proposal_sheet
from governance.proposal_shown import ProposalSheet
from governance.proposal_states import Phase, ProposalKind, ProposalState
from governance.proposal_terms import Subject, Words
from tenants.actors import Role
from tenants.platform.inputs import Line
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

PROPOSALS: Final = "/{cooperative:str}/proposals"
PROPOSAL: Final = PROPOSALS + "/{proposal_id:uuid}"
READ: Final = "governance:read"
WRITE: Final = "governance:write"
Value = int | None
"""A rule's value: an integer in its unit, or the place among its choices."""


class ProposalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One proposal of the list."""

    id: UUID
    kind: ProposalKind
    state: ProposalState
    phase: Phase | None
    version: int
    title: str
    rule: str | None
    circle_id: UUID
    author_id: UUID
    opened_at: datetime | None
    decided_at: datetime | None
    register_seq: int | None


class VersionLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a proposal said at one time."""

    number: int
    title: str
    reasons: str
    value: Any
    effective_on: date | None
    until_on: date | None
    written_by: UUID
    written_at: datetime


class NewProposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proposal: its subject, its words, and whether it stays a draft."""

    kind: ProposalKind
    title: Title
    reasons: Reasons
    rule: Line | None = None
    membership_id: UUID | None = None
    role: Role | None = None
    mandate_id: UUID | None = None
    value: Value = None
    effective_on: date | None = None
    until_on: date | None = None
    circle_id: UUID | None = None
    draft: bool = False


class NewVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next version; ``version`` is the one that was read, ``integrates`` the objections it takes up."""

    version: Version
    title: Title
    reasons: Reasons
    value: Value = None
    effective_on: date | None = None
    until_on: date | None = None
    integrates: list[UUID] = []


@api_get(PROPOSALS, operation_id="proposals", summary="Proposals")
async def proposals(
    visit: NamedDependency[Visit],
    standing: FromQuery[ProposalState | None] = None,
    kind: FromQuery[ProposalKind | None] = None,
    rule: FromQuery[str | None] = None,
    mine: FromQuery[bool] = False,  # noqa: FBT002 (a query parameter is given by its name)
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[ProposalLine]:
    """List proposals, newest first; another's draft is not among them."""
    cursor = decode_cursor(after, (UUID,))
    found = await verbs.proposals(
        visit.db,
        actor=visit.member_with(READ),
        state=standing,
        kind=kind,
        rule=rule,
        mine=mine,
        before=cursor[0] if cursor else None,
        limit=limit + 1,
    )
    return Page(
        items=[
            ProposalLine(
                id=one.proposal.id,
                kind=one.proposal.kind,
                state=one.proposal.state,
                phase=one.proposal.phase,
                version=one.proposal.version,
                title=one.version.title,
                rule=one.proposal.rule,
                circle_id=one.proposal.circle_id,
                author_id=one.proposal.author_id,
                opened_at=one.proposal.opened_at,
                decided_at=one.proposal.decided_at,
                register_seq=one.proposal.register_seq,
            )
            for one in found[:limit]
        ],
        next=encode_cursor(found[limit - 1].proposal.id) if len(found) > limit else None,
    )


@api_get(PROPOSAL, operation_id="proposal", summary="One proposal")
async def proposal(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> ProposalSheet:
    """One proposal with what was said of it, its round, and the reader's next step."""
    return await proposal_sheet(visit.db, actor=visit.member_with(READ), proposal_id=proposal_id)


@api_get(PROPOSAL + "/versions", operation_id="proposal_versions", summary="Every version of a proposal")
async def proposal_versions(visit: NamedDependency[Visit], proposal_id: FromPath[UUID]) -> list[VersionLine]:
    """Every version, newest first."""
    found = await verbs.proposal_versions(visit.db, actor=visit.member_with(READ), proposal_id=proposal_id)
    return [
        VersionLine(
            number=one.number,
            title=one.title,
            reasons=one.reasons,
            value=one.value,
            effective_on=one.effective_on,
            until_on=one.until_on,
            written_by=one.written_by,
            written_at=one.written_at,
        )
        for one in found
    ]


@api_post(PROPOSALS, operation_id="propose", summary="Write a proposal")
async def propose(visit: NamedDependency[Visit], data: JSONBody[NewProposal]) -> Response[ProposalSheet]:
    """Write a proposal and open it to discussion, or keep it as a draft."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        found = await proposing.propose(
            visit.db,
            actor=actor,
            subject=Subject(
                kind=data.kind,
                rule=data.rule,
                membership_id=data.membership_id,
                role=data.role,
                mandate_id=data.mandate_id,
            ),
            words=_words(data),
            circle_id=data.circle_id,
            publish=not data.draft,
        )
        return await proposal_sheet(visit.db, actor=actor, proposal_id=found.proposal.id)

    return await visit.once(work)


@api_post(PROPOSAL + "/versions", operation_id="amend_proposal", summary="Write the next version")
async def amend_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID], data: JSONBody[NewVersion]
) -> Response[ProposalSheet]:
    """Write the next version; in a round, a new round opens on it."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await amending.amend_proposal(
            visit.db,
            actor=actor,
            proposal_id=proposal_id,
            version=data.version,
            words=_words(data),
            integrates=data.integrates,
        )
        return await proposal_sheet(visit.db, actor=actor, proposal_id=proposal_id)

    return await visit.once(work)


def _words(data: NewProposal | NewVersion) -> Words:
    return Words(
        title=data.title,
        reasons=data.reasons,
        value=data.value,
        effective_on=data.effective_on,
        until_on=data.until_on,
    )


API: Final = [proposals, proposal, proposal_versions, propose, amend_proposal]
