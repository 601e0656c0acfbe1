"""What happens in the members' decisions, told to the floors above: frozen, in the past tense, ids and facts only.

This file must never hold a name or a text that somebody wrote.
"""

from uuid import UUID

from tenants.platform.outbox import Event


class ProposalAdopted(Event, frozen=True, kw_only=True):
    """A proposal was adopted, by consent or by a vote; its line is in the register."""

    proposal_id: UUID
    proposal_kind: str


class ProposalRejected(Event, frozen=True, kw_only=True):
    """A proposal was put to a vote and not adopted."""

    proposal_id: UUID
