"""`archipel demo` with nobody in it: the launcher's tests need every process, and no cooperative.

Run as ``python -m tests.ops.quick_demo --port ...``. This file must never replace anything but the seed.
"""

import sys
from types import ModuleType

from marketplace.cli import cli
from marketplace.demo.persona import Persona
from tenants.platform.settings import Settings

NOBODY = Persona(
    name="Nadia Benali",
    part="traductrice",
    cooperative="Le Brocéliande",
    email="nadia@exemple.fr",
    password="trois mots au hasard",
    path="/brocelab",
)


async def seed(_settings: Settings) -> list[Persona]:
    """Found nothing, and say so once."""
    sys.stderr.write("seeded\n")
    return [NOBODY]


if __name__ == "__main__":
    replaced = ModuleType("marketplace.demo.seed")
    vars(replaced)["seed"] = seed
    sys.modules[replaced.__name__] = replaced
    cli(["demo", *sys.argv[1:]], prog_name="archipel")
