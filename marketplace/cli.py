"""`archipel`: every command, with its options and how it ends.

Exit 0: done, or agrees. 1: refused, or differs. 2: unreadable settings or misuse. This file must
never do the work: a command imports what it needs when it runs, so that --help is quick.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.commands.counting import recount
from tenants.platform.processes import CannotRun
from tenants.platform.settings import (
    NEEDED_TO_FOUND,
    NEEDED_TO_MIGRATE,
    NEEDED_TO_MOVE,
    NEEDED_TO_PROVE,
    NEEDED_TO_SERVE,
    NEEDED_TO_WORK,
    BadSettings,
    Settings,
)

if TYPE_CHECKING:
    from rich.console import Console

REFUSED = 1
MISUSED = 2
DATA_FOLDER = ".archipel"
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """The group that turns what commands raise into one sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        from tenants.platform.errors import Refusal  # noqa: PLC0415  # --help does not need it.

        try:
            return super().invoke(ctx)
        except BadSettings as error:
            click.echo("\n".join(error.problems), err=True)
            ctx.exit(MISUSED)
        except CannotRun as error:
            click.echo(str(error), err=True)
            ctx.exit(REFUSED)
        except Refusal as refusal:
            click.echo(refusal.detail(), err=True)
            ctx.exit(REFUSED)


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(package_name="archipel")
def cli() -> None:
    """Archipel, a cooperative marketplace with a time bank."""


@cli.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to serve on."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_FOLDER,
    show_default=True,
    help="Folder that keeps the databases between runs.",
)
@click.option("--fresh", is_flag=True, help="Begin anew: remove what earlier runs left in the folder.")
def demo(port: int, data: Path, *, fresh: bool) -> None:
    """Run everything on this machine, with three cooperatives and people in them."""
    from marketplace.demo.launcher import run_demo  # noqa: PLC0415

    run_demo(data, port=port, fresh=fresh, console=_console())


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def serve(host: str) -> None:
    """Serve the pages and the API."""
    settings = _settings(NEEDED_TO_SERVE)
    from marketplace.commands import serve as command  # noqa: PLC0415
    from tenants.platform.logs import configure_logs  # noqa: PLC0415

    configure_logs(settings.log_level)
    command.serve(settings, host=host)


@cli.command()
def worker() -> None:
    """Carry events to those who hear them, and keep the clock."""
    settings = _settings(NEEDED_TO_WORK)
    from marketplace import worker as command  # noqa: PLC0415

    command.main(settings)


@cli.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if the tables differ from the code.")
def migrate(*, check: bool) -> None:
    """Bring the database to the newest version (and make its roles, given DATABASE_ADMIN_URL)."""
    settings = _settings(NEEDED_TO_MIGRATE)
    from marketplace import schema  # noqa: PLC0415
    from marketplace.commands import migrate as command  # noqa: PLC0415

    if not check:
        asyncio.run(command.migrate(settings, click.echo))
    elif differences := asyncio.run(schema.differences(settings)):
        raise CannotRun("\n".join(differences))
    else:
        click.echo("The tables are what the code declares.")


@cli.group()
def tenant() -> None:
    """Found cooperatives, and help those that nobody manages any more."""


@tenant.command("create")
@click.option("--name", required=True, help='Its name, "Les Ateliers du Lac".')
@click.option("--slug", required=True, help="Its place in every address: ateliers-du-lac.")
@click.option(
    "--legal-profile",
    required=True,
    type=click.Choice(["association", "scop", "scic", "cae", "other"]),
    help="Its form in law.",
)
@click.option("--territory", required=True, help="Code of its département: 35, 2A, 974.")
@click.option("--locale", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@click.option("--time-zone", default="Europe/Paris", show_default=True)
@click.option(
    "--accent",
    type=click.Choice(["ocean", "lagoon", "forest", "ochre", "brick", "rose", "plum", "slate"]),
    default="ocean",
    show_default=True,
    help="Its colour.",
)
@click.option("--founder-email", required=True, help="Who gets the first mandate, as manager.")
@click.option("--founder-name", required=True)
def create_tenant(**answers: str) -> None:
    """Found a cooperative and print the link by which its first manager joins."""
    settings = _settings(NEEDED_TO_FOUND)
    from marketplace.commands.tenant import Founding, create  # noqa: PLC0415

    click.echo(asyncio.run(create(settings, Founding(**answers))))


@tenant.command("appoint")
@click.argument("slug")
@click.argument("email")
def appoint_manager(slug: str, email: str) -> None:
    """Give a cooperative that has no manager left a new one, for a year; exit 1 if it has one.

    EMAIL is the address with which a member signs in, or of somebody to invite.
    """
    settings = _settings(NEEDED_TO_FOUND)
    from marketplace.commands.tenant import appoint  # noqa: PLC0415

    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+", email):
        raise click.BadParameter("that is not an e-mail address", param_hint="EMAIL")
    click.echo(asyncio.run(appoint(settings, slug=slug, email=email)))


@tenant.command("export")
@click.argument("slug")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--leave-events", is_flag=True, help="Export even while events wait to be handled.")
def export_tenant(slug: str, file: Path, *, leave_events: bool) -> None:
    """Write a whole cooperative into FILE, and print the fingerprint that its import asks for.

    Passwords, second factors, tokens, sign-ins and payment keys stay behind.
    """
    settings = _settings(NEEDED_TO_MOVE)
    from marketplace.commands.moving import export  # noqa: PLC0415

    asyncio.run(export(settings, slug=slug, path=file, leave_events=leave_events, console=_console()))


@tenant.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--fingerprint", required=True, help="What the export printed, got by another way than FILE.")
@click.option("--slug", help="Its address here, if another has its own.")
def import_tenant(file: Path, fingerprint: str, slug: str | None) -> None:
    """Bring a cooperative from another installation; exit 1 if anything in FILE was altered or does not add up.

    Members claim their membership anew, from their own mailbox.
    """
    settings = _settings(NEEDED_TO_MOVE)
    from marketplace.archives.contents import ArchiveUnreadable  # noqa: PLC0415
    from marketplace.commands.moving import bring  # noqa: PLC0415

    try:
        asyncio.run(bring(settings, path=file, fingerprint=fingerprint, slug=slug, console=_console()))
    except ArchiveUnreadable as error:
        click.echo(str(error), err=True)
        sys.exit(MISUSED)


_IMPORT_OPTIONS = (
    click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--tenant", required=True, metavar="SLUG", help="The cooperative that moves in."),
    click.option(
        "--dry-run/--apply", default=True, help="Say what would be done (the default), or do it, whole."
    ),
)


def _importing(command: Callable[..., None]) -> Callable[..., None]:
    """The options that both imports have."""
    for option in reversed(_IMPORT_OPTIONS):
        command = option(command)
    return command


@cli.group()
def member() -> None:
    """Members of a cooperative."""


@member.command("import")
@_importing
def import_members(file: Path, tenant: str, *, dry_run: bool) -> None:
    """Take members over from a CSV, ours or TimeOverflow's; exit 1 if a line is wrong, and nothing is written."""
    _import("members", file, tenant, dry_run=dry_run)


@cli.group()
def exchange() -> None:
    """Exchanges of hours in a cooperative."""


@exchange.command("import")
@_importing
def import_exchanges(file: Path, tenant: str, *, dry_run: bool) -> None:
    """Take past exchanges over from a CSV, ours or TimeOverflow's; exit 1 if a line is wrong, and no hour moves."""
    _import("exchanges", file, tenant, dry_run=dry_run)


def _import(kind: str, file: Path, slug: str, *, dry_run: bool) -> None:
    settings = _settings(NEEDED_TO_FOUND)
    from marketplace.commands.importing import Order, import_file  # noqa: PLC0415
    from tenants.platform.sheets import EmptyFile, FileTooLarge, NotATable  # noqa: PLC0415
    from tenants.platform.words import use_locale  # noqa: PLC0415

    locale = "en" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("en") else "fr"
    order = Order(kind=kind, file=file, slug=slug, apply=not dry_run, locale=locale)
    try:
        preview = asyncio.run(import_file(settings, order, _console()))
    except (EmptyFile, FileTooLarge, NotATable) as unreadable:
        with use_locale(locale):
            click.echo(unreadable.detail(), err=True)
        sys.exit(MISUSED)
    if preview.fault_count:
        sys.exit(REFUSED)


@cli.command()
@click.option("--cooperative", metavar="SLUG", help="Only this one; by default all of them.")
def proof(cooperative: str | None) -> None:
    """Recompute every balance from its entries; exit 1 if one differs."""
    settings = _settings(NEEDED_TO_PROVE)
    from marketplace.commands.proof import prove  # noqa: PLC0415

    if not asyncio.run(prove(settings, slug=cooperative, console=_console())):
        sys.exit(REFUSED)


cli.add_command(recount)


def _settings(needed: Collection[str]) -> Settings:
    return Settings.from_environment(needed=needed)


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False)


def main() -> None:
    """Run `archipel`."""
    cli(prog_name="archipel")


if __name__ == "__main__":
    main()
