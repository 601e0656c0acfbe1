"""What a reader is shown of a team and of the changes of what was agreed: parts of the answers of the API.

The minutes of each part are counted here, by the one function that also pays them. This file must never read the
database, nor decide who may see what: that is ``dossiers``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.amendments import Amendment, AmendmentState
from marketplace.listings import Named
from marketplace.splits import Part, split
from marketplace.teams import PartState


class PartDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One member's part in a team. ``state`` is null once it is agreed, ``posted_minutes`` until it is paid.

    ``remainder``: they get one of the minutes that were left over; ``drawn``: another had lost as much, and a hash
    of the mission and the member told them apart.
    """

    member: Named
    shares: int
    minutes: int
    remainder: bool
    drawn: bool
    state: PartState | None = None
    posted_minutes: int | None = None


class AmendmentPartDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What an amendment means for one member; none before for who joins, none after for who leaves."""

    member: Named
    before_shares: int
    after_shares: int
    before_minutes: int
    after_minutes: int
    asked: bool
    accepted_at: datetime | None


class AmendmentDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One proposed change, with what was and what would be. ``waits_for``: whose consent is missing."""

    id: UUID
    state: AmendmentState
    proposed_by: Named
    reason: str
    before_minutes: int
    after_minutes: int
    proposed_at: datetime
    expires_at: datetime
    payer_accepted_at: datetime | None
    ended_at: datetime | None
    ended_by: Named | None
    parts: list[AmendmentPartDetail]
    waits_for: list[Named] = []


def bid_team(
    mission_id: UUID, minutes: int, gathered: Sequence[Mapping[str, Any]] | None
) -> list[PartDetail]:
    """Show the team of a bid of ``minutes``; nobody for a bid of one."""
    parts = _split(mission_id, minutes, gathered or ())
    return [_part(one, parts, state=PartState(one["state"])) for one in _by_part(gathered or (), parts)]


def agreed_team(
    mission_id: UUID, minutes: int, gathered: Sequence[Mapping[str, Any]] | None
) -> list[PartDetail]:
    """Show the team of an agreement of ``minutes``, without those who have left; nobody for a team of one."""
    present = [one for one in gathered or () if one["shares"]]
    if len(present) < 2:
        return []
    parts = _split(mission_id, minutes, present)
    return [_part(one, parts, posted_minutes=one["posted"]) for one in _by_part(present, parts)]


def amendment_detail(
    amendment: Amendment, payer: Named, names: Mapping[str, str | None], gathered: Sequence[Mapping[str, Any]]
) -> AmendmentDetail:
    """Show an amendment. ``names``: of who proposed and of who ended it."""
    pending = amendment.state is AmendmentState.PENDING
    missing = [
        Named(UUID(one["id"]), one["name"]) for one in gathered if one["asked"] and not one["accepted_at"]
    ]
    return AmendmentDetail(
        id=amendment.id,
        state=amendment.state,
        proposed_by=Named(amendment.proposed_by, names["proposed_by"] or ""),
        reason=amendment.reason,
        before_minutes=amendment.before_minutes,
        after_minutes=amendment.after_minutes,
        proposed_at=amendment.proposed_at,
        expires_at=amendment.expires_at,
        payer_accepted_at=amendment.payer_accepted_at,
        ended_at=amendment.ended_at,
        ended_by=Named(amendment.ended_by, names["ended_by"] or "") if amendment.ended_by else None,
        parts=sorted(
            (
                AmendmentPartDetail(
                    member=Named(UUID(one["id"]), one["name"]),
                    before_shares=one["before_shares"],
                    after_shares=one["after_shares"],
                    before_minutes=one["before_minutes"],
                    after_minutes=one["after_minutes"],
                    asked=one["asked"],
                    accepted_at=datetime.fromisoformat(one["accepted_at"]) if one["accepted_at"] else None,
                )
                for one in gathered
            ),
            key=lambda part: (-part.after_minutes, part.member.name),
        ),
        waits_for=([] if amendment.payer_accepted_at else [payer]) + missing if pending else [],
    )


def _split(mission_id: UUID, minutes: int, gathered: Sequence[Mapping[str, Any]]) -> dict[UUID, Part]:
    shares = {UUID(one["id"]): int(one["shares"]) for one in gathered}
    return split(minutes, shares, seed=mission_id) if shares else {}


def _by_part(gathered: Sequence[Mapping[str, Any]], parts: Mapping[UUID, Part]) -> list[Mapping[str, Any]]:
    """The largest part first, then by name: an order to read, on which nothing depends."""
    return sorted(gathered, key=lambda one: (-parts[UUID(one["id"])].minutes, one["name"]))


def _part(one: Mapping[str, Any], parts: Mapping[UUID, Part], **more: Any) -> PartDetail:
    part = parts[UUID(one["id"])]
    return PartDetail(
        member=Named(UUID(one["id"]), one["name"]),
        shares=part.shares,
        minutes=part.minutes,
        remainder=part.extra,
        drawn=part.drawn and part.extra,
        **more,
    )
