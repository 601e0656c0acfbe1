"""One next action, for everybody, in every state."""

from itertools import product

import pytest

from marketplace.mission_states import FINAL, MissionState
from marketplace.next_actions import OVER, WAITING, NextAction, Position, next_action

S, N = MissionState, NextAction


@pytest.mark.parametrize(
    ("position", "action"),
    [
        (Position(state=S.OPEN), N.SIGN_IN),
        (Position(state=S.OPEN, is_member=True), N.BID),
        (Position(state=S.OPEN, is_member=True, has_live_bid=True), N.AWAIT_CHOICE),
        (Position(state=S.OPEN, is_member=True, is_author=True), N.AWAIT_BIDS),
        (Position(state=S.OPEN, is_member=True, is_author=True, live_bids=2), N.CHOOSE_BID),
        (Position(state=S.DRAFT, is_member=True, is_author=True), N.PUBLISH),
        (Position(state=S.EXPIRED, is_member=True, is_author=True), N.PUBLISH_AGAIN),
        (Position(state=S.AGREED, is_member=True, is_provider=True), N.START),
        (Position(state=S.AGREED, is_member=True, is_payer=True), N.AWAIT_START),
        (Position(state=S.AGREED, is_member=True), N.NOTHING),
        (Position(state=S.UNDER_WAY, is_member=True, is_provider=True), N.DELIVER),
        (Position(state=S.UNDER_WAY, is_member=True, is_payer=True), N.AWAIT_DELIVERY),
        (
            Position(state=S.UNDER_WAY, is_member=True, is_payer=True, cancellation_theirs=True),
            N.ANSWER_CANCELLATION,
        ),
        (
            Position(state=S.AGREED, is_member=True, is_provider=True, cancellation_mine=True),
            N.AWAIT_CANCELLATION,
        ),
        (Position(state=S.DELIVERED, is_member=True, is_payer=True), N.CONFIRM),
        (Position(state=S.DELIVERED, is_member=True, is_provider=True), N.AWAIT_CONFIRMATION),
        (Position(state=S.DISPUTED, is_member=True, is_provider=True), N.STATE),
        (Position(state=S.DISPUTED, is_member=True, is_provider=True, has_stated=True), N.AWAIT_DECISION),
        (Position(state=S.DISPUTED, is_member=True, is_payer=True), N.AWAIT_DECISION),
        (Position(state=S.DISPUTED, is_member=True, is_mediator=True), N.DECIDE),
        (Position(state=S.DISPUTED, is_member=True, is_mediator=True, is_payer=True), N.AWAIT_DECISION),
        (Position(state=S.SETTLED, is_member=True, is_payer=True), N.READ_STATEMENT),
        (Position(state=S.MEDIATED, is_member=True), N.NOTHING),
    ],
)
def test_the_next_action_of_this_reader(position: Position, action: NextAction) -> None:
    assert next_action(position) is action


def test_what_is_over_asks_nothing_of_anybody() -> None:
    flags = ("is_member", "is_author", "is_payer", "is_provider", "is_mediator", "has_live_bid")
    for state, values in product(FINAL, product((False, True), repeat=len(flags))):
        assert next_action(Position(state=state, **dict(zip(flags, values, strict=True)))) in OVER


def test_while_a_mission_goes_on_one_of_the_two_has_the_next_move_and_the_other_waits() -> None:
    for state in (S.AGREED, S.UNDER_WAY, S.DELIVERED):
        moves = {
            next_action(Position(state=state, is_member=True, is_payer=payer, is_provider=not payer))
            for payer in (True, False)
        }
        assert len(moves & WAITING) == 1
        assert len(moves - WAITING - OVER) == 1
