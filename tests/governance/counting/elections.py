"""Real votes to count against, and short ways to make small ones.

The real votes are no part of the project: ARCHIPEL_ELECTIONS says where they are. Without them their tests are
skipped, and in CI that would be a failure.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from governance.counting.contest import Contest, Schulze

ELECTIONS: Final = Path(os.environ.get("ARCHIPEL_ELECTIONS", "../shared/elections"))
needs_elections: Final = pytest.mark.skipif(
    not ELECTIONS.is_dir() and "CI" not in os.environ,
    reason=f"real votes are no part of the project: ARCHIPEL_ELECTIONS ({ELECTIONS}); in CI this would be a failure",
)

often: Final = settings(max_examples=50, deadline=None)

WIELICZKA: Final = ELECTIONS / "budgets" / "poland_wieliczka_2023.pb"
TOULOUSE: Final = ELECTIONS / "budgets" / "france_toulouse_2019.pb"
GOVAN: Final = ELECTIONS / "rankings" / "glasgow_govan_2007.toc"
ERS: Final = ELECTIONS / "rankings" / "ers_52.toc"
APPROVAL_2002: Final = ELECTIONS / "grades" / "france_2002_approval.cat"
POLLS_2022: Final = ELECTIONS / "grades" / "presidentielle_2022_mj.csv"
DEBIAN: Final = (
    "2006_vote_002",
    "2006_vote_004",
    "2008_vote_003",
    "2013_vote_001",
    "2014_vote_003",
    "2016_vote_002",
)


def debian(vote: str) -> tuple[dict[str, Any], Contest, dict[str, Counter[bytes]]]:
    """A vote of Debian: what is official, and what to count."""
    told = json.loads(
        (ELECTIONS / "debian" / f"{vote}.json").read_text(encoding="utf-8"), parse_float=Fraction
    )
    options = tuple(str(number) for number in range(1, len(told["ballots"][0]) + 1))
    rule = Schulze(
        default_option=str(told["default_option"]),
        quorum=Fraction(told["quorum"]),
        majority={option: Fraction(ratio) for option, ratio in told["majority"].items()},
    )
    ballots = (bytes(0 if mark == "-" else int(mark, 36) for mark in ballot) for ballot in told["ballots"])
    return told, Contest(options=options, rule=rule), {"": Counter(ballots)}


def box(*ballots: Iterable[int]) -> dict[str, Counter[bytes]]:
    """Ballots by their marks, without colleges."""
    return {"": Counter(map(bytes, ballots))}
