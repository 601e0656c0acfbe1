"""The solidarity pot: what it has and did, giving to it, and (for its stewards) granting from it."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from tenants.actors import Role
from tenants.memberships import members
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import MinutesInput
from tenants.platform.web import csv_response
from tenants.platform.words import _, duration, listing, local
from tenants.visit import Visit
from timebank.gifts import give, give_from_pot
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.statements import standing
from timebank.pages.giving import OptionalWords, Words
from timebank.pages.hours import MOVES_ON_A_PAGE, Version
from timebank.pages.moves import counterparty
from timebank.pot_purposes import OUTFLOW_TITLES, PURPOSE_TITLES, PotPurpose
from timebank.pot_statements import (
    ORIGIN_TITLES,
    is_gift,
    keeps_pot,
    live_pot_balance,
    pot_moves,
    pot_statement,
)

MEMBERS_TO_CHOOSE_FROM = 500


class PotGift(msgspec.Struct, frozen=True):
    """Hours for the pot."""

    amount_minutes: MinutesInput
    message: OptionalWords = ""


class PotGrant(msgspec.Struct, frozen=True):
    """Hours of the pot for a member."""

    to: UUID
    grant_minutes: MinutesInput
    reason: Words
    purpose: PotPurpose = PotPurpose.OTHER


@get("/{cooperative:str}/pot", include_in_schema=False)
async def pot_page(visit: NamedDependency[Visit], before: Version = None) -> Response[str]:
    """Show the pot as its statement says; its keepers see every move and what it has now."""
    return await _page(visit, before=before)


@post("/{cooperative:str}/pot/give", include_in_schema=False)
async def give_to_pot(visit: NamedDependency[Visit]) -> Response[Any]:
    """Give hours to the pot."""
    form = await visit.form(PotGift)

    async def work() -> Done:
        await give(visit.db, actor=visit.actor, to=None, **form.fields())
        given = _("Merci : {time} pour la caisse solidaire.", time=duration(form.data.amount_minutes))
        return Done(f"/{visit.slug}/pot", given)

    return await visit.submit(form, work, otherwise=lambda: _page(visit, gift=form))


@post("/{cooperative:str}/pot/grant", include_in_schema=False)
async def grant_from_pot(visit: NamedDependency[Visit]) -> Response[Any]:
    """Grant hours of the pot to a member: a steward's act."""
    form = await visit.form(PotGrant)

    async def work() -> Done:
        draft = form.data
        await give_from_pot(
            visit.db,
            actor=visit.actor,
            to=draft.to,
            amount_minutes=draft.grant_minutes,
            reason=draft.reason,
            purpose=draft.purpose,
        )
        granted = _("La caisse a accordé {time}.", time=duration(draft.grant_minutes))
        return Done(f"/{visit.slug}/pot", granted)

    return await visit.submit(form, work, otherwise=lambda: _page(visit, grant=form))


async def _page(
    visit: Visit,
    *,
    before: int | None = None,
    gift: Form[PotGift] | None = None,
    grant: Form[PotGrant] | None = None,
) -> Response[str]:
    actor = visit.actor
    keeper = keeps_pot(actor)
    moves = await pot_moves(visit.db, actor=actor, before=before, limit=MOVES_ON_A_PAGE) if keeper else None
    grantees = (
        [
            (str(one.id), one.display_name)
            for one in await members(visit.db, actor=actor, limit=MEMBERS_TO_CHOOSE_FROM)
            if one.id != actor.member
        ]
        if actor.holds(Role.STEWARD)
        else []
    )
    return visit.page(
        "timebank/pot.html",
        balance=await live_pot_balance(visit.db, actor=actor) if keeper else None,
        own=await standing(visit.db, actor=actor, account_id=hours_account_of(actor.member)),
        statement=await pot_statement(visit.db, actor=actor),
        moves=moves,
        is_gift=is_gift,
        purpose_titles=OUTFLOW_TITLES,
        origin_titles=ORIGIN_TITLES,
        purposes=[(one.value, _(PURPOSE_TITLES[one])) for one in PotPurpose],
        first_page=before is None,
        grantees=grantees,
        form=gift or visit.blank_form(PotGift),
        grant=grant or visit.blank_form(PotGrant),
        counterparty=counterparty,
    )


@get("/{cooperative:str}/pot/statement.csv", include_in_schema=False)
async def statement_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the pot's statement: the same lines as on the page, merged until nobody can be told."""
    found = await pot_statement(visit.db, actor=visit.actor)
    header = [_("De"), _("À"), _("Quoi"), _("Dons"), _("Personnes"), _("Minutes")]
    rows: list[tuple[object, ...]] = [
        (f"{one.month:%Y-%m}", f"{one.month:%Y-%m}", _(ORIGIN_TITLES[one.origin]), one.count, "", one.minutes)
        for one in found.inflows
    ]
    rows += [
        (
            f"{one.since:%Y-%m}",
            f"{one.until:%Y-%m}",
            listing([_(OUTFLOW_TITLES[purpose]) for purpose in one.purposes]),
            "",
            one.people,
            -one.minutes,
        )
        for one in found.outflows
    ]
    return csv_response(f"{visit.slug}-caisse.csv", header, rows)


@get("/{cooperative:str}/pot/moves.csv", include_in_schema=False)
async def moves_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download every move of the pot, for those who keep it."""
    found = await pot_moves(visit.db, actor=visit.actor, limit=None)
    header = [_("Date"), _("Avec"), _("Motif"), _("Minutes"), _("Solde en minutes"), _("Identifiant")]
    rows = [
        (
            local(move.posted_at).isoformat(timespec="seconds"),
            counterparty(move),
            move.reason,
            None if found.veiled and is_gift(move) else move.amount,
            None if found.veiled else move.balance,
            str(move.transfer_id),
        )
        for move in found.moves
    ]
    return csv_response(f"{visit.slug}-caisse-mouvements.csv", header, rows)


PAGES = [pot_page, give_to_pot, grant_from_pot, statement_csv, moves_csv]
