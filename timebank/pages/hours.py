"""One's own hours: where they stand, what is promised, every move; on screen, on paper and as CSV."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from tenants.actors import Role
from tenants.memberships import member
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import Line
from tenants.platform.web import csv_response
from tenants.platform.words import _, local
from tenants.visit import Visit, must_be_a_member
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.statements import Statement, standing, statement
from timebank.ledger.transfers import reverse_transfer
from timebank.pages.moves import counterparty, happened_on, mission_of, said

MOVES_ON_A_PAGE = 30
Version = Annotated[int | None, QueryParameter(ge=0, le=2**53)]
"""The version before which to read on."""


class Reversal(msgspec.Struct, frozen=True):
    """Why a transfer is posted back."""

    reason: Line


@get("/{cooperative:str}/hours", include_in_schema=False)
async def hours_page(visit: NamedDependency[Visit], before: Version = None) -> Response[str]:
    """Show the reader's own account."""
    return await _account_page(visit, visit.actor.member, before)


@get("/{cooperative:str}/hours/of/{membership_id:uuid}", include_in_schema=False)
async def member_hours_page(
    visit: NamedDependency[Visit], membership_id: FromPath[UUID], before: Version = None
) -> Response[str]:
    """Show a member's account to the treasurer."""
    return await _account_page(visit, membership_id, before)


async def _account_page(
    visit: Visit, membership_id: UUID, before: int | None, form: Form[Reversal] | None = None
) -> Response[str]:
    account_id = hours_account_of(membership_id)
    stands = await standing(visit.db, actor=visit.actor, account_id=account_id)
    moves = await statement(
        visit.db, actor=visit.actor, account_id=account_id, before=before, limit=MOVES_ON_A_PAGE
    )
    own = membership_id == visit.actor.membership_id
    owner = None if own else await member(visit.db, actor=visit.actor, membership_id=membership_id)
    return visit.page(
        "timebank/hours.html",
        stands=stands,
        statement=moves,
        first_page=before is None,
        owner=owner,
        path=_path(visit, membership_id),
        may_reverse=visit.holds(Role.TREASURER),
        form=form,
        said=partial(said, own=own),
        mission_of=mission_of,
        happened_on=happened_on,
    )


def _path(visit: Visit, membership_id: UUID) -> str:
    own = membership_id == visit.actor.membership_id
    return f"/{visit.slug}/hours" if own else f"/{visit.slug}/hours/of/{membership_id}"


@get("/{cooperative:str}/hours.csv", include_in_schema=False)
async def hours_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download every move of one's own account, with the balance after each."""
    account_id = hours_account_of(visit.actor.member)
    whole = await statement(visit.db, actor=visit.actor, account_id=account_id, limit=None)
    return statement_csv(f"{visit.slug}-heures.csv", whole)


@get("/{cooperative:str}/hours/of/{membership_id:uuid}/hours.csv", include_in_schema=False)
async def member_hours_csv(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[bytes]:
    """Download a member's account, for the treasurer."""
    whole = await statement(
        visit.db, actor=visit.actor, account_id=hours_account_of(membership_id), limit=None
    )
    own = membership_id == visit.actor.membership_id
    return statement_csv(f"{visit.slug}-heures-{membership_id}.csv", whole, own=own)


def statement_csv(name: str, whole: Statement, *, own: bool = True) -> Response[bytes]:
    """A statement as CSV, newest first: minutes are integers, and opening + moves = closing."""
    header = [
        _("Date"),
        _("Eu lieu le"),
        _("Avec"),
        _("Quoi"),
        _("Motif"),
        _("Minutes"),
        _("Solde en minutes"),
        _("Identifiant"),
    ]
    rows = [
        (
            local(move.posted_at).isoformat(timespec="seconds"),
            day.isoformat() if (day := happened_on(move)) else "",
            counterparty(move),
            said(move, own=own),
            move.reason,
            move.amount,
            move.balance,
            str(move.transfer_id),
        )
        for move in whole.moves
    ]
    return csv_response(name, header, rows)


@post("/{cooperative:str}/hours/transfers/{transfer_id:uuid}/reverse", include_in_schema=False)
async def reverse(visit: NamedDependency[Visit], transfer_id: FromPath[UUID]) -> Response[Any]:
    """Give a received transfer back, whole: the receiver's act, or the treasurer's."""
    form = await visit.form(Reversal)

    async def work() -> Done:
        await reverse_transfer(visit.db, actor=visit.actor, transfer_id=transfer_id, reason=form.data.reason)
        return Done(
            f"/{visit.slug}/hours", _("Ces heures ont été rendues. Le mouvement d'origine reste visible.")
        )

    return await visit.submit(form, work, otherwise=lambda: _reverse_page(visit, transfer_id, form))


@get("/{cooperative:str}/hours/transfers/{transfer_id:uuid}/reverse", include_in_schema=False)
async def reverse_form(visit: NamedDependency[Visit], transfer_id: FromPath[UUID]) -> Response[str]:
    """Ask before giving a transfer back."""
    must_be_a_member(visit)
    return _reverse_page(visit, transfer_id, visit.blank_form(Reversal))


def _reverse_page(visit: Visit, transfer_id: UUID, form: Form[Reversal]) -> Response[str]:
    return visit.page("timebank/reverse.html", transfer_id=transfer_id, form=form)


PAGES = [hours_page, member_hours_page, hours_csv, member_hours_csv, reverse, reverse_form]
