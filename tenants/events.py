"""What happens on the ground floor, told to whoever listens: frozen, in the past tense, ids and facts only.

This file must never hold a name, an address or a text that somebody wrote.
"""

from uuid import UUID

from tenants.platform.outbox import Event


class RuleChanged(Event, frozen=True, kw_only=True):
    """A version of a rule was written; it may start later than now."""

    rule: str
    version_id: UUID


class AssemblySigned(Event, frozen=True, kw_only=True):
    """The second of two mandates signed the minutes of an assembly: its resolutions are now in the rulebook."""

    assembly_id: UUID


class NoticesGiven(Event, frozen=True, kw_only=True):
    """Members were given notices, all of one batch."""

    batch_id: UUID
