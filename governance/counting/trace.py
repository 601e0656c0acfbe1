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

    Per college that has ballots, in the order of its id: the id in UTF-8 and a zero byte. Then per number of times that
    a ballot was cast, from the lowest: that number, how many different ballots were cast so often (each 16 bytes,
    big-endian), and the marks of these in the order of their bytes.
    """
    digest = hashlib.sha256()
    for college in sorted(boxes):
        box = boxes[college]
        alike: dict[int, list[bytes]] = {}
        if set(box.values()) == {1}:
            alike[1] = list(box)
        else:
            for marks, times in box.items():
                alike.setdefault(times, []).append(marks)
        alike.pop(0, None)
        if alike:
            digest.update(college.encode() + b"\0")
        for times in sorted(alike):
            digest.update(times.to_bytes(16, "big") + len(alike[times]).to_bytes(16, "big"))
            digest.update(b"".join(sorted(alike[times])))
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
