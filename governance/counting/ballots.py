"""Ballots: equal ones grouped, then added up per college into what a method needs.

The sums suffice for a recount, so that a secret vote with few ballots can publish them in place of its ballots. Every
sum goes over whole columns of marks at once: a hundred thousand ballots take milliseconds. This file must never
depend on the order of ballots.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from governance.counting.contest import (
    EVERYBODY,
    Box,
    Boxes,
    CannotCount,
    Contest,
    EqualShares,
    Majority,
    MajorityJudgment,
    Missing,
    Part,
    Schulze,
)

# The last mark of all is "not ranked".
HIGHEST_RANK: Final = 254
_NARROW: Final = bytes(range(127))


class MajoritySums(Part, frozen=True, kw_only=True, tag_field="sums", tag="majority"):
    """How many chose each option, and how many none."""

    college: str = EVERYBODY
    votes: tuple[int, ...]
    abstained: int

    @property
    def cast(self) -> int:
        """All ballots."""
        return sum(self.votes) + self.abstained


class JudgmentSums(Part, frozen=True, kw_only=True, tag_field="sums", tag="majority-judgment"):
    """Per option, how many did not judge it, then how many gave it each grade, best first. ``rejected`` are left out."""

    college: str = EVERYBODY
    profiles: tuple[tuple[int, ...], ...]
    judging: int
    abstained: int
    rejected: int = 0

    @property
    def cast(self) -> int:
        """All ballots."""
        return self.judging + self.abstained + self.rejected


class SchulzeSums(Part, frozen=True, kw_only=True, tag_field="sums", tag="schulze"):
    """How many put the option of the row above that of the column."""

    college: str = EVERYBODY
    pairwise: tuple[tuple[int, ...], ...]
    ranking: int
    abstained: int

    @property
    def cast(self) -> int:
        """All ballots."""
        return self.ranking + self.abstained


Sums: TypeAlias = MajoritySums | JudgmentSums | SchulzeSums


def check_boxes(contest: Contest, boxes: Boxes) -> None:
    """Refuse marks that the method does not know."""
    width, known = len(contest.options), bytes(range(_highest_mark(contest) + 1))
    for box in boxes.values():
        if set(map(len, box)) - {width}:
            raise CannotCount(f"a ballot does not have {width} marks, one per option")
        if min(box.values(), default=0) < 0:
            raise CannotCount("a ballot was cast less than no times")
        if strange := b"".join(box).translate(None, known):
            raise CannotCount(f"a mark is {strange[0]}, above {len(known) - 1}")
        if isinstance(contest.rule, Majority) and any(sum(marks) > 1 for marks in box):
            raise CannotCount("a ballot chooses several options")


def _highest_mark(contest: Contest) -> int:
    match contest.rule:
        case MajorityJudgment(grades=grades):
            return len(grades)
        case Schulze():
            return HIGHEST_RANK
        case Majority() | EqualShares():
            return 1


def sums_of(contest: Contest, boxes: Boxes) -> tuple[Sums, ...]:
    """Add the ballots up per college. For equal shares there is no sum that suffices: it is not asked here."""
    check_boxes(contest, boxes)
    match contest.rule:
        case Majority():
            return tuple(_chosen(contest, college, boxes[college]) for college in sorted(boxes))
        case MajorityJudgment() as rule:
            return tuple(_judged(contest, rule, college, boxes[college]) for college in sorted(boxes))
        case Schulze():
            return tuple(_ranked(contest, college, boxes[college]) for college in sorted(boxes))
        case EqualShares():
            raise CannotCount("equal shares needs the ballots themselves")


def _planes(box: Box) -> Iterator[tuple[int, bytes]]:
    """The marks of all ballots one after the other, by binary digit of their number: 1, 2, 4, ... times each."""
    for digit in range(max(box.values(), default=0).bit_length()):
        bit = 1 << digit
        yield bit, b"".join([marks for marks, count in box.items() if count & bit])


def _abstained(contest: Contest, box: Box) -> int:
    return box.get(bytes(len(contest.options)), 0)


def _chosen(contest: Contest, college: str, box: Box) -> MajoritySums:
    width = len(contest.options)
    votes = [0] * width
    for times, plane in _planes(box):
        for place in range(width):
            votes[place] += times * plane[place::width].count(1)
    return MajoritySums(college=college, votes=tuple(votes), abstained=_abstained(contest, box))


def _judged(contest: Contest, rule: MajorityJudgment, college: str, box: Box) -> JudgmentSums:
    width, nothing = len(contest.options), bytes(len(contest.options))
    places = [place for place, option in enumerate(contest.options) if option not in contest.void]
    counted = {marks: count for marks, count in box.items() if marks != nothing}
    if rule.missing is Missing.REJECT:
        counted = {marks: n for marks, n in counted.items() if all(marks[place] for place in places)}
    profiles = [[0] * (len(rule.grades) + 1) for _ in range(width)]
    for times, plane in _planes(counted):
        for place, profile in enumerate(profiles):
            column = plane[place::width]
            for mark in range(len(profile)):
                profile[mark] += times * column.count(mark)
    judging, abstained = sum(counted.values()), _abstained(contest, box)
    return JudgmentSums(
        college=college,
        profiles=tuple(map(tuple, profiles)),
        judging=judging,
        abstained=abstained,
        rejected=sum(box.values()) - judging - abstained,
    )


def _ranked(contest: Contest, college: str, box: Box) -> SchulzeSums:
    width = len(contest.options)
    pairwise = [[0] * width for _ in range(width)]
    for times, plane in _planes(box):
        _add_pairs(pairwise, plane, width, times)
    abstained = _abstained(contest, box)
    return SchulzeSums(
        college=college,
        pairwise=tuple(map(tuple, pairwise)),
        ranking=sum(box.values()) - abstained,
        abstained=abstained,
    )


def _add_pairs(pairwise: Sequence[list[int]], plane: bytes, width: int, times: int) -> None:
    """Compare all ballots of a plane at once: a column of marks is one long number, one lane per ballot.

    A lane has 8 bits where 7 hold every mark, else 16; its highest bit is the guard. With the guards of ``a`` set,
    ``a - b`` takes a guard away only where a is the smaller: a above b. Not ranked (0) becomes the last mark of all,
    so that it is below every rank and equal to itself.
    """
    lanes = len(plane) // width
    bytes_each = 2 if plane.translate(None, _NARROW) else 1
    high = int.from_bytes((b"\0" * (bytes_each - 1) + b"\x80") * lanes, "little")
    last = bytes([255 if bytes_each > 1 else 127, *range(1, 256)])
    columns = []
    for place in range(width):
        lane = bytearray(lanes * bytes_each)
        lane[::bytes_each] = plane[place::width].translate(last)
        columns.append(int.from_bytes(lane, "little"))
    guarded = [column | high for column in columns]
    for a in range(width):
        for b in range(width):
            if a != b:
                kept = (guarded[a] - columns[b]) & high
                pairwise[a][b] += times * (lanes - kept.bit_count())
