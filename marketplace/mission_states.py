"""The life of a mission: its states and the moves between them.

The table of moves stands here once for Python and once, word for word, in ``marketplace.sql``, where a
trigger refuses every other move whoever asks; a test compares the two. This file must never read the
database.

    draft ──> open ──> agreed ──> under_way ──> delivered ──> settled
      │        │ ^        │  └────────┼──────────^  │  ^
      │        │ └────────┴───────────┤             │  │ (the payer confirms after all)
      │        │   (called off, or    │             v  │
      │        │    the hold lapsed)  │          disputed ──> mediated
      v        v                      v
    withdrawn  withdrawn, expired   expired ──> open (published again with new dates)
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tenants.platform.errors import Refusal
from tenants.platform.words import N_


class MissionState(StrEnum):
    """Where a mission stands."""

    DRAFT = "draft"
    OPEN = "open"
    AGREED = "agreed"
    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DISPUTED = "disputed"
    MEDIATED = "mediated"


MOVES: Final[Mapping[MissionState, frozenset[MissionState]]] = {
    MissionState.DRAFT: frozenset({MissionState.OPEN, MissionState.WITHDRAWN}),
    MissionState.OPEN: frozenset({MissionState.AGREED, MissionState.WITHDRAWN, MissionState.EXPIRED}),
    # A job of an hour is often told afterwards: delivering says that it was started.
    MissionState.AGREED: frozenset(
        {MissionState.UNDER_WAY, MissionState.DELIVERED, MissionState.OPEN, MissionState.EXPIRED}
    ),
    MissionState.UNDER_WAY: frozenset({MissionState.DELIVERED, MissionState.OPEN, MissionState.EXPIRED}),
    MissionState.DELIVERED: frozenset({MissionState.SETTLED, MissionState.DISPUTED}),
    MissionState.DISPUTED: frozenset({MissionState.MEDIATED, MissionState.SETTLED}),
    MissionState.EXPIRED: frozenset({MissionState.OPEN, MissionState.WITHDRAWN}),
    MissionState.SETTLED: frozenset(),
    MissionState.WITHDRAWN: frozenset(),
    MissionState.MEDIATED: frozenset(),
}

HELD: Final = frozenset(
    {
        MissionState.AGREED,
        MissionState.UNDER_WAY,
        MissionState.DELIVERED,
        MissionState.DISPUTED,
    }
)
"""The states in which the payer's hours are held in the ledger."""

FINAL: Final = frozenset(state for state, following in MOVES.items() if not following)
"""The states that nothing follows."""

STATE_NAMES: Final[Mapping[MissionState, str]] = {
    MissionState.DRAFT: N_("brouillon"),
    MissionState.OPEN: N_("ouverte"),
    MissionState.AGREED: N_("convenue"),
    MissionState.UNDER_WAY: N_("en cours"),
    MissionState.DELIVERED: N_("livrée"),
    MissionState.SETTLED: N_("réglée"),
    MissionState.WITHDRAWN: N_("retirée"),
    MissionState.EXPIRED: N_("expirée"),
    MissionState.DISPUTED: N_("en litige"),
    MissionState.MEDIATED: N_("tranchée en médiation"),
}


class WrongState(Refusal):
    """The mission has moved on (or not yet got there); ``state`` says where it stands."""

    status = 409
    code = "wrong_state"
    message = N_("Cette mission a changé d'état entre-temps : relisez-la avant de continuer.")


def must_be_in(state: MissionState, *allowed: MissionState) -> None:
    """Refuse unless the mission stands in one of the ``allowed`` states."""
    if state not in allowed:
        raise WrongState(state=state.value)


def must_move(state: MissionState, following: MissionState) -> None:
    """Refuse a move that the table does not hold."""
    if following not in MOVES[state]:
        raise WrongState(state=state.value)
