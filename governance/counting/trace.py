"""Canonical text and hashes: the same count gives the same trace, byte for byte, wherever it is made.

Canonical JSON is UTF-8 without spaces, keys sorted, integers as they are and fractions as "3/5" (whole ones "3").
This file must never leave anything of the input or of the result out of the hash.
"""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import msgspec

from governance.counting.contest import Boxes, Contest
from governance.counting.outcome import Outcome

TRACE: Final = "archipel-trace/1"
PREFIX: Final = "sha256:"


def plain(value: Any) -> Any:
    """Write a fraction as text: "3/5", "3"."""
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(f"{type(value)} has no canonical form")


def canonical(value: Any) -> bytes:
    """The canonical JSON of a Struct or of plain data."""
    return msgspec.json.encode(value, enc_hook=plain, order="sorted")


def digest_of_ballots(boxes: Boxes) -> str:
    """SHA-256 over the ballots, whatever their order: hexadecimal.

    Per college in the order of its id: the id in UTF-8, a zero byte, how many different ballots there are (8 bytes,
    big-endian), then each in the order of its bytes: its marks and its number (8 bytes).
    """
    digest = hashlib.sha256()
    for college in sorted(boxes):
        box = {marks: count for marks, count in boxes[college].items() if count}
        numbers = {count: count.to_bytes(8, "big") for count in set(box.values())}
        digest.update(college.encode() + b"\0" + len(box).to_bytes(8, "big"))
        digest.update(b"".join([marks + numbers[box[marks]] for marks in sorted(box)]))
    return digest.hexdigest()


def digest_of_sums(sums: Sequence[msgspec.Struct]) -> str:
    """SHA-256 over the canonical JSON of sums, where the ballots themselves are not published: hexadecimal."""
    lines = sorted(canonical(one) for one in sums)
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def traced(contest: Contest, inputs: str, outcome: Outcome) -> Outcome:
    """The outcome with its trace: the hash of what was counted, by which rule, the working, ties and result."""
    whole = {"format": TRACE, "contest": contest, "inputs": inputs, "outcome": outcome}
    trace = PREFIX + hashlib.sha256(canonical(whole)).hexdigest()
    return msgspec.structs.replace(outcome, trace=trace)
