"""What is counted and by which rule: everything of a vote but its ballots.

A ballot is its **marks**: one byte per option, in the order of ``Contest.options``; all zeros is an abstention.
What a mark says depends on the method:

- majority: 1 for the one option chosen;
- majority judgment: 0 not judged, 1 the best grade, 2 the next, and so on to the worst;
- Schulze: 0 not ranked (jointly last), 1 the first rank; equal ranks and gaps are allowed;
- equal shares: 1 for each option approved.

Equal ballots are counted once with their number (``Box``), per college (``Boxes``; the key is ``""`` where the vote
has no colleges). This file must never count.
"""

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

import msgspec

Box: TypeAlias = Mapping[bytes, int]
Boxes: TypeAlias = Mapping[str, Box]

HALF: Final = Fraction(1, 2)
EVERYBODY: Final = ""


class CannotCount(Exception):
    """The rule, or a ballot, contradicts itself; says what, in words for whoever made the file."""


class Operator(StrEnum):
    """How a part compares with what is required; stored, because "two thirds" may mean either."""

    OVER = ">"
    AT_LEAST = ">="


class Abstention(StrEnum):
    """What becomes of those who voted for nothing."""

    EXCLUDED = "excluded"
    COUNTED = "counted"
    AS_CONSENT = "as_consent"


class Carry(StrEnum):
    """How a college's voices become its weight: in proportion, or all of it for what it decided."""

    PROPORTIONAL = "proportional"
    BLOCK = "block"


class EmptyCollege(StrEnum):
    """What a college without a valid vote does: the decision fails, or the others take over its weight."""

    FAIL = "fail"
    RENORMALISE = "renormalise"


class TieKind(StrEnum):
    """How a tie ends; it is reported in any case."""

    REPORT = "report"
    CASTING_VOTE = "casting_vote"
    SEEDED_LOT = "seeded_lot"


class Missing(StrEnum):
    """What an option gets from a ballot that judges others but not it."""

    WORST = "worst"
    REJECT = "reject"
    OMIT = "omit"


class Utility(StrEnum):
    """What a funded project is worth to those who approved it: what it costs, or one."""

    COST = "cost"
    CARDINALITY = "cardinality"


class Completion(StrEnum):
    """How equal shares spends what its first run leaves: ALGORITHMS of the method name them alike."""

    NONE = "none"
    ADD1 = "add1"
    ADD1U = "add1u"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A base of the Structs here: what a file says beyond them is a mistake, not a comment."""


class Threshold(Part, frozen=True, kw_only=True):
    """What part of the whole is enough."""

    operator: Operator = Operator.OVER
    ratio: Fraction = msgspec.field(default_factory=lambda: HALF)

    def met_by(self, part: int | Fraction, whole: int | Fraction = 1) -> bool:
        """Is ``part`` of ``whole`` enough? Nothing of nothing never is."""
        if not whole:
            return False
        required = self.ratio * whole
        return part > required if self.operator is Operator.OVER else part >= required


class College(Part, frozen=True, kw_only=True):
    """A college: its weight (all weights make 1), how many were on its roll at opening, and its own quorum of them."""

    id: str
    weight: Fraction
    members: int
    quorum: Fraction = msgspec.field(default_factory=Fraction)


class Electorate(Part, frozen=True, kw_only=True):
    """Who could vote. ``members`` is the roll frozen at opening (None: unknown, then there is no quorum).

    ``quorum`` is the least part of the roll that must have voted, abstentions included. ``college_threshold`` is
    what a college carrying en bloc needs inside.
    """

    members: int | None = None
    quorum: Fraction = msgspec.field(default_factory=Fraction)
    abstention: Abstention = Abstention.EXCLUDED
    colleges: tuple[College, ...] = ()
    carry: Carry = Carry.PROPORTIONAL
    college_threshold: Threshold = msgspec.field(default_factory=Threshold)
    empty_college: EmptyCollege = EmptyCollege.FAIL


class TieRule(Part, frozen=True, kw_only=True):
    """How ties end. ``casting``: the options in the order of who has the casting vote, asked for once there is a tie.

    ``closing_hash`` seeds the lot: what was published at closing and nobody knew before. Left empty, it is the hash
    of the ballots themselves.
    """

    kind: TieKind = TieKind.REPORT
    casting: tuple[str, ...] = ()
    closing_hash: str = ""


class Majority(Part, frozen=True, kw_only=True, tag_field="method", tag="majority"):
    """One option per ballot. ``default_option`` (against, no change) wins where no other meets the threshold."""

    threshold: Threshold = msgspec.field(default_factory=Threshold)
    default_option: str | None = None


class MajorityJudgment(Part, frozen=True, kw_only=True, tag_field="method", tag="majority-judgment"):
    """A grade per option. ``grades`` are their names, best first."""

    grades: tuple[str, ...]
    missing: Missing = Missing.WORST


class Schulze(Part, frozen=True, kw_only=True, tag_field="method", tag="schulze"):
    """A weak order of the options. The gates compare each option with ``default_option``.

    ``quorum`` is the least number of ballots that must prefer an option to it; ``majority`` the ratio of preferring
    to opposing weight per option (1 where not named), compared by ``operator`` and always more than equal.
    """

    default_option: str | None = None
    quorum: Fraction = msgspec.field(default_factory=Fraction)
    majority: dict[str, Fraction] = msgspec.field(default_factory=dict)
    operator: Operator = Operator.AT_LEAST


class EqualShares(Part, frozen=True, kw_only=True, tag_field="method", tag="equal-shares"):
    """Approvals, for a budget. ``costs`` is per option, in the unit of ``budget``; ``step`` is what Add1 adds to each."""

    budget: int
    costs: dict[str, int]
    utility: Utility = Utility.COST
    completion: Completion = Completion.ADD1U
    step: int = 1


Rule: TypeAlias = Majority | MajorityJudgment | Schulze | EqualShares


class Contest(Part, frozen=True, kw_only=True):
    """A vote to count. ``void``: options withdrawn while it ran; they keep their place in the marks and win nothing."""

    options: tuple[str, ...]
    rule: Rule
    electorate: Electorate = msgspec.field(default_factory=Electorate)
    ties: TieRule = msgspec.field(default_factory=TieRule)
    void: tuple[str, ...] = ()
    rule_version: str = ""

    def __post_init__(self) -> None:
        """Refuse what could be counted in two ways."""
        known = set(self.options)
        if not known:
            raise CannotCount("there is no option")
        if len(known) < len(self.options) or "" in known:
            raise CannotCount("two options have the same id, or one has none")
        named = {*self.void, *self.ties.casting, *_named(self.rule)}
        if unknown := sorted(named - known):
            raise CannotCount(f"the rule names {unknown[0]!r}, which is not an option")
        if not self.standing:
            raise CannotCount("every option was withdrawn")
        if getattr(self.rule, "default_option", None) in self.void:
            raise CannotCount("the default option cannot be withdrawn")
        _check_electorate(self.electorate)
        if self.electorate.abstention is Abstention.AS_CONSENT and not (
            isinstance(self.rule, Majority)
            and self.rule.default_option is not None
            and len(self.options) == 2
        ):
            raise CannotCount("abstention can be consent only to one option against a default")
        if isinstance(self.rule, EqualShares) and self.electorate.carry is Carry.BLOCK:
            raise CannotCount("colleges share a budget in proportion, never en bloc")
        _check_rule(self.rule, self.options)

    @property
    def standing(self) -> tuple[str, ...]:
        """The options that were not withdrawn."""
        return tuple(option for option in self.options if option not in self.void)


def _named(rule: Rule) -> set[str]:
    """The options that the rule itself names."""
    match rule:
        case Majority(default_option=default):
            return {default} if default is not None else set()
        case Schulze(default_option=default, majority=ratios):
            return set(ratios) | ({default} if default is not None else set())
        case EqualShares(costs=costs):
            return set(costs)
        case MajorityJudgment():
            return set()


def _check_rule(rule: Rule, options: tuple[str, ...]) -> None:
    match rule:
        case MajorityJudgment(grades=grades) if len(set(grades)) < len(grades) or not 2 <= len(grades) <= 100:
            raise CannotCount("a scale has from 2 to 100 different grades")
        case Schulze(default_option=None, quorum=quorum, majority=ratios) if quorum or ratios:
            raise CannotCount("a quorum or a majority per option needs a default option")
        case Schulze(quorum=quorum, majority=ratios) if min(quorum, *ratios.values(), Fraction(0)) < 0:
            raise CannotCount("a quorum or a ratio is below zero")
        case EqualShares(costs=costs, budget=budget, step=step):
            if missing := [option for option in options if option not in costs]:
                raise CannotCount(f"{missing[0]!r} has no cost")
            if budget < 0 or step < 1 or min(costs.values()) < 0:
                raise CannotCount("a budget or a cost is below zero, or nothing is added by a step")
        case _:
            pass


def _check_electorate(electorate: Electorate) -> None:
    colleges = electorate.colleges
    if len({college.id for college in colleges}) < len(colleges) or any(not one.id for one in colleges):
        raise CannotCount("two colleges have the same id, or one has none")
    if colleges and sum(college.weight for college in colleges) != 1:
        raise CannotCount("the weights of the colleges do not make 1")
    if any(college.weight < 0 or college.members < 0 for college in colleges):
        raise CannotCount("a weight or a number of members is below zero")
    if any(not 0 <= share <= 1 for share in (electorate.quorum, *(college.quorum for college in colleges))):
        raise CannotCount("a quorum is a part of the roll, from 0 to 1")
