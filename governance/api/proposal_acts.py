"""What is done with a proposal in the JSON API: opening, advancing, answering, objecting, discussing, taking back."""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from governance import discussion, escalations, objecting, proposing, rounds
from governance.api.proposals import PROPOSAL, WRITE
from governance.objections import Objection, ObjectionState
from governance.pages.proposal_fields import Ground, Said, Version
from governance.proposal_sheets import proposal_sheet
from governance.proposal_shown import ProposalSheet
from governance.proposal_states import Phase
from tenants.actors import Actor
from tenants.platform.inputs import Line
from tenants.platform.web import api_post
from tenants.visit import Visit

OBJECTION: Final = "/{cooperative:str}/objections/{objection_id:uuid}"


class Advance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The phase to go on to."""

    to: Phase


class RoundAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version that was read, and whether one consents to it."""

    version: Version
    consents: bool = True


class NewObjection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What harm, to which role or task, and why."""

    version: Version
    harm: Ground
    role_harmed: Line
    reasons: Ground


class SetAside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why an objection is set aside."""

    reason: Ground


class ObjectionLine(msgspec.Struct, frozen=True, kw_only=True):
    """An objection, as it stands."""

    id: UUID
    proposal_id: UUID
    state: ObjectionState


class NewComment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A comment, a question, or the answer to one."""

    words: Said
    question: bool = False
    answers: UUID | None = None


async def _sheet(visit: Visit, actor: Actor, proposal_id: UUID) -> ProposalSheet:
    return await proposal_sheet(visit.db, actor=actor, proposal_id=proposal_id)


def _line(objection: Objection) -> ObjectionLine:
    return ObjectionLine(id=objection.id, proposal_id=objection.proposal_id, state=objection.state)


@api_post(PROPOSAL + "/open", operation_id="open_proposal", summary="Open a draft to discussion", status=200)
async def open_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID]
) -> Response[ProposalSheet]:
    """Open one's draft to discussion."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await proposing.open_proposal(visit.db, actor=actor, proposal_id=proposal_id)
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work, status=200)


@api_post(
    PROPOSAL + "/withdraw", operation_id="withdraw_proposal", summary="Take a proposal back", status=200
)
async def withdraw_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID]
) -> Response[ProposalSheet]:
    """Take one's proposal back before it is decided."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await proposing.withdraw_proposal(visit.db, actor=actor, proposal_id=proposal_id)
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work, status=200)


@api_post(PROPOSAL + "/support", operation_id="support_proposal", summary="Support a proposal", status=200)
async def support_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID]
) -> Response[ProposalSheet]:
    """Support a proposal that is discussed."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await discussion.support_proposal(visit.db, actor=actor, proposal_id=proposal_id)
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work, status=200)


@api_post(
    PROPOSAL + "/unsupport",
    operation_id="unsupport_proposal",
    summary="Stop supporting a proposal",
    status=200,
)
async def unsupport_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID]
) -> Response[ProposalSheet]:
    """Take one's support back."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await discussion.unsupport_proposal(visit.db, actor=actor, proposal_id=proposal_id)
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work, status=200)


@api_post(
    PROPOSAL + "/refer",
    operation_id="refer_to_parent",
    summary="Carry a proposal to the parent circle",
    status=200,
)
async def refer_to_parent(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID]
) -> Response[ProposalSheet]:
    """Carry an escalated proposal to the parent circle."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await escalations.refer_to_parent(visit.db, actor=actor, proposal_id=proposal_id)
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work, status=200)


@api_post(
    PROPOSAL + "/advance", operation_id="advance_proposal", summary="Go on to a later phase", status=200
)
async def advance_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID], data: JSONBody[Advance]
) -> Response[ProposalSheet]:
    """Go on to a later phase, the last of which is the objection round."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await rounds.advance_proposal(visit.db, actor=actor, proposal_id=proposal_id, to=data.to)
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work, status=200)


@api_post(PROPOSAL + "/answers", operation_id="answer_round", summary="Answer in a round", status=200)
async def answer_round(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID], data: JSONBody[RoundAnswer]
) -> Response[ProposalSheet]:
    """Say that one has read a version, and does not object to it."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await rounds.answer_round(
            visit.db, actor=actor, proposal_id=proposal_id, version=data.version, consents=data.consents
        )
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work, status=200)


@api_post(PROPOSAL + "/objections", operation_id="object_to_proposal", summary="Object in a round")
async def object_to_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID], data: JSONBody[NewObjection]
) -> Response[ObjectionLine]:
    """Object to the version in its round."""
    actor = visit.member_with(WRITE)

    async def work() -> ObjectionLine:
        grounds = objecting.Grounds(harm=data.harm, role_harmed=data.role_harmed, reasons=data.reasons)
        raised = await objecting.object_to_proposal(
            visit.db, actor=actor, proposal_id=proposal_id, version=data.version, grounds=grounds
        )
        return _line(raised)

    return await visit.once(work)


@api_post(
    OBJECTION + "/withdraw", operation_id="withdraw_objection", summary="Take an objection back", status=200
)
async def withdraw_objection(
    visit: NamedDependency[Visit], objection_id: FromPath[UUID]
) -> Response[ObjectionLine]:
    """Take one's own objection back."""
    actor = visit.member_with(WRITE)

    async def work() -> ObjectionLine:
        return _line(await objecting.withdraw_objection(visit.db, actor=actor, objection_id=objection_id))

    return await visit.once(work, status=200)


@api_post(
    OBJECTION + "/set-aside",
    operation_id="set_aside_objection",
    summary="Set aside an objection without reasons",
    status=200,
)
async def set_aside_objection(
    visit: NamedDependency[Visit], objection_id: FromPath[UUID], data: JSONBody[SetAside]
) -> Response[ObjectionLine]:
    """Set aside an objection that gives no reasons: a facilitator's act."""
    actor = visit.member_with(WRITE)

    async def work() -> ObjectionLine:
        ended = await objecting.set_aside_objection(
            visit.db, actor=actor, objection_id=objection_id, reason=data.reason
        )
        return _line(ended)

    return await visit.once(work, status=200)


@api_post(PROPOSAL + "/comments", operation_id="comment_proposal", summary="Comment, ask or answer")
async def comment_proposal(
    visit: NamedDependency[Visit], proposal_id: FromPath[UUID], data: JSONBody[NewComment]
) -> Response[ProposalSheet]:
    """Write a comment, a question, or the answer to one."""
    actor = visit.member_with(WRITE)

    async def work() -> ProposalSheet:
        await discussion.comment_proposal(
            visit.db,
            actor=actor,
            proposal_id=proposal_id,
            words=data.words,
            question=data.question,
            answers=data.answers,
        )
        return await _sheet(visit, actor, proposal_id)

    return await visit.once(work)


API: Final = [
    open_proposal,
    withdraw_proposal,
    support_proposal,
    unsupport_proposal,
    refer_to_parent,
    advance_proposal,
    answer_round,
    object_to_proposal,
    withdraw_objection,
    set_aside_objection,
    comment_proposal,
]
