"""What the law says about a rule, by the legal form of the cooperative: findings, never legal advice.

A rule's declaration may carry a function from (legal profile, value) to findings. A refusal stops the value
from being adopted; a warning is shown beside it. Each cites its article and says how sure we are. This file
must never decide anything: the rulebook does, with what is found here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tenants.platform.words import N_


class Severity(StrEnum):
    """What a finding does."""

    REFUSAL = "refusal"
    WARNING = "warning"


class Certainty(StrEnum):
    """How sure we are of what we say about the law."""

    READ = "read"
    REPORTED = "reported"
    TO_CONFIRM = "to_confirm"


CERTAINTY_TITLES: Final = {
    Certainty.READ: N_("texte lu"),
    Certainty.REPORTED: N_("d'après une source secondaire"),
    Certainty.TO_CONFIRM: N_("à faire confirmer par un juriste"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing the law says about a value. ``sentence`` is French, marked by ``N_``; ``article`` is cited as is."""

    severity: Severity
    article: str
    sentence: str
    certainty: Certainty


LegalCheck = Callable[[str, Any], Sequence[Finding]]


def nothing_to_say(profile: str, value: object) -> Sequence[Finding]:  # noqa: ARG001 (the shape of a LegalCheck)
    """Find nothing: what a rule has when no law bounds it."""
    return ()
