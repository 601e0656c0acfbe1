"""From the rows of a vote to what is counted: the contest by its frozen policy, and its ballots without voters.

This file must never count, nor read a rule that is not in the policy.
"""

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

from governance.ballots import GRADES, Marks
from governance.counting.contest import (
    Carry,
    College,
    Contest,
    Electorate,
    Majority,
    MajorityJudgment,
    Operator,
    Rule,
    Schulze,
    Threshold,
    TieRule,
)
from governance.votes import Policy, Vote, VoteMethod, VoteOption
from tenants.register import canonical

PERCENT: Final = 100


def id_of(option: VoteOption) -> str:
    """The option as the count and the published file call it: its number on the ballot."""
    return str(option.number)


def contest_of(vote: Vote, options: Sequence[VoteOption], receipts: Iterable[str]) -> Contest:
    """The vote to count. A lot is seeded by all receipts together, which nobody knew before closing."""
    policy = vote.frozen_policy
    return Contest(
        options=tuple(id_of(one) for one in options),
        rule=_rule(vote, policy, options),
        electorate=Electorate(
            members=vote.electors_count,
            quorum=_share(policy.quorum_percent),
            abstention=policy.abstention,
            colleges=tuple(
                College(
                    id=str(one.id),
                    weight=Fraction(one.weight_numerator, one.weight_denominator),
                    members=one.members,
                    quorum=_share(policy.college_quorum_percent),
                )
                for one in policy.colleges
            ),
            carry=policy.carry or Carry.PROPORTIONAL,
            college_threshold=Threshold(
                operator=Operator.OVER, ratio=_share(policy.college_threshold_percent)
            ),
            empty_college=policy.empty_college,
        ),
        ties=TieRule(kind=policy.ties, closing_hash=closing_hash(receipts)),
        void=tuple(id_of(one) for one in options if one.withdrawn_at is not None),
        rule_version=hashlib.sha256(canonical(vote.policy).encode()).hexdigest(),
    )


def closing_hash(receipts: Iterable[str]) -> str:
    """SHA-256 of every receipt in alphabetical order, one to a line: hexadecimal."""
    return hashlib.sha256("\n".join(sorted(receipts)).encode()).hexdigest()


def marks_of(marks: Marks, options: Sequence[VoteOption]) -> bytes:
    """One byte per option: 1 for the one chosen, or its grade or rank, 0 for none."""
    given = {**marks.grades, **marks.ranks}
    if marks.choice:
        given = {marks.choice: 1}
    return bytes(given.get(option.number, 0) for option in options)


def _share(percent: int) -> Fraction:
    return Fraction(percent, PERCENT)


def _rule(vote: Vote, policy: Policy, options: Sequence[VoteOption]) -> Rule:
    default = next((id_of(one) for one in options if one.is_default), None)
    needed = Fraction(policy.threshold_numerator, policy.threshold_denominator)
    match vote.method:
        case VoteMethod.MAJORITY:
            return Majority(
                threshold=Threshold(operator=policy.operator, ratio=needed), default_option=default
            )
        case VoteMethod.JUDGMENT:
            return MajorityJudgment(grades=GRADES)
        case VoteMethod.SCHULZE:
            # Two thirds of those who prefer one of the two is two for each one against.
            ratio = needed / (1 - needed)
            return Schulze(
                default_option=default,
                majority={id_of(one): ratio for one in options if not one.is_default},
            )
