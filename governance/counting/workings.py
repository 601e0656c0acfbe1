"""What led to a result, per method: enough to explain every step to whoever asks, and all of it in the trace.

This file must never count.
"""

from fractions import Fraction
from typing import TypeAlias

from governance.counting.contest import Part


class CollegeVote(Part, frozen=True, kw_only=True):
    """How one college voted (everybody, without colleges). ``shares`` is of what counts as expressed there."""

    college: str
    weight: Fraction
    votes: dict[str, int]
    abstained: int
    expressed: int
    shares: dict[str, Fraction]
    carried: str | None = None


class MajorityWorking(Part, frozen=True, kw_only=True, tag_field="method", tag="majority"):
    """Votes by college and the score of each option, of 1."""

    colleges: tuple[CollegeVote, ...]
    scores: dict[str, Fraction]


class Profile(Part, frozen=True, kw_only=True):
    """How one option was judged. ``judged`` is per grade, best first; ``above`` and ``below`` the majority grade."""

    option: str
    judged: tuple[int, ...]
    grade: str
    above: int
    below: int

    @property
    def sign(self) -> str:
        """What the gauge adds to the grade."""
        return "+" if self.above > self.below else "-"


class JudgmentWorking(Part, frozen=True, kw_only=True, tag_field="method", tag="majority-judgment"):
    """The merit profiles, best option first. Numbers are in 1/``unit`` of a ballot (of all the weight, under colleges).

    ``rejected`` ballots left an option without a grade where the rule asks for all of them.
    """

    unit: int
    profiles: tuple[Profile, ...]
    rejected: int


class Gate(Part, frozen=True, kw_only=True):
    """How an option fared against the default. ``preferring`` and ``opposing`` in the working's unit."""

    option: str
    preferring: int
    opposing: int
    persons: int
    quorum_met: bool
    majority_met: bool


class BeatPath(Part, frozen=True, kw_only=True):
    """The strongest path from the first option to the last. ``votes`` for and against at its weakest step."""

    path: tuple[str, ...]
    votes: tuple[int, int]


class SchulzeWorking(Part, frozen=True, kw_only=True, tag_field="method", tag="schulze"):
    """All comparisons. Numbers are in 1/``unit`` of a ballot (of all the weight, under colleges).

    ``pairwise[i][j]``: for ``options[i]`` above ``options[j]``. ``paths`` are those from and to each winner.
    """

    options: tuple[str, ...]
    unit: int
    pairwise: tuple[tuple[int, ...], ...]
    gates: tuple[Gate, ...]
    kept: tuple[str, ...]
    paths: tuple[BeatPath, ...]


class Round(Part, frozen=True, kw_only=True):
    """A project that its supporters paid for. ``payment`` is what each paid who could; the others paid what they had left.

    ``rate`` is the payment per unit of what the project is worth to a supporter: the lowest came first.
    """

    option: str
    cost: int
    supporters: int
    paid_in_full: int
    payment: Fraction
    rate: Fraction


class SharesWorking(Part, frozen=True, kw_only=True, tag_field="method", tag="equal-shares"):
    """The purse. ``shares`` is what each person had to spend, per college; ``raised`` how many steps Add1 added.

    ``completed`` are the projects that Add1u added, which nobody's share paid for.
    """

    budget: int
    spent: int
    supporters: dict[str, int]
    shares: dict[str, Fraction]
    raised: int
    rounds: tuple[Round, ...]
    completed: tuple[str, ...]


Working: TypeAlias = MajorityWorking | JudgmentWorking | SchulzeWorking | SharesWorking
