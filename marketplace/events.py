"""What happens to missions, in the past tense: ids and facts, never a name or a text.

Whoever hears them is listed in the switchboard. This file must never import a noun module, so that every
noun may import it.
"""

from datetime import date, datetime
from uuid import UUID

from tenants.platform.outbox import Event


class MissionPosted(Event, frozen=True, kw_only=True):
    """A mission was published (for the first time, or again after it expired)."""

    mission_id: UUID
    author_id: UUID


class MissionWithdrawn(Event, frozen=True, kw_only=True):
    """Its author took the mission back; ``bidders`` had a live bid."""

    mission_id: UUID
    author_id: UUID
    bidders: tuple[UUID, ...]


class MissionExpired(Event, frozen=True, kw_only=True):
    """The last day of an open mission has passed; ``bidders`` had a live bid."""

    mission_id: UUID
    author_id: UUID
    bidders: tuple[UUID, ...]


class BidPlaced(Event, frozen=True, kw_only=True):
    """A member made a bid, or changed theirs (``replaces``); ``asked`` may join their team."""

    mission_id: UUID
    bid_id: UUID
    bidder_id: UUID
    author_id: UUID
    minutes: int
    replaces: UUID | None = None
    asked: tuple[UUID, ...] = ()


class BidWithdrawn(Event, frozen=True, kw_only=True):
    """A bidder took their bid back; ``team`` would have worked with them."""

    mission_id: UUID
    bid_id: UUID
    bidder_id: UUID
    author_id: UUID
    team: tuple[UUID, ...] = ()


class PartAccepted(Event, frozen=True, kw_only=True):
    """A member accepted their part in a bid; ``open_parts`` others have not yet."""

    mission_id: UUID
    bid_id: UUID
    bidder_id: UUID
    author_id: UUID
    member_id: UUID
    open_parts: int


class PartDeclined(Event, frozen=True, kw_only=True):
    """A member declined their part in a bid, or left its team: the bidder has to find another way."""

    mission_id: UUID
    bid_id: UUID
    bidder_id: UUID
    member_id: UUID


class BidAccepted(Event, frozen=True, kw_only=True):
    """The author accepted a bid and the payer's hours are held; ``declined`` are the other bidders.

    ``team``, here and below, are the members who work with the provider.
    """

    mission_id: UUID
    bid_id: UUID
    agreement_id: UUID
    author_id: UUID
    bidder_id: UUID
    payer_id: UUID
    provider_id: UUID
    minutes: int
    declined: tuple[UUID, ...]
    team: tuple[UUID, ...] = ()


class MissionStarted(Event, frozen=True, kw_only=True):
    """The provider has begun."""

    mission_id: UUID
    agreement_id: UUID
    payer_id: UUID
    provider_id: UUID


class HoldLapsing(Event, frozen=True, kw_only=True):
    """The held hours are given back soon unless the mission is delivered."""

    mission_id: UUID
    agreement_id: UUID
    payer_id: UUID
    provider_id: UUID
    lapses_at: datetime


class AgreementLapsed(Event, frozen=True, kw_only=True):
    """Nothing was delivered in time: the hours went back to the payer."""

    mission_id: UUID
    agreement_id: UUID
    payer_id: UUID
    provider_id: UUID
    reopened: bool
    team: tuple[UUID, ...] = ()


class CancellationProposed(Event, frozen=True, kw_only=True):
    """One party proposes to call the agreement off."""

    mission_id: UUID
    agreement_id: UUID
    by: UUID
    to: UUID


class CancellationRefused(Event, frozen=True, kw_only=True):
    """The proposal to call off was turned down by the other party, or taken back."""

    mission_id: UUID
    agreement_id: UUID
    by: UUID
    to: UUID


class AgreementCalledOff(Event, frozen=True, kw_only=True):
    """Both agreed to stop: the hours went back to the payer."""

    mission_id: UUID
    agreement_id: UUID
    by: UUID
    to: UUID
    reopened: bool
    team: tuple[UUID, ...] = ()


class MissionDelivered(Event, frozen=True, kw_only=True):
    """The provider delivered and said how long it took; silence settles at ``settles_at``."""

    mission_id: UUID
    agreement_id: UUID
    delivery_id: UUID
    payer_id: UUID
    provider_id: UUID
    agreed_minutes: int
    spent_minutes: int
    settles_at: datetime


class MissionSettled(Event, frozen=True, kw_only=True):
    """The hours have moved. ``by_silence``: the payer said nothing in time.

    ``posted`` says how many minutes went to each, in id order: to the provider alone, or to the team.
    """

    mission_id: UUID
    agreement_id: UUID
    payer_id: UUID
    provider_id: UUID
    posted_minutes: int
    settled_on: date
    by_silence: bool
    posted: tuple[tuple[UUID, int], ...] = ()


class MissionDisputed(Event, frozen=True, kw_only=True):
    """The payer contests the delivery."""

    mission_id: UUID
    agreement_id: UUID
    dispute_id: UUID
    payer_id: UUID
    provider_id: UUID
    team: tuple[UUID, ...] = ()


class StatementAdded(Event, frozen=True, kw_only=True):
    """A party, or a member of the team, told the mediator their side."""

    mission_id: UUID
    dispute_id: UUID
    by: UUID
    to: UUID
    team: tuple[UUID, ...] = ()


class DisputeDecided(Event, frozen=True, kw_only=True):
    """A mediator decided: a part of the held hours (perhaps none, perhaps all) has moved."""

    mission_id: UUID
    agreement_id: UUID
    dispute_id: UUID
    payer_id: UUID
    provider_id: UUID
    posted_minutes: int
    settled_on: date
    posted: tuple[tuple[UUID, int], ...] = ()


class AmendmentProposed(Event, frozen=True, kw_only=True):
    """Somebody would change the team, the split or the hours of a mission; ``asked`` are to accept."""

    mission_id: UUID
    agreement_id: UUID
    amendment_id: UUID
    by: UUID
    asked: tuple[UUID, ...]
    expires_at: datetime


class AmendmentAccepted(Event, frozen=True, kw_only=True):
    """One of those who were asked has accepted; the others have still to answer."""

    mission_id: UUID
    agreement_id: UUID
    amendment_id: UUID
    by: UUID
    to: UUID


class AmendmentApplied(Event, frozen=True, kw_only=True):
    """All have accepted: the agreement has changed, and with it what is held. ``told`` are all concerned."""

    mission_id: UUID
    agreement_id: UUID
    amendment_id: UUID
    by: UUID
    told: tuple[UUID, ...]
    agreed_minutes: int
    before_minutes: int


class AmendmentEnded(Event, frozen=True, kw_only=True):
    """A proposed change was refused, taken back, or ran out of time: the agreement stays as it was."""

    mission_id: UUID
    agreement_id: UUID
    amendment_id: UUID
    by: UUID | None
    how: str
    told: tuple[UUID, ...]


class MessageWritten(Event, frozen=True, kw_only=True):
    """Somebody wrote in a conversation; ``to`` are those who had read all of it until then."""

    mission_id: UUID
    thread_id: UUID
    message_id: UUID
    to: tuple[UUID, ...]


class ReviewsRevealed(Event, frozen=True, kw_only=True):
    """Reviews after a mission may now be read; ``to`` are those who were reviewed."""

    mission_id: UUID
    agreement_id: UUID
    to: tuple[UUID, ...]


class ReportMade(Event, frozen=True, kw_only=True):
    """A message or a review was reported to the mediators."""

    report_id: UUID
    by: UUID
    against: UUID


class ReportDecided(Event, frozen=True, kw_only=True):
    """A mediator decided on a report; ``author_id`` wrote what was reported."""

    report_id: UUID
    by: UUID
    author_id: UUID
    hidden: bool


class MemberInvitedToBid(Event, frozen=True, kw_only=True):
    """The author of a mission asks a member to make a bid."""

    mission_id: UUID
    invited_id: UUID
