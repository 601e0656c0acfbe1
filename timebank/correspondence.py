"""Who is told what about hours, and what the clock asks of the time bank.

A notice holds amounts and ids, never a name or a word that somebody wrote. This file must never move an hour.
"""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor, Role
from tenants.mandates import Mandate
from tenants.notices import NoticeKind, declare_notices, notify, notify_members
from tenants.platform.ids import CooperativeId
from tenants.platform.words import N_
from tenants.rulebook import rules_in_force
from tenants.silences import note_activity
from timebank.closings import CAUSE as LEAVING
from timebank.events import LedgerDiffered, ProofDue, TransfersPosted
from timebank.exchanges import EXCHANGE
from timebank.gift_causes import GIFT, POT_GRANT
from timebank.ledger.accounts import Account, AccountKind, Unit
from timebank.ledger.proof import prove_ledger
from timebank.ledger.transfers import Transfer
from timebank.rules import CREDIT_LIMIT_LOW, SOFT_LIMIT

RECEIVED: Final = {
    EXCHANGE: "hours_received",
    GIFT: "gift_received",
    POT_GRANT: "pot_grant_received",
    LEAVING: "hours_left",
}

declare_notices(
    NoticeKind("hours_received", N_("Un membre vous remercie : vous recevez {amount_minutes}."), "/hours"),
    NoticeKind("gift_received", N_("Un membre vous offre {amount_minutes}."), "/hours"),
    NoticeKind("pot_grant_received", N_("La caisse solidaire vous accorde {amount_minutes}."), "/hours"),
    NoticeKind("hours_left", N_("Un membre qui part vous laisse {amount_minutes}."), "/hours"),
    NoticeKind(
        "hours_given_back", N_("{amount_minutes} vous sont rendues : un mouvement a été annulé."), "/hours"
    ),
    NoticeKind(
        "near_limit",
        N_(
            "Vous pouvez encore donner {left_minutes} avant la limite. Proposer votre aide fera remonter votre solde."
        ),
        "/hours",
    ),
    NoticeKind(
        "ledger_differs",
        N_("La preuve des comptes a trouvé {differences} différences. Rien n'a été corrigé."),
        "/treasury/proofs/{proof_id}",
        waits=True,
        required=True,
    ),
)


async def tell_receivers(db: AsyncSession, event: TransfersPosted) -> None:
    """Tell members what they were given, and those who gave when they come near their limit."""
    transfers = await db.scalars(
        select(Transfer).where(Transfer.tenant_id == event.tenant_id, Transfer.id.in_(event.transfers))
    )
    posted = transfers.all()
    accounts = {
        account.id: account
        for account in await db.scalars(
            select(Account).where(
                Account.tenant_id == event.tenant_id,
                Account.unit == Unit.MINUTES,
                Account.kind == AccountKind.MEMBER,
                Account.id.in_(
                    {one.debit_account for one in posted} | {one.credit_account for one in posted}
                ),
            )
        )
    }
    await note_activity(
        db,
        tenant_id=event.tenant_id,
        membership_ids={one.membership_id for one in accounts.values() if one.membership_id},
    )
    for transfer in posted:
        receiver = accounts.get(transfer.credit_account)
        kind = (
            "hours_given_back"
            if transfer.reverses
            else RECEIVED.get((transfer.cause or "").partition(":")[0])
        )
        if (
            receiver
            and receiver.closed_at is None
            and receiver.membership_id
            and kind
            and receiver.membership_id != transfer.actor
            # What a third person entered was told when it was entered, to both.
            and not (transfer.cause == EXCHANGE and transfer.actor != transfer.debit_account)
        ):
            await notify(
                db,
                tenant_id=event.tenant_id,
                membership_id=receiver.membership_id,
                kind=kind,
                facts={"amount_minutes": transfer.amount},
            )
    await _warn_givers(db, event.tenant_id, [one for one in posted if one.debit_account in accounts])


async def _warn_givers(db: AsyncSession, tenant_id: CooperativeId, posted: list[Transfer]) -> None:
    """Warn a member by the transfer that took them below the soft limit, and by no later one."""
    rules = await rules_in_force(db, tenant_id=tenant_id)
    low, soft = rules.get(CREDIT_LIMIT_LOW.name), rules.get(SOFT_LIMIT.name)
    if low is None or soft is None:
        return
    for transfer in posted:
        left = transfer.debit_balance + low.value
        if left < soft.value <= left + transfer.amount:
            await notify(
                db,
                tenant_id=tenant_id,
                # A member's hours account bears the id of the membership.
                membership_id=transfer.debit_account,
                kind="near_limit",
                facts={"left_minutes": max(0, left)},
            )


async def prove_nightly(db: AsyncSession, event: ProofDue) -> None:
    """Recompute the cooperative's ledger, as every night."""
    await prove_ledger(db, actor=Actor.system(event.tenant_id))


async def tell_treasurers(db: AsyncSession, event: LedgerDiffered) -> None:
    """Put a difference before those who answer for the accounts."""
    holders = await db.scalars(
        select(Mandate.membership_id).where(
            Mandate.tenant_id == event.tenant_id,
            Mandate.role.in_((Role.TREASURER, Role.MANAGER)),
            Mandate.ended_at.is_(None),
            Mandate.term.contains(func.now()),
        )
    )
    await notify_members(
        db,
        tenant_id=event.tenant_id,
        membership_ids=set(holders),
        kind="ledger_differs",
        facts={"differences": event.differences, "proof_id": str(event.proof_id)},
    )
