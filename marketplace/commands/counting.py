"""The command `archipel recount`: its options. The work is in ``recount``, so that --help is quick.

This file must never need a database, a setting or the network.
"""

import sys
from pathlib import Path
from typing import Any, Final

import click

UNREADABLE: Final = 2


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--method",
    type=click.Choice(["schulze", "majority-judgment", "majority", "equal-shares"]),
    help="How to count a file of another format; a published vote says it itself.",
)
@click.option("--utility", type=click.Choice(["cost", "cardinality"]), help="Equal shares; by default cost.")
@click.option(
    "--completion", type=click.Choice(["none", "add1", "add1u"]), help="Equal shares; by default add1u."
)
@click.option("--default-option", metavar="OPTION", help="Schulze and majority: none of the others.")
@click.option(
    "--quorum", metavar="NUMBER", help="Schulze: how many must prefer an option to the default one."
)
@click.option(
    "--majority",
    metavar="OPTION=RATIO",
    multiple=True,
    help="Schulze: how many times those against must be for it, 2 or 1.5 or 3/2; once per option.",
)
@click.option("--json", "as_json", is_flag=True, help="Print winners, ranking, ties and trace as JSON.")
def recount(file: Path, **typed: Any) -> None:
    """Count a vote again from FILE alone, without a database; exit 1 if the published result is another.

    FILE is a published vote (.json), or of PrefLib (.soc .soi .toc .toi .cat), Pabulib (.pb), or grades (.csv).
    """
    from rich.console import Console  # noqa: PLC0415  # --help does not need it.

    from governance.counting.published import Unreadable  # noqa: PLC0415
    from marketplace.commands import recount as command  # noqa: PLC0415

    options = command.Options(**typed)
    try:
        code = command.recount(file, options, Console(highlight=False), Console(highlight=False, stderr=True))
    except command.Misused as error:
        raise click.UsageError(str(error)) from None
    except Unreadable as error:
        click.echo(f"{file}, {error}" if error.line else f"{file}: {error}", err=True)
        sys.exit(UNREADABLE)
    sys.exit(code)
