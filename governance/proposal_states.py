"""Where a proposal may stand, and how each kind, state and phase is called. This file must never hold a rule."""

from enum import StrEnum
from typing import Final

from tenants.platform.words import N_


class ProposalKind(StrEnum):
    """What is to be decided."""

    AMEND_RULE = "amend_rule"
    GIVE_MANDATE = "give_mandate"
    END_MANDATE = "end_mandate"
    MOTION = "motion"


class ProposalState(StrEnum):
    """Where a proposal stands. ``decided`` is adopted with its effect still to come; the last three are final."""

    DRAFT = "draft"
    DISCUSSED = "discussed"
    DECIDED = "decided"
    IN_FORCE = "in_force"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Phase(StrEnum):
    """How far the discussion has come; only of a discussed proposal."""

    CLARIFY = "clarify"
    REACT = "react"
    AMEND = "amend"
    OBJECTIONS = "objections"
    INTEGRATE = "integrate"
    ESCALATED = "escalated"
    VOTING = "voting"


class Method(StrEnum):
    """How it was decided."""

    CONSENT = "consent"
    VOTE = "vote"


KIND_TITLES: Final = {
    ProposalKind.AMEND_RULE: N_("Changer une règle"),
    ProposalKind.GIVE_MANDATE: N_("Donner un mandat"),
    ProposalKind.END_MANDATE: N_("Mettre fin à un mandat"),
    ProposalKind.MOTION: N_("Motion libre"),
}
STATE_TITLES: Final = {
    ProposalState.DRAFT: N_("Brouillon"),
    ProposalState.DISCUSSED: N_("En discussion"),
    ProposalState.DECIDED: N_("Adoptée, effet à venir"),
    ProposalState.IN_FORCE: N_("En vigueur"),
    ProposalState.REJECTED: N_("Rejetée"),
    ProposalState.WITHDRAWN: N_("Retirée"),
}
STATE_TONES: Final = {
    ProposalState.DRAFT: "",
    ProposalState.DISCUSSED: "accent",
    ProposalState.DECIDED: "good",
    ProposalState.IN_FORCE: "good",
    ProposalState.REJECTED: "bad",
    ProposalState.WITHDRAWN: "",
}
PHASE_TITLES: Final = {
    Phase.CLARIFY: N_("Clarifier"),
    Phase.REACT: N_("Réagir"),
    Phase.AMEND: N_("Amender"),
    Phase.OBJECTIONS: N_("Ronde d'objections"),
    Phase.INTEGRATE: N_("Intégrer"),
    Phase.ESCALATED: N_("À porter plus loin"),
    Phase.VOTING: N_("Au vote"),
}
OVER: Final = (ProposalState.IN_FORCE, ProposalState.REJECTED, ProposalState.WITHDRAWN)
