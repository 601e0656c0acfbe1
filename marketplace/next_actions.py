"""The one next thing to do on a mission, for whoever looks at it.

A pure rule: it takes where the mission stands and who the reader is in it, and returns one action. The pages
make it their largest button and the home page sorts by it. This file must never read the database, and no
verb may trust it: each verb authorises for itself.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.mission_states import MissionState


class NextAction(StrEnum):
    """What comes next. Those in ``WAITING`` are somebody else's move, those in ``OVER`` nobody's."""

    SIGN_IN = "sign_in"
    PUBLISH = "publish"
    PUBLISH_AGAIN = "publish_again"
    BID = "bid"
    ANSWER_PART = "answer_part"
    RESTORE_TEAM = "restore_team"
    CHOOSE_BID = "choose_bid"
    START = "start"
    DELIVER = "deliver"
    ANSWER_CANCELLATION = "answer_cancellation"
    ANSWER_AMENDMENT = "answer_amendment"
    CONFIRM = "confirm"
    STATE = "state"
    DECIDE = "decide"
    AWAIT_BIDS = "await_bids"
    AWAIT_PARTS = "await_parts"
    AWAIT_TEAM = "await_team"
    AWAIT_CHOICE = "await_choice"
    AWAIT_START = "await_start"
    AWAIT_DELIVERY = "await_delivery"
    AWAIT_CANCELLATION = "await_cancellation"
    AWAIT_AMENDMENT = "await_amendment"
    AWAIT_CONFIRMATION = "await_confirmation"
    AWAIT_DECISION = "await_decision"
    READ_STATEMENT = "read_statement"
    NOTHING = "nothing"


WAITING: Final = frozenset(action for action in NextAction if action.value.startswith("await_"))
OVER: Final = frozenset({NextAction.READ_STATEMENT, NextAction.NOTHING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a mission stands and what the reader is in it. Everything is false for a stranger."""

    state: MissionState
    is_member: bool = False
    is_author: bool = False
    is_payer: bool = False
    is_provider: bool = False
    is_mediator: bool = False
    has_live_bid: bool = False
    live_bids: int = 0
    cancellation_mine: bool = False
    cancellation_theirs: bool = False
    has_stated: bool = False
    # Of a team: the reader's part in a bid or an agreement, and how far the teams of live bids are.
    is_teammate: bool = False
    part_asked: bool = False
    part_taken: bool = False
    team_open: bool = False
    team_broken: bool = False
    open_teams: int = 0
    amendment_asked: bool = False
    amendment_pending: bool = False

    @property
    def is_party(self) -> bool:
        """Whether the reader is one of the two of the agreement."""
        return self.is_payer or self.is_provider

    @property
    def took_part(self) -> bool:
        """Whether the reader is one of the two, or of the team."""
        return self.is_party or self.is_teammate


def next_action(position: Position) -> NextAction:
    """Return the one next action for this reader."""
    match position.state:
        case MissionState.DRAFT:
            return NextAction.PUBLISH if position.is_author else NextAction.NOTHING
        case MissionState.OPEN:
            return _while_open(position)
        case MissionState.AGREED | MissionState.UNDER_WAY:
            return _while_agreed(position)
        case MissionState.DELIVERED:
            return _once_delivered(position)
        case MissionState.DISPUTED:
            return _while_disputed(position)
        case MissionState.EXPIRED:
            return NextAction.PUBLISH_AGAIN if position.is_author else NextAction.NOTHING
        case MissionState.SETTLED | MissionState.MEDIATED | MissionState.WITHDRAWN:
            return NextAction.READ_STATEMENT if position.took_part else NextAction.NOTHING


def _while_open(position: Position) -> NextAction:
    if not position.is_member:
        return NextAction.SIGN_IN
    if position.is_author:
        if position.live_bids > position.open_teams:
            return NextAction.CHOOSE_BID
        return NextAction.AWAIT_TEAM if position.live_bids else NextAction.AWAIT_BIDS
    if position.part_asked:
        return NextAction.ANSWER_PART
    if position.has_live_bid and position.team_broken:
        return NextAction.RESTORE_TEAM
    if position.has_live_bid and position.team_open:
        return NextAction.AWAIT_PARTS
    return NextAction.AWAIT_CHOICE if position.has_live_bid or position.part_taken else NextAction.BID


def _while_agreed(position: Position) -> NextAction:
    if not position.took_part:
        return NextAction.NOTHING
    if position.is_party and position.cancellation_theirs:
        return NextAction.ANSWER_CANCELLATION
    if position.amendment_asked:
        return NextAction.ANSWER_AMENDMENT
    if position.cancellation_mine:
        return NextAction.AWAIT_CANCELLATION
    if position.amendment_pending and not position.is_provider:
        return NextAction.AWAIT_AMENDMENT
    if position.state is MissionState.AGREED:
        return NextAction.START if position.is_provider else NextAction.AWAIT_START
    return NextAction.DELIVER if position.is_provider else NextAction.AWAIT_DELIVERY


def _once_delivered(position: Position) -> NextAction:
    if position.took_part and position.amendment_asked:
        return NextAction.ANSWER_AMENDMENT
    if position.is_payer:
        # What is agreed is open again: nothing is confirmed before it is closed.
        return NextAction.AWAIT_AMENDMENT if position.amendment_pending else NextAction.CONFIRM
    return NextAction.AWAIT_CONFIRMATION if position.took_part else NextAction.NOTHING


def _while_disputed(position: Position) -> NextAction:
    if position.is_party:
        # The payer's reason for contesting is their first statement.
        heard = position.has_stated or position.is_payer
        return NextAction.AWAIT_DECISION if heard else NextAction.STATE
    if position.is_teammate:
        return NextAction.AWAIT_DECISION
    return NextAction.DECIDE if position.is_mediator else NextAction.NOTHING
