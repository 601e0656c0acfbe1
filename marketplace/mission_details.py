"""What a reader is shown of a mission and of what belongs to it: the answers of the API.

Every field is visible to whoever gets the Struct; deciding who does is ``dossiers``. This file must never read
the database.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.agreements import Agreement, AgreementState
from marketplace.bids import BidState
from marketplace.deliveries import ConfirmedBy, Delivery
from marketplace.disputes import Dispute, DisputeState
from marketplace.listings import Named
from marketplace.mission_states import MissionState
from marketplace.mission_terms import MissionKind, MissionPlace, MissionVisibility
from marketplace.next_actions import NextAction
from marketplace.ownership import Ownership
from marketplace.team_details import AmendmentDetail, PartDetail
from marketplace.teams import PartState


class BidDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One bid, for the author, its bidder and their team; ``team`` is empty for a bidder alone."""

    id: UUID
    bidder: Named
    message: str
    minutes: int
    delivery_on: date | None
    state: BidState
    created_at: datetime
    changed_at: datetime
    team: list[PartDetail] = []

    @property
    def is_complete(self) -> bool:
        """Whether everybody in its team has accepted their part; so has whoever bids alone."""
        return all(part.state is PartState.ACCEPTED for part in self.team)

    @property
    def is_broken(self) -> bool:
        """Whether somebody has said no to their part."""
        return any(part.state in {PartState.DECLINED, PartState.LEFT} for part in self.team)

    def part_of(self, member_id: UUID | None) -> PartDetail | None:
        """The part of one member."""
        return next((part for part in self.team if part.member.id == member_id), None)


class AgreementDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed, for the parties (and the mediators once there is a dispute)."""

    id: UUID
    payer: Named
    provider: Named
    agreed_minutes: int
    delivery_on: date | None
    ownership: Ownership
    hold_expiry_days: int
    silence_days: int
    state: AgreementState
    agreed_at: datetime
    lapses_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancellation_by: Named | None
    cancellation_at: datetime | None
    cancellation_reason: str | None
    team: list[PartDetail] = []

    def part_of(self, member_id: UUID | None) -> PartDetail | None:
        """The part of one member of the team."""
        return next((part for part in self.team if part.member.id == member_id), None)


class DeliveryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What was delivered. ``due_minutes`` is posted unless the payer consents to more."""

    id: UUID
    spent_minutes: int
    due_minutes: int
    extra_at_most_minutes: int
    note: str
    delivered_at: datetime
    settles_at: datetime
    confirmed_by: ConfirmedBy | None
    confirmed_at: datetime | None
    extra_minutes: int
    posted_minutes: int | None


class StatementDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What a party told the mediator."""

    author: Named
    statement: str
    added_at: datetime


class DisputeDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A contested delivery."""

    id: UUID
    state: DisputeState
    opened_by: Named
    reason: str
    opened_at: datetime
    statements: list[StatementDetail]
    mediator: Named | None
    decision: str | None
    posted_minutes: int | None
    ended_at: datetime | None


class MissionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """The dossier. What the reader may not see is null or empty; ``next_action`` is theirs."""

    id: UUID
    kind: MissionKind
    title: str
    description: str
    state: MissionState
    skills: list[str]
    skill_ids: list[UUID]
    tags: list[str]
    territory: str
    place: MissionPlace
    estimated_minutes: int
    wanted_by: date | None
    expires_on: date
    visibility: MissionVisibility
    ownership: Ownership
    created_at: datetime
    changed_at: datetime
    published_at: datetime | None
    ended_at: datetime | None
    author: Named | None
    next_action: NextAction
    bids: list[BidDetail] = []
    agreement: AgreementDetail | None = None
    delivery: DeliveryDetail | None = None
    dispute: DisputeDetail | None = None
    amendments: list[AmendmentDetail] = []


def agreement_detail(
    agreement: Agreement, names: Mapping[UUID, str], team: list[PartDetail]
) -> AgreementDetail:
    """Show an agreement with the names of its two parties, and the provider's team."""
    by = agreement.cancellation_by
    return AgreementDetail(
        id=agreement.id,
        payer=Named(agreement.payer_id, names[agreement.payer_id]),
        provider=Named(agreement.provider_id, names[agreement.provider_id]),
        agreed_minutes=agreement.agreed_minutes,
        delivery_on=agreement.delivery_on,
        ownership=agreement.ownership,
        hold_expiry_days=agreement.hold_expiry_days,
        silence_days=agreement.silence_days,
        state=agreement.state,
        agreed_at=agreement.agreed_at,
        lapses_at=agreement.lapses_at,
        started_at=agreement.started_at,
        ended_at=agreement.ended_at,
        cancellation_by=Named(by, names[by]) if by else None,
        cancellation_at=agreement.cancellation_at,
        cancellation_reason=agreement.cancellation_reason,
        team=team,
    )


def delivery_detail(delivery: Delivery, agreement: Agreement) -> DeliveryDetail:
    """Show a delivery, with what is due under its agreement."""
    return DeliveryDetail(
        id=delivery.id,
        spent_minutes=delivery.spent_minutes,
        due_minutes=delivery.due_minutes(agreement),
        extra_at_most_minutes=max(0, delivery.spent_minutes - agreement.agreed_minutes),
        note=delivery.note,
        delivered_at=delivery.delivered_at,
        settles_at=delivery.settles_at,
        confirmed_by=delivery.confirmed_by,
        confirmed_at=delivery.confirmed_at,
        extra_minutes=delivery.extra_minutes,
        posted_minutes=delivery.posted_minutes,
    )


def dispute_detail(
    dispute: Dispute, names: Mapping[UUID, str], statements: Sequence[StatementDetail]
) -> DisputeDetail:
    """Show a dispute with its statements."""
    mediator = dispute.mediator_id
    return DisputeDetail(
        id=dispute.id,
        state=dispute.state,
        opened_by=Named(dispute.opened_by, names[dispute.opened_by]),
        reason=dispute.reason,
        opened_at=dispute.opened_at,
        statements=list(statements),
        mediator=Named(mediator, names[mediator]) if mediator else None,
        decision=dispute.decision,
        posted_minutes=dispute.posted_minutes,
        ended_at=dispute.ended_at,
    )
