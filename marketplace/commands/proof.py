"""`archipel proof`: every cooperative's ledger recomputed, and what differs shown.

The list of cooperatives is read as role `platform`, the ledgers as role `app`, each under its own
isolation. This file must never repair anything.
"""

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import select

from tenants.actors import Actor
from tenants.cooperatives import Cooperative
from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings
from timebank.ledger.proof import Proof, ProofDifference, proof_differences, prove_ledger

# A proof reads every transfer of a cooperative in one statement.
STATEMENT_TIMEOUT_MS = 3_600_000


async def prove(settings: Settings, *, slug: str | None, console: Console) -> bool:
    """Prove one ledger or all of them; return whether everything agrees. Raises ``CannotRun``."""
    database = Database(settings.database_url, pool_size=1, statement_timeout_ms=STATEMENT_TIMEOUT_MS)
    try:
        chosen = await _cooperatives(settings, slug)
        table = Table("Cooperative", "accounts", "transfers", "differences", box=None, pad_edge=False)
        found: list[tuple[str, ProofDifference]] = []
        for tenant_id, name in track(chosen, "Proving", console=console, transient=True):
            actor = Actor.system(tenant_id)
            async with database.begin(tenant=tenant_id) as db:
                proof: Proof = await prove_ledger(db, actor=actor)
                differing = await proof_differences(db, actor=actor, proof_id=proof.id)
            table.add_row(name, f"{proof.accounts:,}", f"{proof.transfers:,}", f"{proof.differences:,}")
            found += [(name, difference) for difference in differing]
    finally:
        await database.close()
    console.print(table)
    for name, difference in found:
        place = f"account {difference.account_id}" if difference.account_id else "the whole ledger"
        console.print(
            f"{name}: {difference.what} of {place} should be {difference.expected}, is {difference.found}",
            soft_wrap=True,
        )
    return not found


async def _cooperatives(settings: Settings, slug: str | None) -> list[tuple[CooperativeId, str]]:
    platform = Database(settings.database_platform_url, pool_size=1)
    query = select(Cooperative.tenant_id, Cooperative.name).order_by(Cooperative.slug)
    if slug is not None:
        query = query.where(Cooperative.slug == slug)
    try:
        async with platform.begin(read_only=True) as db:
            chosen = [(row.tenant_id, row.name) for row in await db.execute(query)]
    finally:
        await platform.close()
    if slug is not None and not chosen:
        raise CannotRun(f"No cooperative has the slug {slug}.")
    return chosen
