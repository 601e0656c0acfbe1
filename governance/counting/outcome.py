"""The result of a count: the same shape for every method, with the working that explains it.

``winners`` alone never decides: ask ``elected`` (or ``verdict``), because a tie that nothing breaks has several.
This file must never count.
"""

from enum import StrEnum
from fractions import Fraction

from governance.counting.contest import Part, TieKind
from governance.counting.workings import Working


class Verdict(StrEnum):
    """How it ended."""

    DECIDED = "decided"
    TIED = "tied"
    NO_MAJORITY = "no_majority"
    NO_QUORUM = "no_quorum"
    NO_BALLOTS = "no_ballots"


class Tie(Part, frozen=True, kw_only=True):
    """Options that the ballots do not separate. ``order`` is how they were separated, if they were, best first."""

    options: tuple[str, ...]
    broken_by: TieKind | None = None
    order: tuple[str, ...] = ()


class Turnout(Part, frozen=True, kw_only=True):
    """One college, or everybody (``college`` is then empty). ``weight`` is what it counts for in the end."""

    college: str
    members: int | None
    cast: int
    abstained: int
    weight: Fraction
    counts: bool


class Outcome(Part, frozen=True, kw_only=True):
    """The result. ``ranking`` is in tiers, best first; ``trace`` is the hash of all of it and of what was counted."""

    verdict: Verdict
    winners: tuple[str, ...]
    ranking: tuple[tuple[str, ...], ...]
    ties: tuple[Tie, ...]
    turnout: tuple[Turnout, ...]
    working: Working
    trace: str = ""

    @property
    def elected(self) -> str | None:
        """The one winner, where there is one."""
        return self.winners[0] if self.verdict is Verdict.DECIDED and len(self.winners) == 1 else None
