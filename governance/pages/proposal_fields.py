"""What is typed on the pages of proposals."""

from datetime import date
from typing import Annotated
from uuid import UUID

import msgspec

from governance.discussion import COMMENT_LENGTH
from governance.objections import OBJECTION_LENGTH
from governance.proposal_states import Phase, ProposalKind
from governance.proposals import REASONS_LENGTH, TITLE_LENGTH
from tenants.actors import Role
from tenants.platform.inputs import LINE_PATTERN, PROSE_PATTERN, Line, OptionalLine

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_LENGTH, pattern=LINE_PATTERN)]
Reasons = Annotated[str, msgspec.Meta(min_length=1, max_length=REASONS_LENGTH, pattern=PROSE_PATTERN)]
Said = Annotated[str, msgspec.Meta(min_length=1, max_length=COMMENT_LENGTH, pattern=PROSE_PATTERN)]
Ground = Annotated[str, msgspec.Meta(min_length=1, max_length=OBJECTION_LENGTH, pattern=PROSE_PATTERN)]
Version = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ProposalForm(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal as the form sends it; ``draft`` is the second button. ``value`` is read as the rule's unit asks."""

    kind: ProposalKind
    title: Title
    reasons: Reasons
    rule: OptionalLine = ""
    value: OptionalLine = ""
    effective_on: date | None = None
    member: OptionalLine = ""
    role: Role | None = None
    until_on: date | None = None
    mandate_id: UUID | None = None
    draft: bool = False


class AmendForm(msgspec.Struct, frozen=True, kw_only=True):
    """The next version; ``integrates`` are the objections that it takes up."""

    version: Version
    title: Title
    reasons: Reasons
    value: OptionalLine = ""
    effective_on: date | None = None
    until_on: date | None = None
    integrates: list[UUID] = []


class AdvanceForm(msgspec.Struct, frozen=True):
    """The phase to go on to."""

    to: Phase


class AnswerForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a member of the circle says of the version that they read."""

    version: Version
    consents: bool = False


class ObjectionForm(msgspec.Struct, frozen=True, kw_only=True):
    """What harm, to which role or task, and why."""

    version: Version
    harm: Ground
    role_harmed: Line
    reasons: Ground


class ReasonForm(msgspec.Struct, frozen=True):
    """Why an objection is set aside."""

    reason: Ground


class CommentForm(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says; ``question`` is the second button, ``answers`` the question that is answered."""

    words: Said
    question: bool = False
    answers: UUID | None = None
