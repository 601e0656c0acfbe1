"""Decisions on requests to the pot: its stewards grant or refuse, with a word to whoever asked.

Nobody decides on their own request: the table itself refuses it. The hours are posted through the ledger with the
request as cause, and the trail names the request, never the member. This file must never show the words of a request.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor, Role
from tenants.notice_kinds import NoticeKind, declare_notices
from tenants.notices import notify
from tenants.platform.ids import TransferId
from tenants.platform.words import N_
from timebank.exchanges import checked_reason
from timebank.gift_causes import POT_REQUEST
from timebank.gifts import GrantToOneself
from timebank.ledger.accounts import hours_account_of, pot_of
from timebank.ledger.transfers import post, post_transfers
from timebank.pot_requests import PotRequest, PotRequestState, end_request, open_request

declare_notices(
    NoticeKind(
        "pot_request_granted",
        N_("La caisse solidaire vous accorde {granted_minutes}, comme vous l'aviez demandé."),
        "/pot/requests/{request_id}",
    ),
    NoticeKind(
        "pot_request_refused",
        N_("Votre demande à la caisse solidaire a reçu une réponse."),
        "/pot/requests/{request_id}",
    ),
)


async def grant_pot_request(
    db: AsyncSession, *, actor: Actor, request_id: UUID, amount_minutes: int, answer: str
) -> PotRequest:
    """Grant hours of the pot, as many as asked or fewer or more, with a word to the member: a steward's act.

    Never on one's own request. Holds the request's row, then the ledger's accounts. Raises NotAllowed, NotFound,
    GrantToOneself, PotRequestOver, ReasonMissing, ReasonTooLong, NotEnoughHours, OverTheCeiling.
    """
    request = await _to_decide(db, actor, request_id)
    request.answer = checked_reason(answer)
    order = post(
        debit=pot_of(actor.tenant_id),
        credit=hours_account_of(request.membership_id),
        amount=amount_minutes,
        actor=actor.member,
        cause=f"{POT_REQUEST}:{request.id}",
    )
    [outcome] = await post_transfers(db, [order])
    request.transfer_id = TransferId(outcome.granted())
    request.granted_minutes = amount_minutes
    request.state = PotRequestState.GRANTED
    await _decided(db, actor, request)
    return request


async def refuse_pot_request(db: AsyncSession, *, actor: Actor, request_id: UUID, answer: str) -> PotRequest:
    """Refuse a request, with the reason, which its author reads: a steward's act, never on one's own.

    Raises NotAllowed, NotFound, GrantToOneself, PotRequestOver, ReasonMissing, ReasonTooLong.
    """
    request = await _to_decide(db, actor, request_id)
    request.answer = checked_reason(answer)
    request.state = PotRequestState.REFUSED
    await _decided(db, actor, request)
    return request


async def _to_decide(db: AsyncSession, actor: Actor, request_id: UUID) -> PotRequest:
    actor.must_hold(Role.STEWARD)
    request = await open_request(db, actor=actor, request_id=request_id)
    if request.membership_id == actor.member:
        raise GrantToOneself
    return request


async def _decided(db: AsyncSession, actor: Actor, request: PotRequest) -> None:
    request.decided_by = actor.member
    await end_request(db, request)
    state = request.state.value
    # The entry names the request, which only a steward can open: neither the member who asked nor the hours.
    await audit.record(db, actor=actor, action=f"timebank:pot_request:{state}", subject_id=request.id)
    await notify(
        db,
        tenant_id=actor.tenant_id,
        membership_id=request.membership_id,
        kind=f"pot_request_{state}",
        facts={"request_id": request.id, "granted_minutes": request.granted_minutes or 0},
    )
