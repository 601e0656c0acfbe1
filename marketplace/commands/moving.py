"""`archipel tenant export` and `archipel tenant import`: a cooperative moves house.

This file must never print what the archive holds, only how much.
"""

from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy import text

from marketplace.archives import arrival, departure, reading
from marketplace.archives.contents import travelling
from tenants import audit
from tenants.actors import Actor
from tenants.platform.database import Database, work_for
from tenants.platform.ids import CooperativeId
from tenants.platform.processes import CannotRun
from tenants.platform.settings import Settings


async def export(settings: Settings, *, slug: str, path: Path, leave_events: bool, console: Console) -> None:
    """Write the archive and print its fingerprint. Raises ``CannotRun``."""
    tenant_id = await _noted(settings, slug)
    with _bar(console) as progress:
        task = progress.add_task("Exporting", total=len(travelling()))
        made = await departure.export_tenant(
            settings,
            tenant_id=tenant_id,
            path=path,
            leave_events=leave_events,
            report=lambda table, rows: progress.update(task, advance=1, description=f"{table}: {rows} rows"),
        )
    console.print(f"{path} holds {slug}. It is personal data: only you can read the file.")
    console.print(f"Fingerprint, to be given by another way than the file: {made}")


async def bring(
    settings: Settings, *, path: Path, fingerprint: str, slug: str | None, console: Console
) -> None:
    """Check the archive, load it and prove it. Raises ``CannotRun``."""
    archive = reading.open_archive(path, expected=fingerprint)
    with _bar(console) as progress:
        task = progress.add_task("Importing", total=len(travelling()))
        await arrival.import_tenant(
            settings,
            archive,
            slug=slug,
            report=lambda table, rows: progress.update(task, advance=1, description=f"{table}: {rows} rows"),
        )
    here = slug or archive.manifest.slug
    console.print(f"{archive.manifest.name} lives at {settings.base_url}/{here}, proved equal to the minute.")
    for one in archive.manifest.ledger:
        console.print(
            f"Ledger in {one.unit}: {one.accounts} accounts, {one.transfers} transfers, {one.held} held."
        )
    console.print(
        "Nobody can sign in yet. Let its manager in with\n"
        f"  archipel tenant appoint {here} EMAIL\n"
        "and they invite all the others on the page Imports."
    )


async def _noted(settings: Settings, slug: str) -> UUID:
    """Find the cooperative, and write into its audit trail that everything of it is taken."""
    database = Database(settings.database_url, pool_size=1)
    try:
        async with database.begin() as db:
            found = await db.scalar(text("SELECT tenant_id FROM arrive(:slug, NULL, NULL)"), {"slug": slug})
            if found is None:
                message = f"No cooperative has the slug {slug}."
                raise CannotRun(message)
            tenant_id = CooperativeId(UUID(str(found)))
            await work_for(db, tenant=tenant_id, person=None)
            await audit.record(db, actor=Actor.system(tenant_id), action="marketplace:cooperative:exported")
    finally:
        await database.close()
    return tenant_id


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )
