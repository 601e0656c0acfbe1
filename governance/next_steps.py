"""What comes next for whoever reads a proposal: one step, from where it stands and who they are. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from governance.proposal_states import Phase, ProposalState


class NextStep(StrEnum):
    """The one thing to do now, or what is waited for."""

    OPEN_DRAFT = "open_draft"
    ANSWER_QUESTIONS = "answer_questions"
    ADVANCE = "advance"
    ASK = "ask"
    REACT = "react"
    AWAIT_AMENDMENT = "await_amendment"
    ANSWER_ROUND = "answer_round"
    AWAIT_ROUND = "await_round"
    INTEGRATE = "integrate"
    AWAIT_INTEGRATION = "await_integration"
    CARRY_FURTHER = "carry_further"
    AWAIT_CARRIER = "await_carrier"
    VOTE = "vote"
    AWAIT_EFFECT = "await_effect"
    STUCK = "stuck"
    IN_FORCE = "in_force"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What the reader is to the proposal: whether they lead it, sit in its circle, have answered or objected."""

    leads: bool = False
    in_circle: bool = False
    consents: bool = False
    objects: bool = False


def next_step(
    state: ProposalState,
    phase: Phase | None,
    reader: Reader,
    *,
    questions: int = 0,
    objections: int = 0,
    stuck: bool = False,
) -> NextStep:
    """The step for this reader; ``questions`` and ``objections`` are those that are open."""
    match state:
        case ProposalState.DRAFT:
            return NextStep.OPEN_DRAFT
        case ProposalState.DISCUSSED:
            assert phase is not None, "a discussed proposal has a phase"
            return _discussed(phase, reader, questions, objections)
        case ProposalState.DECIDED:
            return NextStep.STUCK if stuck else NextStep.AWAIT_EFFECT
        case ProposalState.IN_FORCE:
            return NextStep.IN_FORCE
        case ProposalState.REJECTED:
            return NextStep.REJECTED
        case ProposalState.WITHDRAWN:
            return NextStep.WITHDRAWN
    assert_never(state)


def _discussed(phase: Phase, reader: Reader, questions: int, objections: int) -> NextStep:
    match phase:
        case Phase.CLARIFY:
            if reader.leads:
                return NextStep.ANSWER_QUESTIONS if questions else NextStep.ADVANCE
            return NextStep.ASK
        case Phase.REACT | Phase.AMEND:
            waiting = NextStep.REACT if phase is Phase.REACT else NextStep.AWAIT_AMENDMENT
            return NextStep.ADVANCE if reader.leads else waiting
        case Phase.OBJECTIONS:
            if reader.in_circle and not reader.consents and not reader.objects:
                return NextStep.ANSWER_ROUND
            return NextStep.INTEGRATE if reader.leads and objections else NextStep.AWAIT_ROUND
        case Phase.INTEGRATE:
            return NextStep.INTEGRATE if reader.leads else NextStep.AWAIT_INTEGRATION
        case Phase.ESCALATED:
            return NextStep.CARRY_FURTHER if reader.leads else NextStep.AWAIT_CARRIER
        case Phase.VOTING:
            return NextStep.VOTE
    assert_never(phase)
