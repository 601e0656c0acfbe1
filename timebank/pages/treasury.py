"""The treasury: the hours of all members, and the proof that the ledger holds."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.actors import Role
from tenants.platform.forms import Done, Nothing
from tenants.platform.web import csv_response, decode_cursor, encode_cursor
from tenants.platform.words import N_, _, local
from tenants.visit import Visit
from timebank.ledger.proof import proof_differences, proofs, prove_ledger
from timebank.treasury import ACCOUNTS_ON_A_PAGE, circulation, member_balances

WHAT_DIFFERS: Final = {
    "balance": N_("solde"),
    "version": N_("nombre de mouvements"),
    "entries": N_("numérotation des mouvements"),
    "running_balance": N_("solde après chaque mouvement"),
    "held": N_("heures retenues"),
    "floor": N_("limite basse"),
    "sum": N_("somme de tous les comptes"),
    "unit": N_("unité des deux comptes"),
}


@get("/{cooperative:str}/treasury", include_in_schema=False)
async def treasury_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """Show the last proofs and, to the treasurer, how the hours are spread and every account."""
    return await _page(visit, after)


@post("/{cooperative:str}/treasury/prove", include_in_schema=False)
async def prove(visit: NamedDependency[Visit]) -> Response[Any]:
    """Recompute the whole ledger now: the treasurer's act."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        proof = await prove_ledger(visit.db, actor=visit.actor)
        path = f"/{visit.slug}/treasury/proofs/{proof.id}"
        return Done(path, "" if proof.differences else _("Tout concorde."))

    return await visit.submit(form, work, otherwise=lambda: _page(visit, ""))


@get("/{cooperative:str}/treasury/proofs/{proof_id:uuid}", include_in_schema=False)
async def proof_page(visit: NamedDependency[Visit], proof_id: FromPath[UUID]) -> Response[str]:
    """Show what a proof found."""
    differences = await proof_differences(visit.db, actor=visit.actor, proof_id=proof_id)
    return visit.page("timebank/proof.html", differences=differences, words=WHAT_DIFFERS, proof_id=proof_id)


@get("/{cooperative:str}/treasury/proofs.csv", include_in_schema=False)
async def proofs_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download every proof of the ledger, the last first."""
    header = [_("Date"), _("Comptes"), _("Mouvements"), _("Différences"), _("Identifiant")]
    rows = [
        (
            local(one.proved_at).isoformat(timespec="seconds"),
            one.accounts,
            one.transfers,
            one.differences,
            str(one.id),
        )
        for one in await proofs(visit.db, actor=visit.actor, limit=None)
    ]
    return csv_response(f"{visit.slug}-preuves.csv", header, rows)


@get("/{cooperative:str}/treasury/proofs/{proof_id:uuid}/differences.csv", include_in_schema=False)
async def differences_csv(visit: NamedDependency[Visit], proof_id: FromPath[UUID]) -> Response[bytes]:
    """Download what a proof found to differ."""
    header = [_("Quoi"), _("Compte"), _("Attendu"), _("Trouvé")]
    rows = [
        (_(WHAT_DIFFERS[one.what]), str(one.account_id or ""), one.expected, one.found)
        for one in await proof_differences(visit.db, actor=visit.actor, proof_id=proof_id)
    ]
    return csv_response(f"{visit.slug}-differences.csv", header, rows)


@get("/{cooperative:str}/treasury/accounts.csv", include_in_schema=False)
async def accounts_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download every member's balance, for the treasurer."""
    balances = await member_balances(visit.db, actor=visit.actor, limit=None)
    header = [
        _("Membre"),
        _("Solde en minutes"),
        _("Retenu en minutes"),
        _("Compte ouvert"),
        _("Identifiant"),
    ]
    rows = [
        (one.name, one.balance, one.held, _("oui") if one.is_open else _("non"), str(one.membership_id))
        for one in balances
    ]
    return csv_response(f"{visit.slug}-comptes.csv", header, rows)


async def _page(visit: Visit, after: str) -> Response[str]:
    actor = visit.actor
    recent = await proofs(visit.db, actor=actor, limit=7)
    accounts = (
        await member_balances(
            visit.db, actor=actor, after=decode_cursor(after, (str, UUID)), limit=ACCOUNTS_ON_A_PAGE + 1
        )
        if actor.holds(Role.TREASURER)
        else []
    )
    shown = accounts[:ACCOUNTS_ON_A_PAGE]
    return visit.page(
        "timebank/treasury.html",
        spread=await circulation(visit.db, actor=actor) if actor.holds(Role.TREASURER) else None,
        proofs=recent,
        accounts=shown,
        after=encode_cursor(shown[-1].name, shown[-1].membership_id) if len(accounts) > len(shown) else "",
    )


PAGES = [treasury_page, prove, proof_page, proofs_csv, differences_csv, accounts_csv]
