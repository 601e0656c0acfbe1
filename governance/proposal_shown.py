"""What a proposal looks like to a reader, as data: for its page and for the API. This file must never hold a rule."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from governance.discussion import CommentKind
from governance.next_steps import NextStep
from governance.objections import ObjectionState
from governance.proposal_states import Method, Phase, ProposalKind, ProposalState
from tenants.actors import Role
from tenants.rules_shown import FindingShown


class Named(msgspec.Struct, frozen=True):
    """Somebody or a circle, with the id of their page."""

    id: UUID
    name: str


class RuleAtStake(msgspec.Struct, frozen=True, kw_only=True):
    """What an amendment would change: the value in force and since when, the proposed one, its bounds, the law."""

    name: str
    title: str
    present: Any
    present_said: str
    since: datetime
    proposed: Any
    proposed_said: str
    minimum_said: str
    maximum_said: str
    affected: int
    findings: list[FindingShown]


class MandateAtStake(msgspec.Struct, frozen=True, kw_only=True):
    """The mandate that would be given or end: whose, of which role, until when."""

    member: Named
    role: Role
    until_on: date | None


class RoundShown(msgspec.Struct, frozen=True, kw_only=True):
    """How the round stands on the newest version."""

    number: int
    closes_at: datetime | None
    members: int
    seen: int
    consents: int
    quorum_percent: int
    quorate: bool


class ObjectionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One objection and how it ended."""

    id: UUID
    author: Named
    version: int
    harm: str
    role_harmed: str
    reasons: str
    raised_at: datetime
    state: ObjectionState
    ended_at: datetime | None
    ended_by: Named | None
    ended_reason: str
    integrated_in: int | None


class AnswerShown(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question."""

    id: UUID
    author: Named
    version: int
    words: str
    written_at: datetime


class CommentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A comment, or a question with its answers."""

    id: UUID
    author: Named
    kind: CommentKind
    version: int
    words: str
    written_at: datetime
    answers: list[AnswerShown]


class ProposalSheet(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal, for one reader: ``next`` is their next step, ``leads`` whether they may move it on."""

    id: UUID
    kind: ProposalKind
    state: ProposalState
    phase: Phase | None
    version: int
    title: str
    reasons: str
    effective_on: date | None
    circle: Named
    author: Named
    rule: RuleAtStake | None
    mandate: MandateAtStake | None
    opened_at: datetime | None
    escalates_at: datetime | None
    round: RoundShown | None
    objections: list[ObjectionShown]
    comments: list[CommentShown]
    supporters: list[Named]
    method: Method | None
    decided_at: datetime | None
    takes_effect_at: datetime | None
    stuck: str | None
    register_seq: int | None
    next: NextStep
    is_author: bool
    leads: bool
    facilitates: bool
    in_circle: bool
    consents: bool
    objects: bool
    supports: bool
