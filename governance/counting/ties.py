"""Ties: reported always, broken only as the rule says. This file must never prefer an option for its place in a list."""

import hashlib
from collections.abc import Iterable

from governance.counting.contest import Contest, TieKind
from governance.counting.outcome import Tie


def lot(contest: Contest, seed: str, option: str) -> bytes:
    """What an option draws; the lowest wins. SHA-256 of closing hash, rule version and option id, one after the other."""
    return hashlib.sha256(
        f"{contest.ties.closing_hash or seed}{contest.rule_version}{option}".encode()
    ).digest()


def by_lot(contest: Contest, seed: str, options: Iterable[str]) -> tuple[str, ...]:
    """The options in the order of the lot."""
    return tuple(sorted(options, key=lambda option: lot(contest, seed, option)))


def settle(contest: Contest, seed: str, tied: Iterable[str]) -> Tie:
    """Report a tie, and break it where the rule has a way. ``seed`` is the hash of the ballots."""
    options = tuple(option for option in contest.options if option in set(tied))
    match contest.ties.kind:
        case TieKind.REPORT:
            return Tie(options=options)
        case TieKind.SEEDED_LOT:
            return Tie(options=options, broken_by=TieKind.SEEDED_LOT, order=by_lot(contest, seed, options))
        case TieKind.CASTING_VOTE:
            order = tuple(option for option in contest.ties.casting if option in options)
            # Whoever has the casting vote may be asked only once there is a tie: until then it stays open.
            return Tie(options=options, broken_by=TieKind.CASTING_VOTE if order else None, order=order)
