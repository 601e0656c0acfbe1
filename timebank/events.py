"""What happened in the time bank: events in the past tense, ids and facts only, heard on this floor or above.

``TransfersPosted`` is written by the ledger itself, once for each call. This file must never hold a name, a
reason or a message: who hears an event reads what it may from the tables.
"""

from uuid import UUID

from tenants.platform.clock import Tick
from tenants.platform.ids import HoldId, TransferId
from tenants.platform.outbox import Event


class TransfersPosted(Event, frozen=True, kw_only=True):
    """Transfers were posted together, in this order. Written by ``post_transfers`` in SQL."""

    transfers: tuple[TransferId, ...]


class HoldsExpired(Event, frozen=True, kw_only=True):
    """Holds have come to the end of their time, and what they held was given back."""

    holds: tuple[HoldId, ...]


class LedgerDiffered(Event, frozen=True, kw_only=True):
    """A proof of the ledger found ``differences`` places that do not agree. The treasurer must look."""

    proof_id: UUID
    differences: int


class ProofDue(Tick, frozen=True, kw_only=True):
    """The night has come in which the ledger is proved."""
