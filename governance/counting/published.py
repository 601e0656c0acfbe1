"""The public file of a closed vote: what was counted, by which rule, and the result, for anybody to recount.

``recounted`` needs nothing but the file. Its JSON Schema is ``governance/published_vote.schema.json``, written by
``python -m governance.counting.published``. This file must never hold anything about a voter beyond a receipt.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from governance.counting.ballots import Sums
from governance.counting.contest import EVERYBODY, Boxes, CannotCount, Contest, EqualShares, Part
from governance.counting.equal_shares import Progress
from governance.counting.outcome import Outcome
from governance.counting.tally import count, count_sums
from governance.counting.trace import plain

FORMAT: Final = "archipel-vote/1"
SCHEMA: Final = Path(__file__).parents[1] / "published_vote.schema.json"

_FRACTION: Final = re.compile(r"-?[0-9]{1,200}(?:/0*[1-9][0-9]{0,199})?", re.ASCII)


class Unreadable(Exception):
    """A file that is not what it should be; ``line`` is where, if that can be told (the first is 1)."""

    def __init__(self, why: str, *, line: int | None = None) -> None:
        self.why, self.line = why, line
        super().__init__(f"line {line}: {why}" if line else why)


class PublishedBallot(Part, frozen=True, kw_only=True, omit_defaults=True):
    """Equal ballots (``count`` of them), or one with its receipt. ``marks`` is one number per option, in their order."""

    marks: tuple[Annotated[int, msgspec.Meta(ge=0, le=255)], ...]
    count: Annotated[int, msgspec.Meta(ge=1, le=2**62)] = 1
    college: str = EVERYBODY
    receipt: str = ""


class PublishedVote(Part, frozen=True, kw_only=True):
    """The file. Either ``ballots`` or the ``sums`` that suffice for a recount; ``labels`` are words for ids.

    ``receipts_root`` is the root of the tree of receipts, where the ballots themselves stay secret.
    """

    format: Literal["archipel-vote/1"] = FORMAT
    cooperative: str
    vote: str
    question: str
    opened_at: str
    closed_at: str
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    contest: Contest
    ballots: tuple[PublishedBallot, ...] | None = None
    sums: tuple[Sums, ...] | None = None
    receipts_root: str = ""
    result: Outcome

    def __post_init__(self) -> None:
        """Refuse a file that nobody could recount."""
        if (self.ballots is None) == (self.sums is None):
            raise CannotCount("a file has either ballots or sums")
        if self.sums is not None and isinstance(self.contest.rule, EqualShares):
            raise CannotCount("equal shares needs the ballots themselves")
        receipts = [one.receipt for one in self.ballots or () if one.receipt]
        if len(set(receipts)) < len(receipts):
            raise CannotCount("two ballots have the same receipt")
        if any(one.receipt and one.count > 1 for one in self.ballots or ()):
            raise CannotCount("a receipt stands for several ballots")


def ballots_of(boxes: Boxes) -> tuple[PublishedBallot, ...]:
    """Ballots to publish, equal ones together, in the order of their marks."""
    return tuple(
        PublishedBallot(marks=tuple(marks), count=box[marks], college=college)
        for college, box in sorted(boxes.items())
        for marks in sorted(box)
        if box[marks]
    )


def boxes_of(ballots: Iterable[PublishedBallot]) -> dict[str, dict[bytes, int]]:
    """The ballots of a file, grouped for counting."""
    boxes: dict[str, dict[bytes, int]] = {}
    for one in ballots:
        box = boxes.setdefault(one.college, {})
        marks = bytes(one.marks)
        box[marks] = box.get(marks, 0) + one.count
    return boxes


def written(published: PublishedVote) -> bytes:
    """The text of the file."""
    return msgspec.json.format(msgspec.json.encode(published, enc_hook=plain), indent=1) + b"\n"


def read(text: bytes) -> PublishedVote:
    """Read the text of a file; raise Unreadable."""
    try:
        return msgspec.json.decode(text, type=PublishedVote, dec_hook=_exact)
    except msgspec.ValidationError as error:
        raise Unreadable(str(error)) from None
    except CannotCount as error:
        raise Unreadable(str(error)) from None
    except msgspec.DecodeError as error:
        place = re.search(r"byte (\d+)", str(error))
        line = text[: int(place[1])].count(b"\n") + 1 if place else text.count(b"\n") + 1
        raise Unreadable(f"this is not JSON: {error}", line=line) from None
    except RecursionError:
        raise Unreadable("this JSON is nested too deep") from None


def recounted(published: PublishedVote, progress: Progress | None = None) -> Outcome:
    """Count again what the file holds; raise CannotCount."""
    if published.sums is not None:
        return count_sums(published.contest, published.sums)
    return count(published.contest, boxes_of(published.ballots or ()), progress)


def differences(published: Outcome, found: Outcome) -> list[str]:
    """Where a published result is not what the recount found: paths, each with both values. None: it is the same."""
    return list(_differing("result", _as_plain(published), _as_plain(found)))


def _as_plain(outcome: Outcome) -> Any:
    return msgspec.json.decode(msgspec.json.encode(outcome, enc_hook=plain))


def _differing(path: str, published: Any, found: Any) -> Iterator[str]:
    if isinstance(published, Mapping) and isinstance(found, Mapping) and set(published) == set(found):
        for key in published:
            yield from _differing(f"{path}.{key}", published[key], found[key])
    elif isinstance(published, list) and isinstance(found, list) and len(published) == len(found):
        for place, (one, other) in enumerate(zip(published, found, strict=True)):
            yield from _differing(f"{path}[{place}]", one, other)
    elif published != found:
        yield f"{path}: published {_brief(published)}, counted {_brief(found)}"


def _brief(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:200]


def _exact(kind: type, value: Any) -> Any:
    if kind is not Fraction:
        raise NotImplementedError(f"{kind} has no form in a file")
    if not isinstance(value, str) or not _FRACTION.fullmatch(value):
        raise ValueError('a fraction is written "3/5", or "3"')
    return Fraction(value)


def schema() -> bytes:
    """The JSON Schema of the file."""

    def fraction(kind: type) -> dict[str, Any]:
        if kind is not Fraction:
            raise NotImplementedError(f"{kind} has no schema")
        return {
            "type": "string",
            "pattern": "^-?[0-9]+(/[0-9]+)?$",
            "description": 'A fraction: "3/5", or "3".',
        }

    described = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The public file of a closed vote",
    } | msgspec.json.schema(PublishedVote, schema_hook=fraction)
    return msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n"


if __name__ == "__main__":
    SCHEMA.write_bytes(schema())
    sys.stdout.write(f"{SCHEMA}\n")
