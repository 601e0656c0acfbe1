"""`archipel member import` and `archipel exchange import`: a file from another tool, tried first, then taken over whole.

It works as role `app`, under isolation, like the web. Applied, everything is one transaction: killed at any point it
leaves nothing, and run again it takes over what is missing. This file must never judge a row.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from marketplace import switchboard  # noqa: F401  # Every kind of import and of notice is declared.
from tenants import audit
from tenants.actors import Actor
from tenants.import_jobs import carry_out
from tenants.import_kinds import IMPORT_KINDS, SOURCES, STEPS, Preview, Tell
from tenants.imports import Import, ImportState
from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings
from tenants.platform.sheets import must_be_a_table, shorten
from tenants.platform.words import _, use_locale

# An import writes for as long as it takes; nobody waits behind it but other imports.
STATEMENT_TIMEOUT_MS = 3_600_000


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asked for. Without ``apply`` nothing is written."""

    kind: str
    file: Path
    slug: str
    apply: bool
    locale: str


async def import_file(settings: Settings, order: Order, console: Console) -> Preview:
    """Look at a file and, with ``apply``, take it over; return what was found or done. Raises ``CannotRun``."""
    content = order.file.read_bytes()
    with use_locale(order.locale):
        must_be_a_table(content)
        async with _cooperative(settings, order) as (db, tenant_id):
            with _bar(console) as tell:
                kind = IMPORT_KINDS[order.kind]
                if order.apply:
                    preview = await _apply(db, tenant_id, order, content, tell)
                else:
                    preview = await kind.look(db, tenant_id=tenant_id, content=content, tell=tell)
        _print(console, order, preview)
    return preview


async def _apply(
    db: AsyncSession, tenant_id: CooperativeId, order: Order, content: bytes, tell: Tell
) -> Preview:
    """Take the file over in the name of the operator; whoever keeps the cooperative is told."""
    one = Import(
        tenant_id=tenant_id,
        kind=order.kind,
        file_name=shorten(order.file.name),
        digest=hashlib.sha256(content).digest(),
        content=content,
        state=ImportState.RELEASED,
        released_at=await db.scalar(select(func.now())),
    )
    db.add(one)
    await db.flush()
    actor = Actor.system(tenant_id)
    facts = {"kind": order.kind, "sha256": one.digest.hex()}
    await audit.record(db, actor=actor, action="tenants:import:commanded", subject_id=one.id, facts=facts)
    preview = await carry_out(db, one, tell=tell)
    if preview.fault_count or not preview.new:
        # Nothing was taken over, so there is nothing to tell or to keep.
        await db.rollback()
    return preview


@asynccontextmanager
async def _cooperative(settings: Settings, order: Order) -> AsyncIterator[tuple[AsyncSession, CooperativeId]]:
    """A transaction in the cooperative, READ ONLY unless the order is to apply."""
    database = Database(
        settings.database_url,
        pool_size=1,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        idle_timeout_ms=STATEMENT_TIMEOUT_MS,
    )
    try:
        async with database.begin() as db:
            found = text("SELECT tenant_id FROM arrive(:slug, NULL, NULL)")
            tenant_id = (await db.execute(found, {"slug": order.slug})).scalar_one()
        if tenant_id is None:
            raise CannotRun(f"No cooperative has the slug {order.slug}.")
        async with database.begin(tenant=tenant_id, read_only=not order.apply) as db:
            yield db, CooperativeId(tenant_id)
    finally:
        await database.close()


@contextmanager
def _bar(console: Console) -> Iterator[Tell]:
    """A bar for each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        async def tell(step: str, done: int, of: int) -> None:
            if step not in bars:
                bars[step] = progress.add_task(_(STEPS[step]))
            progress.update(bars[step], completed=done, total=of)

        yield tell


def _print(console: Console, order: Order, preview: Preview) -> None:
    """What was found, and what comes next."""
    facts = Table(box=None, pad_edge=False, show_header=False)
    for name, value in (
        (_("Colonnes"), _(SOURCES[preview.source])),
        (_("Lignes"), f"{preview.rows:,}"),
        (_("Nouvelles"), f"{preview.new:,}"),
        (_("Déjà là"), f"{preview.present:,}"),
        (_("À corriger"), f"{preview.fault_count:,}"),
    ):
        facts.add_row(name, value)
    console.print(facts)
    if preview.faults:
        faults = Table(_("Ligne"), _("Colonne"), _("Ce qui ne va pas"), box=None, pad_edge=False)
        for fault in preview.faults:
            faults.add_row(str(fault.line), Text(fault.place), Text(fault.sentence))
        console.print(faults)
        console.print(_("Rien n'a été repris. Corrigez le fichier, puis apportez-le de nouveau."))
        return
    for remark in preview.remarks if not order.apply else ():
        console.print(Text(f"- {remark.sentence}"))
    if not preview.new:
        console.print(_("Tout ce que dit ce fichier était déjà là."))
    elif order.apply:
        console.print(_("Lignes reprises : {count}.", count=preview.new))
    else:
        console.print(_("Rien n'est écrit. Pour reprendre ces lignes, ajoutez --apply."))
